"""Where lazy maps come from: an array, a .npy file or a dataset of an HDF5 file."""

import math
import os
import sys
import weakref
from pathlib import Path

import numpy as np

from ..exceptions import MapShapeError, MapSourceError
from ._hdf5 import load_filters, plain_rows
from ._plain_rows import CAN_READ, PlainRows

CHUNK_BYTES = 1 << 25
_ROWS_TO_TELL_BY = 8
_DIRECT_BYTES = 1 << 20  # h5py reads less than this several times faster into an array of its own


class ArraySource:
    """Maps in memory, or in a memory map that the user opened.

    Parameters
    ----------
    array : ndarray of shape (n_samples, ...)
        The maps.
    """

    def __init__(self, array):
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def read(self, rows):
        """Rows as a new array.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), ...)
            The rows in native float32.
        """
        return self.array[rows].astype(np.float32, copy=False)

    def __repr__(self):
        return "array in memory"


class _FileSource:
    """What sources in files share: a path, an expected shape, a handle for each process.

    Parameters
    ----------
    path : path-like
        The file.
    """

    def __init__(self, path):
        self.path = Path(os.path.abspath(path))
        self._handle = None
        self._pid = None
        array = self._open()
        self.shape = tuple(array.shape)
        self.dtype = array.dtype

    def __getstate__(self):
        return self.__dict__ | {"_handle": None, "_pid": None}

    def _identity(self):
        """What tells the file from others, of which few rows are read; its folder does not."""
        status = self.path.stat()
        some = np.unique(np.linspace(0, self.shape[0] - 1, _ROWS_TO_TELL_BY).astype(int))
        rows = self.read(some[some >= 0])
        return self.path.name, status.st_size, status.st_mtime_ns, self.shape, self.dtype.str, rows

    def _array(self):
        """The open array of this process; opened anew after fork and after unpickling."""
        if self._handle is None or self._pid != os.getpid():
            if not self.path.is_file():
                raise MapSourceError(
                    f"LazyMaps: the file {self} has gone. Put it back, or call open_maps "
                    f"with its new path."
                )
            array = self._open()
            if (tuple(array.shape), array.dtype) != (self.shape, self.dtype):
                raise MapSourceError(
                    f"LazyMaps: {self} has changed: it held an array of shape {self.shape} and "
                    f"dtype {self.dtype} when it was opened, and now holds {array.shape} and "
                    f"{array.dtype}. Call open_maps again."
                )
            self._handle, self._pid = array, os.getpid()
        return self._handle


class _OpenFile:
    """A file that is open as long as this object is there."""

    def __init__(self, path):
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self.number)


class NpySource(_FileSource):
    """Maps in a ``.npy`` file; those in Fortran's order are memory-mapped."""

    def _open(self):
        try:
            array = np.lib.format.open_memmap(self.path, mode="r")
            if not (CAN_READ and array.ndim > 1 and array.flags.c_contiguous and array.size):
                return array
            file = _OpenFile(self.path)
        except (ValueError, EOFError, OSError) as error:
            raise MapSourceError(
                f"open_maps: {self.path} is not a complete .npy file of numbers: {error}"
            ) from error
        place = np.array([array.offset])
        return PlainRows(file, file.number, array.shape, array.dtype, place, len(array))

    def read(self, rows):
        """Rows as a new array, see `Hdf5Source.read`."""
        array = self._array()
        if not isinstance(array, PlainRows):
            return array[rows].astype(np.float32, copy=False)
        try:
            return _in_order(array.read, rows)
        except OSError as error:
            raise MapSourceError(f"LazyMaps: cannot read {self}: {error}") from error

    def __repr__(self):
        return str(self.path)


