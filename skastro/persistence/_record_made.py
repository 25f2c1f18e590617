"""Find out what a model was trained on, from the data and from the model."""

import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..maps import LazyMaps
from ..utils import as_numpy, check_groups, fingerprint, is_torch, map_layout
from ._guard import record_on
from ._plain import plain, plain_scores
from ._statistics import STATISTICS, chunks_of, map_statistics, sampled
from ._walk import components, first_component

_N_BYTES = 1 << 30
_N_GROUPS = 4096
_INSTRUMENT = "skastro.instrument"
_ACTS = {"both": "in fit and predict", "fit": "in fit alone", "predict": "in predict alone"}
_ORIGIN = ("suite", "set", "kind")


def known_record(model: Any) -> dict[str, Any]:
    """What the record says that a loaded model carries, if the model was not fitted since."""
    record = record_on(model)
    return {} if record is None else {one.name: getattr(record, one.name) for one in fields(record)}


def from_model(model: Any, scores: Any, notes: str | None) -> dict[str, Any]:
    """What a fitted model knows of its training, and what is said of it."""
    if notes is not None and not isinstance(notes, str):
        raise TypeError(f"The 'notes' parameter must be a string. Got {notes!r} instead.")
    parts = list(components(model))
    first = first_component(model)
    histories = {
        name or type(part).__name__: plain(part.history_, "history_")
        for name, part in parts
        if hasattr(part, "history_")
    }
    found = {
        "sample_shape": None if first is None else plain(first.sample_shape_, "sample_shape_"),
        "classes": _classes(model),
        "noise": tuple(_noise(part) for _, part in parts if _is_instrument(part)) or None,
        "history": histories or None,
        "search": next((_search(part) for _, part in parts if hasattr(part, "best_params_")), None),
        "scores": plain_scores(scores),
        "notes": notes,
    }
    return {name: value for name, value in found.items() if value is not None}


def from_data(model: Any, data: Any) -> dict[str, Any]:
    """What a Bunch says of maps that a model was trained on."""
    if not isinstance(data, Mapping) or data.get("maps") is None:
        raise TypeError(
            "The 'data' parameter must be the Bunch that the model was trained on, with 'maps', "
            "as the functions of skastro.datasets and skastro.simulation return it. Got "
            f"{type(data).__name__} instead. Make one: sklearn.utils.Bunch(maps=X, target=y)."
        )
    maps = data["maps"]
    maps = maps if isinstance(maps, LazyMaps) or is_torch(maps) else np.asarray(maps)
    component = first_component(model)
    shape = tuple(int(length) for length in maps.shape[1:])
    if component is not None and shape != tuple(component.sample_shape_):
        raise ValueError(
            f"The 'data' parameter must hold the maps that {type(model).__name__} was trained on, "
            f"samples of shape {tuple(component.sample_shape_)}. Got samples of shape {shape}."
        )
    names = words(data.get("field_names"))
    return {
        "field_names": names,
        "units": words(data.get("units")),
        "frames": words(data.get("frames")),
        "redshift": range_of(data.get("redshift")),
        "box_size": length_of(data.get("box_size")),
        "cell_size": length_of(data.get("cell_size")),
        "origin": {name: data[name] for name in _ORIGIN if isinstance(data.get(name), str)} or None,
        "sample_shape": shape,
        "n_samples": len(maps),
        **_of_groups(data.get("groups")),
        **_of_target(model, data),
        **_of_values(maps, channels_of(component, shape, names)),
    }


def group_hash(group: Any) -> str:
    """Short hash of a group."""
    return fingerprint(group)[:8]


def range_of(values: Any) -> tuple[float, float] | None:
    """Least and greatest of some numbers; None where there are none."""
    if values is None:
        return None
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None


def length_of(value: Any) -> float | tuple[float, ...] | None:
    """A length or one for each axis, quantities in Mpc; one where all axes are equal."""
    if value is None:
        return None
    if hasattr(value, "to_value") and value.unit.is_equivalent("Mpc"):
        value = value.to_value("Mpc")
    lengths = tuple(np.asarray(value, dtype=np.float64).ravel().tolist())
    if not np.isfinite(lengths).all():
        return None
    return lengths[0] if len(set(lengths)) == 1 else lengths or None


def channels_of(component: Any, shape: tuple[int, ...], names: Any) -> int:
    """Number of channels of a sample: one for each field, or as the model reads the axes."""
    dim = getattr(component, "dim", None) or getattr(getattr(component, "net", None), "dim", None)
    if dim is None and names is not None and len(shape) > 1:
        return shape[0] if len(names) == shape[0] else 1
    return int(map_layout((1, *shape), dim, "TrainingRecord").n_channels)


