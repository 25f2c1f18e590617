"""Losses by name and as functions, against NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch.nn import functional

from skastro.neural_network import CNNClassifier, CNNRegressor

STILL = {"lr": 1e-30, "weight_decay": 0.0, "schedule": None, "max_epochs": 1}
NAMED = {
    "squared_error": lambda r: r**2,
    "absolute_error": np.abs,
    "huber": lambda r: np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5),
}


def squared(y_pred, y):
    """One loss for each sample."""
    return ((y_pred - y) ** 2).mean(1)


def mean_squared(y_pred, y):
    """One loss for a batch."""
    return ((y_pred - y) ** 2).mean()


def outputs(model, rough):
    """What the net makes of the maps."""
    return model._forward(rough.X)


@pytest.mark.parametrize("loss", NAMED)
@pytest.mark.parametrize("n_targets", [1, 3])
def test_value_of_regression_losses(loss, n_targets, rough, options):
    """The history holds the mean over samples and targets, of normalized targets."""
    y = np.column_stack([(5 * rough.y) ** k for k in range(1, n_targets + 1)])
    model = CNNRegressor(loss=loss, **options | STILL).fit(rough.X, y)
    residuals = outputs(model, rough) - (y - y.mean(0)) / y.std(0)
    assert np.abs(residuals).max() > 1
    want = NAMED[loss](residuals).mean()
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-5)


def test_value_of_cross_entropy(rough, options):
    """The history holds the mean negative logarithm of the probability of the true class."""
    label = np.arange(60) % 3
    model = CNNClassifier(**options | STILL).fit(rough.X, label)
    logits = outputs(model, rough).astype(float)
    want = -log_softmax(logits, axis=1)[np.arange(60), label].mean()
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-6)


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
