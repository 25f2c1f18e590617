"""Tensors of the memory of arrays."""

import numpy as np
import torch


class _Writable:
    """The memory of an array, without its flag; torch warns of arrays that are read-only."""

    def __init__(self, array):
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (address, False)}
        self.array = array


def share_memory(array):
    """Share the memory of an array that is only read from.

    Parameters
    ----------
    array : ndarray
        The array, which may be read-only.

    Returns
    -------
    torch.Tensor
        A tensor of the same memory; nothing may be written to it.
    """
    if not array.flags.writeable:
        array = np.asarray(_Writable(array))
    return torch.from_numpy(array)
