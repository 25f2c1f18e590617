"""Scores across suites of simulations as a heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ..model_selection import CrossSuite, cross_suite
from ._score_cells import draw_scores, label_cells, matrix_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL = 0.66, 0.62  # inches


class CrossSuiteDisplay:
    """Scores for each suite to train on and to test on, as a heat map with numbers.

    Made by `from_result` or `from_estimator`; the result is kept, and `plot` draws it. Each cell
    has the mean score over the folds, its standard deviation, and in brackets the score of the
    dummy of the same pair of suites. A line in the colour bar is the mean of these.

    Parameters
    ----------
    result : CrossSuite
        The scores.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage
        The cells: a row for each suite of training, a column for each of testing.
    texts_ : ndarray of matplotlib.text.Text, of shape (n_suites, n_suites)
        The numbers in the cells.
    colorbar_ : matplotlib.colorbar.Colorbar
        Scale of the cells.
    note_ : matplotlib.text.Text
        What the brackets mean.

    See Also
    --------
    skastro.model_selection.cross_suite : Makes the result.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import CrossSuiteDisplay
    >>> from skastro.model_selection import CrossSuite
    >>> scores = np.array([[0.6, 0.1], [0.2, 0.7]])[..., None] + [-0.02, 0.0, 0.02]
    >>> result = CrossSuite(scores, np.zeros((2, 2, 3)), ["IllustrisTNG", "SIMBA"], "r2")
    >>> display = CrossSuiteDisplay.from_result(result)
    >>> display.ax_.get_ylabel()
    'trained on'
    """

    def __init__(self, result: CrossSuite) -> None:
        self.result = result

    @classmethod
    def from_result(
        cls,
        result: CrossSuite,
        *,
        ax: Axes | None = None,
        digits: int = 2,
        cmap: str = "cividis",
        negate_score: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> CrossSuiteDisplay:
        """Draw a result.

        Parameters
        ----------
        result : CrossSuite
            What `cross_suite` returned.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        digits : int, default=2
            Digits behind the point.
        cmap : str, default="cividis"
            Colours, those of a high score last.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
        vmin, vmax : float, default=None
            Range of the colours. By default that of the scores, but from no further below the
            dummy than the best score is above it.

        Returns
        -------
        CrossSuiteDisplay
            The display.
        """
        return cls(result).plot(
            ax, digits=digits, cmap=cmap, negate_score=negate_score, vmin=vmin, vmax=vmax
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        suites: Mapping[str, tuple | Bunch],
        *,
        ax: Axes | None = None,
        digits: int = 2,
        negate_score: bool = False,
        **parameters: Any,
    ) -> CrossSuiteDisplay:
        """Train on each suite, test on all, and draw the scores.

        Parameters
        ----------
        estimator : estimator
            What is copied and fitted.
        suites : dict of str to tuple or Bunch
            The suites, see `skastro.model_selection.cross_suite`.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        digits : int, default=2
            Digits behind the point.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
        **parameters : object
            Further parameters of `skastro.model_selection.cross_suite`.

        Returns
        -------
        CrossSuiteDisplay
            The display, with the scores as ``display.result``.

        Raises
        ------
        ValueError
            If suites or parameters do not fit, or all fits fail.
        """
        result = cross_suite(estimator, suites, **parameters)
        return cls.from_result(result, ax=ax, digits=digits, negate_score=negate_score)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        digits: int = 2,
        cmap: str = "cividis",
        negate_score: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> CrossSuiteDisplay:
        """Draw the heat map.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        digits : int, default=2
            Digits behind the point.
        cmap : str, default="cividis"
            Colours, those of a high score last.
        negate_score : bool, default=False
            Whether to draw scores with the other sign.
        vmin, vmax : float, default=None
            Range of the colours, see `from_result`.

        Returns
        -------
        CrossSuiteDisplay
            The display.
        """
        result = self.result
        dummies = result.dummy_scores.mean(axis=2)
        sign = -1 if negate_score else 1
        ax = matrix_axes(ax, len(dummies), len(dummies), _CELL)
        self.ax_, self.figure_ = ax, ax.figure
        self.image_, self.texts_, self.colorbar_ = draw_scores(
            ax,
            result,
            float(np.mean(dummies)),
            digits=digits,
            cmap=cmap,
            negate_score=negate_score,
            vmin=vmin,
            vmax=vmax,
            note=lambda i, j: f"[{number(sign * dummies[i, j], digits)}]",
        )
        label_cells(ax, result, "trained on", "tested on")
        self.note_ = ax.set_title("[without looking at maps]", fontsize=7, loc="left")
        return self
