"""Predictions in a file: bits, killed runs, full disks, memory.

Run as a script, this file is the run that is killed or measured.
"""

import errno
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skastro.instrument import WhiteNoise
from skastro.maps import concatenate, open_maps
from skastro.nets import ConvNet, FieldResNet
from skastro.neural_network import (
    CNNClassifier,
    CNNRegressor,
    FieldRegressor,
    Symmetries,
    predict_to_file,
)
from skastro.neural_network import _prediction_file as prediction_file
from skastro.preprocessing import BlockPool, FieldScaler
from skastro.statistics import PowerSpectrum

RNG = np.random.default_rng(0)
SHORT = {"max_epochs": 1, "n_threads": 1, "random_state": 0, "batch_size": 8, "device": "cpu"}
NET = ConvNet(1, 2, readout="mean")


@pytest.fixture
def X():
    """Maps with unequal axes."""
    return RNG.normal(size=(23, 8, 9)).astype("float32")


@pytest.fixture
def stored(tmp_path, X):
    """The same maps in an HDF5 file."""
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        file["maps"] = X
    return path


def rows(n, X, n_bytes_out):
    """Memory for so many samples at once."""
    return n * (8 * X[0].size + 2 * n_bytes_out)


def read(path, name="predictions"):
    """A dataset of a file."""
    with h5py.File(path) as file:
        return file[name][()]


def count_calls(monkeypatch, cls, method="predict"):
    """Sizes of what a method is called with."""
    sizes, original = [], getattr(cls, method)

    def counted(self, X, *args, **kwargs):
        sizes.append(len(X))
        return original(self, X, *args, **kwargs)

    monkeypatch.setattr(cls, method, counted)
    return sizes


def test_targets_of_a_pipeline(X, stored, tmp_path, monkeypatch):
    y = np.stack([X.std((1, 2)), X.mean((1, 2))], 1)
    model = make_pipeline(
        WhiteNoise(0.1, random_state=0), FieldScaler(), CNNRegressor(NET, **SHORT)
    )
    model.fit(X, y)
    wanted = model.predict(X)
    sizes = count_calls(monkeypatch, CNNRegressor)
    path = predict_to_file(model, stored, tmp_path / "y.h5", memory=rows(5, X, 16))
    assert path == tmp_path / "y.h5"
    assert sizes == [1, 5, 5, 5, 5, 3]
    np.testing.assert_array_equal(read(path), wanted)
    assert read(path).dtype == wanted.dtype
    assert read(path, "n_predicted") == 23
    maps = open_maps(path)
    np.testing.assert_array_equal(maps, wanted.astype("float32"))


def test_fields_of_cubes(tmp_path):
    X = RNG.normal(size=(7, 2, 6, 7, 8)).astype("float32")
    y = np.stack([X[:, 0] * 2, X[:, 1] + 3], 1)
    model = FieldRegressor(FieldResNet(1, 2, dim=3), **SHORT).fit(X, y)
    path = predict_to_file(model, open_maps(X), tmp_path / "y.h5", memory=1)
    np.testing.assert_array_equal(open_maps(path), model.predict(X))


def test_several_outputs(X, tmp_path):
    model = CNNRegressor(NET, loss="gaussian_nll", **SHORT).fit(X, X.std((1, 2)))
    mean, std = model.predict(X, return_std=True)
    path = predict_to_file(model, X, tmp_path / "y.h5", return_std=True, memory=rows(4, X, 16))
    np.testing.assert_array_equal(read(path), mean)
    np.testing.assert_array_equal(read(path, "predictions_std"), std)
    names = ["a/mean", "a/std"]
    path = predict_to_file(model, X, tmp_path / "n.h5", dataset=names, return_std=True)
    np.testing.assert_array_equal(read(path, "a/std"), std)
    with pytest.raises(ValueError, match="must hold 2 names, one for each output of CNNRegressor"):
        predict_to_file(model, X, tmp_path / "m.h5", dataset=["one"], return_std=True)
    assert not (tmp_path / "m.h5").exists()


