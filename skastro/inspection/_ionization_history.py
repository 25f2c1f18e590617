"""The mean ionized fraction against redshift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..datasets._checks import message
from ..exceptions import MapShapeError
from ..utils import check_groups, map_layout
from ..utils._typing import MapsLike
from ._field_arrays import (
    check_labels,
    chunk_rows,
    mean_and_spread,
    named_predictions,
    read,
    shape_of,
)
from ._looks import COLOURS, COLUMN, MARKERS, STYLES
from ._panels import AxesLike, make_panels

if TYPE_CHECKING:
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.lines import Line2D


class IonizationHistoryDisplay:
    r"""True and predicted mean ionized fractions against redshift, and their difference.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. The mean over the volume is taken of each field, then over the fields of one redshift
    and group, then over the groups of one redshift. The spread is the standard deviation between
    groups: of the truth as a band, of predictions as bars. The difference, prediction minus
    truth, is taken group by group before its mean and spread. Redshift rises to the right, so
    time runs to the left.

    Parameters
    ----------
    y_true : array-like or LazyMaps of shape (n_samples, [1,] *spatial) or (n_samples,)
        True ionized fractions of cells, or their means over each field.
    y_pred : array-like of such a shape, or dict of str to array-like
        Predicted ones, fields or means, or those of several methods by name.
    redshift : array-like of shape (n_samples,)
        Redshift of each sample; those that differ by less than 1e-6 are one.
    groups : array-like of shape (n_samples,), default=None
        Simulation of each sample; None takes each sample as a group of its own.
    dim : {1, 2, 3}, default=None
        Number of spatial axes, which is needed for no more than to see that there is one channel
        where the shape leaves it open.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (2,)
        The panel of ionized fractions and that of differences.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    redshift_ : ndarray of shape (n_redshifts,)
        Distinct redshifts in ascending order.
    means_, spreads_ : dict of str to ndarray of shape (n_redshifts,)
        Means and spreads of "truth" and of each method; the spread is NaN where there is one
        group.
    differences_, difference_spreads_ : dict of str to ndarray of shape (n_redshifts,)
        The same of the difference of each method.
    curves_ : dict of str to matplotlib.lines.Line2D
        Means of "truth" and of each method.
    difference_curves_ : dict of str to matplotlib.lines.Line2D
        Differences of each method.
    band_ : matplotlib.collections.PolyCollection or None
        Spread of the truth; None where each redshift has one group.
    bars_ : dict of str to list of matplotlib.collections.LineCollection
        Spreads of each method, in the upper and the lower panel; empty where each redshift has
        one group.

    See Also
    --------
    FieldDisplay : The fields themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import IonizationHistoryDisplay
    >>> redshift = np.tile([6.0, 7.0, 8.0], 2)
    >>> y_true = np.tile([1.0, 0.6, 0.2], 2)
    >>> display = IonizationHistoryDisplay.from_predictions(y_true, 0.9 * y_true, redshift)
    >>> display.differences_["prediction"].round(2)
    array([-0.1 , -0.06, -0.02])
    """

    def __init__(
        self,
        y_true: MapsLike,
        y_pred: MapsLike | Mapping[str, MapsLike],
        redshift: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        dim: int | None = None,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.redshift = redshift
        self.groups = groups
        self.dim = dim

    @classmethod
    def from_predictions(
        cls,
        y_true: MapsLike,
        y_pred: MapsLike | Mapping[str, MapsLike],
        redshift: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        dim: int | None = None,
        ax: AxesLike = None,
    ) -> IonizationHistoryDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like or LazyMaps of shape (n_samples, [1,] *spatial) or (n_samples,)
            True ionized fractions of cells, or their means over each field.
        y_pred : array-like of such a shape, or dict of str to array-like
            Predicted ones, fields or means, or those of several methods by name.
        redshift : array-like of shape (n_samples,)
            Redshift of each sample.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each sample; None takes each sample as a group of its own.
        dim : {1, 2, 3}, default=None
            Number of spatial axes.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for ionized fractions and differences; None makes a figure.

        Returns
        -------
        IonizationHistoryDisplay
            The display.

        Raises
        ------
        MapShapeError
            If fields have several channels, or not the shape of the truth.
        ValueError
            If there is not one redshift and one group for each sample, or values are not finite,
            or axes do not fit.
        """
        return cls(y_true, y_pred, redshift, groups=groups, dim=dim).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        X: MapsLike,
        y: MapsLike,
        redshift: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        dim: int | None = None,
        ax: AxesLike = None,
    ) -> IonizationHistoryDisplay:
        """Draw what fitted regressors of fields predict.

        Maps are predicted a few at a time, and of the predictions the means are kept.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            A fitted regressor that predicts fields, or several by name.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like or LazyMaps of shape (n_samples, [1,] *spatial) or (n_samples,)
            True ionized fractions of cells, or their means over each field.
        redshift : array-like of shape (n_samples,)
            Redshift of each sample.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each sample; None takes each sample as a group of its own.
        dim : {1, 2, 3}, default=None
            Number of spatial axes of the fields.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for ionized fractions and differences; None makes a figure.

        Returns
        -------
        IonizationHistoryDisplay
            The display, with means in place of predicted fields.

        Raises
        ------
        MapShapeError
            If fields have several channels.
        ValueError
            If there is not one redshift and one group for each sample, or values are not finite,
            or axes do not fit.
        """
        rows = chunk_rows(shape_of(X))

        def means(one):
            parts = [_field_means(cls.__name__, "y_pred", one.predict(X[at]), dim) for at in rows]
            return np.concatenate(parts)

        if isinstance(estimator, Mapping):
            y_pred = {name: means(one) for name, one in estimator.items()}
        else:
            y_pred = means(estimator)
        return cls.from_predictions(y, y_pred, redshift, groups=groups, dim=dim, ax=ax)

    def plot(self, ax: AxesLike = None) -> IonizationHistoryDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for ionized fractions and differences; None makes a figure.

        Returns
        -------
        IonizationHistoryDisplay
            The display.

        Raises
        ------
        MapShapeError
            If fields have several channels, or not the shape of the truth.
        ValueError
            If there is not one redshift and one group for each sample, or values are not finite,
            or axes do not fit.
        """
        self._average()
        upper, lower = self._panels(ax)
        z, several = self.redshift_, np.isfinite(self.spreads_["truth"]).any()
        self.curves_: dict[str, Line2D] = {}
        self.difference_curves_: dict[str, Line2D] = {}
        self.bars_: dict[str, list[LineCollection]] = {}
        self.band_: PolyCollection | None = None
        mean, spread = self.means_["truth"], self.spreads_["truth"]
        look = {"color": "black", "lw": 1.2, "zorder": 2}
        (self.curves_["truth"],) = upper.plot(z, mean, marker=".", ms=4, label="truth", **look)
        if several:
            self.band_ = upper.fill_between(
                z, mean - spread, mean + spread, color="0.8", lw=0, label="spread of truth"
            )
        lower.axhline(0, color="black", lw=0.8, zorder=1)
        for i, name in enumerate(self.differences_):
            look = {
                "color": COLOURS[i % len(COLOURS)],
                "ls": STYLES[i % len(STYLES)],
                "marker": MARKERS[i % len(MARKERS)],
                "ms": 3,
                "lw": 1.0,
                "zorder": 3,
            }
            pairs = (
                (upper, self.means_[name], self.spreads_[name], self.curves_),
                (
                    lower,
                    self.differences_[name],
                    self.difference_spreads_[name],
                    self.difference_curves_,
                ),
            )
            self.bars_[name] = []
            for panel, values, error, curves in pairs:
                container = panel.errorbar(
                    z, values, yerr=error if several else None, elinewidth=0.8, label=name, **look
                )
                curves[name] = container.lines[0]
                self.bars_[name] += container.lines[2]
        self._label(upper, lower)
        return self

    def _average(self):
        """Means over groups, and spreads between them."""
        owner = type(self).__name__
        fields = {"truth": self.y_true, **named_predictions(owner, self.y_pred)}
        means = {}
        for name, values in fields.items():
            parameter = "y_true" if name == "truth" else f"y_pred ({name})"
            means[name] = _field_means(owner, parameter, values, self.dim)
            if len(means[name]) != len(means["truth"]):
                raise ValueError(
                    f"{owner} takes one prediction for each truth; y_true has "
                    f"{len(means['truth'])} samples and {parameter} has {len(means[name])}."
                )
            _check_cells(owner, parameter, values, self.y_true)
        n_samples = len(means["truth"])
        redshift, at = check_labels(owner, "redshift", self.redshift, n_samples)
        if not all(isinstance(z, (int, float)) for z in redshift):
            words = f"one number for each of {n_samples} samples"
            raise ValueError(message(owner, "redshift", words, self.redshift))
        members = np.arange(n_samples)
        if self.groups is not None:
            groups = check_groups(self.groups, owner)
            if len(groups) != n_samples:
                words = f"one group for each of {n_samples} samples"
                raise ValueError(message(owner, "groups", words, self.groups))
            members = np.unique(groups, return_inverse=True)[1]
        self.redshift_ = np.array(redshift, dtype=np.float64)

        def averaged(values):
            shape = members.max() + 1, len(redshift)
            sums, counts = np.zeros(shape), np.zeros(shape)
            np.add.at(sums, (members, at), values)
            np.add.at(counts, (members, at), 1)
            return mean_and_spread(np.where(counts, sums / np.maximum(counts, 1), np.nan))

        found = {name: averaged(values) for name, values in means.items()}
        errors = {k: averaged(v - means["truth"]) for k, v in means.items() if k != "truth"}
        self.means_, self.spreads_ = ({k: v[i] for k, v in found.items()} for i in (0, 1))
        self.differences_, self.difference_spreads_ = (
            {k: v[i] for k, v in errors.items()} for i in (0, 1)
        )

    def _panels(self, ax):
        """The two axes, those given or those of a new figure."""
        import matplotlib.pyplot as plt

        if ax is None:
            size = {"figsize": (COLUMN, 3.8), "height_ratios": (2, 1), "layout": "constrained"}
            _, ax = plt.subplots(2, 1, sharex=True, **size)
        self.axes_ = make_panels(ax, 2, 1, None, type(self).__name__, "panel")
        self.figure_ = self.axes_[0].figure
        return self.axes_

    def _label(self, upper, lower):
        """Names of the axes, and the legend."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles = [self.curves_["truth"]]
        if self.band_ is not None:
            handles.append(Patch(fc="0.8", lw=0, label="spread of truth"))
        for name, curve in self.curves_.items():
            if name != "truth":
                handles.append(Line2D([], []))
                handles[-1].update_from(curve)
                handles[-1].set_label(name)
        upper.legend(handles=handles, fontsize=7, frameon=False)
        upper.set_ylabel(r"Mean ionized fraction $\bar{x}_\mathrm{HII}$", fontsize=9)
        lower.set_ylabel("Predicted \N{MINUS SIGN} true", fontsize=9)
        lower.set_xlabel("Redshift", fontsize=9)
        for panel in (upper, lower):
            panel.tick_params(labelsize=8)


