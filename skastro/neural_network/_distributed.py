"""One fit on several devices: processes that share each batch, and what becomes of them."""

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from skorch.callbacks import EpochTimer
from skorch.history import History
from torch.nn.parameter import is_lazy

from ..exceptions import DivergenceError
from ._distributed_job import make_job, meet, outcome, run_rank, told_of_epoch
from ._distributed_pickle import write_job
from ._distributed_ranks import Ranks, launched_ranks
from ._distributed_worker import JOB
from ._torch import weights_from_arrays

_PROGRAM = (
    "import json, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "sys.path[:] = json.loads(sys.argv[1]); "
    "from skastro.neural_network._distributed_worker import main; main(*sys.argv[2:])"
)
_GRACE = 10.0  # seconds in which a process that was told to end may do so
_AFTERMATH = 2.0  # seconds in which others tell why they failed as well
_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_LOOPBACK = {"linux": "lo", "darwin": "lo0"}


def train_together(estimator, n_ranks, run, train, valid, state, on_epoch):
    """Train the net of an estimator in several processes.

    Where ``torchrun`` has started this process among others, these are the processes, and each
    one comes here. Else they are started, and end with the fit. The first process keeps the
    checkpoint, calls all callbacks and hands back weights, history and callbacks; what it prints
    and its warnings appear here. Progress is shown here.

    Parameters
    ----------
    estimator : NetEstimator
        What is fitted, with its net.
    n_ranks : int
        Number of processes.
    run : Run
        The run of this process, which only watches unless it is one of several.
    train, valid : MapDataset or None
        What is trained and validated on.
    state : dict or None
        The state to go on from.
    on_epoch : callable
        Called after each epoch; returns whether to stop.

    Raises
    ------
    ValueError
        If the net has weights of unknown sizes.
    RuntimeError
        If a process ends before the fit does.
    """
    n_threads, launched = estimator.n_threads, launched_ranks() > 1
    if n_threads is None and torch.device(estimator.net_.device).type == "cpu" and not launched:
        n_threads = max(1, torch.get_num_threads() // n_ranks)
    if any(is_lazy(weight) for weight in estimator.net_.module_.parameters()):
        raise ValueError(
            f"{estimator._name}(devices={estimator.devices!r}) cannot train lazy layers of torch, "
            f"whose weights are not there yet. Let the 'net' parameter build layers of known sizes."
        )
    job = make_job(estimator, train, valid, run.file, state, n_threads)
    is_first = not launched or os.environ["RANK"] == "0"
    watch = _Watch(estimator, run, on_epoch, estimator.verbose if is_first else 0)
    watch.begin()
    if launched:
        _join(job, watch)
        return
    with tempfile.TemporaryDirectory(prefix="skastro-") as folder:
        write_job(job, Path(folder) / JOB)
        processes = _Processes(folder, n_ranks, estimator)
        try:
            watch.take(processes.follow(watch))
        except BaseException as error:
            found = processes.interrupt() if processes.outcome is None else processes.outcome
            watch.give_up(error, found)
            raise
        finally:
            processes.end()


def of_all_ranks(device, state):
    """State that a fit goes on from, the same in all processes that ``torchrun`` has started.

    Parameters
    ----------
    device : torch.device
        Device of this process.
    state : dict or None
        What this process has found.

    Returns
    -------
    dict or None
        What the first one has found; where this process is alone, its own.
    """
    if launched_ranks() == 1:
        return state
    meet(device, "env://")
    return Ranks(device).of_first(state)


class _Watch:
    """What the process that called fit sees and shows of the training."""

    def __init__(self, estimator, run, on_epoch, verbose):
        self._verbose = verbose
        self._estimator, self._run, self._on_epoch = estimator, run, on_epoch
        self._before = list(run.net.history)
        self._shown = []

    def begin(self):
        """Show the progress, as far as the user wants to see it."""
        net, shown = self._run.net, object.__new__(type(self._estimator))
        vars(shown).update(vars(self._estimator), callbacks=None, verbose=self._verbose)
        shown._set_callbacks()
        self._shown = [cb for _, cb in net.callbacks_ if not isinstance(cb, EpochTimer)]
        self._notify("on_train_begin")

    def _notify(self, event):
        for callback in self._shown:
            getattr(callback, event)(self._run.net)

    def epoch(self, record, stopped, weights=None):
        """Note an epoch; returns whether training shall stop."""
        net = self._run.net
        net.history.new_epoch()
        net.history[-1].update(record)
        self._run.stopped = stopped
        if weights is not None:
            weights_from_arrays(net.module_, weights)
        self._notify("on_epoch_end")
        return bool(self._on_epoch())

    def take(self, found):
        """Take over what the fit has come to."""
        net = self._run.net
        weights_from_arrays(net.module_, found["weights"])
        self._run.freeze(found["frozen"])
        net.history = History({**epoch, "batches": []} for epoch in found["history"])
        self._run.stopped = found["stopped"]
        self._finish(found["callbacks"])

    def give_up(self, error, found):
        """Take over what was done until an error, or leave all as it was."""
        self._estimator._diverged = isinstance(error, DivergenceError)
        if found is None:
            self._run.net.history = History(self._before)
            self._finish([])
        else:
            self.take(found)

    def _finish(self, callbacks):
        net = self._run.net
        self._notify("on_train_end")
        net.callbacks, net.callbacks_ = callbacks, []
        self._estimator._keep_history()


def _join(job, watch):
    """Train in this process, as one of those that torchrun has started."""
    estimator = job.estimator
    device = torch.device(estimator.net_.device)
    if not Ranks(device).equal([estimator._seed]):
        raise ValueError(
            f"{estimator._name}(random_state={estimator.random_state!r}) draws another seed in "
            f"each process that torchrun has started. Set random_state to an int."
        )
    try:
        run = run_rank(job, device, lambda run: watch.epoch(*told_of_epoch(job, run)))
    except BaseException as error:
        watch.give_up(error, outcome(job))
        raise
    watch.take(outcome(job, run))


class _Processes:
    """The processes of a fit, and what they tell."""

    def __init__(self, folder, n_ranks, estimator):
        self._asked = f"{estimator._name}(devices={estimator.devices!r})"
        self.outcome = None
        self._first_has_ended = False
        self._messages = queue.Queue()
        self._processes = []
        environment = {k: v for k, v in os.environ.items() if k not in _LAUNCHED}
        if sys.platform in _LOOPBACK:
            environment.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK[sys.platform])
        kind = torch.device(estimator.net_.device).type
        path = [place for place in sys.path if isinstance(place, str)]
        command = [sys.executable, "-c", _PROGRAM, json.dumps(path), folder]
        try:
            for rank in range(n_ranks):
                its_device = f"{kind}:{rank}" if kind == "cuda" else kind
                process = subprocess.Popen(
                    [*command, str(rank), str(n_ranks), its_device],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                    start_new_session=True,
                )
                self._processes.append(process)
                threading.Thread(target=self._listen, args=(rank, process), daemon=True).start()
        except BaseException:
            self.end()
            raise

    def _listen(self, rank, process):
        """Pass on what a process tells, and that it has ended."""
        with suppress(Exception):
            while True:
                self._messages.put((rank, pickle.load(process.stdout)))
        self._messages.put((rank, ("ended",)))

    def follow(self, watch):
        """Wait for the end of the fit, and return what it has come to."""
        left = len(self._processes)
        while left:
            rank, (kind, *content) = self._messages.get()
            if kind == "done":
                left -= 1
                self.outcome = pickle.loads(content[0]) if rank == 0 else self.outcome
            elif kind == "epoch":
                self._answer(0, watch.epoch(*content[0]))
            elif kind == "warning":
                warnings.warn(pickle.loads(content[0]), stacklevel=5)
            elif kind == "text":
                sys.stdout.write(content[0])
            else:
                self._fail(rank, kind, content)
        return self.outcome

    def _answer(self, rank, answer):
        with suppress(OSError):
            pickle.dump(answer, self._processes[rank].stdin)
            self._processes[rank].stdin.flush()

    def _fail(self, rank, kind, content):
        """Raise the error that ended the fit, which others may have followed."""
        failures, deadline = {rank: (kind, content)}, time.monotonic() + _AFTERMATH
        while len(failures) < len(self._processes):
            try:
                rank, (kind, *content) = self._messages.get(timeout=deadline - time.monotonic())
            except (queue.Empty, ValueError):
                break
            if kind in ("error", "ended"):
                failures.setdefault(rank, (kind, content))
        self._first_has_ended = 0 in failures
        if failures.get(0, ("",))[0] == "error":
            *_, found = failures[0][1]
            self.outcome = None if found is None else pickle.loads(found)
        dead = [rank for rank, (kind, _) in failures.items() if kind == "ended"]
        error = self._death(dead[0]) if dead else self._error(*next(iter(failures.items())))
        for process in self._processes[1:]:  # for which the first one may wait
            process.kill()
        raise error

    def _error(self, rank, failure):
        """The error that a process has told of."""
        _, (packed, trace, _) = failure
        try:
            error = pickle.loads(packed)
        except Exception:
            error = RuntimeError(f"{self._asked} failed in process {rank}.")
        error.add_note(f"Raised in process {rank} of {len(self._processes)}:\n{trace}")
        return error

    def _death(self, rank):
        """The error that says that a process is gone."""
        process = self._processes[rank]
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        code = process.returncode
        how = f"ended with exit status {code}"
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        return RuntimeError(
            f"{self._asked}: process {rank} of {len(self._processes)}, which shared a fit, {how}, "
            f"as happens where memory runs out. The others were ended. Give fewer devices or a "
            f"smaller batch_size; with a checkpoint folder, fit goes on from what was kept."
        )

    def interrupt(self):
        """Tell the first process to stop, and return what it has come to; None if it is gone."""
        if self._first_has_ended:
            return self.outcome
        process, deadline = self._processes[0], time.monotonic() + _GRACE
        with suppress(OSError, ValueError, queue.Empty, KeyboardInterrupt):
            process.send_signal(signal.SIGINT)
            while process.poll() is None:
                rank, (kind, *content) = self._messages.get(timeout=deadline - time.monotonic())
                if rank == 0 and kind == "error":
                    found = content[-1]
                    return None if found is None else pickle.loads(found)
        return None

    def end(self):
        """End all processes: those that are done by their own will, others at once."""
        well = self.outcome is not None
        for process in self._processes:
            with suppress(OSError):
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(_GRACE if well else 0)
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait()
            process.stdout.close()
