"""Maps beside what a code keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..exceptions import MapShapeError
from ..maps import LazyMaps
from ..utils import as_numpy, map_layout
from ..utils._typing import MapsLike
from ._looks import PAGE
from ._panels import AxesLike, check_number, make_panels
from ._pictures import add_colorbar, draw_picture, name_cells, picture, symmetric_limit

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_ROWS = ("map", "reconstruction", "difference")
_WIDTH, _SCALES = 1.5, 1.1  # inches, of a column and of what is beside all


class ReconstructionDisplay:
    """Maps, what is made of their codes, and the difference, a column for each sample.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws them. Of
    a cube the central slice across its last axis is drawn, and of a signal a curve. Maps and
    reconstructions have one scale of colours, from the least to the greatest value of the maps
    that are drawn; curves have that of both. Differences, reconstruction minus map, have one
    symmetric about zero.

    Parameters
    ----------
    maps : array-like of shape (n_samples, [n_channels,] *spatial)
        Maps.
    reconstructions : array-like of the same shape
        What their codes give back.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (3, n_samples)
        The panels: maps, reconstructions and differences.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The pictures, row by row; the first spatial axis goes to the right, the second up. Empty
        for signals.
    lines_ : list of matplotlib.lines.Line2D
        The curves, row by row; empty for maps and cubes.
    colorbars_ : list of matplotlib.colorbar.Colorbar
        The scales of values and of differences, in a figure that `plot` made; empty for signals.
    errors_ : ndarray of shape (n_samples,)
        Mean squared differences over all cells of the channel, those of a cube that are not
        drawn among them; they are the titles of the columns.

    See Also
    --------
    skastro.decomposition.ConvAutoencoder : Makes codes and gives maps back.
    skastro.decomposition.MapPCA : The same by principal components.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import ReconstructionDisplay
    >>> maps = np.random.default_rng(0).normal(size=(3, 16, 16))
    >>> display = ReconstructionDisplay(maps, 0.5 * maps).plot()
    >>> display.axes_.shape
    (3, 3)
    """

    def __init__(
        self, maps: ArrayLike, reconstructions: ArrayLike, *, dim: int | None = None
    ) -> None:
        self.maps = maps
        self.reconstructions = reconstructions
        self.dim = dim

    @classmethod
    def from_predictions(
        cls,
        maps: ArrayLike,
        reconstructions: ArrayLike,
        *,
        dim: int | None = None,
        channel: int = 0,
        label: str | None = None,
        ax: AxesLike = None,
    ) -> ReconstructionDisplay:
        """Draw maps and what was made of them.

        Parameters
        ----------
        maps : array-like of shape (n_samples, [n_channels,] *spatial)
            Maps.
        reconstructions : array-like of the same shape
            What their codes give back.
        dim : {1, 2, 3}, default=None
            Number of spatial axes.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What is drawn, and its unit, written beside the scales.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, as ``plt.subplots(3, n_samples)`` makes them; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        ValueError
            If `channel` is out of its range, or axes do not fit.
        MapShapeError
            If maps and reconstructions have not the same shape, or none of maps.
        """
        return cls(maps, reconstructions, dim=dim).plot(ax, channel=channel, label=label)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        *,
        n_samples: int = 4,
        channel: int = 0,
        label: str | None = None,
        ax: AxesLike = None,
    ) -> ReconstructionDisplay:
        """Draw what a fitted transformer keeps of maps.

        Parameters
        ----------
        estimator : transformer
            A fitted `ConvAutoencoder` or `MapPCA`, a pipeline that ends in one, or whatever has
            ``transform`` and ``inverse_transform`` back to maps.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best such that were not trained on; the first ones are drawn.
        n_samples : int, default=4
            Most samples to draw.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What is drawn, and its unit, written beside the scales.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, as ``plt.subplots(3, n_samples)`` makes them; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        ValueError
            If `n_samples` or `channel` is out of its range, or axes do not fit.
        MapShapeError
            If what comes back has not the shape of the maps.
        NotFittedError
            If the estimator is not fitted.
        """
        for method in ("transform", "inverse_transform"):
            if not hasattr(estimator, method):
                raise TypeError(
                    f"{cls.__name__} takes a transformer with transform and inverse_transform, "
                    f"such as ConvAutoencoder or MapPCA; got {estimator!r}."
                )
        check_is_fitted(estimator)
        check_number(cls.__name__, "n_samples", n_samples, 1)
        X = np.asarray(X[:n_samples]) if isinstance(X, LazyMaps) else as_numpy(X)
        maps = np.asarray(X)[:n_samples]
        back = np.asarray(estimator.inverse_transform(estimator.transform(maps)))
        display = cls(maps, back, dim=_dim(estimator))
        return display.plot(ax, channel=channel, label=label)

    def plot(
        self, ax: AxesLike = None, *, channel: int = 0, label: str | None = None
    ) -> ReconstructionDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, as ``plt.subplots(3, n_samples)`` makes them; None makes a figure.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What is drawn, and its unit, written beside the scales.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        ValueError
            If `channel` is out of its range, or axes do not fit.
        MapShapeError
            If maps and reconstructions have not the same shape, or none of maps.
        """
        maps, back = self._of_channel(channel)
        n_samples, dim = len(maps), maps.ndim - 1
        errors = ((back - maps) ** 2).reshape(n_samples, -1).mean(axis=1)
        maps, back = (np.stack([picture(one) for one in values]) for values in (maps, back))
        self.errors_ = errors
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.colorbars_: list[Colorbar] = []

        def size(n_rows, n_columns):
            width = min(_WIDTH, (PAGE - _SCALES) / n_columns)
            return width * n_columns + _SCALES, n_rows * (width if dim > 1 else 1.2) + 0.4

        owner = type(self).__name__
        panels = make_panels(ax, 3 * n_samples, n_samples, size, owner, "panel")
        self.axes_, self.figure_ = panels.reshape(3, n_samples), panels[0].figure
        limit = symmetric_limit(back - maps)
        shown = maps if dim > 1 else np.stack([maps, back])
        values = ("viridis", shown.min(), shown.max())
        scales = values, values, ("RdBu_r", -limit, limit)
        for name, row, of_row, scale in zip(
            _ROWS, self.axes_, (maps, back, back - maps), scales, strict=True
        ):
            for panel, one in zip(row, of_row, strict=True):
                (self.lines_ if dim == 1 else self.images_).append(draw_picture(panel, one, *scale))
            row[0].set_ylabel(name, fontsize=8)
        for panel, error in zip(self.axes_[0], errors, strict=True):
            panel.set_title(f"MSE {error:.2g}", fontsize=8)
        if dim == 1:
            name_cells(self.axes_[-1], ax is None)
            if ax is None:
                for panel in panels:
                    panel.label_outer()
                if label is not None:
                    self.figure_.supylabel(label, fontsize=8)
        elif ax is None:
            self.colorbars_ = [
                add_colorbar(self.images_[first * n_samples], self.axes_[first:last].ravel(), label)
                for first, last in ((0, 2), (2, 3))
            ]
        return self

    def _of_channel(self, channel):
        """One channel of maps and reconstructions, in float64."""
        owner = type(self).__name__
        maps, back = (
            np.asarray(values, dtype=np.float64) for values in (self.maps, self.reconstructions)
        )
        if maps.shape != back.shape:
            raise MapShapeError(
                f"{owner} takes reconstructions of the shape of the maps, {maps.shape}; got "
                f"{back.shape}. Let inverse_transform give back maps."
            )
        layout = map_layout(maps.shape, self.dim, owner)
        check_number(owner, "channel", channel, 0, layout.n_channels - 1)
        shape = (len(maps), *layout.map_shape)
        return maps.reshape(shape)[:, channel], back.reshape(shape)[:, channel]


def _dim(estimator):
    """Number of spatial axes that an estimator, or the first step that has one, was told."""
    if hasattr(estimator, "best_estimator_"):
        return _dim(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return next((dim for _, step in estimator.steps if (dim := _dim(step)) is not None), None)
    return getattr(estimator, "dim", None)