def _field_means(owner, name, values, dim):
    """Mean over the cells of each field, a few fields at a time."""
    shape = shape_of(values)
    if len(shape) == 0:
        raise MapShapeError(f"{owner} takes fields or their means; {name} is a single number.")
    if len(shape) > 1:
        layout = map_layout(shape, dim, owner)
        surely = dim is not None or len(shape) == 5
        if surely and layout.n_channels != 1:
            raise MapShapeError(
                f"{owner} takes fields of one channel; {name} of shape {shape} has "
                f"{layout.n_channels}. Choose one: y[:, :1]."
            )
    means = np.concatenate(
        [
            read(values[rows]).reshape(len(range(*rows.indices(shape[0]))), -1).mean(axis=1)
            for rows in chunk_rows(shape)
        ]
    )
    if not np.isfinite(means).all():
        row = int(np.flatnonzero(~np.isfinite(means))[0])
        raise ValueError(
            f"{owner} takes fields without NaN and infinity; {name} has one in sample {row}. Mask "
            f"or fill such cells."
        )
    return means


def _check_cells(owner, name, values, y_true):
    """Refuse predicted fields of other sizes than the truth."""
    shapes = []
    for shape in (shape_of(values), shape_of(y_true)):
        one = len(shape) == 5 or (len(shape) > 2 and shape[1] == 1)
        shapes.append(shape[2:] if one else shape[1:])
    if all(shapes) and shapes[0] != shapes[1]:
        raise MapShapeError(
            f"{owner} takes predictions of the cells of the truth, {shapes[1]}; {name} has "
            f"{shapes[0]}. Give means, of shape (n_samples,), to compare fields of other sizes."
        )
