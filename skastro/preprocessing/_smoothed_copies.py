"""Averages of fields over spheres and Gaussians around each cell, as further channels."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np

from ..exceptions import MapShapeError
from ..maps import MapTransformer
from ..utils import is_torch, map_layout, namespace
from ..utils._params import DIM, Interval, StrOptions
from ..utils._smoothing import smoothed, within
from ..utils._typing import ArrayLike


class SmoothedCopies(MapTransformer):
    """Add copies of fields that are averaged over spheres around each cell, as channels.

    A network, or a regressor that sees one cell, is so given what lies around it: the mean free
    path of light is many cells. A sphere of radius R is made of the cells whose centres lie
    within R of that of the central one, all of equal weight (an interval in 1D, a disc in 2D); a
    Gaussian has weights of its value at these centres, as far as four standard deviations. The
    weights have sum 1, so the mean of a field stays.

    Parameters
    ----------
    scales : float or array-like of shape (n_scales,), default=(1.0, 2.0, 4.0)
        Radii of the spheres, or standard deviations of the Gaussians, ascending: in cells, or
        in the unit of `cell_size` where this is given. A radius is at least one cell.
    window : {"top_hat", "gaussian"}, default="top_hat"
        Sphere or Gaussian.
    boundary : {"wrap", "reflect"}, default="wrap"
        What is beyond the edge: the opposite side of a periodic box, in which scales are at most
        half its shortest side; or, for a patch, its mirror image with the cell at the edge
        repeated.
    cell_size : float, default=None
        Width of a cell, in the unit of `scales`. None takes scales as numbers of cells.
    channels : sequence of int, default=None
        Channels to average; None takes all.
    keep : bool, default=True
        Whether the maps themselves come before the copies.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    scales_ : ndarray of shape (n_scales,)
        Scales in cells.
    channels_ : tuple of int
        Channels that are averaged.
    sample_shape_ : tuple of int
        Shape of a sample in fit. Spatial sizes may differ in transform, channels may not.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    UnitConverter : Bring proper and comoving fields to one frame first.
    SignedLog : To follow, as means of logarithms are another thing.

    Notes
    -----
    What comes out has shape ``(n_samples, n_channels_out, *spatial)``, also where the maps had
    no axis of channels: first the maps, where they are kept, then for each of `channels` its
    copies from the smallest scale to the largest. As maps of shape ``(n_samples, width)`` get a
    third axis, set ``dim=1`` in what follows.

    Convolutions are products of Fourier transforms in float64, of one map and one channel at a
    time for arrays. Their rounding error is about 2e-16 of the greatest mean, so that means over
    sources of twelve decades hold; in float32 it would be 1e-7, above most of them. Means are
    held to the range of the field, and those that lie above its least value by less than 2e-15
    of the greatest mean are set to it: empty spheres give zero, not noise, and a field that is
    positive stays so.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import SmoothedCopies
    >>> source = np.zeros((1, 1, 8, 8, 8), dtype="float32")
    >>> source[0, 0, 0, 4, 4] = 7.0
    >>> copies = SmoothedCopies([1.0, 2.0]).fit_transform(source)
    >>> copies.shape
    (1, 3, 8, 8, 8)
    >>> copies[0, :, [6, 7, 0, 1, 2], 4, 4].T.round(3)
    array([[0.   , 0.   , 7.   , 0.   , 0.   ],
           [0.   , 1.   , 1.   , 1.   , 0.   ],
           [0.212, 0.212, 0.212, 0.212, 0.212]], dtype=float32)
    >>> copies.sum(axis=(0, 2, 3, 4)).round(3)
    array([7., 7., 7.], dtype=float32)
    """

    _parameter_constraints = {
        "scales": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "window": [StrOptions({"gaussian", "top_hat"})],
        "boundary": [StrOptions({"reflect", "wrap"})],
        "cell_size": [Interval(Real, 0, None, closed="neither"), None],
        "channels": ["array-like", None],
        "keep": ["boolean"],
        "dim": DIM,
    }

    def __init__(
        self,
        scales: ArrayLike = (1.0, 2.0, 4.0),
        *,
        window: Literal["top_hat", "gaussian"] = "top_hat",
        boundary: Literal["wrap", "reflect"] = "wrap",
        cell_size: float | None = None,
        channels: Sequence[int] | None = None,
        keep: bool = True,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.scales = scales
        self.window = window
        self.boundary = boundary
        self.cell_size = cell_size
        self.channels = channels
        self.keep = keep
        self.dim = dim

    def _fit(self, X):
        self.scales_ = self._scales_in_cells()
        self.channels_ = self._chosen_channels(self._layout(X).n_channels)
        super()._fit(X)

    def _scales_in_cells(self):
        try:
            scales = np.atleast_1d(np.asarray(self.scales, dtype=np.float64))
        except (TypeError, ValueError):
            scales = np.empty(0)
        allowed = (
            scales.ndim == 1 and scales.size > 0 and (np.isfinite(scales) & (scales > 0)).all()
        )
        if not allowed or (np.diff(scales) <= 0).any():
            raise ValueError(
                f"The 'scales' parameter of SmoothedCopies must be a finite number greater than "
                f"zero, or some in ascending order, each once. Got {self.scales!r} instead."
            )
        cell = 1.0 if self.cell_size is None else float(self.cell_size)
        scales = scales / cell
        if self.window == "top_hat" and not within(1.0, scales[0]):
            raise ValueError(
                f"The 'scales' parameter of SmoothedCopies must be at least the width of a cell, "
                f"{cell:g}: a smaller sphere holds one cell alone. Got {self.scales!r} instead."
            )
        return scales

    def _chosen_channels(self, n_channels):
        if self.channels is None:
            return tuple(range(n_channels))
        chosen = tuple(self.channels)
        known = all(isinstance(i, Integral) and 0 <= i < n_channels for i in chosen)
        if not chosen or not known or len(set(chosen)) < len(chosen):
            raise ValueError(
                f"The 'channels' parameter of SmoothedCopies must be None or numbers of channels "
                f"from 0 to {n_channels - 1}, each once. Got {self.channels!r} instead."
            )
        return tuple(int(i) for i in chosen)

    def _sample_shape(self, shape):
        layout = map_layout((1, *shape), self.dim, type(self).__name__)
        half = min(layout.spatial) / 2
        if self.boundary == "wrap" and not within(self.scales_[-1], half):
            raise MapShapeError(
                f"SmoothedCopies(boundary='wrap') takes scales of at most half the box, "
                f"{half:g} cells of maps with spatial shape {layout.spatial}; the largest is "
                f"{self.scales_[-1]:g} cells. Leave it out, or set boundary='reflect' where the "
                f"maps are patches."
            )
        n_copies = len(self.channels_) * len(self.scales_)
        return (self.keep * layout.n_channels + n_copies, *layout.spatial)

    def _apply(self, batch):
        layout = self._layout(batch)
        shape = (len(batch), *self._sample_shape(tuple(batch.shape[1:])))
        fields = batch if layout.has_channels else batch[:, None]
        if is_torch(batch):
            copies = [copy for i in self.channels_ for copy in self._smoothed(fields[:, i])]
            stacked = namespace(batch).stack(copies, 1)
            return namespace(batch).cat([fields, stacked], 1) if self.keep else stacked
        out = np.empty(shape, dtype=np.float32)
        n_kept = layout.n_channels if self.keep else 0
        out[:, :n_kept] = fields[:, :n_kept]
        for sample, result in zip(fields, out, strict=True):
            place = n_kept
            for i in self.channels_:
                for copy in self._smoothed(sample[i : i + 1]):
                    result[place] = copy[0]
                    place += 1
        return out

    def _smoothed(self, fields):
        for means in smoothed(fields, self.scales_, self.window, self.boundary):
            yield means.to(fields.dtype) if is_torch(fields) else means
