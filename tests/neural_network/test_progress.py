"""Fits that are watched: by a progress bar, and by the callbacks of scikit-learn."""

import importlib.util
import io
import pickle
import re
import sys
import threading
from collections import Counter
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from rich.console import Console
from rich.errors import LiveError
from rich.live import Live
from rich.progress import Progress
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skastro.exceptions import DivergenceError
from skastro.neural_network import CNNClassifier, CNNRegressor, _progress

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
INSIDE = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")
ERRORS = [RuntimeError("stop here"), KeyboardInterrupt("stop here")]

has_callbacks = pytest.mark.skipif(
    importlib.util.find_spec("sklearn.callback") is None,
    reason="sklearn.callback is new in scikit-learn 1.9",
)


@pytest.fixture
def terminal(monkeypatch):
    """A console on a terminal, with a clock that the test sets."""
    clock = SimpleNamespace(time=0.0)
    options = {"force_terminal": True, "color_system": None, "get_time": lambda: clock.time}
    console = Console(file=io.StringIO(), width=100, **options)
    monkeypatch.setattr(_progress, "get_console", lambda: console)
    monkeypatch.setattr(_progress, "_BARS", _progress._Bars())
    threads, stdout = set(threading.enumerate()), sys.stdout
    yield SimpleNamespace(console=console, clock=clock, text=console.file.getvalue)
    assert sys.stdout is stdout
    assert console.file.getvalue().count(HIDE) == console.file.getvalue().count(SHOW)
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=5)
        assert not thread.is_alive()


@pytest.fixture
def bar():
    """Starts the progress of a run as a net would, and returns what ends an epoch and the run."""

    def start(n_epochs, n_done=0, name="Model"):
        callback, net = _progress.EpochProgress(name, n_epochs), SimpleNamespace(history=[])
        net.history += [{"train_loss": 0.0}] * n_done
        callback.on_train_begin(net)

        def end_epoch(**scores):
            net.history.append(scores)
            callback.on_epoch_end(net)
            _progress._BARS._progress.refresh()

        return SimpleNamespace(end_epoch=end_epoch, end=lambda: callback.on_train_end(net))

    return start


def test_one_line_without_a_terminal(rough, options, capfd):
    """A line of plain text tells epochs, time, losses and rate; nothing else is printed."""
    model = CNNRegressor(early_stopping=True, verbose=1, **options).fit(rough.X, rough.y)
    printed, errors = capfd.readouterr()
    scores = "train loss {train_loss:.4g}, valid loss {valid_loss:.4g}, lr {lr:.4g}"
    scores = re.escape(scores.format(**model.history_[-1]))
    assert re.fullmatch(rf"CNNRegressor 3/3 epochs in 0:00:\d\d: {scores}\n", printed)
    assert errors == ""


def test_bar_on_a_terminal(terminal, bar):
    """Epochs, scores and the time left are shown, and the bar gives way to the line."""
    run = bar(10)
    terminal.clock.time = 90
    run.end_epoch(train_loss=0.25, valid_loss=0.5, lr=1e-3, dur=90.0)
    assert " 1/10 epochs 0:13:30 train loss 0.25, valid loss 0.5, lr 0.001" in terminal.text()
    terminal.clock.time = 180
    run.end_epoch(train_loss=0.125)
    assert terminal.text().endswith(" 2/10 epochs 0:12:00 train loss 0.125")
    run.end()
    assert terminal.text().endswith("\x1b[2KModel 2/10 epochs in 0:03:00: train loss 0.125\n")


def test_bar_of_a_resumed_run(terminal, bar):
    """The bar starts at the epochs that were run, which do not count for the time left."""
    run = bar(10, n_done=6)
    terminal.clock.time = 60
    run.end_epoch(train_loss=0.5)
    assert " 6/10 epochs -:--:--" in terminal.text()
    assert " 7/10 epochs 0:03:00 train loss 0.5" in terminal.text()
    run.end()


def test_bars_of_fits_at_once(terminal, bar):
    """Fits in several threads share a display; one that ends leaves its line above the others."""
    first, second = bar(3, name="[first]"), bar(4, name="Second")
    first.end_epoch(train_loss=0.5)
    second.end_epoch(train_loss=0.25)
    assert re.search(r"\[first\] .* 1/3 epochs.*\n.*Second .* 1/4 epochs", terminal.text())
    first.end()
    assert SHOW not in terminal.text()
    shown = len(terminal.text())
    second.end_epoch(train_loss=0.125)
    assert "2/4 epochs" in terminal.text()[shown:]
    assert "first" not in terminal.text()[shown:]
    second.end()
    assert "[first] 1/3 epochs in 0:00:00: train loss 0.5\n" in terminal.text()
    assert terminal.text().endswith("Second 2/4 epochs in 0:00:00: train loss 0.125\n")
    assert terminal.text().count(HIDE) == 1


