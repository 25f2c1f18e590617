"""In what numbers products are computed."""

import threading
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_BORROWERS = []
_FOUND = []
_TF32_SINCE = (8, 0)  # compute capability of the first GPUs with TensorFloat-32


def resolve_precision(precision, device, owner):
    """Decide the parameter `precision` by the device.

    Automatic mixed precision is never chosen: its products keep three digits, which is less
    than a regression may need, and processors without instructions for it are five to eight
    times slower.

    Parameters
    ----------
    precision : {"auto", "float32", "tf32", "bfloat16"}
        What was asked for.
    device : torch.device
        Where the net is trained.
    owner : str
        Who asks, named in the error.

    Returns
    -------
    {"float32", "tf32", "bfloat16"}
        What is used.

    Raises
    ------
    ValueError
        If the device cannot do it.
    """
    has_tf32 = device.type == "cuda" and torch.cuda.get_device_capability(device) >= _TF32_SINCE
    if precision == "auto":
        return "tf32" if has_tf32 else "float32"
    if precision == "tf32" and not has_tf32:
        raise ValueError(
            f"The 'precision' parameter of {owner} is 'tf32', which takes a CUDA device of compute "
            f"capability 8.0 or later; the device is {str(device)!r}. Set precision='auto' or "
            f"'float32'."
        )
    return precision


@contextmanager
def computing_in(precision, device):
    """Compute products on a device as asked, and restore what was set before.

    Threads may overlap: the last one to leave restores what the first one found, and what was
    asked for last holds for all of them.

    Parameters
    ----------
    precision : {"float32", "tf32", "bfloat16"}
        What `resolve_precision` returned; that of "bfloat16" is up to `autocast`.
    device : torch.device
        Where the net is.

    Yields
    ------
    None
        Nothing.
    """
    if device.type != "cuda":
        yield
        return
    with _LOCK:
        if not _BORROWERS:
            _FOUND.extend(_switches())
        _BORROWERS.append(precision)
        _switch(precision != "float32", precision != "float32")
    try:
        yield
    finally:
        with _LOCK:
            _BORROWERS.remove(precision)
            if not _BORROWERS:
                _switch(*_FOUND)
                _FOUND.clear()


def _switches():
    """Whether TensorFloat-32 is allowed in products and in convolutions."""
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


def _switch(products, convolutions):
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
