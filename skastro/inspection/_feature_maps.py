"""Pictures of what a layer makes of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..utils._typing import Maps
from ._layers import FittedNet
from ._panels import AxesLike, check_number, make_panels
from ._pictures import add_colorbar, draw_picture, name_cells, picture, symmetric_limit

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_WIDTH = 1.3


class FeatureMapDisplay:
    """Feature maps of a layer for one map, a panel for each.

    Made by `from_estimator`; the feature maps are kept, and `plot` draws them on one scale. Of
    cubes the central slice across the last axis is drawn, of signals a curve.

    Parameters
    ----------
    feature_maps : array-like of shape (n_maps, *spatial)
        Feature maps.
    input_map : array-like of shape (n_channels, *spatial), default=None
        What the net was given.
    layer : str, default=None
        Name of the layer, written above.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (n_panels,)
        The panels: that of the input, if it is drawn, then those of the feature maps.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The panels of maps and cubes; the first axis goes to the right, the second up.
    lines_ : list of matplotlib.lines.Line2D
        Those of signals.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        Scale of the feature maps, in a figure that `plot` made.

    See Also
    --------
    feature_maps : The numbers.
    FilterDisplay : The filters themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import FeatureMapDisplay
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> maps = np.random.default_rng(0).normal(size=(6, 8, 9))
    >>> model = CNNRegressor(ConvNet(n_layers=2, n_filters=5), max_epochs=1, random_state=0)
    >>> model.fit(maps, maps.std(axis=(1, 2)))
    CNNRegressor(...)
    >>> display = FeatureMapDisplay.from_estimator(model, maps[:1])
    >>> display.feature_maps.shape
    (5, 8, 9)
    """

    def __init__(
        self,
        feature_maps: ArrayLike,
        *,
        input_map: ArrayLike | None = None,
        layer: str | None = None,
    ) -> None:
        self.feature_maps = feature_maps
        self.input_map = input_map
        self.layer = layer

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Maps,
        *,
        layer: int | str = 0,
        n_maps: int | None = 15,
        show_input: bool = True,
        channel: int = 0,
        ax: AxesLike = None,
        n_columns: int = 4,
    ) -> FeatureMapDisplay:
        """Draw what a fitted net makes of a map.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search
            or a ``TransformedTargetRegressor`` that ends in one.
        X : array-like or LazyMaps of shape (1, [n_channels,] *spatial)
            A map, as the whole estimator takes it, such as ``maps[:1]``; of several the first.
        layer : int or str, default=0
            Number of a convolution, whose output is that before the activation, or the name of
            any layer that makes maps, see `layer_names`.
        n_maps : int or None, default=15
            How many of the first feature maps are drawn, if there are as many; None draws all.
        show_input : bool, default=True
            Whether a first panel shows what the net was given, on a scale of its own.
        channel : int, default=0
            Channel of the input that is drawn.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each panel; None makes a figure.
        n_columns : int, default=4
            Panels in a row of the figure that is made.

        Returns
        -------
        FeatureMapDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it does not end in a net.
        ValueError
            If there is no such layer or channel, the layer makes no maps, or axes or numbers do
            not fit.
        MapShapeError
            If the map has not the shape that was fitted.
        """
        net = FittedNet(estimator, cls.__name__)
        name, _ = net.layer(layer)
        inputs = net.inputs(X[:1])
        outputs = net.outputs_of(name, inputs)[0]
        if outputs.ndim != net.dim + 1:
            raise ValueError(
                f"{cls.__name__} draws layers that make maps; {name!r} makes an array of shape "
                f"{outputs.shape} of each sample. Choose a layer before it; layer_names(estimator) "
                f"lists them, and feature_maps(estimator, X, {name!r}) gives the numbers."
            )
        display = cls(outputs, input_map=inputs[0], layer=name)
        return display.plot(
            ax, n_maps=n_maps, show_input=show_input, channel=channel, n_columns=n_columns
        )

    def plot(
        self,
        ax: AxesLike = None,
        *,
        n_maps: int | None = 15,
        show_input: bool = True,
        channel: int = 0,
        n_columns: int = 4,
    ) -> FeatureMapDisplay:
        """Draw the feature maps.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each panel; None makes a figure.
        n_maps : int or None, default=15
            How many of the first feature maps are drawn, if there are as many; None draws all.
        show_input : bool, default=True
            Whether a first panel shows what the net was given, if that is known.
        channel : int, default=0
            Channel of the input that is drawn.
        n_columns : int, default=4
            Panels in a row of the figure that is made.

        Returns
        -------
        FeatureMapDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such channel, or axes or numbers do not fit.
        """
        owner = type(self).__name__
        if n_maps is not None:
            check_number(owner, "n_maps", n_maps, 1)
        maps = np.stack([picture(one) for one in np.asarray(self.feature_maps)[:n_maps]])
        shown = None if self.input_map is None or not show_input else np.asarray(self.input_map)
        if shown is not None:
            check_number(owner, "channel", channel, 0, len(shown) - 1)
            shown = picture(shown[channel])
        n_panels = len(maps) + (shown is not None)
        self.axes_ = make_panels(ax, n_panels, n_columns, _size, owner, "panel")
        self.figure_ = self.axes_[0].figure
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.colorbar_: Colorbar | None = None
        panels = self.axes_[n_panels - len(maps) :]
        if shown is not None:
            self._draw(self.axes_[0], shown, "input", ("gray", shown.min(), shown.max()))
        limit = symmetric_limit(maps)
        scale = ("RdBu_r", -limit, limit) if maps.min() < 0 else ("viridis", 0, limit)
        for i, (panel, one) in enumerate(zip(panels, maps, strict=True)):
            self._draw(panel, one, str(i), scale)
        if self.lines_:
            name_cells(self.axes_, ax is None)
        if ax is None:
            if self.images_:
                self.colorbar_ = add_colorbar(self.images_[-1], self.axes_, "activation")
            if self.layer is not None:
                self.figure_.suptitle(f"feature maps of {self.layer}", fontsize=8)
        return self

    def _draw(self, panel, values, title, scale):
        drawn = draw_picture(panel, values, *scale)
        (self.lines_ if values.ndim == 1 else self.images_).append(drawn)
        panel.set_title(title, fontsize=7, pad=2)


def _size(n_rows, n_columns):
    return _WIDTH * n_columns + 0.7, n_rows * (_WIDTH + 0.08) + 0.2
