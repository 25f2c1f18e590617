"""``skastro predict``: predictions of a saved model, into an HDF5 file."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._console import is_terminal, say, show
from ._errors import CommandError, UsageError, near
from ._info_arrays import ARRAY_READERS, describe_hdf5
from ._loaders import (
    Known,
    load,
    loader_function,
    only_known,
    parse_settings,
    recognize,
    source_parameter,
)

_FILES = (".h5", ".hdf5", ".npy")
_CHUNK = 4096  # predictions that are checked at once


class Target(NamedTuple):
    """What is written where."""

    path: Path
    method: str
    names: str | list[str]
    parameters: dict[str, Any]


def run(arguments: argparse.Namespace) -> int:
    """Predict, and say what was written."""
    from ..neural_network import predict_to_file
    from ..persistence import load as load_model

    output = arguments.output.expanduser()
    _check_output(output, arguments)
    if not arguments.model.expanduser().is_file():
        raise CommandError(f"There is no model '{arguments.model}'.")
    model = load_model(arguments.model.expanduser())
    record = getattr(model, "training_record_", None)
    if arguments.device is not None:
        _set_device(model, arguments.device)
    data = _open(arguments, record)
    if record is not None:
        record.check_data(data)
    target = _target(model, output, arguments)
    done = _done(output)
    if done is not None and done[0] < done[1] and not arguments.force:
        say(f"'{output}' has {done[0]} of {done[1]} predictions; going on behind them.")
    try:
        predict_to_file(
            model,
            data["maps"],
            target.path,
            dataset=target.names,
            method=target.method,
            resume=not arguments.force,
            verbose=int(is_terminal()),
            **target.parameters,
        )
    except FileExistsError as error:
        raise CommandError(f"'{output}' is no file of predictions and stays as it is.") from error
    except ValueError as error:
        if "resume=False" not in str(error):
            raise
        raise CommandError(
            f"'{output}' holds predictions by another model, or of other maps, parameters or "
            f"names. Give another file with -o, or replace it with --force."
        ) from error
    _annotate(target, record, arguments)
    if record is not None and target.method == "predict":
        _check_predictions(target, record)
    _report(target)
    return 0


def _check_output(output: Path, arguments: argparse.Namespace) -> None:
    """Refuse a place that cannot be written to, before anything is read."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        what = "is a folder" if output.is_dir() else "is in no folder that is there"
        raise UsageError(f"-o '{output}' {what}. Give the path of an HDF5 file.")
    if output.exists() and output.samefile(arguments.model.expanduser()):
        raise UsageError(f"-o '{output}' is the model. Give another file.")
    if not arguments.data.expanduser().exists():
        raise CommandError(f"There is no file or folder '{arguments.data}'.")


def _open(arguments: argparse.Namespace, record: Any) -> Any:
    """The maps, with what is known of them."""
    path, loader = arguments.data.expanduser(), arguments.loader
    settings = parse_settings(arguments.set)
    is_file = path.is_file() and path.suffix.lower() in _FILES
    if is_file and loader is None and (arguments.dataset or not recognize(path)):
        if settings:
            raise UsageError("--set is for loaders. Name one with --loader.")
        return _open_file(path, arguments.dataset)
    if arguments.dataset:
        raise UsageError("--dataset is for HDF5 files that no loader opens. Leave one of both out.")
    known = _chosen(path, loader, settings)
    parameters = known.parameters | settings
    fields = None if record is None else record.field_names
    takes_fields = "fields" in inspect.signature(loader_function(known.loader)).parameters
    if fields and takes_fields and "fields" not in settings:
        parameters["fields"] = [str(name) for name in fields]
    shown = ", ".join(
        f"{key}={str(value) if isinstance(value, Path) else value!r}"
        for key, value in parameters.items()
    )
    say(f"Data: {known.loader}({shown})")
    return load(known.loader, parameters)


def _chosen(path: Path, loader: str | None, settings: dict[str, Any]) -> Known:
    """The data set in a path that a loader knows and that agrees with the given parameters."""
    if loader is not None:
        loader_function(loader)
    found = [known for known in recognize(path) if loader in (None, known.loader)]
    said = {key: value for key, value in settings.items() if key != "fields"}
    fitting = [
        known
        for known in found
        if all(known.parameters.get(key, value) == value for key, value in said.items())
    ]
    if len(fitting) == 1:
        return fitting[0]
    if found and not fitting and len({known.loader for known in found}) == 1:
        place = source_parameter(found[0].loader)
        return found[0]._replace(parameters={place: found[0].parameters[place]})
    return only_known(path, loader)


