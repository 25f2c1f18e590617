"""Callbacks of the user, and fits that they break off."""

import threading

import numpy as np
import pytest
import torch
from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler

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
    """The callback of skorch that stops does so with Ctrl-C, which comes out as documented."""
    stopping = EarlyStopping("train_loss", patience=1, threshold=10, sink=lambda *args: None)
    model = CNNRegressor(callbacks=[stopping], **options)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rough.X, rough.y)
    assert model.n_iter_ == 2
    assert model.predict(rough.X).shape == (60,)


def test_other_scores_are_not_needed(rough, options):
    """The losses of both sides come without callbacks, and no second pass is made for them."""
    model = CNNClassifier(early_stopping=True, **options).fit(rough.X, rough.label)
    assert {"epoch", "train_loss", "valid_loss", "dur"} == model.history_[0].keys()
    assert not any(isinstance(cb, EpochScoring) for _, cb in model.net_._default_callbacks)


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
    assert lines[0].split() == ["epoch", "train_loss", "valid_loss", "dur"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