def test_classes_and_probabilities(X, tmp_path):
    label = np.where(X.std((1, 2)) > 1, "größer", "s")
    model = CNNClassifier(NET, **SHORT).fit(X, label)
    path = predict_to_file(model, X, tmp_path / "p.h5", method="predict_proba")
    np.testing.assert_array_equal(read(path), model.predict_proba(X))
    path = predict_to_file(model, X, tmp_path / "c.h5", memory=1)
    found = np.char.decode(read(path), "utf-8")
    np.testing.assert_array_equal(found, model.predict(X))
    number = CNNClassifier(NET, **SHORT).fit(X, label == "s")
    found = read(predict_to_file(number, X, tmp_path / "b.h5"))
    np.testing.assert_array_equal(found, number.predict(X))
    assert found.dtype == bool


def test_any_estimator_and_method(X, stored, tmp_path):
    model = make_pipeline(PowerSpectrum(), Ridge()).fit(X, X.std((1, 2)))
    path = predict_to_file(model, stored, tmp_path / "y.h5", memory=rows(6, X, 8))
    np.testing.assert_allclose(read(path), model.predict(X), rtol=1e-6)
    pool = BlockPool((2, 3)).fit(X)
    path = predict_to_file(pool, stored, tmp_path / "t.h5", method="transform", dataset="small")
    np.testing.assert_array_equal(read(path, "small"), pool.transform(X))


class Shifted(Ridge):
    """Takes a number for each sample."""

    def predict(self, X, shift=0.0, word=""):
        """Predict and shift."""
        return super().predict(X) + shift


def test_arguments_are_cut_as_maps_are(tmp_path):
    X = RNG.normal(size=(9, 3))
    model, shift = Shifted().fit(X, X[:, 0]), np.arange(9.0)
    for given in (shift, shift.tolist()):
        path = tmp_path / f"{type(given).__name__}.h5"
        predict_to_file(model, X, path, memory=200, shift=given, word="nine let.")
        np.testing.assert_array_equal(read(path), model.predict(X, shift))


class Odd(BaseEstimator):
    """Makes arrays that have not one row for each sample."""

    def fit(self, X):
        """Learn nothing."""
        self.is_fitted_ = True
        return self

    def twice(self, X):
        """Two rows for each sample."""
        return np.repeat(X, 2, axis=0)

    def first(self, X):
        """One row, however many samples there are."""
        return X[:1]

    def outputs(self, X):
        """A list, whose members are those of several outputs."""
        return [X, X, X]

    def total(self, X):
        """One number."""
        return float(X.sum())


@pytest.mark.parametrize("method", ["twice", "first", "outputs", "total"])
def test_one_prediction_for_each_sample(method, X, tmp_path):
    path = tmp_path / "y.h5"
    match = "prediction for each sample" if method != "first" else "of the 5 samples from 0 on"
    with pytest.raises(ValueError, match=match):
        predict_to_file(Odd().fit(X), X, path, method=method, memory=rows(5, X, X[:1].nbytes))
    assert not path.exists() or read(path, "n_predicted") == 0


def test_file_of_the_maps_is_not_written_to(X, tmp_path):
    model = FieldRegressor(FieldResNet(1, 2), **SHORT).fit(X, 2 * X)
    path = predict_to_file(model, X, tmp_path / "y.h5")
    before = path.read_bytes()
    both = concatenate([open_maps(X), open_maps(path)])
    for maps in (path, both):
        with pytest.raises(ValueError, match=r"y\.h5, which holds the maps"):
            predict_to_file(model, maps, path, resume=False)
    assert path.read_bytes() == before
    predict_to_file(model, path, tmp_path / "z.h5")


