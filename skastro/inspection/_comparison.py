"""A comparison of candidates as a dot plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..model_selection import Comparison, compare
from ..model_selection._types import Candidates
from ..utils._typing import MapsLike
from ._looks import COLOURS, COLUMN
from ._score_cells import score_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.patches import Polygon

_ROW = 0.27  # inches
_CANDIDATE, _DUMMY, _SUMMARY = COLOURS[0], "0.45", COLOURS[1]
_MARGIN = 0.06


class ComparisonDisplay:
    """Scores of candidates with their intervals, one row each, beside the baselines.

    A dot is the pooled score, its line the bootstrap interval; faint dots are the scores of the
    folds, and triangles at the edge those beyond it. The intervals of the baselines are bands
    behind all rows: a candidate whose line is clear of them needs no further words, and of
    others the paired differences tell (see ``Comparison.differences``), which may be much
    narrower than two intervals.

    Parameters
    ----------
    comparison : Comparison
        What `skastro.model_selection.compare` returned.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    dots_ : dict of str to matplotlib.lines.Line2D
        Pooled score of each candidate.
    intervals_ : dict of str to matplotlib.lines.Line2D
        Interval of each candidate that has one.
    folds_ : dict of str to matplotlib.lines.Line2D
        Scores of the folds of each candidate.
    bands_ : dict of str to matplotlib.patches.Polygon
        Interval of each baseline that has one, behind all rows.

    See Also
    --------
    skastro.model_selection.compare : Makes the comparison.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skastro.inspection import ComparisonDisplay
    >>> from skastro.model_selection import compare
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 3))
    >>> y = X[:, 0] + rng.normal(size=60)
    >>> display = ComparisonDisplay.from_comparison(compare([LinearRegression()], X, y))
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['LinearRegression', 'summary', 'dummy']
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @classmethod
    def from_comparison(
        cls,
        comparison: Comparison,
        *,
        ax: Axes | None = None,
        best_first: bool = False,
        negate_score: bool = False,
    ) -> ComparisonDisplay:
        """Draw a comparison.

        Parameters
        ----------
        comparison : Comparison
            What `skastro.model_selection.compare` returned.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        best_first : bool, default=False
            Whether candidates go by their score, in place of the order they were given in.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.

        Returns
        -------
        ComparisonDisplay
            The display.
        """
        return cls(comparison).plot(ax, best_first=best_first, negate_score=negate_score)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Candidates,
        X: MapsLike,
        y: ArrayLike,
        *,
        ax: Axes | None = None,
        best_first: bool = False,
        negate_score: bool = False,
        **parameters: Any,
    ) -> ComparisonDisplay:
        """Compare estimators, and draw their scores.

        Parameters
        ----------
        estimator : estimator, or list or dict of them
            The candidates, which are copied and fitted.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        best_first : bool, default=False
            Whether candidates go by their score, in place of the order they were given in.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
        **parameters : object
            Further parameters of `skastro.model_selection.compare`.

        Returns
        -------
        ComparisonDisplay
            The display, with the scores as ``display.comparison``.

        Raises
        ------
        ValueError
            If parameters do not fit, or all fits fail.
        """
        several = isinstance(estimator, (Mapping, Sequence))
        comparison = compare(estimator if several else [estimator], X, y, **parameters)
        return cls.from_comparison(
            comparison, ax=ax, best_first=best_first, negate_score=negate_score
        )

    def plot(
        self, ax: Axes | None = None, *, best_first: bool = False, negate_score: bool = False
    ) -> ComparisonDisplay:
        """Draw the dot plot.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        best_first : bool, default=False
            Whether candidates go by their score, in place of the order they were given in.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.

        Returns
        -------
        ComparisonDisplay
            The display.
        """
        import matplotlib.pyplot as plt

        names, comparison = self._names(best_first), self.comparison
        if ax is None:
            _, ax = plt.subplots(figsize=(COLUMN, _ROW * len(names) + 0.85), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        sign = -1.0 if negate_score else 1.0
        scores = {name: sign * comparison.score(name) for name in names}
        ends = {name: np.sort(sign * np.array(comparison.interval(name))) for name in names}
        folds = {name: sign * comparison.scores[name] for name in names}
        low, high = _limits([*scores.values(), *np.ravel(list(ends.values()))], folds)
        self.dots_: dict[str, Line2D] = {}
        self.intervals_: dict[str, Line2D] = {}
        self.folds_: dict[str, Line2D] = {}
        self.bands_: dict[str, Polygon] = {}
        for row, name in enumerate(names):
            colour = self._colour(name)
            if name in (comparison.dummy, comparison.summary):
                if np.isfinite(ends[name]).all():
                    self.bands_[name] = ax.axvspan(*ends[name], color=colour, alpha=0.15, lw=0)
                ax.axvline(scores[name], color=colour, lw=0.8, ls="--", zorder=1)
            self._draw_folds(name, folds[name], row, (low, high), colour)
            if np.isfinite(ends[name]).all():
                (self.intervals_[name],) = ax.plot(ends[name], [row, row], color=colour, lw=1.6)
            (self.dots_[name],) = ax.plot(
                scores[name], row, "o", ms=5, color=colour, mec="white", mew=0.6, zorder=4
            )
        ax.set_xlim(low, high)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_yticks(range(len(names)), names, fontsize=7)
        ax.locator_params(axis="x", nbins=6)
        ax.tick_params(axis="x", labelsize=7)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(self._label(negate_score), fontsize=8)
        ax.spines[["top", "right", "left"]].set_visible(False)
        return self

    def _names(self, best_first):
        """Candidates, then the baselines."""
        comparison = self.comparison
        baselines = [name for name in (comparison.summary, comparison.dummy) if name is not None]
        own = [name for name in comparison.names if name not in baselines]
        if best_first:
            own.sort(key=lambda name: -np.nan_to_num(comparison.score(name), nan=-np.inf))
        return own + baselines

    def _colour(self, name):
        baselines = {self.comparison.dummy: _DUMMY, self.comparison.summary: _SUMMARY}
        return baselines.get(name, _CANDIDATE)

    def _draw_folds(self, name, values, row, limits, colour):
        """Faint dots, and triangles at the edge for what lies beyond it."""
        low, high = limits
        inside = values[(values >= low) & (values <= high)]
        style = {"color": colour, "alpha": 0.35, "mew": 0, "ls": "none", "zorder": 3}
        rows = np.full(len(inside), row + 0.24)
        (self.folds_[name],) = self.ax_.plot(inside, rows, "o", ms=3, **style)
        inset = 0.012 * (high - low)
        for beyond, edge, marker in (
            ((values < low).any(), low + inset, "<"),
            ((values > high).any(), high - inset, ">"),
        ):
            if beyond:
                self.ax_.plot(edge, row + 0.24, marker, ms=4, **style)

    def _label(self, negate_score):
        label = score_label(self.comparison.scoring, negate_score)
        intervals = f", {self.comparison.confidence_level:.0%} intervals"
        return label + (intervals if self.intervals_ else "")


def _limits(values, folds):
    """Range of the axis: that of scores and intervals, and of folds up to half of it beyond."""
    known = np.array(values)[np.isfinite(values)]
    if not known.size:
        return -0.5, 0.5
    low, high = known.min(), known.max()
    reach = 0.5 * (high - low)
    near = [v for of in folds.values() for v in of if low - reach <= v <= high + reach]
    low, high = min([low, *near]), max([high, *near])
    margin = _MARGIN * (high - low) or 0.5
    return low - margin, high + margin
