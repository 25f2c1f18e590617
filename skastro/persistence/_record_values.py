"""Which values a record of a training may have."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ._statistics import STATISTICS


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_length(value: Any) -> bool:
    return _is_number(value) or (bool(value) and _all(_is_number)(value))


def _is_range(value: Any) -> bool:
    return _all(_is_number)(value) and len(value) == 2


def _all(is_one: Callable[[Any], bool], *, or_none: bool = False) -> Callable[[Any], bool]:
    """Whether a value is a tuple of such items."""

    def check(value: Any) -> bool:
        return isinstance(value, tuple) and all(
            is_one(item) or (or_none and item is None) for item in value
        )

    return check


def _by_name(is_one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value is a dictionary of such items; its names are strings, as it is of JSON."""
    return lambda value: isinstance(value, dict) and all(map(is_one, value.values()))


def _is_search(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("best_params"), dict)


_ALLOWED: dict[str, Callable[[Any], bool]] = {
    "field_names": _all(_is_text, or_none=True),
    "units": _all(_is_text, or_none=True),
    "frames": _all(_is_text, or_none=True),
    "redshift": _is_range,
    "box_size": _is_length,
    "cell_size": _is_length,
    "origin": _by_name(_is_text),
    "sample_shape": _all(_is_count),
    "n_samples": _is_count,
    "n_groups": _is_count,
    "groups_hash": _is_text,
    "groups": _all(_is_text),
    "classes": lambda value: isinstance(value, tuple),
    "target_names": _all(_is_text, or_none=True),
    "target_range": _by_name(_is_range),
    "value_range": _all(_is_range),
    "statistics": _by_name(_all(_is_range)),
    "n_maps_read": _is_count,
    "noise": _all(_is_text),
    "history": _by_name(_all(lambda epoch: isinstance(epoch, dict))),
    "search": _is_search,
    "scores": lambda value: isinstance(value, dict),
    "notes": _is_text,
}


def check_values(values: Mapping[str, Any]) -> None:
    """Refuse a record with values that data and predictions cannot be compared with.

    Parameters
    ----------
    values : dict of str to object
        Values of a record by name; tuples stand for the lists of JSON.

    Raises
    ------
    ValueError
        If one is of another type or length than `TrainingRecord` says.
    """
    for name, value in values.items():
        if value is not None and not _ALLOWED[name](value):
            raise ValueError(f"the record of the training has values of {name} that are none")
    statistics, n_channels = values.get("statistics"), len(values.get("value_range") or ())
    if statistics is None:
        return
    shapes = {np.shape(statistics.get(name)) for name in STATISTICS}
    if shapes != {(n_channels, 2)}:
        raise ValueError("the record of the training has statistics of other channels")
