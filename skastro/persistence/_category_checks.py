"""Checks of encoders, whose sparse results SciPy writes out without looking."""

from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import expect


def check_one_hot(made: Any) -> None:
    """Refuse an encoder whose columns are not those of its categories."""
    if not hasattr(made, "categories_"):
        return
    categories = expect(made.categories_, list, "categories_")
    nothing = [None] * len(categories)
    dropped, groups, rare = made._drop_idx_after_grouping, nothing, nothing
    if made._infrequent_enabled:
        groups, rare = made._default_to_infrequent_mappings, made._infrequent_indices
    dropped = nothing if dropped is None else dropped
    columns = zip(categories, dropped, groups, rare, strict=True)
    fits = made.n_features_in_ == len(categories)
    if not fits or made._n_features_outs != [_width(*column) for column in columns]:
        raise ModelFileError("the columns of OneHotEncoder are not those of its categories")


def check_labels(made: Any) -> None:
    """Refuse classes that are kept at other numbers than theirs."""
    kept = getattr(made, "_cached_dict", None)
    if kept is not None and kept != {label: i for i, label in enumerate(made.classes_)}:
        raise ModelFileError("the classes of MultiLabelBinarizer have other numbers")


def _width(categories: Any, dropped: Any, groups: Any, rare: Any) -> int | None:
    """Number of columns of a feature; None where its parts do not fit."""
    expect(categories, np.ndarray, "categories")
    width, is_sorted = len(categories), True
    if categories.dtype.kind not in "OUS" and width:
        known = categories[: width - bool(categories[-1] != categories[-1])]  # NaN stands last
        is_sorted = bool((known[:-1] < known[1:]).all())
    if categories.ndim != 1 or not is_sorted or (groups is None) != (rare is None):
        return None
    if groups is not None:
        expect(groups, np.ndarray, "groups of categories")
        if groups.shape != (width,) or groups.dtype.kind != "i" or groups.min() < 0:
            return None
        width = int(groups.max()) + 1
    if dropped is None:
        return width
    return width - 1 if 0 <= expect(dropped, (int, np.integer), "a category") < width else None
