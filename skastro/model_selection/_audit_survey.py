"""The one pass over all maps in which an audit reads them."""

from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from ..maps import open_maps
from ..utils import check_finite, map_layout
from ._audit_modes import CosineModes, OneField, WaveModes, is_periodic

_SAMPLE = 48  # maps by which channels are combined
_LEAST_CELLS = 12  # cells unlike the others, of maps that can be told apart


class Survey(NamedTuple):
    """What is kept of maps.

    Attributes
    ----------
    maps : LazyMaps
        The maps themselves.
    layout : MapLayout
        Their axes.
    digests : list of bytes
        Equal for maps of equal values in whatever order.
    plain : ndarray of bool, of shape (n,)
        Whether a map has too few cells unlike the others to be told from chance.
    sums, squares, lows, highs : ndarray of float64, of shape (n, n_channels)
        Sum, sum of squares, least and greatest value of each channel of each map.
    cell_sums, cell_squares, cell_lows, cell_highs : ndarray of shape (n_channels, *spatial)
        The same of each cell over all maps.
    rows : ndarray of int
        Maps that have modes.
    cosines : CosineModes
        Cosine modes.
    cosine_modes : ndarray of shape (n_rows, n_modes)
        Their values.
    waves : WaveModes or None
        Fourier modes, of periodic maps.
    wave_modes : ndarray of shape (n_rows, n_modes) or None
        Their values.
    """

    maps: object
    layout: object
    digests: list
    plain: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    cell_sums: np.ndarray
    cell_squares: np.ndarray
    cell_lows: np.ndarray
    cell_highs: np.ndarray
    rows: np.ndarray
    cosines: object
    cosine_modes: np.ndarray
    waves: object
    wave_modes: np.ndarray


def survey(X, dim, most, rng):
    """Read all maps once.

    Parameters
    ----------
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps.
    dim : int or None
        Number of spatial axes, see `map_layout`.
    most : int
        Maps to take modes of, at most; chosen at random.
    rng : numpy.random.Generator
        Whence the choice comes.

    Returns
    -------
    Survey
        What is kept.

    Raises
    ------
    MapShapeError
        If the array is none of maps.
    ValueError
        If a value is not finite.
    """
    maps = open_maps(X)
    layout = map_layout(maps.shape, dim, "audit")
    shape, n = layout.map_shape, len(maps)
    chosen = np.sort(rng.permutation(n)[:_SAMPLE])
    sample = np.asarray(maps[chosen])
    check_finite(sample, "audit", dim=dim, samples=chosen)
    sample = sample.reshape(-1, *shape)
    field = OneField(sample)
    rows = np.sort(rng.permutation(n)[:most])
    cosines = CosineModes(layout.spatial)
    periodic = field.window is None and is_periodic(field(sample))
    waves = WaveModes(layout.spatial) if periodic else None
    has_modes = np.isin(np.arange(n), rows)
    digests, per_map, cells, cosine_modes, wave_modes = [], [], None, [], []
    start = 0
    for batch in maps.chunks():
        check_finite(batch, "audit", dim=dim, samples=range(start, start + len(batch)))
        chunk = batch.reshape(-1, *shape)
        ordered = np.sort(chunk.reshape(*chunk.shape[:2], -1) + np.float32(0), axis=-1)
        digests += [blake2b(values.tobytes(), digest_size=16).digest() for values in ordered]
        per_map.append(_of_maps(ordered))
        cells = cell_statistics(chunk, cells)
        wanted = chunk[has_modes[start : start + len(chunk)]]
        if len(wanted):
            fields = field(wanted)
            cosine_modes.append(cosines(fields).astype(np.float32))
            if waves is not None:
                wave_modes.append(waves(fields))
        start += len(chunk)
    plain, *statistics = (np.concatenate(column) for column in zip(*per_map, strict=True))
    return Survey(
        maps,
        layout,
        digests,
        plain,
        *statistics,
        *cells,
        rows,
        cosines,
        np.concatenate(cosine_modes),
        waves,
        None if waves is None else np.concatenate(wave_modes),
    )


def _of_maps(ordered):
    """Statistics of each channel of maps whose values are in order."""
    common = ordered[..., ordered.shape[-1] // 2, None]
    plain = (ordered != common).sum(axis=-1).max(axis=1) < min(_LEAST_CELLS, ordered.shape[-1] // 2)
    wide = ordered.astype(np.float64)
    sums, squares = wide.sum(axis=-1), np.square(wide).sum(axis=-1)
    return plain, sums, squares, wide[..., 0], wide[..., -1]


def cell_statistics(chunk, so_far=None):
    """Sum, sum of squares, minimum and maximum over samples.

    Parameters
    ----------
    chunk : ndarray of shape (n, ...)
        Samples.
    so_far : tuple of ndarray, default=None
        Statistics of earlier samples, which are included.

    Returns
    -------
    tuple of ndarray of float64
        The statistics.
    """
    wide = chunk.astype(np.float64)
    new = wide.sum(axis=0), np.square(wide).sum(axis=0), wide.min(axis=0), wide.max(axis=0)
    if so_far is None:
        return new
    join = np.add, np.add, np.minimum, np.maximum
    return tuple(f(a, b) for f, a, b in zip(join, so_far, new, strict=True))
