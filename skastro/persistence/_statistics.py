"""Numbers that tell maps of one kind from those of another, and their ranges."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..maps import LazyMaps
from ..utils import as_numpy

STATISTICS = ("mean", "std", "1 %", "median", "99 %")
_QUANTILES = (0.01, 0.5, 0.99)
# Most cells that quantiles of a map are found from, at equal steps.
_N_CELLS = 1 << 16
_WIDER = 0.5


def sampled(maps: Any, n_bytes: int, most: int | None = None) -> np.ndarray:
    """Rows of maps at equal steps, as many as fit.

    Parameters
    ----------
    maps : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        The maps.
    n_bytes : int
        Bytes in float32 that they may take.
    most : int, default=None
        Greatest number of rows.

    Returns
    -------
    ndarray of int
        Numbers of the rows, one at least; the first and the last where there are two.
    """
    of_one = 4 * max(1, math.prod(maps.shape[1:]))
    n_rows = min(len(maps), max(1, n_bytes // of_one), most or len(maps))
    return np.unique(np.linspace(0, len(maps) - 1, n_rows).round().astype(int))


def chunks_of(maps: Any, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Read rows of maps, a chunk at a time.

    Parameters
    ----------
    maps : array-like, torch.Tensor or LazyMaps of shape (n_samples, ...)
        The maps.
    rows : ndarray of int
        Numbers of the rows, ascending.

    Yields
    ------
    ndarray of shape (n, ...)
        Consecutive ones of these rows.
    """
    if isinstance(maps, LazyMaps):
        yield from maps[rows].chunks()
        return
    size = max(1, (1 << 25) // (4 * max(1, math.prod(maps.shape[1:]))))
    for start in range(0, len(rows), size):
        yield np.asarray(as_numpy(maps[rows[start : start + size]]))


def map_statistics(maps: np.ndarray, n_channels: int) -> np.ndarray:
    """Mean, spread and quantiles of each channel of each map.

    Parameters
    ----------
    maps : ndarray of shape (n_samples, [n_channels,] *spatial)
        Maps in memory.
    n_channels : int
        Number of channels.

    Returns
    -------
    ndarray of shape (n_samples, n_channels, 5)
        The numbers that ``STATISTICS`` names. Quantiles of large maps are those of some cells.
    """
    cells = maps.reshape(len(maps), n_channels, -1)
    step = max(1, cells.shape[-1] // _N_CELLS)
    step += step > 1 and step % 2 == 0  # axes of even length are not gone along
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        mean = cells.mean(-1, dtype=np.float64)
        std = cells.std(-1, dtype=np.float64)
        quantiles = np.quantile(cells[..., ::step].astype(np.float64), _QUANTILES, axis=-1)
    return np.stack([mean, std, *quantiles], axis=-1)


def widened(
    low: np.ndarray, high: np.ndarray, spread: np.ndarray, one_signed: np.ndarray
) -> np.ndarray:
    """A range of a statistic, with the room that maps not seen in training need.

    Parameters
    ----------
    low, high : ndarray
        Least and greatest value of the statistic over training maps.
    spread : ndarray
        Greatest standard deviation of the values within a training map.
    one_signed : ndarray of bool
        Whether the statistic cannot have but one sign, as that of values that are not negative.

    Returns
    -------
    low, high : ndarray
        Bounds. Half the width and half the spread are added on each side. Where the statistic
        has one sign, and would be allowed to change it by this, its range is widened by a factor
        instead: 1.5 times the root of the ratio of its ends.
    """
    low, high, spread = (np.asarray(values, dtype=np.float64) for values in (low, high, spread))
    margin = _WIDER * (high - low) + _WIDER * spread
    bounds = np.stack([low - margin, high + margin])
    small = np.minimum(np.abs(low), np.abs(high))
    large = np.maximum(np.abs(low), np.abs(high))
    by_ratio = one_signed & (low * high > 0) & (margin >= small)
    with np.errstate(all="ignore"):
        factor = (1 + _WIDER) * (large / small) ** _WIDER
        ratios = np.where(low > 0, [low / factor, high * factor], [low * factor, high / factor])
    return np.where(by_ratio, ratios, bounds)