def break_after(monkeypatch, n_writes, error):
    """Let the disk fail after some writes of predictions."""
    write, left = prediction_file._write, [n_writes]

    def failing(raw, place, array):
        if array.dtype.kind == "f":
            if not left[0]:
                write(raw, place, array[: len(array) // 2])
                raise error
            left[0] -= 1
        write(raw, place, array)

    monkeypatch.setattr(prediction_file, "_write", failing)


def test_full_disk(X, stored, tmp_path, monkeypatch):
    model = CNNRegressor(NET, **SHORT).fit(X, X.std((1, 2)))
    wanted = predict_to_file(model, stored, tmp_path / "whole.h5", memory=rows(5, X, 8))
    path, full = tmp_path / "y.h5", OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        break_after(patch, 2, full)
        with pytest.raises(OSError, match=r"No space left.*10 of 23 samples are in the file") as e:
            predict_to_file(model, stored, path, memory=rows(5, X, 8))
    assert e.value.errno == errno.ENOSPC
    assert e.value.filename == str(path)
    assert read(path, "n_predicted") == 10
    sizes = count_calls(monkeypatch, CNNRegressor)
    predict_to_file(model, stored, path, memory=1)
    assert sizes == [5, 5, 3]
    assert path.read_bytes() == wanted.read_bytes()
    sizes.clear()
    predict_to_file(model, stored, path)
    assert not sizes
    predict_to_file(model, stored, path, resume=False)
    assert sizes == [1, 23]


def test_disk_without_room(X, tmp_path, monkeypatch):
    model = CNNRegressor(NET, **SHORT).fit(X, X.std((1, 2)))
    monkeypatch.setattr(
        prediction_file.shutil, "disk_usage", lambda path: SimpleNamespace(free=100)
    )
    with pytest.raises(OSError, match=r"1\.84e-07 GB and the disk has 1e-07 GB\. Make room") as e:
        predict_to_file(model, X, tmp_path / "y.h5")
    assert e.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_other_model_or_maps(X, stored, tmp_path):
    model = CNNRegressor(NET, augmentation=Symmetries(), **SHORT).fit(X, X.std((1, 2)))
    path = predict_to_file(model, stored, tmp_path / "y.h5")
    before = path.read_bytes()
    again = pickle.loads(pickle.dumps(model)).set_params(verbose=1, n_threads=2, callbacks=[])
    predict_to_file(again, stored, path)
    other = CNNRegressor(NET, augmentation=Symmetries(), **SHORT).fit(X, X.std((1, 2)) + 1)
    turned = pickle.loads(pickle.dumps(model)).set_params(average_symmetries=True)
    scaled = make_pipeline(FieldScaler().fit(X), model)
    trials = [
        ((other, stored), {}),
        ((turned, stored), {}),
        ((scaled, stored), {}),
        ((model, open_maps(stored)[:22]), {}),
        ((model, 2 * X), {}),
        ((model, stored), {"dataset": "mean"}),
        ((model, stored), {"return_std": False}),
    ]
    for given, options in trials:
        with pytest.raises(ValueError, match="holds predictions of 23 samples by predict of CNNR"):
            predict_to_file(*given, path, **options)
    assert path.read_bytes() == before
    lazy = open_maps(stored)
    one, two = (scaler.fit(X).transform(lazy) for scaler in (FieldScaler(), FieldScaler("minmax")))
    predict_to_file(model, one, tmp_path / "lazy.h5")
    with pytest.raises(ValueError, match="Give another path"):
        predict_to_file(model, two, tmp_path / "lazy.h5")


@pytest.mark.parametrize("content", ["hdf5", "text"])
def test_other_files_are_left_alone(content, X, stored, tmp_path):
    model = CNNRegressor(NET, **SHORT).fit(X, X.std((1, 2)))
    path = stored
    if content == "text":
        path = tmp_path / "notes.txt"
        path.write_text("results")
    before = path.read_bytes()
    for resume in (True, False):
        with pytest.raises(FileExistsError, match="no file of predictions"):
            predict_to_file(model, X, path, resume=resume)
    assert path.read_bytes() == before


def test_wrong_arguments(X, tmp_path):
    model, path = Ridge().fit(X[:, 0], X[:, 0, 0]), tmp_path / "y.h5"
    words = make_pipeline(FieldScaler())
    trials = [
        (TypeError, "'method' parameter of predict_to_file", {"method": "predict_proba"}),
        (TypeError, "'path' parameter of predict_to_file", {"path": 3}),
        (TypeError, "'resume' parameter of predict_to_file", {"resume": "no"}),
        (ValueError, "'memory' parameter of predict_to_file", {"memory": 0}),
        (ValueError, "'dataset' parameter of predict_to_file", {"dataset": ["a", "a"]}),
        (ValueError, "'dataset' parameter of predict_to_file", {"dataset": ["a", "a/b"]}),
        (ValueError, "'dataset' parameter of predict_to_file", {"dataset": ["a", "/a"]}),
        (ValueError, "'dataset' parameter of predict_to_file", {"dataset": []}),
        (ValueError, "must not be 'n_predicted'", {"dataset": "n_predicted"}),
        (ValueError, "must not be 'n_predicted'", {"dataset": "n_predicted/mean"}),
        (ValueError, "at least one sample", {"X": X[:0, 0]}),
        (ValueError, "fitted", {"estimator": Ridge()}),
        (TypeError, "'method' parameter", {"estimator": words}),
    ]
    for error, match, changed in trials:
        given = {"estimator": model, "X": X[:, 0], "path": path} | changed
        with pytest.raises(error, match=match):
            predict_to_file(**given)
    assert not list(tmp_path.iterdir())


def test_progress(X, tmp_path, capsys):
    model = Ridge().fit(X[:, 0], X[:, 0, 0])
    predict_to_file(model, X[:, 0], tmp_path / "y.h5", verbose=1)
    assert "predict_to_file" in (out := capsys.readouterr().out)
    assert "23/23 samples" in out


def start(*arguments):
    """Run this file as a script."""
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """What a script printed."""
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


def test_killed_run(X, stored, tmp_path, monkeypatch):
    """A run that is killed goes on in another process, and ends with the same bytes."""
    model = FieldRegressor(FieldResNet(1, 2), **SHORT).fit(X, 2 * X)
    wanted = model.predict(X)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    path = tmp_path / "y.h5"
    process = start("kill", tmp_path / "model.pickle", stored, path)
    deadline = time.monotonic() + 60
    while not path.exists() or read(path, "n_predicted") < 7:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    n_done = int(read(path, "n_predicted"))
    assert 7 <= n_done < 23
    np.testing.assert_array_equal(read(path)[:n_done], wanted[:n_done])
    sizes = count_calls(monkeypatch, FieldRegressor)
    predict_to_file(model, stored, path)
    assert sizes == [1] * (23 - n_done)
    np.testing.assert_array_equal(read(path), wanted)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory(tmp_path):
    """Cubes and fields of 64 MB each are predicted with little more than the memory allowed."""
    grown, found = finish(start("memory", tmp_path)).split()
    assert float(found) == 1.0
    assert float(grown) < 30e6


def killed(model, maps, path):
    """Predict one sample at a time, slowly."""
    predict = FieldRegressor.predict

    def slow(self, X):
        time.sleep(0.1)
        return predict(self, X)

    FieldRegressor.predict = slow
    predict_to_file(pickle.loads(Path(model).read_bytes()), maps, path, memory=1)


def measured(folder):
    """Print by how much memory grew, and whether all fields were made."""
    folder = Path(folder)
    few = RNG.normal(size=(2, 8, 8, 8)).astype("float32")
    model = FieldRegressor(FieldResNet(1, 1, dim=3), **SHORT).fit(few, few)
    with h5py.File(folder / "maps.h5", "w") as file:
        cubes = file.create_dataset("maps", (256, 40, 40, 40), "float32")
        for i in range(len(cubes)):
            cubes[i] = RNG.normal(size=(40, 40, 40))
    predict_to_file(model, open_maps(folder / "maps.h5")[:8], folder / "some.h5", memory=2**22)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    path = predict_to_file(model, folder / "maps.h5", folder / "y.h5", memory=2**22)
    grown = peak() - before
    last = model.predict(open_maps(folder / "maps.h5")[-1:])
    print(grown, float(np.array_equal(open_maps(path)[-1:], last)))  # noqa: T201


def peak():
    """Greatest memory of the process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    {"kill": killed, "memory": measured}[sys.argv[1]](*sys.argv[2:])
