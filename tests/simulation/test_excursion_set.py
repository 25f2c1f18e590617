import numpy as np
import pytest
from scipy.integrate import trapezoid

pytest.importorskip("colossus")

from skastro.simulation._collapse import HaloModel, LinearVariance
from skastro.simulation._excursion_set import (
    CollapseTables,
    ExcursionSet,
    efficiency_of_mean,
    neutral_fraction,
    smoothing_radii,
)
from skastro.simulation._grid import PeriodicGrid
from skastro.simulation._ionized_universe import Universe

NUMBERS = (0.3, 0.045, 0.7, 0.82, 0.96)


@pytest.fixture(scope="module")
def universe():
    return Universe(*NUMBERS)


@pytest.fixture(scope="module")
def variance(universe):
    return LinearVariance(universe.power, universe.mean_density)


def colossus_sigma(mass):
    """Sigma of colossus, which integrates and interpolates by itself."""
    from colossus.cosmology.cosmology import Cosmology

    omega_m, omega_b, hubble, sigma_8, slope = NUMBERS
    peer = Cosmology(
        name="peer", flat=True, H0=70, Om0=omega_m, Ob0=omega_b, sigma8=sigma_8, ns=slope,
        relspecies=False, persistence="",
    )  # fmt: skip
    radius = (3 * mass / (4 * np.pi * omega_m * 2.77536627e11 * hubble**2)) ** (1 / 3) * hubble
    return peer.sigma(radius, ps_args={"model": "eisenstein98"})


def test_variance_is_that_of_colossus(variance):
    mass = np.array([3e7, 1e9, 2e11, 5e13, 1e15, 1e17, 1e19])
    np.testing.assert_allclose(np.sqrt(variance(mass)), colossus_sigma(mass), rtol=5e-3)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_mean_is_the_integral_of_the_mass_function(variance, slope):
    growth = 0.14
    mass = np.geomspace(3e8, 1e16, 3000)
    height = np.sqrt(0.73) * 1.686 / (growth * colossus_sigma(mass))
    part = 0.353 * np.sqrt(2 / np.pi) * (1 + height**-0.35) * np.exp(-(height**2) / 2)
    expected = trapezoid(part * (mass / 1e10) ** slope, height)
    assert HaloModel(variance, 3e8, slope, growth).mean == pytest.approx(expected, rel=0.01)


def test_mean_lies_near_the_original_numbers_of_sheth_and_tormen(variance):
    from colossus.lss.mass_function import modelSheth99

    growth, masses = 0.14, np.geomspace(3e8, 1e16, 500)
    sigma = growth * colossus_sigma(masses)
    part = modelSheth99(sigma, 6.0, {})
    expected = trapezoid(part, -np.log(sigma))
    assert HaloModel(variance, 3e8, 0, growth).mean == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("slope", [0.0, 0.5])
@pytest.mark.parametrize(("contrast", "radius"), [(-0.6, 0.9), (0.3, 3.0), (1.2, 12.0)])
def test_conditional_part_is_the_integral_of_its_mass_function(variance, slope, contrast, radius):
    growth = 0.14
    largest = 4 / 3 * np.pi * radius**3 * 0.3 * 2.77536627e11 * 0.7**2
    least = variance(largest)

    def integrand(log_mass):
        step = 1e-4
        slope_of_s = (variance(np.exp(log_mass + step)) - variance(np.exp(log_mass - step))) / (
            2 * step
        )
        s = variance(np.exp(log_mass)) - least
        missing = (1.686 - contrast) / growth
        part = missing * np.exp(-(missing**2) / (2 * s)) / (np.sqrt(2 * np.pi) * s**1.5)
        return -slope_of_s * part * (np.exp(log_mass) / 1e10) ** slope

    log_masses = np.linspace(np.log(1e9), np.log(largest) - 1e-3, 4000)
    values = np.array([integrand(value) for value in log_masses])
    expected = trapezoid(values, log_masses)
    found = HaloModel(variance, 1e9, slope, growth).conditional(np.array([contrast]), radius)
    assert found[0] == pytest.approx(expected, rel=0.02)


def test_spheres_beyond_collapse_are_one_halo(variance):
    haloes = HaloModel(variance, 1e9, 0, 0.14)
    np.testing.assert_allclose(haloes.conditional(np.array([1.7, 5.0]), 2.0), 1, rtol=1e-3)
    assert np.all(np.diff(haloes.conditional(np.linspace(-1, 1.7, 50), 2.0)) > 0)


def test_radii():
    radii = smoothing_radii(1.5, 96.0, 30.0)
    assert 4 / 3 * np.pi * radii[0] ** 3 == pytest.approx(1.5**3)
    np.testing.assert_allclose(radii[1:-1] / radii[:-2], 1.2)
    assert radii[-1] == 30
    assert radii[-2] < 30 <= radii[-2] * 1.2
    assert smoothing_radii(1.5, 24.0, 30.0)[-1] == 8
    assert len(smoothing_radii(1.5, 24.0, 0.1)) == 1


@pytest.fixture(scope="module")
def parts(variance):
    grid = PeriodicGrid(16, 32.0)
    noise = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
    contrast = np.maximum(0.6 * noise, -1)
    contrast -= contrast.mean()
    excursion = ExcursionSet(grid, 10.0, "top_hat")
    haloes = HaloModel(variance, 1e9, 0.5, 0.14)
    tables = CollapseTables(haloes, excursion.radii)
    return grid, contrast, excursion, haloes, excursion.collapsed(contrast, tables)


def test_collapsed_parts_by_sums_over_spheres(parts):
    grid, contrast, excursion, haloes, (best, cell) = parts
    wavenumber = 2 * np.pi * np.fft.fftfreq(16, 2.0)
    length = np.sqrt(sum(np.meshgrid(*[wavenumber**2] * 3, indexing="ij")))
    expected = np.zeros(grid.shape)
    for number, radius in enumerate(excursion.radii):
        x = np.maximum(length * radius, 1e-4)
        window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
        window[0, 0, 0] = 1
        smooth = contrast if number == 0 else np.fft.ifftn(np.fft.fftn(contrast) * window).real
        part = haloes.conditional(smooth, radius)
        part *= haloes.mean / part.mean()
        if number == 0:
            np.testing.assert_allclose(cell, part, rtol=0.02)
        expected = np.maximum(expected, part)
    np.testing.assert_allclose(best, expected, rtol=0.02)


def test_neutral_fraction_by_cell(parts):
    *_, (best, cell) = parts
    efficiency = 1.3 / np.median(best)
    neutral = neutral_fraction(best, cell, efficiency)
    ionized = efficiency * best > 1
    assert 0.1 < ionized.mean() < 0.9
    assert np.all(neutral[ionized] == 0)
    np.testing.assert_allclose(neutral[~ionized], 1 - efficiency * cell[~ionized], rtol=1e-5)
    assert neutral.min() >= 0
    assert np.all(neutral_fraction(best, cell, 0.0) == 1)


@pytest.mark.parametrize("mean", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_efficiency_of_a_mean(parts, mean):
    *_, (best, cell) = parts
    efficiency = efficiency_of_mean(best, cell, mean)
    found = neutral_fraction(best, cell, efficiency).mean(dtype=np.float64)
    assert found == pytest.approx(mean, abs=2 / best.size)
