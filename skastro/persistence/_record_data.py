"""What a Bunch states, against what was trained on."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..exceptions import UnitMismatchError
from ..preprocessing._unit_factors import as_unit, same_unit, unit_factor
from ._record_made import length_of, range_of, words

_LENGTHS = 0.01  # relative difference of lengths that does not count
_REDSHIFTS = 1e-3  # difference of redshifts, relative to 1 + z


def differences(record: Any, data: Mapping[str, Any]) -> Iterator[str]:
    """Texts of what a Bunch has otherwise than the training data had.

    Parameters
    ----------
    record : TrainingRecord
        What was trained on.
    data : Bunch
        What is given.

    Yields
    ------
    str
        A sentence or some for each kind of difference.
    """
    order = _order(record.field_names, words(data.get("field_names")))
    if isinstance(order, str):
        yield order
    else:
        if order != sorted(order):
            yield (
                f"The model was trained on the fields {_names(record.field_names)} and is given "
                f"{_names(words(data['field_names']))}: the same in another order. Give them in "
                f"the order of the training, maps[:, {order}]."
            )
        yield from _units(record, data, order)
        yield from _frames(record, data, order)
    yield from _redshifts(record.redshift, range_of(data.get("redshift")))
    for name in ("box_size", "cell_size"):
        yield from _lengths(name, getattr(record, name), length_of(data.get(name)))
    maps = data.get("maps")
    shape = None if maps is None else tuple(np.shape(maps)[1:])
    if shape is not None and record.sample_shape is not None and shape != record.sample_shape:
        yield (
            f"The model was trained on maps of shape {record.sample_shape} and is given maps of "
            f"shape {shape}. Cut or pool the maps to those cells, or train it anew."
        )
    yield from _origin(record.origin or {}, data)


def span(low: float, high: float) -> str:
    """A range, or one number."""
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _names(names: Any) -> str:
    return ", ".join(map(str, names))


def _order(trained: Any, given: Any) -> list[int] | str:
    """Where each field of the training is in what is given; a text where one is not there."""
    if trained is None or given is None or trained == given:
        return list(range(len(trained or given or ())))
    if sorted(trained) == sorted(given):
        return [given.index(name) for name in trained]
    return (
        f"The model was trained on the fields {_names(trained)} and is given {_names(given)}. "
        f"Give the fields that it was trained on, or train it anew."
    )


def _channels(
    name: str, record: Any, data: Mapping[str, Any], order: list[int]
) -> list[tuple[str, Any, Any]]:
    """Channel, what it had in training and what it has now, where both are known and differ."""
    trained, given = getattr(record, name), words(data.get(name))
    if trained is None or given is None:
        return []
    n_channels = max(len(trained), len(given))
    if not {len(trained), len(given)} <= {1, n_channels}:
        return []
    trained, given = (one * (n_channels // len(one)) for one in (trained, given))
    if len(order) == n_channels:
        given = tuple(given[i] for i in order)
    fields = record.field_names
    if fields is None or len(fields) != n_channels:
        fields = tuple(f"channel {i}" for i in range(n_channels))
    pairs = zip(fields, trained, given, strict=True)
    return [one for one in pairs if None not in one and one[1] != one[2]]


def _units(record: Any, data: Mapping[str, Any], order: list[int]) -> Iterator[str]:
    hubble, kinds, parts = data.get("hubble"), set(), []
    for field, trained, given in _channels("units", record, data, order):
        kind, text = _unit_difference(trained, given, hubble)
        kinds.add(kind)
        if text:
            parts.append(f"{field} in '{trained}', given in '{given}' ({text})")
    if not parts:
        return
    options = "" if hubble is None else f", hubble={hubble:.6g}"
    options = ", hubble=..." if "unknown" in kinds else options
    units = list(dict.fromkeys(record.units))
    units = units[0] if len(units) == 1 else list(record.units)
    remedy = (
        "Give the quantities that it was trained on."
        if "other" in kinds
        else f"Convert the maps: UnitConverter(to_units={units!r}{options}).convert_bunch(data)."
    )
    parts = list(dict.fromkeys(parts))
    yield f"The model was trained on other units than it is given: {'; '.join(parts)}. {remedy}"


def _unit_difference(trained: str, given: str, hubble: float | None) -> tuple[str, str]:
    """Kind of a difference of units, and what is said of it; nothing where there is none."""
    try:
        source, target = (as_unit("TrainingRecord", "units", unit) for unit in (given, trained))
        if same_unit(source, target):
            return "same", ""
        factor = unit_factor("TrainingRecord", 0, source, target, hubble)
        return "factor", f"multiply by {factor:.6g}"
    except UnitMismatchError:
        return "other", "which cannot be converted"
    except ValueError:  # a unit that astropy does not know, or a power of h
        return "unknown", "the factor is not known here"


def _frames(record: Any, data: Mapping[str, Any], order: list[int]) -> Iterator[str]:
    found = _channels("frames", record, data, order)
    if found:
        parts = [f"{field} {trained}, given {given}" for field, trained, given in found]
        frames = [frame or "..." for frame in record.frames]
        yield (
            f"The model was trained on other frames than it is given: {'; '.join(parts)}. Convert "
            f"the maps: UnitConverter(to_frame={frames!r}).convert_bunch(data)."
        )


def _redshifts(trained: Any, given: Any) -> Iterator[str]:
    if trained is None or given is None:
        return
    margin = _REDSHIFTS * (1 + trained[1])
    if given[0] < trained[0] - margin or given[1] > trained[1] + margin:
        yield (
            f"The model was trained on redshifts {span(*trained)} and is given {span(*given)}. "
            f"Keep to the redshifts of the training, or train on those as well."
        )


def _lengths(name: str, trained: Any, given: Any) -> Iterator[str]:
    if trained is None or given is None:
        return
    trained, given = (np.atleast_1d(np.asarray(one, dtype=float)) for one in (trained, given))
    if {trained.size, given.size} <= {1, max(trained.size, given.size)} and np.allclose(
        given, trained, rtol=_LENGTHS, atol=0
    ):
        return
    lengths = [", ".join(f"{length:.4g}" for length in one) for one in (trained, given)]
    yield (
        f"The model was trained on data with {name}={lengths[0]} and is given {name}={lengths[1]} "
        f"(comoving Mpc), so that structures have other sizes in cells. Cut or pool the maps to "
        f"the lengths of the training, or train it anew."
    )


def _origin(trained: Mapping[str, str], data: Mapping[str, Any]) -> Iterator[str]:
    for name in ("suite", "kind"):
        given = data.get(name)
        if name in trained and isinstance(given, str) and given != trained[name]:
            yield (
                f"The model was trained on data with {name}={trained[name]!r} and is given "
                f"{name}={given!r}. What it learned of one need not hold in another: see "
                f"skastro.model_selection.cross_suite."
            )
