"""Maps of a box hold its fields, with units and recipes worked out anew."""

import numpy as np
import pytest
from astropy import constants, units

from skastro.datasets._cmd_format import FIELDS
from skastro.simulation._box import linear_cell_power, simulate_maps
from skastro.simulation._density import linear_speed, lognormal_density
from skastro.simulation._gas import (
    gas_speed,
    gravity_temperature,
    magnesium_over_iron,
    metallicity,
    neutral_fraction,
)
from skastro.simulation._grid import PeriodicGrid
from skastro.simulation._stars import Feedback, draw_feedback, make_baryons

N_CELLS, CELL, HUBBLE, BIAS = 10, 2.5, 0.6711, 0.9
OMEGA_M, SIGMA_8, FEEDBACK = 0.35, 0.85, (1.5, 0.7, 1.2, 0.8)
H0 = 100 * units.km / units.s / units.Mpc  # with h = 1, so that Msun is Msun/h and so on
DENSITY = units.Msun / units.Mpc**3
CRITICAL = (3 * H0**2 / (8 * np.pi * constants.G)).to_value(DENSITY)


def streams():
    return np.random.SeedSequence(4).spawn(2)


@pytest.fixture(scope="module")
def maps():
    grid = PeriodicGrid(N_CELLS, N_CELLS * CELL)
    parameters = (OMEGA_M, SIGMA_8, *FEEDBACK)
    made = simulate_maps(grid, parameters, list(FIELDS), BIAS, HUBBLE, streams())
    return dict(zip(FIELDS, made.astype(float), strict=True))


@pytest.fixture(scope="module")
def cells():
    """Fields of the cells, in the units of grids of CAMELS, and weights of their means."""
    grid = PeriodicGrid(N_CELLS, N_CELLS * CELL)
    phases, scatter = map(np.random.default_rng, streams())
    feedback = draw_feedback(Feedback(*FEEDBACK), scatter)
    power = linear_cell_power(grid, OMEGA_M, SIGMA_8, HUBBLE)
    overdensity, contrast = lognormal_density(grid, power, BIAS, phases)
    speed = linear_speed(grid, contrast, OMEGA_M)
    baryons = make_baryons(grid, overdensity, 0.049 / OMEGA_M, feedback, scatter)

    mean = OMEGA_M * CRITICAL
    gas, stars = mean * baryons.gas, mean * baryons.stars
    cold_dark = (OMEGA_M - 0.049) * CRITICAL * overdensity
    over_gas = baryons.gas / baryons.gas.mean()
    heating = 0.1 * 1.2e7 * (baryons.wind_energy + baryons.bubble_energy) / baryons.gas
    temperature = gravity_temperature(grid, overdensity, mean) + heating
    neutral = neutral_fraction(over_gas, temperature)

    protons = gas * DENSITY / constants.m_p
    particles = protons / 0.59
    pressure = particles * constants.k_B * (temperature * units.K)
    electrons = protons * (1 - neutral) * (0.76 + 2 * 0.24 / 4)
    heat = 1.5 * HUBBLE**2 * particles * constants.k_B * (heating * units.K)
    turbulent = 8 * np.pi * 0.02 * heat.to_value(units.erg / units.cm**3)
    fields = {
        "Mgas": gas,
        "Vgas": gas_speed(speed, baryons, feedback),
        "T": temperature,
        "P": pressure.to_value(units.Msun * (units.km / units.s) ** 2 / units.kpc**3),
        "Z": metallicity(baryons),
        "HI": 0.76 * neutral * gas,
        "ne": electrons.to_value(units.cm**-3),
        "B": np.sqrt((1e-12 * over_gas ** (2 / 3)) ** 2 + turbulent),
        "MgFe": magnesium_over_iron(baryons),
        "Mcdm": cold_dark,
        "Vcdm": speed,
        "Mstar": stars,
        "Mtot": cold_dark + gas + stars,
    }
    return fields, gas, cold_dark


def slabs(field):
    """Sums over the two layers of each of the five slabs, along each axis."""
    return np.concatenate(
        [
            [field.take([2 * slab, 2 * slab + 1], axis=axis).sum(axis=axis) for slab in range(5)]
            for axis in range(3)
        ]
    )


@pytest.mark.parametrize("name", ["Mgas", "HI", "ne", "Mcdm", "Mstar", "Mtot"])
def test_columns(maps, cells, name):
    field = cells[0][name]
    np.testing.assert_allclose(maps[name], CELL * slabs(field), rtol=1e-3)
    in_box = field.sum() * CELL**3
    for along in maps[name].reshape(3, -1):
        assert along.sum() * CELL**2 == pytest.approx(in_box, rel=1e-3)


@pytest.mark.parametrize("name", ["Vgas", "T", "P", "Z", "B", "MgFe", "Vcdm"])
def test_means(maps, cells, name):
    fields, gas, cold_dark = cells
    weight = cold_dark if name == "Vcdm" else gas
    expected = slabs(weight * fields[name]) / slabs(weight)
    np.testing.assert_allclose(maps[name], expected, rtol=1e-3)
