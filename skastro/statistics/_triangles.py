"""Sums over triangles of Fourier modes, by Fourier transforms of shells."""

import numpy as np
from scipy import fft

from ..utils import is_torch, like, namespace
from ..utils._modes import mode_grid, mode_numbers

_TOLERANCE = 1e-9  # of an edge of a bin
_BATCH_BYTES = 1 << 26  # of the fields that are transformed together; one map in any case


def holds_triangles(spatial):
    """Whether three modes of a grid, none at a Nyquist wavenumber, can sum to zero."""
    numbers = [(size - 1) // 2 for size in spatial]
    return max(numbers) > 1 or sum(n > 0 for n in numbers) > 1


def transform(rows, order):
    """Fourier transform of maps of shape (n, *spatial), at the modes of `order`."""
    axes = tuple(range(1, rows.ndim))
    if is_torch(rows):
        xp = namespace(rows)
        flat = xp.fft.rfftn(rows, dim=axes).reshape(len(rows), -1)
        return flat.index_select(-1, xp.as_tensor(order, device=rows.device))
    return fft.rfftn(rows, axes=axes, workers=1).reshape(len(rows), -1).take(order, axis=-1)


def _half(grid):
    """Shape of a real transform."""
    return (*grid[:-1], grid[-1] // 2 + 1)


class TriangleSums:
    """Sums of products of three modes, over the triangles with given bins of their sides.

    The modes of a bin are transformed to a field, whose square, transformed back, holds the
    pairs of modes. The grids are large enough that no triple closes through periodic images.

    Parameters
    ----------
    spatial : tuple of int
        Cells of the map along each axis.
    modes : BinnedModes
        The bins, without modes at a Nyquist wavenumber.

    Attributes
    ----------
    n_rows : int
        Maps to transform together.
    """

    def __init__(self, spatial, modes):
        self.modes = modes
        self._spatial = spatial
        half = _half(spatial)
        numbers = [np.broadcast_to(n, half).ravel()[modes.order] for n in mode_numbers(spatial)]
        self._numbers = np.stack(numbers).astype(np.int32)
        # Those of the half space stand for their complex conjugates too.
        self._weights = np.where(numbers[-1] > 0, 2.0, 1.0)
        self._axes = tuple(range(1, len(spatial) + 1))
        bounds = modes.bounds
        self._largest = np.stack([abs(self._numbers[:, i:j]).max(1) for i, j in bounds])
        n_cells = int(np.prod(3 * self._largest.max(0) + 1))
        self.n_rows = max(1, _BATCH_BYTES // (8 * n_cells))

    def of(self, delta, bins):
        """Sum over the triangles of each configuration.

        Parameters
        ----------
        delta : ndarray or torch.Tensor of shape (n, n_modes)
            Modes, in the order of the bins.
        bins : ndarray of shape (n_triangles, 3)
            Bins of the sides, the first two equal, in ascending order of these.

        Returns
        -------
        ndarray or torch.Tensor of shape (n, n_triangles)
            The sums.
        """
        xp, sums = namespace(delta), []
        for side in np.unique(bins[:, 0]):
            thirds = bins[bins[:, 0] == side, 2]
            grid = self._grid(side, thirds)
            field = self._field(delta, side, grid)
            if thirds.tolist() == [side]:
                cubes = (field * field * field).reshape(len(delta), -1)
                sums.append(cubes.mean(-1)[:, None])
            else:
                sums.append(self._closed(field * field, delta, thirds, grid))
        return xp.concatenate(sums, -1)

    def closing_triangles(self, lengths, *, equilateral):
        """Find the configurations that close, count their triangles and average their sides.

        Parameters
        ----------
        lengths : ndarray of shape (dim,)
            Length of the box along each axis.
        equilateral : bool
            Whether all three sides are in one bin.

        Returns
        -------
        bins : ndarray of int, of shape (n_triangles, 3)
            Bins of the sides.
        counts : ndarray of int, of shape (n_triangles,)
            Ordered triples of modes.
        sides : ndarray of shape (n_triangles, 3)
            Mean wavenumbers.
        """
        k = mode_grid(self._spatial, lengths)[0][self.modes.order][None]
        one = np.ones_like(k)
        edges, bins, counts, sides = self.modes.edges, [], [], []
        for side in range(len(self.modes.k)):
            reach = 2 * edges[side + 1] * (1 + _TOLERANCE)
            thirds = np.arange(np.searchsorted(edges[:-1], reach, side="right"))
            thirds = np.array([side]) if equilateral else thirds
            grid = self._grid(side, thirds)
            ones, lines = self._field(one, side, grid), self._field(k, side, grid)
            found = np.rint(self._closed(ones * ones, one, thirds, grid)[0])
            closed = found > 0
            thirds, found = thirds[closed], found[closed]
            if not len(thirds):
                continue
            first = self._closed(ones * lines, one, thirds, grid)[0] / found
            third = self._closed(ones * ones, k, thirds, grid)[0] / found
            bins.append(np.stack([np.full_like(thirds, side)] * 2 + [thirds], -1))
            counts.append(found)
            sides.append(np.stack([first, first, third], -1))
        if not bins:
            return np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 3))
        return np.concatenate(bins), np.concatenate(counts).astype(np.int64), np.concatenate(sides)

    def power(self, delta):
        """Mean squared modulus of the modes in each bin, of shape (n, n_bins)."""
        squares = (delta.real**2 + delta.imag**2) * like(self._weights, delta.real)
        sums = [squares[:, start:stop].sum(-1) for start, stop in self.modes.bounds]
        return namespace(delta).stack(sums, -1) / like(self.modes.n_modes, delta.real)

    def _grid(self, side, thirds):
        """Cells of a grid on which no triple of two equal sides and a third one wraps around."""
        third = self._largest[thirds].max(0)
        largest = np.maximum(2 * self._largest[side], third) + third
        return tuple(fft.next_fast_len(int(n) + 1, real=True) for n in largest)

    def _places(self, start, stop, grid):
        """Where modes are in the flattened transform of a grid."""
        numbers = zip(self._numbers[:, start:stop], grid, strict=True)
        return np.ravel_multi_index([n % size for n, size in numbers], _half(grid))

    def _field(self, delta, side, grid):
        """The modes of one shell as a field."""
        start, stop = self.modes.bounds[side]
        half, places = _half(grid), self._places(start, stop, grid)
        shape = (len(delta), int(np.prod(half)))
        if is_torch(delta):
            xp = namespace(delta)
            empty = xp.zeros(shape, dtype=delta.dtype, device=delta.device)
            places = xp.as_tensor(places, device=delta.device)
            placed = empty.index_copy(-1, places, delta[:, start:stop])
            placed = placed.reshape(-1, *half)
            return xp.fft.irfftn(placed, s=grid, dim=self._axes, norm="forward")
        placed = np.zeros(shape, dtype=np.complex128)
        placed[:, places] = delta[:, start:stop]
        placed = placed.reshape(-1, *half)
        return fft.irfftn(
            placed, s=grid, axes=self._axes, norm="forward", workers=1, overwrite_x=True
        )

    def _closed(self, pairs, delta, thirds, grid):
        """Sum of the product of two sides, as a field, with a third one in each of the shells."""
        xp = namespace(delta)
        bounds = [self.modes.bounds[third] for third in thirds]
        first, last = bounds[0][0], bounds[-1][1]
        places = self._places(first, last, grid)
        if is_torch(delta):
            flat = xp.fft.rfftn(pairs, dim=self._axes, norm="forward").reshape(len(delta), -1)
            two = flat.index_select(-1, xp.as_tensor(places, device=delta.device))
        else:
            flat = fft.rfftn(pairs, axes=self._axes, norm="forward", workers=1)
            two = flat.reshape(len(delta), -1).take(places, axis=-1)
        one = delta[:, first:last]
        product = (two.real * one.real + two.imag * one.imag) * like(
            self._weights[first:last], two.real
        )
        sums = [product[:, start - first : stop - first].sum(-1) for start, stop in bounds]
        return xp.stack(sums, -1)