@pytest.mark.parametrize("error", ERRORS)
def test_broken_fit_leaves_no_bar(error, rough, options, terminal, failing):
    """After an error or Ctrl-C the terminal is as before, and the next fit has its bar."""
    model = CNNRegressor(callbacks=[failing(error)], verbose=1, **options)
    with pytest.raises(type(error), match="stop here"):
        model.fit(rough.X, rough.y)
    assert "CNNRegressor 1/3 epochs in 0:00:00: train loss" in terminal.text()
    assert terminal.text().count(SHOW) == 1
    model.set_params(callbacks=None).fit(rough.X, rough.y)
    assert "CNNRegressor 3/3 epochs in 0:00:00: train loss" in terminal.text()
    assert terminal.text().count(SHOW) == 2


def test_bar_within_a_display(rough, options, terminal):
    """Where the user's own progress is shown, it stays, and lines come above it."""
    with Progress(console=terminal.console) as progress:
        for _ in progress.track(range(2), description="outer"):
            CNNRegressor(verbose=1, **options).fit(rough.X, rough.y)
    assert len(re.findall(r"^.*CNNRegressor 3/3 epochs in", terminal.text(), re.MULTILINE)) == 2
    assert "100%" in terminal.text().splitlines()[-2]


def test_display_that_is_refused(terminal, bar, monkeypatch):
    """Where rich allows one display at a time, there is the line alone, however long."""

    monkeypatch.setattr(Live, "start", Mock(side_effect=LiveError("Only one at once")))
    run = bar(3, name="Model" * 20)
    run.end_epoch(train_loss=0.5)
    run.end()
    assert terminal.text() == "Model" * 20 + " 1/3 epochs in 0:00:00: train loss 0.5\n"


def test_output_that_became_a_file(bar, monkeypatch):
    """Nothing but lines is written to a file, also where the console began on a terminal."""
    console = Console(file=io.StringIO(), force_interactive=True)
    monkeypatch.setattr(_progress, "get_console", lambda: console)
    for run in [bar(2), bar(3)]:
        run.end()
    _progress.EpochProgress("Model", 4).on_train_end(None)
    assert console.file.getvalue() == "".join(f"Model 0/{n} epochs in 0:00:00\n" for n in (2, 3))


class Watcher:
    """A callback of scikit-learn that notes what it is told, and may stop or fail."""

    max_propagation_depth = None

    def __init__(self, stop_at=None, fail_at=None):
        self.events, self.stop_at, self.fail_at = [], stop_at, fail_at

    def note(self, event, context):
        """Note an event and the path to its task."""
        path, ancestor = [], context
        while ancestor is not None:
            path.insert(0, (ancestor.estimator_name, ancestor.task_name, ancestor.task_id))
            ancestor = ancestor.parent
        self.events.append((event, tuple(path), context.max_subtasks))
        if f"{event} {context.task_name}" == self.fail_at:
            raise ValueError("failed as asked")

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self.note("end", context)
        return context.task_name == "epoch" and context.task_id == self.stop_at


class Snapshots(Watcher):
    """Keeps, by the name of the task, all that a callback may ask for at its end."""

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        kept = SimpleNamespace(X=X, y=y, metadata=metadata, model=fitted_estimator)
        self.events.append((context.task_name, kept))

    def of(self, task_name):
        return [event[1] for event in self.events if event[0] == task_name]


def events_of_fit(name, n_epochs, max_epochs):
    """What happens in a fit that is watched."""
    fit = ((name, "fit", 0),)
    epochs = [(*fit, (name, "epoch", i)) for i in range(n_epochs)]
    return [
        ("setup", fit, max_epochs),
        ("begin", fit, max_epochs),
        *((event, epoch, 0) for epoch in epochs for event in ("begin", "end")),
        ("end", fit, max_epochs),
        ("teardown", fit, max_epochs),
    ]


