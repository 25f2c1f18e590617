"""Predicted parameters against true ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import root_mean_squared_error

from ..datasets._checks import message
from ..metrics import aggregate_by_group, reduced_chi2
from ..metrics._checks import check_targets
from ..metrics._report import named_targets, r2
from ..utils._typing import MapsLike, UnitLike
from ._looks import BLUE, COLUMN, PAGE
from ._names import formula
from ._panels import AxesLike, make_panels

if TYPE_CHECKING:
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

_GREY, _DARK_GREY = "0.5", "0.35"
_WIDTHS = {1: COLUMN, 2: 5.2}
_MANY = 500


class ParameterRecoveryDisplay:
    r"""Predicted against true parameters, a panel for each, with scores.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. With groups, the samples are faint, and the mean prediction of each group stands on
    top of them.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
        Truths.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape, default=None
        Predicted standard deviations, drawn as error bars.
    groups : array-like of shape (n_samples,), default=None
        Simulation of each sample.
    target_names : sequence of str, default=None
        Names of the targets; by default the columns of a DataFrame `y_true`, or "target 0",
        "target 1", .... Names such as "Omega_m" and "A_SN1" are set as formulas.
    units : sequence of str or astropy unit, default=None
        Units of the targets, written on the axes; None or "" for those without one.
    correlation : float, default=1.0
        Correlation between the errors of samples of one group, for the error bars of the
        means, see `skastro.metrics.aggregate_by_group`.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (n_targets,)
        The panels.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    points_ : list of matplotlib.container.ErrorbarContainer
        The samples, panel by panel.
    group_points_ : list of matplotlib.container.ErrorbarContainer
        The means of the groups, panel by panel; empty without groups.
    lines_ : list of matplotlib.lines.Line2D
        The diagonals, where prediction equals truth.
    texts_ : list of matplotlib.text.Text
        The scores, for each panel those of the samples, then those of the groups.

    See Also
    --------
    skastro.metrics.recovery_report : The scores as a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import ParameterRecoveryDisplay
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform([0.1, 0.6], [0.5, 1.0], size=(40, 2))
    >>> y_pred = y_true + rng.normal(0, 0.02, size=(40, 2))
    >>> display = ParameterRecoveryDisplay.from_predictions(
    ...     y_true, y_pred, np.full((40, 2), 0.02), target_names=["Omega_m", "sigma_8"]
    ... )
    >>> print(display.axes_[0].get_xlabel())
    True $\Omega_\mathrm{m}$
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        y_std: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        target_names: Sequence[str] | None = None,
        units: Sequence[UnitLike | None] | None = None,
        correlation: float = 1.0,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.y_std = y_std
        self.groups = groups
        self.target_names = target_names
        self.units = units
        self.correlation = correlation

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        y_std: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        target_names: Sequence[str] | None = None,
        units: Sequence[UnitLike | None] | None = None,
        correlation: float = 1.0,
        ax: AxesLike = None,
        n_columns: int = 3,
    ) -> ParameterRecoveryDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
            Truths.
        y_pred : array-like of the same shape
            Predictions.
        y_std : array-like of the same shape, default=None
            Predicted standard deviations.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each sample.
        target_names : sequence of str, default=None
            Names of the targets.
        units : sequence of str or astropy unit, default=None
            Units of the targets.
        correlation : float, default=1.0
            Correlation between the errors of samples of one group.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each target; None makes a figure.
        n_columns : int, default=3
            Panels in a row of the figure that is made.

        Returns
        -------
        ParameterRecoveryDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, names, axes or `n_columns` do not fit, or truths differ within a group.
        """
        display = cls(
            y_true,
            y_pred,
            y_std,
            groups=groups,
            target_names=target_names,
            units=units,
            correlation=correlation,
        )
        return display.plot(ax=ax, n_columns=n_columns)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        return_std: bool = False,
        target_names: Sequence[str] | None = None,
        units: Sequence[UnitLike | None] | None = None,
        correlation: float = 1.0,
        ax: AxesLike = None,
        n_columns: int = 3,
    ) -> ParameterRecoveryDisplay:
        """Draw what a fitted regressor predicts.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor, or a pipeline or search that ends in one.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            True targets of the maps.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each map.
        return_std : bool, default=False
            Whether to ask ``estimator.predict(X, return_std=True)`` for standard deviations.
        target_names : sequence of str, default=None
            Names of the targets.
        units : sequence of str or astropy unit, default=None
            Units of the targets.
        correlation : float, default=1.0
            Correlation between the errors of samples of one group.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each target; None makes a figure.
        n_columns : int, default=3
            Panels in a row of the figure that is made.

        Returns
        -------
        ParameterRecoveryDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, names, axes or `n_columns` do not fit, or truths differ within a group.
        """
        predicted = estimator.predict(X, return_std=True) if return_std else estimator.predict(X)
        y_pred, y_std = predicted if return_std else (predicted, None)
        return cls.from_predictions(
            y,
            y_pred,
            y_std,
            groups=groups,
            target_names=target_names,
            units=units,
            correlation=correlation,
            ax=ax,
            n_columns=n_columns,
        )

    def plot(self, ax: AxesLike = None, *, n_columns: int = 3) -> ParameterRecoveryDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Axes to draw into, one for each target; None makes a figure.
        n_columns : int, default=3
            Panels in a row of the figure that is made.

        Returns
        -------
        ParameterRecoveryDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, names, axes or `n_columns` do not fit, or truths differ within a group.
        """
        owner = type(self).__name__
        names = named_targets(owner, self.y_true, self.target_names)
        truth, pred, *std = check_targets(owner, self.y_true, self.y_pred, self.y_std)
        std = std[0] if std else None
        groups = None
        if self.groups is not None:
            groups = aggregate_by_group(self.groups, truth, pred, std, correlation=self.correlation)
        size = partial(_size, with_legend=groups is not None)
        self.axes_ = make_panels(ax, len(names), n_columns, size, owner, "target")
        self.figure_ = self.axes_[0].figure
        self.points_: list[ErrorbarContainer] = []
        self.group_points_: list[ErrorbarContainer] = []
        self.lines_: list[Line2D] = []
        self.texts_: list[Text] = []
        scores = _scores(truth, pred, std)
        if groups is not None:
            # The error of a mean is an upper bound, so it has no chi squared.
            group_scores = _scores(groups.y_true, groups.y_pred)
        faint = groups is not None
        labels = self._labels(names)
        for i, (panel, label) in enumerate(zip(self.axes_, labels, strict=True)):
            limits = _limits(truth[:, i], pred[:, i])
            self.lines_ += panel.plot(limits, limits, color="black", lw=0.8, ls="--", zorder=1)
            self.points_.append(_errorbar(panel, truth, pred, None if faint else std, i, faint))
            self.texts_.append(_write(panel, scores[i], faint, line=int(faint)))
            if groups is not None:
                self.group_points_.append(
                    _errorbar(panel, groups.y_true, groups.y_pred, groups.y_std, i, False)
                )
                self.texts_.append(_write(panel, group_scores[i], False, line=0))
            panel.set(xlim=limits, ylim=limits, box_aspect=1)
            panel.set_xlabel(f"True {label}", fontsize=9)
            panel.set_ylabel(f"Predicted {label}", fontsize=9)
            panel.tick_params(labelsize=8)
            panel.locator_params(nbins=5)
        if faint:
            legend = {
                "handles": [self.points_[0], self.group_points_[0]],
                "labels": ["samples", "means of groups"],
                "fontsize": 8,
            }
            if ax is None:
                self.figure_.legend(**legend, loc="outside upper center", ncols=2, frameon=False)
            else:
                self.axes_[0].legend(**legend)
        return self

    def _labels(self, names):
        """Names of the targets as formulas, with their units."""
        units = [None] * len(names) if self.units is None else list(self.units)
        if isinstance(self.units, str) or len(units) != len(names):
            words = f"None or a unit for each of {len(names)} targets"
            raise ValueError(message(type(self).__name__, "units", words, self.units))
        units = ["" if unit is None else str(unit) for unit in units]
        return [
            formula(name) + (f" [{unit}]" if unit else "")
            for name, unit in zip(names, units, strict=True)
        ]


