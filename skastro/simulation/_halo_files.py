"""Halo catalogues in the layout of peak-patch files."""

import pickle
import pickletools
import sys
import zipfile
from io import BytesIO

import numpy as np

from ..exceptions import DatasetFormatError, DatasetNotFoundError
from ..utils import replacing

ARRAYS = ("M", "x", "y", "z", "vx", "vy", "vz", "zhalo", "zform")
COSMOLOGY = {
    "Omega_M": "omega_m",
    "Omega_B": "omega_b",
    "Omega_L": "omega_l",
    "h": "h",
    "ns": "ns",
    "sigma8": "sigma8",
}
CENTER = ("cen_x_fov", "cen_y_fov")
_HEADER = "cosmo_header"
_HEADER_BYTES = 65536
_LARGEST = sys.float_info.max
_PIECE = 2**18
_NUMBERS = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"}


def read_halo_file(path):
    """Read a catalogue, and run nothing that its pickled header may name.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    arrays : dict of str to ndarray
        One array for each name of `ARRAYS`, of equal lengths, as the file holds them.
    header : dict of str to float
        The numbers of `COSMOLOGY` and `CENTER`.
    group : int, str or None
        What `write_halo_file` noted of the origin.

    Raises
    ------
    DatasetNotFoundError
        If there is no such file.
    DatasetFormatError
        If it is no such catalogue, or damaged.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f"HaloCatalog.read found no file '{path}' (parameter path). Correct path."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(path, archive)
            header = _numbers(_member(path, archive, _HEADER, _unpickle))
            arrays = {name: _member(path, archive, name, _numeric) for name in ARRAYS}
            has_group = "group.npy" in archive.namelist()
            group = _member(path, archive, "group", _origin) if has_group else None
    except zipfile.BadZipFile as error:
        raise _unusable(path, f"it is no whole .npz file ({error})") from error
    except _HeaderError as error:
        raise _unusable(path, str(error)) from error
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise _unusable(path, f"its arrays differ in length: {lengths}")
    return arrays, header, group


def write_halo_file(path, arrays, header, group):
    """Write a catalogue whole, or leave what was there before.

    Parameters
    ----------
    path : pathlib.Path
        The file, of any name.
    arrays : dict of str to ndarray
        One array for each name of `ARRAYS`.
    header : dict of str to float
        The numbers of `COSMOLOGY` and `CENTER`.
    group : int, str or None
        The origin; None is not written.
    """
    extra = {} if group is None else {"group": np.array(group)}
    with replacing(path) as file:
        np.savez(file, **arrays, **extra)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(f"{_HEADER}.npy", _pickled(header))


def _pickled(header):
    """Entry of the header, by the name of the module of numpy that all its versions know."""
    stream = BytesIO()
    description = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(stream, description)
    content = pickle.dumps(np.array(header, dtype=object), protocol=2)
    stream.write(content.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"))
    return stream.getvalue()


class _HeaderError(ValueError):
    """The header of the catalogue does not hold what it should."""


def _unusable(path, reason):
    return DatasetFormatError(
        f"HaloCatalog.read cannot use '{path}': {reason}. Expected a peak-patch catalogue, an .npz "
        f"file of the arrays {list(ARRAYS)} and the header {_HEADER!r}. Correct path, or write the "
        "file anew."
    )


def _check_names(path, archive):
    held = [name.removesuffix(".npy") for name in archive.namelist()]
    missing = [name for name in (*ARRAYS, _HEADER) if name not in held]
    if missing:
        raise _unusable(path, f"it lacks {missing} and holds {held}")


def _member(path, archive, name, read):
    """One entry of the archive, by a function of the stream, data type, shape and bytes left."""
    info = archive.getinfo(f"{name}.npy")
    try:
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            reader = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, _, dtype = reader(stream)
            return read(stream, dtype, shape, info.file_size - stream.tell())
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise _unusable(path, f"its entry {name!r} cannot be read ({reason})") from error


def _numeric(stream, dtype, shape, n_bytes):
    if dtype.kind not in "iuf" or len(shape) != 1:
        raise ValueError(f"expected numbers along one axis, found {dtype} of shape {shape}")
    return _array(stream, dtype, shape, n_bytes)


def _origin(stream, dtype, shape, n_bytes):
    if dtype.kind not in "iuU" or shape:
        raise ValueError(f"expected an integer or a text, found {dtype} of shape {shape}")
    return _array(stream, dtype, (1,), n_bytes)[0].item()


def _array(stream, dtype, shape, n_bytes):
    needed = shape[0] * dtype.itemsize
    if needed != n_bytes:
        raise ValueError(f"shape {shape} takes {needed} bytes, and there are {n_bytes}")
    array = np.empty(shape[0], dtype)
    content = array.view(np.uint8)
    for first in range(0, needed, _PIECE):
        piece = content[first : first + _PIECE]
        if stream.readinto(piece) < piece.size:
            raise EOFError(f"it ends within {needed} bytes")
    return array


def _unpickle(stream, dtype, shape, n_bytes):
    """The dict in a pickled object array without axes."""
    if dtype.kind != "O" or shape:
        raise _HeaderError(f"expected a pickled dict, found {dtype} of shape {shape}")
    if n_bytes > _HEADER_BYTES:
        raise _HeaderError(f"expected {_HEADER_BYTES} bytes at most, found {n_bytes}")
    content = stream.read(_HEADER_BYTES)
    for code, argument, _ in pickletools.genops(content):
        # A place of the memo may be any number, and the unpickler makes room up to it.
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > _HEADER_BYTES:
            raise _HeaderError(f"it stores at place {argument} of the memo")
    array = _HeaderUnpickler(BytesIO(content), encoding="latin1").load()
    if not isinstance(array, _ObjectArray) or not isinstance(array.item, dict):
        raise _HeaderError("its pickle is not of an object array with a dict in it")
    return array.item


def _numbers(header):
    missing = [name for name in COSMOLOGY if name not in header]
    if missing:
        held = [name for name in header if isinstance(name, str)]
        raise _HeaderError(f"its header {_HEADER!r} lacks {missing} and holds {held}")
    numbers = {name: header[name] for name in COSMOLOGY}
    numbers |= {name: header.get(name, 0.0) for name in CENTER}
    for name, value in numbers.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or (isinstance(value, int) and abs(value) > _LARGEST):
            # Lists within lists can have a repr that does not end.
            given = repr(value) if isinstance(value, str | None) else f"a {type(value).__name__}"
            raise _HeaderError(
                f"its header {_HEADER!r} holds {given} for {name!r} in place of a number"
            )
    return {name: float(value) for name, value in numbers.items()}


class _HeaderUnpickler(pickle.Unpickler):
    """Unpickler that makes dicts and numbers, and calls nothing but the stand-ins below."""

    def find_class(self, module, name):
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            if name == "_reconstruct":
                return _Call(_ObjectArray)
            if name == "scalar":
                return _Call(_scalar)
        if module == "numpy" and name in ("dtype", "ndarray"):
            return _Call(_DataType)
        if (module, name) == ("_codecs", "encode"):
            return _Call(_encode)
        raise _HeaderError(f"it names {module}.{name}, which no header needs")


class _Call:
    """A function that pickled instructions may call but not change."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise _HeaderError("it sets the state of a function")


class _ObjectArray:
    """Stands in for a numpy array of objects, without axes."""

    def __init__(self, *_):
        self.item = None

    def __setstate__(self, state):
        _, shape, _, _, items = state
        if shape != () or not isinstance(items, list) or len(items) != 1:
            raise _HeaderError(f"it holds an array of shape {shape!r}")
        self.item = items[0]


class _DataType:
    """Stands in for a numpy data type."""

    def __init__(self, code, *_):
        self.code = code
        self.order = "="

    def __setstate__(self, state):
        self.order = state[1]


def _scalar(dtype, content):
    """A numpy number as one of Python."""
    if dtype.code not in _NUMBERS or dtype.order not in ("<", ">", "|", "="):
        raise _HeaderError(f"it holds a scalar of type {dtype.code!r}")
    order = dtype.order.replace("|", "=")
    (value,) = np.frombuffer(content, np.dtype(dtype.code).newbyteorder(order))
    return value.item()


def _encode(text, encoding):
    """Bytes, as pickles of protocol 2 hold them."""
    if encoding != "latin1":
        raise _HeaderError(f"it encodes by {encoding!r}")
    return text.encode(encoding)
