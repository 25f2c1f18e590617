"""Channels of one number for each map."""

import pickle

import numpy as np
import pytest

from skastro.maps import LazyMaps, constant_channels, stack_channels
from skastro.utils import fingerprint

SPATIAL = (7, 8, 9)


@pytest.mark.parametrize("spatial", [(9,), (8, 9), SPATIAL, [np.int64(7), 8, 9]])
@pytest.mark.parametrize("values", [[6.0, 7.5, 9.0], [[6], [7], [9]], [[1, 2], [3, 4], [5, 6]]])
def test_values(values, spatial):
    maps = constant_channels(values, spatial)
    columns = np.reshape(values, (3, -1))
    assert isinstance(maps, LazyMaps)
    assert maps.shape == (3, columns.shape[1], *spatial)
    assert maps.dtype == np.float32
    read = np.asarray(maps)
    for i, row in enumerate(columns):
        for j, value in enumerate(row):
            assert (read[i, j] == value).all()


def test_rows_are_chosen_reordered_and_pickled():
    maps = constant_channels(np.arange(10), SPATIAL)[[7, 2, 2, 9]][::-1]
    again = pickle.loads(pickle.dumps(maps))
    np.testing.assert_array_equal(np.asarray(again)[:, 0, 6, 7, 8], [9, 2, 2, 7])


def test_what_is_read_may_be_written_into():
    maps = constant_channels([1.0, 2.0], SPATIAL)
    np.asarray(maps)[...] = 5
    np.testing.assert_array_equal(np.asarray(maps)[:, 0, 0, 0, 0], [1, 2])


def test_beside_other_channels():
    gas = np.random.default_rng(0).random((3, 2, *SPATIAL), dtype=np.float32)
    maps = stack_channels([gas, constant_channels([6, 7, 8], gas.shape[2:])], dim=3)[[2, 0]]
    read = np.asarray(maps)
    np.testing.assert_array_equal(read[:, :2], gas[[2, 0]])
    np.testing.assert_array_equal(read[0, 2], np.full(SPATIAL, 8))
    np.testing.assert_array_equal(read[1, 2], np.full(SPATIAL, 6))


def test_fingerprint_tells_values_and_sizes():
    names = {
        fingerprint(maps)
        for maps in (
            constant_channels([1, 2], SPATIAL),
            constant_channels([1.0, 2.0], list(SPATIAL)),
            constant_channels([1, 3], SPATIAL),
            constant_channels([1, 2], (7, 8, 8)),
            constant_channels([1, 2], SPATIAL)[::-1],
        )
    }
    assert len(names) == 4


def test_little_memory():
    maps = constant_channels(np.arange(1000), (512, 512, 512))
    assert len(pickle.dumps(maps)) < 20_000


def test_repr():
    assert repr(constant_channels([1], (8, 9))) == "LazyMaps(shape=(1, 1, 8, 9), source=constants)"


@pytest.mark.parametrize(
    "values", [None, 3.0, ["a"], [[1], [2, 3]], np.ones((2, 3, 4)), [1j], [True], np.empty((3, 0))]
)
def test_values_that_are_refused(values):
    with pytest.raises(ValueError, match=r"'values' parameter of constant_channels.*n_channels"):
        constant_channels(values, SPATIAL)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e39])
def test_values_that_are_not_finite(bad):
    with pytest.raises(ValueError, match=r"must be finite in float32.*row 1 is"):
        constant_channels([1.0, bad], SPATIAL)


@pytest.mark.parametrize("spatial", [(), 8, (7, 0), (7, -1), (7, 2.0), (True,), None])
def test_sizes_that_are_refused(spatial):
    with pytest.raises(ValueError, match="'spatial' parameter of constant_channels"):
        constant_channels([1.0], spatial)
