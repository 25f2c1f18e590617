"""Processes that fit starts: what they hand back, and what becomes of them when they fail."""

import os
import pickle
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer

from skastro.exceptions import DivergenceError
from skastro.neural_network import CNNRegressor


def watching_callbacks(folder):
    """Callbacks of classes that no other process can import."""

    class Watch(Callback):
        """Counts epochs, prints, and writes the number of its process."""

        def on_train_begin(self, net, **kwargs):
            """Note the process and those that it shares the fit with."""
            self.n_epochs_ = getattr(self, "n_epochs_", 0)
            with open(f"{folder}/pids", "a") as file:
                file.write(f"{os.getpid()}\n")

        def on_epoch_end(self, net, **kwargs):
            """Count."""
            self.n_epochs_ += 1
            sys.stdout.write(f"epoch {len(net.history)}\n")

    class Fail(Callback):
        """Ends the second process, or raises an error in the first one."""

        every_process = True

        def on_epoch_end(self, net, **kwargs):
            """Fail where it stands in a file."""
            rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
            with open(f"{folder}/place") as file:
                kind, at_rank, epoch = file.read().split()
            if (int(at_rank), int(epoch)) == (rank, len(net.history)):
                if kind == "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise {"interrupt": KeyboardInterrupt, "diverge": DivergenceError}[kind](kind)

    return [Watch(), Fail()]


@pytest.fixture
def watched(tmp_path):
    """Callbacks, where they fail, and the processes that they were in."""
    (tmp_path / "pids").touch()

    def fail(kind, rank, epoch):
        (tmp_path / "place").write_text(f"{kind} {rank} {epoch}")

    def pids():
        return [int(pid) for pid in (tmp_path / "pids").read_text().split()]

    fail("no", 9, 9)
    return SimpleNamespace(callbacks=watching_callbacks(str(tmp_path)), fail=fail, pids=pids)


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


def test_whole_estimator(rough, options, watched, tmp_path, capsys, steps):
    """It comes back as from one process: history, pickles, callbacks, checkpoint, progress."""
    X, y = rough.X, rough.y
    options |= {"lr": 0.01, "verbose": 1, "checkpoint": tmp_path / "kept"}
    options |= {"callbacks": [*watched.callbacks, ("freeze", Freezer("*bias"))]}
    plain = CNNRegressor(**options | {"checkpoint": None}).fit(X, y)
    assert capsys.readouterr().out.count("CNNRegressor 3/3 epochs") == 1
    n_steps = len(steps)
    model = CNNRegressor(devices=2, **options).fit(X, y)
    assert len(steps) == n_steps
    out = capsys.readouterr().out
    assert out.count("CNNRegressor 3/3 epochs") == out.count("epoch 2") == 1
    assert_close(model, plain)
    assert model.n_iter_ == 3
    assert os.getpid() not in watched.pids()[1:]
    assert len(watched.pids()) == 2
    assert model.net_.callbacks[0].n_epochs_ == 3
    assert watched.callbacks[0].__dict__ == {}
    assert not alive(watched.pids()[1])
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-4)
    loaded = pickle.loads(pickle.dumps(model.set_params(callbacks=None)))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    again = CNNRegressor(**options).fit(X, y)
    assert len(steps) == n_steps
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_dead_process(rough, options, watched, tmp_path):
    """A process that is killed ends the fit and the others; it goes on from the checkpoint."""
    options |= {"callbacks": watched.callbacks, "schedule": None, "max_epochs": 4, "lr": 0.01}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    options |= {"checkpoint": tmp_path / "kept"}
    watched.fail("interrupt", 0, 2)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(**options).fit(rough.X, rough.y)
    watched.fail("die", 1, 4)
    model = CNNRegressor(devices=2, **options)
    with pytest.raises(RuntimeError, match=r"process 1 of 2, .* was ended by SIGKILL") as caught:
        model.fit(rough.X, rough.y)
    assert "CNNRegressor(devices=2)" in str(caught.value)
    assert "checkpoint" in str(caught.value)
    assert not any(alive(pid) for pid in watched.pids() if pid != os.getpid())
    watched.fail("no", 9, 9)
    again = CNNRegressor(**options).fit(rough.X, rough.y)
    assert_close(again, whole)
    assert again.net_.callbacks[0].n_epochs_ == 4


def test_interrupted(rough, options, watched):
    """An error of a callback has its own type, and what was trained until then is kept."""
    options |= {"callbacks": watched.callbacks, "schedule": None, "lr": 0.01}
    watched.fail("interrupt", 0, 3)
    plain = CNNRegressor(**options)
    with pytest.raises(KeyboardInterrupt):
        plain.fit(rough.X, rough.y)
    model = CNNRegressor(devices=2, **options)
    with pytest.raises(KeyboardInterrupt) as caught:
        model.fit(rough.X, rough.y)
    assert "Raised in process 0 of 2" in caught.value.__notes__[0]
    assert_close(model, plain)
    assert model.net_.callbacks_ == []
    assert not alive(watched.pids()[-1])


PARENT = """
import sys
import numpy as np
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor

path = sys.argv[1]

def tell():
    from skorch.callbacks import Callback
    class Pid(Callback):
        every_process = True
        def on_epoch_end(self, net, **kwargs):
            import os
            with open(path, "a") as file:
                file.write(f"{os.getpid()}\\n")
    return Pid()

X = np.random.default_rng(0).normal(size=(40, 8, 9))
options = {"max_epochs": 10**6, "schedule": None, "devices": 2, "n_threads": 1}
CNNRegressor(ConvNet(1, 2), callbacks=[tell()], **options).fit(X, X.std((1, 2)))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_orphans(number, tmp_path):
    """Where the process that called fit ends, those that it started do so as well."""
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path / "pids")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as parent:
        pids, deadline = set(), time.monotonic() + 120
        while len(pids) < 2 and parent.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
            if (tmp_path / "pids").exists():
                pids = {int(pid) for pid in (tmp_path / "pids").read_text().split()}
        parent.send_signal(number)
        _, errors = parent.communicate(timeout=60)
    assert len(pids) == 2, errors
    assert parent.pid not in pids
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)
