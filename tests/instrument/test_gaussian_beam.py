"""The beam against scipy and astropy, on arrays, tensors and lazy maps."""

import numpy as np
import pytest
import torch
from astropy import units as u
from astropy.convolution import Gaussian2DKernel, convolve
from scipy.ndimage import gaussian_filter

from skastro.exceptions import UnitMismatchError
from skastro.instrument import GaussianBeam
from skastro.maps import LazyMaps, open_maps

SCIPY = {"zeros": "constant", "reflect": "reflect", "nearest": "nearest", "wrap": "wrap"}
TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(5, 7, 12, 19)).astype(np.float32)


def reference(maps, fwhm, boundary="zeros", truncate=4.0):
    """Each sky plane by itself, in double precision."""
    out = np.empty(maps.shape)
    for place in np.ndindex(maps.shape[:-2]):
        out[place] = gaussian_filter(
            maps[place].astype(float), fwhm * TO_SIGMA, mode=SCIPY[boundary], truncate=truncate
        )
    return out


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("boundary", SCIPY)
@pytest.mark.parametrize("fwhm", [1.5, 3.0, 14.0])
def test_agrees_with_scipy(maps, kind, boundary, fwhm):
    """With a beam that is wider than the map, too."""
    got = GaussianBeam(fwhm, boundary=boundary).fit(maps).transform(kind(maps))
    np.testing.assert_allclose(np.asarray(got), reference(maps, fwhm, boundary), atol=2e-6)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("shape", [(4, 12, 19), (4, 2, 12, 19), (3, 2, 5, 12, 19)])
def test_only_the_last_two_axes_are_sky(kind, shape):
    maps = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    got = GaussianBeam(2.5, truncate=3.0).fit(maps).transform(kind(maps))
    np.testing.assert_allclose(np.asarray(got), reference(maps, 2.5, truncate=3.0), atol=2e-6)


def test_agrees_with_astropy(maps):
    kernel = Gaussian2DKernel(3.0 * TO_SIGMA, x_size=25, y_size=25)
    want = convolve(maps[0, 0].astype(float), kernel, boundary="fill")
    got = GaussianBeam(3.0, truncate=9.0).fit_transform(maps)[0, 0]
    np.testing.assert_allclose(got, want, atol=2e-6)


@pytest.mark.parametrize("boundary", SCIPY)
def test_flux(boundary):
    """A source inside keeps its flux and has the width asked for; at the edge it may lose some."""
    source = np.zeros((2, 41, 43))
    source[0, 20, 21], source[1, 0, 30] = 100.0, 100.0
    inside, edge = GaussianBeam(5.0, boundary=boundary).fit_transform(source)
    assert inside.sum() == pytest.approx(100, rel=1e-5)
    for axis, centre in ((0, 20), (1, 21)):
        offsets = np.arange(source.shape[1 + axis]) - centre
        variance = (inside.sum(axis=1 - axis) * offsets**2).sum() / inside.sum()
        assert np.sqrt(variance) / TO_SIGMA == pytest.approx(5, rel=0.01)
    if boundary in ("wrap", "reflect"):
        assert edge.sum() == pytest.approx(100, rel=1e-5)
    elif boundary == "zeros":
        assert 50 < edge.sum() < 65


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
def test_one_width_for_each_channel(maps, kind):
    widths = [0.0, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0]
    beam = GaussianBeam(widths, boundary="wrap").fit(maps)
    got = np.asarray(beam.transform(kind(maps)))
    np.testing.assert_array_equal(got[:, 0], maps[:, 0])
    for i, width in enumerate(widths):
        np.testing.assert_allclose(got[:, i], reference(maps[:, i], width, "wrap"), atol=2e-6)
    cubes = np.stack([maps, maps[::-1]], axis=1)
    np.testing.assert_array_equal(
        np.asarray(GaussianBeam(widths, boundary="wrap").fit(cubes).transform(kind(cubes)))[:, 0],
        got,
    )


@pytest.mark.parametrize("boundary", SCIPY)
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor], ids=["array", "tensor"])
def test_a_map_does_not_depend_on_the_others(maps, kind, boundary):
    beam = GaussianBeam([1.5, 2, 2, 3, 3, 4, 4.0], boundary=boundary).fit(maps)
    together = np.asarray(beam.transform(kind(maps)))
    for i in range(len(maps)):
        alone = np.asarray(beam.transform(kind(maps[i : i + 1])))
        np.testing.assert_array_equal(alone[0], together[i])


@pytest.mark.parametrize("boundary", SCIPY)
def test_gradients_pass(boundary):
    maps = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(1))
    beam = GaussianBeam(2.0, boundary=boundary).fit(maps)
    (beam.transform(maps) * weights).sum().backward()
    step = torch.zeros_like(weights)
    step[1, 2, 0, 3] = 1.0
    want = (beam.transform(step) * weights).sum()
    np.testing.assert_allclose(maps.grad[1, 2, 0, 3].item(), want.item(), rtol=1e-5)


def test_lazy_maps_stay_lazy(maps):
    lazy = GaussianBeam(3.0).fit_transform(open_maps(maps))
    assert isinstance(lazy, LazyMaps)
    np.testing.assert_array_equal(np.asarray(lazy), GaussianBeam(3.0).fit_transform(maps))


def test_units(maps):
    def width(fwhm, pixel_size):
        return GaussianBeam(fwhm, pixel_size=pixel_size).fit(maps).sigma_ / TO_SIGMA

    assert width(3.0, None) == pytest.approx(3)
    assert width(3.0, 2.0) == pytest.approx(1.5)
    assert width(4 * u.arcmin, 120 * u.arcsec) == pytest.approx(2)
    np.testing.assert_allclose(width([4, 5, 6, 7, 8, 9, 10] * u.arcmin, 120 * u.arcsec)[-1], 5)
    np.testing.assert_allclose(width([1 * u.deg] + [6 * u.arcmin] * 6, 1 * u.arcmin)[:2], [60, 6])


@pytest.mark.parametrize(
    ("fwhm", "pixel_size", "words"),
    [
        (4 * u.arcmin, None, "Give 'pixel_size'"),
        (4.0, 2 * u.arcmin, "Give both as quantities"),
        (4 * u.arcmin, 2.0, "as quantities, or both"),
        (4 * u.K, 2 * u.arcmin, "cannot be converted to 'arcmin'"),
    ],
)
def test_mismatched_units(maps, fwhm, pixel_size, words):
    with pytest.raises(UnitMismatchError, match=words):
        GaussianBeam(fwhm, pixel_size=pixel_size).fit(maps)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"fwhm": -1.0}, "fwhm"),
        ({"fwhm": [1.0, 2.0]}, "fwhm"),
        ({"fwhm": [1.0] * 6 + [-1.0]}, "fwhm"),
        ({"fwhm": np.nan}, "fwhm"),
        ({"pixel_size": 0}, "pixel_size"),
        ({"pixel_size": 0 * u.deg, "fwhm": 1 * u.deg}, "pixel_size"),
        ({"boundary": "mirror"}, "boundary"),
        ({"truncate": 0}, "truncate"),
    ],
)
def test_parameters_are_checked(maps, params, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of GaussianBeam must"):
        GaussianBeam(**params).fit(maps)


def test_another_number_of_channels_is_refused():
    cubes = np.zeros((1, 2, 3, 8, 9), dtype=np.float32)
    beam = GaussianBeam([1.0, 2.0, 3.0]).fit(cubes)
    with pytest.raises(ValueError, match="for each of 3 frequency channels; got maps with 2"):
        beam.transform(cubes[:, :, :2])
