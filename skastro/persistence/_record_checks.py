"""Warnings of data unlike those of the training, and of predictions beyond its targets."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..exceptions import LeakageWarning, TrainingRangeWarning
from ..maps import LazyMaps
from ..utils import is_torch
from ._record_data import differences, span
from ._statistics import STATISTICS, chunks_of, map_statistics, sampled, widened

_N_BYTES, _N_MAPS, _N_LAZY = 1 << 25, 64, 8
_MAPS_OUTSIDE, _PREDICTIONS_OUTSIDE = 0.1, 0.01
_TARGET_MARGIN = 0.1
_OTHER_SCALE = 4.0
_INNER = {__name__.partition(".")[0], "joblib", "sklearn"}


def warn_of_maps(record: Any, X: Any) -> None:
    """Warn where more than a tenth of some maps lie outside the ranges of the training."""
    X = X if hasattr(X, "shape") else np.asarray(X)
    if record.statistics is None or len(X) == 0:
        return
    ranges = np.array([record.statistics[name] for name in STATISTICS], dtype=np.float64)
    ranges = ranges.transpose(2, 1, 0)  # ends, channels, statistics
    n_channels = ranges.shape[1]
    if n_channels not in (1, X.shape[1]):
        return
    rows = sampled(X, _N_BYTES, most=_N_LAZY if isinstance(X, LazyMaps) else _N_MAPS)
    found = np.concatenate([map_statistics(chunk, n_channels) for chunk in chunks_of(X, rows)])
    least, greatest = np.array(record.value_range, dtype=np.float64).T
    one_signed = ((least >= 0) | (greatest <= 0))[:, None] | (np.array(STATISTICS) == "std")
    low, high = widened(ranges[0], ranges[1], ranges[1, :, 1:2], one_signed)
    outside = (found < low) | (found > high)
    n_outside = int(outside.any((1, 2)).sum())
    if n_outside <= max(_MAPS_OUTSIDE * len(rows), len(rows) > 1):
        return
    channel, which = np.unravel_index(outside.sum(0).argmax(), outside.shape[1:])
    values = found[:, channel, which]
    _warn(
        f"{n_outside} of {len(rows)} maps that were looked at are unlike the training maps: in "
        f"{_channel(record, channel)} the {STATISTICS[which]} of a map is "
        f"{span(values.min(), values.max())}, in training it was "
        f"{span(*ranges[:, channel, which])}. {_scale(found, ranges, channel)}The model "
        f"extrapolates. Give maps of the fields, units and redshifts that it was trained on, see "
        f"its training_record_, or train it anew."
    )


def warn_of_data(record: Any, data: Mapping[str, Any]) -> None:
    """Warn of each kind of difference between what a Bunch and a record state."""
    if not isinstance(data, Mapping):
        raise TypeError(
            f"TrainingRecord.check_data takes a Bunch, as the functions of skastro.datasets "
            f"return it. Got {type(data).__name__} instead. Check arrays with check_maps."
        )
    for text in differences(record, data):
        _warn(text)


def warn_of_groups(record: Any, groups: Any) -> None:
    """Warn of simulations that a model was trained on; unknown ones are not checked."""
    if record.groups is None:
        return
    known = record.trained_on(groups)
    if known.any():
        _warn(
            f"{known.sum()} of {len(known)} samples are of simulations that the model was trained "
            f"on, so that their scores are too good. Score it on other simulations: "
            f"data.maps[~record.trained_on(data.groups)].",
            LeakageWarning,
        )


def warn_of_predictions(record: Any, y: Any) -> None:
    """Warn where more than one in a hundred predictions lie outside the training range."""
    y = y if is_torch(y) or isinstance(y, LazyMaps) else np.asarray(y)
    if not record.target_range or len(y) == 0:
        return
    parts = [
        f"{100 * share:.3g} % of {name!r} (trained on {span(low, high)})"
        for name, low, high, share in _beyond(record, y)
    ]
    if parts:
        _warn(
            f"Predictions lie outside the targets of the training by more than a tenth of their "
            f"range: {', '.join(parts)}. The model extrapolates. Check that the maps are like "
            f"those of the training, or train on targets that reach further."
        )


def _beyond(record: Any, y: Any) -> Iterator[tuple[str, float, float, float]]:
    """Targets with too many predictions outside, and the share of these."""
    names = list(record.target_range)
    of_fields = y.ndim > 2
    if of_fields and len(names) > 1:
        return
    columns = [y] if of_fields else list(np.asarray(y).reshape(len(y), -1).T)
    if len(columns) != len(names) or columns[0].dtype.kind not in "iuf":
        return
    for name, values in zip(names, columns, strict=True):
        low, high = record.target_range[name]
        margin = _TARGET_MARGIN * (high - low)
        outside = (values < low - margin) | (values > high + margin)
        share = float(outside.mean())
        if share > _PREDICTIONS_OUTSIDE:
            yield name, low, high, share


def _channel(record: Any, channel: int) -> str:
    """A channel, by name and unit where these are known."""
    names, units = record.field_names, record.units
    text = f"channel {channel}"
    if names is not None and channel < len(names):
        text += f" ({names[channel]})"
    if units is not None and channel < len(units) and units[channel]:
        text += f", in training in {units[channel]},"
    return text


def _scale(found: np.ndarray, ranges: np.ndarray, channel: int) -> str:
    """What the spread says of other units."""
    given = float(np.median(found[:, channel, 1]))
    low, high = ranges[:, channel, 1]
    trained = float(np.sqrt(low * high)) if low > 0 else float(high)
    if not (given > 0 and trained > 0) or 1 / _OTHER_SCALE < given / trained < _OTHER_SCALE:
        return ""
    return (
        f"Values spread {given / trained:.2g} times as far as in training: are the units others? "
    )


def _warn(text: str, category: type[Warning] = TrainingRangeWarning) -> None:
    """Warn of something at the line of the user that called for it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_inner(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def _is_inner(frame: Any) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] in _INNER
