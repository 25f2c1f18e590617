"""One mock box of reionization: from its seed to all its fields."""

import numpy as np

from ._collapse import HaloModel
from ._excursion_set import CollapseTables, efficiency_of_mean, neutral_fraction
from ._ionized_universe import brightness_temperature
from ._lagrangian import displacements, linear_modes, move_cells, velocity_gradient


class Snapshot:
    """What all boxes have in common at one redshift.

    Parameters
    ----------
    universe : Universe
        Background and linear power.
    variance : LinearVariance
        Variance of the linear density.
    radii : sequence of float
        Radii of the excursion set, in comoving Mpc.
    redshift : float
        The redshift.
    minimum_mass : float
        Least mass of sources, in Msun.
    mass_slope : float
        Power of the mass that the efficiency goes with.
    """

    def __init__(self, universe, variance, radii, redshift, minimum_mass, mass_slope):
        self.redshift = redshift
        self.growth = universe.growth(redshift)
        self.growth_rate = universe.growth_rate(redshift)
        self.brightness_scale = universe.brightness_scale(redshift)
        self.baryon_density = universe.baryon_density(redshift)
        self.mean_density = universe.mean_density
        self.sources = CollapseTables(
            HaloModel(variance, minimum_mass, mass_slope, self.growth), radii
        )
        self.haloes = CollapseTables(HaloModel(variance, minimum_mass, 0, self.growth), radii[:1])


def halo_density(grid, snapshot, linear, displacement):
    """Density of haloes, formed in cells by their linear density and moved with them.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells, in comoving Mpc.
    snapshot : Snapshot
        The redshift.
    linear : ndarray of shape (n_cells, n_cells, n_cells)
        Linear density contrast at redshift 0.
    displacement : ndarray of shape (3, n_cells, n_cells, n_cells)
        How far each cell moves, in cells.

    Returns
    -------
    ndarray of float64, of shape (n_cells, n_cells, n_cells)
        In Msun per comoving Mpc^3, with the mean of the mass function.
    """
    haloes = snapshot.haloes.collapsed(0, np.float32(snapshot.growth) * linear)
    return snapshot.mean_density * move_cells(grid, displacement, haloes)


def simulate_box(grid, universe, excursion, snapshots, efficiencies, means, fields, gradient, rng):
    """Simulate a box at all redshifts and efficiencies.

    Parameters
    ----------
    grid : PeriodicGrid
        The cells, in comoving Mpc.
    universe : Universe
        Background and linear power.
    excursion : ExcursionSet
        Spheres around the cells.
    snapshots : sequence of Snapshot
        Redshifts.
    efficiencies, means : sequence of float or None
        Efficiencies, or mean neutral fractions to be met; the other is None.
    fields : sequence of str
        Fields wanted.
    gradient : bool
        Whether velocities act on the brightness temperature.
    rng : numpy.random.Generator
        Source of the phases.

    Yields
    ------
    ionization, time : int
        Numbers of the efficiency or mean, and of the redshift.
    efficiency : float
        Efficiency that was taken.
    mean_xHI : float
        Mean neutral fraction.
    maps : list of ndarray of float32, of shape (n_cells, n_cells, n_cells)
        The fields.
    """
    modes = linear_modes(grid, universe.power, rng)
    first, second = displacements(grid, modes)
    linear = grid.inverse(modes)
    for time, snapshot in enumerate(snapshots):
        growth = np.float32(snapshot.growth)
        moves = growth * (first + growth * second)
        contrast = (move_cells(grid, moves) - 1).astype(np.float32)
        best, cell = excursion.collapsed(contrast, snapshot.sources)
        slope = velocity_gradient(grid, contrast, snapshot.growth_rate) if gradient else None
        shared = {"density": contrast, "n_igm": snapshot.baryon_density * (1 + contrast)}
        if "n_src" in fields:
            shared["n_src"] = halo_density(grid, snapshot, linear, moves)
        for ionization, given in enumerate(means or efficiencies):
            efficiency = efficiency_of_mean(best, cell, given) if means else given
            neutral = neutral_fraction(best, cell, efficiency)
            maps = shared | {"xHI": neutral}
            if "brightness_temp" in fields:
                maps["brightness_temp"] = brightness_temperature(
                    snapshot.brightness_scale, neutral, contrast, slope
                )
            mean = float(neutral.mean(dtype=np.float64))
            yield ionization, time, efficiency, mean, [maps[name] for name in fields]
