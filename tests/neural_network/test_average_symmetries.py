"""Predictions that are averaged over the symmetries of the map."""

from itertools import product

import numpy as np
import pytest

from skastro.maps import open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries

SIGNS = list(product([1, -1], repeat=2))


@pytest.fixture
def data():
    """Square maps with two channels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2, 7, 7)).astype("float32")
    return X, X[:, 0, :3].mean((1, 2)), X[:, 1, 0, 0] > 0


def views(X):
    """The eight views of each map, made with NumPy."""
    turned = [X, X.swapaxes(-1, -2)]
    return [t[..., ::a, ::b] for t in turned for a, b in SIGNS]


def model(estimator_class, options, **changes):
    """An estimator whose net knows directions."""
    options = options | {"net": ConvNet(1, 4), "max_epochs": 4, "lr": 0.01}
    return estimator_class(**options | {"augmentation": Symmetries()} | changes)


@pytest.mark.parametrize("lazy", [False, True])
def test_regression(lazy, data, options):
    """The mean of the predictions for the eight views."""
    X, y, _ = data
    fitted = model(CNNRegressor, options).fit(X, y)
    single = np.array([fitted.predict(np.ascontiguousarray(view)) for view in views(X)])
    fitted.set_params(average_symmetries=True)
    averaged = fitted.predict(open_maps(X) if lazy else X)
    np.testing.assert_allclose(averaged, single.mean(0), rtol=1e-5)
    assert np.abs(averaged - single[0]).max() > 1e-3


def test_probabilities(data, options):
    """The mean of the probabilities; the class is the most probable one by it."""
    X, _, label = data
    fitted = model(CNNClassifier, options).fit(X, label)
    single = [fitted.predict_proba(np.ascontiguousarray(view)) for view in views(X)]
    fitted.set_params(average_symmetries=True)
    averaged = fitted.predict_proba(X)
    np.testing.assert_allclose(averaged, np.mean(single, axis=0), rtol=1e-5)
    np.testing.assert_array_equal(fitted.predict(X), averaged[:, 1] > 0.5)
    np.testing.assert_allclose(fitted.predict_log_proba(X), np.log(averaged), rtol=1e-6)


def test_views_give_the_same(data, options):
    """A map that was turned is predicted as the map."""
    X, y, _ = data
    fitted = model(CNNRegressor, options, average_symmetries=True).fit(X, y)
    for view in views(X):
        np.testing.assert_allclose(
            fitted.predict(np.ascontiguousarray(view)), fitted.predict(X), rtol=1e-5
        )


def test_standard_deviation(data, options):
    """Views that disagree add to the error."""
    X, y, _ = data
    fitted = model(CNNRegressor, options, loss="gaussian_nll").fit(X, y)
    means, stds = np.moveaxis(
        [fitted.predict(np.ascontiguousarray(view), return_std=True) for view in views(X)], 1, 0
    )
    fitted.set_params(average_symmetries=True)
    mean, std = fitted.predict(X, return_std=True)
    np.testing.assert_allclose(mean, means.mean(0), rtol=1e-4)
    np.testing.assert_allclose(std**2, (stds**2).mean(0) + means.var(0), rtol=1e-4)


def test_training_is_the_same(data, options):
    """Averaging has no part in training."""
    X, y, _ = data
    plain, averaging = (
        model(CNNRegressor, options, average_symmetries=average).fit(X, y).history_
        for average in (False, True)
    )
    assert [e["train_loss"] for e in plain] == [e["train_loss"] for e in averaging]


def test_needs_a_group(data, options):
    """Without augmentation there is nothing to average over, which is said at once."""
    X, y, _ = data
    unaware = model(CNNRegressor, options, average_symmetries=True, augmentation=None)
    with pytest.raises(ValueError, match=r"average_symmetries=True.*Set augmentation"):
        unaware.fit(X, y)
    fitted = unaware.set_params(average_symmetries=False).fit(X, y)
    fitted.set_params(average_symmetries=True)
    with pytest.raises(ValueError, match=r"average_symmetries=True.*Set augmentation"):
        fitted.predict(X)
