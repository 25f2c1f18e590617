"""Lazy maps and Bunches as tables of HTML, as notebooks show them."""

import html
from collections.abc import Mapping
from numbers import Number

import numpy as np
from rich.filesize import decimal

from ._thumbnail import thumbnails

_MOST_LETTERS = 120
_LONG = {"DESCR", "filenames"}  # not told in a table


def maps_html(maps):
    """Shape, source and transforms of lazy maps, with a picture of the first."""
    rows = [
        ("shape", _words(maps.shape)),
        ("source", f"{maps.source}: {len(maps)} of {maps.source.shape[0]} rows"),
        ("size", f"{decimal(maps.nbytes, precision=2)} once read"),
    ]
    unit = getattr(maps.source, "unit", None)
    if unit:
        rows.insert(1, ("unit in the file", unit))
    steps = [f"{step.transformer!r}{'.inverse' if step.inverse else ''}" for step in maps.steps]
    rows += [("then", step) for step in steps]
    return _table("LazyMaps", rows, _pictures(maps))


def bunch_html(bunch):
    """What is in a Bunch of maps, line by line, with a picture of the first map."""
    maps = bunch.get("maps")
    has_shape = hasattr(maps, "shape")
    rows = [
        (key, _groups(value) if key == "groups" else _value(value))
        for key, value in bunch.items()
        if key not in _LONG
    ]
    title = f"Bunch of {len(maps)} maps" if has_shape else "Bunch"
    return _table(title, rows, _pictures(maps) if has_shape else "")


def _pictures(maps):
    """Pictures, or why there are none; a file that is gone must not break a notebook."""
    try:
        return thumbnails(maps)
    except (OSError, ValueError, ArithmeticError) as error:
        return html.escape(f"no picture: {error}")


def _table(title, rows, pictures):
    lines = "".join(
        f'<tr><th style="text-align: left; vertical-align: top">{html.escape(str(name))}</th>'
        f'<td style="text-align: left">{html.escape(_short(text))}</td></tr>'
        for name, text in rows
    )
    pictures = f"<div>{pictures}</div>" if pictures else ""
    return f"<div><strong>{html.escape(title)}</strong>{pictures}<table>{lines}</table></div>"


def _short(text):
    text = " ".join(str(text).split())
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 3] + "..."


def _words(shape):
    return " x ".join(map(str, shape))


def _groups(groups):
    groups = np.asarray(groups)
    names, counts = np.unique(groups, return_counts=True)
    if not len(names):
        return "none"
    low, high = counts.min(), counts.max()
    each = f"{low}" if low == high else f"{low} to {high}"
    return f"{len(names)} simulations of {each} samples: {_few(names)}"


def _few(values, most=8):
    """The first of some values."""
    texts = [str(value) for value in values[:most]]
    return ", ".join(texts) + (", ..." if len(values) > most else "")


def _value(value):
    """An entry in a few words."""
    if isinstance(value, Mapping):
        return f"{{{_few([f'{key}: {_value(item)}' for key, item in value.items()])}}}"
    if isinstance(value, list | tuple):
        return _few([str(item) or "no unit" for item in value], most=13)
    unit = f" {value.unit}" if hasattr(value, "unit") else ""
    if getattr(value, "shape", ()) == ():
        return f"{value:g}" if isinstance(value, float) else str(value)
    if hasattr(value, "dtype"):
        if len(value.shape) == 1 and (len(value) <= 8 or value.dtype.kind in "OSU"):
            return f"{_few(np.asarray(value).tolist())}{unit}"
        return f"{_words(value.shape)} {value.dtype}{_range(value)}{unit}"
    return str(value)


def _range(values):
    """Least and greatest value of an array in memory."""
    if not isinstance(values, np.ndarray) or values.ndim > 2 or not values.size:
        return ""
    if not np.issubdtype(values.dtype, np.number) or not isinstance(values.flat[0], Number):
        return ""
    return f", {values.min():g} to {values.max():g}"
