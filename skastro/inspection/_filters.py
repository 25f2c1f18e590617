"""Pictures of the kernels of convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ._layers import CONVOLUTIONS, FittedNet
from ._panels import AxesLike, check_number, make_panels
from ._pictures import add_colorbar, draw_picture, name_cells, symmetric_limit

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_WIDTH = 0.81


class FilterDisplay:
    """Kernels of a convolution, a panel for each filter.

    Made by `from_estimator`; the kernels are kept, and `plot` draws them, all on one scale with
    its middle at zero. Kernels of cubes are drawn as a row of slices, one for each cell of the
    first axis; those of signals as curves.

    Parameters
    ----------
    kernels : array-like of shape (n_filters, n_channels, *kernel)
        Weights.
    layer : str, default=None
        Name of the layer, written above.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (n_panels,)
        The panels.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The kernels of maps and cubes; the first axis goes to the right, the second up.
    lines_ : list of matplotlib.lines.Line2D
        The kernels of signals.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        Scale of the images, in a figure that `plot` made.

    See Also
    --------
    FeatureMapDisplay : What the filters make of a map.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import FilterDisplay
    >>> from skastro.nets import ConvNet
    >>> from skastro.neural_network import CNNRegressor
    >>> maps = np.random.default_rng(0).normal(size=(6, 8, 9))
    >>> model = CNNRegressor(ConvNet(n_layers=2, n_filters=5), max_epochs=1, random_state=0)
    >>> display = FilterDisplay.from_estimator(model.fit(maps, maps.std(axis=(1, 2))))
    >>> display.kernels.shape, len(display.images_)
    ((5, 1, 3, 3), 5)
    """

    def __init__(self, kernels: ArrayLike, *, layer: str | None = None) -> None:
        self.kernels = kernels
        self.layer = layer

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        layer: int | str = 0,
        channel: int | str = "mean",
        n_filters: int | None = 16,
        ax: AxesLike = None,
        n_columns: int = 8,
    ) -> FilterDisplay:
        """Draw the kernels of a fitted net.

        Parameters
        ----------
        estimator : estimator
            A fitted `CNNRegressor`, `CNNClassifier` or `ConvAutoencoder`, or a pipeline, a search
            or a ``TransformedTargetRegressor`` that ends in one.
        layer : int or str, default=0
            Number of a convolution, or its name, see `layer_names`.
        channel : int or "mean", default="mean"
            Input channel whose weights are drawn, or the mean over all.
        n_filters : int or None, default=16
            How many of the first filters are drawn, if there are as many; None draws all.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each filter; None makes a figure.
        n_columns : int, default=8
            Panels in a row of the figure that is made.

        Returns
        -------
        FilterDisplay
            The display.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it does not end in a net.
        ValueError
            If there is no such layer or channel, the layer is no convolution, or axes or numbers
            do not fit.
        """
        net = FittedNet(estimator, cls.__name__)
        name, part = net.layer(layer)
        if not isinstance(part, CONVOLUTIONS):
            raise ValueError(
                f"{cls.__name__} draws convolutions, and the layer {name!r} is a "
                f"{type(part).__name__}. Convolutions of this net: {net.convolutions}."
            )
        kernels = np.ascontiguousarray(part.weight.detach().float().cpu().numpy())
        display = cls(kernels, layer=name)
        return display.plot(ax, channel=channel, n_filters=n_filters, n_columns=n_columns)

    def plot(
        self,
        ax: AxesLike = None,
        *,
        channel: int | str = "mean",
        n_filters: int | None = 16,
        n_columns: int = 8,
    ) -> FilterDisplay:
        """Draw the kernels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each filter; None makes a figure.
        channel : int or "mean", default="mean"
            Input channel whose weights are drawn, or the mean over all.
        n_filters : int or None, default=16
            How many of the first filters are drawn, if there are as many; None draws all.
        n_columns : int, default=8
            Panels in a row of the figure that is made.

        Returns
        -------
        FilterDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such channel, or kernels, axes or numbers do not fit.
        """
        kernels = self._kernels(channel, n_filters)
        check_number(type(self).__name__, "n_columns", n_columns, 1)
        slices = kernels.shape[1] if kernels.ndim == 4 else 1
        n_columns = max(1, n_columns // slices) if ax is None and slices > 1 else n_columns
        self.axes_ = make_panels(
            ax,
            len(kernels),
            n_columns,
            lambda rows, columns: (
                _WIDTH * columns * min(slices, 4) + 0.6,
                rows * (_WIDTH + 0.2) + 0.3,
            ),
            type(self).__name__,
            "filter",
        )
        self.figure_ = self.axes_[0].figure
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.colorbar_: Colorbar | None = None
        limit = symmetric_limit(kernels)
        for i, (panel, kernel) in enumerate(zip(self.axes_, kernels, strict=True)):
            shown = np.concatenate(kernel) if kernel.ndim == 3 else kernel
            drawn = draw_picture(panel, shown, "RdBu_r", -limit, limit)
            panel.set_title(str(i), fontsize=7, pad=2)
            if kernel.ndim == 1:
                self.lines_.append(drawn)
                panel.locator_params(nbins=3)
                panel.tick_params(labelleft=ax is not None or i % n_columns == 0)
                continue
            self.images_.append(drawn)
            for j in range(1, slices):
                panel.axvline(j * kernel.shape[1] - 0.5, color="black", lw=1)
        if self.lines_:
            name_cells(self.axes_, ax is None)
        if ax is None:
            if self.images_:
                self.colorbar_ = add_colorbar(self.images_[0], self.axes_, "weight")
            if self.layer is not None:
                self.figure_.suptitle(f"filters of {self.layer}", fontsize=8)
        return self

    def _kernels(self, channel, n_filters):
        """What is drawn: the kernels of one channel, or their mean."""
        owner, kernels = type(self).__name__, np.asarray(self.kernels)
        if kernels.ndim not in (3, 4, 5):
            raise ValueError(
                f"The 'kernels' parameter of {owner} must have the shape (n_filters, n_channels, "
                f"*kernel). Got an array of shape {kernels.shape} instead."
            )
        if n_filters is not None:
            check_number(owner, "n_filters", n_filters, 1)
        if isinstance(channel, str) and channel == "mean":
            return kernels[:n_filters].mean(axis=1)
        note = f" or 'mean', for kernels of {kernels.shape[1]} channels"
        check_number(owner, "channel", channel, 0, kernels.shape[1] - 1, note)
        return kernels[:n_filters, channel]