def words(values: Any) -> tuple[str | None, ...] | None:
    """Names or units, one or for each channel."""
    if values is None:
        return None
    if isinstance(values, str) or not hasattr(values, "__len__"):
        values = [values]
    return tuple(None if value is None else str(value) for value in values)


def columns_of(target: Any) -> tuple[Any, bool]:
    """A target as an array or lazy maps, and whether it is one of fields."""
    if not isinstance(target, LazyMaps):
        target = np.asarray(as_numpy(target))
    return target, target.ndim > 2


def ranges_of_target(target: Any, names: Any) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each target, by name."""
    target, of_fields = columns_of(target)
    if of_fields:
        rows = sampled(target, _N_BYTES)
        ends = [range_of(chunk) for chunk in chunks_of(target, rows)]
        columns = [np.array([end for end in ends if end is not None])]
        names = names if len(names) == 1 else ("target",)
    else:
        columns = list(np.asarray(target).reshape(len(target), -1).T)
    found = zip(names, map(range_of, columns), strict=True)
    return {name: ends for name, ends in found if ends is not None}


def _of_groups(groups: Any) -> dict[str, Any]:
    if groups is None:
        return {}
    distinct = np.unique(check_groups(groups, "TrainingRecord.make")).tolist()
    hashes = tuple(map(group_hash, distinct)) if len(distinct) <= _N_GROUPS else None
    return {"n_groups": len(distinct), "groups_hash": fingerprint(distinct), "groups": hashes}


def _of_target(model: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    target, names = data.get("target"), words(data.get("target_names"))
    if is_classifier(model):
        classes = _classes(model) or ()
        return {"target_names": names} if names and len(names) == len(classes) else {}
    if target is None:
        return {}
    target, of_fields = columns_of(target)
    if not of_fields and target.dtype.kind not in "biuf":
        return {}
    n_targets = 1 if of_fields or target.ndim < 2 else target.shape[1]
    if names is None or len(names) != n_targets:
        names = ("target",) if n_targets == 1 else tuple(f"target {i}" for i in range(n_targets))
    return {"target_names": names, "target_range": ranges_of_target(target, names) or None}


def _of_values(maps: Any, n_channels: int) -> dict[str, Any]:
    """Ranges of values and statistics, read in chunks."""
    rows = sampled(maps, _N_BYTES)
    found, lows, highs = [], [], []
    for chunk in chunks_of(maps, rows):
        found.append(map_statistics(chunk, n_channels))
        cells = chunk.reshape(len(chunk), n_channels, -1)
        lows.append(cells.min((0, 2)))
        highs.append(cells.max((0, 2)))
    stacked = np.concatenate(found)
    if not np.isfinite(stacked).all() or not np.isfinite([lows, highs]).all():
        warnings.warn(
            "TrainingRecord: the maps of 'data' hold NaN or infinite values, so that their ranges "
            "are not kept, and nothing will warn of maps beyond them. Give the maps that the "
            "model was trained on, without such values.",
            UserWarning,
            stacklevel=5,
        )
        return {"n_maps_read": len(rows)}
    ends = zip(stacked.min(0).T, stacked.max(0).T, strict=True)
    statistics = {
        name: _pairs(low, high) for name, (low, high) in zip(STATISTICS, ends, strict=True)
    }
    ranges = _pairs(np.min(lows, axis=0), np.max(highs, axis=0))
    return {"value_range": ranges, "statistics": statistics, "n_maps_read": len(rows)}


def _pairs(low: np.ndarray, high: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple(zip(map(float, low), map(float, high), strict=True))


def _classes(model: Any) -> tuple[Any, ...] | None:
    classes = getattr(model, "classes_", None)
    return plain(classes, "classes_") if isinstance(classes, np.ndarray) else None


def _is_instrument(part: Any) -> bool:
    return any(cls.__module__.startswith(_INSTRUMENT) for cls in type(part).__mro__)


def _noise(part: Any) -> str:
    acts = _ACTS.get(getattr(part, "when", "both"), _ACTS["both"])
    return f"{' '.join(repr(part).split())}, {acts}"


def _search(part: Any) -> dict[str, Any]:
    results = getattr(part, "cv_results_", None) or {}
    return {
        "best_params": {name: str(value) for name, value in part.best_params_.items()},
        "best_score": plain(part.best_score_, "best_score_"),
        "n_candidates": len(results.get("params", ())) or None,
    }
