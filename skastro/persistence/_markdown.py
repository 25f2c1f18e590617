"""Tables and numbers in Markdown."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table, or nothing where there are no rows; columns without values are left out."""
    if not rows:
        return ""
    cells = [[cell(value) for value in row] for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in cells)]
    lines = [[head[i] for i in kept], ["---"] * len(kept)]
    lines += [[row[i] for i in kept] for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    """What a table says of a value: numbers short, folds as mean and spread."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple) and value and all(isinstance(one, int | float) for one in value):
        spread = f" ± {np.std(value):.2g} ({len(value)} folds)" if len(value) > 1 else ""
        return f"{np.mean(value):.4g}{spread}"
    return " ".join(str(value).split()).replace("|", "\\|")


def bullets(pairs: Sequence[tuple[str, Any]]) -> str:
    """A list of names and values, those without a value left out."""
    return "\n".join(f"- {name}: {cell(value)}" for name, value in pairs if cell(value))


def scores_table(scores: dict[str, Any]) -> str:
    """A table of scores: a row for each name, a column for each score within it."""
    nested = {name: value for name, value in scores.items() if isinstance(value, dict)}
    flat = [(name, value) for name, value in scores.items() if name not in nested]
    columns = list(dict.fromkeys(key for value in nested.values() for key in value))
    rows = [[name, *(value.get(key) for key in columns)] for name, value in nested.items()]
    parts = [table(["", *columns], rows), table(["score", "value"], flat)]
    return "\n\n".join(part for part in parts if part)
