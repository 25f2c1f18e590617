"""Sizes of bubbles, against shapes whose chords are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.metrics import mean_free_path


def ball(radius, *spatial):
    """Cells whose centres are in a ball in the middle."""
    centre = [(size - 1) / 2 for size in spatial]
    squares = sum((axis - c) ** 2 for axis, c in zip(np.indices(spatial), centre, strict=True))
    return (squares < radius**2).astype("float32")


def slab(thickness, *spatial):
    """Ionized layers across the first axis."""
    field = np.zeros(spatial, dtype="float32")
    field[2 : 2 + thickness] = 1
    return field


@pytest.mark.parametrize(
    ("radius", "spatial", "expected"),
    [
        (28, (60, 62, 64), 3 / 4),
        (40, (90, 95), 8 / (3 * np.pi)),
        (60, (200,), 1),
    ],
)
def test_ball(radius, spatial, expected):
    """Ball, disc and interval of radius R have known mean distances, in R, to their edge."""
    field = ball(radius, *spatial)[None]
    sizes = mean_free_path(field, dim=len(spatial), n_rays=30_000, random_state=0)
    assert sizes.mean[0] == pytest.approx(expected * radius, rel=0.02)
    assert sizes.cut[0] == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slab(axis):
    """A slab, which is exact in cells, gives its distribution along any axis."""
    # With z uniform in the thickness H and the cosine uniform, P(R < r) is r / 2H for r < H,
    # and 1 - H / 2r beyond.
    field = np.moveaxis(slab(6, 20, 17, 18), 0, axis)[None]
    edges = np.array([1.0, 2.0, 4.0, 6.0, 9.0, 15.0, 40.0])
    sizes = mean_free_path(
        field, dim=3, n_rays=100_000, bins=edges, max_length=60.0, random_state=1
    )
    below = np.where(edges < 6, edges / 12, 1 - 3 / edges)
    expected = np.diff(below) / np.diff(np.log(edges))
    np.testing.assert_allclose(sizes.distribution[0], expected, rtol=0.04)
    np.testing.assert_allclose(sizes.radii, np.sqrt(edges[:-1] * edges[1:]))
    np.testing.assert_array_equal(sizes.edges, edges)
    assert sizes.cut[0] == pytest.approx(3 / 60, rel=0.05)


def test_interval():
    """In one axis, of rays of length up to 10, equally many end in each unit."""
    sizes = mean_free_path(slab(10, 30)[None], n_rays=50_000, bins=[1, 2, 5, 9], random_state=0)
    shares = sizes.distribution[0] * np.diff(np.log([1, 2, 5, 9]))
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.4], rtol=0.03)
    assert sizes.mean[0] == pytest.approx(5, rel=0.02)


def test_norm():
    """Over bins that hold nearly all lengths, R dP/dR integrates to 1 in log R."""
    options = {"dim": 3, "n_rays": 5000, "random_state": 0}
    field = ball(9, 24, 25, 26)[None]
    fine = mean_free_path(field, bins=np.geomspace(1e-9, 26, 99), **options)
    assert fine.distribution[0] @ np.diff(np.log(fine.edges)) == pytest.approx(1)
    default = mean_free_path(field, **options)
    assert default.distribution.shape == (1, 32)
    assert 0.95 < default.distribution[0] @ np.diff(np.log(default.edges)) < 1


@pytest.mark.parametrize("periodic", [True, False])
def test_ionized_throughout(periodic):
    """Without neutral cells rays are cut at the greatest length, or at the faces."""
    field = np.ones((1, 7, 8, 9))
    sizes = mean_free_path(field, dim=3, n_rays=5000, periodic=periodic, random_state=0, bins=6)
    assert sizes.edges[-1] == 9
    if periodic:
        assert (sizes.mean[0], sizes.cut[0]) == (9, 1)
        last = sizes.distribution[0] * np.diff(np.log(sizes.edges))
        np.testing.assert_allclose(last, [0, 0, 0, 0, 0, 1])
        longer = mean_free_path(field, dim=3, n_rays=99, max_length=50.0, random_state=0)
        assert longer.mean[0] == 50
    else:
        assert sizes.mean[0] < 6
        assert sizes.cut[0] < 0.05


def test_boundaries():
    """A bubble across the face of a periodic box is that in its middle."""
    field = ball(5, 20, 21, 22)[None]
    moved = np.roll(field, (10, 3, 11), axis=(1, 2, 3))
    options = {"dim": 3, "n_rays": 30_000, "random_state": 0}
    middle = mean_free_path(field, **options).mean[0]
    assert mean_free_path(field, periodic=False, **options).mean[0] == middle
    assert mean_free_path(moved, **options).mean[0] == pytest.approx(middle, rel=0.02)
    assert mean_free_path(moved, periodic=False, **options).mean[0] < 0.8 * middle


@pytest.mark.parametrize("periodic", [True, False])
def test_small_steps(periodic):
    """Ragged regions, by rays that go a hundredth of a cell at a time."""
    rng, shape, n_rays, longest = np.random.default_rng(4), (9, 10, 11), 8000, 12
    field = gaussian_filter(rng.normal(size=shape), 0.8, mode="wrap") > -0.1
    cells = np.argwhere(field)
    place = cells[rng.integers(len(cells), size=n_rays)] + rng.random((n_rays, 3))
    step = rng.normal(size=(n_rays, 3))
    step *= 0.01 / np.linalg.norm(step, axis=1)[:, None]
    lengths, going = np.full(n_rays, float(longest)), np.arange(n_rays)
    for i in range(100 * longest):
        place += step
        cell = np.floor(place).astype(int)
        goes_on = field[tuple(np.mod(cell, shape).T)]
        if not periodic:
            goes_on &= ((cell >= 0) & (cell < shape)).all(axis=1)
        lengths[going[~goes_on]] = 0.01 * (i + 0.5)
        place, step, going = place[goes_on], step[goes_on], going[goes_on]
    edges = np.array([0.2, 0.7, 1.5, 3, 6, longest])
    options = {"periodic": periodic, "max_length": longest, "bins": edges, "random_state": 0}
    sizes = mean_free_path(field[None], dim=3, n_rays=40_000, **options)
    shares = sizes.distribution[0] * np.diff(np.log(edges))
    np.testing.assert_allclose(shares, np.histogram(lengths, edges)[0] / n_rays, atol=0.02)
    assert sizes.mean[0] == pytest.approx(lengths.mean(), rel=0.04)
    assert sizes.cut[0] == pytest.approx((lengths == longest).mean(), abs=0.01)


def test_cell_size():
    """Lengths are in the unit of the side of a cell."""
    field = ball(5, 20, 21, 22)[None]
    options = {"dim": 3, "n_rays": 1000, "random_state": 0}
    cells = mean_free_path(field, **options)
    lengths = mean_free_path(field, cell_size=1.5, **options)
    np.testing.assert_allclose(lengths.mean, 1.5 * cells.mean)
    np.testing.assert_allclose(lengths.radii, 1.5 * cells.radii)
    np.testing.assert_allclose(lengths.distribution, cells.distribution)


def test_threshold():
    """A cell at the threshold is neutral."""
    field = np.where(slab(6, 20, 8), 0.7, 0.2)[None]
    options = {"n_rays": 1000, "random_state": 0}
    at_half = mean_free_path(field, **options)
    np.testing.assert_array_equal(
        mean_free_path(field, threshold=0.2, **options).mean, at_half.mean
    )
    assert np.isnan(mean_free_path(field, threshold=0.7, **options).mean[0])
    assert mean_free_path(field, threshold=0.1, **options).cut[0] == 1


def test_samples_channels_and_lazy_fields():
    """Each channel of each sample has a row; one that is neutral is NaN; draws go by row."""
    fields = np.zeros((3, 2, 7, 8, 9), dtype="float32")
    fields[:, 0] = ball(3, 7, 8, 9)
    fields[1, 1, 2:5] = 1
    sizes = mean_free_path(fields, n_rays=500, random_state=3, bins=5)
    assert sizes.distribution.shape == (3, 2, 5)
    np.testing.assert_array_equal(
        np.isnan(sizes.mean), [[False, True], [False, False], [False, True]]
    )
    np.testing.assert_array_equal(np.isnan(sizes.distribution[..., 2]), np.isnan(sizes.mean))
    assert len(set(sizes.mean[:, 0])) == 3
    lazy = mean_free_path(open_maps(fields), n_rays=500, random_state=3, bins=5)
    np.testing.assert_array_equal(lazy.distribution, sizes.distribution)
    first = mean_free_path(fields[:1], n_rays=500, random_state=3, bins=5)
    np.testing.assert_array_equal(first.mean, sizes.mean[:1])


def test_random_state():
    """Equal seeds draw equal rays, and NumPy's global state is left alone."""
    field = ball(3, 7, 8, 9)[None]
    before = np.random.mtrand._rand.get_state()
    found = [
        mean_free_path(field, dim=3, n_rays=100, random_state=seed).mean[0]
        for seed in (0, 0, 1, np.random.RandomState(5), np.random.RandomState(5), None, None)
    ]
    assert found[0] == found[1] != found[2]
    assert found[3] == found[4]
    assert found[5] != found[6]
    np.testing.assert_equal(np.random.mtrand._rand.get_state(), before)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("threshold", np.nan),
        ("n_rays", 0),
        ("n_rays", 10.0),
        ("cell_size", 0.0),
        ("cell_size", "1"),
        ("max_length", -1.0),
        ("max_length", np.inf),
        ("periodic", "yes"),
        ("bins", 0),
        ("bins", [2.0, 1.0]),
        ("bins", [0.0, 1.0]),
        ("bins", ["a", "b"]),
        ("random_state", -1),
        ("random_state", "0"),
    ],
)
def test_errors(parameter, value):
    """The parameter is named."""
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of mean_free_path"):
        mean_free_path(ball(3, 7, 8, 9)[None], dim=3, **{parameter: value})


def test_wrong_fields():
    """Shapes and values are checked."""
    field = ball(3, 7, 8, 9)
    with pytest.raises(MapShapeError, match="mean_free_path"):
        mean_free_path(field[0], dim=3)
    field[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"mean_free_path: fields .* NaN.* 0 at \(2, 3, 4\)"):
        mean_free_path(field[None], dim=3)
