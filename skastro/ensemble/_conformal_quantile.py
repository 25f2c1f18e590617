"""Quantiles of scores that come in groups, and what to count a score for."""

import warnings
from math import ceil, floor
from numbers import Real

import numpy as np

# Shares are sums of fractions, which rounding puts to either side of a level.
_ROUNDING = 1e-9


def check_level(owner, level):
    """Refuse what is no confidence level.

    Parameters
    ----------
    owner : str
        Method to name in the error.
    level : object
        What was given.

    Raises
    ------
    ValueError
        If it is no number between 0 and 1.
    """
    if not isinstance(level, Real) or isinstance(level, bool) or not 0 < level < 1:
        raise ValueError(
            f"The 'confidence_level' parameter of {owner} must be a number between 0 and 1, such "
            f"as 0.9. Got {level!r} instead."
        )


def groups_needed(level):
    """Least number of calibration groups for a finite quantile.

    Parameters
    ----------
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    int
        The least K with K / (K + 1) >= level.
    """
    return ceil(level / (1 - level) - _ROUNDING)


def highest_level(n_groups):
    """Highest level, to three digits, that a number of calibration groups allows.

    Parameters
    ----------
    n_groups : int
        Number of calibration groups.

    Returns
    -------
    float
        The level, rounded down.
    """
    return floor(1000 * n_groups / (n_groups + 1) + _ROUNDING) / 1000


def warn_of_few_groups(owner, n_groups, level, units, result):
    """Say when there are too few calibration groups for a level.

    The warning points at the line that called the public method, two calls above.

    Parameters
    ----------
    owner : str
        Class or method to name.
    n_groups : int
        Number of calibration groups.
    level : float
        Confidence level.
    units : str
        What calibrates: "groups" or "samples".
    result : str
        What comes of it.
    """
    needed = groups_needed(level)
    if n_groups < needed:
        warnings.warn(
            f"{owner}: a confidence level of {level:g} needs at least {needed} calibration "
            f"{units}, and there are {n_groups}, so that {result}. Fit on more {units}, raise "
            f"calibration_fraction, or lower confidence_level to at most "
            f"{highest_level(n_groups):g}.",
            UserWarning,
            stacklevel=4,
        )


def group_quantile(scores, shares, level):
    """Conformal quantile of scores of which each group counts the same.

    Each of K groups has the mass 1 / (K + 1), split evenly among its samples, and one more
    mass 1 / (K + 1) is at infinity.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_scores)
        Scores, the larger the stranger.
    shares : ndarray of shape (n_samples,)
        What each sample counts for, 1 for each group.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    ndarray of shape (n_scores,)
        The least score that has the mass `level` at or below it; infinite where there is none.
    """
    order = scores.argsort(axis=0, kind="stable")
    mass = shares[order].cumsum(axis=0)
    reached = mass >= (level - _ROUNDING) * (shares.sum() + 1)
    found = np.take_along_axis(scores, order, axis=0)
    found = np.take_along_axis(found, reached.argmax(axis=0)[None], axis=0)[0]
    return np.where(reached.any(axis=0), found, np.inf)
