"""Targets of one number, several, or a field."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skastro.exceptions import MapShapeError
from skastro.preprocessing import TargetScaler

SHAPES = [(13,), (13, 1), (13, 3), (13, 3, 7), (13, 3, 7, 8), (13, 2, 6, 7, 8)]


def draw(shape, dtype=np.float64):
    """Targets whose mean and spread depend on the output."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape)
    if len(shape) > 1:
        steps = np.arange(1, shape[1] + 1).reshape(-1, *[1] * (len(shape) - 2))
        values = values * steps + 10 * steps
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["standard", "minmax"])
def test_statistics_of_each_output(method, shape, dtype):
    y = draw(shape, dtype)
    axes = tuple(i for i in range(len(shape)) if i != 1)
    exact = y.astype(np.float64)
    if method == "standard":
        center, scale = exact.mean(axes), exact.std(axes)
    else:
        center, scale = exact.min(axes), np.ptp(exact, axes)
    scaler = TargetScaler(method).fit(y)
    assert scaler.center_.shape == scaler.scale_.shape == shape[1:2]
    np.testing.assert_allclose(scaler.center_, center, rtol=1e-13)
    np.testing.assert_allclose(scaler.scale_, scale, rtol=1e-12)
    keep = [1 if i in axes else n for i, n in enumerate(shape)]
    got = scaler.transform(y)
    assert got.dtype == dtype
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    want = (exact - center.reshape(keep)) / scale.reshape(keep)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    back = scaler.inverse_transform(got)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_mean_of_each_output(shape, dtype):
    """Counts and rates are divided by their mean and keep their zeros."""
    y = np.abs(draw(shape, dtype))
    y[3] = 0
    mean = y.astype(np.float64).mean(tuple(i for i in range(len(shape)) if i != 1))
    scaler = TargetScaler("mean").fit(y)
    np.testing.assert_allclose(scaler.scale_, mean, rtol=1e-13)
    assert scaler.center_.shape == scaler.scale_.shape == shape[1:2]
    assert not scaler.center_.any()
    got = scaler.transform(y)
    assert got.dtype == dtype
    assert not got[3].any()
    want = y / mean.reshape([1 if i != 1 else n for i, n in enumerate(shape)])
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(got, want, rtol=tolerance)
    np.testing.assert_allclose(scaler.inverse_transform(got), y, rtol=tolerance)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["standard", "minmax", "mean"])
def test_outputs_scaled_jointly(method, shape):
    """One centre and one scale for all outputs, so that what is ordered stays so."""
    y = np.abs(draw(shape))
    scaler = TargetScaler(method, joint=True).fit(y)
    center = {"standard": y.mean(), "minmax": y.min(), "mean": 0}[method]
    scale = {"standard": y.std(), "minmax": np.ptp(y), "mean": y.mean()}[method]
    assert scaler.center_.shape == scaler.scale_.shape == shape[1:2]
    np.testing.assert_allclose(scaler.center_, np.full(shape[1:2], center), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, np.full(shape[1:2], scale), rtol=1e-12)
    got = scaler.transform(y)
    np.testing.assert_allclose(got, (y - center) / scale, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(got), y, rtol=1e-12)
    if len(shape) > 1:
        ordered = scaler.transform(np.sort(y, axis=1))
        assert (np.diff(ordered, axis=1) >= 0).all()


def test_constant_outputs_scaled_jointly():
    """Outputs that are constant but differ have a scale; those that are all equal have none."""
    y = np.tile([3.0, 5.0], (7, 1))
    np.testing.assert_array_equal(TargetScaler(joint=True).fit_transform(y)[0], [-1, 1])
    np.testing.assert_array_equal(TargetScaler("minmax", joint=True).fit_transform(y)[0], [0, 1])
    scaler = TargetScaler(joint=True).fit(np.full((7, 2), 0.1))
    np.testing.assert_array_equal(scaler.scale_, [1, 1])
    assert not scaler.transform(np.full((3, 2), 0.1)).any()


def test_mean_of_constant_outputs():
    """A constant becomes one, and zeros stay zeros."""
    scaler = TargetScaler("mean")
    y = scaler.fit_transform(np.column_stack([np.full(9, 7e20), np.zeros(9)]))
    np.testing.assert_array_equal(y, np.column_stack([np.ones(9), np.zeros(9)]))
    np.testing.assert_array_equal(scaler.scale_, [7e20, 1])


@pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 2, 3)])
def test_mean_of_negative_targets(shape):
    """It would be no scale; the error says what is."""
    y = np.ones(shape)
    y.flat[-1] = -0.25
    message = r"TargetScaler\(method='mean'\).*0 or greater.* -0\.25\..*method='standard'"
    with pytest.raises(ValueError, match=message):
        TargetScaler("mean").fit(y)


def test_integers_become_float64():
    assert TargetScaler().fit_transform(np.arange(5)).dtype == np.float64


@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("constant", [0.0, 0.1, -7e20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_output(method, constant, dtype):
    y = draw((1000, 2), dtype)
    y[:, 1] = constant
    scaler = TargetScaler(method).fit(y)
    assert scaler.scale_[1] == 1
    np.testing.assert_array_equal(scaler.transform(y)[:, 1], np.zeros(1000))


def test_spread_far_below_the_mean_is_no_constant():
    y = 1e9 + np.random.default_rng(0).normal(size=(50, 1))
    np.testing.assert_allclose(TargetScaler().fit(y).scale_, y.std(axis=0), rtol=1e-12)


def test_number_of_outputs_is_kept():
    fitted = {shape: TargetScaler().fit(draw(shape)) for shape in SHAPES}
    for shape, X in [((13,), (5, 1)), ((13, 1), (5,)), ((13,), (5, 3)), ((13, 3), (5,))]:
        for method in ("transform", "inverse_transform"):
            with pytest.raises(MapShapeError, match=r"TargetScaler was fitted on .*output"):
                getattr(fitted[shape], method)(np.ones(X))
    with pytest.raises(ValueError, match="X has 2 features, but TargetScaler is expecting 3"):
        fitted[13, 3].transform(np.ones((5, 2)))


def test_fields_of_another_size():
    scaler = TargetScaler().fit(draw((13, 3, 7, 8)))
    other = draw((2, 3, 4, 5))
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(other)), other)


@pytest.mark.parametrize("shape", [(5,), (5, 2), (5, 2, 3)])
def test_bad_targets(shape):
    y = np.ones(shape)
    y.flat[-1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        TargetScaler().fit(y)
    with pytest.raises(ValueError, match="contains NaN"):
        TargetScaler().fit(np.ones(shape)).transform(y)


def test_no_targets_and_no_fit():
    with pytest.raises(ValueError, match="minimum of 1 is required by TargetScaler"):
        TargetScaler().fit(np.empty(0))
    with pytest.raises(NotFittedError):
        TargetScaler().transform([1.0])


def test_attributes_of_an_earlier_fit_are_forgotten():
    frame = pd.DataFrame(draw((13, 2)), columns=["omega_m", "sigma_8"])
    scaler = TargetScaler().fit(frame)
    assert list(scaler.feature_names_in_) == ["omega_m", "sigma_8"]
    scaler.fit(draw((13,)))
    assert not hasattr(scaler, "n_features_in_")
    assert not hasattr(scaler, "feature_names_in_")


@pytest.mark.parametrize("kind", [list, pd.Series, np.ndarray.tolist])
def test_kinds_of_one_number_a_sample(kind):
    y = draw((13,))
    np.testing.assert_allclose(
        TargetScaler().fit_transform(kind(y)), TargetScaler().fit_transform(y)
    )


def test_input_is_left_alone():
    y = draw((13, 3))
    y.flags.writeable = False
    scaler = TargetScaler().fit(y)
    scaler.inverse_transform(scaler.transform(y))


@pytest.mark.parametrize("n_outputs", [None, 2])
def test_in_a_regressor(n_outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X @ rng.normal(size=(3, n_outputs or 1)) * 1e-3 + 500
    y = y if n_outputs else y.ravel()
    model = TransformedTargetRegressor(Ridge(alpha=1e-8), transformer=TargetScaler()).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-12)
    assert model.predict(X).shape == y.shape
    standard = (y - y.mean(axis=0)) / y.std(axis=0)
    np.testing.assert_allclose(
        model.regressor_.predict(X).reshape(standard.shape), standard, atol=1e-6
    )
