"""What a command says when it cannot do what it was asked for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

FAILED, USAGE, INTERRUPTED = 1, 2, 130


class CommandError(Exception):
    """Data, a model or a training that failed; its text is all that the user sees."""

    exit_code = FAILED


class UsageError(CommandError):
    """Something that the user typed, or wrote into a configuration, is not understood."""

    exit_code = USAGE


def near(name: object, allowed: Iterable[str]) -> str:
    """Sentence that offers the nearest of the allowed names, or nothing."""
    by_lower = {one.lower(): one for one in allowed}
    found = difflib.get_close_matches(str(name).lower(), by_lower, n=3, cutoff=0.6)
    names = [f"{by_lower[one]!r}" for one in found]
    return f" Did you mean {' or '.join(names)}?" if names else ""
