import numpy as np
import pytest
from astropy import constants, units

from skastro.simulation import _gas
from skastro.simulation._density import lognormal_density
from skastro.simulation._gas import (
    electron_density,
    feedback_temperature,
    gas_speed,
    gravity_temperature,
    magnesium_over_iron,
    magnetic_field,
    metallicity,
    neutral_fraction,
    pressure,
)
from skastro.simulation._grid import PeriodicGrid
from skastro.simulation._stars import (
    Baryons,
    Feedback,
    correlated_scatter,
    draw_feedback,
    make_baryons,
    nuclear_activity,
    old_fraction,
    star_efficiency,
)

FIDUCIAL = Feedback(1.0, 1.0, 1.0, 1.0)
NONE = Feedback(0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def overdensity():
    grid = PeriodicGrid(24, 25.0)
    power = 3.0 * np.ones_like(grid.squared_modes)
    power[0, 0, 0] = 0
    return lognormal_density(grid, power, 0.9, np.random.default_rng(0))[0]


def baryons_of(overdensity, feedback):
    grid = PeriodicGrid(len(overdensity), 25.0)
    return make_baryons(grid, overdensity, 0.16, feedback, np.random.default_rng(1))


@pytest.mark.parametrize(
    "feedback", [FIDUCIAL, NONE, Feedback(100, 1, 1, 1), Feedback(1, 100, 2, 2)]
)
def test_mass_of_baryons_stays(overdensity, feedback):
    baryons = baryons_of(overdensity, feedback)
    total = baryons.stars.sum() + baryons.gas.sum()
    assert total == pytest.approx(0.16 * overdensity.sum(), rel=1e-10)
    assert baryons.gas.min() > 0
    assert baryons.stars.min() == 0 < baryons.stars.max()
    assert all(np.isfinite(part).all() for part in baryons)


def test_without_feedback_gas_stays_where_it_is(overdensity):
    baryons = baryons_of(overdensity, NONE)
    np.testing.assert_allclose(baryons.gas + baryons.stars, 0.16 * overdensity, rtol=1e-10)
    for part in (baryons.wind, baryons.bubble, baryons.wind_energy, baryons.bubble_energy):
        assert part.max() == 0
    np.testing.assert_allclose(baryons.magnesium, baryons.stars, atol=1e-12)


def test_spread_carries_all_that_leaves(overdensity):
    baryons = baryons_of(overdensity, FIDUCIAL)
    assert baryons.wind_energy.sum() == pytest.approx(baryons.stars.sum(), rel=1e-10)
    assert baryons.magnesium.sum() == pytest.approx(baryons.stars.sum(), rel=1e-10)
    assert baryons.iron.sum() > baryons.magnesium.sum()


def test_star_efficiency_by_hand():
    dense = np.array([5.9, 6.0, 80.0, 1000.0])
    feedback = Feedback(3.0, 2.0, 1.0, 1.0)
    scatter = np.array([0.0, 1.0, -0.5, 0.0])
    held_up = (12 * 3**0.3 / dense) ** 1.5
    expected = 0.3 * np.exp(0.5 * scatter - 0.125)
    expected /= 1 + held_up + 2**0.5 * (dense / 80) ** 0.8
    expected[0] = 0
    np.testing.assert_allclose(star_efficiency(dense, feedback, scatter), expected, rtol=1e-12)
    assert star_efficiency(np.array([40.0]), NONE, np.array([9.0])) == 0.6


def test_old_stars_and_active_nuclei_by_hand():
    dense, feedback = np.array([0.0, 10.0, 400.0]), Feedback(1, 4, 1, 1)
    np.testing.assert_allclose(old_fraction(dense, feedback), [0, 0.4 / 1.4, 16 / 17])
    np.testing.assert_allclose(nuclear_activity(dense, 0.0), np.exp(-0.125) * dense / (40 + dense))
    assert nuclear_activity(40.0, -1.0) == pytest.approx(0.5 * np.exp(-0.625))


def spread_by_sums(field, radius, cell):
    """Convolve with a Gaussian, shift by shift."""
    n = len(field)
    nearest = [min(step, n - step) * cell for step in range(n)]
    weights = {
        shift: np.exp(-sum(nearest[step] ** 2 for step in shift) / (2 * radius**2))
        for shift in np.ndindex(field.shape)
    }
    total = sum(weights.values())
    return sum(w / total * np.roll(field, shift, (0, 1, 2)) for shift, w in weights.items())


def test_baryons_by_hand():
    grid = PeriodicGrid(5, 5.0)
    overdensity = np.random.default_rng(0).lognormal(2.0, 1.5, grid.shape)
    feedback = Feedback(1.5, 0.7, 1.44, 0.8)
    made = make_baryons(grid, overdensity, 0.16, feedback, np.random.default_rng(1))

    rng = np.random.default_rng(1)
    scatter = [correlated_scatter(grid, rng) for _ in range(2)]
    stars = 0.16 * overdensity * star_efficiency(overdensity, feedback, scatter[0])
    gas = 0.16 * overdensity - stars
    nuclei = stars * np.exp(0.5 * scatter[1] - 0.125) / (1 + 40 / overdensity)
    wind = 1 / (1 / gas + 1 / (2 * 1.5 * stars + 1e-300))
    bubble = (gas - wind) / (1 + gas / (20 * 0.7 * nuclei + 1e-300))
    blown = spread_by_sums(wind, 0.6 * 1.2, 1.0)
    inflated = spread_by_sums(bubble, 1.2 * 0.8, 1.0)
    spread = spread_by_sums(stars, 0.6 * 1.2, 1.0)
    leaving = 0.5 * 1.5**0.25
    old = stars * overdensity / (overdensity + 50 / 0.7**0.5)
    magnesium = leaving * spread + (1 - leaving) * stars
    expected = Baryons(
        stars=stars,
        gas=gas - wind - bubble + blown + inflated,
        wind=blown,
        bubble=inflated,
        wind_energy=1.5 * spread,
        bubble_energy=2 * 0.7 * spread_by_sums(nuclei, 1.2 * 0.8, 1.0),
        magnesium=magnesium,
        iron=magnesium + spread_by_sums(old, 1.2 * 0.8, 1.0),
    )
    for name, found, wanted in zip(Baryons._fields, made, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=name)


def test_winds_hold_up_small_haloes_and_nuclei_large_ones():
    dense = np.array([8.0, 2000.0])
    fiducial = star_efficiency(dense, FIDUCIAL, 0.0)
    small, large = star_efficiency(dense, Feedback(4, 1, 1, 1), 0.0) / fiducial
    assert small < 0.7
    assert large > 0.95
    small, large = star_efficiency(dense, Feedback(1, 4, 1, 1), 0.0) / fiducial
    assert small > 0.9
    assert large < 0.6


def test_scatter_is_standard_normal_and_correlated():
    grid = PeriodicGrid(24, 25.0)
    fields = np.stack([correlated_scatter(grid, np.random.default_rng(s)) for s in range(60)])
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.var() == pytest.approx(1, abs=0.05)
    shift = 2
    expected = np.exp(-((shift * grid.cell_size) ** 2) / (4 * 2.0**2))
    assert np.mean(fields * np.roll(fields, shift, 1)) == pytest.approx(expected, abs=0.05)


def test_feedback_scatters_from_box_to_box():
    rng = np.random.default_rng(0)
    nominal = Feedback(4.0, 0.25, 2.0, 0.5)
    drawn = np.array([draw_feedback(nominal, rng) for _ in range(2000)])
    widths = np.log(drawn / nominal).std(axis=0)
    np.testing.assert_allclose(widths, [0.2, 0.2, 0.1, 0.1], rtol=0.07)
    assert draw_feedback(NONE, rng) == NONE


def test_gravity_heats_by_the_virial_relation():
    grid = PeriodicGrid(10, 25.0)
    overdensity = np.full(grid.shape, 50.0)
    mean_density = 0.3 * 2.77536627e11
    # mu m_p G M / (2 k R) in SI, h = 1; 50 times the mean in 0.5 Mpc.
    mass = 4 / 3 * np.pi * 0.5**3 * 50 * mean_density * 1.98841e30
    virial = 0.59 * 1.67262e-27 * 6.6743e-11 * mass / (2 * 1.380649e-23 * 0.5 * 3.0857e22)
    expected = 1e4 * 10**0.6 + virial * 100 / 101
    np.testing.assert_allclose(
        gravity_temperature(grid, overdensity, mean_density), expected, rtol=2e-3
    )
    thin = gravity_temperature(grid, np.full(grid.shape, 0.1), mean_density)
    np.testing.assert_allclose(thin, 1e4 * 0.1**0.6, rtol=0.02)


def test_pressure_and_electrons_in_si_units():
    # 1e10 Msun/Mpc^3 of gas at 1e5 K, with h = 1.
    kilograms = 1e10 * 1.98841e30 / 3.0857e22**3
    pascal = kilograms * 1.380649e-23 * 1e5 / (0.59 * 1.67262e-27)
    unit = 1.98841e30 * 1e6 / 3.0857e19**3
    assert pressure(1e10, 1e5) == pytest.approx(pascal / unit, rel=2e-3)
    electrons = kilograms / 1.67262e-27 * (0.76 + 0.24 / 4 * 2) * 1e-6
    assert electron_density(1e10, 0.25) == pytest.approx(0.75 * electrons, rel=2e-3)


def test_neutral_gas_is_dense_and_cold():
    dense = np.array([1.0, 50.0, 5000.0])
    cold, hot = neutral_fraction(dense, 1e4), neutral_fraction(dense, 1e7)
    assert cold[0] == pytest.approx(1e-6 + 1 / 2501 / 1.2, rel=1e-3)
    assert np.all(np.diff(cold) > 0)
    assert np.all(hot < 0.01 * np.maximum(cold, 1e-2))
    assert 0 < hot.min() < cold.max() < 1


def test_magnetic_field_of_seed_and_of_turbulence():
    assert magnetic_field(8.0, 1e10, 0.0, 0.7) == pytest.approx(4e-12, rel=1e-12)
    grams = 1e10 * 0.7**2 * 1.98841e33 / 3.0857e24**3
    energy = 1.5 * grams / (0.59 * 1.67262e-24) * 1.380649e-16 * 1e6
    expected = np.sqrt(8 * np.pi * 0.02 * energy)
    assert magnetic_field(1.0, 1e10, 1e6, 0.7) == pytest.approx(expected, rel=2e-3)


def test_metals_heat_and_outflows_by_hand():
    values = {"stars": 1.0, "gas": 4.0, "wind": 1.0, "bubble": 0.5, "wind_energy": 2.0}
    values |= {"bubble_energy": 6.0, "magnesium": 0.2, "iron": 0.6}
    baryons = Baryons(**values)
    assert metallicity(baryons) == pytest.approx(1e-7 + 0.01 * 0.8 / 4)
    assert magnesium_over_iron(baryons) == pytest.approx((0.2 + 8e-4) / (0.6 + 8e-4))
    assert feedback_temperature(baryons) == pytest.approx(1.2e6 * 2)
    expected = np.sqrt(300**2 + 800**2 / 4 + 400**2 / 8)
    assert gas_speed(300.0, baryons, Feedback(1, 1, 2.0, 0.5)) == pytest.approx(expected)


def test_constants_are_those_of_astropy():
    speed = units.km / units.s
    boltzmann = (constants.k_B / constants.m_p).to_value(speed**2 / units.K)
    assert pytest.approx(boltzmann, rel=1e-4) == _gas.GAS_CONSTANT
    gravity = constants.G.to_value(units.Mpc * speed**2 / units.Msun)
    assert pytest.approx(gravity, rel=1e-4) == _gas.GRAVITY
    density = (units.Msun / units.Mpc**3).to(units.g / units.cm**3)
    assert pytest.approx(density, rel=1e-4) == _gas.GRAMS_PER_CM3
    assert pytest.approx(constants.m_p.to_value(units.g), rel=1e-4) == _gas.PROTON_MASS
    per_mass = 1e51 * units.erg / (200 * units.Msun)
    heat = (per_mass * 2 / 3 * 0.59 * constants.m_p / constants.k_B).to_value(units.K)
    assert pytest.approx(heat, rel=5e-3) == _gas.SUPERNOVA_TEMPERATURE
