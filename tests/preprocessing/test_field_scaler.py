"""Statistics of channels, against NumPy's in float64."""

from itertools import pairwise

import numpy as np
import pytest

from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.preprocessing import FieldScaler

LAYOUTS = [
    ((11, 9), None),
    ((11, 8, 9), None),
    ((11, 7, 8, 9), None),
    ((11, 3, 7, 8, 9), None),
    ((11, 8, 9), 1),
    ((11, 7, 8, 9), 3),
    ((11, 7, 8, 9), 2),
]
METHODS = ["standard", "minmax", "robust"]


def draw(shape, seed=0):
    """Values whose mean and spread depend on the second axis."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, size=shape)
    steps = np.arange(1, shape[1] + 1).reshape(-1, *[1] * (len(shape) - 2))
    return (values * steps - 3 * steps**2).astype(np.float32)


def reduced_axes(shape, dim):
    """Axes over which statistics are taken: all but the channels."""
    has_channels = len(shape) > 3 if dim is None else len(shape) == dim + 2
    return tuple(i for i in range(len(shape)) if not (has_channels and i == 1))


def expected_scaling(values, axes, method, feature_range=(0, 1), quantile_range=(25, 75)):
    values = values.astype(np.float64)
    if method == "standard":
        return values.mean(axes), values.std(axes)
    if method == "minmax":
        low, high = feature_range
        scale = (values.max(axes) - values.min(axes)) / (high - low)
        return values.min(axes) - low * scale, scale
    low, center, high = np.percentile(values, [quantile_range[0], 50, quantile_range[1]], axis=axes)
    return center, high - low


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("shape", "dim"), LAYOUTS)
def test_statistics_of_each_channel(shape, dim, method, lazy):
    values = draw(shape)
    options = {"feature_range": (-2, 5.5), "quantile_range": (10.0, 93.0)}
    scaler = FieldScaler(method, dim=dim, **options).fit(open_maps(values) if lazy else values)
    axes = reduced_axes(shape, dim)
    center, scale = expected_scaling(values, axes, method, **options)
    np.testing.assert_allclose(scaler.center_, np.atleast_1d(center), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, np.atleast_1d(scale), rtol=1e-12)
    assert scaler.center_.dtype == scaler.scale_.dtype == np.float64
    assert (scaler.n_samples_seen_, scaler.sample_shape_) == (11, shape[1:])

    keep = [n if i not in axes else 1 for i, n in enumerate(shape)]
    want = (values - np.reshape(center, keep)) / np.reshape(scale, keep)
    got = scaler.transform(open_maps(values) if lazy else values)
    np.testing.assert_allclose(np.asarray(got), want, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(
        np.asarray(scaler.inverse_transform(got)), values, rtol=2e-5, atol=2e-5
    )


def test_default_ranges():
    values = draw((11, 7, 8, 9))
    scaled = FieldScaler("minmax").fit_transform(values)
    np.testing.assert_array_equal(scaled.min(axis=(0, 2, 3)), np.zeros(7))
    np.testing.assert_allclose(scaled.max(axis=(0, 2, 3)), np.ones(7), rtol=1e-6)
    scaled = FieldScaler().fit_transform(values)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), np.zeros(7), atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), np.ones(7), rtol=1e-6)


@pytest.mark.parametrize("method", ["standard", "minmax"])
@pytest.mark.parametrize("seed", range(5))
def test_partial_fit_over_any_chunks_equals_fit(method, seed):
    rng = np.random.default_rng(seed)
    values = draw((60, 3, 7, 8), seed)
    edges = [0, *sorted(set(rng.integers(1, 60, size=rng.integers(1, 20)).tolist())), 60]
    scaler = FieldScaler(method)
    for i, (first, last) in enumerate(pairwise(edges)):
        chunk = values[first:last]
        scaler.partial_fit(open_maps(chunk) if i % 2 else chunk)
    whole = FieldScaler(method).fit(values)
    np.testing.assert_allclose(scaler.center_, whole.center_, rtol=1e-13)
    np.testing.assert_allclose(scaler.scale_, whole.scale_, rtol=1e-12)
    assert scaler.n_samples_seen_ == whole.n_samples_seen_ == 60


def test_partial_fit_of_tensors_and_of_other_sizes():
    torch = pytest.importorskip("torch")
    first, second = draw((5, 3, 7, 8)), draw((4, 3, 6, 9), seed=1)
    scaler = FieldScaler().partial_fit(torch.from_numpy(first)).partial_fit(second)
    for channel in range(3):
        cells = np.concatenate([first[:, channel].ravel(), second[:, channel].ravel()])
        np.testing.assert_allclose(scaler.center_[channel], cells.mean(dtype=float), rtol=1e-12)
        np.testing.assert_allclose(scaler.scale_[channel], cells.std(dtype=float), rtol=1e-12)
    with pytest.raises(MapShapeError):
        scaler.partial_fit(draw((5, 2, 7, 8)))


def test_partial_fit_goes_on_after_fit_and_fit_starts_anew():
    first, second = draw((5, 3, 7, 8)), draw((4, 3, 7, 8), seed=1)
    both = FieldScaler().fit(np.concatenate([first, second]))
    continued = FieldScaler().fit(first).partial_fit(second)
    np.testing.assert_allclose(continued.scale_, both.scale_, rtol=1e-13)
    np.testing.assert_array_equal(continued.fit(first).scale_, FieldScaler().fit(first).scale_)
    assert continued.n_samples_seen_ == 5


def test_partial_fit_starts_anew_after_a_robust_fit():
    first, second = draw((5, 3, 7, 8)), draw((4, 3, 7, 8), seed=1)
    scaler = FieldScaler("robust").fit(first).set_params(method="standard").partial_fit(second)
    np.testing.assert_array_equal(scaler.center_, FieldScaler().fit(second).center_)
    assert scaler.n_samples_seen_ == 4


def test_robust_has_no_partial_fit():
    assert hasattr(FieldScaler("minmax"), "partial_fit")
    assert not hasattr(FieldScaler("robust"), "partial_fit")
    with pytest.raises(AttributeError) as caught:
        FieldScaler("robust").partial_fit(draw((5, 7, 8)))
    assert "exact quantiles need all maps at once" in str(caught.value.__cause__)


def test_large_mean_beside_a_small_spread():
    values = (1e6 + np.random.default_rng(0).normal(size=(50, 2, 64, 65))).astype(np.float32)
    truth = values.astype(np.float64)
    mean, std = truth.mean((0, 2, 3)), truth.std((0, 2, 3))

    naive_mean = values.mean((0, 2, 3), dtype=np.float32)
    naive_std = np.sqrt(np.abs((values**2).mean((0, 2, 3)) - naive_mean**2))
    assert np.abs(naive_std - std).min() > 0.1

    for scaler in (FieldScaler().fit(values), FieldScaler().fit(open_maps(values))):
        np.testing.assert_allclose(scaler.center_, mean, rtol=1e-14)
        np.testing.assert_allclose(scaler.scale_, std, rtol=1e-12)
    half_a_step = np.spacing(np.float32(1e6)) / 2 / std
    assert (np.abs(scaler.transform(values).mean((0, 2, 3))) <= half_a_step).all()


def test_many_samples_lose_nothing():
    """Small numbers that are added to a large sum would vanish in float32."""
    values = np.zeros((400, 256, 256), dtype=np.float32)
    values[:200] = 1.0
    values[200:] = 1e-3
    total = np.float32(0)
    for sample in values:
        total += np.add.accumulate(sample.ravel())[-1]
    truth = (1.0 + np.float32(1e-3).astype(float)) / 2
    assert abs(total / values.size - truth) > 1e-6
    scaler = FieldScaler().fit(values)
    np.testing.assert_allclose(scaler.center_, [truth], rtol=1e-13)
    np.testing.assert_allclose(scaler.scale_, [(1 - float(np.float32(1e-3))) / 2], rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("constant", [0.0, 0.1, -3e7, 1e-30])
def test_constant_channel(method, constant):
    values = draw((11, 3, 7, 8))
    values[:, 1] = constant
    scaler = FieldScaler(method, feature_range=(2, 3)).fit(values)
    assert scaler.scale_[1] == 1
    scaled = scaler.transform(values)
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(scaled[:, 1], 2.0 if method == "minmax" else 0.0, atol=2e-6)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), values, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_one_sample_of_one_cell(method):
    scaler = FieldScaler(method).fit(np.full((1, 1, 1), 4.0))
    assert (scaler.center_, scaler.scale_) == (4.0, 1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_extreme_units(method, factor):
    values = draw((11, 3, 7, 8))
    scaled = FieldScaler(method).fit_transform((values.astype(float) * factor).astype(np.float32))
    np.testing.assert_allclose(scaled, FieldScaler(method).fit_transform(values), atol=1e-5)


def test_other_sizes_in_transform_but_not_other_channels():
    scaler = FieldScaler().fit(draw((11, 3, 7, 8)))
    other = draw((2, 3, 10, 5), seed=1)
    want = (other - scaler.center_[:, None, None]) / scaler.scale_[:, None, None]
    np.testing.assert_allclose(scaler.transform(other), want, rtol=1e-5, atol=1e-6)
    for shape in [(2, 4, 7, 8), (2, 7, 8), (2, 3, 7, 8, 9)]:
        with pytest.raises(MapShapeError, match=r"FieldScaler.*\(3, 7, 8\)"):
            scaler.transform(draw(shape))


@pytest.mark.parametrize("pair", [(1, 1), (2, 1), (1,), (0, 1, 2), ("a", "b"), (np.nan, 1)])
@pytest.mark.parametrize("name", ["feature_range", "quantile_range"])
def test_ranges_are_checked(name, pair):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of FieldScaler must be an incr"):
        FieldScaler(**{name: pair}).fit(draw((5, 7, 8)))


def test_robust_over_all_values():
    values = draw((11, 3, 7, 8))
    scaler = FieldScaler("robust", quantile_range=(0, 100)).fit(values)
    np.testing.assert_allclose(scaler.scale_, np.ptp(values.astype(float), axis=(0, 2, 3)))


@pytest.mark.parametrize("pair", [(-1, 50), (50, 101)])
def test_quantiles_are_percentages(pair):
    with pytest.raises(ValueError, match="'quantile_range' parameter of FieldScaler"):
        FieldScaler("robust", quantile_range=pair).fit(draw((5, 7, 8)))


def test_failed_partial_fit_changes_nothing():
    scaler = FieldScaler().fit(draw((5, 7, 8)))
    before = scaler.center_.copy()
    bad = draw((5, 7, 8))
    bad[3, 2, 1] = np.nan
    for X in (bad, open_maps(bad)):
        with pytest.raises(ValueError, match="NaN"):
            scaler.partial_fit(X)
    np.testing.assert_array_equal(scaler.center_, before)
    assert scaler.n_samples_seen_ == 5
