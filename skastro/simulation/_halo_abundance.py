"""Abundance, bias and growth of haloes, by colossus."""

from contextlib import contextmanager
from functools import lru_cache
from threading import RLock
from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.interpolate import CubicSpline

from ._density import flat_universe

SPEED_OF_LIGHT = 299792.458  # km/s
MASS_FUNCTIONS = ("press74", "sheth99", "tinker08")
_MASS_DEFINITION = "200m"
BIASES = ("cole89", "sheth01", "tinker10")
_LOCK = RLock()
_BIN_WIDTH = 0.2
_NODE_DISTANCE = 0.1
_NONE = 1e-100  # haloes per Mpc^3


class HaloTable(NamedTuple):
    """Haloes in bins of mass, at some redshifts.

    Attributes
    ----------
    log_edges : ndarray of shape (n_bins + 1,)
        Natural logarithms of the edges of the bins, in Msun, at equal distances.
    density : ndarray of shape (n_bins, n_redshifts)
        Number in each bin, per comoving Mpc^3.
    steps : ndarray of shape (n_bins, n_redshifts)
        Rise of the logarithm of dn/dlnM from edge to edge, below 0.
    bias : ndarray of shape (n_bins, n_redshifts)
        Linear bias in the middle of each bin.
    """

    log_edges: np.ndarray
    density: np.ndarray
    steps: np.ndarray
    bias: np.ndarray


class HaloUniverse:
    """What a light cone of haloes needs of a flat cosmology.

    Parameters
    ----------
    cosmology : HaloCosmology
        The cosmology.

    Raises
    ------
    ImportError
        If colossus is not installed.
    """

    def __init__(self, cosmology):
        self._colossus = flat_universe(
            cosmology.omega_m,
            cosmology.sigma8,
            cosmology.h,
            omega_b=cosmology.omega_b,
            spectral_index=cosmology.ns,
            caller="make_halo_lightcone",
        )
        self.cosmology = cosmology

    def distances(self, highest):
        """Redshifts from 0 to some highest, and their comoving distances in Mpc."""
        redshifts = np.linspace(0, highest, 20001)
        distances = cumulative_trapezoid(
            SPEED_OF_LIGHT / self.expansion(redshifts), redshifts, initial=0
        )
        return redshifts, distances

    def expansion(self, redshift):
        """Hubble rate, in km/s/Mpc."""
        matter = self.cosmology.omega_m
        return 100 * self.cosmology.h * np.sqrt(matter * (1 + redshift) ** 3 + 1 - matter)

    def growth(self, redshift):
        """Linear growth factor, 1 at redshift 0."""
        with _LOCK:
            return self._colossus.growthFactor(redshift)

    def growth_rate(self, redshift):
        """Logarithmic growth rate, Omega_m(z)^0.55 (Linder 2005)."""
        matter = self.cosmology.omega_m * (1 + redshift) ** 3
        return (matter / (matter + 1 - self.cosmology.omega_m)) ** 0.55

    def power(self, wavenumber):
        """Linear power at redshift 0 in Mpc^3, of wavenumbers in 1/Mpc (Eisenstein & Hu 1998)."""
        h = self.cosmology.h
        with _LOCK:
            power = self._colossus.matterPowerSpectrum(wavenumber / h, model="eisenstein98")
        return power / h**3

    @property
    def displacement_rms(self):
        """Rms of the linear displacement along an axis at redshift 0, in Mpc."""
        wavenumbers = np.geomspace(1e-4, 20, 2000)
        integral = trapezoid(self.power(wavenumbers) * wavenumbers, np.log(wavenumbers))
        return np.sqrt(integral / (6 * np.pi**2))

    def haloes(self, redshifts, min_mass, max_mass, mass_function, bias):
        """Tabulate abundance and bias.

        Parameters
        ----------
        redshifts : ndarray of shape (n_redshifts,)
            Where to tabulate. Values between a few nodes are interpolated.
        min_mass, max_mass : float
            Range of masses, in Msun.
        mass_function, bias : str
            Names of models, of `MASS_FUNCTIONS` and `BIASES`.

        Returns
        -------
        HaloTable
            The tables.
        """
        from colossus.lss import bias as halo_bias
        from colossus.lss import mass_function as halo_mass_function

        n_bins = int(np.ceil(np.log(max_mass / min_mass) / _BIN_WIDTH))
        edges = np.linspace(np.log(min_mass), np.log(max_mass), n_bins + 1)
        low, high = redshifts.min(), redshifts.max()
        nodes = np.linspace(low, high, max(8, int((high - low) / _NODE_DISTANCE) + 2))
        h = self.cosmology.h
        # Edges, and the middles of bins between them.
        masses = np.exp(np.linspace(edges[0], edges[-1], 2 * n_bins + 1)) * h
        definitions = halo_mass_function.models[mass_function].mdefs
        definition = _MASS_DEFINITION if "*" in definitions else definitions[0]
        with self._current():
            abundance = [
                halo_mass_function.massFunction(
                    masses,
                    node,
                    q_in="M",
                    q_out="dndlnM",
                    mdef=definition,
                    model=mass_function,
                )
                for node in nodes
            ]
            biases = [
                halo_bias.haloBias(masses[1::2], node, _MASS_DEFINITION, model=bias)
                for node in nodes
            ]
        logs = np.log(np.maximum(np.array(abundance) * h**3, _NONE))
        logs = np.maximum(CubicSpline(nodes, logs)(redshifts).T, np.log(_NONE))
        numbers = np.exp(logs)
        width = edges[1] - edges[0]
        density = width / 6 * (numbers[:-1:2] + 4 * numbers[1::2] + numbers[2::2])
        # Far beyond the exponential cut-off all numbers are the same; they must still fall.
        steps = np.minimum(np.diff(logs[::2], axis=0), -1e-3)
        return HaloTable(edges, density, steps, CubicSpline(nodes, biases)(redshifts).T)

    @contextmanager
    def _current(self):
        """Make this the current cosmology of colossus, for as long as it takes."""
        from colossus.cosmology import cosmology

        with _LOCK:
            before = cosmology.current_cosmo
            cosmology.setCurrent(self._colossus)
            try:
                yield
            finally:
                cosmology.setCurrent(before)


@lru_cache(maxsize=4)
def halo_universe(cosmology):
    """A universe with the tables of colossus made before, if there were any.

    Parameters
    ----------
    cosmology : HaloCosmology
        A flat cosmology.

    Returns
    -------
    HaloUniverse
        One for each of the last few cosmologies.
    """
    return HaloUniverse(cosmology)
