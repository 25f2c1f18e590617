"""Memory that a fit from a file takes, seen by the operating system in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, json, sys
import h5py, numpy as np
from skastro.maps import open_maps
from skastro.nets import ConvNet, FieldResNet
from skastro.neural_network import CNNRegressor, FieldRegressor, Streaming
from skastro.preprocessing import FieldScaler

path = sys.argv[1]
rng = np.random.default_rng(0)
with h5py.File(path, "w") as file:
    for name, shape in (("maps", (960, 128, 128)), ("boxes", (16, 96, 96, 96))):
        data = file.create_dataset(name, shape, "f4", chunks=(1, *shape[1:]))
        for i in range(0, shape[0], 8):
            data[i : i + 8] = rng.random((8, *shape[1:]), np.float32)

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024

def peak(work):
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = status("VmRSS")
    work()
    return status("VmHWM") - before

options = {"max_epochs": 1, "n_threads": 1, "random_state": 0}
maps = FieldScaler().fit_transform(open_maps(path, "maps"))
boxes = open_maps(path, "boxes")
net = ConvNet(1, 2, readout="mean")

def regressor(memory):
    return CNNRegressor(net, batch_size=16, streaming=Streaming(memory=memory), **options)

def fields(memory):
    streaming = Streaming(memory=memory)
    return FieldRegressor(
        FieldResNet(1, 2, dim=3), patch_size=16, n_patches=4, halo=0, normalize_y=False,
        streaming=streaming, **options
    )

model = regressor(2**23).fit(maps[:64], np.arange(64.0))
fields(1).fit(boxes[:2], boxes[:2])
model.predict(maps[:64])
print(json.dumps({
    "fit": peak(lambda: regressor(2**23).fit(maps, np.arange(960.0))),
    "predict": peak(lambda: model.predict(maps)),
    "fields": peak(lambda: fields(2**24).fit(boxes, boxes)),
    "much": peak(lambda: regressor(2**27).fit(maps, np.arange(960.0))),
}))
"""


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs Linux to tell the peak of memory"
)
def test_memory_is_bounded(tmp_path):
    """Far less than the 63 MB of maps and the 57 MB of boxes, twice; unless more is allowed."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, tmp_path / "maps.h5"]
    out = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert out.returncode == 0, out.stderr
    peaks = json.loads(out.stdout)
    assert peaks["fit"] < 35
    assert peaks["predict"] < 30
    assert peaks["fields"] < 40
    assert peaks["much"] > 80
