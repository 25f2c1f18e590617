"""Comparisons that are broken off, and what is on the disk then."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge

from skastro.ensemble import VoxelRegressor
from skastro.exceptions import CheckpointWarning
from skastro.model_selection import _comparison_files, compare

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0] + RNG.normal(size=40)
GROUPS = np.arange(40) // 2


@pytest.fixture
def fits(monkeypatch):
    """Counts the fits of candidates, and breaks off the one of some number."""
    counts = {"done": 0, "broken": None}
    fit = Ridge.fit

    def counted(self, X, y):
        counts["done"] += 1
        if counts["done"] == counts["broken"]:
            raise KeyboardInterrupt
        return fit(self, X, y)

    monkeypatch.setattr(Ridge, "fit", counted)
    return counts


def run(folder, **parameters):
    parameters = {"estimators": {"a": Ridge(), "b": Ridge(10.0)}, "y": Y} | parameters
    settings = {"cv": 4, "n_bootstrap": 20, "summary": False}
    return compare(X=X, groups=GROUPS, checkpoint=folder, **settings | parameters)


def assert_equal(one, two):
    for name in one.names:
        np.testing.assert_array_equal(one.scores[name], two.scores[name])
        np.testing.assert_array_equal(one.bootstrap_scores[name], two.bootstrap_scores[name])
        for a, b in zip(one.predictions[name], two.predictions[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_goes_on(fits, tmp_path):
    """Folds that were finished are read, and the end is that of a run in one go."""
    expected = run(None)
    assert fits["done"] == 8
    fits["broken"] = 8 + 6
    interrupted = False
    try:
        run(tmp_path)
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
    fits["done"] = 0
    found = run(tmp_path)
    assert fits["done"] == 3
    assert_equal(found, expected)
    assert isinstance(found.predictions["a"][0], np.memmap)
    assert str(found) == str(expected)
    again = run(tmp_path)
    assert fits["done"] == 3
    assert again.fit_times["a"].tolist() == found.fit_times["a"].tolist()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_other_inputs_are_fitted_anew(fits, tmp_path):
    """Names do not matter; parameters, data, folds and scores do."""
    run(tmp_path)
    run(tmp_path, estimators={"c": Ridge(), "d": Ridge(10.0)})
    assert fits["done"] == 8
    run(tmp_path, estimators={"a": Ridge(2.0), "b": Ridge(10.0)})
    assert fits["done"] == 12
    other = run(tmp_path, y=2 * Y)
    assert fits["done"] == 20
    assert_equal(other, run(None, y=2 * Y))
    fits["done"] = 0
    run(tmp_path, scoring="neg_mean_squared_error")
    assert fits["done"] == 8


def no_score(model, X, y):
    raise RuntimeError("no score today")


def test_failures_on_the_disk_are_raised_where_asked_for(fits, tmp_path):
    """Predictions without a score are kept, and made again where that is to stop the run."""
    parameters = {"scoring": no_score, "dummy": False, "summary": False}
    for _ in range(2):
        with pytest.warns(FitFailedWarning, match="no score today"):
            run(tmp_path, **parameters)
    assert fits["done"] == 8
    with pytest.raises(RuntimeError, match="no score today"):
        run(tmp_path, error_score="raise", **parameters)


@pytest.mark.parametrize("damage", ["json", "array", "absent", "cut"])
def test_damaged_files(tmp_path, damage):
    expected = run(None)
    run(tmp_path)
    path = next(path for path in sorted(tmp_path.glob("*.json")))
    array = path.with_name(f"{path.stem}-predict.npy")
    if damage == "json":
        path.write_text(path.read_text()[:-20])
    elif damage == "array":
        content = bytearray(array.read_bytes())
        content[-3] ^= 1
        array.write_bytes(content)
    elif damage == "cut":
        array.write_bytes(array.read_bytes()[:-8])
    else:
        array.unlink()
    with pytest.warns(CheckpointWarning, match="cannot be read .* fitted again"):
        found = run(tmp_path)
    assert_equal(found, expected)
    assert json.loads(path.read_text())["score"] is not None
    assert_equal(run(tmp_path), expected)


def test_full_disk(monkeypatch, tmp_path):
    """The run goes on in memory, with a warning, and keeps what was written before."""
    expected = run(None)
    written = []
    write = np.save

    def full(*args, **kwargs):
        written.append(1)
        if len(written) > 6:
            raise OSError(28, "No space left on device")
        write(*args, **kwargs)

    monkeypatch.setattr(_comparison_files.np, "save", full)
    with pytest.warns(CheckpointWarning, match="could not be written .*No space left"):
        found = run(tmp_path)
    assert_equal(found, expected)
    assert len(list(tmp_path.glob("*.json"))) == 6
    assert not list(tmp_path.glob(".*"))


def test_unusable_folder(fits, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match="'checkpoint' parameter of compare must be a folder"):
        run(Path(file))
    assert fits["done"] == 0


def test_classes_and_fields(tmp_path):
    """Probabilities, names of classes and fields come back from the disk."""
    names = np.where(Y > 0, "above", "below").astype(object)
    parameters = {"scoring": "neg_log_loss", "groups": GROUPS, "n_bootstrap": 20}
    one, two = (
        compare([LogisticRegression()], X, names, checkpoint=tmp_path, **parameters)
        for _ in range(2)
    )
    expected = compare([LogisticRegression()], X, names, **parameters)
    assert_equal(one, expected)
    assert_equal(two, expected)
    maps = RNG.normal(size=(6, 7, 9))
    cell = {"cell": VoxelRegressor(Ridge())}
    found = compare(cell, maps, 2 * maps, cv=2, checkpoint=tmp_path)
    assert_equal(found, compare(cell, maps, 2 * maps, cv=2))
    assert all(isinstance(pred, np.memmap) for pred in found.predictions["cell"])
