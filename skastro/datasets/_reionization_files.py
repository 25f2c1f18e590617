"""Read and check the HDF5 files of reionization slices, one file per random seed."""

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from skastro.exceptions import DatasetFormatError, DatasetNotFoundError

PATTERN = "reion_slices_seed*.h5"
FIELD_UNITS = {"density": "dimensionless", "brightness_temp": "mK", "xHI": "dimensionless"}
SHARED_BY_F_ESC = {"density"}


@dataclass(frozen=True)
class SliceFile:
    """What one file says of itself, checked, without its maps.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    seed : int
        Random seed of the simulation.
    redshift, f_esc : ndarray of shape (n_redshifts,), (n_f_esc,)
        Values along the axes of the maps.
    slice_index : ndarray of shape (n_slices,)
        Cell of each slice along the line of sight.
    mean_xHI : ndarray of shape (n_f_esc, n_redshifts)
        Neutral fraction of each whole box.
    n_cells : int
        Cells along a side of a slice.
    box_size, cell_size : float
        Sides of the box and of a cell, in comoving Mpc.
    """

    path: Path
    seed: int
    redshift: np.ndarray
    f_esc: np.ndarray
    slice_index: np.ndarray
    mean_xHI: np.ndarray
    n_cells: int
    box_size: float
    cell_size: float


def find_files(folder):
    """List the files of reionization slices in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.

    Returns
    -------
    list of tuple of (int, pathlib.Path)
        Seed in the name and path of each file, by increasing seed.

    Raises
    ------
    DatasetNotFoundError
        If there is no such folder, or no such file in it.
    """
    remedy = (
        f"Expected a folder with one file {PATTERN} per simulation, such as "
        "reion_slices_seed1001.h5. Correct data_home, or leave data_home=None for the data "
        "shipped with skastro."
    )
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"load_reionization_slices found no folder '{folder}' (parameter data_home). {remedy}"
        )
    seeds = ((recognize(path.name), path) for path in folder.iterdir())
    found = sorted((seed, path) for seed, path in seeds if seed is not None)
    if not found:
        raise DatasetNotFoundError(
            f"load_reionization_slices found no file {PATTERN} in the folder '{folder}' "
            f"(parameter data_home). {remedy}"
        )
    return found


def recognize(name):
    """Read the seed off the name of a file.

    Parameters
    ----------
    name : str
        Name without folder.

    Returns
    -------
    int or None
        The seed, or None where the name is not of the known form.
    """
    match = re.fullmatch(r"reion_slices_seed(\d+)\.h5", name)
    return None if match is None else int(match[1])


def read_header(path, seed, fields):
    """Read all but the maps of a file, and check that the wanted fields are in it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    seed : int
        The seed that its name promises.
    fields : list of str
        Names of the fields that will be read.

    Returns
    -------
    SliceFile
        The content of the file but for its maps.

    Raises
    ------
    DatasetFormatError
        If the file is damaged or does not hold what it should.
    ValueError
        If the file is a subset which leaves a wanted field out.
    """
    with _open(path) as file:
        for name in ("random_seed", "n_cells", "box_len_Mpc", "cell_Mpc"):
            if name not in file.attrs:
                raise DatasetFormatError(
                    f"'{path}' has no attribute '{name}'; found {sorted(file.attrs)}. {_REMEDY}"
                )
        if file.attrs["random_seed"] != seed:
            raise DatasetFormatError(
                f"'{path}' has the attribute random_seed={file.attrs['random_seed']}; expected "
                f"{seed}, as in its name, because groups are made of seeds. Give the file its "
                "own name back."
            )
        axes = {name: _values(file, name, None) for name in ("redshift", "f_esc", "slice_index")}
        by_box = (axes["f_esc"].size, axes["redshift"].size)
        header = SliceFile(
            path=path,
            seed=seed,
            **axes,
            mean_xHI=_values(file, "mean_xHI", by_box),
            n_cells=int(file.attrs["n_cells"]),
            box_size=float(file.attrs["box_len_Mpc"]),
            cell_size=float(file.attrs["cell_Mpc"]),
        )
        for name in fields:
            _check_field(file, header, name)
    return header


