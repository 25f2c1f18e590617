"""From the maps of a simulation to one estimate for the simulation."""

from numbers import Real

import numpy as np
from sklearn.utils import Bunch

from ..utils import check_groups
from ..utils._typing import ArrayLike
from ._checks import check_targets


def aggregate_by_group(
    groups: ArrayLike,
    y_true: ArrayLike,
    y_pred: ArrayLike,
    y_std: ArrayLike | None = None,
    *,
    correlation: float = 1.0,
) -> Bunch:
    r"""Average the predictions of the samples of each group.

    The samples of a group, such as the maps of one simulation, have one truth, so their mean
    prediction is an estimate of it. Their errors are not independent: with equal correlation
    :math:`\rho` between any two of n samples of mean squared error
    :math:`\overline{\sigma^2}`, the error of the mean is at most
    :math:`\sqrt{\overline{\sigma^2}\,[\rho + (1 - \rho) / n]}`, and is equal to it where all
    errors are equally large.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Group of each sample, such as the number of its simulation.
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths, equal within a group.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape, default=None
        Predicted standard deviations, greater than zero.
    correlation : float, default=1.0
        Correlation between the errors of two samples of a group, from 0 to 1. The default, 1,
        gives the root mean square of the standard deviations, an upper bound: averaging is
        not credited with any gain. 0 takes samples as independent, and is too small a
        value for maps of one box.

    Returns
    -------
    sklearn.utils.Bunch
        One row for each group, in ascending order of the groups:

        groups : ndarray of shape (n_groups,)
            The groups.
        y_true, y_pred : ndarray of shape (n_groups,) or (n_groups, n_outputs)
            Truth and mean prediction.
        y_std : ndarray of the same shape or None
            Standard deviation of the mean prediction; None where none were given.
        counts : ndarray of shape (n_groups,)
            Number of samples.

    Raises
    ------
    ValueError
        If truths differ within a group, shapes differ, a standard deviation is not greater
        than zero, or `correlation` is not from 0 to 1.

    Examples
    --------
    >>> from skastro.metrics import aggregate_by_group
    >>> found = aggregate_by_group([7, 7, 9], [0.3, 0.3, 0.1], [0.2, 0.3, 0.1], [0.1, 0.1, 0.2])
    >>> found.groups, found.y_pred, found.y_std
    (array([7, 9]), array([0.25, 0.1 ]), array([0.1, 0.2]))
    """
    if not isinstance(correlation, Real) or not 0 <= correlation <= 1:
        raise ValueError(
            f"The 'correlation' parameter of aggregate_by_group must be a number from 0 to 1. Got "
            f"{correlation!r} instead."
        )
    flat = np.ndim(y_true) == 1
    y_true, y_pred, *rest = check_targets("aggregate_by_group", y_true, y_pred, y_std)
    groups = check_groups(groups, "aggregate_by_group")
    if len(groups) != len(y_true):
        raise ValueError(
            f"aggregate_by_group takes one group for each sample; got {len(groups)} groups and "
            f"{len(y_true)} samples."
        )
    names, first, members, counts = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    truth = y_true[first]
    differs = (y_true != truth[members]).any(axis=1)
    if differs.any():
        row = int(differs.argmax())
        raise ValueError(
            f"aggregate_by_group takes one truth for each group; in group {groups[row]!s}, samples "
            f"{first[members[row]]} and {row} have different y_true."
        )

    def mean(values):
        sums = np.zeros_like(truth)
        np.add.at(sums, members, values)
        return sums / counts[:, None]

    std = None
    if rest:
        std = np.sqrt(mean(rest[0] ** 2) * (correlation + (1 - correlation) / counts[:, None]))
    rows = {"y_true": truth, "y_pred": mean(y_pred), "y_std": std}
    if flat:
        rows = {name: None if row is None else row[:, 0] for name, row in rows.items()}
    return Bunch(groups=names, **rows, counts=counts)
