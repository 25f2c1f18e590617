"""Maps written anew, in a layout that is fast to read."""

import math
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Literal

import numpy as np

from ..utils import progress_bar
from ..utils._typing import MapsLike, PathLike
from ._lazy import LazyMaps, open_maps
from ._new_file import new_file

_COMPRESSIONS = (None, "gzip", "lzf", "blosc")
_DTYPES = ("float32", "float16")
_LARGEST_CHUNK = 2**32 - 1  # bytes, a limit of HDF5


def rechunk(
    maps: PathLike | MapsLike,
    path: PathLike,
    *,
    dataset: str = "maps",
    chunk_rows: int | None = None,
    compression: Literal[None, "gzip", "lzf", "blosc"] = None,
    dtype: Literal["float32", "float16"] = "float32",
    memory: int = 2**28,
    verbose: int = 0,
) -> LazyMaps:
    """Write maps to a file from which they are read fast, in any order.

    Maps are read a block at a time, with the transforms that they carry applied, and written to
    a new file, which is whole or absent: it is put in its place once all of it is on the disk.

    Parameters
    ----------
    maps : path-like, h5py.Dataset, array-like or LazyMaps
        Maps as `open_maps` takes them, of shape ``(n_samples, [n_channels,] *spatial)``.
    path : path-like
        File that is to be, and must not be there yet. A name that ends in ".npy" makes it an
        array of NumPy, any other one an HDF5 file.
    dataset : str, default="maps"
        Name of the dataset in an HDF5 file.
    chunk_rows : int, default=None
        Samples in a chunk of an HDF5 file. None stores samples one after the other without
        chunks, and one in each chunk where they are compressed.
    compression : {None, "gzip", "lzf", "blosc"}, default=None
        How chunks are compressed, their bytes shuffled before. "blosc" is Blosc with LZ4, the
        fastest to read, for which the extra ``hdf5`` is needed: here and wherever the file is read.
    dtype : {"float32", "float16"}, default="float32"
        Type of the numbers in the file. They are read as float32 in any case.
    memory : int, default=268435456
        Bytes that maps may take at once while they are copied; a few samples are held in any
        case. Where chunks of the old file hold many samples, blocks as large as these save
        that each chunk is read several times.
    verbose : int, default=0
        Shows a progress bar where it is greater than 0.

    Returns
    -------
    LazyMaps of shape (n_samples, [n_channels,] *spatial)
        The maps in the new file.

    Raises
    ------
    FileExistsError
        If the file is there already.
    ImportError
        If the extra ``hdf5`` is needed and absent.
    MapSourceError
        If maps cannot be read.
    OSError
        If the file cannot be written, such as on a full disk. Nothing is left of it.
    ValueError
        If a parameter is out of its range, or a value is too large for float16.

    See Also
    --------
    open_maps : Open maps without reading them.

    Notes
    -----
    Without compression random reads are as fast as they can be. Compressed maps take less of the
    disk, and a chunk has to be read and decompressed as a whole for each of its samples that
    is asked for alone.

    The order of samples is kept, so that targets and groups stay with them. Samples in a random
    order, of which a training can then read consecutive ones, are had by
    ``rechunk(maps[order], path)``; targets and groups have to be put into the same order.
    Attributes and other datasets of the old file are not copied.

    Random transforms, such as noise, are written as one realization.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from skastro.maps import rechunk
    >>> from skastro.preprocessing import SignedLog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     density = os.path.join(folder, "density.npy")
    ...     np.save(density, np.full((10, 2, 7, 8), 99.0))
    ...     log = SignedLog().fit_transform(open_maps(density))
    ...     maps = rechunk(log, os.path.join(folder, "log.h5"), compression="lzf")
    ...     print(maps.shape, np.asarray(maps[3:5]).mean())
    (10, 2, 7, 8) 2.0
    """
    maps = open_maps(maps)
    path = Path(path)
    of_numpy = path.suffix == ".npy"
    _check(path, of_numpy, dataset, chunk_rows, compression, dtype, memory)
    dtype = np.dtype(dtype)
    blocks = _blocks(maps, dtype, memory)
    n_bytes = maps.size * dtype.itemsize
    storage = _storage(maps.shape, dtype, chunk_rows, compression)
    with (
        new_file(path, n_bytes, compressed=compression is not None) as file,
        progress_bar(verbose, f"rechunk {path.name}", len(maps), "maps") as advance,
        _npy_writer(file, maps.shape, dtype)
        if of_numpy
        else _hdf5_writer(file, dataset, maps.shape, dtype, storage) as write,
    ):
        for block in blocks:
            write(block)
            file.check()
            advance(len(block))
    return open_maps(path, None if of_numpy else dataset)


