"""Say how cubes are cut into slices and patches, and cut them."""

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import Literal, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from ..exceptions import MapShapeError
from ..maps import LazyMaps
from ..utils import contiguous, is_torch, map_layout
from ..utils._params import Interval, Options, StrOptions
from ..utils._typing import Array, Maps


class CutGrid(NamedTuple):
    """How many pieces a cube gives.

    Attributes
    ----------
    n_slices, n_rows, n_columns : int
        Slices of a cube, and rows and columns of patches of a slice.
    """

    n_slices: int
    n_rows: int
    n_columns: int

    @property
    def n_patches(self) -> int:
        """Patches of a slice."""
        return self.n_rows * self.n_columns

    @property
    def n_pieces(self) -> int:
        """Pieces of a cube."""
        return self.n_slices * self.n_patches


class CubeSlicer(BaseEstimator):
    """Cuts cubes into slices, and slices into patches.

    This is not a transformer, since it changes the number of samples; cutting before
    cross-validation would put pieces of one cube on both sides of a split. Hand it to
    `SliceClassifier` or `SliceRegressor`, which cut inside ``fit`` and ``predict``.

    Pieces come in the order cube, slice, row of patches, column of patches.

    Parameters
    ----------
    axis : {0, 1, 2}, default=0
        Spatial axis that the slices are perpendicular to.
    step : int, default=1
        Cells from one slice to the next.
    thickness : int, default=1
        Cells that are projected into one slice. With ``thickness=step`` the slabs cover the
        cube without overlap.
    projection : {"mean", "sum"}, default="mean"
        How the cells of a slab are joined.
    patch_size : int or tuple of two int, default=None
        Size of the patches that a slice is cut into; None keeps the slice whole.
    patch_step : int or tuple of two int, default=None
        Cells from one patch to the next; None takes `patch_size`, so that patches do not
        overlap. Cells at the far end that fill no patch are left out.

    Notes
    -----
    Cubes have shape ``(n, d, h, w)`` or ``(n, c, d, h, w)``. Maps ``(n, h, w)`` and signals
    ``(n, w)`` are taken as one slice each; patches can still be cut from maps.

    Examples
    --------
    The 200^3 boxes of a study that cut each into 64 sub-cubes and these into patches of
    50 x 50 are one setting:

    >>> import numpy as np
    >>> from skastro.preprocessing import CubeSlicer
    >>> slicer = CubeSlicer(patch_size=50)
    >>> slicer.grid((200, 200, 200))
    CutGrid(n_slices=200, n_rows=4, n_columns=4)
    >>> CubeSlicer(axis=1, step=4).cut(np.zeros((3, 2, 7, 8, 9), dtype="float32")).shape
    (6, 2, 7, 9)
    """

    _parameter_constraints = {
        "axis": [Options(Integral, {0, 1, 2})],
        "step": [Interval(Integral, 1, None, closed="left")],
        "thickness": [Interval(Integral, 1, None, closed="left")],
        "projection": [StrOptions({"mean", "sum"})],
        "patch_size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "patch_step": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
    }

    def __init__(
        self,
        axis: Literal[0, 1, 2] = 0,
        *,
        step: int = 1,
        thickness: int = 1,
        projection: Literal["mean", "sum"] = "mean",
        patch_size: int | Sequence[int] | None = None,
        patch_step: int | Sequence[int] | None = None,
    ) -> None:
        self.axis = axis
        self.step = step
        self.thickness = thickness
        self.projection = projection
        self.patch_size = patch_size
        self.patch_step = patch_step

    def grid(self, sample_shape: tuple[int, ...]) -> CutGrid:
        """Number of pieces of a cube.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one cube, ``([n_channels,] *spatial)``.

        Returns
        -------
        CutGrid
            Slices, rows and columns.

        Raises
        ------
        MapShapeError
            If the cube gives no whole slice or no whole patch.
        """
        self._validate_params()
        depth, height, width = self._slice_first(sample_shape)
        (rows, row_step), (columns, column_step) = self._patch(height, width)
        n_slices = 1 if depth is None else (depth - self.thickness) // self.step + 1
        n_rows, n_columns = (height - rows) // row_step + 1, (width - columns) // column_step + 1
        grid = CutGrid(n_slices, n_rows, n_columns)
        if min(grid) < 1:
            raise MapShapeError(
                f"{self!r} finds no whole piece in a sample of shape {tuple(sample_shape)}. "
                f"Lower 'thickness' or 'patch_size'."
            )
        return grid

    def piece_shape(self, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one piece.

        Parameters
        ----------
        sample_shape : tuple of int
            Shape of one cube, ``([n_channels,] *spatial)``.

        Returns
        -------
        tuple of int
            Shape of a piece, with a channel axis where the cube has one.
        """
        self.grid(sample_shape)
        layout = self._layout(sample_shape)
        (rows, _), (columns, _) = self._patch(*self._slice_first(sample_shape)[1:])
        return layout.sample_shape((columns,) if layout.dim == 1 else (rows, columns))

    def cut(self, X: Maps) -> Maps:
        """Cut cubes.

        Parameters
        ----------
        X : ndarray, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            The cubes.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps of shape (n_samples * n_pieces, ...)
            The pieces, contiguous. Lazy cubes give lazy pieces, and are read when those are.

        Raises
        ------
        MapShapeError
            If a cube gives no whole piece.
        """
        shape = (-1, *self.piece_shape(X.shape[1:]))
        if isinstance(X, LazyMaps):
            return LazyMaps(CutSource(X, copy.copy(self)))
        return contiguous(self.views(X)).reshape(shape)

    def views(self, X: Array) -> Array:
        """Pieces without copying, as far as nothing has to be projected.

        Parameters
        ----------
        X : ndarray or torch.Tensor of shape (n_samples, [n_channels,] *spatial)
            The cubes.

        Returns
        -------
        ndarray or torch.Tensor
            Array of shape ``(n_samples, n_slices, n_rows, n_columns, n_channels, h, w)``.
        """
        layout = self._layout(X.shape[1:])
        cubes = X if layout.has_channels else X[:, None]
        (rows, row_step), (columns, column_step) = self._patch(*self._slice_first(X.shape[1:])[1:])
        if layout.dim < 3:
            cubes = cubes.reshape(*cubes.shape[:2], 1, -1, layout.spatial[-1])
        else:
            cubes = _move_axis(cubes, 2 + self.axis, 2)
            cubes = _windows(cubes, 2, self.thickness, self.step)
            cubes = cubes[..., 0] if self.thickness == 1 else getattr(cubes, self.projection)(-1)
        pieces = _windows(_windows(cubes, 3, rows, row_step), 4, columns, column_step)
        return (
            pieces.permute(0, 2, 3, 4, 1, 5, 6)
            if is_torch(X)
            else pieces.transpose(0, 2, 3, 4, 1, 5, 6)
        )

    def _layout(self, sample_shape):
        dim = 3 if len(sample_shape) > 2 else None
        return map_layout((1, *sample_shape), dim, "CubeSlicer")

    def _slice_first(self, sample_shape):
        """Sizes along the cutting axis (None for what is a slice already) and in the slice."""
        spatial = self._layout(sample_shape).spatial
        if len(spatial) < 3:
            return (None, *(1,) * (2 - len(spatial)), *spatial)
        others = [n for i, n in enumerate(spatial) if i != self.axis]
        return (spatial[self.axis], *others)

    def _patch(self, height, width):
        """Size and step of patches along both axes of a slice."""
        sizes = _pair("patch_size", self.patch_size, (height, width))
        return list(zip(sizes, _pair("patch_step", self.patch_step, sizes), strict=True))


class CutSource:
    """Pieces of lazy cubes as a source of lazy maps; a cube is read when a piece of it is.

    Parameters
    ----------
    maps : LazyMaps
        The cubes.
    slicer : CubeSlicer
        How they are cut.
    """

    dtype = LazyMaps.dtype

    def __init__(self, maps, slicer):
        self.maps = maps
        self.slicer = slicer
        self._grid = slicer.grid(maps.shape[1:])
        n_pieces = len(maps) * self._grid.n_pieces
        self.shape = (n_pieces, *slicer.piece_shape(maps.shape[1:]))

    def read(self, rows):
        """Pieces as a new array.

        Parameters
        ----------
        rows : ndarray of int
            Numbers of pieces, in any order.

        Returns
        -------
        ndarray of shape (len(rows), ...)
            The pieces, float32.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        cubes, pieces = np.divmod(rows, self._grid.n_pieces)
        for cube in np.unique(cubes):
            views = self.slicer.views(np.asarray(self.maps[[cube]]))
            wanted = np.flatnonzero(cubes == cube)
            index = np.unravel_index(pieces[wanted], self._grid)
            out[wanted] = views[0][index].reshape(len(wanted), *self.shape[1:])
        return out

    def realization(self, epoch):
        """The same pieces of another realization of the cubes."""
        return CutSource(self.maps.realization(epoch), self.slicer)

    def __repr__(self):
        return f"{self.slicer!r} of {self.maps!r}"


def _pair(name, value, default):
    if value is None:
        return default
    pair = (value, value) if isinstance(value, Integral) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, Integral) and v > 0 for v in pair):
        raise ValueError(
            f"The '{name}' parameter of CubeSlicer must be None, one integer of at least 1 or "
            f"two of them. Got {value!r} instead."
        )
    return pair


def _move_axis(array, source, destination):
    return (
        array.movedim(source, destination)
        if is_torch(array)
        else np.moveaxis(array, source, destination)
    )


def _windows(array, axis, size, step):
    """Windows along one axis as a view; the axis inside the window comes last."""
    if is_torch(array):
        return array.unfold(axis, size, step)
    windows = np.lib.stride_tricks.sliding_window_view(
        array, size, axis, writeable=array.flags.writeable
    )
    return windows[(slice(None),) * axis + (slice(None, None, step),)]
