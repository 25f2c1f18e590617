import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import trapezoid

from skastro.simulation._box import linear_cell_power
from skastro.simulation._density import (
    cell_power,
    linear_power,
    linear_speed,
    log_bias,
    lognormal_density,
)
from skastro.simulation._grid import PeriodicGrid

HUBBLE = 0.6711
BIAS = 0.2
COSMOLOGIES = [(0.3, 0.8), (0.15, 0.95)]


def top_hat_sigma(omega_m, sigma_8):
    k = np.geomspace(1e-4, 50, 20000)
    x = 8 * k
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    integrand = linear_power(k, omega_m, sigma_8, HUBBLE) * window**2 * k**3 / (2 * np.pi**2)
    return np.sqrt(trapezoid(integrand, np.log(k)))


@pytest.mark.parametrize(("omega_m", "sigma_8"), [(0.1, 0.6), (0.3, 0.8), (0.5, 1.0)])
def test_linear_power_has_the_wanted_sigma_8(omega_m, sigma_8):
    assert top_hat_sigma(omega_m, sigma_8) == pytest.approx(sigma_8, rel=2e-3)


def band_powers(grid, field):
    """Power of a field in bands of wavenumber, by the full transform, and its bands."""
    modes = np.abs(np.fft.fftn(field)) ** 2 * grid.box_size**3 / field.size**2
    k = 2 * np.pi * np.fft.fftfreq(grid.n_cells, grid.cell_size)
    length = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    window = np.sinc(k * grid.cell_size / (2 * np.pi))
    window = window[:, None, None] * window[:, None] * window
    edges = np.array([0.2, 0.6, 1.0, 1.5, 2.0])
    bands = [(length >= low) & (length < high) for low, high in pairwise(edges)]
    return np.array([modes[band].mean() for band in bands]), (length, window, bands)


def deviation(omega_m, sigma_8, assumed_sigma_8):
    """Measured over expected power of ln D, less one, and its error, for bands up to 2 h/Mpc."""
    grid = PeriodicGrid(16, 25.0)
    power = linear_cell_power(grid, omega_m, sigma_8, HUBBLE)
    measured = []
    for seed in range(60):
        overdensity, _ = lognormal_density(grid, power, BIAS, np.random.default_rng(seed))
        bands, (length, window, where) = band_powers(grid, np.log(overdensity))
        measured.append(bands)
    assumed = linear_power(np.maximum(length, 0.1), omega_m, assumed_sigma_8, HUBBLE) * window**2
    expected = BIAS * np.array([assumed[band].mean() for band in where])
    ratio = np.array(measured) / expected
    return ratio.mean(axis=0) - 1, ratio.std(axis=0, ddof=1) / np.sqrt(len(ratio))


@pytest.mark.parametrize(("omega_m", "sigma_8"), COSMOLOGIES)
def test_logarithm_of_the_density_has_the_linear_power(omega_m, sigma_8):
    # From 0.2 to 2 h/Mpc, within four errors of the sample; there is no other error to allow for.
    off, error = deviation(omega_m, sigma_8, sigma_8)
    assert error.max() < 0.035
    assert np.all(np.abs(off) < 4 * error)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_power_tells_a_wrong_sigma_8(factor):
    off, error = deviation(0.3, 0.8, 0.8 * factor)
    assert np.max(np.abs(off) / error) > 8


def test_density_has_the_correlation_of_a_lognormal_field(grid):
    # 1 + xi_D = exp(b^2 xi), up to the mean that each box is brought to: 3 % at these distances.
    power = linear_cell_power(grid, 0.3, 0.6, HUBBLE)
    expected = np.exp(BIAS * grid.inverse(power)[:3, 0, 0] / grid.cell_size**3)
    products = []
    for seed in range(200):
        density, _ = lognormal_density(grid, power, BIAS, np.random.default_rng(seed))
        products.append([np.mean(density * np.roll(density, shift, 0)) for shift in range(3)])
    error = np.std(products, axis=0, ddof=1) / np.sqrt(len(products))
    assert np.all(np.abs(np.mean(products, axis=0) - expected) < 4 * error + 0.03 * expected)


def test_box_has_the_mean_density_and_no_other_mean(grid):
    power = linear_cell_power(grid, 0.5, 1.0, HUBBLE)
    density, contrast = lognormal_density(grid, power, BIAS, np.random.default_rng(3))
    assert density.mean() == pytest.approx(1, rel=1e-12)
    assert contrast.mean() == pytest.approx(0, abs=1e-12)
    assert density.min() > 0
    np.testing.assert_allclose(
        np.log(density / density[0, 0, 0]),
        np.sqrt(BIAS) * (contrast - contrast[0, 0, 0]),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("n_cells", [9, 10])
def test_cell_power_by_hand(n_cells):
    grid = PeriodicGrid(n_cells, 25.0)
    power = cell_power(grid, lambda k: k**-2)
    a, b, c = 2 * np.pi / 25 * np.array([-2, 3, 4])
    half = 25 / n_cells / 2
    window = np.prod([np.sin(x * half) / (x * half) for x in (a, b, c)])
    assert power[-2, 3, 4] == pytest.approx(window**2 / (a**2 + b**2 + c**2), rel=1e-12)
    assert power[0, 0, 0] == 0


def test_log_bias_falls_with_the_variance():
    grid = PeriodicGrid(8, 25.0)
    power = np.ones((8, 8, 5))
    power[0, 0, 0] = 0
    variance = (8**3 - 1) / 25**3
    expected = 0.73 * np.log(1 + variance / 0.73) / variance
    assert log_bias(grid, power) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n_cells", [15, 16])
def test_speed_of_a_plane_wave(n_cells):
    grid = PeriodicGrid(n_cells, 25.0)
    phase = 2 * np.pi * 2 * np.arange(n_cells) / n_cells
    contrast = np.broadcast_to(0.1 * np.cos(phase)[:, np.newaxis], grid.shape)
    k = 2 * np.pi * 2 / 25.0
    speed = linear_speed(grid, contrast, 0.3)
    expected = np.abs(100 * 0.3**0.55 * 0.1 * np.sin(phase) / k)
    np.testing.assert_allclose(
        speed, np.broadcast_to(expected[:, np.newaxis], grid.shape), atol=1e-10
    )


def test_missing_colossus_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "colossus.cosmology.cosmology", None)
    with pytest.raises(ImportError, match=r'colossus.*pip install "skastro\[sim\]"'):
        linear_power(np.array([1.0]), 0.3, 0.8, HUBBLE)
