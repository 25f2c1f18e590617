"""Maps as rows of a matrix, whole or patch by patch."""

import math
from typing import NamedTuple

import numpy as np

from ..utils import contiguous, is_torch

# A row of a product depends, in its last bit, on how many rows the matrix has; with a constant
# number of them what comes out for a map does not depend on the maps beside it.
_FEWEST_ROWS, _MOST_ROWS = 8, 64
_VALUES_OF_A_PRODUCT = 1 << 22


class PatchGrid(NamedTuple):
    """How a batch of maps is parted into patches that do not overlap.

    Attributes
    ----------
    n_channels : int
        Number of channels.
    patch : tuple of int
        Cells of a patch along each spatial axis.
    grid : tuple of int
        Patches of a map along each spatial axis.
    """

    n_channels: int
    patch: tuple
    grid: tuple

    @property
    def n_features(self):
        """Values of a patch, those of all channels."""
        return self.n_channels * math.prod(self.patch)

    @property
    def n_patches(self):
        """Patches of a map."""
        return math.prod(self.grid)

    def rows(self, batch):
        """Patches of maps as rows.

        Parameters
        ----------
        batch : ndarray or torch.Tensor of shape (n_samples, [n_channels,] *spatial)
            Maps.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples * n_patches, n_features)
            Map by map, the patches in C order of their place in it.
        """
        if self.n_patches == 1:
            return contiguous(batch).reshape(len(batch), self.n_features)
        dim = len(self.grid)
        pairs = [n for pair in zip(self.grid, self.patch, strict=True) for n in pair]
        parts = batch.reshape(len(batch), self.n_channels, *pairs)
        order = (0, *range(2, 2 + 2 * dim, 2), 1, *range(3, 3 + 2 * dim, 2))
        return contiguous(_permuted(parts, order)).reshape(-1, self.n_features)

    def maps(self, rows, sample_shape):
        """Maps made of patches, the inverse of `rows`.

        Parameters
        ----------
        rows : ndarray or torch.Tensor of shape (n_samples * n_patches, n_features)
            Patches.
        sample_shape : tuple of int
            Shape of a map, ``([n_channels,] *spatial)``.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples, *sample_shape)
            Maps.
        """
        if self.n_patches == 1:
            return rows.reshape(len(rows), *sample_shape)
        dim = len(self.grid)
        parts = rows.reshape(-1, *self.grid, self.n_channels, *self.patch)
        pairs = [axis for i in range(dim) for axis in (1 + i, 2 + dim + i)]
        return contiguous(_permuted(parts, (0, 1 + dim, *pairs))).reshape(-1, *sample_shape)

    def code_maps(self, codes):
        """Codes of patches as maps with a channel for each component.

        Parameters
        ----------
        codes : ndarray or torch.Tensor of shape (n_samples * n_patches, n_components)
            Codes.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples, n_components, *grid)
            Codes as maps.
        """
        dim = len(self.grid)
        parts = codes.reshape(-1, *self.grid, codes.shape[1])
        return contiguous(_permuted(parts, (0, 1 + dim, *range(1, 1 + dim))))

    def code_rows(self, codes):
        """Codes as rows, the inverse of `code_maps`.

        Parameters
        ----------
        codes : ndarray or torch.Tensor of shape (n_samples, n_components, *grid)
            Codes as maps.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples * n_patches, n_components)
            Codes.
        """
        dim = len(self.grid)
        return contiguous(_permuted(codes, (0, *range(2, 2 + dim), 1))).reshape(-1, codes.shape[1])


def _permuted(array, order):
    return array.permute(order) if is_torch(array) else array.transpose(order)


def row_products(rows, function, n_columns):
    """Apply a matrix product to rows, always to the same number of rows at once.

    Parameters
    ----------
    rows : ndarray or torch.Tensor of shape (n_rows, n_features)
        Rows, float32.
    function : callable
        Takes an array of shape ``(n, size, n_features)`` and returns one of shape
        ``(n, size, n_columns)``; `size` depends on the last two alone.
    n_columns : int
        Columns of the result.

    Returns
    -------
    ndarray or torch.Tensor of shape (n_rows, n_columns)
        What `function` makes of each row.
    """
    n_rows, n_features = rows.shape
    at_once = _VALUES_OF_A_PRODUCT // max(n_features, n_columns)
    size = max(_FEWEST_ROWS, min(_MOST_ROWS, at_once))
    step = size * max(1, at_once // size)
    out = _empty_like(rows, (n_rows, n_columns))
    for start in range(0, n_rows, step):
        some = rows[start : start + step]
        n = len(some)
        if n % size:
            padded = _empty_like(rows, (-(-n // size) * size, n_features))
            padded[:n] = some
            padded[n:] = 0
            some = padded
        product = function(some.reshape(-1, size, n_features))
        out[start : start + n] = product.reshape(-1, n_columns)[:n]
    return out


def _empty_like(array, shape):
    if is_torch(array):
        return array.new_empty(shape)
    return np.empty(shape, dtype=array.dtype)
