"""Maps that are near-copies of others, turned, mirrored or shifted."""

from itertools import product

import numpy as np

from ._audit_phases import ALPHA, whitened

_LEAST = 0.3  # correlation of whitened maps
_WORK = 5e8  # cells of all transforms
_MOST = 5000  # pairs that are compared
_BLOCK = 1024
_FEW = 6  # maps, of which the mean is no common pattern
_RANDOM = 24  # pairs that tell what chance does
_CUBIC = 3  # order of the trend of log power with log k that parameters may cause


def near_copies(modes, waves, groups, skip=()):
    """Find pairs that agree after a symmetry and a shift.

    The powers of the modes, averaged over modes that symmetries turn into each other, change with
    neither. Pairs in which these scatter alike about a smooth spectrum are compared: the
    greatest correlation of the whitened maps over all shifts and symmetries is to be beyond
    chance, as in `agreeing_pairs`.

    Parameters
    ----------
    modes : ndarray of complex64, of shape (n, n_modes)
        Modes of `waves`.
    waves : WaveModes
        What modes there are.
    groups : ndarray of shape (n,)
        Groups; pairs of one group are left out.
    skip : set of tuple of int
        Pairs that are known.

    Returns
    -------
    list of tuple
        ``(first, second, correlation, element, shift)``: the second map is the first one,
        turned by an element of the symmetries, and then rolled by the shift.
    """
    groups = np.unique(groups, return_inverse=True)[1].reshape(-1)
    if len(modes) >= _FEW:
        modes = modes - modes.mean(axis=0)
    white, some = whitened(modes)
    if white.shape[1] < 8 or len(np.unique(groups)) < 2:
        return []
    dim = len(waves.spatial)
    grid = tuple(
        min(n, 4 * int(m) + 2) for n, m in zip(waves.spatial, waves.index.max(0), strict=True)
    )
    work = len(waves.elements) * np.prod(grid)
    pairs = _shortlist(modes, waves, groups, int(min(_MOST, _WORK / work)))
    pairs = [pair for pair in pairs if pair not in skip]
    full = np.zeros(modes.shape, dtype=np.complex64)
    full[:, some] = white
    n_trials = len(groups) ** 2 * len(waves.elements) * np.prod(waves.spatial) * 2**dim
    limit = np.sqrt(2 * np.log(n_trials / ALPHA))
    limit *= _excess(full, waves, grid)
    found = [(*pair, *_best(full[pair[0]], full[pair[1]], waves, grid)) for pair in pairs]
    return [
        (i, j, float(r), element, shift)
        for i, j, r, t, element, shift in found
        if r > _LEAST and t > limit
    ]


def _excess(full, waves, grid):
    """By how much the greatest t of any two maps exceeds what independent modes have, 1 or more."""
    rng = np.random.default_rng(0)
    pairs = [rng.permutation(len(full))[:2] for _ in range(_RANDOM)]
    values = [_best(full[i], full[j], waves, grid)[1] for i, j in pairs]
    expected = np.sqrt(2 * np.log(len(waves.elements) * np.prod(waves.spatial)))
    return max(1.0, float(np.median(values) / expected))


def _shortlist(modes, waves, groups, most):
    """Pairs of maps whose powers scatter alike, most alike first."""
    counts = np.bincount(waves.orbit)
    power = np.square(np.abs(modes))
    power /= np.maximum(power.sum(axis=1, keepdims=True), 1e-30)
    order = np.argsort(waves.orbit, kind="stable")
    starts = np.cumsum(counts) - counts
    power = np.add.reduceat(power[:, order], starts, axis=1) / counts
    mean = power.mean(axis=0)
    some = mean > 1e-12 * mean.max()
    log = np.log(np.maximum(power[:, some] / mean[some], 1e-6))
    k = np.linalg.norm(waves.index / np.array(waves.spatial), axis=1)
    log_k = np.log((np.bincount(waves.orbit, k) / counts)[some])
    weight = np.sqrt(counts[some])
    trend = np.vander(log_k - log_k.mean(), _CUBIC + 1) * weight[:, None]
    basis = np.linalg.qr(trend)[0]
    scatter = log * weight
    scatter = scatter - scatter @ basis @ basis.T
    norm = np.linalg.norm(scatter, axis=1, keepdims=True)
    scatter = (scatter / np.where(norm > 0, norm, 1)).astype(np.float32)
    least = 0.25
    best = [np.array([]), np.array([], dtype=int), np.array([], dtype=int)]
    for start in range(0, len(scatter), _BLOCK):
        alike = scatter[start : start + _BLOCK] @ scatter[start:].T
        rows = np.arange(start, start + len(alike))
        alike[(np.arange(start, len(scatter)) <= rows[:, None])] = -1
        alike[groups[rows][:, None] == groups[None, start:]] = -1
        first, second = np.nonzero(alike > least)
        new = alike[first, second], first + start, second + start
        best = [np.concatenate(column) for column in zip(best, new, strict=True)]
        if len(best[0]) > most:
            kept = np.argpartition(-best[0], most)[:most]
            best = [column[kept] for column in best]
            least = max(least, float(best[0].min()))
    order = np.argsort(-best[0], kind="stable")
    return [(int(best[1][i]), int(best[2][i])) for i in order]


def _best(one, other, waves, grid):
    """The greatest correlation of two maps, its t, and the symmetry and shift that give it."""
    dim, cells = len(grid), np.array(waves.spatial)
    products = other * waves.turned(one).conj()
    spectrum = np.zeros((len(products), *grid), dtype=np.complex64)
    spectrum[(slice(None), *waves.index.T)] = products
    surface = np.fft.fftn(spectrum.conj(), axes=range(1, dim + 1)).real
    place = np.unravel_index(surface.argmax(), surface.shape)
    product_, element = products[place[0]], waves.elements[place[0]]
    shift = np.array(place[1:]) * cells / np.array(grid)
    reach = np.where(cells > grid, np.ceil(cells / np.array(grid) / 2), 0).astype(int)
    reach = np.minimum(reach, 2)
    near = [np.round(s) + np.arange(-r, r + 1) for s, r in zip(shift, reach, strict=True)]
    shifts = np.array(list(product(*near)))
    phases = np.exp(2j * np.pi * shifts / cells @ waves.index.T)
    values = (product_ * phases).real
    top = values.sum(axis=1).argmax()
    value = values[top]
    t = value.sum() / max(np.linalg.norm(value), 1e-30)
    return value.sum(), t, element, tuple(int(s) for s in shifts[top] % cells)
