"""Scores as a heat map with numbers, for displays of what was trained and tested on what."""

from typing import Any

import numpy as np

from ._looks import COLUMN, text_colour

_CELL = 0.42  # inches
_PAGE = 1.0, 1.0, 1.0
_LONGEST_LINE = 36


def matrix_axes(
    ax: Any, n_rows: int, n_columns: int, cell: tuple[float, float] = (_CELL, _CELL)
) -> Any:
    """Axes for a matrix, those given or those of a new figure of the width of a column or more.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        Axes that were given.
    n_rows, n_columns : int
        Numbers of cells.
    cell : tuple of float, default=(0.42, 0.42)
        Width and height of a cell, in inches.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    size = max(COLUMN, cell[0] * n_columns + 1.3), max(2.4, cell[1] * n_rows + 1.1)
    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_scores(ax, matrix, dummy, *, digits, cmap, negate_score, vmin, vmax, note=None):
    """Draw the mean score of each cell in colour and number, with its spread below.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes to draw into.
    matrix : ScoreMatrix
        The scores.
    dummy : float
        Score of what looks at no map, which the range of the colours goes by.
    digits : int
        Digits behind the point.
    cmap : str
        Colours, those of a high score last.
    negate_score : bool
        Whether to draw scores with the other sign.
    vmin, vmax : float or None
        Range of the colours.
    note : callable, default=None
        Takes row and column and returns a further line of a cell.

    Returns
    -------
    image : matplotlib.image.AxesImage
        The cells.
    texts : ndarray of matplotlib.text.Text, of shape (n_train, n_test)
        Their numbers.
    colorbar : matplotlib.colorbar.Colorbar
        The scale, with a line at the dummy where that is in its range.
    """
    import matplotlib.pyplot as plt

    mean, std = matrix.mean, matrix.std
    low, high = _range(mean, dummy)
    cmap = plt.get_cmap(cmap)
    if negate_score:
        mean, dummy, low, high, cmap = -mean, -dummy, -high, -low, cmap.reversed()
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    image = ax.imshow(mean, cmap=cmap, vmin=low, vmax=high, aspect="auto")
    texts = np.empty(mean.shape, dtype=object)
    has_spread = matrix.scores.shape[2] > 1
    for (i, j), value in np.ndenumerate(mean):
        text = number(value, digits)
        if has_spread:
            text += f"\n\N{PLUS-MINUS SIGN}{std[i, j]:.{digits}f}"
        if note is not None:
            text += f"\n{note(i, j)}"
        # A score that is absent has no colour, but the page below.
        colour = image.cmap(image.norm(value)) if np.isfinite(value) else _PAGE
        texts[i, j] = ax.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            fontsize=7,
            color=text_colour(colour),
        )
    below, above = (mean < low).any(), (mean > high).any()
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
    colorbar = ax.figure.colorbar(
        image, ax=ax, extend=extend.get((bool(below), bool(above)), "neither"), pad=0.03
    )
    colorbar.set_label(score_label(matrix.scoring, negate_score), fontsize=8)
    colorbar.ax.tick_params(labelsize=7)
    if low < dummy < high:
        colorbar.ax.axhline(dummy, color="white", lw=2.2)
        colorbar.ax.axhline(dummy, color="black", lw=1, ls="--")
    return image, texts, colorbar


def label_cells(ax, matrix, trained, tested):
    """Write names of rows, columns and axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    matrix : ScoreMatrix
        The scores.
    trained, tested : str
        Labels of the axes.
    """
    ax.set_xticks(range(len(matrix.test_names)), matrix.test_names, fontsize=7)
    ax.set_yticks(range(len(matrix.train_names)), matrix.train_names, fontsize=7)
    longest = max(map(len, matrix.test_names))
    if longest * len(matrix.test_names) > _LONGEST_LINE:
        ax.tick_params(axis="x", rotation=35)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_xlabel(tested, fontsize=8)
    ax.set_ylabel(trained, fontsize=8)
    ax.tick_params(length=0)


def score_label(scoring, negate_score):
    """Name of a score for an axis.

    Parameters
    ----------
    scoring : str
        Name of the score.
    negate_score : bool
        Whether it is drawn with the other sign.

    Returns
    -------
    str
        The name in words; that of the error where a negated error is drawn as such.
    """
    label = scoring.replace("_", " ")
    if not negate_score:
        return label
    return label.removeprefix("neg ") if label.startswith("neg ") else f"\N{MINUS SIGN}{label}"


def number(value, digits):
    """A number with a minus sign that is one.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Digits behind the point.

    Returns
    -------
    str
        The number as text.
    """
    value = round(float(value), digits) + 0.0  # without the sign of a zero
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _range(mean, dummy):
    """Range of the colours."""
    known = mean[np.isfinite(mean)]
    if not known.size:
        return 0.0, 1.0
    low, high = known.min(), known.max()
    if high > dummy:
        low = max(low, 2 * dummy - high)
    return (low, high) if low < high else (low - 0.5, high + 0.5)
