"""Maps in files need not fit in memory, whichever estimator is given them.

A process of its own gives each public estimator a file of maps and reads from the operating
system how far its resident memory rose. Chunks and what is read ahead are made small, so that a
file of a few megabytes is larger than what they may take.
"""

import ctypes
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1 << 20
N_SAMPLES, SHAPE = 512, (2, 64, 60)
MAP_BYTES = 4 * N_SAMPLES * math.prod(SHAPE)
ALLOWED = 6 * MIB
CHUNK_BYTES = MIB // 4

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
NO_SUCH_ACCOUNT = not Path("/proc/self/clear_refs").exists()


@pytest.mark.skipif(NO_SUCH_ACCOUNT, reason="needs the memory account of Linux")
def test_no_estimator_reads_all_maps_at_once(tmp_path):
    command = [sys.executable, __file__, str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | ONE_THREAD)
    rose = json.loads((tmp_path / "rose.json").read_text())
    read_by_asarray = rose.pop("numpy.asarray")
    assert read_by_asarray > 0.9 * MAP_BYTES
    assert len(rose) > 20
    assert {name: most for name, most in rose.items() if most > ALLOWED} == {}


def resident(kind):
    """Resident memory now (VmRSS) or at most since it was last forgotten (VmHWM), in bytes."""
    status = Path("/proc/self/status").read_text().split(f"{kind}:")[1]
    return 1024 * int(status.split()[0])


def rise(action):
    """How far the resident memory rises during an action, beyond what it returns."""
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    n_bytes = action()
    return resident("VmHWM") - before - n_bytes


def give_back():
    """Have the allocator of C give back what others have freed, so that it is counted anew."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def use(estimator, X, y):
    """Fit, and make all that the estimator makes of maps; returns the bytes of the answers."""
    import numpy as np

    from skastro.maps import LazyMaps

    estimator.fit(X, y)
    n_bytes = 0
    for method in ("predict", "predict_proba", "transform"):
        if hasattr(estimator, method):
            found = getattr(estimator, method)(X)
            if isinstance(found, LazyMaps):
                for chunk in found.chunks():
                    assert np.isfinite(chunk).all()
            else:
                n_bytes = max(n_bytes, found.nbytes)
    return n_bytes


def prepared(name, test_nd):
    """An estimator as in the other tests, that reads little ahead and trains for one epoch."""
    from skastro.neural_network import Streaming

    estimator = test_nd.make(name, 4)
    settings = {"max_epochs": 1, "batch_size": 16, "streaming": Streaming(memory=CHUNK_BYTES)}
    parameters = {
        key: settings[key.rpartition("__")[2]]
        for key in estimator.get_params()
        if key.rpartition("__")[2] in settings
    }
    return estimator.set_params(**parameters)


def main(folder):
    """Note how far memory rose for each estimator."""
    import numpy as np
    import test_nd

    from skastro.ensemble import _slices
    from skastro.maps import LazyMaps, _checks, _lazy, _sources, rechunk
    from skastro.metrics import _field_sums

    LazyMaps.chunks.__defaults__ = (CHUNK_BYTES,)
    for module in (_checks, _lazy, _sources):
        module.CHUNK_BYTES = CHUNK_BYTES
    for module in (_field_sums, _slices):
        module._CHUNK_BYTES = CHUNK_BYTES
    rng = np.random.default_rng(0)
    for name, shape in (("maps", SHAPE), ("fields", SHAPE[1:])):
        file = np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.float32, (N_SAMPLES, *shape)
        )
        for row in file:
            row[...] = rng.standard_normal(shape, np.float32)
        file.flush()
        del file
    X = rechunk(folder / "maps.npy", folder / "maps.h5")
    fields = rechunk(folder / "fields.npy", folder / "fields.h5")
    give_back()
    rose = {"numpy.asarray": rise(lambda: np.asarray(X).nbytes * 0)}
    for name in sorted(test_nd.FACTORIES.keys() - test_nd.NOT_ON_MAPS):
        y = fields if name in test_nd.TO_FIELDS else np.arange(N_SAMPLES) % 3
        estimator = prepared(name, test_nd)
        give_back()
        use(estimator, X[:48], y[:48])
        rose[name] = rise(lambda estimator=estimator, y=y: use(estimator, X, y))
    (folder / "rose.json").write_text(json.dumps(rose))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
