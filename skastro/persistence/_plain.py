"""Values that JSON has, and that cannot be changed."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

_NOT_SCORES = {"estimator", "indices"}


def plain(value: Any, name: str) -> Any:
    """Bring a value to strings, numbers, None, tuples and dictionaries.

    Parameters
    ----------
    value : object
        Numbers, arrays, strings, None, or sequences and mappings of these.
    name : str
        What it is, named in the error.

    Returns
    -------
    object
        The same in types that JSON has, but with tuples for lists. NaN and infinity are None,
        as JSON has no word for them.

    Raises
    ------
    TypeError
        If there is something else in it.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, name) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist(), name)
    if isinstance(value, list | tuple):
        return tuple(plain(item, name) for item in value)
    raise TypeError(
        f"The '{name}' parameter takes numbers, strings, arrays, and lists and dictionaries of "
        f"these, which are written as text. Got {type(value).__name__} in it instead."
    )


def plain_scores(scores: Any) -> Any:
    """Bring scores to a dictionary by name.

    Parameters
    ----------
    scores : mapping, Comparison, DataFrame or None
        Scores by name, each a number, one for each fold, or again scores by name; what
        ``cross_validate`` or `skastro.model_selection.compare` returns; or a table with a
        candidate in each row.

    Returns
    -------
    dict or None
        The scores as `plain` has them.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if scores is None:
        return None
    if hasattr(scores, "scoring") and isinstance(getattr(scores, "scores", None), dict):
        scores = {name: {str(scores.scoring): folds} for name, folds in scores.scores.items()}
    elif hasattr(scores, "to_dict"):
        scores = scores.to_dict("index")
    if not isinstance(scores, Mapping):
        raise TypeError(
            f"The 'scores' parameter must be a dictionary of scores by name, such as "
            f"{{'r2': 0.93}}, what cross_validate or compare returns, or a DataFrame. Got "
            f"{scores!r} instead."
        )
    kept = {name: value for name, value in scores.items() if name not in _NOT_SCORES}
    return plain(kept, "scores")


def as_json(value: Any) -> Any:
    """Lists in place of tuples."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, tuple) else value


def from_lists(value: Any) -> Any:
    """Tuples in place of lists."""
    if isinstance(value, dict):
        return {key: from_lists(item) for key, item in value.items()}
    return tuple(from_lists(item) for item in value) if isinstance(value, list) else value
