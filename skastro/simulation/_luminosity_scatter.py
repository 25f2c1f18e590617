"""Log-normal scatter about a mean relation."""

from numbers import Integral, Real
from typing import TypeAlias

import numpy as np

from ..datasets._checks import message
from ..utils._seeds import seed_entropy
from ..utils._typing import ArrayLike, RandomState
from ._vector_math import evaluate

Seed: TypeAlias = RandomState | np.random.Generator


def log_normal_scatter(
    values: ArrayLike, dex: float, random_state: Seed = None, *, mass: ArrayLike | None = None
) -> np.ndarray:
    """Scatter values log-normally about their mean.

    Each value is multiplied by a draw from the log-normal distribution of mean one whose logarithm
    to base ten has the standard deviation `dex`. The mean of the values stays, their median falls.

    Parameters
    ----------
    values : array-like of shape (n,)
        Values to scatter. Zeros stay zero.
    dex : float
        Standard deviation of the base-ten logarithm, from 0; 0 returns the values as they are.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the draws; an int seeds a `numpy.random.RandomState`.
    mass : array-like of shape (n,), default=None
        Masses of the haloes. The draws are given out in the order of falling mass, so
        that haloes above a cut in mass have the same draws whether the cut was made or not. None
        gives them out in the order of `values`.

    Returns
    -------
    ndarray of shape (n,)
        The scattered values, float64.

    Raises
    ------
    ValueError
        If `dex` is negative or no number, `mass` has another shape than `values`, a mass is
        negative or not finite, or `random_state` is no seed.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.simulation import log_normal_scatter
    >>> values = log_normal_scatter(np.full(100000, 5.0), 0.3, random_state=0)
    >>> round(float(values.mean()), 1)
    5.0
    """
    owner = "log_normal_scatter"
    values = np.asarray(values, dtype=np.float64)
    if isinstance(dex, bool) or not isinstance(dex, Real) or not 0 <= dex < np.inf:
        raise ValueError(message(owner, "dex", "a number of at least 0", dex))
    if mass is not None:
        mass = np.asarray(mass, dtype=np.float64)
        if mass.shape != values.shape or not ((mass >= 0) & (mass < np.inf)).all():
            allowed = f"None or finite masses of at least 0 of shape {values.shape}"
            raise ValueError(message(owner, "mass", allowed, mass))
    generator = _generator(owner, random_state)
    if dex == 0:
        return values.copy()
    logs = log_factors(values.size, [(dex, 1.0)], [generator], mass)
    return values * evaluate("exp", logs).reshape(values.shape)


def log_factors(n, scatters, generators, mass=None):
    """Draw the natural logarithms of the factors that scatter a product of powers.

    Parameters
    ----------
    n : int
        Number of values.
    scatters : sequence of pair of float
        Standard deviation in dex of each quantity that is scattered about its mean, and the power
        with which it enters the product.
    generators : sequence of numpy.random.RandomState or numpy.random.Generator
        What draws each scatter, or one that draws their sum.
    mass : ndarray of shape (n,), default=None
        Masses, in whose falling order draws are given out; None is as they come.

    Returns
    -------
    ndarray of shape (n,)
        The logarithms.
    """
    sigmas = np.log(10) * np.array([dex for dex, _ in scatters])
    powers = np.array([power for _, power in scatters])
    widths = powers * sigmas
    if len(generators) < widths.size:
        widths = np.array([np.linalg.norm(widths)])
    logs = np.full(n, -0.5 * (powers * sigmas**2).sum())
    if not widths.any():
        return logs
    for width, generator in zip(widths, generators, strict=True):
        if width:
            draws = generator.standard_normal(n)
            draws *= width
            logs += draws
    if mass is None or (mass[1:] <= mass[:-1]).all():
        return logs
    draws[falling_order(mass)] = logs
    return draws


def falling_order(mass):
    """Rows in the order of falling mass, equal ones in the order they have.

    The masses' bits and the rows are sorted as one integer each, at a fraction of the time of
    an argsort. Masses within 1e-11 of each other can count as equal.

    Parameters
    ----------
    mass : array-like of shape (n,)
        Finite masses of at least 0.

    Returns
    -------
    ndarray of int64 of shape (n,)
        The rows.
    """
    mass = np.asarray(mass, dtype=np.float64)
    if not mass.size:
        return np.zeros(0, dtype=np.int64)
    keys = (mass + 0.0).view(np.uint64)
    np.subtract(keys.max(), keys, out=keys)
    row_bits = int(mass.size).bit_length()
    lost = max(0, int(keys.max()).bit_length() + row_bits - 64)
    keys >>= np.uint64(lost)
    keys <<= np.uint64(row_bits)
    keys |= np.arange(mass.size, dtype=np.uint64)
    keys.sort()
    keys &= np.uint64((1 << row_bits) - 1)
    return keys.view(np.int64)


def _generator(owner, random_state):
    """Bring a seed to something that draws."""
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        return random_state
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, bool) or not isinstance(random_state, Integral) or random_state < 0:
        allowed = "None, an integer from 0, a numpy.random.RandomState or a numpy.random.Generator"
        raise ValueError(message(owner, "random_state", allowed, random_state))
    return np.random.RandomState(random_state)


def scatter_seeds(owner, random_state, n_scatters):
    """Seeds of the scatters of a model, one each.

    Parameters
    ----------
    owner : str
        Class to name in errors.
    random_state : int, RandomState, Generator, None or sequence
        One seed, from which one stream for all of them is spawned, or a sequence of one
        for each scatter, taken as it is.
    n_scatters : int
        Number of scatters.

    Returns
    -------
    list
        Generators, one or one for each scatter.

    Raises
    ------
    ValueError
        If the sequence has not one seed for each scatter, or there is something else.
    """
    if isinstance(random_state, (tuple, list)):
        if len(random_state) != n_scatters:
            allowed = f"one seed, or a sequence of {n_scatters}, one for each scatter"
            raise ValueError(message(owner, "random_state", allowed, random_state))
        return [_generator(owner, seed) for seed in random_state]
    if isinstance(random_state, np.random.Generator):
        return random_state.spawn(1)
    seeds = np.random.SeedSequence(seed_entropy(owner, random_state)).spawn(1)
    return [np.random.default_rng(seed) for seed in seeds]
