"""Curves of losses: which lines, which labels, from which estimators."""

import io

import joblib
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skastro.ensemble import DeepEnsembleRegressor, SliceClassifier, SliceRegressor
from skastro.inspection import LossCurveDisplay
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import CubeSlicer, FieldScaler

plt = pytest.importorskip("matplotlib.pyplot")

MAPS = np.random.default_rng(0).normal(size=(24, 6, 7)).astype("float32")
LABEL = np.arange(24) % 2


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def cnn(estimator_class=CNNClassifier, **parameters):
    """A short fit of a tiny network."""
    defaults = {"max_epochs": 3, "n_threads": 1, "random_state": 0, "net": ConvNet(1, 2)}
    return estimator_class(**defaults | parameters)


def labels(display):
    """Texts of the legend."""
    return [text.get_text() for text in display.legend_.get_texts()]


def assert_draws(display, *curves):
    """The lines are these losses, against the epochs from one."""
    assert len(display.lines_) == len(curves)
    assert display.ax_.get_lines() == display.lines_
    for line, (history, key) in zip(display.lines_, curves, strict=True):
        epochs = [epoch for epoch in history if key in epoch]
        np.testing.assert_array_equal(line.get_xdata(), [epoch["epoch"] for epoch in epochs])
        np.testing.assert_array_equal(line.get_ydata(), [epoch[key] for epoch in epochs])


def test_training_loss():
    """One line with its label, and names on both axes."""
    model = cnn().fit(MAPS, LABEL)
    display = LossCurveDisplay.from_estimator(model)
    assert_draws(display, (model.history_, "train_loss"))
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), [1, 2, 3])
    assert labels(display) == ["training"]
    assert display.ax_.get_xlabel() == "epoch"
    assert all(tick == int(tick) for tick in display.ax_.get_xticks())
    assert display.ax_.get_ylabel() == "log loss"
    assert display.ax_.get_yscale() == "linear"
    assert display.figure_ is display.ax_.figure
    assert display.histories == {"": model.history_}


def test_validation_loss():
    """Early stopping adds a dashed line of the same colour."""
    model = cnn(early_stopping=True).fit(MAPS, LABEL)
    display = LossCurveDisplay.from_estimator(model, log=True)
    assert_draws(display, (model.history_, "train_loss"), (model.history_, "valid_loss"))
    assert labels(display) == ["training", "validation"]
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--"]
    assert len({line.get_color() for line in display.lines_}) == 1
    assert display.ax_.get_yscale() == "log"


def test_several_runs():
    """Each run has its colour, its marker and its name; styles tell training from validation."""
    first, second = cnn().fit(MAPS, LABEL), cnn(early_stopping=True, max_epochs=4)
    second.fit(MAPS, LABEL)
    display = LossCurveDisplay.from_estimator({"narrow": first, "wide": second})
    assert_draws(
        display,
        (first.history_, "train_loss"),
        (second.history_, "train_loss"),
        (second.history_, "valid_loss"),
    )
    assert labels(display) == ["narrow", "wide", "training", "validation"]
    colors = [line.get_color() for line in display.lines_]
    assert colors[0] != colors[1] == colors[2]
    markers = [line.get_marker() for line in display.lines_]
    assert markers[0] != markers[1] == markers[2]


@pytest.mark.parametrize("first", [True, False])
def test_validation_in_a_part_of_the_epochs(first):
    """A run that went on with or without early stopping is drawn as far as it was validated."""
    model = cnn(warm_start=True, early_stopping=first).fit(MAPS, LABEL)
    model.set_params(early_stopping=not first, max_epochs=5).fit(MAPS, LABEL)
    display = LossCurveDisplay.from_estimator(model)
    assert_draws(display, (model.history_, "train_loss"), (model.history_, "valid_loss"))
    epochs = [1, 2, 3] if first else [4, 5]
    np.testing.assert_array_equal(display.lines_[1].get_xdata(), epochs)


@pytest.mark.parametrize(
    ("parameters", "label"),
    [
        ({}, "squared error (normalized targets)"),
        ({"loss": "huber"}, "huber (normalized targets)"),
        ({"loss": "absolute_error", "normalize_y": False}, "absolute error"),
        ({"loss": lambda p, y: ((p - y) ** 4).mean(1)}, "loss (normalized targets)"),
    ],
)
def test_name_of_the_loss(parameters, label):
    """The axis names the loss, and whether it is of normalized targets."""
    model = cnn(CNNRegressor, **parameters).fit(MAPS, LABEL.astype(float))
    assert LossCurveDisplay.from_estimator(model).ax_.get_ylabel() == label


def test_different_losses():
    """Losses that differ have no common name."""
    runs = {
        name: cnn(CNNRegressor, loss=name, normalize_y=False).fit(MAPS, LABEL)
        for name in ("huber", "squared_error")
    }
    assert LossCurveDisplay.from_estimator(runs).ax_.get_ylabel() == "loss"


def test_axes_that_are_given():
    """Curves go into them, as often as asked, and no other figure is made."""
    model = cnn().fit(MAPS, LABEL)
    figure, axes = plt.subplots(1, 2)
    display = LossCurveDisplay.from_estimator(model, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].lines
    assert display.plot(ax=axes[0], log=True) is display
    assert display.ax_ is axes[0]
    assert axes[0].get_yscale() == "log"
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("way", ["checkpoint", "warm_start"])
def test_resumed_run(way, interrupt, tmp_path):
    """A run that was broken off and taken up again has one curve, from its first epoch on."""
    folder = tmp_path if way == "checkpoint" else None
    model = cnn(max_epochs=5, batch_size=12, checkpoint=folder, warm_start=folder is None)
    if folder is None:
        model.set_params(max_epochs=2).fit(MAPS, LABEL)
        model.set_params(max_epochs=5)
    else:
        interrupt(2 * 3 + 1)  # in the fourth epoch of two batches each
        with pytest.raises(KeyboardInterrupt):
            model.fit(MAPS, LABEL)
    display = LossCurveDisplay.from_estimator(model.fit(MAPS, LABEL))
    assert_draws(display, (model.history_, "train_loss"))
    if way == "checkpoint":
        whole = cnn(max_epochs=5, batch_size=12).fit(MAPS, LABEL)
        assert_draws(display, (whole.history_, "train_loss"))
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), [1, 2, 3, 4, 5])


