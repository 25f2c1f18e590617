"""Files of checkpoints: killed while they are written, a full disk, bad files, bad folders."""

import errno
import os
import pickle
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import safetensors
import torch

from skastro.exceptions import CheckpointWarning
from skastro.nets import DenseNet
from skastro.neural_network import CNNRegressor
from skastro.neural_network._checkpoint import CheckpointFile, pack, unpack

N_EPOCHS = 4


@pytest.fixture
def fit(rough, options, tmp_path):
    """Fit a model with checkpoints in a folder."""

    def run(folder=tmp_path, **changes):
        options_ = options | {"max_epochs": N_EPOCHS, "checkpoint": folder} | changes
        return CNNRegressor(**options_).fit(rough.X, rough.y)

    return run


def losses(model):
    """Losses of the epochs."""
    return [epoch["train_loss"] for epoch in model.history_]


KILLED = """
import os, signal, sys
import numpy as np
from skastro.neural_network import CNNRegressor
from skastro.nets import ConvNet

folder, place = sys.argv[1:]
calls = []

def deadly(function):
    def called(*args, **kwargs):
        calls.append(None)
        if len(calls) == 3:
            if place == "after":
                function(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return called

if place == "fsync":
    os.fsync = deadly(os.fsync)
else:
    os.replace = deadly(os.replace)
rng = np.random.default_rng(0)
amplitude = np.linspace(1, 3, 60)[rng.permutation(60)]
X = (amplitude[:, None, None] * rng.normal(size=(60, 8, 9))).astype("float32")
CNNRegressor(ConvNet(1, 2, readout="mean"), n_threads=1, random_state=0, batch_size=16,
             max_epochs=4, checkpoint=folder).fit(X, amplitude)
"""


@pytest.mark.parametrize("place", ["fsync", "before", "after"])
def test_killed_while_writing(place, fit, tmp_path):
    """Killed in the middle of the third write, just before it counts, or just after."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), place],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    leftovers = [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert len(leftovers) == (place != "after")
    (path,) = [path for path in tmp_path.iterdir() if path not in leftovers]
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata()["state"].count('["train_loss"') == (3 if place == "after" else 2)
    assert losses(fit()) == losses(fit(tmp_path / "another"))
    for leftover in leftovers:
        assert leftover.exists()
        os.utime(leftover, (0, 0))
    fit()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]


def test_disk_is_full(fit, tmp_path, monkeypatch):
    """The last good file stays, a warning says so, and training goes on to the end."""
    whole = fit(tmp_path / "whole")
    real_replace, written = os.replace, []

    def replace(source, target):
        written.append(target)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        real_replace(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.warns(CheckpointWarning, match=r"could not be.*No space left.*Check folder"):
        model = fit(tmp_path / "full")
    assert losses(model) == losses(whole)
    monkeypatch.undo()
    (path,) = (tmp_path / "full").iterdir()
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata()["state"].count('["train_loss"') == 2
    assert losses(fit(tmp_path / "full")) == losses(whole)


LIMITED = """
import resource, sys, warnings
import numpy as np
from skastro.exceptions import CheckpointWarning
from skastro.neural_network import CNNRegressor
from skastro.nets import DenseNet

rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 16, 16)), rng.normal(size=20)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = CNNRegressor(DenseNet((30,)), n_threads=1, random_state=0, max_epochs=3,
                         checkpoint=sys.argv[1]).fit(X, y)
assert model.n_iter_ == 3
print([w.category is CheckpointWarning for w in caught])
"""


def test_no_room_at_all(tmp_path):
    """A system that refuses the bytes while they are written leaves no half of a file."""
    limited = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert limited.returncode == 0, limited.stderr
    assert limited.stdout.strip() == "[True, True, True]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(b"\xff" * 300),
        lambda path: path.write_bytes(safetensors.serialize({}, metadata={"state": "[]"})),
        lambda path: path.write_bytes(safetensors.serialize({})),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["empty", "truncated", "noise", "no state", "no metadata", "folder"],
)
def test_bad_file(spoil, fit, tmp_path):
    """A file that cannot be read is passed over with a warning that names it."""
    first = fit()
    (path,) = tmp_path.iterdir()
    spoil(path)
    with pytest.warns(CheckpointWarning) as caught:
        again = fit()
    assert "cannot be read" in str(caught[0].message)
    assert path.name in str(caught[0].message)
    assert losses(again) == losses(first)
    if path.is_file():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fit()


def test_file_of_another_fit(fit, tmp_path):
    """A file under a name that is not its own is not taken for what it is called."""
    fit()
    (path,) = tmp_path.iterdir()
    fit(tmp_path / "other", lr=0.5)
    (other,) = (tmp_path / "other").iterdir()
    other.replace(path)
    with pytest.warns(CheckpointWarning, match="cannot be read"):
        again = fit()
    assert losses(again) == losses(fit(tmp_path / "fresh"))


def test_folder_cannot_be(fit, tmp_path):
    """A folder that is a file, or below one, is refused before any training."""
    path = tmp_path / "file"
    path.write_text("")
    for folder in (path, path / "below"):
        with pytest.raises(OSError, match=r"'checkpoint' parameter of CNNRegressor.*another"):
            fit(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_is_read_only(fit, tmp_path):
    """So is one that cannot be written to."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="'checkpoint' parameter of CNNRegressor"):
        fit(folder)


def test_sizes(rough, options, tmp_path):
    """The file holds weights and the optimizer's two moments; at the end weights alone."""
    options |= {"net": DenseNet((500,)), "max_epochs": 2}
    n_bytes = 4 * (72 * 500 + 500 + 500 + 1)
    sizes = []
    real_save = CheckpointFile.save

    def save(self, state):
        real_save(self, state)
        sizes.append(self.path.stat().st_size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointFile, "save", save)
        model = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    assert 3 * n_bytes < sizes[0] < 3.1 * n_bytes
    assert n_bytes < sizes[1] < 1.1 * n_bytes
    assert n_bytes < len(pickle.dumps(model)) < 1.1 * n_bytes


def test_path_objects_and_strings(fit, tmp_path):
    """Folders are made, and strings will do."""
    fit(str(tmp_path / "a" / "b"))
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1


def test_packing():
    """States come back as they were, keys and tuples too."""
    state = {
        0: {"step": torch.tensor(3.0), "moments": [torch.zeros(0, 2), (1, 2.5, None)]},
        "lr": np.float64(0.1),
        "text": "é",
        "flag": True,
        "infinite": float("inf"),
        (1, "a"): {},
    }
    tensors = {}
    packed = pack(state, tensors)
    assert len(tensors) == 2
    again = unpack(packed, tensors)
    assert again["lr"] == 0.1
    assert again[0]["step"].equal(torch.tensor(3.0))
    assert again[0]["moments"][1] == (1, 2.5, None)
    assert again[(1, "a")] == {}
    assert list(again) == list(state)
    with pytest.raises(TypeError, match="holds numbers, strings and tensors"):
        pack({"a": object()}, {})
