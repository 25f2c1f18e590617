"""Model cards say what is known, and their code runs."""

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from skastro.ensemble import DeepEnsembleRegressor, SliceClassifier, VoxelRegressor
from skastro.exceptions import LeakageWarning, TrainingRangeWarning
from skastro.inspection import _pictures
from skastro.persistence import TrainingRecord, _card_data, _card_pictures, card, load, save
from skastro.persistence._guard import attach
from skastro.preprocessing import FieldScaler
from skastro.statistics import Moments

RNG = np.random.default_rng(0)


@pytest.fixture
def guarded(model, training):
    """The pipeline, with its record."""
    scores = {"CNN": {"r2": [0.5, 0.75]}, "predict the mean": {"r2": [-0.25, 0.0]}}
    return attach(model, TrainingRecord.make(model, training, scores=scores, notes="By hand."))


def section(text, title):
    """A section of a card."""
    return re.search(rf"## {title}\n(.*?)(?=\n## |\Z)", text, re.DOTALL)[1]


def test_card_says_what_is_known(guarded):
    """Steps, fields, ranges, losses, noise, scores, limits and notes are there."""
    text = card(guarded)
    assert "CNNRegressor(" in section(text, "Model")
    data = section(text, "Training data")
    assert "| Mgas | solMass | comoving | " in data
    assert "- simulations: 10, hash " in data
    assert "- redshift: 6 to 8" in data
    assert re.search(r"\| sigma_8 \| 0\.\d+ \| 0\.\d+ \|", data)
    training = section(text, "Training")
    assert re.search(r"\| cnnregressor \| 2 \| \S+ \| \d+ \|", training)
    assert "- adds or removes: WhiteNoise(" in training
    assert "- random_state: `0`" in training
    scores = section(text, "Scores")
    assert "| CNN | 0.625 ± 0.12 (2 folds) |" in scores
    assert "| predict the mean | -0.125 ± 0.12 (2 folds) |" in scores
    assert "Omega_m" in section(text, "Limits")
    assert section(text, "Notes").strip() == "By hand."


def test_code_of_the_card_runs(model, training, held_out, tmp_path, monkeypatch):
    """What the card says of loading and predicting is so."""
    monkeypatch.chdir(tmp_path)
    save(model, "map net.skastro", data=training)
    text = card(load("map net.skastro"), "map net.md")
    assert (tmp_path / "map net.md").read_text(encoding="utf-8") == text
    code = re.search(r"```python\n(.*?)```", section(text, "Use"), re.DOTALL)[1]
    found = {"data": held_out}
    exec(code, found)
    np.testing.assert_array_equal(found["y"], model.predict(held_out.maps))


def test_transformer(tmp_path, monkeypatch):
    """A model that predicts nothing is loaded and transforms."""
    monkeypatch.chdir(tmp_path)
    X = RNG.normal(size=(6, 5, 5))
    save(FieldScaler().fit(X), "model.skastro")
    text = card(load("model.skastro"))
    assert "- task: transformation of maps" in text
    assert "Not known: the model was saved without its training data." in text
    code = re.search(r"```python\n(.*?)```", section(text, "Use"), re.DOTALL)[1]
    found = {"maps": X}
    exec(code, found)
    assert found["transformed"].shape == X.shape


def test_held_out_data_are_scored(guarded, held_out, tmp_path):
    """Scores stand beside those of the mean, and pictures beside the card."""
    pytest.importorskip("matplotlib")
    text = card(guarded, tmp_path / "net.md", data=held_out)
    rmse = held_out.target[:, 0].std()
    row = re.search(r"\| Omega_m \| \S+ \| \S+ \| (\S+) \|", section(text, "Scores"))
    assert float(row[1]) == pytest.approx(rmse, rel=1e-3)
    names = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert names == ["net_loss.png", "net_recovery.png", "net_maps.png"]
    for name in names:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("shape", [(8, 9), (1, 8, 9), (2, 8, 9), (7, 8, 9), (1, 7, 8, 9)])
def test_maps_are_drawn_with_the_axes_they_have(shape, monkeypatch):
    """A single channel is no axis of space."""
    pytest.importorskip("matplotlib")
    drawn = []
    draw = _pictures.draw_picture
    monkeypatch.setattr(
        _pictures, "draw_picture", lambda *args: drawn.append(args[1].shape) or draw(*args)
    )
    X = RNG.normal(size=(4, *shape))
    names = ["a", "b"] if shape[0] == 2 else ["a"]
    data = Bunch(maps=X, field_names=names)
    model = FieldScaler().fit(X)
    record = TrainingRecord.make(model, data)
    figure = _card_pictures._maps(model, record, _card_data.predictions(model, record, data))
    assert set(drawn) == {(7, 8) if 7 in shape else (8, 9)}
    assert len(drawn) == 3 * len(names)
    import matplotlib.pyplot as plt

    plt.close(figure)


