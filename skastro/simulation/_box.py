"""One mock simulation: from its parameters to the maps of all its fields."""

import numpy as np

from ._density import (
    BARYON_DENSITY,
    CRITICAL_DENSITY,
    cell_power,
    linear_power,
    linear_speed,
    lognormal_density,
)
from ._gas import (
    HYDROGEN_FRACTION,
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
from ._projection import project, slab_weights
from ._stars import Feedback, draw_feedback, make_baryons


def linear_cell_power(grid, omega_m, sigma_8, hubble):
    """Linear power of the cells of a grid, in (Mpc/h)^3, of each of its modes."""
    return cell_power(grid, lambda k: linear_power(k, omega_m, sigma_8, hubble))


def simulate_maps(grid, parameters, fields, bias, hubble, streams):
    """Simulate a box and project its fields.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    parameters : sequence of float
        Omega_m, sigma_8, A_SN1, A_AGN1, A_SN2, A_AGN2.
    fields : sequence of str
        Fields wanted.
    bias : float
        Ratio of the power of the logarithm of the density to the linear power.
    hubble : float
        H0 / (100 km/s/Mpc).
    streams : pair of numpy.random.SeedSequence
        Seeds of the phases, and of the scatter of stars and active nuclei.

    Returns
    -------
    ndarray of float32, of shape (n_fields, 15, n_cells, n_cells)
        Maps by axis, then slab.
    """
    omega_m, sigma_8, a_sn1, a_agn1, a_sn2, a_agn2 = (float(value) for value in parameters)
    phases, scatter = (np.random.default_rng(stream) for stream in streams)
    feedback = draw_feedback(Feedback(a_sn1, a_agn1, a_sn2, a_agn2), scatter)
    power = linear_cell_power(grid, omega_m, sigma_8, hubble)
    overdensity, contrast = lognormal_density(grid, power, bias, phases)
    speed = linear_speed(grid, contrast, omega_m)
    baryons = make_baryons(grid, overdensity, BARYON_DENSITY / omega_m, feedback, scatter)

    mean_density = omega_m * CRITICAL_DENSITY
    gas = mean_density * baryons.gas
    cold_dark = mean_density * (1 - BARYON_DENSITY / omega_m) * overdensity
    stars = mean_density * baryons.stars
    over_gas = baryons.gas / baryons.gas.mean()
    heating = feedback_temperature(baryons)
    temperature = gravity_temperature(grid, overdensity, mean_density) + heating
    neutral = neutral_fraction(over_gas, temperature)

    weights = slab_weights(grid.n_cells)
    depth = grid.cell_size
    gas_maps = project(gas, weights)
    cold_dark_maps = project(cold_dark, weights)

    def mean_over_gas(values):
        return project(gas * values, weights) / gas_maps

    recipes = {
        "Mgas": lambda: gas_maps * depth,
        "Vgas": lambda: mean_over_gas(gas_speed(speed, baryons, feedback)),
        "T": lambda: mean_over_gas(temperature),
        "P": lambda: mean_over_gas(pressure(gas, temperature)),
        "Z": lambda: mean_over_gas(metallicity(baryons)),
        "HI": lambda: project(HYDROGEN_FRACTION * neutral * gas, weights) * depth,
        "ne": lambda: project(electron_density(gas, neutral), weights) * depth,
        "B": lambda: mean_over_gas(magnetic_field(over_gas, gas, heating, hubble)),
        "MgFe": lambda: mean_over_gas(magnesium_over_iron(baryons)),
        "Mcdm": lambda: cold_dark_maps * depth,
        "Vcdm": lambda: project(cold_dark * speed, weights) / cold_dark_maps,
        "Mstar": lambda: project(stars, weights) * depth,
        "Mtot": lambda: project(cold_dark + gas + stars, weights) * depth,
    }
    maps = np.empty((len(fields), 3 * len(weights), grid.n_cells, grid.n_cells), np.float32)
    for field, part in zip(fields, maps, strict=True):
        part[...] = recipes[field]()
    return maps
