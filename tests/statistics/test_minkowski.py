"""Minkowski functionals of known bodies, of Gaussian fields, and of other programs."""

import numpy as np
import pytest
from astropy import units
from scipy import stats

from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.statistics import MinkowskiFunctionals

RNG = np.random.default_rng(0)
NU = np.linspace(-2, 2, 9)


def functionals(body, **parameters):
    """Functionals of one body of cells, times the volume of the map."""
    body = np.asarray(body, dtype=float)
    statistic = MinkowskiFunctionals([0.5], standardize=False, dim=body.ndim, **parameters)
    found = statistic.fit_transform(body[None])[0]
    return found * np.prod(statistic.lengths_)


def gaussian_field(shape, smoothing):
    """A Gaussian field of unit variance, and the mean square of its gradient."""
    k = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    square = sum(component**2 for component in k)
    modes = np.fft.fftn(RNG.normal(size=shape)) * np.exp(-square * smoothing**2 / 2)
    modes.flat[0] = 0
    power = abs(modes) ** 2
    field = np.fft.ifftn(modes).real
    return field / field.std(), (square * power).sum() / power.sum()


@pytest.mark.parametrize("shift", [0, 20])
def test_disc_and_ring(shift):
    """A disc and a ring, also where they lie across the edge of the box."""
    x, y = np.indices((64, 60)) - np.array([31.3, 29.6])[:, None, None]
    r = np.roll(np.hypot(x, y), (shift, shift), (0, 1))
    disc = functionals(r < 20.2)
    np.testing.assert_allclose(disc[:2], [np.pi * 20.2**2, 2 * np.pi * 20.2], rtol=0.01)
    assert disc[2] == pytest.approx(1, abs=1e-9)
    ring = functionals((r < 25) & (r > 10))
    np.testing.assert_allclose(ring[:2], [np.pi * 525, 2 * np.pi * 35], rtol=0.01)
    assert ring[2] == pytest.approx(0, abs=1e-9)


def test_ball_shell_and_torus():
    """Bodies in 3D, with the integral of the mean curvature; the shell's inner side counts less."""
    x, y, z = np.indices((48, 50, 52)) - np.array([23.3, 24.4, 25.1])[:, None, None, None]
    r = np.sqrt(x * x + y * y + z * z)
    ball = functionals(r < 18.2)
    np.testing.assert_allclose(
        ball[:3],
        [4 / 3 * np.pi * 18.2**3, 4 * np.pi * 18.2**2, 4 * np.pi * 18.2],
        rtol=0.02,
    )
    shell = functionals((r < 18.2) & (r > 9))
    np.testing.assert_allclose(
        shell[:3],
        [4 / 3 * np.pi * (18.2**3 - 9**3), 4 * np.pi * (18.2**2 + 9**2), 4 * np.pi * 9.2],
        rtol=0.04,
    )
    torus = functionals((np.hypot(x, y) - 14) ** 2 + z * z < 7.3**2)
    expected = [2 * np.pi**2 * 14 * 7.3**2, 4 * np.pi**2 * 14 * 7.3, 2 * np.pi**2 * 14]
    np.testing.assert_allclose(torus[:3], expected, rtol=0.03)
    assert [ball[3], shell[3], torus[3]] == pytest.approx([1, 2, 0], abs=1e-9)


def test_intervals():
    """In 1D, the length and the number of intervals; one may go round the box."""
    np.testing.assert_allclose(functionals([1, 1, 0, 1, 0, 0, 1]), [4, 2])
    np.testing.assert_allclose(functionals([1, 1, 0, 0, 0, 0, 0]), [2, 1])


def test_touching_corners():
    """Two cells that touch at a corner are one region and are two, by halves."""
    x = np.zeros((7, 9))
    x[2, 3] = x[3, 4] = 1
    assert functionals(x)[2] == pytest.approx(1.5)


