"""Axes of figures with several panels, and checks of the numbers that choose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A string cannot stand beside `|`.
AxesLike: TypeAlias = Union["Axes", Sequence["Axes"], np.ndarray, None]


def check_number(
    owner: str, name: str, value: Any, least: int, most: int | None = None, note: str = ""
) -> None:
    """Refuse what is no integer of a range.

    Parameters
    ----------
    owner, name : str
        Display and parameter to name in the error.
    value : object
        What was given.
    least : int
        Least number.
    most : int, default=None
        Greatest number, if there is one.
    note : str, default=""
        What the range comes from.

    Raises
    ------
    ValueError
        If it is none.
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        words = f"{least} or more" if most is None else f"from {least} to {most}"
        raise ValueError(
            f"The {name!r} parameter of {owner} must be an int, {words}{note}. Got {value!r} "
            f"instead."
        )


def make_panels(
    ax: AxesLike,
    n_panels: int,
    n_columns: int,
    size: Callable[[int, int], tuple[float, float]],
    owner: str,
    each: str,
) -> np.ndarray:
    """Axes for panels, those given or those of a new figure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, array-like of them or None
        Axes to draw into; None makes a figure.
    n_panels : int
        Number of panels.
    n_columns : int
        Panels in a row of the figure that is made.
    size : callable
        Takes the numbers of rows and columns and returns width and height of the figure, in
        inches.
    owner : str
        Display to name in errors.
    each : str
        What a panel is for, in errors.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, of shape (n_panels,)
        The axes.

    Raises
    ------
    ValueError
        If `ax` holds other things than one Axes for each panel, or `n_columns` is no
        number of columns.
    """
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    check_number(owner, "n_columns", n_columns, 1)
    if ax is not None:
        axes = np.asarray(ax, dtype=object).ravel()
        if not all(isinstance(panel, Axes) for panel in axes):
            raise ValueError(
                f"The 'ax' parameter of {owner} must be matplotlib Axes, one for each {each}, or "
                f"None. Got {ax!r} instead; take {n_panels} matplotlib Axes from "
                f"matplotlib.pyplot.subplots."
            )
        if len(axes) != n_panels:
            raise ValueError(
                f"{owner} draws a panel for each of {n_panels} {each}s; 'ax' holds {len(axes)} "
                f"axes."
            )
        return axes
    n_columns = min(n_columns, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size(n_rows, n_columns), squeeze=False, layout="constrained"
    )
    for unused in axes.flat[n_panels:]:
        figure.delaxes(unused)
    return axes.ravel()[:n_panels]


def set_log_axis(ax: Axes, direction: str = "x") -> None:
    """Make an axis logarithmic, with plain numbers 1, 2 and 5 of each decade.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        The axes.
    direction : {"x", "y"}, default="x"
        Which of them.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set(**{f"{direction}scale": "log"})
    axis = getattr(ax, f"{direction}axis")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
