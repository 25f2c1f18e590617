"""Files of the true size are opened without taking memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STATUS = Path("/proc/self/status")  # unlike ru_maxrss, its peak does not begin at the parent's

CODE = """
import re, sys
from pathlib import Path
import astropy.cosmology.units
import numpy as np
from skastro.datasets import load_cmd

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
data = load_cmd(sys.argv[1], ["Mgas", "HI", "B"], set="1P")
opened = peak() - before
two = np.asarray(data.maps[[985, 3]])
assert data.maps.nbytes > 700e6, data.maps.nbytes
assert two.shape == (2, 3, 256, 256)
assert two[0, 1, 5, 7] == 2.5 and two[1, 2, 0, 0] == 3.5 and (two != 0).sum() == 2
print(opened, peak() - before)
"""


def old_1P():
    """The table of the older releases: 11 values of each parameter in turn."""
    rows = np.tile([0.3, 0.8, 1, 1, 1, 1], (6, 11, 1))
    for column, (low, high) in enumerate([(0.1, 0.5), (0.6, 1), *[(0.25, 4)] * 2, *[(0.5, 2)] * 2]):
        space = np.linspace if column < 2 else np.geomspace
        rows[column, :, column] = space(low, high, 11)
    return rows.reshape(66, 6)


@pytest.mark.skipif(not STATUS.exists(), reason="Peak memory is read from /proc.")
def test_opening_true_sizes_takes_no_memory(tmp_path):
    for field, (place, value) in {
        "Mgas": ((0, 0, 0), 1.5),
        "HI": ((985, 5, 7), 2.5),
        "B": ((3, 0, 0), 3.5),
    }.items():
        path = tmp_path / f"Maps_{field}_IllustrisTNG_1P_z=0.00.npy"
        maps = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(990, 256, 256))
        maps[place] = value
        maps.flush()
        if path.stat().st_blocks * 512 > 1e6:
            pytest.skip("The file system has no sparse files.")
    np.savetxt(tmp_path / "params_1P_IllustrisTNG.txt", old_1P(), fmt="%.5f")
    process = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    opened, read = map(int, process.stdout.split())
    assert opened < 20e6
    assert read < 100e6
