"""Averages over spheres and Gaussians, against sums over cells and scipy.ndimage."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from skastro.exceptions import MapShapeError
from skastro.maps import LazyMaps, open_maps
from skastro.preprocessing import SmoothedCopies


def draw(shape, seed=0):
    return np.random.default_rng(seed).lognormal(size=shape).astype(np.float32)


def sparse(shape, seed=0):
    """Sources in one cell in fifty, over twelve decades."""
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.uniform(-6, 6, size=shape)
    return np.where(rng.random(shape) < 0.02, values, 0).astype(np.float32)


def ball(radius, dim):
    reach = int(radius + 1e-6)
    offsets = np.meshgrid(*[np.arange(-reach, reach + 1)] * dim, indexing="ij")
    weights = (sum(o**2 for o in offsets) <= radius**2 + 1e-6).astype(float)
    return weights / weights.sum()


def averaged(field, scale, window, boundary):
    """One field, smoothed cell by cell in float64."""
    exact = field.astype(np.float64)
    if window == "gaussian":
        return ndimage.gaussian_filter(exact, scale, mode=boundary, truncate=4.0)
    return ndimage.convolve(exact, ball(scale, field.ndim), mode=boundary)


@pytest.mark.parametrize("spatial", [(9,), (8, 9), (7, 8, 9), (8, 6, 10)])
@pytest.mark.parametrize("window", ["top_hat", "gaussian"])
@pytest.mark.parametrize("boundary", ["wrap", "reflect"])
def test_values(spatial, window, boundary):
    fields, scales = draw((3, 2, *spatial)), [1.0, 2.5, 3.0]
    smoothing = SmoothedCopies(scales, window=window, boundary=boundary, dim=len(spatial))
    got = smoothing.fit_transform(fields)
    assert got.shape == (3, 8, *spatial)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got[:, :2], fields)
    for i in range(3):
        for c in range(2):
            for k, scale in enumerate(scales):
                want = averaged(fields[i, c], scale, window, boundary)
                np.testing.assert_allclose(got[i, 2 + 3 * c + k], want, rtol=1e-6)


@pytest.mark.parametrize("window", ["top_hat", "gaussian"])
def test_patch_smaller_than_the_scale(window):
    fields = draw((2, 1, 3, 5))
    got = SmoothedCopies(6.0, window=window, boundary="reflect", dim=2).fit_transform(fields)
    want = averaged(fields[1, 0], 6.0, window, "reflect")
    np.testing.assert_allclose(got[1, 1], want, rtol=1e-6)


@pytest.mark.parametrize("boundary", ["wrap", "reflect"])
@pytest.mark.parametrize("window", ["top_hat", "gaussian"])
def test_mean_stays(window, boundary):
    fields = sparse((2, 1, 16, 18, 20))
    copies = SmoothedCopies([1.5, 8.0], window=window, boundary=boundary, keep=False)
    sums = copies.fit_transform(fields).sum(axis=(2, 3, 4), dtype=np.float64)
    np.testing.assert_allclose(sums, fields.sum(axis=(2, 3, 4), dtype=float) * [1, 1], rtol=1e-6)


def test_a_sphere_of_half_the_box_counts_a_cell_from_both_sides():
    field = np.zeros((1, 1, 8), dtype=np.float32)
    field[..., 0] = 9
    got = SmoothedCopies(4.0, dim=1, keep=False).fit_transform(field)
    np.testing.assert_allclose(got[0, 0], [1, 1, 1, 1, 2, 1, 1, 1, 1][:8], rtol=1e-6)


@pytest.mark.parametrize("boundary", ["wrap", "reflect"])
def test_sources_over_twelve_decades(boundary):
    fields = sparse((1, 1, 24, 25, 26))
    assert fields.max() / fields[fields > 0].min() > 1e11
    got = SmoothedCopies([1.0, 2.5], boundary=boundary, keep=False).fit_transform(fields)[0]
    for copy, scale in zip(got, [1.0, 2.5], strict=True):
        want = averaged(fields[0, 0], scale, "top_hat", boundary)
        want[ndimage.convolve((fields[0, 0] > 0) * 1.0, ball(scale, 3), mode=boundary) < 1e-9] = 0
        assert (copy >= 0).all()
        np.testing.assert_array_equal(copy == 0, want == 0)
        np.testing.assert_allclose(copy, want, rtol=2e-3, atol=0)
        bright = want > 1e-6 * want.max()
        np.testing.assert_allclose(copy[bright], want[bright], rtol=1e-6)


def test_positive_and_bounded_fields_stay_so():
    field = np.full((1, 1, 16, 16, 16), 1e-20, dtype=np.float32)
    field[..., 3, 4, 5] = 1e12
    got = SmoothedCopies([1.0, 5.0]).fit_transform(field)
    assert (got > 0).all()
    fraction = (draw((1, 1, 16, 16, 16)) > 1).astype(np.float32)
    got = SmoothedCopies([1.0, 5.0]).fit_transform(fraction)
    assert got.min() >= 0
    assert got.max() <= 1
    constant = np.full((1, 1, 7, 8, 9), 3.3, dtype=np.float32)
    assert (SmoothedCopies([2.0]).fit_transform(constant) == np.float32(3.3)).all()
    signed = draw((1, 1, 7, 8, 9)) - 2
    want = averaged(signed[0, 0], 2.0, "top_hat", "wrap")
    got = SmoothedCopies(2.0).fit_transform(signed)[0, 1]
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("boundary", ["wrap", "reflect"])
@pytest.mark.parametrize("window", ["top_hat", "gaussian"])
@pytest.mark.parametrize("make", [draw, sparse])
def test_torch_equals_numpy(make, window, boundary):
    torch = pytest.importorskip("torch")
    fields = make((3, 2, 14, 15, 16))
    smoothing = SmoothedCopies([1.0, 3.5], window=window, boundary=boundary).fit(fields)
    got, want = smoothing.transform(torch.from_numpy(fields)), smoothing.transform(fields)
    assert got.dtype == torch.float32
    faint = 1e-9 * want.max(axis=(2, 3, 4), keepdims=True)
    np.testing.assert_allclose(np.maximum(got.numpy(), faint), np.maximum(want, faint), rtol=1e-5)
    flat = SmoothedCopies(2.0, dim=3).fit(fields[:, 0])
    np.testing.assert_allclose(
        flat.transform(torch.from_numpy(fields[:, 0]))[:, 0], fields[:, 0], rtol=1e-6
    )


def test_gradients_pass():
    torch = pytest.importorskip("torch")
    fields = torch.from_numpy(draw((1, 1, 7, 8))).requires_grad_()
    SmoothedCopies([2.0], keep=False).fit(fields).transform(fields).sum().backward()
    np.testing.assert_allclose(fields.grad.numpy(), 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "n_out", "first"),
    [
        ({}, 9, 0),
        ({"channels": [2, 0]}, 7, 0),
        ({"channels": [1], "keep": False}, 2, None),
        ({"keep": False}, 6, None),
    ],
)
def test_channels(options, n_out, first):
    fields = draw((2, 3, 8, 9))
    smoothing = SmoothedCopies([1.0, 2.0], **options).fit(fields)
    got = smoothing.transform(fields)
    assert got.shape == (2, n_out, 8, 9)
    start = 0 if first is None else 3
    for place, channel in enumerate(options.get("channels", range(3))):
        want = averaged(fields[0, channel], 2.0, "top_hat", "wrap")
        np.testing.assert_allclose(got[0, start + 2 * place + 1], want, rtol=1e-6)


@pytest.mark.parametrize(("shape", "dim"), [((3, 9), None), ((3, 8, 9), None), ((3, 7, 8, 9), 3)])
def test_maps_without_channels_get_them(shape, dim):
    fields = draw(shape)
    got = SmoothedCopies([1.0, 2.0], dim=dim).fit_transform(fields)
    assert got.shape == (3, 3, *shape[1:])
    np.testing.assert_array_equal(got[:, 0], fields)
    want = averaged(fields[2], 1.0, "top_hat", "wrap")
    np.testing.assert_allclose(got[2, 1], want, rtol=1e-6)
    lazy = SmoothedCopies([1.0, 2.0], dim=dim).fit_transform(open_maps(fields))
    assert lazy.shape == got.shape
    np.testing.assert_array_equal(np.asarray(lazy), got)


def test_scales_in_the_unit_of_the_cells():
    fields = draw((2, 1, 12, 13, 14))
    cells = SmoothedCopies([1.0, 2.0, 3.0]).fit(fields)
    lengths = SmoothedCopies([1.2, 2.4, 3.6], cell_size=57.6 / 48).fit(fields)
    np.testing.assert_allclose(lengths.scales_, cells.scales_)
    np.testing.assert_array_equal(lengths.transform(fields), cells.transform(fields))


def test_lazy_maps_stay_lazy():
    fields = draw((5, 2, 7, 8, 9))
    smoothing = SmoothedCopies([1.0, 3.0])
    maps = smoothing.fit_transform(open_maps(fields))
    assert isinstance(maps, LazyMaps)
    rows = pickle.loads(pickle.dumps(maps[[4, 1, 1]]))
    np.testing.assert_array_equal(np.asarray(rows), smoothing.transform(fields)[[4, 1, 1]])


def test_other_sizes_and_large_maps_use_their_own_transfer():
    smoothing = SmoothedCopies([2.0], keep=False).fit(draw((1, 1, 8, 9)))
    other = draw((1, 1, 10, 11))
    want = averaged(other[0, 0], 2.0, "top_hat", "wrap")
    np.testing.assert_allclose(smoothing.transform(other)[0, 0], want, rtol=1e-6)
    wide = draw((1, 1, 9 << 18))
    got = SmoothedCopies([2.0], keep=False, dim=1).fit_transform(wide)
    want = averaged(wide[0, 0], 2.0, "top_hat", "wrap")
    np.testing.assert_allclose(got[0, 0], want, rtol=1e-6)


def test_memory_is_that_of_one_field():
    fields = draw((4, 3, 48, 48, 48))
    smoothing = SmoothedCopies([1.0, 2.0, 3.0]).fit(fields)
    smoothing.transform(fields[:1])
    tracemalloc.start()
    try:
        out = smoothing.transform(fields)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < out.nbytes + 8 * 8 * 48**3


@pytest.mark.parametrize("scales", [0, -1.0, [], [2.0, 1.0], [1.0, 1.0], [1.0, np.nan], [[1.0]],
                                    [1.0, np.inf], "large", ["a"], 0.5])  # fmt: skip
def test_scales_that_are_refused(scales):
    with pytest.raises(ValueError, match="'scales' parameter of SmoothedCopies"):
        SmoothedCopies(scales, boundary="reflect").fit(draw((2, 1, 8, 9)))


def test_narrow_gaussians_are_allowed():
    fields = draw((1, 1, 8, 9))
    got = SmoothedCopies(0.6, window="gaussian", keep=False).fit_transform(fields)
    np.testing.assert_allclose(got[0, 0], averaged(fields[0, 0], 0.6, "gaussian", "wrap"), 1e-6)


def test_scale_beyond_half_the_box():
    smoothing = SmoothedCopies([1.0, 3.6])
    with pytest.raises(MapShapeError, match=r"half the box, 3.5 cells .*\(7, 8, 9\).*3.6 cells"):
        smoothing.fit(draw((2, 1, 7, 8, 9)))
    smoothing.fit(draw((2, 1, 8, 8, 9)))
    for maps in (draw((2, 1, 7, 8, 9)), open_maps(draw((2, 1, 7, 8, 9)))):
        with pytest.raises(MapShapeError, match="half the box"):
            smoothing.transform(maps)


@pytest.mark.parametrize("channels", [[], [3], [-1], [0, 0], [0.0], ["a"]])
def test_channels_that_are_refused(channels):
    with pytest.raises(ValueError, match=r"'channels' parameter of SmoothedCopies.*0 to 2"):
        SmoothedCopies(1.0, channels=channels).fit(draw((2, 3, 8, 9)))
