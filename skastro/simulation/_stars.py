"""Stars, and the gas and energy that supernovae and black holes drive out of their cells."""

from typing import NamedTuple

import numpy as np

HISTORY_SCATTER = np.array([0.2, 0.2, 0.1, 0.1])  # of the fields of Feedback
WIND_RADIUS = 0.6  # Mpc/h, at A_SN2 = 1
SCATTER_RADIUS = 2.0  # Mpc/h
BUBBLE_RADIUS = 1.2  # Mpc/h, at A_AGN2 = 1


class Feedback(NamedTuple):
    """Strength of feedback, relative to the fiducial simulation.

    Attributes
    ----------
    sn_energy : float
        A_SN1, energy of galactic winds per star formation rate.
    agn_energy : float
        A_AGN1, energy of the kinetic mode of active nuclei.
    sn_speed : float
        A_SN2, speed of galactic winds.
    agn_speed : float
        A_AGN2, speed and burstiness of active nuclei.
    """

    sn_energy: float
    agn_energy: float
    sn_speed: float
    agn_speed: float


def draw_feedback(nominal, rng):
    """Draw the strength of feedback that acts in one box, near its nominal strength.

    Each strength is multiplied by exp(s n), n a standard normal number, with s = 0.2 for the
    energies and 0.1 for the speeds: with equal parameters no two histories are alike.

    Parameters
    ----------
    nominal : Feedback
        Parameters of the simulation.
    rng : numpy.random.Generator
        Source of the scatter.

    Returns
    -------
    Feedback
        What acts in the box.
    """
    return Feedback(*np.multiply(nominal, np.exp(HISTORY_SCATTER * rng.standard_normal(4))))


def correlated_scatter(grid, rng):
    """Draw standard normal numbers that are alike within about 2 Mpc/h, as are histories."""
    wavenumber_squared = grid.fundamental**2 * grid.squared_modes
    window = np.exp(-0.5 * SCATTER_RADIUS**2 * wavenumber_squared)
    field = grid.inverse(grid.forward(rng.standard_normal(grid.shape)) * window)
    rms = np.sqrt(grid.inverse(window**2)[0, 0, 0])
    return field / rms


def star_efficiency(overdensity, feedback, scatter):
    """Fraction of the baryons of each cell that are stars.

    A double power law of the overdensity D, in the manner of Moster et al. (2010)::

        0.3 exp(0.5 n - 0.125) / (1 + (12 A_SN1^0.3 / D)^1.5 + A_AGN1^0.5 (D / 80)^0.8)

    and zero below D = 6. Winds hold up star formation in small haloes, active nuclei in large
    ones.

    Parameters
    ----------
    overdensity : ndarray
        Density over the mean of the box.
    feedback : Feedback
        Strength of feedback.
    scatter : ndarray
        The scatter n: a standard normal number for each cell.

    Returns
    -------
    ndarray
        Zero to 0.6.
    """
    dense = np.maximum(overdensity, 6.0)
    held_up = (12 * feedback.sn_energy**0.3 / dense) ** 1.5
    quenched = feedback.agn_energy**0.5 * (dense / 80) ** 0.8
    efficiency = 0.3 * np.exp(0.5 * scatter - 0.125) / (1 + held_up + quenched)
    return np.where(overdensity < 6.0, 0.0, np.minimum(efficiency, 0.6))


def old_fraction(overdensity, feedback):
    """Fraction of the stars of each cell that are old, x / (1 + x), x = A_AGN1^0.5 D / 50."""
    old = feedback.agn_energy**0.5 * overdensity / 50
    return old / (1 + old)


def nuclear_activity(overdensity, scatter):
    """Activity of nuclei per mass of stars, exp(0.5 n - 0.125) y / (1 + y), y = D / 40."""
    growth = overdensity / 40
    return np.exp(0.5 * scatter - 0.125) * growth / (1 + growth)


class Baryons(NamedTuple):
    """What stars and feedback leave in each cell; densities over the mean density of matter.

    Attributes
    ----------
    stars, gas : ndarray
        Stars, and gas after the outflows.
    wind, bubble : ndarray
        The parts of the gas that came there by winds, and by active nuclei.
    wind_energy, bubble_energy : ndarray
        Energy of each, in units of that of the supernovae of a density of one of stars.
    magnesium, iron : ndarray
        Metals, by the prompt supernovae that make both, and by all that make iron.
    """

    stars: np.ndarray
    gas: np.ndarray
    wind: np.ndarray
    bubble: np.ndarray
    wind_energy: np.ndarray
    bubble_energy: np.ndarray
    magnesium: np.ndarray
    iron: np.ndarray


def make_baryons(grid, overdensity, baryon_fraction, feedback, rng):
    """Turn baryons into stars, and spread what feedback drives out of the cells.

    Of the gas g of a cell with stars s and nuclear activity a, winds carry w = g L / (g + L),
    L = 2 A_SN1 s, and active nuclei (g - w) M / (g + M), M = 20 A_AGN1 a. What they carry is
    spread with Gaussians of radius 0.6 A_SN2^0.5 and 1.2 A_AGN2 Mpc/h, and so are their energies
    A_SN1 s and 2 A_AGN1 a. Of the magnesium and the prompt iron, both of which follow s, the part
    0.5 A_SN1^0.25, at most 1, goes with the winds and the rest stays; the late iron of old stars
    goes with the active nuclei. The mass of baryons in the box stays.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells.
    overdensity : ndarray of shape (n_cells, n_cells, n_cells)
        Density over the mean of the box.
    baryon_fraction : float
        Omega_b / Omega_m.
    feedback : Feedback
        Strength of feedback.
    rng : numpy.random.Generator
        Source of the scatter between cells.

    Returns
    -------
    Baryons
        Stars, gas, energy and metals of the cells.
    """
    baryons = baryon_fraction * overdensity
    stars = baryons * star_efficiency(overdensity, feedback, correlated_scatter(grid, rng))
    activity = nuclear_activity(overdensity, correlated_scatter(grid, rng)) * stars
    gas = baryons - stars
    sn_load = 2 * feedback.sn_energy * stars
    agn_load = 20 * feedback.agn_energy * activity
    wind = gas * sn_load / (gas + sn_load)
    bubble = (gas - wind) * agn_load / (gas + agn_load)

    def blow(field):
        return grid.spread(field, WIND_RADIUS * feedback.sn_speed**0.5)

    def inflate(field):
        return grid.spread(field, BUBBLE_RADIUS * feedback.agn_speed)

    blown, inflated = blow(wind), inflate(bubble)
    spread = blow(stars)
    leaving = 0.5 * min(feedback.sn_energy, 16.0) ** 0.25
    magnesium = leaving * spread + (1 - leaving) * stars
    late = inflate(stars * old_fraction(overdensity, feedback))
    return Baryons(
        stars=stars,
        gas=gas - wind - bubble + blown + inflated,
        wind=blown,
        bubble=inflated,
        wind_energy=feedback.sn_energy * spread,
        bubble_energy=2 * feedback.agn_energy * inflate(activity),
        magnesium=magnesium,
        iron=magnesium + late,
    )
