"""An HDF5 file of predictions that is whole at any moment, and knows how many it holds."""

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

import skastro

from ..utils import replacing

_OWNER = "predict_to_file"
_FORMAT = "skastro predictions 1"
_COUNT = "n_predicted"


class PredictionFile:
    """Predictions on the disk, written in order.

    The file is laid out before anything is predicted: arrays have their final size and place, and
    the library HDF5 never writes to it again. Predictions, and then their number, are written
    to these places, so that a process may be killed at any moment.

    Parameters
    ----------
    path : path-like
        The file.
    fingerprint : str
        Of what is predicted, by which estimator.
    """

    def __init__(self, path, fingerprint):
        self.path = Path(path).expanduser().absolute()
        self.fingerprint = fingerprint
        self.n_done = 0
        self.rows_at_once = None

    def find(self, n_samples, resume):
        """Read how far a former run came.

        Parameters
        ----------
        n_samples : int
            Samples to be predicted.
        resume : bool
            Whether what is there is gone on with; else it is replaced later.

        Returns
        -------
        bool
            Whether there is something to go on with.

        Raises
        ------
        FileExistsError
            If the file is not one of predictions.
        ValueError
            If its predictions are by another estimator or of other maps.
        """
        if not self.path.exists():
            return False
        try:
            with h5py.File(self.path, "r") as file:
                attributes = dict(file.attrs)
                known = attributes.get("format") == _FORMAT
                self._places = self._read_places(file) if known else None
                n_done = int(file[_COUNT][()]) if known else 0
        except (OSError, KeyError) as error:
            raise FileExistsError(f"{self._not_ours()} ({error})") from error
        if not known:
            raise FileExistsError(self._not_ours())
        if not resume:
            return False
        if attributes["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"{_OWNER}: {self.path} holds predictions of {attributes['n_samples']} samples by "
                f"{attributes['method']} of {attributes['estimator']}, and another fitted "
                f"estimator, other maps, parameters or names were given now. Give another path, "
                f"or resume=False to write the file anew."
            )
        self.n_done, self.n_samples = n_done, n_samples
        self.rows_at_once = int(attributes["rows_at_once"])
        return True

    def _not_ours(self):
        return (
            f"{_OWNER}: {self.path} is there already and no file of predictions. Give another "
            f"path, or delete it."
        )

    def create(self, arrays, n_samples, rows_at_once, attributes):
        """Lay the file out, in the place of one that may be there.

        Parameters
        ----------
        arrays : dict of str to tuple
            Shape of a prediction and dtype, by names of datasets.
        n_samples : int
            Number of predictions.
        rows_at_once : int
            Samples that are predicted at once.
        attributes : dict of str to str
            Attributes of the file.

        Raises
        ------
        OSError
            If the disk has no room for all predictions, or cannot be written to.
        """
        self.n_samples, self.rows_at_once = n_samples, rows_at_once
        sizes = [np.dtype(dtype).itemsize * int(np.prod(shape)) for shape, dtype in arrays.values()]
        needed = n_samples * sum(sizes)
        with self._explained():
            free = shutil.disk_usage(self.path.parent).free
            if needed > free:
                raise OSError(
                    errno.ENOSPC,
                    f"predictions take {needed / 1e9:.3g} GB and the disk has {free / 1e9:.3g} GB",
                )
            with replacing(self.path) as raw, h5py.File(raw, "w") as file:
                for name, (shape, dtype) in arrays.items():
                    _lay_out(file, name, (n_samples, *shape), np.dtype(dtype))
                _lay_out(file, _COUNT, (), np.dtype("<i8"))
                file.attrs.update(
                    attributes
                    | {
                        "format": _FORMAT,
                        "fingerprint": self.fingerprint,
                        "skastro_version": skastro.__version__,
                        "datasets": list(arrays),
                        "n_samples": n_samples,
                        "rows_at_once": rows_at_once,
                    }
                )
            with h5py.File(self.path, "r") as file:
                self._places = self._read_places(file)
            self._write_count(0)

    @staticmethod
    def _read_places(file):
        """Place in the file, shape and dtype of each dataset."""
        names = [*file.attrs["datasets"], _COUNT]
        return {name: (file[name].id.get_offset(), file[name].shape, file[name].dtype)
                for name in names}  # fmt: skip

    def append(self, arrays):
        """Write the next predictions.

        Parameters
        ----------
        arrays : list of ndarray
            Predictions of the next samples, in the order of the datasets.

        Raises
        ------
        ValueError
            If they have another shape or type than those of the first sample.
        OSError
            If they cannot be written. What was written before is kept.
        """
        names = [name for name in self._places if name != _COUNT]
        n_new = min(self.rows_at_once, self.n_samples - self.n_done)
        with self._explained(), open(self.path, "r+b", buffering=0) as raw:
            for name, array in zip(names, arrays, strict=True):
                offset, shape, dtype = self._places[name]
                if array.shape != (n_new, *shape[1:]) or array.dtype.itemsize != dtype.itemsize:
                    raise ValueError(
                        f"{_OWNER}: predictions of the {n_new} samples from {self.n_done} on are "
                        f"of shape {array.shape} and {array.dtype}; those of the first sample are "
                        f"as {(n_new, *shape[1:])} and {dtype}."
                    )
                row_bytes = dtype.itemsize * int(np.prod(shape[1:]))
                _write(raw, offset + self.n_done * row_bytes, np.ascontiguousarray(array))
            os.fsync(raw.fileno())
        self.n_done += n_new
        self._write_count(self.n_done)

    def _write_count(self, count):
        with self._explained(), open(self.path, "r+b", buffering=0) as raw:
            _write(raw, self._places[_COUNT][0], np.array(count, dtype="<i8"))
            os.fsync(raw.fileno())

    def dtypes(self):
        """Types of the datasets, in their order."""
        return [dtype for name, (_, _, dtype) in self._places.items() if name != _COUNT]

    @contextmanager
    def _explained(self):
        """Say what was kept and what helps where the disk does not do as it is told."""
        try:
            yield
        except OSError as error:
            kept = f"{self.n_done} of {self.n_samples} samples are in the file" * bool(self.n_done)
            remedy = "Make room or give another path, and call it again"
            words = [f"{_OWNER} cannot write: {error.strerror or error}", kept, remedy]
            said = type(error)(error.errno, ". ".join(filter(None, words)), str(self.path))
            raise said from error


def _lay_out(file, name, shape, dtype):
    """Make a dataset in one piece whose place in the file is fixed at once."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5py.h5t.CSET_UTF8)
    kind = h5py.h5t.py_create(dtype, logical=True)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(file.id, name.encode(), kind, space, dcpl=layout, lcpl=links)


def _write(raw, place, array):
    """Write all bytes of an array, which one call of the system may not do."""
    raw.seek(place)
    left = memoryview(array.reshape(-1).view(np.uint8))
    while left:
        left = left[raw.write(left) :]