def _check(path, of_numpy, dataset, chunk_rows, compression, dtype, memory):
    """Check the parameters before anything is written."""

    def refuse(name, allowed, given):
        raise ValueError(
            f"The '{name}' parameter of rechunk must be {allowed}. Got {given!r} instead."
        )

    if not isinstance(dataset, str) or not dataset.strip("/"):
        refuse("dataset", "the name of a dataset", dataset)
    if chunk_rows is not None and not _is_count(chunk_rows):
        refuse("chunk_rows", "an integer of at least 1, or None", chunk_rows)
    if compression not in _COMPRESSIONS:
        refuse("compression", f"one of {_COMPRESSIONS}", compression)
    if dtype not in _DTYPES:
        refuse("dtype", f"one of {_DTYPES}", dtype)
    if not _is_count(memory):
        refuse("memory", "an integer of at least 1", memory)
    if of_numpy and (chunk_rows is not None or compression is not None):
        raise ValueError(
            f"rechunk: a .npy file has neither chunks nor compression; got {path} with "
            f"chunk_rows={chunk_rows!r} and compression={compression!r}. Choose a name that ends "
            f"in .h5."
        )
    if path.exists():
        raise FileExistsError(
            f"rechunk writes a new file, and {path} is there already. Remove it, or choose "
            f"another name."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"rechunk: no folder {path.parent}. Make it first.")


def _is_count(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _blocks(maps, dtype, memory):
    """Consecutive samples in the type of the file, whole chunks of the old file if possible."""
    n_rows = max(1, memory // (4 * maps.sample_bytes))  # what is read, a step, the type, written
    if n_rows >= maps.rows_per_chunk:
        n_rows -= n_rows % maps.rows_per_chunk
    start = 0
    for chunk in maps.chunks(n_rows * maps.sample_bytes):
        with np.errstate(over="ignore"):
            block = chunk.astype(dtype, copy=False)
        lost = np.isinf(block) & np.isfinite(chunk) if block.dtype != chunk.dtype else None
        if lost is not None and lost.any():
            row = int(np.flatnonzero(lost.any(axis=tuple(range(1, lost.ndim))))[0])
            raise ValueError(
                f"rechunk: sample {start + row} holds {chunk[lost].flat[0]:g}, and float16 ends at "
                f"65504. Choose dtype='float32', or transform the maps first."
            )
        start += len(chunk)
        yield block


def _storage(shape, dtype, chunk_rows, compression):
    """What h5py is told of the layout."""
    if (chunk_rows is None and compression is None) or 0 in shape:
        return {}
    rows = min(chunk_rows or 1, shape[0])
    n_bytes = rows * math.prod(shape[1:]) * dtype.itemsize
    if n_bytes > _LARGEST_CHUNK:
        raise ValueError(
            f"rechunk: a chunk of {rows} samples of shape {shape[1:]} takes {n_bytes / 2**30:.3g} "
            f"GiB, and HDF5 takes less than 4. Choose a smaller chunk_rows, or neither chunks "
            f"nor compression."
        )
    if compression is None:
        filters = {}
    elif compression == "blosc":
        filters = _blosc()
    else:
        filters = {"compression": compression, "shuffle": True}
    return {"chunks": (rows, *shape[1:]), **filters}


def _blosc():
    """Blosc with LZ4, and with the bytes shuffled."""
    try:
        import hdf5plugin
    except ImportError as error:
        raise ImportError(
            "rechunk(compression='blosc') needs hdf5plugin: pip install 'skastro[hdf5]'."
        ) from error
    return dict(hdf5plugin.Blosc(cname="lz4", clevel=5, shuffle=hdf5plugin.Blosc.SHUFFLE))


@contextmanager
def _npy_writer(file, shape, dtype):
    """Yields what appends samples to a .npy file."""
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, header)
    yield lambda block: file.write(memoryview(np.ascontiguousarray(block)).cast("B"))


@contextmanager
def _hdf5_writer(file, dataset, shape, dtype, storage):
    """Yields what appends samples to a dataset of an HDF5 file."""
    import h5py

    n_done = 0

    def write(block):
        nonlocal n_done
        new[n_done : n_done + len(block)] = block
        n_done += len(block)

    with h5py.File(file, "w") as hdf5:
        new = hdf5.create_dataset(dataset, shape, dtype, **storage)
        yield write
