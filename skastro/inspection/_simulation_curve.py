"""Scores against the number of simulations, and what more of them would bring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..model_selection import SimulationCurve, simulation_curve
from ..utils._typing import MapsLike
from ._looks import COLOURS, COLUMN, MARKERS
from ._panels import set_log_axis
from ._score_cells import score_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

_GREY = "0.4"
_N_POINTS = 100


class SimulationCurveDisplay:
    """Scores against the number of simulations, with the law that fits them.

    Made by `from_curve` or `from_estimator`; the curves are kept, and `plot` draws them. Points
    are mean scores with their standard deviation over folds and repeats. The line is the fitted
    law with its interval, dashed where it goes beyond the simulations that there are. A law that
    is not to be trusted is not drawn beyond them.

    Parameters
    ----------
    curves : SimulationCurve, or dict of str to SimulationCurve
        One curve, or several by name.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    points_ : list of matplotlib.container.ErrorbarContainer
        The scores of each curve.
    lines_ : list of matplotlib.lines.Line2D
        The laws within the data.
    extrapolations_ : list of matplotlib.lines.Line2D
        The laws beyond.
    bands_ : list of matplotlib.collections.PolyCollection
        Their intervals.
    dummy_line_ : matplotlib.lines.Line2D
        The score of the dummy.

    See Also
    --------
    skastro.model_selection.simulation_curve : Makes a curve.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import SimulationCurveDisplay
    >>> from skastro.model_selection import SimulationCurve
    >>> n = np.array([10, 20, 40, 80, 160])
    >>> folds = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    >>> curve = SimulationCurve(n, (0.9 - 4 / n)[:, None] + folds, np.zeros(5), "r2")
    >>> display = SimulationCurveDisplay.from_curve(curve)
    >>> display.ax_.get_xlabel()
    'simulations trained on'
    """

    def __init__(self, curves: SimulationCurve | Mapping[str, SimulationCurve]) -> None:
        self.curves = curves

    @classmethod
    def from_curve(
        cls,
        curves: SimulationCurve | Mapping[str, SimulationCurve],
        *,
        ax: Axes | None = None,
        beyond: float = 4.0,
        negate_score: bool = False,
    ) -> SimulationCurveDisplay:
        """Draw curves.

        Parameters
        ----------
        curves : SimulationCurve, or dict of str to SimulationCurve
            What `simulation_curve` returned, or several of these by name.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        beyond : float, default=4.0
            How far to draw the laws, as a multiple of the most simulations; 1 to 10.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.

        Returns
        -------
        SimulationCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If `beyond` is out of its range, or the scores of curves differ in kind.
        """
        return cls(curves).plot(ax, beyond=beyond, negate_score=negate_score)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        X: MapsLike,
        y: ArrayLike,
        *,
        groups: ArrayLike,
        ax: Axes | None = None,
        beyond: float = 4.0,
        negate_score: bool = False,
        **parameters: Any,
    ) -> SimulationCurveDisplay:
        """Score estimators against the number of simulations, and draw the curves.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            What is copied and fitted, or several by name.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        groups : array-like of shape (n_samples,)
            Which simulation a map is from.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        beyond : float, default=4.0
            How far to draw the laws, as a multiple of the most simulations; 1 to 10.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
        **parameters : object
            Further parameters of `skastro.model_selection.simulation_curve`.

        Returns
        -------
        SimulationCurveDisplay
            The display, with ``display.curves``.

        Raises
        ------
        ValueError
            If parameters do not fit, or all fits fail.
        """
        if isinstance(estimator, Mapping):
            curves = {
                name: simulation_curve(each, X, y, groups=groups, **parameters)
                for name, each in estimator.items()
            }
        else:
            curves = simulation_curve(estimator, X, y, groups=groups, **parameters)
        return cls.from_curve(curves, ax=ax, beyond=beyond, negate_score=negate_score)

    def plot(
        self, ax: Axes | None = None, *, beyond: float = 4.0, negate_score: bool = False
    ) -> SimulationCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        beyond : float, default=4.0
            How far to draw the laws, as a multiple of the most simulations; 1 to 10.
        negate_score : bool, default=False
            Whether to draw scores with the other sign.

        Returns
        -------
        SimulationCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If `beyond` is out of its range, or the scores of curves differ in kind.
        """
        import matplotlib.pyplot as plt

        named = self.curves if isinstance(self.curves, Mapping) else {"": self.curves}
        scorings = {curve.scoring for curve in named.values()}
        if len(scorings) != 1:
            raise ValueError(
                f"SimulationCurveDisplay draws curves of one score; got {sorted(scorings)}. Draw "
                f"those of different scores apart."
            )
        if not 1 <= beyond <= 10:
            raise ValueError(
                f"The 'beyond' parameter of SimulationCurveDisplay must be a number from 1 to 10. "
                f"Got {beyond!r} instead."
            )
        if ax is None:
            _, ax = plt.subplots(figsize=(COLUMN, 2.6), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.points_: list[ErrorbarContainer] = []
        self.lines_: list[Line2D] = []
        self.extrapolations_: list[Line2D] = []
        self.bands_: list[PolyCollection] = []
        sign = -1 if negate_score else 1
        for i, (name, curve) in enumerate(named.items()):
            colour = COLOURS[i % len(COLOURS)]
            self.points_.append(
                ax.errorbar(
                    curve.n_simulations,
                    sign * curve.mean,
                    yerr=curve.std if curve.scores.shape[1] > 1 else None,
                    fmt=MARKERS[i % len(MARKERS)],
                    color=colour,
                    ms=4,
                    elinewidth=0.9,
                    capsize=2,
                    label=name or "mean and spread of folds",
                )
            )
            if curve.law is not None:
                self._draw_law(curve, colour, sign, beyond)
        dummy = sign * np.mean([curve.dummy_scores.mean() for curve in named.values()])
        self.dummy_line_ = ax.axhline(
            dummy, color=_GREY, lw=1, ls=":", label="without looking at maps"
        )
        set_log_axis(ax)
        ax.set_xlabel("simulations trained on", fontsize=8)
        ax.set_ylabel(score_label(scorings.pop(), negate_score), fontsize=8)
        ax.tick_params(labelsize=7)
        ax.legend(fontsize=7, frameon=False)
        return self

    def _draw_law(self, curve, colour, sign, beyond):
        """The law within the data and, where it is to be trusted, beyond, with its band."""
        first, last = curve.n_simulations[[0, -1]]
        trusted = not curve.law.problems
        n = np.geomspace(first, last, _N_POINTS)
        far = np.geomspace(last, beyond * last, _N_POINTS)
        low, middle, high = curve.best_score - curve.law.error(np.concatenate([n, far]))[::-1]
        [line] = self.ax_.plot(n, sign * middle[:_N_POINTS], color=colour, lw=1.2)
        self.lines_.append(line)
        if not trusted:
            return
        [line] = self.ax_.plot(far, sign * middle[_N_POINTS:], color=colour, lw=1.2, ls="--")
        self.extrapolations_.append(line)
        self.bands_.append(
            self.ax_.fill_between(
                np.concatenate([n, far]), sign * low, sign * high, color=colour, alpha=0.2, lw=0
            )
        )