@has_callbacks
def test_epochs_are_tasks(rough, options, monkeypatch):
    """Callbacks see the epochs, those that are left where a fit goes on; no copies are made."""
    watcher = Watcher()
    monkeypatch.setattr(CNNRegressor, "__getstate__", None)
    model = CNNRegressor(warm_start=True, **options).set_callbacks(watcher).fit(rough.X, rough.y)
    assert watcher.events == events_of_fit("CNNRegressor", 3, 3)
    assert not any(hasattr(model, name) for name in INSIDE)
    watcher.events.clear()
    model.set_params(max_epochs=5).fit(rough.X, rough.y)
    assert watcher.events == events_of_fit("CNNRegressor", 2, 2)


@has_callbacks
def test_epochs_within_a_search(rough, options):
    """The tree goes from the search by its fits to their epochs."""
    watcher = Watcher()
    search = GridSearchCV(CNNRegressor(**options), {"lr": [1e-3, 1e-2]}, cv=2)
    search.set_callbacks(watcher).fit(rough.X, rough.y)
    counts = Counter((event, *path[-1][:2], n) for event, path, n in watcher.events)
    for event in ("begin", "end"):
        assert counts[event, "CNNRegressor", "fit", 3] == 5
        assert counts[event, "CNNRegressor", "epoch", 0] == 15
    names = [event for event, _, _ in watcher.events]
    assert names.count("setup") == names.count("teardown") == 1
    root, fit = ("GridSearchCV", "fit", 0), ("CNNRegressor", "fit", 3)
    last_split = (root, ("GridSearchCV", "search", 0), fit, ("CNNRegressor", "epoch", 2))
    assert ("end", last_split, 0) in watcher.events
    refit = (root, ("CNNRegressor", "fit", 1), ("CNNRegressor", "epoch", 2))
    assert ("end", refit, 0) in watcher.events
    assert not any(hasattr(search.best_estimator_, name) for name in (*INSIDE, "_skl_callbacks"))


@has_callbacks
def test_epochs_that_are_not_run(rough, options, tmp_path):
    """Epochs after early stopping are not begun, nor those of a fit that a checkpoint restores."""
    watcher = Watcher()
    options |= {"max_epochs": 30, "lr": 0.3, "schedule": None}
    model = CNNRegressor(early_stopping=True, patience=1, checkpoint=tmp_path, **options)
    model.set_callbacks(watcher).fit(rough.X, rough.y)
    assert model.n_iter_ < 30
    assert watcher.events == events_of_fit("CNNRegressor", model.n_iter_, 30)
    watcher.events.clear()
    model.fit(rough.X, rough.y)
    assert watcher.events == events_of_fit("CNNRegressor", 0, 0)


@has_callbacks
@pytest.mark.parametrize("early_stopping", [False, True])
def test_callback_asks_to_stop(early_stopping, rough, options):
    """Training stops after the epoch, with the weights of the best one where they are wanted."""
    stopper, snapshots = Watcher(stop_at=1), Snapshots()
    model = CNNClassifier(early_stopping=early_stopping, **options)
    model.set_callbacks(stopper, snapshots).fit(rough.X, rough.label)
    assert model.n_iter_ == len(snapshots.of("epoch")) == 2
    assert stopper.events == events_of_fit("CNNClassifier", 2, 3)
    best = np.argmin([epoch.get("valid_loss", -epoch["epoch"]) for epoch in model.history_])
    best = snapshots.of("epoch")[best].model.predict_proba(rough.X)
    np.testing.assert_array_equal(model.predict_proba(rough.X), best)


@has_callbacks
@pytest.mark.parametrize("error", [*ERRORS, DivergenceError("")])
def test_error_tears_down(error, rough, options, failing):
    """Where a fit breaks off, tasks do not end, callbacks are torn down, and a new fit works."""
    watcher = Watcher()
    diverges = isinstance(error, DivergenceError)
    bad = {"lr": 1e30, "optimizer": "sgd"} if diverges else {"callbacks": [failing(error)]}
    model = CNNRegressor(**options | {"schedule": None} | bad).set_callbacks(watcher)
    with pytest.raises(type(error)):
        model.fit(rough.X, rough.y)
    names = [event for event, _, _ in watcher.events]
    assert names.count("begin") == names.count("end") + 2
    assert (names[0], names[-1]) == ("setup", "teardown")
    assert not any(hasattr(model, name) for name in INSIDE)
    watcher.events.clear()
    model.set_params(callbacks=None, lr=1e-3).fit(rough.X, rough.y)
    assert watcher.events == events_of_fit("CNNRegressor", 3, 3)


