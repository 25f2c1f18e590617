"""How much is read from files, in how many reads, and into how much memory."""

import tracemalloc

import h5py
import numpy as np
import pytest

from skastro.maps import _sources, open_maps

MIB = 1 << 20


@pytest.mark.parametrize(
    ("rows", "reads"),
    [
        (range(23), [23]),
        (range(5, 11), [6]),
        ([10, 6, 8, 7, 9], [5]),
        ([4, 5, 7], [4]),
        ([4, 7, 4, 7], [4]),
        ([1, 9, 17], [1, 1, 1]),
        ([0, 3, 8, 11], [4, 4]),
        ([3, 4, 8], [2, 1]),
        ([22, 2, 1, 13, 15], [2, 3, 1]),
        ([], []),
    ],
)
def test_neighbours_and_rows_of_a_chunk_are_one_read(hdf5_maps, values, count_reads, rows, reads):
    counted = count_reads(hdf5_maps)
    rows = list(rows)
    np.testing.assert_array_equal(np.asarray(hdf5_maps[rows]), values[rows])
    assert counted == reads


@pytest.mark.parametrize(("rows", "reads"), [([4, 5, 7], [2, 1]), ([0, 2, 4], [1, 1, 1])])
def test_contiguous_datasets_are_read_without_gaps(tmp_path, values, count_reads, rows, reads):
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["x"] = values
    maps = open_maps(tmp_path / "maps.h5")
    counted = count_reads(maps)
    np.testing.assert_array_equal(np.asarray(maps[rows]), values[rows])
    assert counted == reads


def test_gaps_are_not_bridged_beyond_the_memory_of_a_chunk(
    tmp_path, values, count_reads, monkeypatch
):
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(23, 1, 5, 7))
    maps = open_maps(tmp_path / "maps.h5")
    monkeypatch.setattr(_sources, "CHUNK_BYTES", 5 * values[0].nbytes)
    counted = count_reads(maps)
    rows = [0, 2, 5, 8, 12, 13, 14, 15, 16, 17, 19]
    np.testing.assert_array_equal(np.asarray(maps[rows]), values[rows])
    assert counted == [3, 4, 6, 1]


@pytest.mark.parametrize("direct_bytes", [0, 1000, 1 << 40])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">i4"])
def test_both_ways_of_reading_agree(tmp_path, values, monkeypatch, direct_bytes, dtype):
    monkeypatch.setattr(_sources, "_DIRECT_BYTES", direct_bytes)
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["x"] = values.astype(dtype)
    maps = open_maps(tmp_path / "maps.h5")
    for rows in (slice(None), slice(3, 19), [5, 6, 9, 2, 2, 21], slice(None, None, -3)):
        np.testing.assert_array_equal(
            np.asarray(maps[rows]), values[rows].astype(dtype).astype(np.float32)
        )


def test_indexing_reads_nothing(hdf5_maps, count_reads):
    counted = count_reads(hdf5_maps)
    some = hdf5_maps[::2][[3, 1]].realization(2)
    assert (some.shape, len(some), some.nbytes) == ((2, 2, 5, 7), 2, 560)
    repr(some)
    assert counted == []


def test_chunks_cover_all_samples_in_order(stored, values):
    order = np.random.default_rng(0).permutation(len(values))
    for n_bytes in (0, 1, 560, 1999, 1 << 30):
        chunks = list(stored[order].chunks(n_bytes))
        assert max(len(chunk) for chunk in chunks) == min(23, max(1, n_bytes // 280))
        np.testing.assert_array_equal(np.concatenate(chunks), values[order])


def write_large(path, n_samples=64):
    """Store 64 maps of 256 KiB."""
    with h5py.File(path, "w") as file:
        file["x"] = np.ones((n_samples, 256, 256), dtype=np.float32)


def peak_memory(action):
    """Peak of what NumPy allocated meanwhile, in bytes."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def exhaust(chunks):
    for _ in chunks:
        pass


def test_memory_of_reading_in_chunks(tmp_path):
    write_large(tmp_path / "maps.h5")
    maps = open_maps(tmp_path / "maps.h5")
    maps[0]
    peak = peak_memory(lambda: exhaust(maps.chunks(n_bytes=MIB)))
    assert MIB <= peak < 2.5 * MIB
    assert peak_memory(lambda: np.asarray(maps)) > 16 * MIB


def test_memory_of_reading_scattered_rows(tmp_path):
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        shape = (512, 256, 256)
        file.create_dataset("x", shape, "f4", chunks=(512, 16, 16), compression="gzip")
    maps = open_maps(tmp_path / "maps.h5")
    rows = [0, 200, 500]
    maps[0]
    peak = peak_memory(lambda: np.asarray(maps[rows]))
    assert peak < 4 * MIB


def test_memory_of_fitting_in_chunks(tmp_path, monkeypatch):
    from skastro.maps import MapTransformer, _lazy

    class Total(MapTransformer):
        _parameter_constraints = {}

        def _fit(self, X):
            self.total_ = sum(float(chunk.sum()) for chunk in self._chunks(X))

        def _apply(self, batch):
            return batch

    write_large(tmp_path / "maps.h5")
    maps = open_maps(tmp_path / "maps.h5")
    maps[0]
    monkeypatch.setattr(_lazy.LazyMaps.chunks, "__defaults__", (MIB,))
    total = Total()
    peak = peak_memory(lambda: total.fit(maps))
    assert total.total_ == 64 * 256 * 256
    assert peak < 2.5 * MIB


def test_values_do_not_depend_on_the_size_of_chunks(stored, values):
    small = np.concatenate(list(stored[::-1].chunks(1)))
    np.testing.assert_array_equal(small, values[::-1])
