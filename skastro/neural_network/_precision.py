"""In what numbers products are computed."""

import threading
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_BORROWERS: list[object] = []
_FOUND: list[str] = []
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
            _FOUND.extend(_read())
        _BORROWERS.append(precision)
        _switch(precision != "float32")
    try:
        yield
    finally:
        with _LOCK:
            _BORROWERS.remove(precision)
            if not _BORROWERS:
                _write(_FOUND)
                _FOUND.clear()


def _switches():
    """Objects of torch and the names of their switches; newer versions have two for each thing."""
    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    newer = [products] + [getattr(cudnn, kind) for kind in ("conv", "rnn") if hasattr(cudnn, kind)]
    older = [(products, "allow_tf32"), (cudnn, "allow_tf32")]
    return older + [(part, "fp32_precision") for part in newer if hasattr(part, "fp32_precision")]


def _read():
    """Values of the switches; None where torch does not tell, as the other one was used."""
    values = []
    for part, name in _switches():
        try:
            values.append(getattr(part, name))
        except RuntimeError:
            values.append(None)
    return values


def _write(values):
    for (part, name), value in zip(_switches(), values, strict=True):
        if value is not None:
            setattr(part, name, value)


def _switch(tf32):
    """Allow TensorFloat-32 in products and in convolutions, or forbid it."""
    word = "tf32" if tf32 else "ieee"
    _write([word if name == "fp32_precision" else tf32 for _, name in _switches()])