@has_callbacks
@pytest.mark.parametrize("fail_at", ["setup fit", "begin fit", "begin epoch", "end epoch"])
def test_callback_fails(fail_at, rough, options):
    """An error of a callback comes out; nothing of the fit hangs on."""
    watcher = Watcher(fail_at=fail_at)
    state = torch.get_rng_state()
    model = CNNRegressor(**options).set_callbacks(watcher)
    with pytest.raises(ValueError, match="failed as asked"):
        model.fit(rough.X, rough.y)
    assert [event for event, _, _ in watcher.events][-2:] == [fail_at.split()[0], "teardown"]
    assert not any(hasattr(model, name) for name in INSIDE)
    assert torch.equal(torch.get_rng_state(), state)


@has_callbacks
def test_fitted_estimators(rough, options, record):
    """Each is a copy with the weights after its epoch, and making them changes no bit."""
    watched, plain = (CNNRegressor(callbacks=[record.callback()], **options) for _ in range(2))
    snapshots = Snapshots()
    watched.set_callbacks(snapshots).fit(rough.X, rough.y)
    plain.fit(rough.X, rough.y)
    weights = record.of(plain).weights_
    for epoch, expected in zip(snapshots.of("epoch"), weights, strict=True):
        found = epoch.model.net_.module_.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert [epoch.model.n_iter_ for epoch in snapshots.of("epoch")] == [1, 2, 3]
    expected = plain.predict(rough.X)
    np.testing.assert_array_equal(watched.predict(rough.X), expected)
    np.testing.assert_array_equal(snapshots.of("fit")[0].model.predict(rough.X), expected)


@has_callbacks
def test_callbacks_see_what_fit_was_given(rough, options):
    """Labels and weights are the user's, not what the net is trained on."""
    snapshots, labels = Snapshots(), np.where(rough.label, "high", "low")
    weight = np.linspace(1, 2, 60, dtype="float32")
    model = CNNClassifier(class_weight={"high": 3, "low": 1}, **options).set_callbacks(snapshots)
    model.fit(rough.X, labels, sample_weight=weight)
    CNNRegressor(**options).set_callbacks(snapshots).fit(rough.X, rough.y)
    classified, regressed = snapshots.of("fit")
    for kept in [*snapshots.of("epoch"), classified, regressed]:
        np.testing.assert_array_equal(kept.X, rough.X)
    np.testing.assert_array_equal(classified.y, labels)
    np.testing.assert_array_equal(classified.metadata["sample_weight"], weight)
    np.testing.assert_array_equal(regressed.y, rough.y)
    assert regressed.metadata is None


@has_callbacks
def test_scoring_monitor(rough, options):
    """Scores of all epochs are kept; the last one is that of the model."""
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="r2")
    model = CNNRegressor(**options).set_callbacks(monitor).fit(rough.X, rough.y)
    log = {row["task_id_path"]: row["r2"] for row in monitor.get_logs().data}
    assert log.keys() == {(0,), (0, 0), (0, 1), (0, 2)}
    assert log[0,] == log[0, 2] == model.score(rough.X, rough.y)


@has_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_of_scikit_learn(n_jobs, rough, options, capsys):
    """All fits of a search have their bar, also in other processes."""
    from sklearn.callback import ProgressBar

    search = GridSearchCV(CNNRegressor(**options), {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar()).fit(rough.X, rough.y)
    lines = [line for line in capsys.readouterr().out.splitlines() if "CNNRegressor - fit" in line]
    assert len(lines) == 5
    assert all("100%" in line for line in lines)


@has_callbacks
def test_copies_of_a_watched_estimator(rough, options):
    """A clone shares the callback, a pickle takes a copy along, and both can be fitted."""
    watcher = Watcher()
    model = CNNRegressor(**options).set_callbacks(watcher).fit(rough.X, rough.y)
    n_events = len(watcher.events)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(rough.X), model.predict(rough.X))
    twin.fit(rough.X, rough.y)
    assert len(twin._skl_callbacks[0].events) == 2 * n_events
    assert len(watcher.events) == n_events
    clone(model).fit(rough.X, rough.y)
    assert len(watcher.events) == 2 * n_events


def test_without_callbacks_of_scikit_learn(monkeypatch):
    """Where scikit-learn has no callbacks, a fit is the same and tells nobody."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("progress", _progress.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    estimator = type("Estimator", (module.CallbackSupport,), {})()
    run = SimpleNamespace(finished=False, max_epochs=2, net=SimpleNamespace(history=[]))
    with module.fit_task(estimator, run, None, None) as on_epoch:
        assert [on_epoch(), on_epoch()] == [False, False]
    assert not hasattr(estimator, "set_callbacks")
    assert vars(estimator) == {}
