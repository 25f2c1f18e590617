"""Losses by name and as functions, against NumPy and SciPy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV
from torch.nn import functional

from skastro.nets import DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.neural_network._losses import REGRESSION_LOSSES, SampleLoss

STILL = {"lr": 1e-30, "weight_decay": 0.0, "schedule": None, "max_epochs": 1}


def gaussian_nll(p, y):
    """Without the constant of the normal distribution."""
    mean, std = p[:, : y.shape[1]], np.exp(p[:, y.shape[1] :] / 2)
    return -norm(mean, std).logpdf(y) - np.log(2 * np.pi) / 2


def moments(p, y, weight):
    """One number for a batch."""
    squares = (p[:, : y.shape[1]] - y) ** 2
    excess = (squares - np.exp(p[:, y.shape[1] :])) ** 2
    return np.mean([np.log(np.average(v, axis=0, weights=weight)) for v in (squares, excess)]) * 2


PER_SAMPLE = {
    "squared_error": lambda p, y: (p - y) ** 2,
    "absolute_error": lambda p, y: np.abs(p - y),
    "huber": lambda p, y: np.where(np.abs(p - y) < 1, (p - y) ** 2 / 2, np.abs(p - y) - 0.5),
    "squared_log_error": lambda p, y: (p - y) ** 2,
    "poisson": lambda p, y: np.exp(p) - y * p,
    "gaussian_nll": gaussian_nll,
}
LINKED = {"squared_log_error": np.log1p}


def value(loss, p, y, weight=None):
    """What a loss is of outputs and encoded targets."""
    if loss == "moments":
        return moments(p, y, weight)
    return np.average(PER_SAMPLE[loss](p, y).mean(1), weights=weight)


def squared(y_pred, y):
    """One loss for each sample."""
    return ((y_pred - y) ** 2).mean(1)


def mean_squared(y_pred, y):
    """One loss for a batch."""
    return ((y_pred - y) ** 2).mean()


def outputs(model, rough):
    """What the net makes of the maps."""
    return model._forward(rough.X)[0].astype(float)


@pytest.fixture
def level():
    """Maps (n, 3, 4) of a level and a little noise: 300 to fit, 300 to test."""
    rng = np.random.default_rng(0)
    levels = rng.uniform(-1, 1, size=600)
    maps = levels[:, None, None] + 0.1 * rng.normal(size=(600, 3, 4))
    return maps.astype("float32"), levels


@pytest.fixture
def learner():
    """Parameters of a net that learns the level in a moment."""
    return {
        "net": DenseNet((16,)),
        "lr": 0.02,
        "batch_size": 50,
        "max_epochs": 30,
        "n_threads": 1,
        "random_state": 0,
    }


def test_every_loss_is_tested():
    assert {*PER_SAMPLE, "moments"} == set(REGRESSION_LOSSES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_value_and_gradient_of_a_batch(loss, weighted):
    """In double precision, and as a sum of differences in every direction."""
    rng = np.random.default_rng(0)
    y = rng.uniform(0.2, 3, size=(7, 3))
    p = rng.normal(size=(7, 3 * REGRESSION_LOSSES[loss].outputs_per_target))
    weight = rng.uniform(0.1, 3, size=7) if weighted else None
    if weighted and loss != "moments":  # whose batches are weighted each for itself
        weight /= weight.mean()
    target = torch.from_numpy(y)
    target = (target, torch.from_numpy(weight)) if weighted else target
    outputs = torch.from_numpy(p).requires_grad_()
    got = SampleLoss(REGRESSION_LOSSES[loss])(outputs, target)
    np.testing.assert_allclose(got.item(), value(loss, p, y, weight), rtol=1e-12)
    got.backward()
    direction = rng.normal(size=p.shape)
    ahead, behind = (value(loss, p + h * direction, y, weight) for h in (1e-6, -1e-6))
    slope = (outputs.grad.numpy() * direction).sum()
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_value_in_the_history(loss, n_targets, weighted, rough, options):
    """It is that of normalized targets, over all samples and targets."""
    y = np.column_stack([(5 * rough.y) ** k for k in range(1, n_targets + 1)])
    weight = np.random.default_rng(0).uniform(0.1, 3, size=60) if weighted else None
    options |= STILL | {"batch_size": 60 if loss == "moments" else 16}
    model = CNNRegressor(loss=loss, **options).fit(rough.X, y, sample_weight=weight)
    learned = LINKED.get(loss, np.array)(y)
    learned = learned / learned.mean(0) if loss == "poisson" else learned - learned.mean(0)
    learned = learned if loss == "poisson" else learned / learned.std(0)
    want = value(loss, outputs(model, rough), learned, weight)
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-5)


def test_value_of_cross_entropy(rough, options):
    """The history holds the mean negative logarithm of the probability of the true class."""
    label = np.arange(60) % 3
    model = CNNClassifier(**options | STILL).fit(rough.X, label)
    want = -log_softmax(outputs(model, rough), axis=1)[np.arange(60), label].mean()
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-6)


@pytest.mark.parametrize("weight", [None, torch.ones(5)])
def test_moments_of_a_perfect_prediction(weight):
    """The logarithm of zero is neither infinite nor without gradient elsewhere."""
    y = torch.zeros(5, 2)
    p = torch.zeros(5, 4, requires_grad=True)
    perfect = torch.cat([p[:, :2], p[:, 2:] - torch.inf], dim=1)
    target = y if weight is None else (y, weight)
    loss = SampleLoss(REGRESSION_LOSSES["moments"])
    assert torch.isfinite(loss(perfect, target))
    loss(p, target).backward()
    assert torch.isfinite(p.grad).all()
    assert (p.grad[:, 2:] > 0).all()


@pytest.mark.parametrize("normalize_y", [False, True])
@pytest.mark.parametrize("loss", [name for name in REGRESSION_LOSSES if name != "poisson"])
def test_each_loss_learns(loss, normalize_y, level, learner):
    """Predictions of new maps are close to the truth, in the user's units."""
    maps, levels = level
    y = 2 * np.exp(levels)
    model = CNNRegressor(loss=loss, normalize_y=normalize_y, **learner)
    assert model.fit(maps[:300], y[:300]).score(maps[300:], y[300:]) > 0.95
    assert (model.target_scaler_ is None) is not normalize_y


