"""Where results and messages go: standard output and standard error."""

from __future__ import annotations

import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_WIDTH = 120  # characters of a line that no terminal shows


def is_terminal() -> bool:
    """Whether somebody looks at the messages, so that progress bars are of use."""
    return sys.stderr.isatty()


def results() -> Console:
    """The console of results, on standard output."""
    return _console(sys.stdout)


def messages() -> Console:
    """The console of messages, warnings and errors, on standard error."""
    return _console(sys.stderr)


def say(text: str) -> None:
    """Tell what is being done."""
    _print(messages(), text)


def show(text: str) -> None:
    """Print a line of results."""
    _print(results(), text)


def complain(kind: str, text: str) -> None:
    """Print an error or a warning, its first word in colour."""
    from rich.text import Text

    line = Text.assemble((f"{kind}: ", "bold red" if kind == "error" else "yellow"), text)
    messages().print(line, soft_wrap=True)


@contextmanager
def readable_warnings() -> Iterator[None]:
    """Show the warnings of libraries as one line each, without where in the code they arose."""
    import rich

    shared = rich.get_console()
    before = shared.__dict__
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", UserWarning)
            warnings.simplefilter("default", RuntimeWarning)
        warnings.showwarning = _show_warning
        rich.reconfigure(stderr=True)  # where the progress bars of the library go
        try:
            yield
        finally:
            shared.__dict__ = before


def printable(text: str) -> str:
    """A text that comes from a file, without what would steer a terminal."""
    return "".join(
        one if one in "\n\t" or unicodedata.category(one)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )


def _console(file: TextIO) -> Console:
    from rich.console import Console

    known = file.isatty() or "COLUMNS" in os.environ
    return Console(file=file, width=None if known else _PLAIN_WIDTH)


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning, as `warnings.showwarning` does."""
    complain("warning", f"{message} ({category.__name__})")
