"""Levels of noise: units, the radiometer equation, presets, and errors."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u

from skastro.exceptions import UnitMismatchError
from skastro.instrument import TELESCOPES, RadiometerNoise, WhiteNoise

MAPS = np.zeros((2, 7, 8, 9), dtype=np.float32)
FINGERPRINT = """
import numpy as np
from astropy import units as u
from skastro.instrument import WhiteNoise
from skastro.utils import fingerprint
noise = WhiteNoise((1 * u.mK, 2 * u.mK), unit=u.uK, random_state=0)
name = fingerprint(noise.fit_transform(np.zeros((2, 3, 4))))
"""


def sigma(noise):
    return noise.fit(MAPS).sigma_


@pytest.mark.parametrize("unit", ["uK", u.uK])
def test_quantities_are_converted_to_the_unit_of_the_maps(unit):
    assert sigma(WhiteNoise(0.011 * u.mK, unit=unit)) == pytest.approx(11)
    assert sigma(WhiteNoise(11.0, unit=unit)) == 11
    assert sigma(WhiteNoise([1, 3] * u.mK, unit=unit)) == pytest.approx((1e3, 3e3))
    assert sigma(WhiteNoise((1 * u.mK, 5e-3 * u.K), unit=unit)) == pytest.approx((1e3, 5e3))
    assert sigma(WhiteNoise((1.0, 5.0), unit=unit)) == (1, 5)


def test_the_realization_scales_with_the_unit():
    maps = np.random.default_rng(0).normal(size=(3, 7, 8)).astype(np.float32)
    in_microkelvin = WhiteNoise(2 * u.mK, unit="uK", random_state=0).fit_transform(maps)
    in_millikelvin = WhiteNoise(2 * u.mK, unit="mK", random_state=0).fit_transform(maps)
    added = [np.asarray(noisy) - maps for noisy in (in_microkelvin, in_millikelvin)]
    np.testing.assert_allclose(added[0], 1e3 * added[1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"sigma": 2 * u.Jy, "unit": "uK"}, "cannot be converted to 'uK'"),
        ({"sigma": (1 * u.uK, 2 * u.Jy / u.sr), "unit": "uK"}, "brightness_temperature"),
        ({"sigma": 2 * u.uK}, "Give their unit"),
    ],
)
def test_mismatched_units(params, words):
    with pytest.raises(UnitMismatchError, match=words) as error:
        WhiteNoise(**params).fit(MAPS)
    assert "'sigma' parameter of WhiteNoise" in str(error.value)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"sigma": -1.0}, "sigma"),
        ({"sigma": (2.0, 1.0)}, "sigma"),
        ({"sigma": (-1.0, 1.0)}, "sigma"),
        ({"sigma": (1.0, 2.0, 3.0)}, "sigma"),
        ({"sigma": [-1, 1] * u.uK, "unit": "uK"}, "sigma"),
        ({"sigma": "large"}, "sigma"),
        ({"sigma": ("a", "b")}, "sigma"),
        ({"sigma": ((1, 2), 3)}, "sigma"),
        ({"sigma": np.inf}, "sigma"),
        ({"sigma": (0, np.nan)}, "sigma"),
        ({"unit": "parsnip"}, "unit"),
        ({"when": "always"}, "when"),
        ({"n_pooled": 0}, "n_pooled"),
        ({"pooling": "max"}, "pooling"),
        ({"random_state": -1}, "random_state"),
        ({"random_state": np.random.default_rng(0)}, "random_state"),
    ],
)
def test_parameters_are_checked(params, name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of WhiteNoise must"):
        WhiteNoise(**params).fit(MAPS)
    with pytest.raises(ValueError, match=f"'{name}' parameter of WhiteNoise must"):
        WhiteNoise(**params).fit_transform(MAPS)


def test_radiometer_equation():
    """The forecast of Ihle et al. 2019: 40 K, 19 feeds, 15.6 MHz, 6000 h on 22^2 pixels."""
    want = 40e6 / np.sqrt(19 * 15.6e6 * 6000 * 3600 / 22**2)
    assert want == pytest.approx(11.0, abs=0.05)
    numbers = RadiometerNoise(40, 19, 15.6, 6000, 22**2)
    quantities = RadiometerNoise(4e4 * u.mK, 19, 0.0156 * u.GHz, 250 * u.day, 484)
    for noise in (numbers, quantities, RadiometerNoise()):
        assert sigma(noise) == pytest.approx(want, rel=1e-12)
    assert sigma(numbers.set_params(unit="K")) == pytest.approx(want / 1e6)


@pytest.mark.parametrize(
    ("name", "factor", "ratio"),
    [("t_sys", 3, 3), ("n_feeds", 4, 0.5), ("dnu", 4, 0.5), ("t_obs", 4, 0.5), ("n_pixels", 9, 3)],
)
def test_scaling_of_the_radiometer_equation(name, factor, ratio):
    noise = RadiometerNoise()
    before = sigma(noise)
    noise.set_params(**{name: factor * getattr(noise, name)})
    assert sigma(noise) / before == pytest.approx(ratio)


def test_radiometer_noise_shares_what_white_noise_has():
    maps = np.random.default_rng(0).normal(size=(30, 10, 16, 16)).astype(np.float32)
    noise = RadiometerNoise(n_pooled=160, pooling="sum", when="fit", random_state=0)
    added = np.asarray(noise.fit_transform(maps)) - maps
    assert noise.sigma_ == pytest.approx(10.998 * np.sqrt(160), rel=1e-3)
    assert added.std() == pytest.approx(noise.sigma_, rel=4 / np.sqrt(2 * added.size))
    np.testing.assert_array_equal(noise.transform(maps), maps)


@pytest.mark.parametrize("params", [{"t_sys": 3 * u.Jy}, {"dnu": 3 * u.s}, {"unit": "Jy/sr"}])
def test_mismatched_units_of_the_radiometer_equation(params):
    with pytest.raises(UnitMismatchError, match=f"'{next(iter(params))}' parameter of Radiometer"):
        RadiometerNoise(**params).fit(MAPS)


@pytest.mark.parametrize("name", ["t_sys", "n_feeds", "dnu", "t_obs", "n_pixels"])
def test_parameters_of_the_radiometer_equation_are_positive(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter of RadiometerNoise must"):
        RadiometerNoise(**{name: 0}).fit(MAPS)


def test_quantities_must_be_positive():
    with pytest.raises(ValueError, match="'t_sys' parameter of RadiometerNoise must"):
        RadiometerNoise(-3 * u.K).fit(MAPS)
    with pytest.raises(ValueError, match="'t_sys' parameter of RadiometerNoise must"):
        RadiometerNoise([3, 4] * u.K).fit(MAPS)


@pytest.mark.parametrize("telescope", TELESCOPES.values(), ids=lambda telescope: telescope.name)
def test_telescopes(telescope):
    assert TELESCOPES[telescope.name] is telescope
    assert "arXiv:" in telescope.reference
    noise = telescope.noise(n_pixels=400, unit="mK", random_state=3)
    seconds = telescope.t_obs * 3600 / 400
    level = telescope.t_sys / np.sqrt(telescope.n_feeds * telescope.dnu * 1e6 * seconds)
    assert sigma(noise) == pytest.approx(1e3 * level)
    assert sigma(telescope.noise(400, t_obs=4 * telescope.t_obs)) == pytest.approx(5e5 * level)
    beams = [telescope.beam(1.5), telescope.beam(90 * u.arcsec)]
    for beam in beams:
        assert beam.fit(MAPS).sigma_ == pytest.approx(telescope.fwhm / 1.5 / np.sqrt(8 * np.log(2)))
    assert telescope.beam(1.5, boundary="wrap").boundary == "wrap"


def test_telescopes_are_fixed():
    telescope = TELESCOPES["COMAP (Ihle 2019)"]
    assert sigma(telescope.noise(22**2)) == pytest.approx(11.0, abs=0.05)
    with pytest.raises(dataclasses.FrozenInstanceError):
        telescope.t_sys = 0


def test_fingerprint_with_units_is_the_same_in_every_process():
    here = {}
    exec(FINGERPRINT, here)
    command = [sys.executable, "-c", f"{FINGERPRINT}print(name, end='')"]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert there == here["name"]
