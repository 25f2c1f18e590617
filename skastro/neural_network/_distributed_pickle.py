"""What processes that share a fit are given, in a form that goes to a file or a pipe."""

from pathlib import Path

import numpy as np
import torch

try:
    import cloudpickle
except ImportError:  # joblib < 1.6 has it within
    from joblib.externals import cloudpickle

_SMALL = 2**20  # bytes that are not worth a file


def packed(value):
    """Pickle what goes from process to process, classes of scripts and all.

    Parameters
    ----------
    value : object
        An object, an error, or what a fit has come to.

    Returns
    -------
    bytes
        The pickle; of an error that has none, that of its text, and of what a fit has come to,
        that without its callbacks.
    """
    try:
        return cloudpickle.dumps(value)
    except Exception:
        if isinstance(value, dict):
            return cloudpickle.dumps(value | {"callbacks": []})
        return cloudpickle.dumps(RuntimeError(f"{type(value).__name__}: {value}"))


def write_job(job, path):
    """Write a job, with its large arrays in files of their own that processes map.

    Parameters
    ----------
    job : Job
        The job.
    path : Path
        File in a folder that the arrays go to as well.
    """
    with path.open("wb") as file:
        _Pickler(file, path.parent).dump(job)


class _Pickler(cloudpickle.Pickler):
    """A pickler that writes each large array once, to a file of its own."""

    def __init__(self, file, folder):
        super().__init__(file)
        self._folder = folder
        self._written = {}

    def reducer_override(self, obj):
        """Stand-ins for large arrays and tensors."""
        if _is_large(obj):
            if type(obj) is torch.Tensor:
                return _load_tensor, (self._write(obj.numpy()),)
            return _load_array, (self._write(obj),)
        return super().reducer_override(obj)

    def _write(self, array):
        """Path of the file of an array."""
        place = array.ctypes.data, array.shape, array.strides, array.dtype.str
        if place not in self._written:
            path = str(self._folder / f"{len(self._written)}.npy")
            np.save(path, np.asarray(array))
            self._written[place] = path, array  # kept, so that its place is not given to another
        return self._written[place][0]


def _is_large(obj):
    """Whether something is an array or tensor that is worth a file."""
    if type(obj) is torch.Tensor:
        on_disk = obj.device.type == "cpu" and obj.dtype != torch.bfloat16 and not obj.requires_grad
    else:
        on_disk = type(obj) in (np.ndarray, np.memmap) and not obj.dtype.hasobject
    return on_disk and obj.nbytes > _SMALL


def _load_array(path):
    """The array of a file, mapped, its pages copied where they are written to."""
    return np.asarray(np.load(Path(path), mmap_mode="c"))


def _load_tensor(path):
    return torch.from_numpy(_load_array(path))
