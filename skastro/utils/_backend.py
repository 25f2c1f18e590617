"""NumPy and torch behind one set of calls, without importing torch."""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from ._typing import Array, ArrayLike

if TYPE_CHECKING:
    import torch


def is_torch(array: object) -> TypeGuard["torch.Tensor"]:
    """Tell whether an object is a torch tensor, without loading torch.

    Parameters
    ----------
    array : object
        Anything.

    Returns
    -------
    bool
        True for a torch tensor.
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def namespace(array: Array) -> ModuleType:
    """Module whose functions act on an array: numpy or torch.

    Parameters
    ----------
    array : ndarray or torch.Tensor
        The array.

    Returns
    -------
    module
        ``numpy`` or ``torch``.
    """
    return sys.modules["torch"] if is_torch(array) else np


def like(values: ArrayLike, array: Array) -> Array:
    """Turn values into an array of the kind, floating type and device of another.

    Parameters
    ----------
    values : array-like
        Numbers.
    array : ndarray or torch.Tensor
        The array to go with.

    Returns
    -------
    ndarray or torch.Tensor
        The values, in the dtype of `array`.
    """
    if is_torch(array):
        return sys.modules["torch"].as_tensor(
            np.asarray(values), dtype=array.dtype, device=array.device
        )
    return np.asarray(values, dtype=array.dtype)


def as_numpy(array: Array) -> np.ndarray:
    """Bring a tensor to NumPy.

    Parameters
    ----------
    array : ndarray or torch.Tensor
        The array, on any device.

    Returns
    -------
    ndarray
        The values, those of a tensor in float32.
    """
    return array.detach().float().cpu().numpy() if is_torch(array) else array


def contiguous(array: Array) -> Array:
    """Copy an array into C order unless it has it.

    Parameters
    ----------
    array : ndarray or torch.Tensor
        The array.

    Returns
    -------
    ndarray or torch.Tensor
        The same values, contiguous.
    """
    return array.contiguous() if is_torch(array) else np.ascontiguousarray(array)
