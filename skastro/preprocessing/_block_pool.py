"""Lower the resolution of maps."""

from collections.abc import Sequence
from numbers import Integral
from typing import Literal

from ..exceptions import MapShapeError
from ..maps import MapTransformer
from ..utils import map_layout, namespace
from ..utils._params import DIM, Interval, StrOptions


class BlockPool(MapTransformer):
    """Mean or sum of blocks of cells.

    Parameters
    ----------
    block_size : int or tuple of int, default=2
        Cells of a block along each spatial axis.
    func : {"mean", "sum"}, default="mean"
        "mean" for intensive quantities (temperature, density), "sum" for extensive ones
        (counts, mass, luminosity), whose total it keeps.
    remainder : {"error", "drop", "partial"}, default="error"
        What happens to cells at the far end where `block_size` does not divide the map:
        an error, they are dropped, or they make smaller blocks of their own.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import BlockPool
    >>> maps = np.arange(16.0).reshape(1, 4, 4)
    >>> BlockPool(2).fit_transform(maps)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]], dtype=float32)
    >>> BlockPool((1, 4), func="sum").fit_transform(maps)[0, :, 0]
    array([ 6., 22., 38., 54.], dtype=float32)
    """

    _parameter_constraints = {
        "block_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "func": [StrOptions({"mean", "sum"})],
        "remainder": [StrOptions({"error", "drop", "partial"})],
        "dim": DIM,
    }

    def __init__(
        self,
        block_size: int | Sequence[int] = 2,
        *,
        func: Literal["mean", "sum"] = "mean",
        remainder: Literal["error", "drop", "partial"] = "error",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.block_size = block_size
        self.func = func
        self.remainder = remainder
        self.dim = dim

    def _blocks(self, dim):
        blocks = self.block_size
        blocks = (blocks,) * dim if isinstance(blocks, Integral) else tuple(blocks)
        if len(blocks) != dim or not all(isinstance(b, Integral) and b > 0 for b in blocks):
            raise ValueError(
                f"The 'block_size' parameter of BlockPool must be one integer of at least 1 or "
                f"{dim} of them, one for each spatial axis. Got {self.block_size!r} instead."
            )
        return blocks

    def _pooled(self, spatial):
        """Number of blocks along each axis."""
        blocks = self._blocks(len(spatial))
        if self.remainder == "error" and any(n % b for n, b in zip(spatial, blocks, strict=True)):
            raise MapShapeError(
                f"BlockPool(block_size={self.block_size!r}) does not divide maps of spatial shape "
                f"{tuple(spatial)}. Take a divisor, or set remainder='drop' or 'partial'."
            )
        if self.remainder == "partial":
            return tuple(-(-n // b) for n, b in zip(spatial, blocks, strict=True))
        if any(n < b for n, b in zip(spatial, blocks, strict=True)):
            raise MapShapeError(
                f"BlockPool(block_size={self.block_size!r}) finds no whole block in maps of "
                f"spatial shape {tuple(spatial)}. Take smaller blocks."
            )
        return tuple(n // b for n, b in zip(spatial, blocks, strict=True))

    def _sample_shape(self, shape):
        layout = map_layout((1, *shape), self.dim, type(self).__name__)
        return layout.sample_shape(self._pooled(layout.spatial))

    def _apply(self, batch):
        layout = self._layout(batch)
        blocks = self._blocks(layout.dim)
        pooled = self._pooled(layout.spatial)
        for axis, (n, b) in enumerate(zip(pooled, blocks, strict=True), batch.ndim - layout.dim):
            batch = self._pool_axis(batch, axis, n, b)
        return batch

    def _pool_axis(self, batch, axis, n_blocks, block):
        """Pool along one axis, the last block being as small as it is."""
        reduce = "sum" if self.func == "sum" else "mean"
        whole = min(n_blocks, batch.shape[axis] // block)
        before = (slice(None),) * axis
        split = (*batch.shape[:axis], whole, block, *batch.shape[axis + 1 :])
        parts = [getattr(batch[(*before, slice(whole * block))].reshape(split), reduce)(axis + 1)]
        if whole < n_blocks:
            rest = batch[(*before, slice(whole * block, None))]
            parts.append(getattr(rest, reduce)(axis)[(*before, None)])
        return parts[0] if len(parts) == 1 else namespace(batch).concatenate(parts, axis)
