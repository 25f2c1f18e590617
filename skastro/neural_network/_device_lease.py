"""Which of several GPUs a fit takes: the one on which the fewest fits run."""

import os
import tempfile
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path

import torch

from ._torch import resolve_device

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]


@contextmanager
def leased_device(device, owner):
    """Turn the parameter `device` into a torch device, and take it for the duration of a fit.

    Where there are several GPUs, "auto" is the one that the fewest fits of this user have now,
    in whichever threads and processes of this machine they run. A lease is a lock on a file in the
    folder of temporary files, one for each physical GPU and fit, so that the system frees it when
    a process is killed. Fits that name their GPU take a lease of it too. Where files cannot be
    locked, "auto" is the current GPU.

    Parameters
    ----------
    device : str
        "auto", or what torch calls a device, such as "cpu" or "cuda:0".
    owner : str
        Who asks, named in the error.

    Yields
    ------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    resolved = resolve_device(device, owner)
    if resolved.type != "cuda" or torch.cuda.device_count() < 2:
        yield resolved
        return
    if device == "auto":
        numbers = range(torch.cuda.device_count())
    else:
        numbers = [torch.cuda.current_device() if resolved.index is None else resolved.index]
    number, lock = _take(numbers)
    try:
        yield torch.device("cuda", number) if device == "auto" and lock is not None else resolved
    finally:
        if lock is not None:
            _unlock(lock)


def _take(numbers):
    """Number and lock of the GPU with the fewest leases; None for both without locks."""
    if fcntl is None:
        return None, None
    try:
        folder = Path(tempfile.gettempdir()) / f"skastro-gpus-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        choosing = _lock(folder / "choice", wait=True)
        try:
            leases = {number: _leases(folder, number) for number in numbers}
            number = min(leases, key=lambda number: leases[number][0])
            return number, _lock(leases[number][1])
        finally:
            _unlock(choosing)
    except OSError:
        return None, None


def _leases(folder, number):
    """How many leases of a GPU there are, and the file of one that there is not."""
    name = getattr(torch.cuda.get_device_properties(number), "uuid", number)
    files = takewhile(Path.exists, (folder / f"{name}-{i}" for i in count()))
    n_held, free = 0, None
    for path in files:
        lock = _lock(path)
        if lock is None:
            n_held += 1
        else:
            _unlock(lock)
            free = free or path
    return n_held, free or folder / f"{name}-{n_held}"


def _lock(path, wait=False):
    """Descriptor of a file that is locked now; None if it is locked already."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def _unlock(descriptor):
    """Free a lock, also where a forked child has inherited it."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
