"""Predictions in an order: exact, learned, and kept through all that a fit may meet."""

import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

from skastro.ensemble import DeepEnsembleRegressor, SliceRegressor
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.neural_network._losses import REGRESSION_LOSSES
from skastro.preprocessing import CubeSlicer

STILL = {"lr": 1e-30, "weight_decay": 0.0, "schedule": None, "max_epochs": 1}
ORDERS = {"increasing": 1, "decreasing": -1}
orders = pytest.mark.parametrize("output", ORDERS)
losses = pytest.mark.parametrize("loss", REGRESSION_LOSSES)


def targets(rough, output, n_targets=6):
    """Targets from 0 to some hundreds that rise or fall, as amplitude gives them."""
    steps = np.linspace(-4, 4, n_targets)
    rising = 100 * rough.y[:, None] * expit(steps + rough.y[:, None])
    rising[:, 0] = 0
    return rising[:, :: ORDERS[output]]


def assert_ordered(values, output):
    """Each value is at least, or at most, the one before; but they are not all alike."""
    steps = ORDERS[output] * np.diff(values, axis=1)
    assert (steps >= 0).all()
    assert (steps > 0).any()


@losses
@orders
@pytest.mark.parametrize("kind", ["new", "trained", "not normalized"])
def test_predictions_are_in_order(loss, output, kind, rough, options):
    """Whatever the maps, the loss and the weights, without a bit of rounding."""
    options |= {"lr": 0.05, "net": ConvNet(1, 4)} if kind == "trained" else STILL
    options["normalize_y"] = kind != "not normalized"
    model = CNNRegressor(loss=loss, output=output, **options)
    model.fit(rough.X, targets(rough, output, 40))
    wild = 10 * np.random.default_rng(1).normal(size=(50, 8, 9))
    for X in (rough.X, wild):
        predicted = model.predict(X)
        assert predicted.shape == (len(X), 40)
        assert_ordered(predicted, output)
    free = CNNRegressor(loss=loss, **options).fit(rough.X, targets(rough, output, 40))
    assert (ORDERS[output] * np.diff(free.predict(wild), axis=1) < 0).any()


@orders
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "gaussian_nll", "moments"])
def test_values(output, loss, rough, options):
    """Outputs are brought to the mean and spread of their targets, then sorted."""
    y = targets(rough, output)
    model = CNNRegressor(loss=loss, output=output, **options).fit(rough.X, y)
    with torch.inference_mode():
        raw = model.net_.module_.net(torch.from_numpy(rough.X)[:, None]).double().numpy()
    if loss == "poisson":
        mean = y.mean(0).clip(0.1 * np.sort(y.mean(0))[1])
        want = np.exp(np.log(mean) + np.clip(y.std(0) / mean, 0.01, 1) * raw)
    else:
        want = y.mean(0) + np.maximum(y.std(0), 0.01 * y.std()) * raw[:, :6]
    want = np.sort(want, axis=1)[:, :: ORDERS[output]]
    np.testing.assert_allclose(model.predict(rough.X), want, rtol=1e-4, atol=1e-3)
    if loss in ("gaussian_nll", "moments"):
        _, std = model.predict(rough.X, return_std=True)
        np.testing.assert_allclose(std, y.std() * np.exp(raw[:, 6:] / 2), rtol=1e-4)


@losses
def test_training_starts_near_the_targets(loss, rough, options):
    """An untrained net predicts about the mean of each target."""
    y = targets(rough, "decreasing") + 1
    model = CNNRegressor(loss=loss, output="decreasing", **options | STILL).fit(rough.X, y)
    for normalize_y in (True, False):
        model.set_params(normalize_y=normalize_y).fit(rough.X, y)
        error = np.abs(model.predict(rough.X).mean(0) - y.mean(0))
        assert (error < 1.5 * y.std(0) + 0.02 * y.std()).all()


@orders
@pytest.mark.parametrize("loss", ["squared_error", "huber", "squared_log_error", "poisson"])
def test_learning(loss, output, rough, options):
    """Each target that varies is learned, about as well as without the order."""
    rng = np.random.default_rng(0)
    level = rng.uniform(1, 3, size=400)
    X = level[:, None, None] + 0.1 * rng.normal(size=(400, 3, 4))
    rough.y = level
    y = targets(rough, output)
    options |= {"net": DenseNet((16,)), "lr": 0.02, "batch_size": 50, "max_epochs": 80}
    scores = {}
    for name in (output, "free"):
        model = CNNRegressor(loss=loss, output=name, **options).fit(X[:300], y[:300])
        scores[name] = r2_score(y[300:], model.predict(X[300:]), multioutput="raw_values")
    varies = y.std(0) > 0
    assert varies.sum() == 5
    assert (scores[output][varies] > 0.9).all()
    assert (scores[output][varies] > scores["free"][varies] - 0.03).all()


def test_loss_weighs_targets_by_their_spread(rough, options):
    """The history holds the error of the predictions over that of the mean of all targets."""
    y = targets(rough, "decreasing")
    model = CNNRegressor(output="decreasing", **options | STILL).fit(rough.X, y)
    want = ((model.predict(rough.X) - y) ** 2).mean() / y.var()
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-5)
    assert len(set(model.target_scaler_.scale_)) == 1


def test_one_target(rough, options, fits):
    """It has no order: the fit is that of a free one, bit by bit."""
    for y in (rough.y, rough.y[:, None]):
        free = CNNRegressor(**options).fit(rough.X, y)
        for output in ORDERS:
            fits.assert_same(CNNRegressor(output=output, **options).fit(rough.X, y), free)


