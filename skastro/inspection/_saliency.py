"""Pictures of how much each cell of a map matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..exceptions import MapShapeError
from ..maps import LazyMaps
from ..utils import as_numpy, map_layout
from ..utils._typing import Maps
from ._gradients import input_gradients
from ._layers import FittedNet
from ._panels import AxesLike, check_number, make_panels
from ._pictures import draw_picture, name_cells, picture, symmetric_limit

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_WIDTH = 1.45
_DERIVATIVES = ("gradient", "smoothgrad")


class SaliencyDisplay:
    """Maps, and beside each how much its cells matter to what a net makes of it.

    Made by `from_estimator`; the numbers are kept, and `plot` draws them. All maps have one scale
    and all gradients another, with its middle at zero. Of cubes the central slice across the last
    axis is drawn, of signals a curve.

    Parameters
    ----------
    maps : array-like of shape (n_samples, [n_channels,] *spatial)
        Maps.
    gradients : array-like of the same shape
        Derivatives or contributions.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.
    method : str, default="gradient"
        What the gradients are, written above them.
    gradient_label : str, default=None
        What they are and their unit, written beside their scale; by default "output / map" for
        derivatives and "share of output" for contributions.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (n_samples, 2)
        The panels: maps to the left, gradients to the right.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        Maps and cubes, row by row; the first axis goes to the right, the second up.
    lines_ : list of matplotlib.lines.Line2D
        Signals, row by row.
    colorbars_ : list of matplotlib.colorbar.Colorbar
        Scales of maps and gradients, in a figure that `plot` made.

    See Also
    --------
    input_gradients : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import SaliencyDisplay
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> maps = np.random.default_rng(0).normal(size=(6, 8, 9))
    >>> model = CNNRegressor(ConvNet(n_layers=1), max_epochs=1, random_state=0)
    >>> model.fit(maps, maps.std(axis=(1, 2)))
    CNNRegressor(...)
    >>> SaliencyDisplay.from_estimator(model, maps, n_samples=2).axes_.shape
    (2, 2)
    """

    def __init__(
        self,
        maps: ArrayLike,
        gradients: ArrayLike,
        *,
        dim: int | None = None,
        method: str = "gradient",
        gradient_label: str | None = None,
    ) -> None:
        self.maps = maps
        self.gradients = gradients
        self.dim = dim
        self.method = method
        self.gradient_label = gradient_label

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Maps,
        target: Any = None,
        *,
        method: str | Callable = "gradient",
        wrt: str = "input",
        n_samples: int = 3,
        channel: int = 0,
        label: str | None = None,
        gradient_label: str | None = None,
        ax: AxesLike = None,
        **parameters: Any,
    ) -> SaliencyDisplay:
        """Draw the gradients of a fitted net.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search
            or a ``TransformedTargetRegressor`` that ends in one.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, as the whole estimator takes them; the first ones are drawn.
        target : int, tuple of int, label or None, default=None
            Which output, see `input_gradients`.
        method : str or callable, default="gradient"
            How the gradients are taken, see `input_gradients`.
        wrt : {"input", "maps"}, default="input"
            Whether the input of the net is drawn and differentiated by, or the maps themselves.
        n_samples : int, default=3
            Most samples to draw.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What the maps are, and their unit, written beside their scale.
        gradient_label : str, default=None
            What the gradients are, and their unit, see the class.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, two for each sample; None makes a figure.
        **parameters : object
            Further parameters of `input_gradients`.

        Returns
        -------
        SaliencyDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it does not end in a net.
        ValueError
            If a parameter is out of its range, or axes do not fit.
        MapShapeError
            If samples have not the shape that was fitted.
        ImportError
            If the method is captum's, which is absent.
        """
        check_number(cls.__name__, "n_samples", n_samples, 1)
        net = FittedNet(estimator, cls.__name__)
        X = X[:n_samples]
        gradients = input_gradients(estimator, X, target, method=method, wrt=wrt, **parameters)
        if wrt == "maps":
            maps = np.asarray(X if isinstance(X, LazyMaps) else as_numpy(X))
            dim = None
        else:
            maps, dim = net.inputs(X).reshape(gradients.shape), net.dim
        name = method if isinstance(method, str) else getattr(method, "__name__", "attribution")
        name = "attribution" if name == "<lambda>" else name.replace("_", " ")
        display = cls(maps, gradients, dim=dim, method=name, gradient_label=gradient_label)
        return display.plot(ax, channel=channel, label=label)

    def plot(
        self, ax: AxesLike = None, *, channel: int = 0, label: str | None = None
    ) -> SaliencyDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, two for each sample; None makes a figure.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What the maps are, and their unit, written beside their scale.

        Returns
        -------
        SaliencyDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such channel, or axes do not fit.
        MapShapeError
            If maps and gradients have not the same shape, or none of maps.
        """
        maps, gradients = self._of_channel(channel)
        panels = make_panels(ax, 2 * len(maps), 2, _size, type(self).__name__, "map and gradient")
        self.axes_ = panels.reshape(-1, 2)
        self.figure_ = panels[0].figure
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.colorbars_: list[Colorbar] = []
        limit = symmetric_limit(gradients)
        scales = ("viridis", maps.min(), maps.max()), ("RdBu_r", -limit, limit)
        for row, *pair in zip(self.axes_, maps, gradients, strict=True):
            for panel, values, scale in zip(row, pair, scales, strict=True):
                drawn = draw_picture(panel, values, *scale)
                (self.lines_ if values.ndim == 1 else self.images_).append(drawn)
        for panel, title in zip(self.axes_[0], ("map", self.method), strict=True):
            panel.set_title(title, fontsize=8)
        if self.lines_:
            name_cells(panels, ax is None)
            for row in self.axes_:
                row[0].set_ylabel(label or "", fontsize=7)
                row[1].set_ylabel(self._gradient_label(), fontsize=7)
        elif ax is None:
            # One bar below each column, where both columns stay equally wide.
            for column, words in enumerate((label, self._gradient_label())):
                bar = self.figure_.colorbar(
                    self.images_[column],
                    ax=self.axes_[:, column].tolist(),
                    location="bottom",
                    aspect=18,
                    pad=0.02,
                )
                bar.ax.tick_params(labelsize=7)
                if words is not None:
                    bar.set_label(words, fontsize=8)
                self.colorbars_.append(bar)
        return self

    def _gradient_label(self):
        """What is said of the scale of the gradients."""
        if self.gradient_label is not None:
            return self.gradient_label
        return "output / map" if self.method in _DERIVATIVES else "share of output"

    def _of_channel(self, channel):
        """What is drawn of maps and gradients."""
        owner = type(self).__name__
        maps, gradients = np.asarray(self.maps), np.asarray(self.gradients)
        if maps.shape != gradients.shape:
            raise MapShapeError(
                f"{owner} takes gradients of the shape of the maps, {maps.shape}; got "
                f"{gradients.shape}."
            )
        layout = map_layout(maps.shape, self.dim, owner)
        note = f", for samples of shape {maps.shape[1:]}"
        check_number(owner, "channel", channel, 0, layout.n_channels - 1, note)
        shape = (len(maps), *layout.map_shape)
        return (
            np.stack([picture(one) for one in values.reshape(shape)[:, channel]])
            for values in (maps, gradients)
        )


def _size(n_rows, n_columns):
    return _WIDTH * n_columns + 0.3, n_rows * (_WIDTH + 0.05) + 0.8
