"""Rows of a file, read past the library that wrote them."""

import math
import os
from itertools import pairwise

import numpy as np

CAN_READ = hasattr(os, "preadv")
_CONVERTED_BYTES = 1 << 22  # of numbers of another type, read at once


class PlainRows:
    """Rows that lie in a file as they are, read by the operating system.

    HDF5 takes several times longer for a small read, and lets one thread in at a time. A memory
    map counts what is read as memory of the process, and ends it where the file has shrunk.

    Parameters
    ----------
    owner : object
        What keeps the file open, as long as this object is there.
    descriptor : int
        Number of the open file.
    shape : tuple of int
        ``(n_rows, ...)``.
    dtype : numpy.dtype
        Type of the numbers in the file.
    addresses : ndarray of int
        Where in the file each chunk begins; the only one where there are no chunks.
    per_chunk : int
        Rows of a chunk.
    """

    def __init__(self, owner, descriptor, shape, dtype, addresses, per_chunk):
        self.owner = owner
        self.shape = shape
        self.dtype = dtype
        self.addresses = addresses
        self.per_chunk = per_chunk
        self._file = descriptor
        self._row_bytes = dtype.itemsize * math.prod(shape[1:])

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
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        at_once = max(1, min(len(rows), _CONVERTED_BYTES // self._row_bytes))
        direct = self.dtype == out.dtype
        buffer = np.empty((0 if direct else at_once, *out.shape[1:]), dtype=self.dtype)
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
