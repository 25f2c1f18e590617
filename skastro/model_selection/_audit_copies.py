"""Maps that are others to the last bit, turned, mirrored or shifted."""

import numpy as np
from scipy import fft
from scipy.special import gammaln

from ._audit_modes import symmetries

_MOST = 3000  # pairs that are compared cell by cell
_CHANCE = 1e-3  # of any pair of maps of few values being equal


def exact_copies(survey):
    """Find maps that a symmetry and a periodic shift turn into each other.

    Parameters
    ----------
    survey : Survey
        What is known of the maps.

    Returns
    -------
    copies : list of tuple
        ``(first, second, element, shift)``: the second map is the first one turned by an
        element and rolled by the shift, see `turned`.
    equal_values : list of list of int
        Maps that have equal values, which no symmetry brings to their places, which are too
        many to be compared, or which chance may bring there.
    """
    buckets = {}
    for row in np.flatnonzero(~survey.plain).tolist():
        buckets.setdefault(survey.digests[row], []).append(row)
    copies, equal_values, n_compared = [], [], 0
    for bucket in buckets.values():
        if len(bucket) < 2:
            continue
        if not _is_telling(bucket[0], survey):
            equal_values.append(bucket)
            continue
        originals, left = [], []
        for row in bucket:
            candidate = _Candidate(row, survey)
            for original in originals:
                if n_compared >= _MOST:
                    break
                if not candidate.may_be(original):
                    continue
                n_compared += 1
                how = _how(original, candidate)
                if how is not None:
                    copies.append((original.row, row, *how))
                    break
            else:
                originals.append(candidate)
                continue
            if n_compared >= _MOST and (not copies or copies[-1][1] != row):
                left.append(row)
        if len(originals) + len(left) > 1:
            equal_values.append([original.row for original in originals] + left)
    return copies, equal_values


def _is_telling(row, survey):
    """Whether maps of the values of a map, put in any order, are hardly ever alike by chance."""
    maps = np.asarray(survey.maps[[row]]).reshape(survey.layout.map_shape)
    counts = [np.unique(channel, return_counts=True)[1] for channel in maps]
    n_cells = maps[0].size
    if max(len(number) for number in counts) > n_cells / 2:
        return True
    n_orders = sum(gammaln(n_cells + 1) - gammaln(number + 1).sum() for number in counts)
    spatial = survey.layout.spatial
    n_ways = len(symmetries(spatial)) * n_cells * len(survey.maps) ** 2 / 2
    return bool(n_orders > np.log(n_ways / _CHANCE))


class _Candidate:
    """A map, its Fourier modes, and their sizes in order, which symmetries leave alone."""

    def __init__(self, row, survey):
        self.row = row
        self.map = np.asarray(survey.maps[[row]]).reshape(survey.layout.map_shape)
        centred = self.map - self.map.mean(dtype=np.float64)
        axes = range(1, self.map.ndim)
        self.modes = fft.rfftn(centred, axes=axes)
        self.sizes = np.sort(np.abs(fft.fftn(centred, axes=axes)), axis=None)

    def may_be(self, other):
        """Whether both maps have the same powers."""
        scale = self.sizes[-1]
        return np.allclose(self.sizes, other.sizes, rtol=1e-4, atol=1e-5 * scale)


def _how(original, candidate):
    """The symmetry and the shift that turn one map into the other, or None."""
    spatial = original.map.shape[1:]
    axes = range(1, original.map.ndim)
    for element in symmetries(spatial):
        image = turned(original.map, element)
        if np.array_equal(image, candidate.map):
            return element, (0,) * len(spatial)
        modes = fft.rfftn(image - image.mean(dtype=np.float64), axes=axes)
        surface = fft.irfftn(
            (candidate.modes * modes.conj()).sum(axis=0), s=spatial, axes=range(len(spatial))
        )
        place = np.unravel_index(surface.argmax(), spatial)
        if np.array_equal(turned(original.map, element, place), candidate.map):
            return element, tuple(int(k) for k in place)
    return None


def turned(one, element, shift=None):
    """Turn a map by a symmetry, then shift it.

    Parameters
    ----------
    one : ndarray of shape (n_channels, *spatial)
        A map.
    element : tuple
        Order of the axes, and signs, of which -1 mirrors: ``x[::-1]``.
    shift : tuple of int, default=None
        Cells to roll by.

    Returns
    -------
    ndarray of shape (n_channels, *spatial)
        The map that comes out.
    """
    order, sign = element
    image = one.transpose(0, *(1 + k for k in order))
    image = np.flip(image, [1 + k for k, s in enumerate(sign) if s < 0])
    return image if shift is None else np.roll(image, shift, range(1, one.ndim))


def words(element, shift):
    """Say what a symmetry and a shift do.

    Parameters
    ----------
    element : tuple
        Order of the axes, and signs.
    shift : tuple of int
        Cells.

    Returns
    -------
    str
        Such as "axes in the order (1, 0), mirrored along axis 0, shifted by (3, 5)"; "unchanged"
        where it is neither.
    """
    order, sign = element
    parts = []
    if tuple(order) != tuple(range(len(order))):
        parts.append(f"axes in the order {tuple(order)}")
    mirrored = [str(k) for k, s in enumerate(sign) if s < 0]
    if mirrored:
        parts.append(f"mirrored along axis {' and '.join(mirrored)}")
    if any(shift):
        parts.append(f"shifted by {tuple(int(s) for s in shift)} cells")
    return ", ".join(parts) or "unchanged"
