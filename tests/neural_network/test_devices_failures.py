"""What fit does when processes that it has started fail: told by processes that only pretend."""

import os
import pickle
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from skastro.neural_network import CNNRegressor, _distributed, _distributed_worker
from skastro.neural_network._distributed_pickle import packed
from skastro.neural_network._torch import weights_to_arrays

PRETENDER = """
import os, pickle, signal, sys, time
rank, folder = int(sys.argv[3]), {folder!r}
with open(folder + "/" + str(rank), "w") as file:
    file.write(str(os.getpid()))
with open(folder + "/found", "rb") as file:
    found = file.read()

def tell(*message):
    pickle.dump(message, sys.stdout.buffer)
    sys.stdout.flush()

def tell_error(error, found=None):
    tell("error", pickle.dumps(error), "its trace", found)

def wait():
    time.sleep(600)

def stop(*_):
    tell_error(KeyboardInterrupt(), found)
    wait()

signal.signal(signal.SIGINT, stop)
while len(os.listdir(folder)) < 3:
    time.sleep(0.01)
{acts}[rank]()
wait()
"""


@pytest.fixture
def pretended(rough, options, tmp_path, monkeypatch):
    """Fit with processes that do something else, and see what comes of it."""
    plain = CNNRegressor(**options | {"max_epochs": 2}).fit(rough.X, rough.y)
    found = {"weights": weights_to_arrays(plain.net_.module_), "history": plain.history_}
    found |= {"frozen": [], "callbacks": ["a callback"], "stopped": False}
    (tmp_path / "found").write_bytes(packed(found))
    monkeypatch.setattr(_distributed, "_GRACE", 1.0)
    monkeypatch.setattr(_distributed, "_AFTERMATH", 0.5)

    def fit(error, *acts):
        acts = "[" + ", ".join(f"lambda: ({act})" for act in acts) + "]"
        program = PRETENDER.format(folder=str(tmp_path), acts=acts)
        monkeypatch.setattr(_distributed, "_PROGRAM", program)
        model, start = CNNRegressor(devices=2, **options), time.monotonic()
        with pytest.raises(error) as caught:
            model.fit(rough.X, rough.y)
        for rank in "01":
            with pytest.raises(ProcessLookupError):
                os.kill(int((tmp_path / rank).read_text()), 0)
        return SimpleNamespace(
            model=model,
            error=caught.value,
            notes=getattr(caught.value, "__notes__", None),
            seconds=time.monotonic() - start,
        )

    return SimpleNamespace(fit=fit, plain=plain)


def assert_kept(seen, plain):
    """Weights, epochs and callbacks are those that the first process has told."""
    assert seen.model.history_ == plain.history_
    assert seen.model.net_.callbacks == ["a callback"]
    state = seen.model.net_.module_.state_dict()
    for name, value in plain.net_.module_.state_dict().items():
        np.testing.assert_array_equal(state[name], value)


def test_error_of_the_first(pretended):
    """It is raised with its type and its trace, and what was trained until then is kept."""
    seen = pretended.fit(ZeroDivisionError, "tell_error(ZeroDivisionError(), found)", "wait()")
    assert seen.notes == ["Raised in process 0 of 2:\nits trace"]
    assert_kept(seen, pretended.plain)


def test_error_of_another(pretended):
    """The first one, which would wait for it, is asked for what it has."""
    seen = pretended.fit(ZeroDivisionError, "wait()", "tell_error(ZeroDivisionError())")
    assert seen.notes == ["Raised in process 1 of 2:\nits trace"]
    assert_kept(seen, pretended.plain)


def test_errors_before_the_first_step(pretended):
    """Where nothing was trained, nobody is waited for, and nothing is kept."""
    act = "tell_error(ZeroDivisionError())"
    seen = pretended.fit(ZeroDivisionError, act, act)
    assert seen.seconds < _distributed._GRACE
    assert seen.model.history_ == []


def test_interrupt(pretended):
    """Ctrl-C in the process that called fit keeps what was trained until then."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    try:
        seen = pretended.fit(KeyboardInterrupt, f"os.kill({os.getpid()}, signal.SIGINT)", "wait()")
    finally:
        signal.signal(signal.SIGINT, before)
    assert_kept(seen, pretended.plain)


def test_deaf(pretended):
    """A first process that does not answer is ended, and nothing is kept."""
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    seen = pretended.fit(RuntimeError, deaf, "os._exit(3)")
    assert "process 1 of 2, which shared a fit, ended with exit status 3" in str(seen.error)
    assert seen.model.history_ == []


def test_death_before_errors(pretended):
    """Errors that follow the death of another process are not what is told."""
    seen = pretended.fit(
        RuntimeError,
        "tell_error(OSError('connection closed'), found)",
        "time.sleep(0.2), os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert "process 1 of 2, which shared a fit, was ended by SIGKILL" in str(seen.error)
    assert_kept(seen, pretended.plain)


CHANNEL = f"""
import importlib.util, os, signal, sys, time
spec = importlib.util.spec_from_file_location("worker", {_distributed_worker.__file__!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
channel = worker.Channel(sys.stdin.buffer, sys.stdout.buffer)
channel.send("ready")
answer = channel.receive()
channel.done = answer == "be done"
channel.send(answer)
if not channel.done:
    time.sleep(600)
assert channel.receive() is None
"""


@pytest.mark.parametrize(
    ("last", "status"), [(b"", 1), (pickle.dumps("cut")[:-2], 1), (b"nonsense", 1), (None, 0)]
)
def test_end_of_the_channel(last, status):
    """A process whose starter is gone ends, even within a message, unless it is done."""
    command = [sys.executable, "-c", CHANNEL]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert pickle.load(process.stdout) == ("ready",)
        answer = "be done" if last is None else "go on"
        process.stdin.write(pickle.dumps(answer))
        process.stdin.flush()
        assert pickle.load(process.stdout) == (answer,)
        process.stdin.write(last or b"")
        process.stdin.close()
        assert process.wait(30) == status


WAITER = f"""
import importlib.util, sys, time
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

def module(name, **content):
    sys.modules["parts." + name] = found = ModuleType("parts." + name)
    vars(found).update(content)

def meet(*_):
    sys.stderr.write("waits\\n")
    sys.stderr.flush()
    time.sleep(600)

module("_device_lease", leased_device=lambda device, owner: nullcontext(device))
module("_distributed_job", meet=meet, outcome=None, run_rank=None, told_of_epoch=None)
module("_distributed_pickle", packed=None)
sys.modules["parts"] = ModuleType("parts")
place = {_distributed_worker.__file__!r}
spec = importlib.util.spec_from_file_location("parts._distributed_worker", place)
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
worker.main(*sys.argv[1:])
"""


def test_no_orphans(tmp_path):
    """A process whose starter is gone ends while it waits for the other processes of a fit."""
    job = SimpleNamespace(estimator=SimpleNamespace(_name="Net"))
    (tmp_path / _distributed_worker.JOB).write_bytes(pickle.dumps(job))
    command = [sys.executable, "-c", WAITER, str(tmp_path), "0", "2", "cpu"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **streams) as process:
        assert process.stderr.readline() == b"waits\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == 1
        assert process.stdout.read() == process.stderr.read() == b""
