"""What reading HDF5 needs beyond h5py: filters of plugins, and reads past the library."""

import os
from itertools import pairwise

import numpy as np

from ..exceptions import MapSourceError

_CONVERTED_BYTES = 1 << 22  # of numbers of another type, read at once


def load_filters(dataset):
    """Make sure that the filters of a dataset can be undone.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset.

    Raises
    ------
    MapSourceError
        If one is missing, also with the plugins that the extra ``hdf5`` installs.
    """
    import h5py

    created = dataset.id.get_create_plist()
    filters = [created.get_filter(i) for i in range(created.get_nfilters())]
    if all(h5py.h5z.filter_avail(number) for number, *_ in filters):
        return
    try:
        import hdf5plugin  # noqa: F401, it registers its filters
    except ImportError:
        remedy = "Install the plugins of HDF5: pip install 'skastro[hdf5]'."
    else:
        remedy = "Write the maps anew where its plugin is installed, see skastro.maps.rechunk."
    missing = [
        f"{number} ({name.decode(errors='replace')})"
        for number, _, _, name in filters
        if not h5py.h5z.filter_avail(number)
    ]
    if missing:
        raise MapSourceError(
            f"open_maps: {dataset.name!r} of {dataset.file.filename} is compressed by the filter "
            f"{', '.join(missing)}, which HDF5 lacks here. {remedy}"
        )


class PlainRows:
    """Rows of a dataset that lie in its file as they are, read by the operating system.

    HDF5 takes several times longer for a small read, and lets one thread in at a time.

    Parameters
    ----------
    dataset : h5py.Dataset
        A dataset that `plain_rows` found fit; its file stays open as long as this object.
    addresses : ndarray of int
        Where in the file each chunk begins; the only one of a contiguous dataset.
    per_chunk : int
        Rows of a chunk.
    """

    def __init__(self, dataset, addresses, per_chunk):
        self.dataset = dataset
        self.addresses = addresses
        self.per_chunk = per_chunk
        self._file = dataset.file.id.get_vfd_handle()
        self._dtype = dataset.dtype
        self._row_bytes = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))

    def read(self, rows):
        """Rows as a new array, each stretch of neighbours in the file in one read.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, ascending.

        Returns
        -------
        ndarray of shape (len(rows), ...)
            The rows in native float32.

        Raises
        ------
        OSError
            If the file cannot be read or ends too soon.
        """
        out = np.empty((len(rows), *self.dataset.shape[1:]), dtype=np.float32)
        at_once = max(1, min(len(rows), _CONVERTED_BYTES // self._row_bytes))
        direct = self._dtype == out.dtype
        buffer = np.empty((0 if direct else at_once, *out.shape[1:]), dtype=self._dtype)
        at = self.addresses[rows // self.per_chunk] + rows % self.per_chunk * self._row_bytes
        edges = np.flatnonzero(np.diff(at) != self._row_bytes) + 1
        edges = [0, *edges.tolist(), len(rows)]
        for start, stop in pairwise(edges):
            if direct and stop > start:
                self._fill(memoryview(out[start:stop]).cast("B"), int(at[start]))
                continue
            for first in range(start, stop, at_once):
                some = out[first : min(first + at_once, stop)]
                stored = buffer[: len(some)]
                self._fill(memoryview(stored).cast("B"), int(at[first]))
                with np.errstate(over="ignore"):  # infinite, as HDF5 makes it
                    some[...] = stored
        return out

    def _fill(self, buffer, at):
        """Read as many bytes as a buffer takes; the system may hand them over in pieces."""
        done = 0
        while done < len(buffer):
            n_read = os.preadv(self._file, [buffer[done:]], at + done)
            if n_read == 0:
                raise OSError(f"the file ends {len(buffer) - done} bytes too soon")
            done += n_read


def plain_rows(dataset):
    """Find out where the rows of a dataset lie in its file.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset.

    Returns
    -------
    PlainRows or None
        None where the bytes in the file are not those of whole rows one after the other
        (filters, chunks that cut rows, parts that were never written, numbers that NumPy has
        no type for), or may not be there yet, since the file is open for writing.
    """
    import h5py

    file, created = dataset.file, dataset.id.get_create_plist()
    layout, n_rows = created.get_layout(), dataset.shape[0]
    if (
        not hasattr(os, "preadv")
        or dataset.size == 0
        or (file.mode, file.driver, file.userblock_size) != ("r", "sec2", 0)
        or created.get_nfilters()
        or created.get_external_count()
        or not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype))
    ):
        return None
    if layout == h5py.h5d.CONTIGUOUS:
        address = dataset.id.get_offset()
        return None if address is None else PlainRows(dataset, np.array([address]), n_rows)
    if layout != h5py.h5d.CHUNKED or dataset.chunks[1:] != dataset.shape[1:]:
        return None
    per_chunk = dataset.chunks[0]
    addresses = np.full(-(-n_rows // per_chunk), -1)

    def note(chunk):
        addresses[chunk.chunk_offset[0] // per_chunk] = chunk.byte_offset

    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(note)
    return None if (addresses < 0).any() else PlainRows(dataset, addresses, per_chunk)
