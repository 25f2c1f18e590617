"""Maps on their way to the memory of a GPU."""

from contextlib import contextmanager

import torch

from ..maps import LazyMaps
from ._shared_memory import share_memory


def to_device(batch, device):
    """Copy a batch to a device, to a GPU while the processor goes on.

    Parameters
    ----------
    batch : torch.Tensor
        A tensor on the processor or on the device.
    device : torch.device
        Where it is wanted.

    Returns
    -------
    torch.Tensor
        The batch on the device.
    """
    if device.type == "cuda" and batch.device.type == "cpu":
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


@contextmanager
def beside_training(device):
    """Let a thread queue its work on a GPU beside that of training.

    Parameters
    ----------
    device : torch.device
        The device.

    Yields
    ------
    callable
        Waits until what was queued is done.
    """
    if device.type != "cuda":
        yield lambda: None
        return
    stream = torch.cuda.Stream(device)
    with torch.cuda.stream(stream):
        yield stream.synchronize


def claim(batch):
    """Take over what a thread has read.

    Parameters
    ----------
    batch : ndarray or torch.Tensor
        An array, or a tensor on the device, which another stream may have made.

    Returns
    -------
    torch.Tensor
        The batch; its memory is kept until the stream of this thread is done with it.
    """
    if not isinstance(batch, torch.Tensor):
        return torch.from_numpy(batch)
    if batch.device.type == "cuda":
        batch.record_stream(torch.cuda.current_stream(batch.device))
    return batch


def fits_on(device, n_bytes):
    """Whether data may stay in the memory of a GPU: half of what is free is left to the net.

    Parameters
    ----------
    device : torch.device
        The device.
    n_bytes : int
        Size of the data.

    Returns
    -------
    bool
        False where the device is no GPU.
    """
    return device.type == "cuda" and n_bytes <= torch.cuda.mem_get_info(device)[0] // 2


def resident(fields, device):
    """Move maps or fields in memory to a GPU for good, where they fit.

    Parameters
    ----------
    fields : ndarray, torch.Tensor or LazyMaps
        The data.
    device : torch.device
        Where training is.

    Returns
    -------
    ndarray, torch.Tensor or LazyMaps
        A tensor on the GPU, or what was given.
    """
    if isinstance(fields, LazyMaps) or not fits_on(device, fields.nbytes):
        return fields
    return as_stored(fields).to(device)


def as_stored(fields):
    """Maps as a data set keeps them.

    Parameters
    ----------
    fields : ndarray, torch.Tensor or LazyMaps
        The maps.

    Returns
    -------
    torch.Tensor or LazyMaps
        What was given; a tensor of the same memory for an array.
    """
    return fields if isinstance(fields, LazyMaps | torch.Tensor) else share_memory(fields)


def taken(values, rows):
    """Rows of a tensor.

    Parameters
    ----------
    values : torch.Tensor
        The tensor, on any device.
    rows : torch.Tensor of int
        Numbers of rows, on the processor.

    Returns
    -------
    torch.Tensor
        The rows, where the tensor is.
    """
    return values.index_select(0, rows.to(values.device))
