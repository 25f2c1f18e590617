"""``skastro info``: tell what is in a file or folder."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.filesize import decimal

from ._console import printable, results
from ._errors import CommandError
from ._info_arrays import ARRAY_READERS
from ._info_folders import describe_folder
from ._info_sets import describe_known
from ._loaders import recognize


def run(arguments: argparse.Namespace) -> int:
    """Print what a file or folder is."""
    about = describe(arguments.path.expanduser())
    if arguments.json:
        results().file.write(json.dumps(_plain(about), indent=2, allow_nan=False) + "\n")
    else:
        _print(about)
    return 0


def describe(path: Path) -> dict[str, Any]:
    """Facts of a file or folder: always "path" and "kind"; the rest depends on the kind."""
    if not path.exists():
        raise CommandError(f"There is no file or folder '{path}'.")
    about: dict[str, Any] = {"path": str(path)}
    if path.is_dir():
        return about | describe_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".skastro":
        from ._info_model import describe_model

        return about | describe_model(path)
    reader = ARRAY_READERS.get(suffix)
    if reader is not None:
        about |= {"size": path.stat().st_size} | reader(path)
    if about.get("kind") != "predictions":
        about |= describe_known(recognize(path))
    if "kind" not in about:
        known = ", ".join([".skastro", *ARRAY_READERS])
        raise CommandError(
            f"'{path}' is of no kind that skastro knows. Known are {known}, and the files of "
            f"CAMELS, 21cmFAST, C2-Ray, limlam_mocker and PINION by their names."
        )
    return about


def _print(about: dict[str, Any]) -> None:
    """Print facts as a list, and tables of what there are several of."""
    from rich.table import Table
    from rich.text import Text

    console = results()
    console.print(Text(about["path"], style="bold"), soft_wrap=True)
    facts = {key: value for key, value in about.items() if key != "path"}
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        label = key.replace("_", " ")
        if isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(Text(label, style="cyan"))
            table = Table()
            columns = list(dict.fromkeys(name for row in value for name in row))
            for name in columns:
                table.add_column(name)
            for row in value:
                table.add_row(*(Text(printable(_words(row.get(name), name))) for name in columns))
            console.print(table)
        elif isinstance(value, dict):
            console.print(Text(label, style="cyan"))
            for name, item in value.items():
                console.print(Text(printable(f"  {name}: {_words(item)}")), soft_wrap=True)
        elif value is not None and value != []:
            text = printable(_words(value, key)).replace("\n", "\n" + " " * (width + 2))
            console.print(Text.assemble((f"{label:{width}}  ", "cyan"), text), soft_wrap=True)


def _words(value: Any, key: str = "") -> str:
    """A value as people write it."""
    if value is None:
        return ""
    if key in ("size", "bytes") and isinstance(value, int):
        return decimal(value, precision=2)
    if key == "shape":
        return " x ".join(map(str, value)) or "one number"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_words(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return str(value)


def _plain(value: Any) -> Any:
    """What JSON can hold; numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