@pytest.mark.parametrize("normalize_y", [False, True])
def test_rates_of_counts(normalize_y, level, learner):
    """The deviance is close to that of the true rate, and no rate is negative."""
    maps, levels = level
    rate = 3 * np.exp(levels)
    counts = np.random.default_rng(1).poisson(rate)
    assert (counts == 0).any()
    model = CNNRegressor(loss="poisson", normalize_y=normalize_y, **learner)
    model.fit(maps[:300], counts[:300])
    predicted = model.predict(maps[300:])
    assert (predicted > 0).all()
    deviance = mean_poisson_deviance(counts[300:], predicted)
    assert deviance < 1.1 * mean_poisson_deviance(counts[300:], rate[300:])
    assert deviance < 0.8 * mean_poisson_deviance(counts[300:], np.full(300, counts[:300].mean()))
    assert 0.9 < predicted.mean() / rate[300:].mean() < 1.1


def test_rates_are_in_the_units_of_the_targets(rough, options):
    """A thousandfold target has a thousandfold prediction, and zeros are no trouble."""
    y = np.column_stack([rough.y, rough.label, np.zeros(60)])
    few, many = (
        CNNRegressor(loss="poisson", **options).fit(rough.X, factor * y).predict(rough.X)
        for factor in (1, 1000)
    )
    np.testing.assert_allclose(many[:, :2], 1000 * few[:, :2], rtol=1e-5)
    assert np.isfinite(many).all()


def test_squared_log_error_is_the_squared_error_of_logarithms(rough, options):
    """The same bits as a regressor on log(1 + y)."""
    y = np.exp(rough.y) - 1.5
    model = CNNRegressor(loss="squared_log_error", **options).fit(rough.X, y)
    by_hand = CNNRegressor(**options).fit(rough.X, np.log1p(y))
    np.testing.assert_array_equal(model.predict(rough.X), np.expm1(by_hand.predict(rough.X)))
    assert model.history_[-1]["train_loss"] == by_hand.history_[-1]["train_loss"]


