"""Maps that agree cell by cell beyond chance: equal initial conditions, noisy copies."""

from typing import NamedTuple

import numpy as np
from scipy import fft

ALPHA = 1e-3  # chance of a false alarm in a data set without leaks, for each test
_LEAST = 0.3  # correlation of whitened maps below which nothing is reported
_BLOCK = 1024
_WORK = 4e11  # products beyond which maps are compared coarsely
_MOST = 200_000  # pairs that are kept
_COMMON = 0.5  # share of all pairs above which it is a pattern of all maps
_LEAST_PAIRS = 28  # that tell what is common to a few percent
_SHIFTED = 1.0  # median of t, beyond which maps have something in common


class Pairs(NamedTuple):
    """Pairs of maps that agree.

    Attributes
    ----------
    first, second : ndarray of int, of shape (n_pairs,)
        Rows, the first below the second.
    correlation : ndarray of shape (n_pairs,)
        Correlation of the whitened maps.
    common : bool
        Whether so many maps agree that they share a pattern.
    alike : bool
        Whether most maps agree a little, so that the mean map is to be subtracted.
    """

    first: np.ndarray
    second: np.ndarray
    correlation: np.ndarray
    common: bool = False
    alike: bool = False


def agreeing_pairs(modes, cosines, groups, element=None, n_tests=1):
    r"""Find pairs of maps of different groups whose cosine modes agree beyond chance.

    Modes are divided by their mean power over all maps, so that each counts alike however red
    the spectrum is. Of independent maps the products of modes :math:`p_k = a_k b_k` have
    signs like those of a coin, so that :math:`t = \sum p_k / \sqrt{\sum p_k^2}` is beyond z with a
    probability of at most :math:`\exp(-z^2 / 2)` whatever the power of the modes, and never
    beyond the square root of their number. The same holds of the products of the cells of the
    whitened maps, of which few count where maps are sparse; both t have to be beyond z. Where
    modes are not independent, the spread of t between maps and mirrored maps, and of negative t
    between maps, tells how much z has to be raised.

    Parameters
    ----------
    modes : ndarray of shape (n, n_modes)
        Modes, see `CosineModes`.
    cosines : CosineModes
        What modes there are.
    groups : ndarray of shape (n,)
        Groups; pairs of one group are left out.
    element : tuple, default=None
        Symmetry ``(order, sign)`` by which the second map of a pair is turned; None does not.
    n_tests : int, default=1
        How many such searches there are.

    Returns
    -------
    Pairs
        The pairs.
    """
    groups = np.unique(groups, return_inverse=True)[1].reshape(-1)
    n_pairs = (len(groups) ** 2 - np.square(np.bincount(groups)).sum()) // 2
    none = np.array([], dtype=int)
    if n_pairs == 0:
        return Pairs(none, none, np.array([]))
    found, n_found, alike = [], 0, False
    index, kept = cosines.index, cosines.kept
    scales = [index < np.array(kept) / part for part in (1, 2)]
    if n_tests * modes.size * len(modes) > _WORK:
        scales = scales[1:]
    for chosen in {tuple(c.all(axis=1)) for c in scales}:
        white, some = whitened(modes[:, chosen])
        limit = np.sqrt(2 * np.log(2 * n_pairs * n_tests / ALPHA))
        if np.sqrt(white.shape[1]) <= limit:
            continue
        waves = index[np.array(chosen)][some]
        spread, median = _chance(white, waves, groups)
        limit *= spread
        alike |= median > _SHIFTED
        cells = _cells(white, waves, kept)
        pairs, n = _search(
            white, cells, groups, limit, *_turned(white, cells, waves, kept, element)
        )
        found.append(pairs)
        n_found = max(n, n_found)
    if not found:
        return Pairs(none, none, np.array([]))
    first, second, correlation = (np.concatenate(column) for column in zip(*found, strict=True))
    _, unique = np.unique(first * len(groups) + second, return_index=True)
    common = n_found > _COMMON * n_pairs and (n_pairs >= _LEAST_PAIRS or groups.max() > 1)
    return Pairs(first[unique], second[unique], correlation[unique], common, alike)


