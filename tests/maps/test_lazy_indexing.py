"""Rows of lazy maps are those that NumPy gives for the same index."""

import numpy as np
import pandas as pd
import pytest

from skastro.maps import open_maps

N = 23
MASK = np.arange(N) % 3 == 1
INDICES = {
    "integer": 4,
    "numpy_integer": np.int32(4),
    "last": -1,
    "zero_dimensional": np.array(7),
    "all": slice(None),
    "ellipsis": Ellipsis,
    "middle": slice(3, 11),
    "backward": slice(None, None, -1),
    "backward_steps": slice(20, 2, -4),
    "negative_bounds": slice(-9, -2, 2),
    "beyond_the_end": slice(18, 99),
    "nothing": slice(5, 5),
    "list": [9, 1, 4],
    "repeated": [3, 3, 22, 3],
    "negative": [-1, 0, -23, 5],
    "one": [6],
    "empty_list": [],
    "empty_array": np.array([], dtype=int),
    "unsigned": np.array([22, 0, 3], dtype=np.uint8),
    "mask": MASK,
    "mask_list": MASK.tolist(),
    "mask_of_none": np.zeros(N, dtype=bool),
    "mask_of_all": np.ones(N, dtype=bool),
    "series": pd.Series([5, 2, 8], index=[1, 7, 3]),
    "permutation": np.random.default_rng(1).permutation(N),
}
RNG = np.random.default_rng(2)
RANDOM_INDICES = [RNG.integers(-N, N, size=RNG.integers(1, 60)) for _ in range(10)]
RANDOM_INDICES += [RNG.random(N) < RNG.random() for _ in range(5)]


def expected(values, key):
    return values[key.to_numpy() if isinstance(key, pd.Series) else key]


@pytest.mark.parametrize("key", INDICES.values(), ids=INDICES)
def test_index(stored, values, key):
    got = stored[key]
    want = expected(values, key)
    assert got.shape == want.shape
    assert got.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(got), want)
    np.testing.assert_array_equal(np.asarray(stored[key, ...]), want)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_nested_index(stored, values, depth):
    rng = np.random.default_rng(depth)
    got, want = stored, values
    for _ in range(depth):
        key = rng.integers(-len(want), len(want), size=rng.integers(1, 40))
        if rng.random() < 0.5:
            key = slice(None, None, rng.choice([-2, -1, 2]))
        got, want = got[key], want[key]
    assert len(got) == len(want)
    np.testing.assert_array_equal(np.asarray(got), want)


def test_random_index(stored, values):
    for key in RANDOM_INDICES:
        np.testing.assert_array_equal(np.asarray(stored[key]), values[key])


@pytest.mark.parametrize(
    "key",
    [(), (Ellipsis,), (..., slice(None)), (slice(2, 9), slice(None)), ([3, 1], *[slice(None)] * 3)],
)
def test_tuple_that_takes_whole_maps(stored, values, key):
    np.testing.assert_array_equal(np.asarray(stored[key]), values[key])


@pytest.mark.parametrize(
    "key",
    [
        (0, 0),
        (slice(None), 0),
        (..., 0),
        ([1, 2], slice(0, 1)),
        (3, np.array([0, 1])),
        (slice(None), None),
        (0, *[slice(None)] * 4),
    ],
)
def test_other_tuples_are_refused(stored, key):
    with pytest.raises(IndexError, match=r"LazyMaps is indexed by rows alone.*numpy\.asarray"):
        stored[key]


@pytest.mark.parametrize("key", [23, -24, [0, 23], [-24], np.array([5, 99])])
def test_out_of_range(stored, key):
    with pytest.raises(IndexError, match="out of bounds"):
        stored[key]


@pytest.mark.parametrize("n", [1, 22, 24])
def test_mask_of_wrong_length(stored, n):
    with pytest.raises(IndexError):
        stored[np.ones(n, dtype=bool)]


@pytest.mark.parametrize("key", [np.zeros((2, 2), dtype=int), [[0, 1]], None, True])
def test_index_of_more_axes(stored, key):
    with pytest.raises(IndexError, match="one axis; got an index of shape"):
        stored[key]


@pytest.mark.parametrize("key", [1.0, [0.5], "density", {"a": 1}])
def test_index_of_wrong_type(stored, key):
    with pytest.raises(IndexError):
        stored[key]


def test_torch_index(stored, values):
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(np.asarray(stored[torch.tensor([4, 0])]), values[[4, 0]])
    np.testing.assert_array_equal(np.asarray(stored[torch.tensor(4)]), values[4])
    mask = torch.from_numpy(MASK)
    np.testing.assert_array_equal(np.asarray(stored[mask]), values[MASK])


def test_iteration(stored, values):
    rows = list(stored[::-2])
    assert [row.shape for row in rows] == [(2, 5, 7)] * 12
    np.testing.assert_array_equal(rows, values[::-2])


def test_attributes(stored, values):
    some = stored[3:10]
    assert (len(some), some.shape, some.ndim) == (7, (7, 2, 5, 7), 4)
    assert (some.size, some.nbytes) == (values[3:10].size, values[3:10].nbytes)
    assert "LazyMaps(shape=(7, 2, 5, 7), source=" in repr(some)


def test_conversion(stored, values):
    doubles = np.array(stored, dtype=float)
    assert doubles.dtype == np.float64
    np.testing.assert_array_equal(doubles, values)
    assert np.asarray(stored, dtype=np.int32).dtype == np.int32
    with pytest.raises(ValueError, match="has to be read"):
        stored.__array__(copy=False)


def test_no_copy_is_refused_by_numpy(stored):
    if int(np.__version__[0]) < 2:
        pytest.skip("asarray takes copy from NumPy 2 on")
    with pytest.raises(ValueError, match="has to be read"):
        np.asarray(stored, copy=False)


def test_what_is_read_belongs_to_the_reader(stored, values):
    read = np.asarray(stored)
    one = stored[5]
    read[...] = one[...] = -1
    np.testing.assert_array_equal(np.asarray(stored), values)


def test_numpy_functions_read(stored, values):
    np.testing.assert_allclose(np.mean(stored), values.mean(), rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate([stored[:2], stored[4:5]]), values[[0, 1, 4]])


def test_lazy_maps_are_opened_already(stored):
    assert open_maps(stored) is stored


@pytest.mark.parametrize("shape", [(4, 9), (4, 7, 8), (4, 7, 8, 9), (4, 2, 7, 8, 9)])
def test_numbers_of_axes(shape):
    values = np.random.default_rng(0).normal(size=shape)
    maps = open_maps(values)
    assert maps[[2, 0]].shape == (2, *shape[1:])
    np.testing.assert_array_equal(np.asarray(maps[[2, 0]]), values[[2, 0]].astype(np.float32))


def test_no_samples():
    maps = open_maps(np.empty((0, 7, 8)))
    assert len(maps) == 0
    assert np.asarray(maps).shape == (0, 7, 8)
    assert list(maps) == []
    with pytest.raises(IndexError):
        maps[0]
