"""``skastro demo``: ``skastro train`` on the slices that come with the library."""

from __future__ import annotations

import argparse
import importlib.resources

from ._console import say
from ._train import train


def run(arguments: argparse.Namespace) -> int:
    """Train as the example of reionization says."""
    say(
        "At which redshift, out of 17, was a slice of a 21cmFAST box taken? A convolutional net "
        "on simulations that it has not seen, beside the most frequent class and a linear model "
        "of summary statistics. The same by hand: skastro train --example reionization."
    )
    folder = importlib.resources.files(__package__) / "configs"
    with importlib.resources.as_file(folder / "reionization.toml") as path:
        return train(path, arguments.output)
