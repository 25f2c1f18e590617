"""Sizes of ionized bubbles in predicted and true fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..exceptions import MapShapeError
from ..metrics import mean_free_path
from ..utils import map_layout
from ..utils._typing import MapsLike, RandomState
from ._field_arrays import (
    check_cells,
    check_counts,
    check_labels,
    field_dim,
    label_text,
    line_colours,
    mean_and_spread,
    shape_of,
)
from ._looks import COLOURS, COLUMN, MARKERS
from ._panels import set_log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

_ALPHA = 0.13


class BubbleSizeDisplay:
    r"""Distributions of the sizes of ionized bubbles in truth and prediction.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. Sizes are the lengths of rays in ionized cells, see `skastro.metrics.mean_free_path`,
    and the curves are :math:`R\,dP/dR`, the mean over the samples of one label, such as a
    redshift: lines for the truth and dashes for the prediction. A band is the standard deviation
    of the truth between samples. Fields without an ionized cell are left out. Rays longer than
    the longest axis are cut, as all are in a box that is ionized throughout; they are not
    drawn, and the legend says what share of the rays of the truth they are where it is 1% or more.

    Parameters
    ----------
    y_true : array-like or LazyMaps of shape (n_samples, [1,] *spatial)
        True ionized fractions.
    y_pred : array-like or LazyMaps of the same shape, with or without the axis of the channel
        Predicted ionized fractions.
    by : array-like of shape (n_samples,), default=None
        Label of each sample, such as its redshift: a pair of lines for each. None draws one pair.
    by_name : str, default=None
        What the labels are, such as "z", written before them.
    threshold : float, default=0.5
        Cells with a greater value are ionized.
    cell_size : float, default=None
        Side of a cell in Mpc; None gives sizes in cells.
    n_rays : int, default=10_000
        Rays for each field.
    bins : int or array-like of shape (n_bins + 1,), default=24
        Number of bins of R, or their edges.
    periodic : bool, default=True
        Whether rays that leave the box enter it again on the other side.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c. Cubes without an axis of
        channels need ``dim=3``.
    random_state : int or numpy.random.RandomState, default=0
        Seed of the rays.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    labels_ : list
        Distinct labels in ascending order; ``[None]`` for none.
    truth_, prediction_ : sklearn.utils.Bunch
        Distributions and mean free paths of each sample, as `skastro.metrics.mean_free_path`
        gives them.
    true_lines_, predicted_lines_ : list of matplotlib.lines.Line2D
        The curves, a line for each label.
    bands_ : list of matplotlib.collections.PolyCollection
        Spreads of the truth, for each label with two samples or more.

    See Also
    --------
    skastro.metrics.mean_free_path : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import BubbleSizeDisplay
    >>> y_true = (np.random.default_rng(0).uniform(size=(2, 12, 12, 12)) > 0.4).astype(float)
    >>> display = BubbleSizeDisplay.from_predictions(y_true, y_true, by=[7, 8], dim=3)
    >>> len(display.true_lines_), display.ax_.get_xlabel()
    (2, 'Size $R$ [cell]')
    """

    def __init__(
        self,
        y_true: MapsLike,
        y_pred: MapsLike,
        *,
        by: ArrayLike | None = None,
        by_name: str | None = None,
        threshold: float = 0.5,
        cell_size: float | None = None,
        n_rays: int = 10000,
        bins: int | ArrayLike = 24,
        periodic: bool = True,
        dim: int | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.by = by
        self.by_name = by_name
        self.threshold = threshold
        self.cell_size = cell_size
        self.n_rays = n_rays
        self.bins = bins
        self.periodic = periodic
        self.dim = dim
        self.random_state = random_state

    @classmethod
    def from_predictions(
        cls, y_true: MapsLike, y_pred: MapsLike, *, ax: Axes | None = None, **of: Any
    ) -> BubbleSizeDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like or LazyMaps of shape (n_samples, [1,] *spatial)
            True ionized fractions.
        y_pred : array-like or LazyMaps of the same shape, with or without the axis of the channel
            Predicted ionized fractions.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        **of : object
            Further parameters of the class: `by`, `by_name`, `threshold`, `cell_size`, `n_rays`,
            `bins`, `periodic`, `dim` and `random_state`.

        Returns
        -------
        BubbleSizeDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields of one channel, or do not fit each other.
        ValueError
            If a parameter is out of its range, or a value is not finite.
        """
        return cls(y_true, y_pred, **of).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: MapsLike,
        *,
        ax: Axes | None = None,
        **of: Any,
    ) -> BubbleSizeDisplay:
        """Draw what a fitted regressor of fields predicts.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor that predicts fields, or a pipeline or search that ends in one.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like or LazyMaps of shape (n_samples, [1,] *spatial)
            True ionized fractions.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        **of : object
            Further parameters of the class, see `from_predictions`. By default `dim` is that of
            the estimator, or 3 where `X` has five axes.

        Returns
        -------
        BubbleSizeDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields of one channel, or do not fit each other.
        ValueError
            If a parameter is out of its range, or a value is not finite.
        """
        if of.get("dim") is None:
            of["dim"] = field_dim(estimator, X)
        return cls.from_predictions(y, estimator.predict(X), ax=ax, **of)

    def plot(self, ax: Axes | None = None) -> BubbleSizeDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.

        Returns
        -------
        BubbleSizeDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields of one channel, or do not fit each other.
        ValueError
            If a parameter is out of its range, or a value is not finite.
        """
        import matplotlib.pyplot as plt

        self._measure()
        given = ax is not None
        if ax is None:
            _, ax = plt.subplots(figsize=(COLUMN, 3.0), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.true_lines_: list[Line2D] = []
        self.predicted_lines_: list[Line2D] = []
        self.bands_: list[PolyCollection] = []
        single = self.labels_ == [None]
        for i, colour in enumerate(["black"] if single else line_colours(self.labels_)):
            rows = self._members == i
            true, spread = self._curve(self.truth_, rows)
            predicted, _ = self._curve(self.prediction_, rows)
            radii, other = self.truth_.radii, COLOURS[0] if single else colour
            look = {"lw": 1.2, "ms": 3, "markevery": (i % 4, 4)}
            look["marker"] = "" if single else MARKERS[i % len(MARKERS)]
            self.true_lines_ += ax.plot(radii, true, color=colour, zorder=3, **look)
            self.predicted_lines_ += ax.plot(radii, predicted, color=other, ls="--", **look)
            if np.isfinite(spread).any():
                low, high = np.maximum(true - spread, 0), true + spread
                self.bands_.append(
                    ax.fill_between(radii, low, high, color=colour, alpha=_ALPHA, lw=0)
                )
        set_log_axis(ax)
        ax.set_ylim(bottom=0)
        unit = "cell" if self.cell_size is None else "Mpc"
        ax.set_xlabel(f"Size $R$ [{unit}]", fontsize=9)
        ax.set_ylabel(r"$R\,\mathrm{d}P/\mathrm{d}R$", fontsize=9)
        ax.tick_params(labelsize=8)
        self._add_legend(single, given)
        return self

    def _measure(self):
        """Distributions of truth and prediction, on the same bins."""
        owner = type(self).__name__
        check_counts(owner, self.y_true, self.y_pred)
        layouts = {}
        for name in ("y_true", "y_pred"):
            shape = shape_of(getattr(self, name))
            layouts[name] = map_layout(shape, self.dim, owner)
            if layouts[name].n_channels != 1:
                raise MapShapeError(
                    f"{owner} takes fields of one channel, and {name} of shape {shape} is read as "
                    f"{layouts[name].n_channels} channels of {layouts[name].dim} spatial axes. "
                    f"Choose one, y[:, :1], or give 'dim' if there is no axis of channels."
                )
        check_cells(owner, layouts["y_true"].spatial, layouts["y_pred"].spatial)
        cell_size = 1.0 if self.cell_size is None else self.cell_size
        n_samples = shape_of(self.y_true)[0]
        self.labels_, self._members = check_labels(owner, "by", self.by, n_samples)
        self.truth_, self.prediction_ = (
            mean_free_path(
                fields,
                threshold=self.threshold,
                n_rays=self.n_rays,
                cell_size=cell_size,
                bins=self.bins,
                periodic=self.periodic,
                dim=self.dim,
                random_state=self.random_state,
            )
            for fields in (self.y_true, self.y_pred)
        )
        # As mean_free_path has it by default.
        self._longest = float(max(layouts["y_true"].spatial) * cell_size)

    def _curve(self, sizes, rows):
        """Mean and spread of distributions, without the rays that were cut."""
        edges, longest = sizes.edges, self._longest
        drawn = sizes.distribution.reshape(-1, len(edges) - 1).copy()
        if edges[0] <= longest <= edges[-1]:
            last = min(np.searchsorted(edges, longest, side="right"), len(edges) - 1) - 1
            drawn[:, last] -= sizes.cut.ravel() / np.log(edges[last + 1] / edges[last])
        return mean_and_spread(drawn[rows])

    def _add_legend(self, single, given):
        """Styles of truth and prediction, and colours of labels."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        looks = (("truth", "-", "black"), ("prediction", "--", COLOURS[0] if single else "black"))
        kinds = [Line2D([], [], color=c, ls=ls, lw=1.2, label=name) for name, ls, c in looks]
        if self.bands_:
            kinds.append(Patch(fc="black", alpha=_ALPHA, lw=0, label="spread of truth"))
        handles = []
        for i, label in enumerate(self.labels_):
            share = mean_and_spread(self.truth_.cut.ravel()[self._members == i])[0]
            words = [] if single else [label_text(self.by_name, label)]
            if share >= 0.01:
                words.append(f"{share:.0%} cut")
            if words:
                handles.append(Line2D([], []))
                handles[-1].update_from(self.true_lines_[i])
                handles[-1].set_label(", ".join(words))
        if not given:
            blank = Line2D([], [], lw=0, label=" ")  # fills the first of two columns
            kinds += [blank] * (len(handles) - len(kinds))
        look = {"handles": kinds + handles, "fontsize": 7, "frameon": False}
        if given:
            self.ax_.legend(**look)
        else:
            self.figure_.legend(loc="outside upper center", ncols=2, **look)