def test_unequal_cells():
    """A ball of a box with unequal cells has the functionals of a ball, in units of the box."""
    lengths = np.array([24.0, 25.0, 26.0])
    x = (np.indices((72, 50, 39)) + 0.3) * (lengths / [72, 50, 39])[:, None, None, None]
    r = np.sqrt(((x - 12.5) ** 2 + 0).sum(0))
    found = functionals(r < 9, box_size=lengths * units.Mpc)
    np.testing.assert_allclose(
        found, [4 / 3 * np.pi * 9**3, 4 * np.pi * 81, 36 * np.pi, 1], rtol=0.03
    )
    x = (np.indices((120, 60)) + 0.3) * np.array([0.5, 1.0])[:, None, None]
    found = functionals(np.hypot(*(x - 30)) < 22, box_size=60.0 * np.ones(2))
    np.testing.assert_allclose(found, [np.pi * 22**2, 2 * np.pi * 22, 1], rtol=0.03)


@pytest.mark.parametrize("shape", [(32, 34), (15, 16, 18)])
def test_complement(shape):
    """The complement has the same boundary, curved the other way."""
    x = gaussian_field(shape, 1.0)[0].astype("float32")
    thresholds = np.array([-1.2, -0.3, 0.6])
    dim = len(shape)
    made = {"standardize": False, "dim": dim}
    up = MinkowskiFunctionals(thresholds, **made).fit_transform(x[None]).reshape(dim + 1, 3)
    down = MinkowskiFunctionals(-thresholds[::-1], **made).fit_transform(-x[None])
    down = down.reshape(dim + 1, 3)[:, ::-1]
    np.testing.assert_allclose(down[0], 1 - up[0], rtol=1e-12)
    signs = [[1], [-1]] if dim == 2 else [[1], [-1], [1]]
    np.testing.assert_allclose(down[1:], signs * up[1:], rtol=1e-9, atol=1e-12)


def test_gaussian_fields_in_2d():
    """The mean over fields is Tomita's expectation."""
    fields, gradients = zip(*(gaussian_field((256, 240), 3.0) for _ in range(16)), strict=True)
    found = MinkowskiFunctionals(NU).fit_transform(np.array(fields)).mean(0).reshape(3, 9)
    tau, g = np.mean(gradients) / 2, np.exp(-(NU**2) / 2)
    np.testing.assert_allclose(found[0], stats.norm.sf(NU), atol=0.003)
    np.testing.assert_allclose(found[1], np.sqrt(tau) / 2 * g, rtol=0.04)
    euler = tau * NU * g / (2 * np.pi) ** 1.5
    np.testing.assert_allclose(found[2], euler, atol=0.04 * euler.max())


def test_gaussian_fields_in_3d():
    """The mean over fields is the expectation, as in 2D."""
    fields, gradients = zip(*(gaussian_field((48, 50, 54), 2.0) for _ in range(6)), strict=True)
    found = MinkowskiFunctionals(NU, dim=3).fit_transform(np.array(fields)).mean(0).reshape(4, 9)
    tau, g = np.mean(gradients) / 3, np.exp(-(NU**2) / 2)
    expected = [
        stats.norm.sf(NU),
        2 * np.sqrt(tau) * g / np.pi,
        tau * NU * g / np.sqrt(2 * np.pi),
        tau**1.5 * (NU**2 - 1) * g / (2 * np.pi) ** 2,
    ]
    for one, other, tolerance in zip(found, expected, (0.005, 0.03, 0.06, 0.06), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * abs(other).max())


@pytest.mark.parametrize("shape", [(40, 37), (14, 15, 17)])
def test_scikit_image(shape):
    """scikit-image counts the same regions and holes, and nearly the same perimeter."""
    measure = pytest.importorskip("skimage.measure")
    body = np.zeros(shape, bool)
    inner = (slice(2, -2),) * len(shape)
    body[inner] = gaussian_field(shape, 1.0)[0][inner] > 0.3
    found = functionals(body)
    both = [measure.euler_number(body, n) for n in (1, len(shape))]
    assert found[-1] == pytest.approx(np.mean(both))
    if len(shape) == 2:
        perimeter = measure.perimeter_crofton(body.astype(int), directions=4)
        np.testing.assert_allclose(found[1], perimeter, rtol=0.01)


