"""Lazy maps in other processes and threads."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import h5py
import joblib
import numpy as np
import pytest

from skastro.maps import open_maps
from skastro.preprocessing import FieldScaler


@pytest.fixture(params=["maps.h5", "maps.npy"])
def file_maps(request, tmp_path):
    """Maps of 2000 samples in a file of either format."""
    values = np.random.default_rng(0).normal(size=(2000, 7, 8)).astype(np.float32)
    path = tmp_path / request.param
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=values, chunks=(16, 7, 8), compression="lzf")
    return open_maps(path)


def total(maps):
    return float(np.asarray(maps, dtype=float).sum())


def rows_of_child(maps, queue):
    queue.put([np.asarray(maps[i::3]) for i in range(3)])


@pytest.mark.parametrize("pickler", ["pickle", "cloudpickle"])
def test_pickle_is_a_path_and_rows(file_maps, pickler):
    scaled = FieldScaler().fit(file_maps).transform(file_maps)[[5, 1700, 3]]
    np.asarray(scaled)
    pickled = pytest.importorskip(pickler).dumps(scaled)
    assert len(pickled) < 3000
    again = pickle.loads(pickled)
    assert repr(again) == repr(scaled)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(scaled))


def test_pickle_of_maps_in_memory():
    values = np.arange(24.0).reshape(4, 2, 3)
    again = pickle.loads(pickle.dumps(open_maps(values)[1:]))
    np.testing.assert_array_equal(np.asarray(again), values[1:])


def test_pickle_keeps_the_realization(file_maps):
    assert pickle.loads(pickle.dumps(file_maps.realization(6))).epoch == 6


def test_hash_does_not_change_with_reading(file_maps):
    before = joblib.hash(file_maps)
    np.asarray(file_maps[:3])
    assert joblib.hash(file_maps) == before
    assert joblib.hash(file_maps[:3]) != before


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_after_the_parent_has_read(file_maps):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork here")
    values = np.asarray(file_maps)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=rows_of_child, args=(file_maps, queue)) for _ in range(2)]
    for child in children:
        child.start()
    for step in range(5):
        np.testing.assert_array_equal(np.asarray(file_maps[step::7]), values[step::7])
    for _ in children:
        for i, rows in enumerate(queue.get(timeout=60)):
            np.testing.assert_array_equal(rows, values[i::3])
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
    np.testing.assert_array_equal(np.asarray(file_maps), values)


def test_handle_belongs_to_its_process(file_maps, monkeypatch):
    source = file_maps.source
    mine = source._array()
    assert source._array() is mine
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert source._array() is not mine


def test_joblib_workers(file_maps):
    parts = [file_maps[i::4] for i in range(4)]
    sums = joblib.Parallel(n_jobs=2)(joblib.delayed(total)(part) for part in parts)
    np.testing.assert_allclose(sums, [total(part) for part in parts])


def test_threads_share_a_source(file_maps):
    values = np.asarray(file_maps)
    fresh = open_maps(file_maps.source.path)
    orders = [np.random.default_rng(seed).permutation(2000)[:300] for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for order, rows in zip(
            orders, pool.map(lambda i: np.asarray(fresh[i]), orders), strict=True
        ):
            np.testing.assert_array_equal(rows, values[order])
