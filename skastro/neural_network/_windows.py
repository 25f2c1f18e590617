"""Windows that are cut out of boxes: patches to train on, and tiles to predict by."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from ._symmetry_group import turned_axes


@dataclass(frozen=True)
class Windows:
    """How boxes are cut into windows, each with the cells that it is for and a halo around.

    Attributes
    ----------
    size : int or None
        Cells along each axis that a window is for; None, or more than the box has, takes them
        all.
    halo : int
        Cells around these that the net sees as well.
    stride : int
        Of the net; windows of a prediction begin at multiples of it.
    periodic : bool
        Whether what lies beyond an edge is the other side.
    wraps : bool
        Whether the net itself continues what it is given periodically.
    """

    size: int | None
    halo: int
    stride: int
    periodic: bool
    wraps: bool

    def training_shape(self, spatial):
        """Sizes of the cells that a window is for, and of the window.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the box.

        Returns
        -------
        core, window : tuple of int
            The sizes.
        """
        core = tuple(n if self.size is None else min(self.size, n) for n in spatial)
        window = tuple(
            n if self._sees_all(c, self.halo, n) else c + 2 * self.halo
            for c, n in zip(core, spatial, strict=True)
        )
        return core, window

    def _sees_all(self, core, halo, n):
        """Whether a window along an axis is the box, which the net continues as it should be."""
        return self.wraps == self.periodic and (core == n or core + 2 * halo >= n)

    def place(self, start, spatial):
        """Where the window around a core begins, and the core within it.

        Parameters
        ----------
        start : ndarray of int, shape (n, n_axes)
            First cells of cores.
        spatial : tuple of int
            Sizes of the box.

        Returns
        -------
        begin, offset : ndarray of int, of the same shape
            First cell of each window, negative for one that begins on the other side, and
            first cell of its core within it.
        """
        core, window = self.training_shape(spatial)
        begin = start - (np.array(window) - core) // 2
        if not self.periodic:
            begin = np.clip(begin, 0, np.array(spatial) - window)
        return begin, start - begin

    def grid(self, spatial):
        """First cells of cores that cover a box; the last ones along an axis may overlap.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the box.

        Returns
        -------
        ndarray of int, shape (n_windows, n_axes)
            The first cells.
        """
        core, _ = self.training_shape(spatial)
        starts = [
            [min(start, n - c) for start in range(0, n, c)]
            for n, c in zip(spatial, core, strict=True)
        ]
        return np.array(list(product(*starts)))

    def draw(self, rng, n_windows, spatial, shift):
        """Draw first cells of cores.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        n_windows : int
            Number of windows.
        spatial : tuple of int
            Sizes of the box.
        shift : bool
            Whether a periodic box that is whole may begin anywhere.

        Returns
        -------
        ndarray of int, shape (n_windows, n_axes)
            The first cells.
        """
        core, _ = self.training_shape(spatial)
        limits = [
            (n if c < n or shift else 1) if self.periodic else n - c + 1
            for n, c in zip(spatial, core, strict=True)
        ]
        return rng.integers(limits, size=(n_windows, len(spatial)))

    def tiles(self, spatial):
        """Cut a box for a prediction.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the box.

        Returns
        -------
        list of Tile
            The tiles; their cores cover the box, each cell once.
        """
        return [Tile(*zip(*parts, strict=True)) for parts in product(*map(self._cuts, spatial))]

    def _cuts(self, n):
        """Pieces of one axis: first cell and size of the window, first cell and end of the core."""
        halo = -(-self.halo // self.stride) * self.stride
        size = n if self.size is None else -(-self.size // self.stride) * self.stride
        size = min(size, n)
        if self._sees_all(size, halo, n):
            return [(0, n, 0, n)]
        cuts = []
        for start in range(0, n, size):
            stop = min(start + size, n)
            first, last = start - halo, -(-stop // self.stride) * self.stride + halo
            if not self.periodic:
                first, last = max(first, 0), min(last, n)
            cuts.append((first, last - first, start, stop))
        return cuts


@dataclass(frozen=True)
class Tile:
    """A window of a prediction.

    Attributes
    ----------
    begin, shape : tuple of int
        First cell of the window, negative for one that begins on the other side, and its size.
    start, stop : tuple of int
        First cell of the core, and the one behind its last.
    """

    begin: tuple
    shape: tuple
    start: tuple
    stop: tuple

    @property
    def core(self):
        """The core in the box."""
        return tuple(slice(*ends) for ends in zip(self.start, self.stop, strict=True))

    @property
    def inner(self):
        """The core in the window."""
        return tuple(
            slice(start - first, stop - first)
            for first, start, stop in zip(self.begin, self.start, self.stop, strict=True)
        )


def cut(box, begin, shape):
    """Cut a window out of a box, periodically where it goes beyond.

    Parameters
    ----------
    box : ndarray or torch.Tensor of shape (..., *spatial)
        The box.
    begin : sequence of int
        First cell of the window along each axis.
    shape : sequence of int
        Sizes of the window.

    Returns
    -------
    ndarray or torch.Tensor of shape (..., *shape)
        A view where the window lies within the box, else a copy.
    """
    spatial = box.shape[-len(shape) :]
    inside = [
        first >= 0 and first + size <= n
        for first, size, n in zip(begin, shape, spatial, strict=True)
    ]
    within = [
        slice(first, first + size) if ok else slice(None)
        for first, size, ok in zip(begin, shape, inside, strict=True)
    ]
    box = box[(..., *within)]
    for axis, ok in enumerate(inside, -len(shape)):
        if not ok:
            cells = np.arange(begin[axis], begin[axis] + shape[axis]) % spatial[axis]
            box = box[(..., cells, *(slice(None),) * (-axis - 1))]
    return box


def turned_offset(element, offset, core, window):
    """Where the core lies in a window that was turned.

    Parameters
    ----------
    element : ndarray of int, shape (n,)
        Elements of the symmetries of the window.
    offset : ndarray of int, shape (n, n_axes)
        First cells of the cores in the windows before.
    core, window : tuple of int
        Sizes of cores and windows.

    Returns
    -------
    ndarray of int, shape (n, n_axes)
        First cells of the cores after.
    """
    order, sign = turned_axes(element, window)
    behind = np.array(window) - np.array(core) - offset
    near, far = (np.take_along_axis(ends, order, axis=1) for ends in (offset, behind))
    return np.where(sign > 0, near, far)
