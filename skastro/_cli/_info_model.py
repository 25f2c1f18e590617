"""Facts of a saved model, told without building it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def describe_model(path: Path) -> dict[str, Any]:
    """Facts of a ``.skastro`` file: versions, what was trained, on what, and its scores."""
    from ..persistence import describe

    about = describe(path)
    record = about.record
    facts: dict[str, Any] = {
        "kind": "model",
        "size": int(about.n_bytes),
        "created": about.created,
        "versions": ", ".join(f"{name} {said}" for name, said in about.versions.items()),
        "model": about.model,
        "weights": about.n_weights or None,
        "epochs": _epochs(record.history),
        "trained_on": _data(record),
        "targets": _targets(record),
        "scores": list(_scores(record.scores or {})),
        "notes": about.notes,
    }
    return {key: value for key, value in facts.items() if value not in (None, {}, [])}


def _data(record: Any) -> dict[str, Any]:
    """What the maps were that a model was trained on."""
    units = record.units or ()
    redshift = record.redshift
    facts = {
        "maps": record.n_samples,
        "simulations": record.n_groups,
        "shape of a map": record.sample_shape and " x ".join(map(str, record.sample_shape)),
        "fields": ", ".join(record.field_names or ()),
        "units": ", ".join(str(unit) or "none" for unit in units),
        "redshift": redshift and " to ".join(f"{z:.6g}" for z in dict.fromkeys(redshift)),
        "box size, Mpc": record.box_size,
        "cell size, Mpc": record.cell_size,
        "noise": ", ".join(record.noise or ()),
        **(record.origin or {}),
    }
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _targets(record: Any) -> Any:
    """The targets with their ranges, or the classes."""
    if record.classes:
        return f"{len(record.classes)} classes: {', '.join(map(str, record.classes))}"
    return [
        {"name": name, "lowest": low, "highest": high}
        for name, (low, high) in (record.target_range or {}).items()
    ]


def _epochs(history: Mapping[str, Any] | None) -> str | None:
    """Epochs of each net, with the name of the net where there are several."""
    if not history:
        return None
    counts = {name: len(epochs) for name, epochs in history.items()}
    if len(counts) == 1:
        return str(next(iter(counts.values())))
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _scores(scores: Mapping[str, Any], above: str = "") -> Iterator[dict[str, Any]]:
    """Each score by its name, of several folds their mean and spread."""
    for name, value in scores.items():
        full = f"{above}, {name}" if above else str(name)
        if isinstance(value, Mapping):
            yield from _scores(value, full)
        elif isinstance(value, list | tuple):
            folds = np.asarray(value, dtype=np.float64)
            spread = f"{folds.std():.3g} over {len(folds)} folds"
            yield {"score": full, "value": float(folds.mean()), "spread": spread}
        else:
            yield {"score": full, "value": value}
