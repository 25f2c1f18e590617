"""Headers of binary cubes: C2-Ray's records, mesh and values, and NumPy's files."""

import math
import zipfile

import numpy as np

from skastro.exceptions import DatasetFormatError

from ._cbin_forms import Binary, Zipped
from ._fortran import read_records

_REMEDY = "Copy or generate the file again."
_MESH_BYTES = 12
_MOST_CELLS = 100_000
_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"


def read_record_header(path):
    """Read the header of a cube in two records: three int32, and float64 or float32 values.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Binary
        How the cube is read.

    Raises
    ------
    DatasetFormatError
        If the records are others, or do not fit the mesh.
    """
    mesh, values = read_records(path, 2)
    n_bytes = sum(length for _, length in mesh)
    if n_bytes != _MESH_BYTES:
        raise DatasetFormatError(
            f"'{path}' must have a first record of 12 bytes, the mesh as three int32; found "
            f"{n_bytes} bytes. {_REMEDY}"
        )
    shape = _check_mesh(path, _numbers(path, mesh[0][0]))
    found = sum(length for _, length in values)
    dtype = _dtype(path, shape, found, (8, 4), "its second record")
    return Binary(tuple(values), dtype, "F", shape)


def read_mesh_header(path, itemsizes):
    """Read the header of a cube without records: three int32, then values in Fortran's order.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    itemsizes : tuple of int
        Bytes that a value may have.

    Returns
    -------
    Binary
        How the cube is read.

    Raises
    ------
    DatasetFormatError
        If the mesh is none, or does not fit the size of the file.
    """
    size = path.stat().st_size
    if size < _MESH_BYTES:
        raise DatasetFormatError(
            f"'{path}' must begin with a mesh of 12 bytes; found {size} bytes. {_REMEDY}"
        )
    shape = _check_mesh(path, _numbers(path, 0))
    found = size - _MESH_BYTES
    dtype = _dtype(path, shape, found, itemsizes, "the file behind its mesh")
    return Binary(((_MESH_BYTES, found),), dtype, "F", shape)


def read_numpy_header(path, names=()):
    """Read the header of a ``.npy`` file, whatever its suffix, or of an array in an ``.npz``.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    names : sequence of str, default=()
        Names that the array may have in an ``.npz`` of several arrays.

    Returns
    -------
    Binary or Zipped
        How the cube is read.

    Raises
    ------
    DatasetFormatError
        If the file is none of the two, is cut short, or holds no cube of real numbers.
    """
    with path.open("rb") as stream:
        magic = stream.read(len(_NPY))
        if magic[:4] == _ZIP:
            return _zipped(path, names)
        if magic != _NPY:
            raise DatasetFormatError(
                f"'{path}' must begin as a .npy or .npz file of NumPy does; found {magic!r}. "
                f"{_REMEDY}"
            )
        stream.seek(0)
        shape, is_fortran, dtype = _npy_header(path, stream)
        offset = stream.tell()
    found = path.stat().st_size - offset
    _check_length(path, shape, dtype, found)
    return Binary(((offset, found),), dtype, "F" if is_fortran else "C", shape)


def _zipped(path, names):
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            wanted = [f"{name}.npy" for name in names if f"{name}.npy" in members]
            chosen = members if len(members) == 1 else wanted
            if len(chosen) != 1:
                raise DatasetFormatError(
                    f"'{path}' must hold one array, or one of the names {list(names)}; found "
                    f"{[name[:-4] for name in members]}. Save the array by itself."
                )
            with archive.open(chosen[0]) as stream:
                shape, _, dtype = _npy_header(path, stream)
                found = archive.getinfo(chosen[0]).file_size - stream.tell()
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DatasetFormatError(f"'{path}' cannot be read as .npz: {error}. {_REMEDY}") from error
    _check_length(path, shape, dtype, found)
    return Zipped(chosen[0], shape)


def _check_length(path, shape, dtype, found):
    """Raise unless there are as many bytes as the values need, before memory is asked for."""
    expected = math.prod(shape) * dtype.itemsize
    if found != expected:
        raise DatasetFormatError(
            f"'{path}' must have {expected} bytes behind its header, for {shape} values of "
            f"{dtype}; found {found}. {_REMEDY}"
        )


def _npy_header(path, stream):
    """Shape, whether Fortran's order, and dtype; the stream stands behind them."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        shape, is_fortran, dtype = readers[np.lib.format.read_magic(stream)](stream)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DatasetFormatError(
            f"'{path}' has no readable header of NumPy ({reason}). {_REMEDY}"
        ) from error
    if len(shape) != 3 or min(shape) < 1 or dtype.kind not in "fiu":
        raise DatasetFormatError(
            f"'{path}' must hold a cube of real numbers, with 3 axes; found shape {shape} and "
            f"dtype {dtype}. Save one cube in each file."
        )
    return shape, is_fortran, dtype


def _numbers(path, offset):
    return np.fromfile(path, "<i4", 3, offset=offset)


def _check_mesh(path, mesh):
    shape = tuple(mesh.tolist())
    if all(0 < n <= _MOST_CELLS for n in shape):
        return shape
    swapped = tuple(mesh.byteswap().tolist())
    if all(0 < n <= _MOST_CELLS for n in swapped):
        raise DatasetFormatError(
            f"'{path}' is byte-swapped: its mesh is {swapped} if read as big-endian; expected "
            "little-endian numbers. Swap the bytes, as with numpy.ndarray.byteswap, and save it "
            "again."
        )
    raise DatasetFormatError(
        f"'{path}' must have a mesh of three numbers from 1 to {_MOST_CELLS}; found {shape}. It "
        "may be of another format: check its name, or copy or generate it again."
    )


def _dtype(path, shape, found, itemsizes, where):
    """The dtype whose size times the number of cells is what was found."""
    expected = {itemsize * math.prod(shape): itemsize for itemsize in itemsizes}
    if found not in expected:
        sizes = " or ".join(f"{n} (float{8 * itemsize})" for n, itemsize in expected.items())
        raise DatasetFormatError(
            f"'{path}' has a mesh of {shape}, so that {where} must have {sizes} bytes; found "
            f"{found}. It may be cut short or of another format: copy or generate it again."
        )
    return np.dtype(f"<f{expected[found]}")
