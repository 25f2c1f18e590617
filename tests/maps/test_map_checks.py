"""The check of shape, kind and values that every estimator puts its maps through."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator

from skastro.exceptions import MapShapeError
from skastro.maps import check_maps, checked_chunks, open_maps

SHAPES = {2: (6, 9), 3: (6, 8, 9), 4: (6, 7, 8, 9), 5: (6, 3, 7, 8, 9)}
WHERE = {
    2: "sample 4, cell (5)",
    3: "sample 4, cell (5, 2)",
    4: "sample 4, channel 5, cell (2, 7)",
    5: "sample 4, channel 2, cell (5, 2, 7)",
}
BAD_CELL = {2: (4, 5), 3: (4, 5, 2), 4: (4, 5, 2, 7), 5: (4, 2, 5, 2, 7)}


class Learner(BaseEstimator):
    """Owner of the checks."""


def fitted(X, **options):
    """A learner whose shape was recorded."""
    learner = Learner()
    check_maps(learner, X, reset=True, **options)
    return learner


def as_torch(values):
    return pytest.importorskip("torch").from_numpy(values)


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("kind", [np.asarray, as_torch])
@pytest.mark.parametrize(("bad", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_bad_value_is_named(ndim, kind, bad, name):
    values = np.ones(SHAPES[ndim], dtype=np.float32)
    values[BAD_CELL[ndim]] = bad
    values[5] = np.nan
    with pytest.raises(ValueError, match=f"Input X of Learner contains {name}, ") as caught:
        check_maps(Learner(), kind(values), reset=True)
    assert f"first at {WHERE[ndim]}." in str(caught.value)


@pytest.mark.parametrize("ndim", SHAPES)
def test_bad_value_of_lazy_maps_is_named(ndim):
    values = np.ones((40, *SHAPES[ndim][1:]), dtype=np.float32)
    values[(31, *BAD_CELL[ndim][1:])] = np.nan
    maps = open_maps(values)[::-1]
    learner = Learner()
    assert check_maps(learner, maps, reset=True) is maps
    assert learner.sample_shape_ == SHAPES[ndim][1:]
    with pytest.raises(ValueError, match="contains NaN") as caught:
        list(checked_chunks(maps, "Learner"))
    assert f"first at {WHERE[ndim].replace('sample 4', 'sample 8')}." in str(caught.value)


def test_bad_value_in_a_later_chunk_of_lazy_maps(monkeypatch):
    values = np.ones((40, 7, 8), dtype=np.float32)
    values[33, 2, 1] = np.nan
    maps = open_maps(values)
    monkeypatch.setattr(type(maps).chunks, "__defaults__", (5 * 4 * 56,))
    with pytest.raises(ValueError, match=r"sample 28, cell \(2, 1\)"):
        list(checked_chunks(maps[5:], "Learner"))


def test_dim_says_what_is_a_channel():
    values = np.ones(SHAPES[4])
    values[BAD_CELL[4]] = np.nan
    with pytest.raises(ValueError, match=r"sample 4, cell \(5, 2, 7\)"):
        check_maps(Learner(), values, reset=True, dim=3)
    with pytest.raises(ValueError, match=r"sample 4, cell \(5, 2, 7\)"):
        list(checked_chunks(open_maps(values), "Learner", dim=3))


@pytest.mark.parametrize("dtype", ["<f8", ">f8", ">f4", "<f2", "i1", ">i4", "u8", "?"])
@pytest.mark.parametrize("ndim", SHAPES)
def test_values_become_native_float32(dtype, ndim):
    values = np.random.default_rng(0).integers(0, 2, size=SHAPES[ndim]).astype(dtype)
    checked = check_maps(Learner(), values, reset=True)
    assert checked.dtype == np.float32
    assert checked.dtype.isnative
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, values.astype(float))


@pytest.mark.parametrize("ndim", SHAPES)
def test_native_float32_is_not_copied(ndim):
    values = np.ones(SHAPES[ndim], dtype=np.float32)
    values.flags.writeable = False
    assert np.shares_memory(check_maps(Learner(), values, reset=True), values)


@pytest.mark.parametrize("ndim", [3, 5])
def test_order_of_fortran_is_turned(ndim):
    values = np.random.default_rng(0).normal(size=SHAPES[ndim]).astype(np.float32)
    checked = check_maps(Learner(), np.asfortranarray(values), reset=True)
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, values)


@pytest.mark.parametrize("ndim", SHAPES)
def test_value_beyond_float32_is_reported_with_its_remedy(ndim):
    luminosity = np.full(SHAPES[ndim], 1e30)
    luminosity[BAD_CELL[ndim]] = 4e41
    with pytest.raises(ValueError, match=r"inf.*3\.4e38 is infinite in float32.*larger unit") as e:
        check_maps(Learner(), luminosity, reset=True)
    assert WHERE[ndim] in str(e.value)
    maps = open_maps(luminosity)
    with (
        pytest.warns(RuntimeWarning, match="overflow encountered in cast"),
        pytest.raises(ValueError, match="larger unit"),
    ):
        list(checked_chunks(maps, "Learner"))


def test_sum_that_overflows_is_no_error():
    values = np.full((9, 8, 7), 3e38, dtype=np.float32)
    np.testing.assert_array_equal(check_maps(Learner(), values, reset=True), values)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "uint8"])
def test_tensors_become_float32(dtype):
    torch = pytest.importorskip("torch")
    tensor = torch.arange(56).reshape(1, 7, 8).to(getattr(torch, dtype))
    checked = check_maps(Learner(), tensor, reset=True)
    assert checked.dtype == torch.float32
    assert torch.equal(checked, tensor.float())


def test_complex_values_are_refused():
    for values in (np.ones((6, 9), dtype=complex), np.ones((6, 8, 9), dtype=np.complex64)):
        with pytest.raises(ValueError, match="Complex data not supported"):
            check_maps(Learner(), values, reset=True)
        with pytest.raises(ValueError, match=r"Learner takes real maps; got a tensor of torch\.c"):
            check_maps(Learner(), as_torch(values), reset=True)


def test_sparse_matrices_are_refused():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        check_maps(Learner(), scipy.sparse.csr_matrix(np.eye(9)), reset=True)


@pytest.mark.parametrize("shape", [(6, 9), (6, 8, 9)])
def test_masked_arrays(shape):
    values = np.ma.MaskedArray(np.ones(shape))
    assert check_maps(Learner(), values, reset=True).shape == shape
    values[3, 2] = np.ma.masked
    with pytest.raises(ValueError, match=r"Learner takes no masked values.*X\.filled"):
        check_maps(Learner(), values, reset=True)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
@pytest.mark.parametrize("ndim", [3, 4, 5])
def test_shape_of_the_fit_is_kept(kind, ndim):
    learner = fitted(np.ones(SHAPES[ndim]))
    other = (*SHAPES[ndim][:-1], 11)
    with pytest.raises(MapShapeError, match="Learner was fitted on samples of shape") as caught:
        check_maps(learner, kind(np.ones(other)), reset=False)
    assert str(SHAPES[ndim][1:]) in str(caught.value)
    assert str(other[1:]) in str(caught.value)
    assert len(check_maps(learner, kind(np.ones((2, *SHAPES[ndim][1:]))), reset=False)) == 2


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
def test_free_size(kind):
    learner = fitted(np.ones((6, 7, 8, 9)), free_size=True)
    options = {"reset": False, "free_size": True}
    assert check_maps(learner, kind(np.ones((2, 7, 11, 3))), **options).shape == (2, 7, 11, 3)
    for shape in [(2, 6, 8, 9), (2, 8, 8, 9), (2, 8, 9), (2, 7, 8, 9, 1), (7, 9)]:
        with pytest.raises(MapShapeError):
            check_maps(learner, kind(np.ones(shape)), **options)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
@pytest.mark.parametrize("shape", [(8, 8), (8, 9), (8, 8, 9), (3, 7, 8, 9)])
def test_one_sample_without_its_axis(kind, shape):
    learner = fitted(np.ones((6, *shape)), free_size=True)
    with pytest.raises(MapShapeError, match=r"add the axis of samples: X\[None\]"):
        check_maps(learner, kind(np.ones(shape)), reset=False, free_size=True)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
def test_signals_keep_their_number_of_features(kind):
    learner = fitted(np.ones((6, 9)), free_size=True)
    with pytest.raises(ValueError, match="9"):
        check_maps(learner, kind(np.ones((6, 10))), reset=False, free_size=True)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
@pytest.mark.parametrize("shape", [(4, 3, 0), (4, 0, 5, 6)])
def test_maps_without_cells(kind, shape):
    with pytest.raises(MapShapeError, match="cells"):
        check_maps(Learner(), kind(np.ones(shape)), reset=True)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
def test_too_few_samples(kind):
    for n_samples, least in ((0, 1), (3, 4)):
        with pytest.raises(ValueError, match=f"{least}"):
            check_maps(Learner(), kind(np.ones((n_samples, 7, 8))), reset=True, min_samples=least)


@pytest.mark.parametrize("kind", [np.asarray, as_torch])
def test_number_of_axes(kind):
    for shape in [(9,), (2,) * 6]:
        with pytest.raises(ValueError, match=r"axes|Expected 2D array"):
            check_maps(Learner(), kind(np.ones(shape)), reset=True)
    for dim, shape in [(2, (6, 9)), (1, (6, 7, 8, 9)), (3, (6, 8, 9))]:
        with pytest.raises(MapShapeError, match=f"Learner with dim={dim} takes maps of"):
            check_maps(Learner(), kind(np.ones(shape)), reset=True, dim=dim)


def test_lists_are_taken():
    assert check_maps(Learner(), [[[1, 2], [3, 4]]], reset=True).shape == (1, 2, 2)
    assert check_maps(Learner(), [np.ones((7, 8))] * 3, reset=True).shape == (3, 7, 8)
    with pytest.raises(ValueError, match="inhomogeneous"):
        check_maps(Learner(), [np.ones((7, 8)), np.ones((8, 7))], reset=True)


def test_names_of_features():
    frame = pd.DataFrame(np.ones((4, 3)), columns=["a", "b", "c"])
    learner = fitted(frame)
    assert learner.n_features_in_ == 3
    np.testing.assert_array_equal(learner.feature_names_in_, ["a", "b", "c"])
    with pytest.raises(ValueError, match="feature names should match"):
        check_maps(learner, frame.rename(columns={"a": "z"}), reset=False)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        check_maps(learner, frame.to_numpy(), reset=False)
    with pytest.raises(ValueError, match="X has 4 features, but Learner is expecting 3"):
        check_maps(fitted(np.ones((5, 3))), np.ones((4, 4)), reset=False)


@pytest.mark.parametrize("kind", [np.asarray, as_torch, open_maps])
def test_names_of_an_earlier_fit_are_forgotten(kind):
    learner = fitted(pd.DataFrame(np.ones((4, 3)), columns=["a", "b", "c"]))
    check_maps(learner, kind(np.ones((4, 7, 8))), reset=True)
    assert not hasattr(learner, "feature_names_in_")
    assert (learner.n_features_in_, learner.sample_shape_) == (7, (7, 8))


@pytest.mark.parametrize("kind", [np.asarray, open_maps])
def test_chunks_cover_the_maps_in_order(kind):
    values = np.random.default_rng(0).normal(size=(40, 64, 64)).astype(np.float32)
    chunks = list(checked_chunks(kind(np.tile(values, (60, 1, 1))), "Learner"))
    assert len(chunks) == 2
    assert sum(len(chunk) for chunk in chunks) == 2400
    np.testing.assert_array_equal(chunks[0][:40], values)
    np.testing.assert_array_equal(chunks[1][-40:], values)
