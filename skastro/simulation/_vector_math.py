"""Functions of arrays by the vector instructions that torch has for them and NumPy lacks."""

import numpy as np

_BLOCK = 16384
_VECTOR = 64


def evaluate(function, *values):
    """Apply a function of torch to arrays, on one thread.

    Values are copied to blocks of whole vectors, so that each of them has the same bits wherever it
    stands in an array; torch treats the end of an array otherwise.

    Parameters
    ----------
    function : str
        Name in torch of an elementwise function, such as "log".
    *values : ndarray of shape (n,)
        Arguments, of float32 or float64.

    Returns
    -------
    ndarray of shape (n,)
        The results, float64 if an argument is.
    """
    import torch

    dtype = np.result_type(*values)
    found = np.empty(values[0].shape, dtype)
    length = min(_BLOCK, -(-found.size // _VECTOR) * _VECTOR)
    blocks = [np.ones(length, dtype) for _ in values]
    tensors = [torch.from_numpy(block) for block in blocks]
    result = np.empty(length, dtype)
    tensor = torch.from_numpy(result)
    for first in range(0, found.size, _BLOCK):
        size = min(_BLOCK, found.size - first)
        for block, value in zip(blocks, values, strict=True):
            block[:size] = value[first : first + size]
        getattr(torch, function)(*tensors, out=tensor)
        found[first : first + size] = result[:size]
    return found
