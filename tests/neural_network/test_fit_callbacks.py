"""Callbacks of the user, and fits that they break off."""

import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    TensorBoard,
)

from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor

MOMENTS = ["on_train_begin", "on_batch_end", "on_epoch_end", "on_train_end"]


def test_callbacks_are_copied(rough, options, record):
    """The object that was given stays as it was; its copy is in the net."""
    given = record.callback()
    model = CNNRegressor(callbacks=[given], **options).fit(rough.X, rough.y)
    assert vars(given) == vars(record.callback())
    assert model.callbacks[0] is given
    used = record.of(model)
    assert used is not given
    assert used.events_ == ["begin", "end"]
    assert len(used.weights_) == 3
    model.fit(rough.X, rough.y)
    assert record.of(model) is not used
    assert len(used.weights_) == 3


def test_callbacks_of_skorch(rough, options):
    """Named pairs and several callbacks of one class are taken as skorch takes them."""
    callbacks = [
        ("mine", LRScheduler("StepLR", step_size=1, gamma=0.5)),
        LRScheduler("StepLR", step_size=1, gamma=0.1),
    ]
    model = CNNRegressor(schedule=None, callbacks=callbacks, **options).fit(rough.X, rough.y)
    group = model.net_.optimizer_.param_groups[0]
    np.testing.assert_allclose(group["lr"], 1e-3 * 0.05**3)


def test_stopping_by_skorch(rough, options):
    """The callback of skorch that stops does stop, and not with an interrupt of the user's."""
    stopping = EarlyStopping("train_loss", patience=1, threshold=10, sink=lambda *args: None)
    model = CNNRegressor(callbacks=[stopping], **options).fit(rough.X, rough.y)
    assert model.n_iter_ == 2
    assert model.predict(rough.X).shape == (60,)


def test_other_scores_are_not_needed(rough, options):
    """The losses of both sides come without callbacks, and no second pass is made for them."""
    model = CNNClassifier(early_stopping=True, **options).fit(rough.X, rough.label)
    assert {"epoch", "train_loss", "valid_loss", "lr", "dur"} == model.history_[0].keys()
    assert not any(isinstance(cb, EpochScoring) for cb in model.net_.callbacks)
    assert model.net_.history[0, "batches"] == []


@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("error", [RuntimeError("stop here"), KeyboardInterrupt("stop here")])
def test_errors_come_out(error, when, verbose, rough, options, failing, record, capsys):
    """Errors and Ctrl-C in any callback end the fit, and everything is put back."""
    torch.manual_seed(5)
    generator, threads = torch.get_rng_state(), torch.get_num_threads()
    running = set(threading.enumerate())
    model = CNNRegressor(
        callbacks=[record.callback(), failing(error, epoch=0, when=when)],
        **options | {"verbose": verbose, "n_threads": threads + 1},
    )
    with pytest.raises(type(error), match="stop here"):
        model.fit(rough.X, rough.y)
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.get_num_threads() == threads
    for thread in set(threading.enumerate()) - running:
        thread.join(timeout=5)
        assert not thread.is_alive()
    assert record.of(model).events_ == ["begin", "end"]
    assert model.net_.callbacks_ == []
    assert model.net_.train_split is None


def test_bar_after_a_broken_bar(rough, options, failing, capsys):
    """A bar that was broken off does not stand in the way of the next one."""
    model = CNNRegressor(callbacks=[failing(RuntimeError("stop here"))], verbose=1, **options)
    with pytest.raises(RuntimeError):
        model.fit(rough.X, rough.y)
    model.set_params(callbacks=None).fit(rough.X, rough.y)
    assert "3/3" in capsys.readouterr().out


def test_silent(rough, options, capfd):
    """Nothing is printed unless it is asked for."""
    CNNRegressor(early_stopping=True, **options).fit(rough.X, rough.y)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, True])
def test_progress_bar(verbose, rough, options, capsys):
    """Without a terminal the bar is printed once, with the name, the epochs and the losses."""
    model = CNNRegressor(early_stopping=True, verbose=verbose, **options).fit(rough.X, rough.y)
    printed = " ".join(capsys.readouterr().out.split())
    assert "CNNRegressor" in printed
    assert "3/3 epochs" in printed
    assert f"train loss {model.history_[-1]['train_loss']:.4g}" in printed
    assert "\x1b" not in printed


def test_progress_of_a_further_fit(rough, options, capsys):
    """The bar counts epochs of the whole run."""
    model = CNNRegressor(warm_start=True, **options).fit(rough.X, rough.y)
    model.set_params(verbose=1, max_epochs=5).fit(rough.X, rough.y)
    assert "5/5" in capsys.readouterr().out


def test_bars_in_two_threads(rough, options, capsys):
    """Two bars at once do not break each other."""
    models = [CNNRegressor(verbose=1, **options | {"max_epochs": 20}) for _ in range(2)]
    fits = [threading.Thread(target=model.fit, args=(rough.X, rough.y)) for model in models]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert [model.n_iter_ for model in models] == [20, 20]


