"""Losses of the test samples, and how many independent ones they are worth."""

import numpy as np

from ..metrics import effective_sample_size


def n_effective(predictions, y, folds, groups):
    """Effective number of independent test samples.

    Parameters
    ----------
    predictions : list of ndarray of shape (n_test, ...)
        Predictions of each fold, None where it failed.
    y : ndarray or LazyMaps of shape (n_samples, ...)
        Truths.
    folds : list of tuple of ndarray of int
        Rows to train and to test on.
    groups : ndarray of shape (n_samples,)
        Groups.

    Returns
    -------
    float
        The number, from the losses, averaged where several folds test on one sample; NaN where a
        fold failed.
    """
    if any(of_fold is None for of_fold in predictions):
        return np.nan
    truths = [np.asarray(y[test]) for _, test in folds]
    variance = _variances(truths)
    pairs = zip(truths, predictions, strict=True)
    losses = np.concatenate([_losses(truth, pred, variance) for truth, pred in pairs])
    tested = np.concatenate([test for _, test in folds])
    rows, sample = np.unique(tested, return_inverse=True)
    mean = np.bincount(sample, losses) / np.bincount(sample)
    return effective_sample_size(mean, groups[rows]) if np.isfinite(mean).all() else np.nan


def _variances(truths):
    """Variance of each target over all folds, None for classes and fields."""
    if truths[0].dtype.kind not in "fiu" or truths[0].ndim > 2:
        return None
    variance = np.concatenate(truths).astype(np.float64).reshape(-1, *truths[0].shape[1:]).var(0)
    return np.where(variance > 0, variance, 1.0)


def _losses(y, pred, variance):
    """Misclassification, or mean squared error of the targets over their variances."""
    n = len(y)
    if y.ndim > 2:
        pairs = zip(y, pred, strict=True)
        return np.array([np.mean((p - t.astype(np.float64)) ** 2) for t, p in pairs])
    if variance is None or pred.dtype.kind != "f":
        return (y != pred).reshape(n, -1).any(axis=1).astype(np.float64)
    error = pred.reshape(y.shape) - y
    return (error**2 / variance).reshape(n, -1).mean(axis=1)
