"""Boxes of the true size are opened without taking memory, however many there are."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from skastro.datasets import load_21cmfast

STATUS = Path("/proc/self/status")  # unlike ru_maxrss, its peak does not begin at the parent's

CODE = """
import re, sys
from pathlib import Path
import astropy.units
import numpy as np
from skastro.datasets import load_21cmfast

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
data = load_21cmfast(sys.argv[1], f_esc=0.1, seed=1)
opened = peak() - before
assert data.maps.nbytes > 1.9e9, data.maps.nbytes
assert data.maps.shape == (30, 2, 200, 200, 200)
one = np.asarray(data.maps[[7]])
assert one[0, 1, 0, 0, 3] == 2.5 and (one != 0).sum() == 1
print(opened, peak() - before)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="Peak memory is read from /proc.")
def test_opening_true_sizes_takes_no_memory(tmp_path):
    for i in range(30):
        z = f"{6 + i / 4:06.2f}"
        for name in (
            f"updated_smoothed_deltax_z{z}_200_300Mpc",
            f"xH_nohalos_z{z}_nf0.5_eff30.0_200_300Mpc",
        ):
            with open(tmp_path / name, "wb") as file:
                file.truncate(4 * 200**3)
                if i == 7 and name.startswith("xH"):
                    file.seek(12)
                    file.write(np.float32(2.5).tobytes())
    if sum(path.stat().st_blocks for path in tmp_path.iterdir()) * 512 > 1e6:
        pytest.skip("The file system has no sparse files.")
    process = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    opened, read = map(int, process.stdout.split())
    assert opened < 20e6
    assert read < 250e6


def test_no_dataset_is_read_and_no_file_stays_open(write_v4, tmp_path, monkeypatch):
    for i in range(3):
        write_v4(tmp_path / f"{i}.h5", z=7.0 + i)
    files, init = [], h5py.File.__init__

    def note(self, *args, **options):
        init(self, *args, **options)
        files.append(self)

    monkeypatch.setattr(h5py.File, "__init__", note)
    with monkeypatch.context() as patch:
        patch.setattr(h5py.Dataset, "__getitem__", None)
        maps = load_21cmfast(tmp_path).maps
    assert np.asarray(maps).shape == (3, 3, 6, 6, 6)
    assert len(files) >= 3 + 9
    assert not any(files)  # a closed h5py file is false
