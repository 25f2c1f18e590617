"""The loaders of data sets: which of them knows a file or folder, and how they are called."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..datasets._21cmfast_names import looks_raw
from ..datasets._c2ray_names import recognize as _is_c2ray
from ..datasets._cmd_format import FIELDS, SUITES
from ..datasets._files import files_in
from ..datasets._pinion import _recognize as _is_pinion
from ..datasets._reionization_cubes_files import recognize as _is_cubes
from ..datasets._reionization_files import recognize as _is_slices
from ..exceptions import DatasetNotFoundError
from ._errors import CommandError, UsageError, near

_CMD_NAME = re.compile(
    rf"(?P<kind>Maps|Grids)_(?P<field>{'|'.join(FIELDS)})_(?P<suite>{'|'.join(SUITES)})_"
    r"(?P<set>[A-Za-z0-9]+)(?:_(?P<n_cells>\d+))?_z=(?P<redshift>\d+\.\d+)\.npy"
)
_SFRH_NAME = re.compile(r".*SFRH_(?P<suite>\w+)\.npy")
_HDF5 = (".h5", ".hdf5")


class Known(NamedTuple):
    """A data set that a loader knows.

    Attributes
    ----------
    loader : str
        Name of the function in `skastro.datasets`.
    says : str
        What it is, in words.
    parameters : dict
        With which the loader opens it.
    """

    loader: str
    says: str
    parameters: dict[str, Any]


def recognize(path: Path) -> list[Known]:
    """The data sets in a file or folder that loaders know, by the names of the files."""
    files = files_in(path) if path.is_dir() else [path]
    found = _cmd_sets(path, files)
    first = {file.name: file for file in files}
    slices = [file for name, file in first.items() if _is_slices(name) is not None]
    if slices:
        says = "slices of 21cmFAST boxes, as skastro ships them"
        found.append(Known("load_reionization_slices", says, {"data_home": slices[0].parent}))
    for name, file in first.items():
        match = _SFRH_NAME.fullmatch(name)
        if match:
            given = {"path": file.parent, "suite": match["suite"]}
            found.append(Known("load_camels_sfrh", "star-formation histories of CAMELS", given))
    by_name = {
        "load_reionization_cubes": (_is_cubes, "cubes of gas, sources and ionized fraction"),
        "load_pinion": (_is_pinion, "cubes of PINION"),
        "load_c2ray": (_is_c2ray, "cubes of C2-Ray"),
        "load_21cmfast": (lambda name: looks_raw(name) or None, "raw boxes of 21cmFAST"),
    }
    for loader, (known, says) in by_name.items():
        if any(known(name) is not None for name in first):
            found.append(Known(loader, says, {"path": path}))
    if not found:
        found = _by_content(path, files)
    return found


def _cmd_sets(path: Path, files: list[Path]) -> list[Known]:
    """Sets of maps or grids of the CAMELS Multifield Dataset."""
    sets: dict[tuple, dict[str, Path]] = {}
    for file in files:
        match = _CMD_NAME.fullmatch(file.name)
        if match:
            told = match.groupdict()
            field = told.pop("field")
            sets.setdefault(tuple(told.items()), {})[field] = file
    found = []
    for told, fields in sets.items():
        about = dict(told)
        given = {
            "folder": path if path.is_dir() else path.absolute().parent,
            "fields": sorted(fields, key=list(FIELDS).index),
            "suite": about["suite"],
            "set": about["set"],
            "kind": about["kind"].lower(),
            "redshift": float(about["redshift"]),
        }
        if about["n_cells"]:
            given["n_cells"] = int(about["n_cells"])
        says = f"{given['kind']} in the layout of the CAMELS Multifield Dataset"
        found.append(Known("load_cmd", f"{says}, {about['suite']} {about['set']}", given))
    return found


def _by_content(path: Path, files: list[Path]) -> list[Known]:
    """Files whose names tell nothing: HDF5 of 21cmFAST, and cubes of limlam_mocker."""
    from ..datasets._21cmfast_hdf5 import read_hdf5

    hdf5 = [file for file in files if file.suffix.lower() in _HDF5]
    if any(_holds_boxes(read_hdf5, file) for file in hdf5[:3]):
        return [Known("load_21cmfast", "boxes of 21cmFAST", {"path": path})]
    cubes = [file for file in files if file.suffix == ".npz"]
    if cubes and _has_cube(cubes[0]):
        return [Known("load_limlam", "intensity cubes of limlam_mocker", {"paths": cubes})]
    return []


def _holds_boxes(read_hdf5: Callable, file: Path) -> bool:
    try:
        return bool(read_hdf5(file, strict=False))
    except (OSError, ValueError, KeyError):
        return False


def _has_cube(file: Path) -> bool:
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(file) as archive:
            return {"map_cube.npy", "map_frequencies.npy"} <= set(archive.namelist())
    except (OSError, BadZipFile):
        return False


def loader_names() -> list[str]:
    """Names of the loaders of `skastro.datasets`."""
    from .. import datasets

    return [name for name in datasets.__all__ if name.startswith("load_")]


def source_parameter(loader: str) -> str:
    """Name of the parameter that says where the data are."""
    return next(iter(inspect.signature(loader_function(loader)).parameters))


def loader_function(name: str, where: str = "--loader") -> Callable:
    """A loader by its name."""
    from .. import datasets

    if name not in loader_names():
        raise UsageError(
            f"{where}: skastro.datasets has no loader {name!r}.{near(name, loader_names())} "
            f"Loaders: {', '.join(loader_names())}."
        )
    return getattr(datasets, name)


def load(name: str, parameters: dict[str, Any], where: str = "--set") -> Any:
    """Call a loader with parameters that a user wrote."""
    function = loader_function(name)
    known = [key for key in inspect.signature(function).parameters if key != "return_X_y"]
    for key in parameters:
        if key not in known:
            raise UsageError(
                f"{where}: {name} has no parameter {key!r}.{near(key, known)} Parameters: "
                f"{', '.join(known)}."
            )
    try:
        return function(**parameters)
    except DatasetNotFoundError:
        raise
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from error


def only_known(path: Path, loader: str | None = None) -> Known:
    """The one data set in a file or folder, or words that there is none, or more than one."""
    found = [known for known in recognize(path) if loader in (None, known.loader)]
    if len({known.loader for known in found}) == 1 and len(found) == 1:
        return found[0]
    if not found and loader is not None:
        return Known(loader, loader, {source_parameter(loader): path})
    if not found:
        raise CommandError(
            f"'{path}' holds no data set that a loader recognizes. Name a file of maps (HDF5 or "
            f".npy), or the loader with --loader: {', '.join(loader_names())}."
        )
    listed = "; ".join(f"{known.loader}: {known.says}" for known in found)
    raise UsageError(
        f"'{path}' holds several data sets: {listed}. Choose one with --loader and --set, or "
        f"name its own folder."
    )


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Turn ``KEY=VALUE`` into parameters; values are read as TOML, and as words otherwise."""
    parameters = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r} is not of the form KEY=VALUE, as redshift=0.5.")
        try:
            parameters[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            parameters[key.strip()] = text.strip()
    return parameters
