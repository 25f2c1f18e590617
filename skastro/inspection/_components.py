"""Pictures of the principal components of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..decomposition import MapPCA
from ..utils import map_layout
from ._panels import AxesLike, check_number, make_panels
from ._pictures import add_colorbar, draw_picture, name_cells, symmetric_limit
from ._wrapped import wrapped

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_WIDTH = 1.65


class ComponentsDisplay:
    """Principal components as images, each with its share of the variance.

    Made by `from_estimator`; the components are kept, and `plot` draws them. Of cubes the central
    slice across the last axis is drawn, of signals a curve. All panels have one symmetric scale.

    Parameters
    ----------
    components : array-like of shape (n_components, [n_channels,] *spatial)
        The components.
    explained_variance_ratio : array-like of shape (n_components,), default=None
        Fraction of the variance that each explains.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (n_panels,)
        The panels: one for each component that is drawn, then that of the cumulative
        variance, if any.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The components of maps and cubes; the first spatial axis goes to the right, the second
        up.
    lines_ : list of matplotlib.lines.Line2D
        The components of signals; then the cumulative variance, if any.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        Scale of the images, in a figure that `plot` made.

    See Also
    --------
    skastro.decomposition.MapPCA : Finds the components.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.decomposition import MapPCA
    >>> from skastro.inspection import ComponentsDisplay
    >>> maps = np.random.default_rng(0).normal(size=(50, 8, 9)).cumsum(axis=1)
    >>> display = ComponentsDisplay.from_estimator(MapPCA(6).fit(maps), n_components=3)
    >>> print([panel.get_title() for panel in display.axes_])
    ['1: 17 %', '2: 15.2 %', '3: 12.1 %']
    """

    def __init__(
        self,
        components: ArrayLike,
        explained_variance_ratio: ArrayLike | None = None,
        *,
        dim: int | None = None,
    ) -> None:
        self.components = components
        self.explained_variance_ratio = explained_variance_ratio
        self.dim = dim

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        n_components: int | None = 12,
        channel: int = 0,
        cumulative: bool = False,
        ax: AxesLike = None,
        n_columns: int = 4,
    ) -> ComponentsDisplay:
        """Draw the components of a fitted `MapPCA`.

        Parameters
        ----------
        estimator : estimator
            A fitted `MapPCA`, or a pipeline or search with one in it.
        n_components : int or None, default=12
            How many of the first components are drawn, if there are as many; None draws all.
        channel : int, default=0
            Channel that is drawn.
        cumulative : bool, default=False
            Whether a last panel shows the variance that all components up to each explain.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each panel; None makes a figure.
        n_columns : int, default=4
            Panels in a row of the figure that is made.

        Returns
        -------
        ComponentsDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no `MapPCA` or no such channel, or axes or numbers do not fit.
        NotFittedError
            If the estimator is not fitted.
        """
        pca = _pca(estimator)
        dim = map_layout((1, *pca.sample_shape_), pca.dim, cls.__name__).dim
        display = cls(pca.components_, pca.explained_variance_ratio_, dim=dim)
        return display.plot(
            ax,
            n_components=n_components,
            channel=channel,
            cumulative=cumulative,
            n_columns=n_columns,
        )

    def plot(
        self,
        ax: AxesLike = None,
        *,
        n_components: int | None = 12,
        channel: int = 0,
        cumulative: bool = False,
        n_columns: int = 4,
    ) -> ComponentsDisplay:
        """Draw the components.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each panel; None makes a figure.
        n_components : int or None, default=12
            How many of the first components are drawn, if there are as many; None draws all.
        channel : int, default=0
            Channel that is drawn.
        cumulative : bool, default=False
            Whether a last panel shows the variance that all components up to each explain.
        n_columns : int, default=4
            Panels in a row of the figure that is made.

        Returns
        -------
        ComponentsDisplay
            The display.

        Raises
        ------
        ValueError
            If there is no such channel, or axes, ratios or numbers do not fit.
        """
        pictures, dim = self._pictures(n_components, channel)
        ratios = self._ratios(cumulative)
        n_panels, owner = len(pictures) + bool(cumulative), type(self).__name__
        self.axes_ = make_panels(ax, n_panels, n_columns, _size, owner, "component")
        self.figure_ = self.axes_[0].figure
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.colorbar_: Colorbar | None = None
        limit = symmetric_limit(pictures)
        panels = self.axes_[: len(pictures)]
        for i, (panel, picture) in enumerate(zip(panels, pictures, strict=True)):
            share = "" if ratios is None else f": {100 * ratios[i]:.3g} %"
            panel.set_title(f"{i + 1}{share}", fontsize=8)
            drawn = draw_picture(panel, picture, "RdBu_r", -limit, limit)
            if dim == 1:
                self.lines_.append(drawn)
            else:
                self.images_.append(drawn)
        if self.lines_:
            name_cells(panels, ax is None)
        elif ax is None:
            self.colorbar_ = add_colorbar(self.images_[0], self.axes_, "weight of a cell")
        if cumulative:
            self._draw_cumulative(ratios)
        return self

    def _draw_cumulative(self, ratios):
        panel = self.axes_[-1]
        self.lines_ += panel.plot(
            np.arange(1, len(ratios) + 1), 100 * np.cumsum(ratios), ".-", ms=3, lw=1, color="black"
        )
        panel.set_title("cumulative, %", fontsize=8)
        panel.set_xlabel("components", fontsize=7, labelpad=1)
        panel.set(xlim=(0, len(ratios) + 1), ylim=(0, 102), box_aspect=1)
        panel.tick_params(labelsize=7)
        panel.yaxis.tick_right()  # keeps the panels of its column together

    def _pictures(self, n_components, channel):
        """What is drawn of each component: an image, a slice or a curve."""
        owner = type(self).__name__
        components = np.asarray(self.components)
        layout = map_layout(components.shape, self.dim, owner)
        if n_components is not None:
            check_number(owner, "n_components", n_components, 1)
        note = f", for components of shape {components.shape[1:]}"
        check_number(owner, "channel", channel, 0, layout.n_channels - 1, note)
        pictures = components[:n_components]
        pictures = pictures[:, channel] if layout.has_channels else pictures
        if layout.dim == 3:
            pictures = pictures[..., layout.spatial[-1] // 2]
        return pictures, layout.dim

    def _ratios(self, cumulative):
        if self.explained_variance_ratio is None:
            if cumulative:
                raise ValueError(
                    f"{type(self).__name__} draws the cumulative variance with "
                    f"'explained_variance_ratio' only; got None. Give it, or set cumulative=False."
                )
            return None
        ratios = np.asarray(self.explained_variance_ratio)
        if ratios.shape != (len(self.components),):
            raise ValueError(
                f"The 'explained_variance_ratio' parameter of {type(self).__name__} must hold one "
                f"number for each of {len(self.components)} components. Got an array of shape "
                f"{ratios.shape} instead."
            )
        return ratios


def _pca(estimator):
    """The fitted `MapPCA` inside pipelines and searches."""
    check_is_fitted(estimator)
    found = _inner_pca(estimator)
    if found is None:
        raise ValueError(
            f"ComponentsDisplay takes a fitted MapPCA, or a pipeline or search with one in it; "
            f"got {estimator!r}."
        )
    return found


def _inner_pca(estimator):
    if isinstance(estimator, MapPCA):
        return estimator
    if isinstance(estimator, Pipeline):
        inner = [step for _, step in estimator.steps]
    else:
        inner = [one for one in [wrapped(estimator)] if one is not None]
    found = map(_inner_pca, inner)
    return next((pca for pca in found if pca is not None), None)


def _size(n_rows, n_columns):
    return _WIDTH * n_columns + 0.5, n_rows * (_WIDTH + 0.2)
