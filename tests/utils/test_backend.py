"""NumPy and torch behind one set of calls."""

import numpy as np
import pytest

from skastro.utils import as_numpy, contiguous, is_torch, like, namespace


def test_numpy():
    array = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    assert not is_torch(array)
    assert not is_torch([1, 2])
    assert namespace(array) is np
    assert like([1, 2], array).dtype == np.float32
    assert as_numpy(array) is array
    assert contiguous(array) is array
    assert contiguous(array.T).flags.c_contiguous
    np.testing.assert_array_equal(contiguous(array.T), array.T)


def test_torch():
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0, dtype=torch.float64).reshape(2, 3).requires_grad_()
    assert is_torch(tensor)
    assert is_torch(torch.nn.Parameter(tensor.detach()))
    assert namespace(tensor) is torch
    assert like(np.array([1, 2]), tensor).dtype == torch.float64
    assert contiguous(tensor.T).is_contiguous()
    assert as_numpy(tensor.bfloat16()).dtype == np.float32
    np.testing.assert_array_equal(as_numpy(tensor.T), [[0, 3], [1, 4], [2, 5]])
