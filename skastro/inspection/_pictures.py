"""Images, slices and curves in panels."""

import numpy as np

from ._looks import BLUE


def picture(values):
    """What is drawn of a map: of a cube the central slice across the last axis."""
    return values[..., values.shape[-1] // 2] if values.ndim == 3 else values


def symmetric_limit(values):
    """Greatest absolute value that is finite, or 1 where all are zero."""
    sizes = np.abs(values)
    return float(sizes.max(initial=0.0, where=np.isfinite(sizes))) or 1.0


def draw_picture(panel, values, cmap, low, high):
    """Draw an image, first axis to the right and second axis up, or a curve.

    Parameters
    ----------
    panel : matplotlib.axes.Axes
        Where to draw.
    values : ndarray of shape (w,) or (w, h)
        What is drawn.
    cmap : str
        Colours of an image.
    low, high : float
        Range of the values.

    Returns
    -------
    matplotlib.image.AxesImage or matplotlib.lines.Line2D
        What was drawn.
    """
    if values.ndim == 1:
        (line,) = panel.plot(values, color=BLUE, lw=0.9)
        margin = 0.05 * (high - low) or 1.0
        panel.set_ylim(low - margin, high + margin)
        panel.tick_params(labelsize=7)
        return line
    image = panel.imshow(
        values.T, origin="lower", cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
    )
    panel.set(xticks=[], yticks=[])
    return image


def name_cells(panels, own_figure):
    """Say that curves are over cells: once below a figure of ours, else below each panel."""
    if own_figure:
        panels[0].figure.supxlabel("cell", fontsize=8)
        return
    for panel in panels:
        panel.set_xlabel("cell", fontsize=7, labelpad=1)


def add_colorbar(image, panels, label=None, *, shrink=0.8):
    """Put a colour bar beside panels.

    Parameters
    ----------
    image : matplotlib.image.AxesImage
        Image whose scale is shown.
    panels : sequence of matplotlib.axes.Axes
        Panels that it is for.
    label : str, default=None
        What the values are.
    shrink : float, default=0.8
        Its length over that of the panels.

    Returns
    -------
    matplotlib.colorbar.Colorbar
        The colour bar.
    """
    panels = list(panels)
    bar = panels[0].figure.colorbar(image, ax=panels, shrink=shrink, aspect=22, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    if label is not None:
        bar.set_label(label, fontsize=8)
    return bar
