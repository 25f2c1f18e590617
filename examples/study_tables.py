"""Tables that the studies print."""

import numpy as np
from rich.console import Console
from rich.table import Table

CONSOLE = Console(width=150)


def spread(values, digits=3):
    """Mean and standard deviation as text."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def print_table(title, first, columns, rows):
    """Print a table; rows are name to list of text."""
    table = Table(first, *columns, title=title, title_justify="left")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    CONSOLE.print(table)
