"""A progress bar, where it is asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    verbose: int | bool, description: str, total: int, unit: str, n_done: int = 0
) -> Iterator[Callable[..., None]]:
    """Show how far a loop has come.

    Parameters
    ----------
    verbose : int or bool
        Shows nothing where it is 0.
    description : str
        Text before the bar.
    total : int
        Steps in all.
    unit : str
        What the steps are, in the plural.
    n_done : int, default=0
        Steps that were done before.

    Yields
    ------
    callable
        To be called after a step, or with the number of steps.
    """
    if not verbose:
        yield lambda n=1: None
        return
    from rich import get_console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=get_console(), refresh_per_second=4) as bar:
        task = bar.add_task(description, total=total, completed=n_done)
        yield lambda n=1: bar.advance(task, n)