@pytest.mark.parametrize("loss", ["poisson", "squared_log_error", "gaussian_nll"])
def test_scale_is_that_of_the_rows_trained_on(loss, rough, options, record):
    """What early stopping sets aside does not tell its scale."""
    options |= {"early_stopping": True, "validation_fraction": 0.4, "normalize_y": True}
    model = CNNRegressor(loss=loss, callbacks=[record.callback()], **options)
    model.fit(rough.X, rough.y**4)
    rows = record.of(model).datasets_[0][0].rows.numpy()
    assert 0 < len(rows) < 60
    learned = LINKED.get(loss, np.array)(rough.y[rows] ** 4)
    want = learned.mean() if loss == "poisson" else learned.std()
    np.testing.assert_allclose(model.target_scaler_.scale_, [want])


@pytest.mark.parametrize(
    ("loss", "least", "message"),
    [("poisson", -1e-3, r"0 or greater.* -0\.001\b"), ("squared_log_error", -1, "than -1.* -1\\b")],
)
def test_targets_out_of_range(loss, least, message, rough, options):
    """The error comes before training, and says which loss and which target."""
    y = rough.y.copy()
    y[7] = least
    model = CNNRegressor(loss=loss, **options)
    with pytest.raises(ValueError, match=rf"loss='{loss}'\) takes targets y that are.*{message}"):
        model.fit(rough.X, y)
    assert not hasattr(model, "net_")
    y[7] = least + 1e-3
    assert model.fit(rough.X, y).n_iter_ == 3


def test_warm_start_with_another_loss(rough, options):
    """It may change as long as the outputs keep their meaning."""
    model = CNNRegressor(loss="gaussian_nll", warm_start=True, **options).fit(rough.X, rough.y)
    model.set_params(loss="moments", max_epochs=4).fit(rough.X, rough.y)
    assert model.n_iter_ == 4
    assert np.isfinite(model.predict(rough.X, return_std=True)).all()
    with pytest.raises(ValueError, match=r"1 targets.* 2\. Set warm_start=False"):
        model.fit(rough.X, np.column_stack([rough.y, rough.y]))
    for loss in ("huber", "poisson", "squared_log_error", squared):
        with pytest.raises(ValueError, match=r"loss='moments' and cannot go on with loss=.*False"):
            model.set_params(loss=loss).fit(rough.X, rough.y)
    model.set_params(loss="huber", warm_start=False).fit(rough.X, rough.y)
    model.set_params(warm_start=True, loss="poisson", max_epochs=5)
    with pytest.raises(ValueError, match="loss='huber' and cannot go on with loss='poisson'"):
        model.fit(rough.X, rough.y)


def test_predictions_are_those_of_the_fit(rough, options):
    """A parameter that was set since does not change what outputs mean."""
    model = CNNRegressor(loss="poisson", **options).fit(rough.X, rough.y)
    before = model.predict(rough.X)
    np.testing.assert_array_equal(model.set_params(loss="moments").predict(rough.X), before)


def test_search_among_losses(rough, options):
    """Losses are ordinary parameters of scikit-learn's search."""
    search = GridSearchCV(CNNRegressor(**options), {"loss": list(REGRESSION_LOSSES)}, cv=2)
    search.fit(rough.X, rough.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) == len(REGRESSION_LOSSES)
    assert clone(search.best_estimator_).loss == search.best_params_["loss"]


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_mean_over_views(loss, rough, options, monkeypatch):
    """Predictions are averaged, not what the net makes."""
    y = np.column_stack([rough.y, 10 * rough.y])
    model = CNNRegressor(loss=loss, **options).fit(rough.X, y)
    views = np.stack([model._forward(k * rough.X)[0] for k in (1, -1, 2)])
    one_by_one = []
    for view in views:
        monkeypatch.setattr(model, "_forward", lambda X, view=view: view[None])
        one_by_one.append(model.predict(rough.X))
    monkeypatch.setattr(model, "_forward", lambda X: views)
    np.testing.assert_allclose(model.predict(rough.X), np.mean(one_by_one, axis=0), rtol=1e-12)


