"""Find the boxes of 21cmFAST in files and folders."""

import os

from skastro.exceptions import DatasetNotFoundError

from ._21cmfast_hdf5 import read_hdf5
from ._21cmfast_names import KNOWN_NAMES, looks_raw, read_raw
from ._files import check_paths, files_in

_HDF5 = (".h5", ".hdf5")


def find_boxes(path):
    """Read the headers of all boxes.

    Parameters
    ----------
    path : str, path-like or sequence of these
        Files, which must all be of 21cmFAST, and folders, of which other files are passed over.

    Returns
    -------
    list of Box
        At least one.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, or no box is found.
    DatasetFormatError
        If a file is not what its name or its suffix says.
    OSError
        If a folder below cannot be read.
    TypeError
        If `path` is of another type.
    """
    boxes, seen = [], set()
    for item in check_paths("load_21cmfast", path):
        if not item.exists():
            raise DatasetNotFoundError(
                f"load_21cmfast found no file or folder '{item}' (parameter path). Correct path."
            )
        found = _boxes_in(item) if item.is_dir() else [item]
        for file in found:
            is_hdf5 = file.suffix.lower() in _HDF5
            # Raw files belong to a folder, and a link in each of several may be to one file.
            real = os.path.realpath(file if is_hdf5 else file.parent), is_hdf5 or file.name
            if real in seen:
                continue
            seen.add(real)
            if not file.exists():
                raise DatasetNotFoundError(
                    f"load_21cmfast found a link '{file}' to no file. Correct the link, or leave "
                    "it out."
                )
            boxes += read_hdf5(file, strict=not item.is_dir()) if is_hdf5 else [read_raw(file)]
    if not boxes:
        raise DatasetNotFoundError(
            f"load_21cmfast found no box of 21cmFAST in '{path}' (parameter path) or in the "
            f"folders below. Expected names such as {', '.join(KNOWN_NAMES)}, or HDF5 files of "
            "21cmFAST 3 or 4. Correct path."
        )
    return boxes


def _boxes_in(folder):
    """HDF5 files and what has the name of a raw box, in a folder and those below."""
    return [
        file for file in files_in(folder) if looks_raw(file.name) or file.suffix.lower() in _HDF5
    ]