def test_lines(rough, options, capsys):
    """One line for each epoch, under a head."""
    CNNRegressor(early_stopping=True, verbose=2, **options).fit(rough.X, rough.y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "lr", "train_loss", "valid_loss", "dur"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]


class Uncopyable:
    """Like the writer of TensorBoard: holds a lock, so it can be neither copied nor pickled."""

    def __init__(self):
        self.lock = threading.Lock()
        self.scalars = []

    def add_scalar(self, tag, scalar_value, global_step):
        """Note a number."""
        self.scalars.append((tag, global_step, scalar_value))

    def close(self):
        """Do nothing."""


def test_writer_of_tensorboard(rough, options):
    """The callback of skorch writes the losses of each epoch to the user's own writer."""
    writer = Uncopyable()
    callback = TensorBoard(writer, close_after_train=False)
    model = CNNRegressor(early_stopping=True, callbacks=[callback], **options)
    model.fit(rough.X, rough.y)
    assert model.net_.callbacks[0] is not callback
    assert not hasattr(callback, "first_batch_")
    for key, tag in (("train_loss", "Loss/train_loss"), ("valid_loss", "Loss/valid_loss")):
        written = [(step, value) for name, step, value in writer.scalars if name == tag]
        assert written == [(epoch["epoch"], epoch[key]) for epoch in model.history_]


def test_tensorboard(rough, options, tmp_path):
    """With the real writer, made by a function: clones, searches and pickles go through."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    def watch():
        return TensorBoard(SummaryWriter(tmp_path))

    model = clone(CNNRegressor(callbacks=[watch], checkpoint=tmp_path / "fit", **options))
    model.fit(rough.X, rough.y)
    events = EventAccumulator(str(tmp_path)).Reload()
    losses = [epoch["train_loss"] for epoch in model.history_]
    written = [event.value for event in events.Scalars("Loss/train_loss")]
    np.testing.assert_allclose(written, losses, rtol=1e-6)


@pytest.mark.parametrize("made", [lambda: 3, "EarlyStopping", object(), ("name", 3)])
def test_no_callback(made, rough, options):
    """What is no callback, or makes none, is refused by name."""
    model = CNNRegressor(callbacks=[made], **options)
    with pytest.raises(TypeError, match=r"'callbacks' parameter must hold callbacks of skorch"):
        model.fit(rough.X, rough.y)


def test_functions_that_make_callbacks(rough, options, record):
    """A class or a function is called for each fit, so that fits share nothing."""
    made = []

    def make():
        made.append(record.callback())
        return made[-1]

    model = CNNRegressor(callbacks=[make, ("named", record.callback)], **options)
    for n_fits in (1, 2):
        model.fit(rough.X, rough.y)
        assert len(made) == n_fits
        assert model.net_.callbacks[0] is made[-1]
        assert len(made[-1].lrs_) == 12
        name, other = model.net_.callbacks[1]
        assert (name, len(other.lrs_)) == ("named", 12)


@pytest.mark.parametrize(
    "scoring",
    [
        EpochScoring("r2"),
        ("named", EpochScoring("r2", use_caching=False)),
        lambda: EpochScoring("neg_mean_absolute_error", on_train=True),
        BatchScoring("r2"),
    ],
)
def test_callbacks_that_score(scoring, rough, options):
    """They would score targets that are scaled, and are refused with what to use instead."""
    model = CNNRegressor(early_stopping=True, callbacks=[scoring], **options)
    with pytest.raises(TypeError, match=r"'callbacks' parameter holds .*ScoringMonitor"):
        model.fit(rough.X, rough.y)


class Evaluate(Callback):
    """Looks at the outputs of the net after each batch of training."""

    def __init__(self):
        self.outputs_ = []

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        """Put the batch through the net as it predicts."""
        if training:
            self.outputs_.append(net.evaluation_step(batch, training=False))


def test_evaluation_within_an_epoch(rough, options):
    """A callback that has the net predict leaves dropout and normalization in training."""
    options["net"] = ConvNet(1, 2, dropout=0.5, batch_norm=True)
    alone = CNNRegressor(**options).fit(rough.X, rough.y)
    watched = CNNRegressor(callbacks=[Evaluate()], **options).fit(rough.X, rough.y)
    (callback,) = watched.net_.callbacks
    assert len(callback.outputs_) == 12
    losses = [[epoch["train_loss"] for epoch in model.history_] for model in (alone, watched)]
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(alone.predict(rough.X), watched.predict(rough.X))


def test_which_loss_is_the_best(rough, options):
    """Callbacks of skorch look for records of whether an epoch was the best so far."""
    options |= {"lr": 0.3, "max_epochs": 8, "schedule": None}
    model = CNNRegressor(early_stopping=True, patience=8, **options).fit(rough.X, rough.y)
    for key in ("train_loss", "valid_loss"):
        losses = [epoch[key] for epoch in model.history_]
        best = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
        assert model.net_.history[:, f"{key}_best"] == best
    assert not all(best)
