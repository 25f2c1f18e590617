"""Slices of a field in panels, and their scores."""

import numpy as np

from ..metrics._report import r2
from ._field_slices import AXES

MINUS = "\N{MINUS SIGN}"


def scores(truth, prediction):
    """Coefficient of determination, NaN for a constant truth, and root-mean-square error."""
    rmse = float(np.sqrt(np.mean((prediction - truth) ** 2)))
    return float(r2(truth.reshape(-1, 1), prediction.reshape(-1, 1))[0]), rmse


def words_of(score, rmse):
    """Both scores as text."""
    words = f"{score:.3f}" if abs(score) < 10 else f"{score:.2g}"
    words = words.replace("-", MINUS) if np.isfinite(score) else "undefined"
    return f"R\N{SUPERSCRIPT TWO} {words}", f"RMSE {rmse:#.2g}".rstrip(".")


def draw_slice(panel, values, box, across, cmap, low, high):
    """Draw a slice, its first axis to the right and its second up.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
        Where to draw.
    values : ndarray of shape (w, h)
        The slice.
    box : Box
        Where its cells are.
    across : tuple of int
        Which axes of the field are those of the slice.
    cmap : str
        Colours.
    low, high : float
        Range of the values.

    Returns
    -------
    matplotlib.image.AxesImage
        The picture.
    """
    image = panel.imshow(
        values.T,
        origin="lower",
        cmap=cmap,
        vmin=low,
        vmax=high,
        interpolation="nearest",
        extent=(*box.edges(across[0]), *box.edges(across[1])),
    )
    panel.set_xlabel(f"{AXES[across[0]]} [{box.unit}]", fontsize=7, labelpad=1)
    panel.tick_params(labelsize=6, pad=2, length=2)
    panel.locator_params(nbins=4)
    return image


def draw_cross(panel, right, up):
    """Draw an upright and a level line that can be seen on every colour."""
    from matplotlib.patheffects import Normal, Stroke

    look = {
        "color": "white",
        "lw": 0.6,
        "path_effects": [Stroke(linewidth=1.4, foreground="black", alpha=0.7), Normal()],
    }
    return [panel.axvline(right, **look), panel.axhline(up, **look)]
