"""Facts of folders: data sets, checkpoints, results of a training, or files."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ._errors import CommandError
from ._info_sets import describe_known
from ._loaders import recognize

_FIT_NAME = re.compile(r"\w+-[0-9a-f]{32}-\d{6}\.safetensors")
_FOLD_NAME = re.compile(r"compare-[0-9a-f]{32}\.json")


def describe_folder(path: Path) -> dict[str, Any]:
    """Facts of a folder."""
    if (path / "config.toml").is_file() and (path / "checkpoint").is_dir():
        return _training(path)
    fits = sorted(file for file in path.iterdir() if _FIT_NAME.fullmatch(file.name))
    folds = [file for file in path.iterdir() if _FOLD_NAME.fullmatch(file.name)]
    if fits or folds:
        return _checkpoint(fits, len(folds))
    known = describe_known(recognize(path))
    if known:
        return known
    kinds = Counter(file.suffix or "no suffix" for file in path.rglob("*") if file.is_file())
    if not kinds:
        raise CommandError(f"The folder '{path}' is empty.")
    listed = [{"suffix": suffix, "files": n} for suffix, n in kinds.most_common(12)]
    return {
        "kind": "folder",
        "files": listed,
        "hint": "no loader knows these files by their names; try 'skastro info' on one of them",
    }


def _training(path: Path) -> dict[str, Any]:
    """Facts of what ``skastro train`` wrote."""
    about: dict[str, Any] = {"kind": "training"}
    try:
        results = json.loads((path / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return about | {"state": "unfinished, run the same training again to go on"}
    except ValueError as error:
        raise CommandError(f"'{path / 'results.json'}' cannot be read: {error}") from error
    return about | {
        "state": "finished",
        "skastro_version": results["skastro"],
        "scoring": results["scoring"],
        "scores": results["scores"],
        "files": ", ".join(sorted(file.name for file in path.iterdir() if file.is_file())),
    }


def _checkpoint(fits: list[Path], n_folds: int) -> dict[str, Any]:
    """Facts of a folder of checkpoints."""
    rows = [_fit(path) for path in fits]
    return {
        "kind": "checkpoint",
        "fits": len(rows),
        "finished_folds_of_compare": n_folds or None,
        "size": sum(path.stat().st_size for path in fits),
        "states": rows,
    }


def _fit(path: Path) -> dict[str, Any]:
    """How far the fit of a file came."""
    import safetensors

    from ..neural_network._checkpoint import unpack

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            state = unpack(json.loads(file.metadata()["state"]), None)
        n_epochs, last = len(state["history"]), (state["history"] or [{}])[-1]
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        return {"file": path.name, "problem": str(error)}
    row = {
        "estimator": path.name.partition("-")[0],
        "epochs": f"{n_epochs} of {int(path.stem[-6:])}",
        "train_loss": last.get("train_loss"),
        "valid_loss": last.get("valid_loss"),
    }
    return {key: value for key, value in row.items() if value is not None}
