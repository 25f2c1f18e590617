"""Facts of files of arrays: names, shapes, types, attributes and units; values are not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from ._errors import CommandError

_MOST = 200  # arrays of a file that are listed
_PREDICTIONS = "skastro predictions"


def describe_npy(path: Path) -> dict[str, Any]:
    """Facts of a ``.npy`` file."""
    try:
        with path.open("rb") as stream:
            shape, dtype = _header(stream)
            held = path.stat().st_size - stream.tell()
    except (OSError, ValueError) as error:
        raise CommandError(f"'{path}' cannot be read as a .npy file: {error}") from error
    wanted = int(np.prod(shape)) * dtype.itemsize
    if not dtype.hasobject and held < wanted:
        raise CommandError(
            f"'{path}' is cut short: its header promises {wanted} bytes of an array of shape "
            f"{shape} and dtype {dtype}, and it has {held}. Copy it again."
        )
    return {"kind": "array", "shape": list(shape), "dtype": str(dtype)}


def describe_npz(path: Path) -> dict[str, Any]:
    """Facts of an ``.npz`` file."""
    arrays = []
    try:
        with ZipFile(path) as archive:
            for name in archive.namelist()[:_MOST]:
                if name.endswith(".npy"):
                    with archive.open(name) as stream:
                        shape, dtype = _header(stream)
                    row = {"name": name.removesuffix(".npy"), "shape": list(shape)}
                    arrays.append(row | {"dtype": str(dtype)})
    except (OSError, ValueError, BadZipFile) as error:
        raise CommandError(f"'{path}' cannot be read as an .npz file: {error}") from error
    return {"kind": "arrays", "datasets": arrays}


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type in the header of an array."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0
    if version >= (2, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def describe_hdf5(path: Path) -> dict[str, Any]:
    """Facts of an HDF5 file; those of predictions have a kind of their own."""
    import h5py

    datasets: list[dict[str, Any]] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and len(datasets) < _MOST:
            row: dict[str, Any] = {
                "name": name,
                "shape": list(item.shape or ()),
                "dtype": str(item.dtype),
            }
            row["units"] = _text(item.attrs.get("units", item.attrs.get("unit", "")))
            if item.shape == () and item.dtype.kind in "iufb":
                row["value"] = item[()].item()
            others = {key: item.attrs[key] for key in item.attrs if key not in ("units", "unit")}
            row["attributes"] = {key: _text(value) for key, value in others.items()}
            datasets.append(row)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
            attributes = {key: _text(file.attrs[key]) for key in file.attrs}
    except (OSError, RuntimeError, KeyError) as error:
        raise CommandError(
            f"'{path}' cannot be read as HDF5, it may be cut short: {error}"
        ) from error
    for column in ("units", "value", "attributes"):
        if not any(row.get(column) not in (None, "", {}) for row in datasets):
            for row in datasets:
                row.pop(column, None)
    if attributes.get("format", "").startswith(_PREDICTIONS):
        return _predictions(attributes, datasets)
    return {"kind": "HDF5", "attributes": attributes or None, "datasets": datasets}


def _predictions(attributes: dict[str, str], datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """Facts of a file by `predict_to_file`."""
    n_done = next((row["value"] for row in datasets if row["name"] == "n_predicted"), 0)
    n_samples = int(attributes["n_samples"])
    return {
        "kind": "predictions",
        "state": "complete" if n_done == n_samples else "unfinished, run predict again to go on",
        "samples": f"{n_done} of {n_samples}",
        "estimator": attributes["estimator"],
        "method": attributes["method"],
        "model": attributes.get("model"),
        "data": attributes.get("data"),
        "skastro_version": attributes["skastro_version"],
        "datasets": [row for row in datasets if row["name"] != "n_predicted"],
    }


def describe_fits(path: Path) -> dict[str, Any]:
    """Facts of the parts of a FITS file."""
    from astropy.io import fits

    try:
        with fits.open(path, lazy_load_hdus=False) as parts:
            rows = [
                {
                    "name": part.name or str(number),
                    "kind": type(part).__name__.removesuffix("HDU"),
                    "shape": list(getattr(part, "shape", ()) or ()),
                    "units": str(part.header.get("BUNIT", "")),
                }
                for number, part in enumerate(parts)
            ]
    except (OSError, ValueError) as error:
        raise CommandError(f"'{path}' cannot be read as FITS: {error}") from error
    hint = "convert images to .npy or HDF5 to train on them: numpy.save(path, hdu.data)"
    return {"kind": "FITS", "parts": rows, "hint": hint}


def _text(value: Any) -> str:
    """An attribute in one line."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    array = np.asarray(value)
    if array.ndim and array.size > 8:
        return f"{array.size} values"
    if array.ndim:
        return ", ".join(_text(item) for item in array.ravel())
    return str(value)


ARRAY_READERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    ".npy": describe_npy,
    ".npz": describe_npz,
    ".h5": describe_hdf5,
    ".hdf5": describe_hdf5,
    ".fits": describe_fits,
    ".fit": describe_fits,
}
