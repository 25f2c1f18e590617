"""A noise matrix as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..model_selection import NoiseMatrix, noise_matrix
from ..model_selection._types import NoiseLevels
from ..utils._typing import MapsLike
from ._score_cells import draw_scores, label_cells, matrix_axes, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NoiseMatrixDisplay:
    """Scores for each level of noise in training and in testing, as a heat map with numbers.

    Made by `from_matrix` or `from_estimator`; the matrix is kept, and `plot` draws it. Each
    cell has the mean score over the folds and below it its standard deviation. The score of the
    dummy stands above, and is a line in the colour bar where it is within its range.

    Parameters
    ----------
    matrix : NoiseMatrix
        The scores.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage
        The cells: a row for each level in training, a column for each in testing.
    texts_ : ndarray of matplotlib.text.Text, of shape (n_train, n_test)
        The numbers in the cells.
    dummy_text_ : matplotlib.text.Text
        The score of the dummy.
    colorbar_ : matplotlib.colorbar.Colorbar
        Scale of the cells.

    See Also
    --------
    skastro.model_selection.noise_matrix : Makes the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import NoiseMatrixDisplay
    >>> from skastro.model_selection import NoiseMatrix
    >>> scores = np.array([[0.9, 0.1], [0.7, 0.8]])[..., None] + [-0.02, 0.0, 0.02]
    >>> matrix = NoiseMatrix(scores, np.full(3, -0.1), ["0", "5"], ["0", "5"], "r2", "uK")
    >>> display = NoiseMatrixDisplay.from_matrix(matrix)
    >>> display.ax_.get_ylabel()
    'trained with noise [uK]'
    """

    def __init__(self, matrix: NoiseMatrix) -> None:
        self.matrix = matrix

    @classmethod
    def from_matrix(
        cls,
        matrix: NoiseMatrix,
        *,
        ax: Axes | None = None,
        digits: int = 2,
        cmap: str = "cividis",
        negate_score: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> NoiseMatrixDisplay:
        """Draw a matrix.

        Parameters
        ----------
        matrix : NoiseMatrix
            What `noise_matrix` returned.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        digits : int, default=2
            Digits behind the point.
        cmap : str, default="cividis"
            Colours, those of a high score last.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
            The colours of the best ones stay.
        vmin, vmax : float, default=None
            Range of the colours. By default that of the scores, but from no further below the
            dummy than the best score is above it: of useless models it matters little how bad
            they are.

        Returns
        -------
        NoiseMatrixDisplay
            The display.
        """
        return cls(matrix).plot(
            ax, digits=digits, cmap=cmap, negate_score=negate_score, vmin=vmin, vmax=vmax
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: ArrayLike,
        *,
        train_noise: NoiseLevels,
        ax: Axes | None = None,
        digits: int = 2,
        cmap: str = "cividis",
        negate_score: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
        **parameters: Any,
    ) -> NoiseMatrixDisplay:
        """Train and test at all levels, and draw the scores.

        Parameters
        ----------
        estimator : estimator
            What is copied and fitted.
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps without noise.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        train_noise : list of levels, or dict of str to level
            Noise in training, see `skastro.model_selection.noise_matrix`.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        digits : int, default=2
            Digits behind the point.
        cmap : str, default="cividis"
            Colours, those of a high score last.
        negate_score : bool, default=False
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
            The colours of the best ones stay.
        vmin, vmax : float, default=None
            Range of the colours, see `from_matrix`.
        **parameters : object
            Further parameters of `skastro.model_selection.noise_matrix`.

        Returns
        -------
        NoiseMatrixDisplay
            The display, with the scores as ``display.matrix``.

        Raises
        ------
        TypeError
            If a level is none.
        ValueError
            If parameters do not fit, or all fits fail.
        """
        matrix = noise_matrix(estimator, X, y, train_noise=train_noise, **parameters)
        return cls.from_matrix(
            matrix,
            ax=ax,
            digits=digits,
            cmap=cmap,
            negate_score=negate_score,
            vmin=vmin,
            vmax=vmax,
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        digits: int = 2,
        cmap: str = "cividis",
        negate_score: bool = False,
        vmin: float | None = None,
        vmax: float | None = None,
    ) -> NoiseMatrixDisplay:
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
            Whether to draw scores with the other sign, as suits errors that a scorer has negated.
            The colours of the best ones stay.
        vmin, vmax : float, default=None
            Range of the colours, see `from_matrix`.

        Returns
        -------
        NoiseMatrixDisplay
            The display.
        """
        matrix = self.matrix
        dummy = float(np.mean(matrix.dummy_scores))
        ax = matrix_axes(ax, *matrix.mean.shape)
        self.ax_, self.figure_ = ax, ax.figure
        self.image_, self.texts_, self.colorbar_ = draw_scores(
            ax,
            matrix,
            dummy,
            digits=digits,
            cmap=cmap,
            negate_score=negate_score,
            vmin=vmin,
            vmax=vmax,
        )
        unit = f" [{matrix.unit}]" if matrix.unit else ""
        label_cells(ax, matrix, f"trained with noise{unit}", f"tested with noise{unit}")
        spread = ""
        if len(matrix.dummy_scores) > 1:
            spread = f" \N{PLUS-MINUS SIGN} {np.std(matrix.dummy_scores):.{digits}f}"
        score = number(-dummy if negate_score else dummy, digits)
        self.dummy_text_ = ax.set_title(
            f"without looking at maps: {score}{spread}", fontsize=7, loc="left"
        )
        return self