class Hdf5Source(_FileSource):
    """Maps in one dataset of an HDF5 file.

    Parameters
    ----------
    path : path-like
        The file.
    dataset : str
        Name of the dataset inside the file.
    """

    def __init__(self, path, dataset):
        self.dataset = dataset
        self._plain = None, None
        super().__init__(path)

    def __getstate__(self):
        return super().__getstate__() | {"_plain": (None, None)}

    def _identity(self):
        return *super()._identity(), self.dataset

    @property
    def unit(self):
        """Unit that the dataset states, as text."""
        attributes = self._array().attrs
        value = attributes.get("units", attributes.get("unit", ""))
        return value.decode() if isinstance(value, bytes) else str(value)

    def _open(self):
        import h5py

        try:
            found = h5py.File(self.path, "r")[self.dataset]
        except (OSError, KeyError) as error:
            raise MapSourceError(
                f"open_maps: cannot open dataset {self.dataset!r} of {self.path} as HDF5: {error}"
            ) from error
        if not isinstance(found, h5py.Dataset) or found.shape is None:
            raise MapSourceError(f"open_maps: {self.dataset!r} of {self.path} is no array.")
        load_filters(found)
        return found

    def read(self, rows):
        """Rows as a new array.

        Each stretch of neighbouring rows is one read, and so are the rows that share a
        compressed chunk as far as what lies between them is small; h5py's own reading of a list
        of rows is many times slower.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), ...)
            The rows in native float32.

        Raises
        ------
        MapSourceError
            If the file has gone, has changed or cannot be read.
        """
        dataset = self._array()
        looked_at, plain = self._plain
        if looked_at is not dataset:
            plain = plain_rows(dataset)
            self._plain = dataset, plain
        try:
            return _in_order(plain.read if plain else self._read_stretches, rows)
        except OSError as error:
            raise MapSourceError(f"LazyMaps: cannot read {self}: {error}") from error

    def _read_stretches(self, unique):
        """Ascending rows by way of HDF5."""
        dataset = self._array()
        row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
        per_chunk = dataset.chunks[0] if dataset.chunks else 1
        out = np.empty((len(unique), *self.shape[1:]), dtype=np.float32)
        for start, stop in _stretches(unique, per_chunk, CHUNK_BYTES // max(1, row_bytes)):
            first, end = unique[start], unique[stop - 1] + 1
            if end - first > stop - start:
                out[start:stop] = dataset[first:end][unique[start:stop] - first]
            elif (stop - start) * row_bytes < _DIRECT_BYTES:
                out[start:stop] = dataset[first:end]
            else:
                dataset.read_direct(out, np.s_[first:end], np.s_[start:stop])
        return out

    def __repr__(self):
        return f"{self.path}::{self.dataset}"


def _in_order(read, rows):
    """Rows in any order by a function that reads ascending ones."""
    unique, inverse = np.unique(rows, return_inverse=True)
    out = read(unique)
    return out if len(out) == len(rows) and (np.diff(inverse) > 0).all() else out[inverse]


def _stretches(rows, per_chunk, at_most):
    """Slices of ascending rows that are read at once: neighbours, and rows of one chunk."""
    gaps = np.flatnonzero(np.diff(rows) > 1) + 1
    start, stop = 0, 0
    for following in (*gaps.tolist(), len(rows)):
        if stop > start and (
            rows[stop] // per_chunk > rows[stop - 1] // per_chunk
            or rows[following - 1] - rows[start] >= at_most
        ):
            yield start, stop
            start = stop
        stop = following
    if stop > start:
        yield start, stop


class _HeldSource:
    """Some rows of a source, read already.

    Parameters
    ----------
    source : object
        The source.
    rows : ndarray of int
        Rows to read, ascending, each once.
    """

    def __init__(self, source, rows):
        self.rows = rows
        self.held = source.read(rows)
        self.shape = source.shape
        self.dtype = self.held.dtype

    def read(self, rows):
        """Rows of those that are held, as a new array, see `ArraySource.read`."""
        return self.held[np.searchsorted(self.rows, rows)]


def held_source(source, rows):
    """The same source, some rows of which are held in memory.

    Parameters
    ----------
    source : object
        Where they are read from, at once and in its order.
    rows : ndarray of int
        Rows to read, ascending, each once. No others can be read from what is returned.

    Returns
    -------
    source
        What is in memory as it is, what is made of other maps with those held.
    """
    if isinstance(source, ArraySource):
        return source
    return source.preloaded(rows) if hasattr(source, "preloaded") else _HeldSource(source, rows)


def make_source(maps, dataset=None):
    """Find the source for a path or an array.

    Parameters
    ----------
    maps : path-like, h5py.Dataset or array-like
        A ``.npy`` file, an HDF5 file or a dataset of one, or an array.
    dataset : str, default=None
        Dataset of an HDF5 file; None where the file has but one with samples and cells.

    Returns
    -------
    source
        An object with ``shape``, ``dtype`` and ``read(rows)``.

    Raises
    ------
    MapSourceError
        If the file is absent or unreadable.
    ValueError
        If the dataset has to be named, or is named for something other than HDF5.
    MapShapeError
        If the array has fewer than two axes or holds no real numbers.
    """
    h5py = sys.modules.get("h5py")
    if isinstance(maps, (str, os.PathLike)):
        source = _file_source(Path(maps), dataset)
    elif dataset is not None:
        raise ValueError(f"open_maps: 'dataset' goes with an HDF5 file; got a {type(maps)}.")
    elif h5py is not None and isinstance(maps, h5py.Dataset):
        source = Hdf5Source(maps.file.filename, maps.name)
    elif isinstance(maps, np.ma.MaskedArray) and maps.mask.any():
        raise ValueError(
            "open_maps takes no masked values, and the mask would be lost. Fill them first: "
            "maps.filled(value)."
        )
    else:
        source = ArraySource(np.asarray(maps))
    if len(source.shape) < 2 or source.dtype.kind not in "fiu":
        raise MapShapeError(
            f"open_maps takes real numbers of shape (n_samples, [n_channels,] *spatial); {source} "
            f"holds an array of shape {source.shape} and dtype {source.dtype}."
        )
    return source


def _file_source(path, dataset):
    if not path.is_file():
        raise MapSourceError(f"open_maps: no file {path}. Check the path.")
    if path.suffix == ".npy":
        if dataset is not None:
            raise ValueError(f"open_maps: 'dataset' goes with an HDF5 file; got {path}.")
        return NpySource(path)
    return Hdf5Source(path, _only_dataset(path) if dataset is None else dataset)


def _only_dataset(path):
    import h5py

    names = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.ndim >= 2:
            names.append(name)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise MapSourceError(
            f"open_maps: {path} is neither a .npy nor a readable HDF5 file: {error}"
        ) from error
    if len(names) != 1:
        raise ValueError(
            f"open_maps: 'dataset' must name one dataset of {path}; it has "
            f"{sorted(names) or 'none with two or more axes'}."
        )
    return names[0]
