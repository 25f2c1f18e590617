"""Facts of the data sets that loaders know."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._loaders import Known, load


def describe_known(found: list[Known]) -> dict[str, Any]:
    """Facts of data sets, one or several; nothing where there are none."""
    if not found:
        return {}
    if len(found) == 1:
        return {"kind": "data set"} | _describe(found[0])
    sets = []
    for known in found:
        about = _describe(known)
        row = {"data_set": about["data_set"], "loader": known.loader}
        row["maps"] = " x ".join(map(str, about["shape"])) if "shape" in about else about["problem"]
        row["fields"] = ", ".join(one["name"] for one in about.get("fields") or [])
        sets.append(row)
    return {"kind": "data sets", "sets": sets}


def _describe(known: Known) -> dict[str, Any]:
    """What a loader tells of a data set, or why it cannot open it as it is."""
    shown = {key: value for key, value in known.parameters.items() if not _is_place(value)}
    about: dict[str, Any] = {"data_set": known.says, "loader": known.loader}
    if shown:
        about["parameters"] = shown
    try:
        data = load(known.loader, known.parameters)
    except Exception as error:  # of any loader, on files of any kind
        return about | {"problem": str(error) or repr(error)}
    return about | bunch_facts(data)


def _is_place(value: Any) -> bool:
    from pathlib import Path

    return isinstance(value, Path) or (isinstance(value, list) and isinstance(value[0], Path))


def bunch_facts(data: Any) -> dict[str, Any]:
    """Shapes, units, redshift and parameters of what a loader returned."""
    maps = data.maps
    units = data.get("units")
    names = data.get("field_names") or []
    listed = list(units) if isinstance(units, list | tuple) else [units] * len(names)
    fields = [
        {"name": str(name), "units": _unit(unit)} for name, unit in zip(names, listed, strict=False)
    ]
    return {
        "shape": list(maps.shape),
        "dtype": str(maps.dtype),
        "bytes": int(np.prod(maps.shape, dtype=np.int64)) * maps.dtype.itemsize,
        "fields": fields,
        "units": None if fields else _unit(units),
        "redshift": _range(data.get("redshift")),
        "box_size_Mpc": _range(data.get("box_size")),
        "cell_size_Mpc": _range(data.get("cell_size")),
        "simulations": None if "groups" not in data else len(np.unique(data.groups)),
        "targets": _targets(data),
        "files": len(data.get("filenames") or []) or None,
    }


def _targets(data: Any) -> Any:
    """Range of each parameter, or what the classes are."""
    target, names = data.get("target"), data.get("target_names")
    if target is None:
        return None
    shape = tuple(target.shape)
    if len(shape) > 2:
        return f"fields of {' x '.join(map(str, shape))}"
    values = np.asarray(target)
    if names is not None and values.ndim == 2 and len(names) == values.shape[1]:
        return [
            {"name": str(name), "lowest": float(low), "highest": float(high)}
            for name, low, high in zip(names, values.min(axis=0), values.max(axis=0), strict=True)
        ]
    if names is not None and values.ndim == 1:
        return f"{len(names)} classes, {names[0]} to {names[-1]}"
    return " x ".join(map(str, shape))


def _range(value: Any) -> Any:
    """A number, or the lowest and highest of several."""
    if value is None:
        return None
    values = np.asarray(value, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    return low if low == high else f"{low:.6g} to {high:.6g}"


def _unit(unit: Any) -> str:
    return "" if unit is None else str(unit) or "none"
