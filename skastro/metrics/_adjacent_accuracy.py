"""Accuracy for classes that have an order."""

from numbers import Integral

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._typing import ArrayLike


def adjacent_accuracy_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    distance: int = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of samples whose predicted class is the true one or close to it.

    Classes in bins of a number, such as redshifts, have an order, and to miss by one
    class is less wrong than to miss by ten. The distance is counted in classes.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True and predicted classes.
    labels : array-like of shape (n_classes,), default=None
        All classes in their order. None takes those that occur in `y_true` or `y_pred`,
        sorted; a class that does not occur is then no step.
    distance : int, default=1
        Greatest distance that counts as right. 0 gives the accuracy.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If lengths differ, there are no samples, `distance` is no integer of 0 or greater, or a
        class is not among `labels` or occurs there twice.

    See Also
    --------
    sklearn.metrics.accuracy_score : Share of samples in the true class.

    Examples
    --------
    >>> from skastro.metrics import adjacent_accuracy_score
    >>> adjacent_accuracy_score([6.0, 6.5, 7.0, 7.5], [6.0, 7.0, 6.0, 7.5])
    0.75
    """
    owner = "adjacent_accuracy_score"
    if not isinstance(distance, Integral) or isinstance(distance, bool) or distance < 0:
        raise ValueError(
            f"The 'distance' parameter of {owner} must be an integer of 0 or greater. Got "
            f"{distance!r} instead."
        )
    y_true, y_pred = column_or_1d(y_true), column_or_1d(y_pred)
    check_consistent_length(y_true, y_pred, sample_weight)
    if not len(y_true):
        raise ValueError(f"{owner} takes at least one sample; y_true is empty.")
    both = np.concatenate([y_true, y_pred])
    labels = np.unique(both) if labels is None else column_or_1d(labels)
    if len(np.unique(labels)) != len(labels):
        raise ValueError(f"The 'labels' parameter of {owner} names a class twice: {labels}.")
    unknown = both[~np.isin(both, labels)]
    if len(unknown):
        raise ValueError(
            f"{owner}: class {unknown.tolist()[0]!r} is not among labels={labels}. Name all "
            f"classes."
        )
    order = np.argsort(labels)
    rank = order[np.searchsorted(labels, both, sorter=order)]
    true, predicted = np.split(rank, 2)
    near = np.abs(true - predicted) <= distance
    return accuracy_score(np.ones_like(near), near, sample_weight=sample_weight)
