"""The power spectrum of random fields, and the information that their modes hold."""

from typing import NamedTuple

import numpy as np

from ..utils._modes import box_lengths, mode_grid


class PowerLawModes(NamedTuple):
    """Modes of a periodic box whose power is a power law and white noise.

    Powers are in units of the volume of a cell, so that power 1 is variance 1 of each cell.

    Attributes
    ----------
    spatial : tuple of int
        Cells along each axis.
    lengths : ndarray of shape (dim,)
        Length of the box along each axis.
    pivot : float
        Wavenumber where the power is the amplitude.
    log_k : ndarray
        ln(k / pivot) of the modes that ``rfftn`` returns, flattened; 0 at k = 0.
    multiplicity : ndarray of int
        How many modes each stands for; 0 at k = 0.
    noise : float
        Standard deviation of the white noise in a cell.
    """

    spatial: tuple
    lengths: np.ndarray
    pivot: float
    log_k: np.ndarray
    multiplicity: np.ndarray
    noise: float

    def power(self, target):
        """Power of each mode, noise included.

        Parameters
        ----------
        target : ndarray of shape (n, 2)
            Logarithm of the amplitude, and slope.

        Returns
        -------
        ndarray of shape (n, n_modes)
            The powers.
        """
        return np.exp(target[:, :1] + target[:, 1:] * self.log_k) + self.noise**2

    def fisher(self, target):
        """Fisher information of a map about the logarithm of the amplitude and the slope.

        Parameters
        ----------
        target : ndarray of shape (n, 2)
            Where to take it.

        Returns
        -------
        ndarray of shape (n, 2, 2)
            The matrices.
        """
        by_log_power = np.stack([np.ones_like(self.log_k), self.log_k])
        products = 0.5 * self.multiplicity * by_log_power[:, None] * by_log_power
        if not self.noise:
            return np.repeat(products.sum(-1)[None], len(target), axis=0)
        of_signal = (1 - self.noise**2 / self.power(target)) ** 2
        return np.einsum("abk,nk->nab", products, of_signal)

    def score(self, target, white):
        """Gradient of the logarithm of the likelihood of a map.

        Parameters
        ----------
        target : ndarray of shape (n, 2)
            Where to take it: the parameters of each map.
        white : ndarray of shape (n, n_modes)
            Squared modes of each map, over the number of cells and their power.

        Returns
        -------
        ndarray of shape (n, 2)
            The gradients; their mean is zero, their covariance the Fisher information.
        """
        excess = 0.5 * self.multiplicity * (white - 1)
        if self.noise:
            excess *= 1 - self.noise**2 / self.power(target)
        return np.stack([excess.sum(1), excess @ self.log_k], axis=1)


def power_law_modes(owner, shape, box_size, noise):
    """Sort out the modes of a box.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    shape : tuple of int
        Cells along each axis.
    box_size : float, array-like of shape (dim,), astropy Quantity or None
        Length of the box; None is cells of side 1.
    noise : float
        Standard deviation of the white noise in a cell.

    Returns
    -------
    PowerLawModes
        The modes. Their pivot is the geometric mean of all wavenumbers but 0.

    Raises
    ------
    ValueError
        If the lengths do not fit the axes.
    """
    lengths = box_lengths(owner, box_size, shape)
    k, multiplicity = mode_grid(shape, lengths)
    multiplicity[0] = 0
    k[0] = 1.0
    log_k = np.log(k)
    log_pivot = multiplicity @ log_k / multiplicity.sum()
    log_k -= log_pivot
    log_k[0] = 0.0
    return PowerLawModes(
        tuple(shape), lengths, float(np.exp(log_pivot)), log_k, multiplicity, float(noise)
    )
