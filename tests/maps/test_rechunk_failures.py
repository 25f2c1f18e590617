"""A new file of maps is whole or absent, whatever goes wrong; and memory is bounded."""

import os
import shutil
import subprocess
import sys
import tracemalloc

import h5py
import numpy as np
import pytest

from skastro.exceptions import MapSourceError
from skastro.maps import LazyMaps, open_maps, rechunk

MIB = 1 << 20
ON_A_FULL_DISK = """
import os, resource, sys
import numpy as np
from skastro.maps import open_maps, rechunk

resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
maps = np.random.default_rng(0).random((64, 128, 128))
names = {"plain.h5": {}, "chunks.h5": {"chunk_rows": 3}, "lzf.h5": {"compression": "lzf"}}
for name, options in (names | {"x.npy": {}}).items():
    try:
        rechunk(maps, os.path.join(sys.argv[1], name), memory=1 << 20, **options)
    except OSError as error:
        print(error)
rechunk(maps[:3], os.path.join(sys.argv[1], "small.h5"))
"""


def test_full_disk(tmp_path):
    """HDF5 that is refused a write must neither crash the process nor leave a file."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    for line, name in zip(lines, ("plain.h5", "chunks.h5", "lzf.h5", "x.npy"), strict=True):
        assert f"rechunk: cannot write {tmp_path / name}: File too large" in line
        assert "The maps take 0.00419 GB" in line
    assert os.listdir(tmp_path) == ["small.h5"]
    assert open_maps(tmp_path / "small.h5").shape == (3, 128, 128)


def test_disk_without_room_is_found_before_writing(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    maps = np.ones((7, 8, 9))
    with pytest.raises(OSError, match=r"does not fit on the disk.* 2\.02e-06 GB.* 1e-06 GB"):
        rechunk(maps, tmp_path / "new.h5")
    assert os.listdir(tmp_path) == []
    rechunk(maps, tmp_path / "new.h5", compression="gzip")


@pytest.mark.parametrize("name", ["new.h5", "new.npy"])
def test_unreadable_source(tmp_path, name):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        data = np.random.default_rng(0).normal(size=(6, 30, 30))
        old = file.create_dataset("x", data=data, chunks=(1, 30, 30), compression="gzip")
        offset = old.id.get_chunk_info(4).byte_offset
    with open(tmp_path / "old.h5", "r+b") as file:
        file.seek(offset)
        file.write(b"\0" * 500)
    with pytest.raises(MapSourceError, match=r"cannot read .*old\.h5"):
        rechunk(tmp_path / "old.h5", tmp_path / name, memory=1)
    assert os.listdir(tmp_path) == ["old.h5"]


def test_interrupt_leaves_nothing(tmp_path):
    class Interrupting:
        shape, dtype = (9, 7, 8), np.dtype(np.float32)

        def read(self, rows):
            if 5 in rows:
                raise KeyboardInterrupt
            return np.ones((len(rows), 7, 8), dtype=np.float32)

    for name, options in (("a.h5", {}), ("b.h5", {"compression": "gzip"}), ("c.npy", {})):
        with pytest.raises(KeyboardInterrupt):
            rechunk(LazyMaps(Interrupting()), tmp_path / name, memory=1, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["new.h5", "new.npy"])
def test_memory(tmp_path, name):
    old = np.lib.format.open_memmap(tmp_path / "old.npy", "w+", np.float32, (64, 2, 256, 256))
    old.flush()
    maps = open_maps(tmp_path / "old.npy")
    maps[0]
    tracemalloc.start()
    try:
        rechunk(maps, tmp_path / name, memory=8 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB
    assert open_maps(tmp_path / name).nbytes == 32 * MIB


def test_chunks_of_the_old_file_are_read_once(tmp_path, count_reads):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        values = np.random.default_rng(0).normal(size=(23, 7, 8)).astype(np.float32)
        file.create_dataset("x", data=values, chunks=(4, 7, 8), compression="lzf")
    maps = open_maps(tmp_path / "old.h5")
    counted = count_reads(maps)
    rechunk(maps, tmp_path / "new.h5", memory=4 * 4 * 7 * 8 * 7)
    assert counted == [4, 4, 4, 4, 4, 3]
