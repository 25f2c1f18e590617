"""Few numbers of each map by which maps are compared: cosine and Fourier modes of one field."""

from itertools import permutations, product

import numpy as np
from scipy import fft

_COSINES = {1: 512, 2: 32, 3: 10}  # modes along an axis
_WAVES = {1: 256, 2: 15, 3: 4}  # greatest wavenumber along an axis


class OneField:
    """One Gaussian-like field made of all channels, by a fixed rule for each cell.

    A channel is brought closer to a Gaussian by the logarithm or the inverse hyperbolic sine
    where it has long tails; of the standardized channels the first principal component is taken.
    Of maps that share a mask the mean of the other cells is subtracted.

    Parameters
    ----------
    sample : ndarray of shape (n, n_channels, *spatial)
        Some of the maps.

    Attributes
    ----------
    window : ndarray of bool, of shape spatial, or None
        Cells that are not masked; None without a mask.
    """

    def __init__(self, sample):
        self._functions = [_choose(sample[:, i]) for i in range(sample.shape[1])]
        shaped = np.stack([f(sample[:, i]) for i, f in enumerate(self._functions)], axis=1)
        axes = (0, *range(2, sample.ndim))
        self._mean = shaped.mean(axis=axes, keepdims=True)[0]
        std = shaped.std(axis=axes, keepdims=True)[0]
        flat = np.moveaxis((shaped - self._mean) / np.where(std > 0, std, 1), 1, 0)
        flat = flat.reshape(len(flat), -1).astype(np.float64)
        weight = np.linalg.eigh(flat @ flat.T)[1][:, -1].reshape(std.shape)
        self._weight = np.where(std > 0, weight / np.where(std > 0, std, 1), 0).astype(np.float32)
        self.window = _window(sample)

    def __call__(self, maps):
        """The field of each of some maps, of shape (n, *spatial)."""
        shaped = np.stack([f(maps[:, i]) for i, f in enumerate(self._functions)], axis=1)
        field = ((shaped - self._mean) * self._weight).sum(axis=1, dtype=np.float32)
        if self.window is None:
            return field
        mean = field[:, self.window].mean(axis=1).reshape(-1, *[1] * self.window.ndim)
        return (field - mean) * self.window


def _window(sample):
    """Cells that are not masked, which is of one value in all maps; None without a mask."""
    first = sample[0]
    alike = (sample == first).all(axis=(0, 1))
    if not alike.any() or alike.all():
        return None
    value = first[(slice(None), alike)]
    return ~alike if (value == value[:, :1]).all() else None


def _choose(values):
    """The function that leaves the shortest tails."""
    scale = float(np.abs(values - np.median(values)).mean()) or 1.0
    found = [(lambda x: x), (lambda x: np.arcsinh(x / scale))]
    low = float(values.min())
    if low > 0:
        found.append(lambda x: np.log(np.maximum(x, low / 10)))
    elif low == 0:
        found.append(lambda x: np.log1p(np.maximum(x, 0) / scale))
    tails = [_tails(function(values)) for function in found]
    return found[0] if tails[0] < 2 else found[int(np.argmin(tails))]


def _tails(values):
    """Squared skewness and excess kurtosis, one above the other."""
    values = values.astype(np.float64).ravel()
    values = values - values.mean()
    variance = np.square(values).mean()
    if variance == 0:
        return 0.0
    skewness = (values**3).mean() / variance**1.5
    return skewness**2 + max((values**4).mean() / variance**2 - 3, 0)


class CosineModes:
    """The largest cosine modes of maps, the mean left out.

    Cosines have no jump at the edges, so that modes of patches are nearly independent, as are
    those of periodic boxes.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.

    Attributes
    ----------
    index : ndarray of int, of shape (n_modes, n_axes)
        Half waves along each axis.
    """

    def __init__(self, spatial):
        self.kept = tuple(min(_COSINES[len(spatial)], n) for n in spatial)
        self.index = np.indices(self.kept).reshape(len(spatial), -1).T[1:]

    def __call__(self, fields):
        """Modes of some fields, an array of shape (n, n_modes)."""
        modes = fft.dctn(fields, norm="ortho", axes=range(1, fields.ndim))
        kept = modes[(slice(None), *map(slice, self.kept))]
        return kept.reshape(len(fields), -1)[:, 1:]


