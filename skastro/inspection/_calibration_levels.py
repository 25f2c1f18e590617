"""Levels at which coverage is drawn, and what samples count for in it."""

import numpy as np

from ..ensemble._conformal_quantile import groups_needed, highest_level
from ..utils import check_groups
from ..utils._groups import shares_of_groups

_LEVELS = tuple(np.arange(5, 100, 5) / 100)


def check_levels(owner, levels):
    """Check nominal levels.

    Parameters
    ----------
    owner : str
        Display to name in the error.
    levels : array-like of shape (n_levels,) or None
        The levels; None is 0.05, 0.1, ..., 0.95.

    Returns
    -------
    ndarray of shape (n_levels,)
        The levels.

    Raises
    ------
    ValueError
        If they are not numbers between 0 and 1, ascending.
    """
    levels = np.asarray(_LEVELS if levels is None else levels)
    ascending = levels.ndim == 1 and levels.size > 0 and levels.dtype.kind == "f"
    if not ascending or not (np.diff(levels, prepend=0, append=1) > 0).all():
        raise ValueError(
            f"The 'levels' parameter of {owner} must hold numbers between 0 and 1, ascending, or "
            f"be None. Got {levels!r} instead."
        )
    return levels


def allowed_levels(owner, estimator, levels):
    """Levels for which the intervals of an estimator are finite.

    Parameters
    ----------
    owner : str
        Display to name in the error.
    estimator : ConformalRegressor
        A fitted estimator.
    levels : ndarray of shape (n_levels,)
        Nominal levels.

    Returns
    -------
    ndarray of shape (n_allowed,)
        The levels that are allowed.

    Raises
    ------
    ValueError
        If there is none.
    """
    n_groups = estimator.n_calibration_groups_
    allowed = levels[[groups_needed(level) <= n_groups for level in levels]]
    if not allowed.size:
        raise ValueError(
            f"{owner} draws intervals that are finite, and {n_groups} calibration groups allow "
            f"levels of at most {highest_level(n_groups):g}. Got levels={levels!r}."
        )
    return allowed


def weigh_groups(owner, groups, n_samples):
    """What samples count for where all groups count the same.

    Parameters
    ----------
    owner : str
        Display to name in the error.
    groups : array-like of shape (n_samples,) or None
        Group of each sample.
    n_samples : int
        Number of samples.

    Returns
    -------
    shares : ndarray of shape (n_samples,) or None
        What each sample counts for; None for all the same, without groups.
    n_groups : int
        Number of groups, or of samples.

    Raises
    ------
    ValueError
        If there is not one group for each sample.
    """
    if groups is None:
        return None, n_samples
    groups = check_groups(groups, owner, n_samples)
    return shares_of_groups(groups)
