"""What is there before stays where writing fails, and a model needs no card."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skastro.persistence import _save, describe, load, save
from skastro.preprocessing import FieldScaler, SignedLog

MAPS = np.random.default_rng(0).normal(size=(6, 5, 5))


def full(*args, **kwargs):
    """Write to a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def stopped(*args):
    """Be stopped by the user."""
    raise KeyboardInterrupt


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    """Where writing fails, what was there before stays, and nothing else."""
    path = save(SignedLog(), tmp_path / "model.skastro")
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="the disk is full"):
        save(SignedLog(scale=3.0), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_stop_keeps_the_old_file(step, tmp_path, monkeypatch):
    """Neither is there half a file where the user stops it at the last step."""
    path = save(SignedLog(), tmp_path / "model.skastro")
    monkeypatch.setattr(os, step, stopped)
    with pytest.raises(KeyboardInterrupt):
        save(SignedLog(scale=3.0), path)
    assert load(path).scale == SignedLog().scale
    assert list(tmp_path.iterdir()) == [path]


def test_two_at_once(tmp_path):
    """Of models that are saved to one path at once, one is there, whole."""
    path = tmp_path / "model.skastro"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda scale: save(SignedLog(scale), path), [1.0, 2.0, 3.0, 4.0]))
    assert load(path).scale in (1.0, 2.0, 3.0, 4.0)
    assert list(tmp_path.iterdir()) == [path]


def test_no_folder(tmp_path):
    """A folder that is not there is named, and not made."""
    with pytest.raises(OSError, match=r"cannot write the model to .*absent"):
        save(SignedLog(), tmp_path / "absent" / "model.skastro")


def test_a_card_that_fails_leaves_the_model(tmp_path, monkeypatch):
    """The model is saved, and a warning says that its card is not."""
    monkeypatch.setattr(_save, "write_card", full)
    with pytest.warns(UserWarning, match=r"written to .*but its card model\.md is not.*No space"):
        path = save(FieldScaler().fit(MAPS), tmp_path / "model.skastro")
    np.testing.assert_array_equal(load(path).transform(MAPS), FieldScaler().fit_transform(MAPS))


def test_other_texts_stay(tmp_path):
    """A card is replaced by that of the next model, what somebody wrote is not."""
    beside = tmp_path / "model.md"
    for notes in ("first", "second"):
        path = save(FieldScaler().fit(MAPS), tmp_path / "model.skastro", notes=notes)
        assert notes in beside.read_text()
    beside.write_text("What I measured.")
    with pytest.warns(UserWarning, match="another text of that name"):
        save(FieldScaler().fit(MAPS), path, notes="third")
    assert beside.read_text() == "What I measured."
    assert describe(path).notes == "third"


def test_pictures_are_whole_or_absent(model, training, tmp_path, monkeypatch):
    """A picture that cannot be written leaves no part of one."""
    figure = pytest.importorskip("matplotlib.figure")
    monkeypatch.setattr(figure.Figure, "savefig", full)
    with pytest.warns(UserWarning, match=r"but its card model\.md is not"):
        path = save(model, tmp_path / "model.skastro", data=training)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_none(value, tmp_path):
    """Ranges of maps with NaN are not known, nor lengths that are none; the rest is."""
    data = Bunch(maps=MAPS.copy(), box_size=value, units=["K"])
    data.maps[0, 0, 0] = value
    with pytest.warns(UserWarning, match="NaN or infinite"):
        path = save(FieldScaler().fit(MAPS), tmp_path / "model.skastro", data=data)
    record = load(path).training_record_
    assert (record.units, record.n_samples) == (("K",), 6)
    assert (record.value_range, record.statistics, record.box_size) == (None, None, None)


def test_requests_for_metadata_come_back(tmp_path):
    """Weights and groups go where they were routed, in a model and in a clone of one."""
    y = MAPS[:, 0, 0]
    with sklearn.config_context(enable_metadata_routing=True):
        last = Ridge().set_fit_request(sample_weight=True).set_score_request(sample_weight="w")
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), last)
        for one in (model, clone(model)):
            one.fit(MAPS[:, 0], y, sample_weight=np.arange(6.0))
            again = load(save(one, tmp_path / "model.skastro"))
            found, wanted = (x[-1].get_metadata_routing() for x in (again, one))
            assert str(found) == str(wanted)
            again.fit(MAPS[:, 0], y, sample_weight=np.arange(6.0))
            np.testing.assert_array_equal(again[-1].coef_, one[-1].coef_)
