"""The command ``skastro``: what it understands, and how it ends."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ._console import complain, readable_warnings
from ._errors import FAILED, INTERRUPTED, CommandError

EXAMPLES = ("camels", "file", "reionization")
_GO_ON = {
    "predict": "Run the same command again to go on behind the predictions that are in the file.",
    "train": "Run the same command again to go on from the last epoch on the disk.",
    "demo": "Run the same command again to go on from the last epoch on the disk.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        Words behind ``skastro``; None takes those of the process.

    Returns
    -------
    int
        0 where all went well, 1 where data, a model or a training failed, 2 where words or a
        configuration are not understood, and 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        With ``--help``, ``--version``, or words that are not understood.

    Examples
    --------
    >>> from skastro._cli import main
    >>> main(["train", "--example", "reionization"])  # doctest: +SKIP
    """
    arguments = _parser().parse_args(argv)
    try:
        with readable_warnings():
            return _run(arguments)
    except KeyboardInterrupt:
        complain("interrupted", _GO_ON.get(arguments.command, "Nothing was written."))
        return INTERRUPTED
    except BrokenPipeError:  # what reads the results has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        complain("error", _words(error))
        if not isinstance(error, CommandError | OSError | ValueError) and not arguments.debug:
            complain("hint", "--debug shows where in the code this came from.")
        return error.exit_code if isinstance(error, CommandError) else FAILED


def _run(arguments: argparse.Namespace) -> int:
    """Import what a command needs, and no more, and run it."""
    match arguments.command:
        case "info":
            from ._info import run
        case "predict":
            from ._predict import run
        case "train":
            from ._train import run
        case _:
            from ._demo import run
    return run(arguments)


def _words(error: Exception) -> str:
    """Text of an error, with the kind of those that say little by themselves."""
    text = str(error).strip()
    if isinstance(error, CommandError) or (text and isinstance(error, OSError | ValueError)):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skastro",
        description="Learn from astrophysical maps and cubes.",
        epilog=(
            "examples:\n"
            "  skastro demo                                   train on the shipped slices\n"
            "  skastro info Maps_Mtot_IllustrisTNG_LH_z=0.00.npy\n"
            "  skastro train --example camels > camels.toml   a configuration to start from\n"
            "  skastro train camels.toml\n"
            "  skastro predict camels_output/model.skastro NEW_MAPS.h5 -o predictions.h5\n"
            "\n'skastro COMMAND --help' says more of each command."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skastro {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_add_info, _add_predict, _add_train, _add_demo):
        add(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction, name: str, summary: str, more: str, examples: list[str]
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {more}",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return command


def _add_info(commands: argparse._SubParsersAction) -> None:
    command = _add(
        commands,
        "info",
        "tell what is in a file or folder",
        "Models (.skastro), predictions,\ncheckpoints, HDF5, .npy, .npz and FITS files, and what "
        "the loaders of\nskastro.datasets know: CAMELS, 21cmFAST, C2-Ray, limlam_mocker, PINION.",
        [
            "skastro info model.skastro",
            "skastro info CMD_FOLDER/",
            "skastro info maps.h5 --json",
        ],
    )
    command.add_argument("path", type=Path, metavar="FILE", help="a file or folder")
    command.add_argument("--json", action="store_true", help="print JSON, for other programs")


def _add_predict(commands: argparse._SubParsersAction) -> None:
    command = _add(
        commands,
        "predict",
        "predict with a saved model, into an HDF5 file",
        "Maps are read a few at a\ntime. A run that was killed goes on when it is typed again.",
        [
            "skastro predict model.skastro maps.h5 --dataset density -o predictions.h5",
            "skastro predict model.skastro CMD_FOLDER/ -o predictions.h5 --std",
            "skastro predict model.skastro CMD_FOLDER/ --set set=CV -o predictions.h5",
        ],
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="file of a model, *.skastro")
    command.add_argument("data", type=Path, metavar="DATA", help="maps: a file, or a data set")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.h5", help="file to write"
    )
    command.add_argument("--dataset", help="dataset of the maps, where DATA is an HDF5 file")
    command.add_argument(
        "--loader", help="function of skastro.datasets that opens DATA; found out by default"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a parameter of the loader, such as redshift=0.5; may be repeated",
    )
    command.add_argument(
        "--method", default="predict", help="method of the model, such as predict_proba"
    )
    command.add_argument(
        "--std", action="store_true", help="standard deviations too, where the model has them"
    )
    command.add_argument(
        "--interval",
        type=float,
        metavar="LEVEL",
        help="intervals too, such as 0.9, where the model has them (ConformalRegressor)",
    )
    command.add_argument("--device", help="where nets run, such as cpu or cuda:1")
    command.add_argument(
        "--force", action="store_true", help="replace predictions of something else in OUT.h5"
    )


def _add_train(commands: argparse._SubParsersAction) -> None:
    command = _add(
        commands,
        "train",
        "train a model as a configuration says",
        "It is scored on folds of whole simulations\nbeside the mean and a model of summary "
        "statistics, and on simulations set aside.\nThe output folder gets the model, its card, "
        "figures and tables. A run that was\nkilled goes on when it is typed again.",
        [
            "skastro train --example reionization > reionization.toml",
            "skastro train reionization.toml",
            "skastro train reionization.toml --check",
        ],
    )
    command.add_argument(
        "config", type=Path, nargs="?", metavar="CONFIG.toml", help="what to train, on what"
    )
    command.add_argument(
        "--example", choices=EXAMPLES, help="print a configuration to start from, and stop"
    )
    command.add_argument(
        "--check", action="store_true", help="read configuration and data, and stop"
    )
    command.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write here, not where CONFIG.toml says"
    )
    command.add_argument(
        "--force", action="store_true", help="replace results of another configuration"
    )


def _add_demo(commands: argparse._SubParsersAction) -> None:
    command = _add(
        commands,
        "demo",
        "train a small network on the slices that come with skastro",
        "It takes about a minute\non two cores, and is 'skastro train' on its own example.",
        ["skastro demo", "skastro demo --output elsewhere"],
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path("demo_output"),
        metavar="FOLDER",
        help="folder to write, default demo_output",
    )
    command.set_defaults(force=False, check=False)
