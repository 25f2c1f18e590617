"""Rows of files that are read by the operating system, and when they may be."""

import os
import subprocess
import sys
import threading
import tracemalloc

import h5py
import numpy as np
import pytest

from skastro.exceptions import MapSourceError
from skastro.maps import _plain_rows, open_maps, rechunk

ROWS = [slice(None), slice(3, 19), [5, 6, 9, 2, 2, 21], slice(None, None, -3), [22, 4], []]
PLAIN = {
    "contiguous": {},
    "one_row_chunks": {"chunks": (1, 2, 5, 7)},
    "four_row_chunks": {"chunks": (4, 2, 5, 7)},
    "one_large_chunk": {"chunks": (23, 2, 5, 7), "maxshape": (None, 2, 5, 7)},
    "latest": {"chunks": (4, 2, 5, 7)},
}
NOT_PLAIN = {
    "cut": {"chunks": (4, 1, 5, 7)},
    "shuffled": {"chunks": (4, 2, 5, 7), "shuffle": True},
    "checked": {"chunks": (4, 2, 5, 7), "fletcher32": True},
}


def store(path, values, options=None, **of_file):
    """Write values as a dataset, and open them."""
    with h5py.File(path, "w", **of_file) as file:
        file.create_dataset("x", data=values, **(options or {}))
    return open_maps(path)


@pytest.fixture
def reads(monkeypatch):
    """Bytes of each read past HDF5, as the list grows."""
    sizes = []
    preadv = os.preadv

    def counted(descriptor, buffers, offset):
        sizes.append(sum(map(len, buffers)))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(_plain_rows.os, "preadv", counted)
    return sizes


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", ">i4", "u1"])
@pytest.mark.parametrize("layout", PLAIN)
def test_values(tmp_path, values, reads, layout, dtype):
    of_file = {"libver": "latest"} if layout == "latest" else {}
    stored = values.astype(dtype)
    maps = store(tmp_path / "maps.h5", stored, PLAIN[layout], **of_file)
    for rows in ROWS:
        np.testing.assert_array_equal(np.asarray(maps[rows]), stored[rows].astype(np.float32))
    assert len(reads) >= len(ROWS) - 1


def test_numbers_beyond_float32_are_infinite(tmp_path, reads):
    maps = store(tmp_path / "maps.h5", np.array([[1e300, -1e300, 2.0]]))
    np.testing.assert_array_equal(np.asarray(maps), [[np.inf, -np.inf, 2]])
    assert len(reads) == 1


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_no_rows(tmp_path, values, dtype):
    maps = store(tmp_path / "maps.h5", values.astype(dtype))
    assert maps.source.read(np.array([], dtype=int)).shape == (0, 2, 5, 7)


@pytest.mark.parametrize("layout", NOT_PLAIN)
def test_other_layouts_are_left_to_hdf5(tmp_path, values, reads, layout):
    maps = store(tmp_path / "maps.h5", values, NOT_PLAIN[layout])
    for rows in ROWS:
        np.testing.assert_array_equal(np.asarray(maps[rows]), values[rows])
    assert reads == []


@pytest.mark.parametrize(
    ("layout", "rows", "numbers"),
    [
        ("contiguous", [4, 5, 6, 9], [3, 1]),
        ("contiguous", range(23), [23]),
        ("one_large_chunk", [10, 6, 8, 7, 9], [5]),
    ],
)
def test_neighbours_are_one_read(tmp_path, values, reads, layout, rows, numbers):
    maps = store(tmp_path / "maps.h5", values, PLAIN[layout])
    np.testing.assert_array_equal(np.asarray(maps[list(rows)]), values[list(rows)])
    assert [size // values[0].nbytes for size in reads] == numbers


def test_other_numbers_are_converted_a_part_at_a_time(tmp_path, reads):
    """So that a file of doubles takes little more memory than what is made of it."""
    stored = np.random.default_rng(0).normal(size=(40, 512, 256))
    maps = store(tmp_path / "maps.h5", stored)
    maps[0]
    del reads[:]
    tracemalloc.start()
    try:
        found = np.asarray(maps)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(found, stored.astype(np.float32))
    assert len(reads) > 5
    assert peak < 1.4 * found.nbytes


def test_reads_in_pieces(tmp_path, values, monkeypatch):
    preadv = os.preadv
    monkeypatch.setattr(_plain_rows.os, "preadv", lambda d, b, at: preadv(d, [b[0][:33]], at))
    maps = store(tmp_path / "maps.h5", values)
    np.testing.assert_array_equal(np.asarray(maps), values)


def test_parts_that_were_never_written(tmp_path, reads):
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("contiguous", (9, 3, 4), "f4", fillvalue=7)
        chunked = file.create_dataset("chunked", (9, 3, 4), "f4", chunks=(2, 3, 4), fillvalue=7)
        chunked[4:6] = 1
    for name, total in (("contiguous", 9 * 12 * 7), ("chunked", 7 * 12 * 7 + 2 * 12)):
        assert np.asarray(open_maps(tmp_path / "maps.h5", name)).sum() == total
    assert reads == []


def test_virtual_and_external_data(tmp_path, values, reads):
    store(tmp_path / "part.h5", values)
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "part.h5", "x", values.shape)
    (tmp_path / "raw").write_bytes(values.tobytes())
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", values.shape, "f4", external=str(tmp_path / "raw"))
    for name in ("virtual", "external"):
        maps = open_maps(tmp_path / "maps.h5", name)
        np.testing.assert_array_equal(np.asarray(maps), values)
    assert reads == []


