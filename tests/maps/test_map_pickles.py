"""What lazy maps are when they travel: a path and few bytes of rows."""

import copy
import pickle

import numpy as np
import pytest

from skastro.instrument import WhiteNoise
from skastro.maps import open_maps

N_MAPS = 60_000
MESSAGE = 700  # bytes of a path and all else but rows


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Many small maps in a file, each with its number in its cells."""
    path = tmp_path_factory.mktemp("maps") / "maps.npy"
    np.save(path, np.repeat(np.arange(N_MAPS, dtype="float32"), 6).reshape(N_MAPS, 2, 3))
    return open_maps(path)


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(7, None, 3),
        slice(None, None, -1),
        slice(-5, 2, -11),
        slice(9, 10),
        slice(0, 0),
        [5],
        [4, 4],
        [N_MAPS - 1, 0],
        [3, 1, 2],
        [1, 2, 4],
    ],
)
def test_rows_come_back(maps, rows):
    """Ranges and other rows are the same behind a pickle, in values and in type."""
    some = maps[rows]
    again = pickle.loads(pickle.dumps(some))
    assert again.rows.dtype == some.rows.dtype == np.intp
    np.testing.assert_array_equal(again.rows, some.rows)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(some))
    assert again.shape == some.shape
    assert len(pickle.dumps(some)) < MESSAGE


def test_size_of_a_pickle(maps):
    """Ranges take no room, rows of a shuffled split as much as the smallest integers for them."""
    assert len(pickle.dumps(maps)) < MESSAGE
    assert len(pickle.dumps(maps[1::2])) < MESSAGE
    shuffled = np.random.default_rng(0).permutation(N_MAPS)
    assert len(pickle.dumps(maps[shuffled])) < MESSAGE + 2 * N_MAPS
    few = np.random.default_rng(0).permutation(200)
    assert len(pickle.dumps(maps[few])) < MESSAGE + 200


def test_pickling_leaves_the_maps_alone(maps):
    """Rows stay an array, those of a copy too."""
    some = maps[[8, 2, 5]]
    pickle.dumps(some)
    assert isinstance(some.rows, np.ndarray)
    np.testing.assert_array_equal(copy.copy(some).rows, [8, 2, 5])
    np.testing.assert_array_equal(copy.deepcopy(some).rows, [8, 2, 5])


def test_noise_is_the_same_behind_a_pickle(maps):
    """Random numbers belong to rows of the source, which come back as they were."""
    noisy = WhiteNoise(1.0, random_state=0).fit_transform(maps[[11, 3, 7]])
    again = pickle.loads(pickle.dumps(noisy.realization(2)))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(noisy.realization(2)))
    assert not np.array_equal(np.asarray(again), np.asarray(noisy))
