"""A file that is written by HDF5 or NumPy, whole or not at all."""

import errno
import os
import shutil
from contextlib import contextmanager

from ..exceptions import MapSourceError
from ..utils import replacing


class _NewFile:
    """What HDF5 and NumPy write to.

    HDF5 that is refused a write cannot close its file any more, and ends the process with a
    crash. So the first error is kept, for `check` to raise, and what comes after it is dropped.

    Parameters
    ----------
    descriptor : int
        The open file.
    """

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._position = 0
        self._error = None

    def check(self):
        """Raise the error of the first write that failed."""
        if self._error is not None:
            raise self._error

    def seek(self, offset, whence=os.SEEK_SET):
        """Go to a place in the file."""
        start = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._position,
            os.SEEK_END: os.fstat(self._descriptor).st_size,
        }
        self._position = start[whence] + offset
        return self._position

    def tell(self):
        """Place in the file."""
        return self._position

    def read(self, size):
        """Bytes from here on; zeros where writing failed."""
        found = os.pread(self._descriptor, size, self._position)
        self._position += size
        return found if self._error is None else found.ljust(size, b"\0")

    def write(self, data):
        """Write bytes here."""
        data = memoryview(data).cast("B")
        n_done = 0
        while n_done < len(data) and self._error is None:
            try:
                n_done += os.pwrite(self._descriptor, data[n_done:], self._position + n_done)
            except OSError as error:
                self._error = error
        self._position += len(data)
        return len(data)

    def truncate(self, size):
        """Set the size of the file."""
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._error = self._error or error
        return size

    def flush(self):
        """Nothing is kept back."""


@contextmanager
def new_file(path, n_bytes, *, compressed):
    """Write a file of maps that takes its place once it is on the disk.

    Parameters
    ----------
    path : pathlib.Path
        Where the file is to be.
    n_bytes : int
        What the maps take without compression.
    compressed : bool
        Whether they may take less.

    Yields
    ------
    file
        To be written to, a file for HDF5 and NumPy. Its method ``check`` raises what went wrong.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left of it.
    """

    def report(error, reason):
        free = shutil.disk_usage(path.parent).free
        return OSError(
            error,
            f"rechunk: cannot write {path}: {reason}. Nothing of it was left. The maps take "
            f"{n_bytes / 1e9:.3g} GB{' before compression' if compressed else ''}, and "
            f"{free / 1e9:.3g} GB are free in {path.parent}. Make room, choose another disk, "
            f"dtype='float16', or a compression",
        )

    if not compressed and n_bytes > shutil.disk_usage(path.parent).free:
        raise report(errno.ENOSPC, "it does not fit on the disk")
    try:
        with replacing(path) as file:
            new = _NewFile(file.fileno())
            yield new
            new.check()
    except MapSourceError:
        raise
    except OSError as error:
        raise report(error.errno, error.strerror or error) from error
