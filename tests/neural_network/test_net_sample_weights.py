"""Weights of samples: what they shift, and that zero is nothing."""

import numpy as np
import pytest
from scipy.special import softmax

from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor

# Blank maps: the best a net can do is the weighted mean of the targets.
BLANK = np.zeros((24, 6, 7), dtype="float32")
CONFLICT = np.arange(24) % 2
CONSTANT = {
    "net": DenseNet(()),
    "optimizer": "sgd",
    "lr": 0.02,
    "max_epochs": 60,
    "n_threads": 1,
    "random_state": 0,
}


@pytest.mark.parametrize("batch_size", [1, 5, 24])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.2, 1.8)])
def test_regression_goes_to_the_weighted_mean(batch_size, weights):
    """Whatever the batches are, a batch of one sample among them."""
    weight = np.choose(CONFLICT, weights)
    model = CNNRegressor(batch_size=batch_size, **CONSTANT)
    model.fit(BLANK, CONFLICT.astype(float), sample_weight=weight)
    np.testing.assert_allclose(model.predict(BLANK), weights[1] / sum(weights), atol=0.05)


@pytest.mark.parametrize("batch_size", [1, 24])
def test_probabilities_are_weighted_shares(batch_size):
    """The same for classes."""
    weight = np.choose(CONFLICT, (3.0, 1.0))
    model = CNNClassifier(batch_size=batch_size, **CONSTANT | {"lr": 0.1})
    model.fit(BLANK, CONFLICT, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(BLANK), [[0.75, 0.25]] * 24, atol=0.05)


@pytest.mark.parametrize("estimator_class", [CNNClassifier, CNNRegressor])
def test_only_ratios_count(estimator_class, rough, options):
    """Weights times a power of two give the same bits, and equal weights those of none."""

    def outputs(weight):
        model = estimator_class(**options).fit(rough.X, rough.label, sample_weight=weight)
        assert np.isfinite(model.history_[-1]["train_loss"])
        return model._forward(rough.X)

    weight = np.random.default_rng(0).uniform(0.5, 2, size=60).astype("float32")
    np.testing.assert_array_equal(outputs(weight), outputs(2.0**100 * weight.astype(float)))
    np.testing.assert_array_equal(outputs(None), outputs(np.full(60, 4.0)))
    assert np.abs(outputs(None) - outputs(weight)).max() > 1e-6


@pytest.mark.parametrize("early_stopping", [False, True])
def test_weight_zero_is_absence(early_stopping, rough, options):
    """Garbage of weight zero leaves no trace: not in weights, scales, norms nor validation."""
    net = ConvNet(1, 2, batch_norm=True, readout="mean")
    model = CNNRegressor(**options | {"net": net, "early_stopping": early_stopping})
    clean = model.fit(rough.X, rough.y).predict(rough.X)
    clean_history = [{**epoch, "dur": 0} for epoch in model.history_]
    X = np.concatenate([rough.X, 1e6 * rough.X[:20]])
    y = np.concatenate([rough.y, np.full(20, 1e12)])
    model.fit(X, y, sample_weight=np.repeat([1.0, 0.0], [60, 20]))
    np.testing.assert_array_equal(model.predict(rough.X), clean)
    assert [{**epoch, "dur": 0} for epoch in model.history_] == clean_history


def test_garbage_of_some_weight_is_seen(rough, options):
    """The counterpart: with a weight the same garbage spoils the fit."""
    clean = CNNRegressor(**options).fit(rough.X, rough.y).predict(rough.X)
    X = np.concatenate([rough.X, rough.X[:20]])
    y = np.concatenate([rough.y, np.full(20, 1e12)])
    spoiled = CNNRegressor(**options).fit(X, y, sample_weight=np.ones(80)).predict(rough.X)
    assert np.abs(spoiled - clean).min() > 1e3


def test_losses_are_weighted_means(rough, options, record):
    """Both losses of the history, by hand from the outputs of the net; rate zero in effect."""
    weight = np.random.default_rng(0).uniform(0.1, 3, size=60)
    model = CNNClassifier(
        early_stopping=True,
        validation_fraction=0.3,
        schedule=None,
        callbacks=[record.callback()],
        **options | {"lr": 1e-30, "weight_decay": 0.0, "batch_size": 16, "max_epochs": 1},
    ).fit(rough.X, rough.label, sample_weight=weight)
    probability = softmax(model._forward(rough.X)[0].astype(float), axis=1)
    losses = -np.log(probability[np.arange(60), rough.label.astype(int)])
    for name, dataset in zip(
        ("train_loss", "valid_loss"), record.of(model).datasets_[0], strict=True
    ):
        rows = dataset.rows.numpy()
        want = np.average(losses[rows], weights=weight[rows])
        np.testing.assert_allclose(model.history_[0][name], want, rtol=1e-5)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(59), "inconsistent"),
        (-np.ones(60), "[Nn]egative"),
        (np.zeros(60), "zero"),
        (np.eye(60)[0], "at least 2 samples whose sample_weight is not zero; got 1"),
        (np.full(60, np.nan), "NaN"),
        (np.ones((60, 2)), "1D|sample_weight"),
    ],
)
def test_weights_are_checked(weight, message, rough, options):
    """Weights that mean nothing are refused."""
    with pytest.raises(ValueError, match=message):
        CNNRegressor(**options).fit(rough.X, rough.y, sample_weight=weight)
