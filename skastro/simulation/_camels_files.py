"""Write maps in the layout of the CAMELS Multifield Dataset, all of a set or nothing."""

import math
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..datasets._cmd_format import FIELDS, MAPS_PER_SIMULATION, maps_name, params_name

SUITE = "Mock"


def plan_files(folder, fields, set_name, overwrite):
    """Name the files of a set of mocks, and see that they may be written.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.
    fields : sequence of str
        Fields to write.
    set_name : str
        The set.
    overwrite : bool
        Whether files of these names may be there.

    Returns
    -------
    maps : list of pathlib.Path
        File of each field.
    table : pathlib.Path
        File of the parameters.

    Raises
    ------
    FileExistsError
        If there is such a file and `overwrite` is False, or a file of another field of the
        set, which would not belong to the new table of parameters.
    """
    paths = {field: folder / maps_name(field, SUITE, set_name) for field in FIELDS}
    table = folder / params_name(SUITE, set_name)
    others = [path.name for field, path in paths.items() if field not in fields and path.exists()]
    wanted = [paths[field] for field in fields]
    present = [path.name for path in (*wanted, table) if path.exists()]
    if present and not overwrite:
        raise FileExistsError(
            f"make_camels_like found {present} in '{folder}' (parameter folder), and does not "
            "overwrite files with overwrite=False. Choose another folder, or give overwrite=True."
        )
    if others:
        raise FileExistsError(
            f"make_camels_like found {others} of other mocks in '{folder}' (parameter folder), "
            "which would be taken for fields of the new simulations. Choose another folder, "
            "remove these files, or write their fields as well."
        )
    return wanted, table


def write_set(paths, table_path, table, boxes, n_cells):
    """Write the maps of simulations, one after the other, and their parameters.

    The files grow in a hidden sub-folder of their folder. They get their names when all are
    whole and on the disk, the table of parameters last. After an error before that all files are
    as they were; after one in renaming, the table is absent. After a kill the sub-folder
    ``.make_camels_like_*`` is left.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        File of each field.
    table_path : pathlib.Path
        File of the parameters, in the same folder.
    table : ndarray of shape (n_simulations, 6)
        Parameters.
    boxes : iterable of ndarray of float32, of shape (n_fields, 15, n_cells, n_cells)
        Maps of each simulation.
    n_cells : int
        Cells along a side.

    Raises
    ------
    OSError
        If the files cannot be written.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype("<f4")),
        "fortran_order": False,
        "shape": (len(table) * MAPS_PER_SIMULATION, n_cells, n_cells),
    }
    folder = table_path.parent
    try:
        with TemporaryDirectory(prefix=".make_camels_like_", dir=folder) as scratch:
            parts = [Path(scratch, path.name) for path in (*paths, table_path)]
            np.savetxt(parts[-1], table, fmt="%.5f")
            _write_maps(parts[:-1], header, boxes)
            table_path.unlink(missing_ok=True)
            for part, path in zip(parts, (*paths, table_path), strict=True):
                part.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        n_bytes = 4 * len(paths) * math.prod(header["shape"])
        raise OSError(
            error.errno,
            f"make_camels_like could not write {n_bytes / 1e6:.1f} MB to '{folder}' (parameter "
            f"folder): {error.strerror}. Make room there, or choose another folder.",
        ) from error


def _write_maps(paths, header, boxes):
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for file in files:
            np.lib.format.write_array_header_1_0(file, header)
        for maps in boxes:
            for file, field in zip(files, maps, strict=True):
                file.write(field.astype("<f4", copy=False).tobytes())
        for file in files:
            file.flush()
            os.fsync(file.fileno())
