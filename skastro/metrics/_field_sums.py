"""What the scores of fields are made of: sums over the cells of each sample."""

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from ..maps import LazyMaps
from ..utils import check_groups

_CHUNK_BYTES = 1 << 25
_BLOCK_CELLS = 1 << 21


class FieldSums(NamedTuple):
    """Sums over the cells of each sample, in float64; those of an array of shape (n_samples,).

    Attributes
    ----------
    n_cells : int
        Cells of a sample.
    mean_true, mean_pred : ndarray of shape (n_samples,)
        Means, less `origin`, so that an offset of the fields costs no digits.
    origin : float
        Truth of the first cell.
    spread : ndarray of shape (n_samples,)
        Sum of squared differences of the truths from their mean.
    error : ndarray of shape (n_samples,)
        Sum of squared differences of predictions from truths.
    counts : ndarray of int of shape (n_samples, 2, 2)
        Cells whose truth (axis 1) and prediction (axis 2) are above the threshold (1) or not (0).
    """

    n_cells: int
    mean_true: np.ndarray
    mean_pred: np.ndarray
    origin: float
    spread: np.ndarray
    error: np.ndarray
    counts: np.ndarray

    def pooled_spread(self, weight):
        """Sum of squared differences from the common mean, for each row of weights."""
        mean = weighted_mean(self.mean_true, weight)
        between = self.n_cells * (self.mean_true - mean[:, None]) ** 2
        return (weight * (self.spread + between)).sum(axis=1)

    def r2(self, weight):
        """Coefficient of determination of all cells, for each row of weights of the samples."""
        spread, error = self.pooled_spread(weight), weight @ self.error
        return np.divide(spread - error, spread, out=np.full(len(weight), np.nan), where=spread > 0)


def weighted_mean(values, weight):
    """Mean of values for each row of weights; that of equal values is exactly their value."""
    first = values[weight.argmax(axis=1), None]
    return first[:, 0] + (weight * (values - first)).sum(axis=1) / weight.sum(axis=1)


def check_fields(owner, y_true, y_pred):
    """Check that two arrays are fields of one shape, without reading lazy ones.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields.

    Returns
    -------
    y_true, y_pred : ndarray or LazyMaps
        The fields.

    Raises
    ------
    ValueError
        If the shapes differ, there is no sample or cell, or the values are no real numbers.
    """
    y_true, y_pred = as_field(owner, "y_true", y_true), as_field(owner, "y_pred", y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{owner} takes y_true and y_pred of one shape; y_true has {y_true.shape} and y_pred "
            f"has {y_pred.shape}. Where one has an axis for a single channel, take it out: y[:, 0]."
        )
    return y_true, y_pred


def as_field(owner, name, values):
    """Refuse what holds no samples of real numbers.

    Parameters
    ----------
    owner, name : str
        Who asks and which argument, named in errors.
    values : array-like or LazyMaps of shape (n_samples, ...)
        What was given.

    Returns
    -------
    ndarray or LazyMaps
        The fields.

    Raises
    ------
    ValueError
        If there is no sample or cell, or the values are no real numbers.
    """
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        raise ValueError(
            f"{owner} takes no masked values, and the mask of {name} would be lost. Fill them "
            f"first: {name}.filled(value)."
        )
    values = values if isinstance(values, LazyMaps) else np.asarray(values)
    if values.dtype == object:
        with suppress(TypeError, ValueError):
            values = values.astype(np.float64)
    if values.ndim < 1 or 0 in values.shape or values.dtype.kind not in "biuf":
        raise ValueError(
            f"{owner} takes real numbers of shape (n_samples, [n_channels,] *spatial), with a "
            f"sample and a cell at least; {name} has shape {values.shape} and dtype "
            f"{values.dtype}."
        )
    return values


def read_samples(owner, name, values, start, stop):
    """Read samples and check that they are finite.

    Parameters
    ----------
    owner, name : str
        Who asks and which argument, named in errors.
    values : ndarray or LazyMaps of shape (n_samples, ...)
        What went through `as_field`.
    start, stop : int
        First sample, and the one after the last.

    Returns
    -------
    ndarray of shape (stop - start, ...)
        The samples.

    Raises
    ------
    ValueError
        If a value is NaN or infinite.
    """
    chunk = np.asarray(values[start:stop])
    for number, sample in enumerate(chunk, start):
        finite = np.isfinite(sample)
        if not finite.all():
            place = tuple(np.argwhere(~finite)[0].tolist())
            kind = "NaN" if np.isnan(sample[place]) else "inf"
            raise ValueError(
                f"{owner}: {name} contains {kind}, first in sample {number} at {place}. Leave the "
                f"sample out, or fill its bad cells in y_true and in y_pred alike."
            )
    return chunk


