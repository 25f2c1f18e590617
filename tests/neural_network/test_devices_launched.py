"""Processes that fit starts: what they hand back, and what becomes of them when they fail."""

import os
import pickle
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer

from skastro.neural_network import CNNRegressor


def watching_callbacks(folder):
    """Callbacks of classes that no other process can import."""

    class Watch(Callback):
        """Counts epochs, prints, and writes the number of its process."""

        def on_train_begin(self, net, **kwargs):
            """Note the process."""
            self.n_epochs_ = getattr(self, "n_epochs_", 0)
            with open(f"{folder}/pids", "a") as file:
                file.write(f"{os.getpid()}\n")

        def on_epoch_end(self, net, **kwargs):
            """Count."""
            self.n_epochs_ += 1
            sys.stdout.write(f"epoch {len(net.history)}\n")

    class Die(Callback):
        """Ends the second process in the epoch that stands in a file."""

        every_process = True

        def on_train_begin(self, net, **kwargs):
            """Note the process."""
            with open(f"{folder}/pids", "a") as file:
                file.write(f"{os.getpid()}\n")

        def on_epoch_end(self, net, **kwargs):
            """Perhaps end."""
            rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
            with open(f"{folder}/epoch") as file:
                if rank == 1 and len(net.history) == int(file.read()):
                    os.kill(os.getpid(), signal.SIGKILL)

    return [Watch(), Die()]


@pytest.fixture
def watched(tmp_path):
    """Callbacks, the epoch in which one process dies, and the processes that they were in."""

    def die_in(epoch):
        (tmp_path / "pids").write_text("")
        (tmp_path / "epoch").write_text(str(epoch))

    def pids():
        return {int(pid) for pid in (tmp_path / "pids").read_text().split()}

    die_in(99)
    return SimpleNamespace(callbacks=watching_callbacks(str(tmp_path)), die_in=die_in, pids=pids)


def alive(pid):
    """Whether there is a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def assert_close(one, other):
    """Two fits are equal but for rounding."""
    state = other.net_.module_.state_dict()
    for name, value in one.net_.module_.state_dict().items():
        np.testing.assert_allclose(value, state[name], rtol=2e-3, atol=2e-5)
    assert [e["epoch"] for e in one.history_] == [e["epoch"] for e in other.history_]
    losses = [[e["train_loss"] for e in model.history_] for model in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def frozen(model):
    """Names of the weights that are not trained."""
    weights = model.net_.module_.named_parameters()
    return {name for name, weight in weights if not weight.requires_grad}


def test_dead_process(rough, options, watched, tmp_path, capsys, steps, monkeypatch):
    """A process that is killed ends the fit and the others, and all comes back from the next.

    That one goes on from the checkpoint, and hands back history, weights, callbacks, what was
    printed, and progress, as if one process had trained from the beginning.
    """
    X, y = rough.X, rough.y
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    options |= {"lr": 0.01, "verbose": 1, "schedule": None, "max_epochs": 4}
    options |= {"callbacks": [*watched.callbacks, ("freeze", Freezer("*bias"))]}
    plain = CNNRegressor(**options).fit(X, y)
    assert capsys.readouterr().out.count("CNNRegressor 4/4 epochs") == 1
    n_steps = len(steps)
    options |= {"checkpoint": tmp_path / "kept"}

    watched.die_in(3)
    model = CNNRegressor(devices=2, **options)
    with pytest.raises(RuntimeError, match=r"process 1 of 2, .* was ended by SIGKILL") as caught:
        model.fit(X, y)
    assert "CNNRegressor(devices=2)" in str(caught.value)
    assert "checkpoint" in str(caught.value)
    assert len(watched.pids()) == 2
    assert not any(alive(pid) for pid in watched.pids())
    assert capsys.readouterr().out.count("epoch 2") == 1
    assert model.n_iter_ == 3
    assert [e["train_loss"] for e in model.history_] == pytest.approx(
        [e["train_loss"] for e in plain.history_[:3]], rel=1e-4
    )

    watched.die_in(99)
    model.fit(X, y)
    assert len(steps) == n_steps
    out = capsys.readouterr().out
    assert out.count("CNNRegressor 4/4 epochs") == out.count("epoch 4") == 1
    assert "epoch 2" not in out
    assert_close(model, plain)
    assert model.n_iter_ == model.net_.callbacks[0].n_epochs_ == 4
    assert model.net_.callbacks_ == []
    assert watched.callbacks[0].__dict__ == {}
    assert frozen(model) == frozen(plain) != set()
    assert len(watched.pids()) == 2
    assert not any(alive(pid) for pid in watched.pids())
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-4)
    loaded = pickle.loads(pickle.dumps(model.set_params(callbacks=None)))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))

    again = CNNRegressor(**options).fit(X, y)
    assert len(steps) == n_steps
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
