"""Matter in haloes: mean, and in spheres of a given density."""

import numpy as np
from scipy.special import erfc

from ._lagrangian import top_hat

CRITICAL_CONTRAST = 1.686
PIVOT_MASS = 1e10  # Msun
SMALLEST_MASS = 1e5  # Msun
LARGEST_MASS = 1e16  # Msun, of haloes
_MASS = np.geomspace(SMALLEST_MASS, 1e20, 300)  # Msun, of spheres
_WAVENUMBERS = np.geomspace(1e-4, 1e3, 3000)  # 1/Mpc
_BINS = 64


class LinearVariance:
    """Linear variance, at redshift 0, of spheres that hold a mass on average.

    Called with masses in Msun, it returns the variances; beyond 1e5 and 1e20 they stay.

    Parameters
    ----------
    power : callable
        Takes wavenumbers in 1/Mpc and returns the linear power at redshift 0, in Mpc^3.
    mean_density : float
        Mean density of matter, in Msun per comoving Mpc^3.
    """

    def __init__(self, power, mean_density):
        self.mean_density = mean_density
        spectrum = power(_WAVENUMBERS) * _WAVENUMBERS**3 / (2 * np.pi**2)
        radii = (3 * _MASS / (4 * np.pi * mean_density)) ** (1 / 3)
        integrand = spectrum * top_hat(_WAVENUMBERS * radii[:, np.newaxis]) ** 2
        means = 0.5 * (integrand[:, 1:] + integrand[:, :-1])
        self._logarithm = np.log(means @ np.diff(np.log(_WAVENUMBERS)))

    def __call__(self, mass):
        return np.exp(np.interp(np.log(mass), np.log(_MASS), self._logarithm))


class HaloModel:
    """Part of the matter that is in haloes, weighted by a power of their mass.

    Parameters
    ----------
    variance : LinearVariance
        Variance of the linear density.
    minimum_mass : float
        Least mass of a halo that counts, in Msun.
    mass_slope : float
        Haloes of mass M have the weight (M / 1e10 Msun)^mass_slope.
    growth : float
        Linear growth factor, one at redshift 0.

    Attributes
    ----------
    mean : float
        Part of all matter that is in haloes, weighted.

    Notes
    -----
    The mean is that of Sheth and Tormen [1]_ with the numbers of Jenkins et al. [2]_, and the
    dependence on the density that of the extended Press-Schechter theory [3]_.

    References
    ----------
    .. [1] R. K. Sheth and G. Tormen, "Large-scale bias and the peak background split",
       MNRAS 308, 119 (1999).
    .. [2] A. Jenkins et al., "The mass function of dark matter haloes", MNRAS 321, 372 (2001).
    .. [3] C. Lacey and S. Cole, "Merger rates in hierarchical models of galaxy formation",
       MNRAS 262, 627 (1993).
    """

    def __init__(self, variance, minimum_mass, mass_slope, growth):
        self._variance = variance
        self._minimum_mass = minimum_mass
        self._mass_slope = mass_slope
        self._growth = growth
        self.mean = self._mean()

    def _weight(self, mass):
        return (mass / PIVOT_MASS) ** self._mass_slope

    def _mean(self):
        mass = np.geomspace(self._minimum_mass, LARGEST_MASS, 400)
        squared = 0.73 * CRITICAL_CONTRAST**2 / (self._growth**2 * self._variance(mass))
        part = 0.353 * np.sqrt(2 / np.pi) * (1 + squared**-0.175) * np.exp(-0.5 * squared)
        part *= self._weight(mass)
        return float(0.5 * (part[1:] + part[:-1]) @ np.diff(np.sqrt(squared)))

    def conditional(self, contrast, radius):
        """Part of the matter of spheres that is in haloes, weighted, by their density contrast.

        Parameters
        ----------
        contrast : ndarray
            Density contrasts of the spheres, at the redshift of the growth factor.
        radius : float
            Their radius, in comoving Mpc.

        Returns
        -------
        ndarray
            Of the shape of `contrast`. A sphere above the critical contrast is one halo.
        """
        largest = min(4 / 3 * np.pi * radius**3 * self._variance.mean_density, _MASS[-1])
        edges = np.geomspace(self._minimum_mass, largest, _BINS + 1)
        excess = self._variance(edges[:-1]) - self._variance(largest)
        missing = np.maximum(CRITICAL_CONTRAST - np.asarray(contrast), 1e-6)
        scaled = missing[..., np.newaxis] / (self._growth * np.sqrt(2 * excess))
        above = np.concatenate([erfc(scaled), np.zeros((*missing.shape, 1))], axis=-1)
        centres = np.sqrt(edges[:-1] * edges[1:])
        return (above[..., :-1] - above[..., 1:]) @ self._weight(centres)
