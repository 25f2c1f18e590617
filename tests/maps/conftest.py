"""Maps stored in every way that lazy maps can be read from."""

import h5py
import numpy as np
import pytest

from skastro.maps import open_maps

STORAGE = {
    "contiguous": {},
    "one_row_chunks": {"chunks": (1, 2, 5, 7)},
    "four_row_chunks": {"chunks": (4, 2, 5, 7)},
    "split_chunks": {"chunks": (6, 1, 3, 7)},
    "gzip": {"chunks": (3, 2, 5, 7), "compression": "gzip"},
    "lzf": {"chunks": (5, 2, 5, 7), "compression": "lzf"},
}
FORMATS = [*STORAGE, "npy", "npy_fortran", "memmap", "array"]


def store(folder, values, storage):
    """Open `values` after storing them as one of FORMATS."""
    if storage == "array":
        return open_maps(values)
    if storage in STORAGE:
        path = folder / f"{storage}.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("density", data=values, **STORAGE[storage])
        return open_maps(path)
    path = folder / f"{storage}.npy"
    np.save(path, np.asfortranarray(values) if storage == "npy_fortran" else values)
    return open_maps(np.load(path, mmap_mode="r") if storage == "memmap" else path)


@pytest.fixture(scope="session")
def values():
    """Twenty-three maps with two channels of 5 x 7 cells, no two cells alike."""
    rng = np.random.default_rng(0)
    return rng.permutation(23 * 2 * 5 * 7).reshape(23, 2, 5, 7).astype(np.float32)


@pytest.fixture(scope="session", params=FORMATS)
def stored(request, values, tmp_path_factory):
    """The same maps, lazily, in each format in turn."""
    return store(tmp_path_factory.mktemp("stored"), values, request.param)


@pytest.fixture
def hdf5_maps(values, tmp_path):
    """The same maps in an HDF5 file of chunks of four rows."""
    return store(tmp_path, values, "four_row_chunks")


class CountingDataset:
    """Stands in for an open HDF5 dataset and notes how many rows each read takes."""

    def __init__(self, dataset):
        self.dataset = dataset
        self.reads = []

    def __getattr__(self, name):
        return getattr(self.dataset, name)

    def __getitem__(self, key):
        self.reads.append(key.stop - key.start)
        return self.dataset[key]

    def read_direct(self, out, source, destination):
        self.reads.append(source.stop - source.start)
        self.dataset.read_direct(out, source, destination)


@pytest.fixture
def count_reads():
    """Put a counter under lazy maps in an HDF5 file; returns the growing list of reads."""

    def install(maps):
        counting = CountingDataset(maps.source._array())
        maps.source._handle, maps.source._plain = counting, (counting, None)
        return counting.reads

    return install