@orders
def test_equal_seeds_give_equal_bits(output, rough, options, fits):
    """Twice the same fit, also in an unpickled model that goes on."""
    y = targets(rough, output)
    options |= {"net": ConvNet(1, 4, dropout=0.3), "warm_start": True}
    model, other = (CNNRegressor(output=output, **options).fit(rough.X, y) for _ in range(2))
    fits.assert_same(model, other)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(rough.X), model.predict(rough.X))
    for one in (model, loaded):
        one.set_params(max_epochs=5).fit(rough.X, 2 * y)
        assert_ordered(one.predict(rough.X), output)
    fits.assert_same(model, loaded)


def test_warm_start_with_another_order(rough, options):
    """The net would have to learn anew."""
    y = targets(rough, "decreasing")
    model = CNNRegressor(warm_start=True, output="decreasing", **options).fit(rough.X, y)
    model.set_params(output="free", max_epochs=4)
    with pytest.raises(ValueError, match=r"fitted with output='decreasing' .* output='free'"):
        model.fit(rough.X, y)


def test_killed_fit_goes_on(rough, options, fits, interrupt, tmp_path):
    """With the bits of one that was not killed; another order is another fit."""
    y = targets(rough, "decreasing")
    whole = CNNRegressor(output="decreasing", **options).fit(rough.X, y)
    kept = CNNRegressor(output="decreasing", checkpoint=tmp_path, **options)
    interrupt(7)
    with pytest.raises(KeyboardInterrupt):
        clone(kept).fit(rough.X, y)
    fits.assert_same(kept.fit(rough.X, y), whole)
    restored = clone(kept).fit(rough.X, y)
    np.testing.assert_array_equal(restored.predict(rough.X), whole.predict(rough.X))
    assert len(list(tmp_path.iterdir())) == 1
    clone(kept).set_params(output="free").fit(rough.X, y)
    assert len(list(tmp_path.iterdir())) == 2


@orders
def test_mean_of_symmetric_views(output, rough, options):
    """A mean of ordered predictions is ordered."""
    options |= {"augmentation": Symmetries(), "average_symmetries": True}
    options["net"] = ConvNet(1, 4)
    model = CNNRegressor(output=output, **options).fit(rough.X, targets(rough, output, 40))
    assert_ordered(model.predict(rough.X), output)


def test_early_stopping_learns_nothing_of_validation_samples(rough, options):
    """Neither scale nor starting point depend on what is set aside."""
    y = targets(rough, "increasing")
    options |= STILL | {"early_stopping": True, "validation_fraction": 0.3}
    model = CNNRegressor(output="increasing", **options).fit(rough.X, y)
    train, valid = model._split(np.arange(60), None)
    assert len(valid) > 5
    moved = y.copy()
    moved[valid] *= 5
    other = clone(model).fit(rough.X, moved)
    np.testing.assert_array_equal(other.predict(rough.X), model.predict(rough.X))
    np.testing.assert_allclose(model.target_scaler_.center_, y[train].mean())


def test_in_ensembles(rough, options):
    """Members and slices are averaged, and their means are in order."""
    y = targets(rough, "decreasing")
    member = CNNRegressor(output="decreasing", loss="gaussian_nll", **options)
    ensemble = DeepEnsembleRegressor(member, n_estimators=2, random_state=0).fit(rough.X, y)
    mean, std = ensemble.predict(rough.X, return_std=True)
    assert_ordered(mean, "decreasing")
    assert (std > 0).all()
    cubes = np.repeat(rough.X[:, None], 7, axis=1)
    model = SliceRegressor(clone(member), slicer=CubeSlicer(step=3)).fit(cubes, y)
    assert_ordered(model.predict(cubes), "decreasing")


def test_in_a_search(rough, options):
    """It is a parameter like any other."""
    y = targets(rough, "decreasing")
    grid = {"output": ["free", "decreasing"]}
    search = GridSearchCV(CNNRegressor(**options), grid, cv=2).fit(rough.X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_callable_loss_and_mixed_precision(rough, options):
    """A function sees sorted outputs; sorting is in float32 whatever the net computes in."""
    seen = []

    def squared(y_pred, y):
        seen.append(y_pred.detach())
        return (y_pred - y) ** 2

    options |= {"net": ConvNet(1, 4), "precision": "bfloat16"}
    CNNRegressor(loss=squared, output="increasing", **options).fit(
        rough.X, targets(rough, "increasing")
    )
    assert seen
    for y_pred in seen:
        assert y_pred.dtype == torch.float32
        assert (y_pred.diff(dim=1) >= 0).all()


@orders
def test_targets_that_go_the_other_way(output, rough, options):
    """They are no mistake of the net's."""
    y = targets(rough, output)
    with pytest.raises(ValueError, match=rf"CNNRegressor\(output='{output}'\) .* Set output='"):
        CNNRegressor(output=output, **options).fit(rough.X, y[:, ::-1])
    CNNRegressor(output=output, **options).fit(rough.X, np.ones_like(y))


@pytest.mark.parametrize("output", ["sorted", None, 1])
def test_wrong_parameter(output, rough, options):
    """It is named."""
    with pytest.raises(ValueError, match="'output' parameter of CNNRegressor"):
        CNNRegressor(output=output, **options).fit(rough.X, targets(rough, "increasing"))


def test_module_of_another_shape(rough, options):
    """The shape that a user's module returns is named as without an order."""
    options["net"] = lambda map_shape, n_outputs: torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(72, 2)
    )
    with pytest.raises(ValueError, match=r"into one of shape \(16, 2\)"):
        CNNRegressor(output="increasing", **options).fit(rough.X, targets(rough, "increasing"))