def test_without_matplotlib_there_is_text(guarded, held_out, tmp_path, monkeypatch):
    """Pictures are left out where nothing can draw them."""
    monkeypatch.setattr(_card_pictures, "find_spec", lambda name: None)
    assert "![" not in card(guarded, tmp_path / "net.md", data=held_out)
    assert [path.name for path in tmp_path.iterdir()] == ["net.md"]


def test_classifier(tmp_path):
    """Classes have their names, and the scores those of the most frequent class beside them."""
    pytest.importorskip("matplotlib")
    cubes = RNG.normal(size=(6, 4, 4, 4))
    data = Bunch(maps=cubes, target=np.array([0, 0, 0, 0, 1, 1]), target_names=["z=6", "z=7"])
    model = SliceClassifier(DummyClassifier()).fit(data.maps, data.target)
    attach(model, TrainingRecord.make(model, data))
    text = card(model, tmp_path / "z.md", data=data)
    assert "Classes: 0 (z=6), 1 (z=7)" in text
    assert "| model | 0.6667 | 0.5 |" in text
    assert "| most frequent class | 0.6667 | 0.5 |" in text
    assert "z_confusion.png" in text


def test_fields(tmp_path):
    """Of predicted fields one is drawn, and cells are scored."""
    pytest.importorskip("matplotlib")
    X = RNG.normal(size=(5, 6, 6))
    model = VoxelRegressor(DummyRegressor(), n_voxels=20).fit(X, X)
    text = card(model, tmp_path / "f.md", data=Bunch(maps=X, target=X))
    assert "| predicting the mean | 0 | " in text
    assert (tmp_path / "f_fields.png").exists()


def test_search_and_many_targets(tmp_path):
    """A search has a table of its best candidates; many targets have one row."""
    X = RNG.normal(size=(12, 1, 4, 4))
    y = RNG.normal(size=(12, 20))
    search = GridSearchCV(make_pipeline(Moments(), Ridge()), {"ridge__alpha": [1, 10]}, cv=2)
    text = card(search.fit(X, y), tmp_path / "s.md", data=Bunch(maps=X, target=y))
    assert "Chosen by a search over 2 candidates" in text
    assert re.search(r"\| ridge__alpha=10 \| \S+ \| \S+ \|", text)
    assert "| 20 targets, mean | " in text
    assert not (tmp_path / "s_recovery.png").exists()


def test_search_that_was_loaded(tmp_path):
    """What a search found is known from the record where its table is not there."""
    X = RNG.normal(size=(12, 4, 4))
    search = GridSearchCV(make_pipeline(Moments(), Ridge()), {"ridge__alpha": [1, 10]}, cv=2)
    search.fit(X, X.std((1, 2)))
    record = TrainingRecord.make(search)
    del search.cv_results_
    assert "- ridge__alpha: `1" in card(attach(search, record))


def test_ensemble(model, training, tmp_path):
    """The nets of an ensemble have a row each, and their weights are counted together."""
    net = model[-1].set_params(max_epochs=1)
    ensemble = DeepEnsembleRegressor(net, 2, random_state=0)
    text = card(ensemble.fit(np.log10(training.maps), training.target))
    assert "- nets: 2" in text
    n_weights = sum(weight.numel() for weight in net.net_.module_.parameters())
    assert f"- weights: {2 * n_weights}" in text
    assert len(re.findall(r"^\| estimators_\[\d\] \| 1 \|", text, re.MULTILINE)) == 2


def test_model_of_scikit_learn_alone():
    """Any fitted estimator has a card."""
    X = RNG.normal(size=(8, 5))
    text = card(make_pipeline(PCA(2), Ridge()).fit(X, X[:, 0]), notes="No maps.")
    assert "The ranges of its training are not known" in text
    assert text.endswith("## Notes\n\nNo maps.\n")


def test_bars_and_lines_do_not_break_tables(guarded):
    """Names with the signs of Markdown stay in their cell."""
    text = card(guarded, scores={"a|b\nc": 1.0})
    assert "| a\\|b c | 1 |" in text


def test_leaks_and_other_data_are_warned_of(guarded, training, held_out):
    """Data that were trained on are no test, nor are those in other units."""
    with pytest.warns(LeakageWarning, match="30 of 30 samples"):
        card(guarded, data=training)
    other = Bunch(**(dict(held_out) | {"redshift": 11.0}))
    with pytest.warns(TrainingRangeWarning, match="redshifts 6 to 8"):
        card(guarded, data=other)


def test_errors(guarded):
    """A path must be one of Markdown, and data a Bunch."""
    with pytest.raises(ValueError, match=r"must end in '\.md'.*Got 'card\.html'"):
        card(guarded, "card.html")
    with pytest.raises(TypeError, match="must be a Bunch of held-out data"):
        card(guarded, data=np.zeros((2, 2, 8, 9)))