class WaveModes:
    """The largest Fourier modes of maps, one of each pair k and -k.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.

    Attributes
    ----------
    index : ndarray of int, of shape (n_modes, n_axes)
        Waves along each axis.
    orbit : ndarray of int, of shape (n_modes,)
        Equal numbers for modes that a symmetry of the box turns into each other.
    elements : list of tuple
        The symmetries: ``(order, sign)``, see `turned`.
    """

    def __init__(self, spatial):
        dim, self.spatial = len(spatial), spatial
        most = [min(_WAVES[dim], (n - 1) // 2) for n in spatial]
        every = np.array(list(product(*(range(-m, m + 1) for m in most))))
        first = np.array([next((k for k in row if k), 0) for row in every.tolist()])
        self.index = every[first > 0]
        self.elements = symmetries(spatial)
        self._position = {tuple(row): i for i, row in enumerate(self.index.tolist())}
        tables = [self._where(self._turned(*g)) for g in self.elements]
        images, self._conjugate = (np.array(column) for column in zip(*tables, strict=True))
        self._image = images
        self.orbit = np.unique(images.min(axis=0), return_inverse=True)[1].reshape(-1)

    def __call__(self, fields):
        """Modes of some fields, an array of shape (n, n_modes) of complex64."""
        modes = fft.rfftn(fields, axes=range(1, fields.ndim))
        flip = self.index[:, -1] < 0  # held as their partner -k
        index = np.where(flip[:, None], -self.index, self.index)
        found = modes[(slice(None), *index.T)]
        return np.where(flip, found.conj(), found).astype(np.complex64)

    def turned(self, modes):
        """Modes of all turned versions of a map.

        Parameters
        ----------
        modes : ndarray of shape (n_modes,)
            Modes of the map.

        Returns
        -------
        ndarray of shape (n_elements, n_modes)
            Modes of the map after ``transpose(order)`` and mirroring of the axes of sign -1
            about cell 0, for each of `elements`.
        """
        return np.where(self._conjugate, modes[self._image].conj(), modes[self._image])

    def _turned(self, order, sign):
        """Wave vector in the map of what is each mode of the turned map."""
        found = np.empty_like(self.index)
        found[:, order] = self.index * sign
        return found

    def _where(self, index):
        rows = [tuple(row) for row in index.tolist()]
        conjugate = np.array([row not in self._position for row in rows])
        return np.array(
            [
                self._position[tuple(-k for k in row) if c else row]
                for row, c in zip(rows, conjugate, strict=True)
            ]
        ), conjugate


def symmetries(spatial):
    """Symmetries of a box as pairs of an order of axes and the signs of the axes.

    Parameters
    ----------
    spatial : tuple of int
        Cells along each axis.

    Returns
    -------
    list of tuple
        Pairs ``(order, sign)``, the identity first.
    """
    axes = range(len(spatial))
    orders = [p for p in permutations(axes) if tuple(spatial[k] for k in p) == tuple(spatial)]
    return [
        (order, np.array(sign))
        for order in orders
        for sign in product((1, -1), repeat=len(spatial))
    ]


def is_periodic(fields):
    """Whether fields go on across their edges as they do between neighbouring cells.

    Parameters
    ----------
    fields : ndarray of shape (n, *spatial)
        Some fields.

    Returns
    -------
    bool
        Whether they do along every axis.
    """
    for axis in range(1, fields.ndim):
        inside = np.square(np.diff(fields, axis=axis)).mean(dtype=np.float64)
        across = fields.take(0, axis=axis) - fields.take(-1, axis=axis)
        if np.square(across).mean(dtype=np.float64) > 1.5 * inside:
            return False
    return True