def test_user_block(tmp_path, values, reads):
    maps = store(tmp_path / "maps.h5", values, userblock_size=512)
    np.testing.assert_array_equal(np.asarray(maps), values)
    assert reads == []


def test_file_that_is_being_written(tmp_path, values):
    """What HDF5 has not yet handed to the system is seen all the same."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        dataset = file.create_dataset("x", data=np.zeros_like(values), chunks=(4, 2, 5, 7))
        file.flush()
        dataset[...] = values
        np.testing.assert_array_equal(np.asarray(open_maps(dataset)), values)


def test_file_that_was_cut_short(tmp_path, values):
    maps = store(tmp_path / "maps.h5", values)
    maps[0]
    os.truncate(tmp_path / "maps.h5", os.path.getsize(tmp_path / "maps.h5") - 100)
    with pytest.raises(MapSourceError, match=r"cannot read .*maps\.h5.*ends 100 bytes too soon"):
        np.asarray(maps)


def test_threads(tmp_path, values):
    maps = store(tmp_path / "maps.h5", values, PLAIN["four_row_chunks"])
    wrong = []

    def read(seed):
        for _ in range(50):
            rows = np.random.default_rng(seed).permutation(23)
            if (np.asarray(maps[rows]) != values[rows]).any():
                wrong.append(seed)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_filter_that_nobody_has(tmp_path, values):
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        created.set_chunk((1, 2, 5, 7))
        created.set_filter(32768, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple(values.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, created)
    with pytest.raises(MapSourceError, match=r"compressed by the filter 32768.*lacks here\. "):
        open_maps(path)


def test_missing_plugin_names_the_extra(tmp_path, monkeypatch):
    """The filter is there only if its plugin is, which is made out to be missing."""
    maps = store(tmp_path / "maps.h5", np.ones((3, 4)), {"compression": "gzip"})
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: False)
    with pytest.raises(MapSourceError, match=r"by the filter 1 \(deflate\).*'skastro\[hdf5\]'"):
        open_maps(maps.source.path)


def test_plugin_is_loaded_when_it_is_needed(tmp_path):
    """A process that has not imported the plugins reads what they compressed."""
    pytest.importorskip("hdf5plugin")
    rechunk(np.full((3, 40, 50), 2.0), tmp_path / "maps.h5", compression="blosc")
    code = (
        "import sys; import numpy as np; from skastro.maps import open_maps; "
        "assert 'hdf5plugin' not in sys.modules; "
        "print(np.asarray(open_maps(sys.argv[1])).sum())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "maps.h5")]
    assert float(subprocess.run(command, capture_output=True, check=True).stdout) == 12000


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "u1"])
def test_values_of_npy(tmp_path, values, reads, dtype):
    """Neighbours are one read, rows may come twice, and the numbers are those of NumPy."""
    stored = values.astype(dtype)
    np.save(tmp_path / "maps.npy", stored)
    maps = open_maps(tmp_path / "maps.npy")
    for rows in ROWS:
        np.testing.assert_array_equal(np.asarray(maps[rows]), stored[rows].astype(np.float32))
    reads.clear()
    np.asarray(maps[[5, 9, 6, 2, 2, 8]])
    assert [n // (70 * stored.itemsize) for n in reads] == [1, 2, 2]


def test_npy_that_has_shrunk(tmp_path, values):
    """A file that lost its end is an error, where a memory map would end the process."""
    path = tmp_path / "maps.npy"
    np.save(path, values.astype("float32"))
    maps = open_maps(path)
    assert np.asarray(maps[:3]).shape == (3, *values.shape[1:])
    os.truncate(path, path.stat().st_size - 100)
    with pytest.raises(MapSourceError, match=r"maps\.npy: the file ends 100 bytes too soon"):
        np.asarray(maps)
