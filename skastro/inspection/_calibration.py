"""Whether errors and intervals are of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..ensemble._predicts_std import check_return_std
from ..metrics import interval_coverage, pit_values
from ..metrics._checks import check_targets
from ..metrics._report import named_targets
from ..utils._typing import MapsLike
from ._calibration_levels import allowed_levels, check_levels, weigh_groups
from ._looks import BLUE, COLUMN, PAGE
from ._names import formula
from ._panels import AxesLike, check_number, make_panels

if TYPE_CHECKING:
    from matplotlib.lines import Line2D
    from matplotlib.patches import StepPatch

_BAND, _WORDS = "0.85", "0.4"
_WIDTHS = {1: COLUMN, 2: 5.2}
_PIT_HEIGHT = 0.6  # of that of a panel of coverage
_SCATTER = 0.95


class CalibrationDisplay:
    """How often intervals hold the truth, against how often they say, and PIT histograms.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. Above, for each target, is the share of truths in the central interval of each level,
    which is on the diagonal where errors are right; below it is the histogram of
    `skastro.metrics.pit_values`, which is flat where they are: a valley says that errors are
    too small, a hill that they are too large, a slope that predictions are biased. The grey
    band holds 95% of what right errors give by chance, level by level and bin by bin, by the
    binomial distribution of as many trials as there are groups. Samples of a group are not
    credited with being independent of each other, so that the band is rather too wide. For
    intervals of a `skastro.ensemble.ConformalRegressor` it also holds the scatter of the
    calibration, by the beta-binomial distribution. With K calibration groups
    these reach multiples of 1 / (K + 1) alone, the next above each level: where K is small, they
    are too wide by that, and the band is as far above the diagonal.

    Parameters
    ----------
    levels : array-like of shape (n_levels,)
        Nominal levels, between 0 and 1.
    coverage : array-like of shape (n_levels, n_targets)
        Share of truths inside the intervals of each level.
    n_groups : int
        Number of groups, or of samples where there are none, that the shares are of.
    pit : array-like of shape (n_samples, n_targets), default=None
        PIT values; None draws no histograms.
    weights : array-like of shape (n_samples,), default=None
        What each sample counts for in the histograms; by default all the same.
    n_calibration : int, default=None
        Number of groups that conformal intervals were calibrated on.
    grouped : bool, default=False
        Whether `n_groups` counts groups or samples, for the legend.
    target_names : sequence of str, default=None
        Names of the targets, "target 0", "target 1", ... by default. Names such as "Omega_m"
        and "A_SN1" are set as formulas.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (2, n_targets) or (1, n_targets)
        The panels: coverage above, histograms below.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    lines_ : list of matplotlib.lines.Line2D
        Coverage, target by target.
    bands_ : list of matplotlib.collections.FillBetweenPolyCollection
        The grey bands of the coverage, then those of the histograms.
    histograms_ : list of matplotlib.patches.StepPatch
        The histograms, target by target; empty without PIT values.

    See Also
    --------
    skastro.metrics.coverage : Coverage of one level.
    skastro.ensemble.RecalibratedRegressor : Makes errors right.
    skastro.ensemble.ConformalRegressor : Intervals of a guaranteed coverage.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import CalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.normal(size=(200, 2))
    >>> y_pred = y_true + rng.normal(0, 0.2, size=(200, 2))
    >>> y_std = np.full((200, 2), [0.2, 0.1])
    >>> display = CalibrationDisplay.from_predictions(
    ...     y_true, y_pred, y_std, target_names=["Omega_m", "sigma_8"]
    ... )
    >>> display.coverage[display.levels == 0.5]
    array([[0.435, 0.24 ]])
    """

    def __init__(
        self,
        levels: ArrayLike,
        coverage: ArrayLike,
        *,
        n_groups: int,
        pit: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        n_calibration: int | None = None,
        grouped: bool = False,
        target_names: Sequence[str] | None = None,
    ) -> None:
        self.levels = levels
        self.coverage = coverage
        self.n_groups = n_groups
        self.pit = pit
        self.weights = weights
        self.n_calibration = n_calibration
        self.grouped = grouped
        self.target_names = target_names

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        y_std: ArrayLike | None,
        *,
        groups: ArrayLike | None = None,
        target_names: Sequence[str] | None = None,
        levels: ArrayLike | None = None,
        ax: AxesLike = None,
        n_columns: int = 3,
        n_bins: int = 10,
    ) -> CalibrationDisplay:
        """Draw how right predicted standard deviations are, read as Gaussian.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,) or (n_samples, n_targets)
            Truths.
        y_pred : array-like of the same shape
            Predictions.
        y_std : array-like of the same shape
            Predicted standard deviations, greater than zero.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each sample. All groups count the same.
        target_names : sequence of str, default=None
            Names of the targets; by default the columns of a DataFrame `y_true`.
        levels : array-like of shape (n_levels,), default=None
            Nominal levels between 0 and 1, ascending; None is 0.05, 0.1, ..., 0.95.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, two for each target: all those of the coverage, then all those
            of the histograms, as ``plt.subplots(2, n_targets)`` makes them. None makes a
            figure.
        n_columns : int, default=3
            Targets in a row of the figure that is made.
        n_bins : int, default=10
            Bins of the histograms.

        Returns
        -------
        CalibrationDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, names, levels, axes or numbers do not fit, or a standard deviation is not
            greater than zero.
        """
        names = named_targets(cls.__name__, y_true, target_names)
        levels = check_levels(cls.__name__, levels)
        truth, pred, std = check_targets(cls.__name__, y_true, y_pred, y_std)
        weights, n_groups = weigh_groups(cls.__name__, groups, len(truth))
        pit = pit_values(truth, pred, std)
        inside = np.abs(2 * pit - 1) <= levels[:, None, None]
        display = cls(
            levels,
            np.average(inside, axis=1, weights=weights),
            n_groups=n_groups,
            pit=pit,
            weights=weights,
            grouped=groups is not None,
            target_names=names,
        )
        return display.plot(ax=ax, n_columns=n_columns, n_bins=n_bins)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        target_names: Sequence[str] | None = None,
        levels: ArrayLike | None = None,
        ax: AxesLike = None,
        n_columns: int = 3,
        n_bins: int = 10,
    ) -> CalibrationDisplay:
        """Draw how right the errors or intervals of a fitted regressor are.

        Parameters
        ----------
        estimator : estimator
            A fitted `skastro.ensemble.ConformalRegressor`, of whose intervals the coverage is
            drawn, at those levels that its calibration allows and for all targets at once if
            they are joint; or a regressor, or a pipeline that ends in one, whose ``predict``
            takes ``return_std=True``.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of simulations that the estimator was not fitted on.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            True targets of the maps.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each map. All groups count the same.
        target_names : sequence of str, default=None
            Names of the targets; by default the columns of a DataFrame `y`.
        levels : array-like of shape (n_levels,), default=None
            Nominal levels between 0 and 1, ascending; None is 0.05, 0.1, ..., 0.95.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, see `from_predictions`; one for each target where there are no
            histograms.
        n_columns : int, default=3
            Targets in a row of the figure that is made.
        n_bins : int, default=10
            Bins of the histograms.

        Returns
        -------
        CalibrationDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, names, levels, axes or numbers do not fit, the estimator predicts no
            standard deviations, or no level is one that the calibration allows.
        """
        if not hasattr(estimator, "predict_interval"):
            check_return_std(cls.__name__, estimator)
            moments = estimator.predict(X, return_std=True)
            options: dict[str, Any] = {
                "groups": groups,
                "target_names": target_names,
                "levels": levels,
            }
            options |= {"ax": ax, "n_columns": n_columns, "n_bins": n_bins}
            return cls.from_predictions(y, *moments, **options)
        names = named_targets(cls.__name__, y, target_names)
        levels = allowed_levels(cls.__name__, estimator, check_levels(cls.__name__, levels))
        joint = estimator.joint and len(names) > 1
        if joint:
            names = ["all targets"]
        coverage = [
            interval_coverage(y, lower, upper, joint=joint, groups=groups, multioutput="raw_values")
            for lower, upper in estimator._predict_intervals(X, levels)
        ]
        display = cls(
            levels,
            np.reshape(np.asarray(coverage), (len(levels), -1)),
            n_groups=weigh_groups(cls.__name__, groups, np.shape(y)[0])[1],
            n_calibration=estimator.n_calibration_groups_,
            grouped=groups is not None,
            target_names=names,
        )
        return display.plot(ax=ax, n_columns=n_columns, n_bins=n_bins)

    def plot(
        self, ax: AxesLike = None, *, n_columns: int = 3, n_bins: int = 10
    ) -> CalibrationDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, see `from_predictions`. None makes a figure.
        n_columns : int, default=3
            Targets in a row of the figure that is made.
        n_bins : int, default=10
            Bins of the histograms.

        Returns
        -------
        CalibrationDisplay
            The display.

        Raises
        ------
        ValueError
            If names, axes or numbers do not fit.
        """
        owner = type(self).__name__
        check_number(owner, "n_bins", n_bins, 2)
        coverage = np.asarray(self.coverage, dtype=float)
        names = named_targets(owner, coverage, self.target_names)
        self.axes_ = self._make_axes(ax, len(names), n_columns)
        self.figure_ = self.axes_[0, 0].figure
        self.bands_ = [
            _draw_band(panel, self.n_groups, self.n_calibration) for panel in self.axes_[0]
        ]
        self.lines_: list[Line2D] = []
        self.histograms_: list[StepPatch] = []
        for panel, shares, name in zip(self.axes_[0], coverage.T, names, strict=True):
            self.lines_ += panel.plot(self.levels, shares, color=BLUE, marker=".", ms=5, lw=1.2)
            panel.set_title(formula(name), fontsize=9)
        columns = np.empty((0, 0)) if self.pit is None else np.transpose(self.pit)
        for panel, values in zip(self.axes_[1:].ravel(), columns, strict=True):
            self.bands_.append(_draw_flat_band(panel, self.n_groups, n_bins))
            density, edges = np.histogram(
                values, bins=n_bins, range=(0, 1), weights=self.weights, density=True
            )
            self.histograms_.append(panel.stairs(density, edges, color=BLUE, lw=1.2))
            panel.set(xlim=(0, 1), ylim=(0, None))
        self._label(None if ax is not None else min(n_columns, len(names)))
        return self

    def _make_axes(self, ax, n_targets, n_columns):
        """Panels in two rows, or in one without histograms; targets that fill rows of these."""
        owner, n_kinds = type(self).__name__, 1 if self.pit is None else 2
        each = "target" if n_kinds == 1 else "half of a target's pair"
        if ax is not None:
            panels = make_panels(ax, n_kinds * n_targets, n_columns, None, owner, each)
            return panels.reshape(n_kinds, n_targets)
        check_number(owner, "n_columns", n_columns, 1)
        n_columns = min(n_columns, n_targets)
        n_blocks = -(-n_targets // n_columns)
        ratios = ([1, _PIT_HEIGHT] if n_kinds == 2 else [1]) * n_blocks

        def size(n_rows, n_columns):
            width = _WIDTHS.get(n_columns, PAGE)
            return width, sum(ratios) * (width / n_columns - 0.45) + 0.5 * n_rows + 0.5

        panels = make_panels(None, len(ratios) * n_columns, n_columns, size, owner, each)
        panels[0].get_gridspec().set_height_ratios(ratios)
        panels = panels.reshape(n_blocks, n_kinds, n_columns).swapaxes(0, 1)
        panels = panels.reshape(n_kinds, n_blocks * n_columns)
        for unused in panels[:, n_targets:].flat:
            unused.remove()
        return panels[:, :n_targets]

    def _label(self, n_columns):
        """Name axes and band; in a figure of our own only the first panel of a row says both."""
        texts = [("Nominal level", "Coverage"), ("PIT value", "Density")]
        for row, (x_label, y_label) in zip(self.axes_, texts, strict=False):
            for i, panel in enumerate(row):
                panel.set_xlabel(x_label, fontsize=9)
                if n_columns is None or i % n_columns == 0:
                    panel.set_ylabel(y_label, fontsize=9)
                panel.tick_params(labelsize=8)
        scatter = f"{self.n_groups} {'groups' if self.grouped else 'samples'}"
        legend = {
            "handles": [self.lines_[0], self.bands_[0]],
            "labels": ["measured", f"{_SCATTER:.0%} scatter of {scatter}"],
            "fontsize": 8,
        }
        if n_columns is None:
            self.axes_[0, 0].legend(**legend)
        else:
            self.figure_.legend(**legend, loc="outside upper center", ncols=2, frameon=False)


def _draw_band(panel, n_groups, n_calibration):
    """The diagonal, and what chance makes of it."""
    from scipy.stats import betabinom, binom

    grid = np.linspace(0, 1, 203)[1:-1]
    counts = binom(n_groups, grid)
    if n_calibration is not None:
        trials = n_calibration + 1
        reached = np.clip(np.ceil(grid * trials - 1e-9), 1, n_calibration)
        counts = betabinom(n_groups, reached, trials - reached)
    low, high = (counts.ppf(q) / n_groups for q in _tails())
    panel.plot([0, 1], [0, 1], color="black", lw=0.8, ls="--")
    words = {"fontsize": 7, "color": _WORDS, "transform": panel.transAxes}
    panel.text(0.04, 0.95, "too wide", **words, ha="left", va="top")
    panel.text(0.96, 0.05, "too narrow", **words, ha="right", va="bottom")
    panel.set(xlim=(0, 1), ylim=(0, 1))
    return panel.fill_between(grid, low, high, color=_BAND, lw=0, zorder=0)


def _draw_flat_band(panel, n_groups, n_bins):
    """The density of uniform values, and what chance makes of it."""
    from scipy.stats import binom

    low, high = (binom.ppf(q, n_groups, 1 / n_bins) * n_bins / n_groups for q in _tails())
    panel.axhline(1, color="black", lw=0.8, ls="--")
    return panel.fill_between([0, 1], low, high, color=_BAND, lw=0, zorder=0)


def _tails():
    return (1 - _SCATTER) / 2, (1 + _SCATTER) / 2