def whitened(modes):
    """Modes of equal mean power, maps of norm 1; modes without power are left out.

    Parameters
    ----------
    modes : ndarray of shape (n, n_modes)
        Real or complex modes.

    Returns
    -------
    white : ndarray of shape (n, n_kept)
        Modes.
    some : ndarray of bool, of shape (n_modes,)
        Which modes are kept.
    """
    power = np.square(np.abs(modes))
    total = power.sum(axis=1, keepdims=True)
    modes = modes / np.sqrt(np.where(total > 0, total, 1))
    power = (power / np.where(total > 0, total, 1)).mean(axis=0)
    some = power > 1e-12 * power.max(initial=0)
    modes = modes[:, some] / np.sqrt(power[some])
    norm = np.linalg.norm(modes, axis=1, keepdims=True)
    modes = modes / np.where(norm > 0, norm, 1)
    return modes.astype(np.complex64 if np.iscomplexobj(modes) else np.float32), some


def _cells(white, waves, kept):
    """Whitened maps of few cells, in float32."""
    grid = np.zeros((len(white), *kept), dtype=np.float32)
    grid[(slice(None), *waves.T)] = white
    cells = fft.idctn(grid, norm="ortho", axes=range(1, grid.ndim), overwrite_x=True)
    return cells.reshape(len(white), -1)


def _chance(white, index, groups):
    """Standard deviation of t where nothing agrees, 1 or more, and the median of t of all pairs."""
    rows = np.random.default_rng(0).permutation(len(white))[:300]
    dim = index.shape[1]
    values = []
    for flip in range(1, 2**dim):
        axes = [k for k in range(dim) if flip >> k & 1]
        sign = 1 - 2 * (index[:, axes].sum(axis=1) % 2)
        values.append(_statistic(white[rows], (white * sign)[rows])[0])
    apart = groups[rows][:, None] != groups[rows]
    values = np.abs(np.concatenate([v[apart] for v in values]))
    values = values[values < np.quantile(values, 0.95)]
    # Standard deviation of a normal distribution cut at its central 95 %.
    spread = float(np.sqrt(np.square(values).mean()) / 0.8711) if values.size else 1.0
    t = _statistic(white[rows], white[rows])[0][np.triu(apart)]
    if len(t) < _LEAST_PAIRS:
        return max(1.0, spread), 0.0
    # Leaks raise t; what maps have in common with either sign lowers it as often.
    below = -t[t < 0]
    spread = max(1.0, spread, float(np.sqrt(np.square(below).mean())) if below.size else 1.0)
    return spread, float(np.median(t))


def _statistic(left, right):
    """The statistic t and the correlation, each of shape (n_left, n_right)."""
    correlation = left @ right.T
    spread = np.square(left) @ np.square(right).T
    return correlation / np.sqrt(np.maximum(spread, 1e-30)), correlation


def _turned(white, cells, waves, kept, element):
    """Modes and cells of the turned maps."""
    if element is None:
        return white, cells
    order, sign = element
    grid = np.zeros((len(white), *kept), dtype=np.float32)
    grid[(slice(None), *waves.T)] = white
    odd = waves[:, sign < 0].sum(axis=1) % 2
    grid = grid.transpose(0, *(1 + k for k in order))
    white = grid[(slice(None), *waves.T)] * (1 - 2 * odd).astype(np.float32)
    return white, _cells(white, waves, kept)


def _search(white, cells, groups, limit, other, other_cells):
    """Rows and correlations of the pairs beyond the limit, and their number."""
    found, n_found, n_kept = [], 0, 0
    for start in range(0, len(white), _BLOCK):
        t, r = _statistic(white[start : start + _BLOCK], other[start:])
        rows = np.arange(start, start + len(t))
        hit = (t > limit) & (r > _LEAST) & (groups[rows][:, None] != groups[None, start:])
        hit &= np.arange(start, len(white)) > rows[:, None]
        first, second = np.nonzero(hit)
        size = _size_of_products(cells, other_cells, first + start, second + start)
        dense = r[first, second] > limit * size
        first, second = first[dense], second[dense]
        n_found += len(first)
        if n_kept > _MOST:  # one partner of each map is enough to join them
            _, one = np.unique(second, return_index=True)
            first, second = first[one], second[one]
        n_kept += len(first)
        found.append((first + start, second + start, r[first, second]))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True)), n_found


def _size_of_products(cells, other, first, second):
    """Root of the summed squared products of each pair, in blocks."""
    out = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = np.linalg.norm(cells[first[part]] * other[second[part]], axis=1)
    return out
