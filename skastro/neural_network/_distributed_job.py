"""A fit that several processes share: what they are given, and what each of them does."""

import atexit
from dataclasses import dataclass
from datetime import timedelta

import torch
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler, ParamMapper
from skorch.history import History
from torch import distributed

from ..nets import Net
from ._batches import Batches, MapDataset
from ._checkpoint import CheckpointFile
from ._distributed_net import SharedNet
from ._distributed_ranks import Ranks
from ._run import plain_epoch
from ._torch import weights_to_arrays
from ._transfer import resident

_STEERING = (EarlyStopping, GradientNormClipping, LRScheduler, ParamMapper)
_PATIENCE = timedelta(days=7)  # a dead process is noticed by the one that started it


@dataclass
class Job:
    """A fit as every process of it begins.

    Attributes
    ----------
    estimator : NetEstimator
        A copy of what is fitted, with its net.
    train, valid : MapDataset or None
        What is trained and validated on.
    n_batches : int
        Batches in an epoch.
    file : CheckpointFile or None
        Where the first process keeps the state.
    state : dict or None
        The state to go on from.
    history : list of dict
        Epochs before this fit.
    frozen : list of str
        Names of the weights that are not trained.
    tells_weights : bool
        Whether weights are wanted after each epoch.
    """

    estimator: object
    train: MapDataset
    valid: MapDataset | None
    n_batches: int
    file: CheckpointFile | None
    state: dict | None
    history: list
    frozen: list
    tells_weights: bool


def make_job(estimator, train, valid, file, state, n_threads):
    """Describe a fit to the processes that share it.

    Parameters
    ----------
    estimator : NetEstimator
        What is fitted, with its net.
    train, valid : MapDataset or None
        What is trained and validated on.
    file : CheckpointFile or None
        Where the state is kept.
    state : dict or None
        The state to go on from.
    n_threads : int or None
        Threads of each process.

    Returns
    -------
    Job
        The description.
    """
    content = estimator.__getstate__() | {"device": "cpu", "n_threads": n_threads, "verbose": 0}
    content = {k: v for k, v in content.items() if "callback" not in k or k == "callbacks"}
    copied = object.__new__(type(estimator))
    copied.__setstate__(content)
    n_batches = len(Batches(train, estimator._batch_size, shuffle=True))
    history = [plain_epoch(epoch) for epoch in estimator.net_.history]
    frozen = _frozen(estimator.net_.module_)
    watching = bool(getattr(estimator, "_skl_callbacks", ()))
    return Job(copied, train, valid, n_batches, file, state, history, frozen, watching)


def _frozen(module):
    """Names of the weights that are not trained."""
    return [name for name, weight in module.named_parameters() if not weight.requires_grad]


def run_rank(job, device, report):
    """Do what one process of several does for a fit.

    Parameters
    ----------
    job : Job
        The fit.
    device : torch.device
        Device of this process.
    report : callable
        Called in the first process after each epoch with the run; training stops where it
        returns True.

    Returns
    -------
    Run
        The run, which has ended.

    Raises
    ------
    RuntimeError
        If weights are not the same in all processes.
    """
    ranks, estimator = Ranks(device), job.estimator
    for data in (job.train, job.valid):
        if data is not None:
            _place(data, device)
    estimator.callbacks = _callbacks_of(ranks.rank, estimator.callbacks)
    estimator._net_type = SharedNet
    net = estimator.net_ = estimator._make_net(device, estimator.net_.module_)
    net.share(ranks, not isinstance(estimator._architecture[0], Net))
    net.history = History({**epoch, "batches": []} for epoch in job.history)
    run = estimator._make_run(job.n_batches, job.file if ranks.rank == 0 else None)
    run.freeze(job.frozen)
    if job.state is not None:
        estimator._restore(run, job.state)

    def on_epoch():
        sums = [weight.detach().double().sum().item() for weight in net.module_.parameters()]
        rates = [group["lr"] for group in net.optimizer_.param_groups]
        if not ranks.equal(sums + rates):
            raise RuntimeError(
                f"{estimator._name}: the weights or learning rates of {ranks.n_ranks} processes "
                f"that share a fit are not the same after epoch {len(net.history)}, so something "
                f"changes them in the first one alone. Give a callback that does so the "
                f"attribute every_process = True, or set devices=None."
            )
        return ranks.any(ranks.rank == 0 and report(run))

    estimator._train(run, job.train, job.valid, device, on_epoch)
    distributed.barrier()
    return run


def _place(data, device):
    """Let a data set give its batches on a device."""
    data.device, data.steps_on_device = device, device.type == "cuda"
    data.maps = resident(data.maps, device)
    data.y = None if data.y is None else resident(data.y, device)


def _callbacks_of(rank, callbacks):
    """Callbacks that a process runs: the first one all, others those that steer the training."""
    if rank == 0 or not callbacks:
        return callbacks
    pairs = [(cb[1] if isinstance(cb, tuple) else cb, cb) for cb in callbacks]
    return [cb for bare, cb in pairs if _steers(bare)]


def _steers(callback):
    kind = callback if isinstance(callback, type) else type(callback)
    return issubclass(kind, _STEERING) or getattr(callback, "every_process", False)


def told_of_epoch(job, run):
    """What the first process tells after an epoch.

    Parameters
    ----------
    job : Job
        The fit.
    run : Run
        The run.

    Returns
    -------
    record : dict
        Number, losses, learning rate and duration of the epoch.
    stopped : bool
        Whether it is the last one.
    weights : dict of str to ndarray or None
        Weights, where they are wanted.
    """
    net = run.net
    weights = weights_to_arrays(net.module_) if job.tells_weights else None
    return plain_epoch(net.history[-1]), run.stopped, weights


def outcome(job, run=None):
    """What a fit has come to, in the first process.

    Parameters
    ----------
    job : Job
        The fit, of which at least the net has been made.
    run : Run, default=None
        The run, where it has ended well.

    Returns
    -------
    dict
        Weights and the names of those that are frozen, history, callbacks, and whether training
        stopped before its last epoch.
    """
    estimator = job.estimator
    return {
        "weights": weights_to_arrays(estimator.net_.module_),
        "frozen": _frozen(estimator.net_.module_),
        "history": [plain_epoch(epoch) for epoch in estimator.net_.history],
        "callbacks": list(getattr(estimator.net_, "callbacks", None) or ()),
        "stopped": run is not None and run.stopped,
    }


def meet(device, init_method, rank=-1, n_ranks=-1):
    """Join the processes that share fits, for the rest of this process.

    Parameters
    ----------
    device : torch.device
        Device of this process.
    init_method : str
        How the processes find each other.
    rank, n_ranks : int, default=-1
        Number of this process and of all; -1 is what the environment says.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if distributed.is_initialized():
        return
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        init_method=init_method,
        rank=rank,
        world_size=n_ranks,
        timeout=_PATIENCE,
    )
    atexit.register(_part)


def _part():
    if distributed.is_initialized():
        distributed.destroy_process_group()
