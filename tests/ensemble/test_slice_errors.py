"""Standard deviations of slices and cubes."""

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.pipeline import make_pipeline

from skastro.ensemble import SliceRegressor
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import CubeSlicer, FieldScaler

SLICER = CubeSlicer(axis=1, step=3, patch_size=4)


def net(loss="gaussian_nll"):
    """A small net."""
    small = ConvNet(n_layers=1, n_filters=2)
    return CNNRegressor(small, loss=loss, max_epochs=2, n_threads=1, random_state=0)


@pytest.mark.parametrize("n_targets", [None, 2])
def test_mixture_of_pieces(n_targets, cubes):
    """Mean of variances and variance of means, drawn as a mixture."""
    shape = (6,) if n_targets is None else (6, n_targets)
    y = np.random.default_rng(1).normal(size=shape)
    model = SliceRegressor(make_pipeline(FieldScaler(), net()), slicer=SLICER).fit(cubes, y)
    pieces = model.slicer_.cut(cubes)
    means, stds = (
        values.reshape(6, *model.grid_[:1], -1, *shape[1:])
        for values in model.estimator_.predict(pieces, return_std=True)
    )
    mean, std = model.predict_slices(cubes, return_std=True)
    np.testing.assert_allclose(mean, means.mean(2), rtol=1e-12)
    second_moment = (stds**2 + means**2).mean(2)
    np.testing.assert_allclose(std**2, second_moment - means.mean(2) ** 2, rtol=1e-6)
    np.testing.assert_array_equal(mean, model.predict_slices(cubes))
    mean, std = model.predict(cubes, return_std=True)
    second_moment = (stds**2 + means**2).mean((1, 2))
    np.testing.assert_allclose(mean, means.mean((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std**2, second_moment - mean**2, rtol=1e-6)
    assert mean.shape == std.shape == shape
    np.testing.assert_array_equal(mean, model.predict(cubes))


def test_estimators_of_scikit_learn(cubes):
    """What scikit-learn says of errors passes through."""
    model = SliceRegressor(DummyRegressor(), slicer=SLICER).fit(cubes, np.arange(6.0))
    mean, std = model.predict(cubes, return_std=True)
    np.testing.assert_array_equal(mean, 2.5)
    np.testing.assert_array_equal(std, 0.0)


@pytest.mark.parametrize("inner", [net(loss="squared_error"), ExtraTreesRegressor(2)])
def test_no_standard_deviations(inner, cubes):
    """An estimator that knows no errors is named."""
    if isinstance(inner, ExtraTreesRegressor):
        inner = make_pipeline(CubesToRows(), inner)
    model = SliceRegressor(inner, slicer=SLICER).fit(cubes, np.arange(6.0))
    with pytest.raises(ValueError, match=r"SliceRegressor.predict\(return_std=True\) needs an"):
        model.predict(cubes, return_std=True)
    assert model.predict(cubes).shape == (6,)


class CubesToRows(FieldScaler):
    """Flattens the maps."""

    def transform(self, X):
        """Rows."""
        return np.asarray(X).reshape(len(X), -1)