def test_open_edges():
    """Without a periodic box, the edge of the map is no boundary."""
    x = np.zeros((20, 30))
    x[:10] = 1
    thresholds = MinkowskiFunctionals([0.5], standardize=False, periodic=False)
    found = thresholds.fit_transform(x[None])[0]
    assert found[0] == 0.5
    assert found[1] * 19 == pytest.approx(np.pi / 8 * (1 + np.sqrt(2)))
    assert found[2] == pytest.approx(0)
    fields = np.array([gaussian_field((64, 60), 1.5)[0] for _ in range(20)])
    cut = fields[:, :40, :50]
    periodic = MinkowskiFunctionals(NU, standardize=False).fit_transform(fields).mean(0)
    inside = MinkowskiFunctionals(NU, standardize=False, periodic=False).fit_transform(cut).mean(0)
    for whole, part in zip(periodic.reshape(3, 9), inside.reshape(3, 9), strict=True):
        np.testing.assert_allclose(part, whole, atol=0.08 * abs(whole).max())
    with pytest.raises(MapShapeError, match="two cells"):
        MinkowskiFunctionals(periodic=False).fit(np.ones((3, 1, 5)))


def test_thresholds():
    """They come as given, of the range, or of the maps, and names go with them."""
    X = RNG.normal(size=(3, 2, 7, 9)).astype("float32")
    assert list(MinkowskiFunctionals(3).fit(X).thresholds_) == [-3, 0, 3]
    assert list(MinkowskiFunctionals(3, threshold_range=(0, 1)).fit(X).thresholds_) == [0, 0.5, 1]
    assert MinkowskiFunctionals(1).fit(X).thresholds_ == [0]
    assert MinkowskiFunctionals(1, threshold_range=(1, 4)).fit(X).thresholds_ == [2.5]
    learned = MinkowskiFunctionals(3, standardize=False).fit(open_maps(X))
    expected = np.linspace(float(X.min()), float(X.max()), 5)[1:-1]
    np.testing.assert_allclose(learned.thresholds_, expected)
    names = MinkowskiFunctionals([1.0, 1.001]).fit(X).get_feature_names_out()
    assert list(names[:3]) == ["area(0) nu=1", "area(0) nu=1.001", "perimeter(0) nu=1"]
    assert len(set(names)) == 12


def test_standardize():
    """Standardized maps have lost mean and amplitude; a constant map is at its mean."""
    X = RNG.normal(size=(3, 2, 7, 9)).astype("float32")
    statistic = MinkowskiFunctionals([-0.5, 0.0, 0.5]).fit(X)
    np.testing.assert_array_equal(statistic.transform(4 * X), statistic.transform(X))
    flat = statistic.transform(np.full_like(X, 0.1))[0, :3]
    np.testing.assert_array_equal(flat, [1, 1, 0])
    assert (
        statistic.set_params(standardize=False).transform(8 * X) != statistic.transform(X)
    ).any()


def test_tensors():
    """A tensor gives a tensor of equal numbers."""
    import torch

    X = RNG.normal(size=(3, 2, 7, 9)).astype("float32")
    found = MinkowskiFunctionals().fit(torch.from_numpy(X)).transform(torch.from_numpy(X))
    assert found.dtype == torch.float64
    np.testing.assert_array_equal(found, MinkowskiFunctionals().fit_transform(X))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"thresholds": [1, 0]}, "'thresholds' parameter of Minkowski"),
        ({"thresholds": []}, "'thresholds' parameter of Minkowski"),
        ({"thresholds": [0, np.nan]}, "'thresholds' parameter of Minkowski"),
        ({"threshold_range": (1, 0)}, "'threshold_range' parameter of Minkowski"),
        ({"threshold_range": (1, 1 + 1e-15)}, "wide enough for 13 thresholds that differ"),
        ({"threshold_range": (1, 2, 3)}, "'threshold_range' parameter of Minkowski"),
        ({"box_size": -1.0}, "'box_size' parameter of Minkowski"),
    ],
)
def test_wrong_parameters(parameters, match):
    """Parameters out of range are refused by name."""
    with pytest.raises(ValueError, match=match):
        MinkowskiFunctionals(**parameters).fit(np.ones((2, 8, 8)))
