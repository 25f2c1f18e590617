"""The data of a training: maps, targets and groups, and which groups are set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from ..maps import LazyMaps, MapBunch, open_maps
from ._config import Table
from ._errors import CommandError, UsageError, near
from ._loaders import load, loader_names, source_parameter

_ABOUT = ("field_names", "units", "redshift", "box_size", "target_names")
_TEXT = (".txt", ".csv", ".dat")


class TrainingData(NamedTuple):
    """Maps with targets, and rows to train and to test on.

    Attributes
    ----------
    bunch : MapBunch
        Everything that the loader told, with `target` and `target_names` as chosen.
    groups : ndarray or None
        The simulation of each sample; None where the configuration says that there are none.
    train, test : ndarray of int
        Rows; `test` is empty where nothing is set aside.
    """

    bunch: Any
    groups: np.ndarray | None
    train: np.ndarray
    test: np.ndarray

    def part(self, rows: np.ndarray) -> MapBunch:
        """Some samples, with what is known of all of them."""
        n = len(self.bunch.maps)
        content = {}
        for key, value in self.bunch.items():
            per_sample = isinstance(value, np.ndarray | LazyMaps) and len(value) == n
            names = key in ("target_names", "target_ranges")
            content[key] = value[rows] if per_sample and not names else value
        return MapBunch(**content)


def load_data(config: Table, seed: int) -> TrainingData:
    """Open the data that a configuration names."""
    section = config.table("data", required=True)
    target = config.table("target")
    split = config.table("split")
    name = section.take("loader", str, default=None, allowed=loader_names())
    bunch = _from_files(section) if name is None else _from_loader(name, section)
    _choose_target(bunch, target)
    groups = _groups(bunch, split)
    n = len(bunch.maps)
    lengths = {
        "maps": n,
        "target": len(bunch.target),
        "groups": n if groups is None else len(groups),
    }
    if len(set(lengths.values())) > 1:
        raise CommandError(f"{config.file}: numbers of samples differ: {lengths}.")
    train, test = _set_aside(split, groups, n, seed)
    split.take("n_folds", int, default=None)  # of the comparison
    split.finish()
    return TrainingData(bunch, groups, train, test)


def _from_loader(name: str, section: Table) -> Any:
    """What a loader returns; its paths count from the folder of the configuration."""
    parameters = section.rest()
    place = source_parameter(name)
    for key in (place, "params_file"):
        if isinstance(parameters.get(key), str):
            parameters[key] = _beside(section, parameters[key])
        elif isinstance(parameters.get(key), list):
            parameters[key] = [_beside(section, item) for item in parameters[key]]
    bunch = load(name, parameters, f"{section.file}: data")
    if "target" not in bunch:
        bunch["target"] = None
    return bunch


def _from_files(section: Table) -> MapBunch:
    """Maps, targets and groups from datasets of one file, or from files of their own."""
    file = section.take("file", str, default=None)
    sources = {
        "maps": section.take("maps", str),
        "target": section.take("target", str, list),
        "groups": section.take("groups", str, bool),
    }
    if sources["groups"] is True:
        raise UsageError(
            f"{section.where('groups')} must be a name, or false where every sample is a "
            f"simulation of its own. Got true instead."
        )
    content = {key: section.take(key, list, str, float, default=None) for key in _ABOUT}
    section.finish()
    content = {key: value for key, value in content.items() if value is not None}
    path = None if file is None else _beside(section, file)
    for key, source in sources.items():
        if source is False:
            continue
        names = source if isinstance(source, list) else [source]
        parts = [_array(section, key, path, name) for name in names]
        if key == "target" and isinstance(source, list):
            content[key] = np.stack([np.asarray(part) for part in parts], axis=1)
            content.setdefault("target_names", source)
        else:
            content[key] = parts[0]
    if "target_names" in content:
        content["target_names"] = np.array(content["target_names"])
    return MapBunch(**content)


def _array(section: Table, key: str, path: Path | None, name: str) -> Any:
    """An array by its name in a file, or in a file of its own; maps and fields stay lazy."""
    import h5py

    where = section.where(key)
    file = _beside(section, name) if path is None else path
    if not file.is_file():
        raise CommandError(f"{where if path is None else section.where('file')}: no file '{file}'.")
    suffix = file.suffix.lower()
    try:
        if path is None:
            if suffix in _TEXT:
                return np.loadtxt(file, delimiter="," if suffix == ".csv" else None)
            return open_maps(file) if key == "maps" else np.load(file, allow_pickle=False)
        if suffix == ".npz":
            with np.load(file, allow_pickle=False) as archive:
                _check_name(where, name, archive.files, file)
                return archive[name]
        with h5py.File(file, "r") as content:
            found: list[str] = []
            content.visititems(lambda n, item: found.append(n) if hasattr(item, "dtype") else None)
            _check_name(where, name, found, file)
            is_map = key == "maps" or content[name].ndim > 2
            values = None if is_map else content[name][()]
    except (OSError, ValueError) as error:
        raise CommandError(f"{where}: '{file}' cannot be read: {error}") from error
    if values is None:
        return open_maps(file, name)
    return np.char.decode(values.astype("S")) if values.dtype.kind in "SO" else values


def _check_name(where: str, name: str, found: list[str], file: Path) -> None:
    if name.strip("/") not in found:
        raise UsageError(
            f"{where}: '{file}' has no dataset {name!r}.{near(name, found)} It holds: "
            f"{', '.join(found) or 'none'}."
        )


def _choose_target(bunch: Any, section: Table) -> None:
    """Bring the entry and the columns that are wanted to `target` and `target_names`."""
    entry = section.take("entry", str, default="target")
    columns = section.take("columns", list, default=None)
    section.take("transformer", dict, default=None)  # of the model
    section.finish()
    if bunch.get(entry) is None:
        entries = [key for key, value in bunch.items() if isinstance(value, np.ndarray | LazyMaps)]
        raise UsageError(
            f"{section.where('entry')}: the data have no {entry!r} to learn.{near(entry, entries)} "
            f"They have: {', '.join(entries)}."
        )
    if entry != "target":
        bunch["target"] = bunch[entry]
        names = bunch.get(f"{entry}_names", [entry] if np.ndim(bunch[entry]) == 1 else None)
        bunch["target_names"] = None if names is None else np.array(names)
    if columns is not None:
        names = [
            str(name)
            for name in ([] if bunch.get("target_names") is None else bunch["target_names"])
        ]
        wrong = [name for name in columns if name not in names]
        if wrong or not columns or np.ndim(bunch.target) != 2:
            raise UsageError(
                f"{section.where('columns')}: the target has no column {wrong or columns!r}."
                f"{near(wrong[0], names) if wrong else ''} Columns: "
                f"{', '.join(names) or 'they have no names'}."
            )
        chosen = [names.index(name) for name in columns]
        bunch["target"] = bunch.target[:, chosen]
        bunch["target_names"] = np.array(columns)
        if bunch.get("target_ranges") is not None:
            bunch["target_ranges"] = np.asarray(bunch.target_ranges)[chosen]
    if np.ndim(bunch.target) == 2 and bunch.target.shape[1] == 1:
        bunch["target"] = bunch.target[:, 0]


def _groups(bunch: Any, section: Table) -> np.ndarray | None:
    """The group of each sample, which are left out only where the configuration says so."""
    entry = section.take("groups", str, bool, default="groups")
    if entry is False:
        bunch.pop("groups", None)
        return None
    if not isinstance(entry, str) or bunch.get(entry) is None:
        entries = [key for key, value in bunch.items() if np.shape(value) == (len(bunch.maps),)]
        raise UsageError(
            f"{section.where('groups')}: the data do not tell which simulation a sample is from, "
            f"so that maps of one could be on both sides of a split. Name the entry that tells "
            f"({', '.join(entries) or 'there is none'}), or write groups = false where every "
            f"sample is a simulation of its own."
        )
    bunch["groups"] = np.asarray(bunch[entry])
    return bunch["groups"]


def _set_aside(
    section: Table, groups: np.ndarray | None, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train and to test on, whole groups."""
    test = section.number("test", 0.2, 0.0, 0.9, float, list)
    rows = np.arange(n)
    if test == 0:
        return rows, rows[:0]
    if isinstance(test, list):
        if groups is None:
            raise UsageError(f"{section.where('test')} names groups, and groups is false.")
        missing = [group for group in test if group not in groups]
        if missing or not test:
            raise UsageError(
                f"{section.where('test')}: there are no groups {missing}. Groups are "
                f"{_some(np.unique(groups))}."
            )
        held_out = np.isin(groups, test)
        return rows[~held_out], rows[held_out]
    n_units = n if groups is None else len(np.unique(groups))
    if n_units < 3:
        raise CommandError(
            f"{section.where('test')}: the data are of {n_units} simulations, too few to set some "
            f"aside and to split the others. Take more, or write test = 0."
        )
    splitter = (ShuffleSplit if groups is None else GroupShuffleSplit)(
        1, test_size=test, random_state=seed
    )
    train, held = next(splitter.split(rows, groups=groups))
    return np.sort(train), np.sort(held)


def _some(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:12]))
    return f"{shown}, ... ({len(values)} in all)" if len(values) > 12 else shown


def _beside(section: Table, name: str) -> Path:
    """A path, counted from the folder of the configuration."""
    return section.file.parent / Path(name).expanduser()
