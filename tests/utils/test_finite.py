"""The error that says where a NaN is."""

import tracemalloc

import numpy as np
import pytest

from skastro.utils import check_finite

VALUES = np.random.default_rng(0).normal(size=(4, 7, 8, 9)).astype(np.float32)


def test_finite_values_pass():
    assert check_finite(VALUES, "Owner") is None
    assert check_finite(VALUES[:0], "Owner") is None


def test_message():
    values = VALUES.copy()
    values[2, 6, 7, 8] = np.nan
    with pytest.raises(ValueError, match="Owner") as caught:
        check_finite(values, "Owner")
    assert str(caught.value) == (
        "Input X of Owner contains NaN, first at sample 2, channel 6, cell (7, 8). Mask or fill "
        "the bad cells, or drop the sample, before fitting or predicting."
    )


def test_numbers_of_samples_are_the_users():
    values = VALUES.copy()
    values[3, 0, 0, 1] = -np.inf
    for samples in ([7, 5, 3, 11], range(8, 12), np.array([0, 0, 0, 11])):
        with pytest.raises(ValueError, match=r"inf, first at sample 11, channel 0, cell \(0, 1\)"):
            check_finite(values, "Owner", samples=samples)


def test_opposite_infinities_do_not_cancel():
    values = VALUES.copy()
    values[1, 0, 0, :2] = np.inf, -np.inf
    with pytest.raises(ValueError, match=r"contains inf, first at sample 1"):
        check_finite(values, "Owner")


def test_first_bad_cell_is_reported():
    values = VALUES.copy()
    values[1, 3, 2, 1] = np.inf
    values[1, 3, 2, 5] = values[3] = np.nan
    with pytest.raises(ValueError, match=r"inf, first at sample 1, channel 3, cell \(2, 1\)"):
        check_finite(values, "Owner")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_beyond_the_range_is_no_error(dtype):
    check_finite(np.full((9, 7, 8), np.finfo(dtype).max, dtype=dtype), "Owner")
    check_finite(np.full((9, 7, 8), np.finfo(dtype).min, dtype=dtype), "Owner")


def test_views_that_are_not_contiguous():
    values = VALUES.copy()
    values[0, 1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"sample 3, channel 3, cell \(2, 1\)"):
        check_finite(values[::-1].transpose(0, 3, 2, 1), "Owner")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors(dtype):
    torch = pytest.importorskip("torch")
    values = torch.tensor(VALUES, dtype=getattr(torch, dtype), requires_grad=True)
    check_finite(values, "Owner")
    with torch.no_grad():
        values[3, 5, 1, 2] = torch.nan
    with pytest.raises(ValueError, match=r"NaN, first at sample 3, channel 5, cell \(1, 2\)"):
        check_finite(values, "Owner", samples=torch.arange(4))


def test_large_map_is_searched_without_lists():
    values = np.zeros((2, 100, 100, 100), dtype=np.float32)
    values[1, 99, 98, 97] = np.nan
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"sample 1, cell \(99, 98, 97\)"):
        check_finite(values, "Owner", dim=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < values.nbytes