def _size(n_rows, n_columns, with_legend):
    width = _WIDTHS.get(n_columns, PAGE)
    return width, n_rows * (width / n_columns + 0.05) + (0.4 if with_legend else 0.1)


def _limits(truth, pred):
    """Range of both axes: all points, and a margin for the scores."""
    low, high = min(truth.min(), pred.min()), max(truth.max(), pred.max())
    margin = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _errorbar(panel, truth, pred, std, i, faint):
    """Draw points of one target; very many of them as pixels also in a vector file."""
    many = len(truth) > _MANY
    return panel.errorbar(
        truth[:, i],
        pred[:, i],
        yerr=None if std is None else std[:, i],
        fmt=".",
        color=_GREY if faint else BLUE,
        ms=3.5 if faint or many else 5,
        mew=0,
        elinewidth=0.7,
        alpha=0.5 if faint or many else 0.9,
        zorder=2 if faint else 3,
        rasterized=many,
    )


def _write(panel, text, faint, line):
    """Write scores above a panel, where they hide no points."""
    return panel.annotate(
        text,
        (0, 1),
        (0, 3 + 10 * line),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=7,
        color=_DARK_GREY if faint else BLUE,
    )


def _scores(truth, pred, std=None):
    """Scores of each target as text."""
    columns = [
        ("$R^2$ {:.2f}", r2(truth, pred)),
        ("RMSE {:.2g}", root_mean_squared_error(truth, pred, multioutput="raw_values")),
    ]
    if std is not None:
        chi2 = reduced_chi2(truth, pred, std, multioutput="raw_values")
        columns.append((r"$\chi^2$ {:.2f}", chi2))
    return [
        "  ".join(form.format(values[i]) for form, values in columns).replace("-", "\N{MINUS SIGN}")
        for i in range(truth.shape[1])
    ]