def chunk_slices(*fields):
    """Go through fields of equally many samples a few samples at a time.

    Parameters
    ----------
    *fields : ndarray or LazyMaps of shape (n_samples, ...)
        The fields.

    Yields
    ------
    start, stop : int
        First sample of a chunk, and the one after its last.
    """
    n_samples = len(fields[0])
    size = max(1, _CHUNK_BYTES * n_samples // max(values.nbytes for values in fields))
    for start in range(0, n_samples, size):
        yield start, min(start + size, n_samples)


def field_sums(owner, y_true, y_pred, threshold=0.5):
    """Sums over the cells of each sample, reading a few samples at a time.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    y_true, y_pred : ndarray or LazyMaps of shape (n_samples, ...)
        What went through `check_fields`.
    threshold : float, default=0.5
        What a value is above or not.

    Returns
    -------
    FieldSums
        The sums.
    """
    n_samples, origin = len(y_true), None
    mean_true, mean_pred, spread, error = np.zeros((4, n_samples))
    counts = np.zeros((n_samples, 2, 2), dtype=np.int64)
    for start, stop in chunk_slices(y_true, y_pred):
        both = [
            read_samples(owner, name, values, start, stop)
            for name, values in (("y_true", y_true), ("y_pred", y_pred))
        ]
        both = [chunk.reshape(len(chunk), -1) for chunk in both]
        for i, truth, pred in zip(range(start, stop), *both, strict=True):
            origin = float(truth[0]) if origin is None else origin
            mean_true[i], mean_pred[i] = _mean(truth, origin), _mean(pred, origin)
            for first in range(0, len(truth), _BLOCK_CELLS):
                block = slice(first, first + _BLOCK_CELLS)
                t, p = (values[block].astype(np.float64) for values in (truth, pred))
                above = 2 * (t > threshold) + (p > threshold)
                counts[i] += np.bincount(above, minlength=4).reshape(2, 2)
                error[i] += np.square(p - t).sum()
                spread[i] += np.square(t - origin - mean_true[i]).sum()
    return FieldSums(len(truth), mean_true, mean_pred, origin, spread, error, counts)


def _mean(values, origin):
    """Mean of the differences from an origin; that of equal values is exactly theirs."""
    first = float(values[0])
    starts = range(0, len(values), _BLOCK_CELLS)
    blocks = (values[i : i + _BLOCK_CELLS].astype(np.float64) for i in starts)
    return (first - origin) + sum((block - first).sum() for block in blocks) / len(values)


def rows_by(owner, by, n_samples):
    """Distinct values, and which samples have each.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    by : array-like of shape (n_samples,)
        A number or string for each sample.
    n_samples : int
        Number of samples.

    Returns
    -------
    values : ndarray of shape (n_values,)
        The distinct values, ascending.
    rows : ndarray of bool of shape (n_values, n_samples)
        Which samples have each value.

    Raises
    ------
    ValueError
        If there is not one number or string for each sample, or one is NaN.
    """
    allowed = f"one number or string for each of {n_samples} samples, of one kind and none NaN"
    try:
        by = check_groups(by, owner)
    except ValueError as error:
        raise ValueError(
            f"The 'by' parameter of {owner} must be {allowed}. Got {by!r} instead."
        ) from error
    if len(by) != n_samples:
        raise ValueError(
            f"The 'by' parameter of {owner} must be {allowed}. Got {len(by)} values instead."
        )
    values = np.unique(by)
    return values, values[:, None] == by


def check_threshold(owner, threshold):
    """Refuse a threshold that is no finite number.

    Parameters
    ----------
    owner : str
        Who asks, named in the error.
    threshold : float
        What was given.

    Raises
    ------
    ValueError
        If it is no finite number.
    """
    is_number = isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool)
    if not is_number or not np.isfinite(threshold):
        raise ValueError(
            f"The 'threshold' parameter of {owner} must be a finite number, in the units of the "
            f"fields. Got {threshold!r} instead."
        )


def matthews(counts):
    """Matthews correlation of a table of two classes; 0 where one side has a single class.

    Parameters
    ----------
    counts : ndarray of int of shape (2, 2)
        Cells by true class (rows) and predicted class (columns).

    Returns
    -------
    float
        From -1 to 1.
    """
    (tn, fp), (fn, tp) = counts.tolist()
    scale = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / scale**0.5 if scale else 0.0
