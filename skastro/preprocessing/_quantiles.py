"""Exact quantiles of float32 values that do not fit in memory."""

import numpy as np

_BINS = 1 << 16


def exact_quantiles(read_chunks, percentages):
    """Quantiles of each channel in two passes of bounded memory.

    A float32 has 2**32 values, whose bits can be ordered as the numbers are. The first pass
    counts the upper 16 bits, which brackets each wanted order statistic; the second counts
    the lower 16 bits inside those brackets, which gives it exactly.

    Parameters
    ----------
    read_chunks : callable
        Returns, each time that it is called, an iterator over the same float32 arrays of
        shape (n_samples, n_channels, n_cells).
    percentages : sequence of float
        Percentages from 0 to 100.

    Returns
    -------
    ndarray of shape (n_percentages, n_channels)
        Quantiles as `numpy.percentile` gives them by linear interpolation, float64.
    """
    upper = None
    for chunk in read_chunks():
        if upper is None:
            upper = np.zeros((chunk.shape[1], _BINS), dtype=np.int64)
        for channel in range(len(upper)):
            upper[channel] += np.bincount(_ordered(chunk[:, channel]) >> 16, minlength=_BINS)
    upper.cumsum(axis=1, out=upper)
    ranks = (upper[0, -1] - 1) * np.asarray(percentages, dtype=np.float64) / 100
    below = np.floor(ranks).astype(np.int64)
    wanted = np.unique([below, np.minimum(below + 1, upper[0, -1] - 1)])
    brackets = np.stack([np.searchsorted(row, wanted, side="right") for row in upper])
    before = np.take_along_axis(upper, brackets - 1, axis=1)  # only NaN has bracket 0
    del upper

    lower = [{int(b): np.zeros(_BINS, dtype=np.int64) for b in row} for row in brackets]
    for chunk in read_chunks():
        for channel, counts in enumerate(lower):
            keys = _ordered(chunk[:, channel])
            for bracket in counts:
                inside = keys[keys >> 16 == bracket] & (_BINS - 1)
                counts[bracket] += np.bincount(inside, minlength=_BINS)

    statistics = np.empty(brackets.shape, dtype=np.float64)
    for (channel, i), bracket in np.ndenumerate(brackets):
        seen = lower[channel][int(bracket)].cumsum()
        bits = np.searchsorted(seen, wanted[i] - before[channel, i], side="right")
        statistics[channel, i] = _number((bracket << 16) | bits)
    low = statistics[:, np.searchsorted(wanted, below)]
    high = statistics[:, np.minimum(np.searchsorted(wanted, below + 1), len(wanted) - 1)]
    return (low + (high - low) * (ranks - below)).T


def _ordered(values):
    """Bits of float32 values as unsigned integers that sort as the values do."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).ravel()
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _number(key):
    """The value whose ordered bits are `key`."""
    key = np.uint32(key)
    return (key & np.uint32((1 << 31) - 1) if key >> 31 else ~key).view(np.float32)