def check_same_grid(headers):
    """Check that all files have the same redshifts, f_esc, slices and cells.

    Parameters
    ----------
    headers : list of SliceFile
        At least one.

    Raises
    ------
    DatasetFormatError
        If one differs from the first.
    """
    first = headers[0]
    for header in headers[1:]:
        for name in ("redshift", "f_esc", "slice_index", "n_cells", "box_size", "cell_size"):
            expected, found = getattr(first, name), getattr(header, name)
            if not np.array_equal(expected, found):
                raise DatasetFormatError(
                    f"'{header.path}' has {name} {np.asarray(found).tolist()}; expected "
                    f"{np.asarray(expected).tolist()}, as in '{first.path}'. The files of one "
                    "folder must share one grid: keep each set in a folder of its own, or choose "
                    "files of one grid with the seed parameter."
                )


def read_fields(header, fields, f_esc_rows, redshift_rows, out):
    """Read the chosen boxes of one file into an array, box by box.

    Parameters
    ----------
    header : SliceFile
        The file.
    fields : list of str
        Fields to read, in the order of the channels.
    f_esc_rows, redshift_rows : ndarray of int
        Rows of the file to keep.
    out : ndarray of shape (n_f_esc, n_redshifts, n_slices, n_channels, n_cells, n_cells)
        Filled in place; it may be a strided view.

    Raises
    ------
    DatasetFormatError
        If a box cannot be read, or holds NaN or infinity.
    """
    with _open(header.path) as file:
        for channel, name in enumerate(fields):
            for j, redshift_row in enumerate(redshift_rows):
                if name in SHARED_BY_F_ESC:
                    out[:, j, :, channel] = _box(file, name, (redshift_row,))
                    continue
                for i, f_esc_row in enumerate(f_esc_rows):
                    out[i, j, :, channel] = _box(file, name, (f_esc_row, redshift_row))


_REMEDY = "Copy or generate the file again."


@contextmanager
def _open(path):
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise DatasetFormatError(
            f"'{path}' cannot be read as HDF5, it may be cut short or of another format: {error}. "
            f"Expected a whole file {PATTERN}. {_REMEDY}"
        ) from error


def _values(file, name, shape):
    if name not in file:
        raise DatasetFormatError(
            f"'{file.filename}' has no dataset '{name}'; found {sorted(file)}. {_REMEDY}"
        )
    values = file[name][()]
    if shape is None and (values.ndim != 1 or values.size == 0):
        raise DatasetFormatError(
            f"The dataset '{name}' of '{file.filename}' has shape {values.shape}; expected one "
            f"axis of at least one value. {_REMEDY}"
        )
    if shape is not None and values.shape != shape:
        raise DatasetFormatError(
            f"The dataset '{name}' of '{file.filename}' has shape {values.shape}; expected "
            f"{shape} (f_esc, redshift). {_REMEDY}"
        )
    return _finite(file, name, values, ())


def _check_field(file, header, name):
    found = [field for field in FIELD_UNITS if field in file]
    if name not in found and "subset_of" in file.attrs:
        raise ValueError(
            f"The 'fields' parameter of load_reionization_slices asks for '{name}', but "
            f"'{header.path}' holds only {found}, because it is a subset of "
            f"{file.attrs['subset_of']}. Choose fields among {found}, or give as data_home a "
            "folder with the full files."
        )
    if name not in found:
        raise DatasetFormatError(
            f"'{header.path}' has no dataset '{name}'; found the fields {found}. {_REMEDY}"
        )
    axes = [header.redshift.size, header.slice_index.size, header.n_cells, header.n_cells]
    labels = ["redshift", "slice", "x", "y"]
    if name not in SHARED_BY_F_ESC:
        axes, labels = [header.f_esc.size, *axes], ["f_esc", *labels]
    if file[name].shape != tuple(axes):
        raise DatasetFormatError(
            f"The dataset '{name}' of '{header.path}' has shape {file[name].shape}; expected "
            f"{tuple(axes)} ({', '.join(labels)}). {_REMEDY}"
        )
    unit = file[name].attrs.get("units")
    if unit != FIELD_UNITS[name]:
        raise DatasetFormatError(
            f"The dataset '{name}' of '{header.path}' has the attribute units={unit!r}; expected "
            f"{FIELD_UNITS[name]!r}. {_REMEDY}"
        )


def _box(file, name, rows):
    return _finite(file, name, file[name][rows], rows)


def _finite(file, name, values, rows):
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        position = tuple(int(i) for i in (*rows, *bad[0]))
        raise DatasetFormatError(
            f"The dataset '{name}' of '{file.filename}' holds {values[tuple(bad[0])]} at "
            f"{position}, the first of {len(bad)} values that are not finite there. {_REMEDY}"
        )
    return values
