"""How often MapPCA reads files, and into how much memory."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from skastro.decomposition import MapPCA, _eigen
from skastro.maps import LazyMaps, open_maps

STATUS = Path("/proc/self/status")  # unlike ru_maxrss, its peak does not begin at the parent's

CODE = """
import re, sys
from pathlib import Path
import numpy as np
from skastro.decomposition import MapPCA
from skastro.maps import open_maps

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

maps = open_maps(sys.argv[1])
assert maps.nbytes > 200e6, maps.nbytes
MapPCA(2).fit(np.ones((3, 24, 24)))
before = peak()
for solver in ("randomized", "covariance"):
    pca = MapPCA(2, svd_solver=solver, n_iter=1, random_state=0).fit(maps)
    back = pca.inverse_transform(pca.transform(maps))
    np.testing.assert_allclose(np.asarray(back[-2:])[:, 3, 2], [-4, 4], rtol=1e-4)
    print(peak() - before, *pca.explained_variance_)
"""


class CountedSource:
    """Maps in memory that count how often each is read."""

    dtype = np.dtype(np.float32)

    def __init__(self, array):
        self.array, self.shape = array, array.shape
        self.counts = np.zeros(len(array), dtype=int)

    def read(self, rows):
        self.counts[rows] += 1
        return self.array[rows]


@pytest.mark.parametrize(
    ("options", "reads"),
    [
        ({"svd_solver": "covariance"}, 1),
        ({"svd_solver": "covariance", "n_components": 0.5}, 1),
        ({"svd_solver": "covariance", "patch_size": (4, 3)}, 1),
        ({"svd_solver": "randomized"}, 7),
        ({"svd_solver": "randomized", "n_iter": 2, "patch_size": (4, 3)}, 3),
    ],
)
def test_number_of_reads(smooth, options, reads):
    source = CountedSource(smooth((50, 8, 9)))
    pca = MapPCA(**{"n_components": 3} | options).fit(LazyMaps(source))
    assert set(source.counts) == {reads}
    codes = pca.transform(LazyMaps(source))
    pca.inverse_transform(codes)
    assert set(source.counts) == {reads}
    pca.reconstruction_error(LazyMaps(source))
    assert set(source.counts) == {reads + 1}


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
def test_fit_does_not_depend_on_the_size_of_chunks(smooth, solver, monkeypatch):
    """Rows are put together into blocks of one size, so the bits are equal."""
    maps = smooth((5000, 5, 6))
    monkeypatch.setattr(_eigen, "_BLOCK_BYTES", 1 << 17)
    pca = MapPCA(4, svd_solver=solver, random_state=0)
    expected = pca.fit(open_maps(maps)).components_
    for n_bytes in (1000, 123_456):
        monkeypatch.setattr(LazyMaps.chunks, "__defaults__", (n_bytes,))
        np.testing.assert_array_equal(pca.fit(open_maps(maps)).components_, expected)


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
def test_many_blocks_equal_one(smooth, solver, monkeypatch):
    maps = smooth((5000, 5, 6), offset=5.0)
    whole = MapPCA(4, svd_solver=solver, random_state=0).fit(maps)
    monkeypatch.setattr(_eigen, "_BLOCK_BYTES", 1)
    parts = MapPCA(4, svd_solver=solver, random_state=0).fit(maps)
    np.testing.assert_allclose(parts.explained_variance_, whole.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(parts.noise_variance_, whole.noise_variance_, rtol=1e-6)
    np.testing.assert_allclose(parts.mean_, whole.mean_, rtol=1e-6)
    np.testing.assert_allclose(parts.components_, whole.components_, atol=1e-4)


@pytest.mark.skipif(not STATUS.exists(), reason="Peak memory is read from /proc.")
def test_memory_of_a_large_file(tmp_path):
    """A file of 207 MB, most of it nought, takes a few chunks of memory."""
    path = tmp_path / "maps.h5"
    n = 90_000
    with h5py.File(path, "w") as file:
        maps = file.create_dataset("maps", (n, 24, 24), "f4", chunks=(1000, 24, 24))
        maps[-1000:, 3, 2] = np.tile([-4.0, 4.0], 500)
        maps[:1000, 20, 5] = np.tile([-1.0, 1.0], 500)
    process = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    for line in process.stdout.splitlines():
        memory, *variance = map(float, line.split())
        np.testing.assert_allclose(variance, [16e3 / (n - 1), 1e3 / (n - 1)], rtol=1e-5)
        assert memory < 125e6
