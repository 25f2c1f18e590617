"""``skastro train``: from a configuration to a model, its scores, figures and tables."""

from __future__ import annotations

import argparse
import importlib.resources
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ._console import results, say, show
from ._errors import UsageError

RESULTS, CONFIG, MODEL = "results.json", "config.toml", "model.skastro"


def run(arguments: argparse.Namespace) -> int:
    """Print an example, check a configuration, or train as it says."""
    if arguments.example:
        show(example(arguments.example).rstrip("\n"))
        return 0
    if arguments.config is None:
        raise UsageError(
            "skastro train needs a configuration: skastro train CONFIG.toml. "
            "'skastro train --example reionization' prints one to start from."
        )
    return train(arguments.config, arguments.output, arguments.force, arguments.check)


def example(name: str) -> str:
    """Text of a configuration to start from."""
    folder = importlib.resources.files(__package__) / "configs"
    return (folder / f"{name}.toml").read_text(encoding="utf-8")


def train(
    path: Path, output: Path | None = None, force: bool = False, check_only: bool = False
) -> int:
    """Train as a configuration says, or go on where a former run was broken off."""
    from ..utils import fingerprint
    from ._plan import read_plan
    from ._train_data import load_data
    from ._train_steps import train_and_score

    plan = read_plan(path, output)
    folder = plan.output
    if not check_only:
        _check_folder(folder, plan.config.content, force)
    data = load_data(plan.config, plan.seed)
    say(_summary(data))
    if check_only:
        names = ", ".join([*plan.candidates, *plan.others])
        say(f"{path} is in order. Candidates: {names}.")
        return 0
    identity = fingerprint(data.bunch.maps, data.bunch.target, data.groups)
    before = _finished(folder)
    if before is not None:
        if before["data"] != identity:
            raise UsageError(
                f"'{folder}' holds finished results of other data than those that '{path}' names "
                f"now. Give another folder with --output, or replace them with --force."
            )
        say(f"'{folder}' holds the finished results of this configuration; nothing is to be done.")
        print_scores(before)
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    if path.resolve() != (folder / CONFIG).resolve():
        shutil.copyfile(path, folder / CONFIG)
    begun = time.perf_counter()
    found = train_and_score(plan, data)
    found |= {"skastro": __version__, "data": identity}
    found["seconds"] = round(time.perf_counter() - begun, 1)
    _write_json(folder / RESULTS, found)
    print_scores(found)
    show(f"Model, card, figures and tables are in '{folder}'.")
    return 0


def print_scores(found: dict[str, Any]) -> None:
    """Print the scores of all candidates beside the dummy, and what can be said of them."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in (found["scoring"], *found["columns"]):
        table.add_column(column, justify="left" if column == found["scoring"] else "right")
    for row in found["scores"]:
        style = "bold" if row["candidate"] == found["chosen"] else ""
        table.add_row(*(Text(cell, style=style) for cell in row_words(row, found["columns"])))
    results().print(table)
    show(found["verdict"])


def row_words(row: dict[str, Any], columns: list[str]) -> list[str]:
    """Name and scores of a candidate."""
    words = [row["candidate"]]
    for column in columns:
        mean, spread = row.get(column), row.get(f"{column} spread")
        text = "" if mean is None else f"{mean:.3f}"
        words.append(text if spread is None else f"{text} ± {spread:.3f}")
    return words


def _summary(data: Any) -> str:
    """How much there is to train on."""
    maps = data.bunch.maps
    words = f"Data: {len(maps)} samples of shape {tuple(maps.shape[1:])}"
    if data.groups is not None:
        words += f" of {_simulations(data.groups)}"
    if len(data.test):
        words += f"; {len(data.test)} are set aside"
        if data.groups is not None:
            words += f", those of {_simulations(data.groups[data.test])}"
    return f"{words}."


def _simulations(groups: np.ndarray) -> str:
    n = len(np.unique(groups))
    return f"{n} simulation" + "s" * (n != 1)


def _check_folder(folder: Path, content: dict[str, Any], force: bool) -> None:
    """Refuse a folder of something else, or of another configuration."""
    import tomllib

    if folder.is_file():
        raise UsageError(f"The output folder '{folder}' is a file. Give another one.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    before = folder / CONFIG
    if not before.is_file():
        raise UsageError(
            f"The output folder '{folder}' is not empty, and not of a training. Give another one "
            f"by folder in [output] or by --output."
        )
    if force:
        (folder / RESULTS).unlink(missing_ok=True)
        return
    try:
        old = tomllib.loads(before.read_text(encoding="utf-8"))
    except ValueError:
        old = {}
    changed = sorted(
        key
        for key in {*old, *content} - {"output"}
        if json.dumps(old.get(key), default=str) != json.dumps(content.get(key), default=str)
    )
    if changed:
        raise UsageError(
            f"The output folder '{folder}' is of a configuration that differs in "
            f"{', '.join(changed)}. Give another folder with --output, or replace what is there "
            f"with --force: fits that are the same in both are not repeated."
        )


def _finished(folder: Path) -> dict[str, Any] | None:
    """Results of a run that came to its end."""
    try:
        found = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        return found if (folder / MODEL).is_file() else None
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    from ..utils import replacing

    with replacing(path) as file:
        file.write(json.dumps(content, indent=2).encode())