def test_saved_model(tmp_path):
    """The history is kept with a model, and a history alone is drawn as well."""
    model = cnn(early_stopping=True).fit(MAPS, LABEL)
    joblib.dump(model, tmp_path / "model.joblib")
    display = LossCurveDisplay.from_estimator(joblib.load(tmp_path / "model.joblib"))
    curves = (model.history_, "train_loss"), (model.history_, "valid_loss")
    assert_draws(display, *curves)
    assert_draws(LossCurveDisplay.from_history(model.history_, loss_name="log loss"), *curves)


def test_members_of_one_name():
    """Ensembles and lists have a curve for each net, all of one colour, named once."""
    ensemble = DeepEnsembleRegressor(cnn(CNNRegressor), 2, random_state=0)
    ensemble.fit(MAPS, LABEL.astype(float))
    folds = [cnn(CNNRegressor, random_state=i).fit(MAPS, LABEL.astype(float)) for i in range(3)]
    display = LossCurveDisplay.from_estimator({"ensemble": ensemble, "folds": folds})
    nets = [*ensemble.estimators_, *folds]
    assert_draws(display, *((net.history_, "train_loss") for net in nets))
    assert labels(display) == ["ensemble", "folds", "training"]
    colors = [line.get_color() for line in display.lines_]
    assert len(set(colors[:2])) == len(set(colors[2:])) == 1
    assert len(set(colors)) == 2
    assert labels(LossCurveDisplay.from_estimator(ensemble)) == ["training"]


def test_what_has_no_curve():
    """Histories without losses, and losses that have no logarithm."""
    with pytest.raises(ValueError, match="train_loss or valid_loss"):
        LossCurveDisplay.from_history([{"epoch": 1}])
    history = [{"epoch": 1, "train_loss": -1.5}]
    LossCurveDisplay.from_history(history)
    with pytest.raises(ValueError, match=r"nll has -1\.5.*log=False"):
        LossCurveDisplay.from_history({"nll": history}, log=True)


def wrapped():
    """Fitted estimators around a network, and how to find it in them."""
    cubes = np.stack([MAPS, 2 * MAPS], axis=1)
    search = GridSearchCV(cnn(), {"lr": [1e-3]}, cv=2)
    slicer = CubeSlicer()
    return {
        "pipeline": (make_pipeline(FieldScaler(), cnn()), MAPS, lambda m: m[-1]),
        "nested": (
            make_pipeline(FieldScaler(), make_pipeline(FieldScaler(), cnn())),
            MAPS,
            lambda m: m[-1][-1],
        ),
        "slices": (SliceClassifier(cnn(), slicer=slicer), cubes, lambda m: m.estimator_),
        "regression": (
            SliceRegressor(make_pipeline(FieldScaler(), cnn(CNNRegressor)), slicer=slicer),
            cubes,
            lambda m: m.estimator_[-1],
        ),
        "transformed target": (
            TransformedTargetRegressor(cnn(CNNRegressor)),
            MAPS,
            lambda m: m.regressor_,
        ),
        "search": (search, MAPS, lambda m: m.best_estimator_),
        "search in a pipeline": (
            make_pipeline(FieldScaler(), search),
            MAPS,
            lambda m: m[-1].best_estimator_,
        ),
    }


@pytest.mark.parametrize("name", wrapped())
def test_wrapped_networks(name):
    """The network is found inside of what it was fitted in."""
    model, X, inner = wrapped()[name]
    display = LossCurveDisplay.from_estimator(model.fit(X, LABEL))
    assert_draws(display, (inner(model).history_, "train_loss"))


@pytest.mark.parametrize(
    "model", [cnn(), make_pipeline(FieldScaler(), cnn()), SliceClassifier(cnn())]
)
def test_not_fitted(model):
    """What was not fitted has no curve."""
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(model)
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator({"good": cnn().fit(MAPS, LABEL), "bad": model})


@pytest.mark.parametrize("model", [Ridge(), make_pipeline(FieldScaler(), "passthrough")])
def test_no_history(model):
    """An estimator without a history is named."""
    X = MAPS if not isinstance(model, Ridge) else MAPS[:, 0]
    with pytest.raises(ValueError, match="history_") as error:
        LossCurveDisplay.from_estimator(model.fit(X, LABEL))
    assert ("Ridge" in str(error.value)) == isinstance(model, Ridge)


def test_picture():
    """The figure is drawn, and what is drawn depends on the losses."""
    history = [{"epoch": i, "train_loss": 1 / i, "valid_loss": 1.2 / i} for i in range(1, 9)]
    pictures = set()
    for runs in ({"a": history}, {"a": history, "b": history[:4]}):
        display = LossCurveDisplay(runs, loss_name="log loss").plot()
        buffer = io.BytesIO()
        display.figure_.savefig(buffer, format="png")
        assert buffer.getvalue().startswith(b"\x89PNG")
        pictures.add(buffer.getvalue())
    assert len(pictures) == 2