def test_mean_probability_over_views(rough, options, monkeypatch):
    """Of probabilities, not of their logarithms; the class is the one of the greatest mean."""
    model = CNNClassifier(**options).fit(rough.X, np.arange(60) % 3)
    views = np.random.default_rng(0).normal(scale=3, size=(4, 60, 3)).astype("float32")
    monkeypatch.setattr(model, "_forward", lambda X: views)
    want = np.mean([softmax(view.astype(float), axis=1) for view in views], axis=0)
    np.testing.assert_allclose(model.predict_proba(rough.X), want, rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(rough.X), np.log(want), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(rough.X), want.argmax(1))
    assert (want.argmax(1) != views.sum(0).argmax(1)).any()


def test_logarithms_of_small_probabilities(rough, options, monkeypatch):
    """They do not become minus infinity where the probability is less than any float."""
    model = CNNClassifier(**options).fit(rough.X, rough.label)
    views = np.array([[[0.0, 2000.0]], [[0.0, 3000.0]]], dtype="float32")
    monkeypatch.setattr(model, "_forward", lambda X: views)
    want = [[logsumexp([-2000, -3000]) - np.log(2), 0.0]]
    np.testing.assert_allclose(model.predict_log_proba(rough.X), want)


@pytest.mark.parametrize("loss", [squared, mean_squared, functional.mse_loss, torch.nn.MSELoss()])
def test_functions(loss, rough, options):
    """A function of one value for each sample, or of their mean, trains as the name does."""
    named = CNNRegressor(**options).fit(rough.X, rough.y).predict(rough.X)
    given = CNNRegressor(loss=loss, **options).fit(rough.X, rough.y).predict(rough.X)
    np.testing.assert_allclose(given, named, rtol=1e-6)


@pytest.mark.parametrize("loss", [squared, torch.nn.MSELoss(reduction="none")])
@pytest.mark.parametrize("n_targets", [1, 16])
def test_functions_and_weights(loss, n_targets, rough, options):
    """One loss for each sample, or for each of its targets, is weighted as the named one is."""
    weight = np.random.default_rng(0).uniform(0.1, 3, size=60)
    y = rough.y[:, None] ** np.arange(1, n_targets + 1)
    named, given = (
        CNNRegressor(**options | {"loss": one}).fit(rough.X, y, sample_weight=weight)
        for one in ("squared_error", loss)
    )
    np.testing.assert_allclose(given.predict(rough.X), named.predict(rough.X), rtol=1e-5)
    assert given.history_[0]["train_loss"] == pytest.approx(named.history_[0]["train_loss"])


@pytest.mark.parametrize("estimator_class", [CNNClassifier, CNNRegressor])
def test_one_number_cannot_be_weighted(estimator_class, rough, options):
    """The error says what to return instead."""
    model = estimator_class(loss=lambda y_pred, y: y_pred.sum(), **options)
    model.fit(rough.X, rough.label)
    with pytest.raises(ValueError, match=r"'loss' parameter.*reduction='none'"):
        model.fit(rough.X, rough.label, sample_weight=np.ones(60))


def test_module_as_a_loss_goes_to_the_device():
    """Tensors that it holds are among those that the criterion holds."""
    loss = torch.nn.CrossEntropyLoss(weight=torch.ones(3), reduction="none")
    assert [len(buffer) for buffer in SampleLoss(loss).buffers()] == [3]


def test_loss_of_a_classifier(rough, options):
    """A function gets logits and numbers of classes."""
    seen = []

    def smoothed(logits, y):
        seen.append((logits.shape, y.dtype, set(y.tolist())))
        return functional.cross_entropy(logits, y, reduction="none", label_smoothing=0.5)

    label = np.array(["a", "b", "c"])[np.arange(60) % 3]
    CNNClassifier(loss=smoothed, **options | {"batch_size": 60}).fit(rough.X, label)
    assert set(map(repr, seen)) == {repr((torch.Size([60, 3]), torch.int64, {0, 1, 2}))}


def test_mean_of_batches_of_unequal_size(rough, options):
    """The loss of an epoch is the mean over samples, not over batches."""
    losses = [
        CNNRegressor(**options | STILL | {"batch_size": size})
        .fit(rough.X, rough.y)
        .history_[0]["train_loss"]
        for size in (60, 7, 59)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
