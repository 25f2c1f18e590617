"""Share of truths within intervals of any origin."""

from typing import Literal

import numpy as np

from ..utils import check_groups
from ..utils._groups import shares_of_groups
from ..utils._typing import ArrayLike
from ._checks import _check_numbers, average


def interval_coverage(
    y_true: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    joint: bool = False,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    multioutput: Literal["raw_values", "uniform_average"] | ArrayLike = "uniform_average",
) -> float | np.ndarray:
    """Share of truths inside intervals.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    lower, upper : array-like of the same shape
        Bounds, which belong to the intervals and may be infinite.
    joint : bool, default=False
        Whether to count the samples of which all outputs are inside at once.
    groups : array-like of shape (n_samples,), default=None
        Simulation of each sample. With it, all groups count the same, whatever their numbers
        of samples.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples, with groups those within a group.
    multioutput : {"raw_values", "uniform_average"} or array-like, default="uniform_average"
        One number for each output, their mean, or their mean with weights of shape (n_outputs,).
        Of no effect with ``joint=True``.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Share between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, a truth is not finite, a bound is NaN, or a lower bound is above its
        upper one.

    See Also
    --------
    coverage : The same for Gaussian errors.
    skastro.ensemble.ConformalRegressor : Intervals of a guaranteed coverage.

    Examples
    --------
    >>> from skastro.metrics import interval_coverage
    >>> interval_coverage([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 3.0, 3.0])
    0.75
    >>> interval_coverage([1.0, 4.0], [0.0, 0.0], [3.0, float("inf")])
    1.0
    """
    owner = "interval_coverage"
    truth = _check_numbers(owner, "y_true", y_true)
    lower, upper = (
        _check_bounds(owner, name, bounds, truth)
        for name, bounds in (("lower", lower), ("upper", upper))
    )
    if (lower > upper).any():
        raise ValueError(
            f"{owner} takes lower bounds that are not above upper ones; {(lower > upper).sum()} of "
            f"{truth.size} are. Swap lower and upper if they were given the other way round."
        )
    inside = ((lower <= truth) & (truth <= upper)).reshape(len(truth), -1).astype(float)
    if joint:
        inside, multioutput = inside.min(axis=1, keepdims=True), "uniform_average"
    if groups is not None:
        sample_weight = _weigh(owner, groups, len(truth), sample_weight)
    return average(owner, inside, sample_weight, multioutput)


def _check_bounds(owner, name, bounds, truth):
    """Bounds in float64, which may be infinite."""
    bounds = np.asarray(bounds, dtype=np.float64)
    if bounds.shape != truth.shape:
        raise ValueError(
            f"{owner} takes y_true, lower and upper of one shape; y_true has {truth.shape} and "
            f"{name} has {bounds.shape}."
        )
    if np.isnan(bounds).any():
        raise ValueError(
            f"{owner} takes bounds that are numbers or infinite; {np.isnan(bounds).sum()} of "
            f"{name} are NaN. Leave these samples out."
        )
    return bounds


def _weigh(owner, groups, n_samples, sample_weight):
    """Weights of samples that add up to 1 in each group."""
    groups = check_groups(groups, owner, n_samples)
    if sample_weight is None:
        return shares_of_groups(groups)[0]
    weight = _check_numbers(owner, "sample_weight", sample_weight)
    _, members = np.unique(groups, return_inverse=True)
    if weight.shape != members.shape:
        return weight
    totals = np.bincount(members, weight)[members]
    return np.divide(weight, totals, out=np.zeros_like(weight), where=totals > 0)
