"""Targets that several samples share."""

import numpy as np

_DIGITS = 3  # numbers of so few digits are chosen by hand, and chance brings them together
_LEAST_SHARE = 0.2


def repeated_targets(y):
    """Number the samples by their targets, where these betray which simulation a sample is of.

    Maps that are cut from one simulation have its parameters, equal to the last digit, whereas
    continuous targets of different simulations are never equal. Classes, whole numbers and
    numbers of three digits, such as redshifts of a grid, say nothing.

    Parameters
    ----------
    y : object
        Targets, of shape (n_samples,) or (n_samples, n_targets).

    Returns
    -------
    ndarray of int, of shape (n_samples,), or None
        Number of the targets of each sample; equal numbers for equal targets. None unless at
        least two different targets are each shared by several samples, and these are at least
        a fifth of all.
    """
    y = np.asarray(y) if isinstance(y, np.ndarray | list | tuple) or hasattr(y, "iloc") else None
    if y is None or y.ndim not in (1, 2) or y.dtype.kind != "f" or len(y) < 2:
        return None
    rows, member, counts = np.unique(
        y.reshape(len(y), -1), axis=0, return_inverse=True, return_counts=True
    )
    shared = (counts > 1) & _is_measured(rows)
    if shared.sum() < 2 or counts[shared].sum() < _LEAST_SHARE * len(y):
        return None
    return member.reshape(-1)


def _is_measured(rows):
    """Whether a row has a number of more digits than people choose by hand."""
    rows = np.where(np.isfinite(rows), rows, 0)
    size = np.where(rows == 0, 1, np.abs(rows)).astype(np.float64)
    unit = 10.0 ** (np.floor(np.log10(size)) - _DIGITS + 1)
    error = np.abs(rows - np.round(rows / unit) * unit)
    return (error > 8 * np.finfo(np.float32).eps * size).any(axis=1) & (rows != np.round(rows)).any(
        axis=1
    )
