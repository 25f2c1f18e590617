"""How well predicted fields agree with true ones, scale by scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..metrics import cross_correlation_coefficient, power_ratio
from ..utils._typing import MapsLike, QuantityLike
from ._field_arrays import (
    check_labels,
    field_dim,
    label_text,
    line_colours,
    mean_and_spread,
    read_pairs,
    shape_of,
)
from ._field_slices import box_lengths
from ._looks import COLUMN, MARKERS
from ._panels import AxesLike, make_panels, set_log_axis

if TYPE_CHECKING:
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

_FAR, _NEAR = 5, 1.5
_MEASURES = cross_correlation_coefficient, power_ratio


class FieldSpectraDisplay:
    r"""Correlation and ratio of the power of predicted and true fields against wavenumber.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. Above stands the cross-correlation coefficient
    :math:`r(k) = P_{tp} / \sqrt{P_{tt} P_{pp}}` of truth t and prediction p, below the ratio
    :math:`P_{pp} / P_{tt}`, on a logarithmic axis where it is above 5; both are 1 for a perfect
    prediction. A line is the mean over the
    samples of one label, such as a redshift, and its band the standard deviation between them.
    Samples without power, as of a box that is wholly ionized, are left out.

    Parameters
    ----------
    y_true : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True fields of periodic boxes.
    y_pred : array-like, torch.Tensor or LazyMaps of the same shape, with or without channels
        Predicted fields.
    by : array-like of shape (n_samples,), default=None
        Label of each sample, such as its redshift: a line for each. None draws one line.
    by_name : str, default=None
        What the labels are, such as "z", written before them.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box in Mpc: one number where all axes have equally many cells, else one for
        each axis. None gives k in radians per cell.
    n_bins : int, default=None
        Bins of k; None leaves the number to `skastro.metrics.cross_correlation_coefficient`.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c. Cubes without an axis of
        channels need ``dim=3``.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (2,)
        The panel of correlation and that of power.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    labels_ : list
        Distinct labels in ascending order; ``[None]`` for none.
    k_ : ndarray of shape (n_bins,)
        Wavenumbers, in radians per Mpc or per cell.
    correlation_, ratio_ : ndarray of shape (n_samples, n_bins)
        What is averaged; NaN where there is no power.
    correlation_lines_, ratio_lines_ : list of matplotlib.lines.Line2D
        The means, a line for each label.
    bands_ : list of matplotlib.collections.PolyCollection
        Spreads of the correlation and then of the ratio, for each label with two samples or more.

    See Also
    --------
    skastro.metrics.cross_correlation_coefficient : The coefficients.
    skastro.metrics.power_ratio : The ratios.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import FieldSpectraDisplay
    >>> y_true = np.random.default_rng(0).normal(size=(4, 12, 12, 12))
    >>> display = FieldSpectraDisplay.from_predictions(
    ...     y_true, 0.5 * y_true, by=[7, 7, 8, 8], box_size=20.0, dim=3
    ... )
    >>> bool(np.allclose(display.correlation_, 1)), bool(np.allclose(display.ratio_, 0.25))
    (True, True)
    """

    def __init__(
        self,
        y_true: MapsLike,
        y_pred: MapsLike,
        *,
        by: ArrayLike | None = None,
        by_name: str | None = None,
        box_size: ArrayLike | QuantityLike | None = None,
        n_bins: int | None = None,
        dim: int | None = None,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.by = by
        self.by_name = by_name
        self.box_size = box_size
        self.n_bins = n_bins
        self.dim = dim

    @classmethod
    def from_predictions(
        cls,
        y_true: MapsLike,
        y_pred: MapsLike,
        *,
        by: ArrayLike | None = None,
        by_name: str | None = None,
        box_size: ArrayLike | QuantityLike | None = None,
        n_bins: int | None = None,
        dim: int | None = None,
        channel: int | None = None,
        ax: AxesLike = None,
    ) -> FieldSpectraDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            True fields of periodic boxes.
        y_pred : array-like, torch.Tensor or LazyMaps of the same shape, with or without channels
            Predicted fields.
        by : array-like of shape (n_samples,), default=None
            Label of each sample.
        by_name : str, default=None
            What the labels are.
        box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
            Length of the box in Mpc.
        n_bins : int, default=None
            Bins of k.
        dim : {1, 2, 3}, default=None
            Number of spatial axes.
        channel : int, default=None
            Which channel of the fields; None takes the only one.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for correlation and power; None makes a figure.

        Returns
        -------
        FieldSpectraDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, fields hold NaN, or axes do not fit.
        """
        of: dict[str, Any] = {"by": by, "by_name": by_name, "n_bins": n_bins}
        of |= {"box_size": box_size, "dim": dim}
        return cls(y_true, y_pred, **of).plot(ax, channel=channel)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: MapsLike,
        *,
        by: ArrayLike | None = None,
        by_name: str | None = None,
        box_size: ArrayLike | QuantityLike | None = None,
        n_bins: int | None = None,
        dim: int | None = None,
        channel: int | None = None,
        ax: AxesLike = None,
    ) -> FieldSpectraDisplay:
        """Draw what a fitted regressor of fields predicts.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor that predicts fields, or a pipeline or search that ends in one.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            True fields of periodic boxes.
        by : array-like of shape (n_samples,), default=None
            Label of each sample.
        by_name : str, default=None
            What the labels are.
        box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
            Length of the box in Mpc.
        n_bins : int, default=None
            Bins of k.
        dim : {1, 2, 3}, default=None
            Number of spatial axes; by default that of the estimator, or 3 where `X` has five axes.
        channel : int, default=None
            Which channel of the fields; None takes the only one.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for correlation and power; None makes a figure.

        Returns
        -------
        FieldSpectraDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, fields hold NaN, or axes do not fit.
        """
        return cls.from_predictions(
            y,
            estimator.predict(X),
            by=by,
            by_name=by_name,
            box_size=box_size,
            n_bins=n_bins,
            dim=field_dim(estimator, X) if dim is None else dim,
            channel=channel,
            ax=ax,
        )

    def plot(self, ax: AxesLike = None, *, channel: int | None = None) -> FieldSpectraDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for correlation and power; None makes a figure.
        channel : int, default=None
            Which channel of the fields; None takes the only one.

        Returns
        -------
        FieldSpectraDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, fields hold NaN, or axes do not fit.
        """
        owner = type(self).__name__
        self.labels_, members = check_labels(owner, "by", self.by, shape_of(self.y_true)[0])
        self._measure(channel)
        panels = self._panels(ax)
        self.correlation_lines_: list[Line2D] = []
        self.ratio_lines_: list[Line2D] = []
        self.bands_: list[PolyCollection] = []
        colours = line_colours(self.labels_)
        kinds = (self.correlation_, -1, 1), (self.ratio_, 0, np.inf)
        for panel, (values, least, most) in zip(panels, kinds, strict=True):
            lines = self.correlation_lines_ if panel is panels[0] else self.ratio_lines_
            panel.axhline(1, color="black", lw=0.8, zorder=1)
            for i, (label, colour) in enumerate(zip(self.labels_, colours, strict=True)):
                mean, spread = mean_and_spread(values[members == i])
                text = None if label is None else label_text(self.by_name, label)
                look = {"color": colour, "label": text, "zorder": 3, "lw": 1.2, "ms": 2.5}
                lines.extend(panel.plot(self.k_, mean, marker=MARKERS[i % len(MARKERS)], **look))
                if np.isfinite(spread).any():
                    # A spread does not reach beyond what is possible.
                    low, high = np.maximum(mean - spread, least), np.minimum(mean + spread, most)
                    look = {"color": colour, "alpha": 0.15, "lw": 0, "zorder": 2}
                    self.bands_.append(panel.fill_between(self.k_, low, high, **look))
            set_log_axis(panel)
            panel.tick_params(labelsize=8)
        ratios = np.concatenate([line.get_ydata() for line in self.ratio_lines_])
        greatest = np.nanmax(ratios, initial=0)
        if greatest > _FAR:
            above = ratios[ratios > 0]
            panels[1].set(yscale="log", ylim=(above.min() / 2, 2 * greatest))
        else:
            panels[1].set_ylim(0, max(_NEAR, 1.3 * greatest))
        panels[0].set_ylim(top=1.05)
        unit = "cell" if self.box_size is None else "Mpc"
        panels[0].set_ylabel("Correlation $r(k)$", fontsize=9)
        panels[1].set_ylabel("Predicted / true power", fontsize=9)
        panels[1].set_xlabel(rf"Wavenumber $k$ [rad {unit}$^{{-1}}$]", fontsize=9)
        if self.labels_ != [None]:
            handles = self.correlation_lines_
            look = {"fontsize": 7, "frameon": False, "ncols": min(4, len(handles))}
            if ax is None:
                self.figure_.legend(handles=handles, loc="outside upper center", **look)
            else:
                panels[0].legend(handles=handles, loc="lower left", **look | {"ncols": 2})
        return self

    def _measure(self, channel):
        """Correlation and ratio of each sample."""
        owner, n_bins = type(self).__name__, {} if self.n_bins is None else {"n_bins": self.n_bins}
        found = [], []
        for truth, prediction in read_pairs(owner, self.y_true, self.y_pred, channel, self.dim):
            spatial = truth.shape[1:]
            of = {"box_size": box_lengths(owner, self.box_size, spatial), "dim": len(spatial)}
            for values, measure in zip(found, _MEASURES, strict=True):
                self.k_, chunk = measure(truth, prediction, **of, **n_bins)
                values.append(chunk)
        self.correlation_, self.ratio_ = map(np.concatenate, found)

    def _panels(self, ax):
        """The two axes, those given or those of a new figure."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(2, 1, sharex=True, figsize=(COLUMN, 4.2), layout="constrained")
        self.axes_ = make_panels(ax, 2, 1, None, type(self).__name__, "panel")
        self.figure_ = self.axes_[0].figure
        return self.axes_
