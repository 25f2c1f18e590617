"""A noise matrix as a heat map."""

import numpy as np

from ..model_selection import noise_matrix

_CELL = 0.42  # inches
_PAGE = 1.0, 1.0, 1.0


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

    def __init__(self, matrix):
        self.matrix = matrix

    @classmethod
    def from_matrix(
        cls, matrix, *, ax=None, digits=2, cmap="cividis", negate_score=False, vmin=None, vmax=None
    ):
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
        estimator,
        X,
        y,
        *,
        train_noise,
        ax=None,
        digits=2,
        cmap="cividis",
        negate_score=False,
        vmin=None,
        vmax=None,
        **parameters,
    ):
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

    def plot(self, ax=None, *, digits=2, cmap="cividis", negate_score=False, vmin=None, vmax=None):
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
        import matplotlib.pyplot as plt

        matrix = self.matrix
        mean, std, dummy = matrix.mean, matrix.std, float(np.mean(matrix.dummy_scores))
        n_rows, n_columns = mean.shape
        if ax is None:
            size = max(3.4, _CELL * n_columns + 1.3), max(2.4, _CELL * n_rows + 1.1)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        low, high = _range(mean, dummy)
        cmap = plt.get_cmap(cmap)
        if negate_score:
            mean, dummy, low, high, cmap = -mean, -dummy, -high, -low, cmap.reversed()
        low, high = low if vmin is None else vmin, high if vmax is None else vmax
        self.ax_, self.figure_ = ax, ax.figure
        self.image_ = ax.imshow(mean, cmap=cmap, vmin=low, vmax=high, aspect="auto")
        self.texts_ = np.empty(mean.shape, dtype=object)
        has_spread = matrix.scores.shape[2] > 1
        for (i, j), value in np.ndenumerate(mean):
            text = _number(value, digits)
            if has_spread:
                text += f"\n\N{PLUS-MINUS SIGN}{std[i, j]:.{digits}f}"
            # A score that is absent has no colour, but the page below.
            colour = self.image_.cmap(self.image_.norm(value)) if np.isfinite(value) else _PAGE
            self.texts_[i, j] = ax.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=7,
                color="black" if _luminance(colour) > 0.18 else "white",
            )
        self._label(dummy, digits)
        below, above = (mean < low).any(), (mean > high).any()
        extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
        self.colorbar_ = self.figure_.colorbar(
            self.image_, ax=ax, extend=extend.get((bool(below), bool(above)), "neither"), pad=0.03
        )
        self.colorbar_.set_label(matrix.scoring.replace("_", " "), fontsize=8)
        self.colorbar_.ax.tick_params(labelsize=7)
        if low < dummy < high:
            self.colorbar_.ax.axhline(dummy, color="white", lw=2.2)
            self.colorbar_.ax.axhline(dummy, color="black", lw=1, ls="--")
        return self

    def _label(self, dummy, digits):
        """Names of levels and axes, and the score of the dummy."""
        ax, matrix = self.ax_, self.matrix
        unit = f" [{matrix.unit}]" if matrix.unit else ""
        ax.set_xticks(range(len(matrix.test_names)), matrix.test_names, fontsize=7)
        ax.set_yticks(range(len(matrix.train_names)), matrix.train_names, fontsize=7)
        longest = max(map(len, matrix.test_names))
        if longest * len(matrix.test_names) > 36:
            ax.tick_params(axis="x", rotation=35)
            for label in ax.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        ax.set_xlabel(f"tested with noise{unit}", fontsize=8)
        ax.set_ylabel(f"trained with noise{unit}", fontsize=8)
        ax.tick_params(length=0)
        spread = ""
        if len(matrix.dummy_scores) > 1:
            spread = f" \N{PLUS-MINUS SIGN} {np.std(matrix.dummy_scores):.{digits}f}"
        self.dummy_text_ = ax.set_title(
            f"without looking at maps: {_number(dummy, digits)}{spread}", fontsize=7, loc="left"
        )


def _range(mean, dummy):
    """Range of the colours."""
    known = mean[np.isfinite(mean)]
    if not known.size:
        return 0.0, 1.0
    low, high = known.min(), known.max()
    if high > dummy:
        low = max(low, 2 * dummy - high)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _number(value, digits):
    """A number with a minus sign that is one."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _luminance(colour):
    """Relative luminance of a colour, from 0 to 1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