def _open_file(path: Path, dataset: str | None) -> Any:
    """Maps of a file that is of no data set."""
    from ..maps import MapBunch, open_maps

    if path.suffix.lower() != ".npy" and dataset is None:
        listed = describe_hdf5(path)["datasets"]
        names = [row["name"] for row in listed if len(row["shape"]) > 1]
        if len(names) != 1:
            raise UsageError(
                f"'{path}' has {len(names)} datasets that may be maps. Choose one with --dataset: "
                f"{', '.join(names) or 'there is none'}."
            )
    if dataset is not None and path.suffix.lower() != ".npy":
        names = [row["name"] for row in describe_hdf5(path)["datasets"]]
        if dataset.strip("/") not in names:
            raise UsageError(
                f"--dataset: '{path}' has no dataset {dataset!r}.{near(dataset, names)} It holds: "
                f"{', '.join(names)}."
            )
    if path.suffix.lower() == ".npy":
        ARRAY_READERS[".npy"](path)  # words where it is cut short
        return MapBunch(maps=open_maps(path))
    return MapBunch(maps=open_maps(path, dataset))


def _set_device(model: Any, device: str) -> None:
    """Run nets elsewhere than they were trained."""
    names = [name for name in model.get_params(deep=True) if name.rpartition("__")[2] == "device"]
    if not names:
        raise UsageError("--device is for nets, and the model has none.")
    for name in names:
        model.set_params(**{name: device})
    for part in _parts(model):
        if hasattr(part, "net_") and "device" in part.get_params(deep=False):
            part.set_params(device=device)


def _parts(model: Any) -> Iterator[Any]:
    """A model, and the fitted estimators in it."""
    yield model
    for _, step in getattr(model, "steps", ()):
        if hasattr(step, "get_params"):
            yield from _parts(step)
    for name in ("estimator_", "regressor_"):
        if hasattr(getattr(model, name, None), "get_params"):
            yield from _parts(getattr(model, name))


def _target(model: Any, output: Path, arguments: argparse.Namespace) -> Target:
    """The method that is called, and the datasets of what it returns."""
    method, parameters = arguments.method, {}
    names: str | list[str] = "predictions"
    if arguments.interval is not None:
        if arguments.std or method != "predict":
            raise UsageError("--interval goes neither with --std nor with --method.")
        if not 0 < arguments.interval < 1:
            raise UsageError(f"--interval must be between 0 and 1. Got {arguments.interval:g}.")
        if not hasattr(model, "predict_interval"):
            raise UsageError(
                f"--interval: {type(model).__name__} has no intervals; ConformalRegressor has."
            )
        method, names = "predict_interval", ["lower", "upper"]
        parameters["confidence_level"] = arguments.interval
    if not callable(getattr(model, method, None)):
        methods = ("predict", "predict_proba", "predict_log_proba", "decision_function",
                   "predict_set", "transform")  # fmt: skip
        found = [name for name in methods if hasattr(model, name)]
        raise UsageError(
            f"--method: {type(model).__name__} has no method {method!r}.{near(method, found)} It "
            f"has: {', '.join(found)}."
        )
    if arguments.std:
        parameters["return_std"] = True
    return Target(output, method, names, parameters)


def _done(output: Path) -> tuple[int, int] | None:
    """How many predictions a file has, and is to have; None where it is none of predictions."""
    import h5py

    try:
        with h5py.File(output, "r") as file:
            return int(file["n_predicted"][()]), int(file.attrs["n_samples"])
    except (OSError, KeyError):
        return None


def _annotate(target: Target, record: Any, arguments: argparse.Namespace) -> None:
    """Write what the columns are into the file, once all predictions are in it."""
    import h5py

    about = {"model": str(arguments.model.absolute()), "data": str(arguments.data.absolute())}
    names = None if record is None else record.target_names
    with h5py.File(target.path, "r+") as file:
        if all(file.attrs.get(key) == value for key, value in about.items()):
            return
        file.attrs.update(about)
        for name in file.attrs["datasets"]:
            if names is not None and file[name].ndim in (1, 2):
                file[name].attrs["target_names"] = [str(one) for one in names]


def _check_predictions(target: Target, record: Any) -> None:
    """Warn of predictions beyond what was trained on."""
    import h5py

    with h5py.File(target.path, "r") as file:
        predicted = file[file.attrs["datasets"][0]]
        if predicted.ndim <= 2 and predicted.dtype.kind in "fiu":
            rows = np.linspace(0, len(predicted) - 1, min(_CHUNK, len(predicted))).astype(int)
            record.check_predictions(predicted[np.unique(rows)])


def _report(target: Target) -> None:
    """Say what is in the file."""
    about = describe_hdf5(target.path)
    for row in about["datasets"]:
        shape = " x ".join(map(str, row["shape"]))
        names = row.get("attributes", {}).get("target_names")
        show(f"{row['name']}: {shape} {row['dtype']}" + (f" ({names})" if names else ""))
    show(f"Predictions are in '{target.path}'.")
