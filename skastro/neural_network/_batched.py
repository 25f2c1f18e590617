"""Several nets of one architecture, trained as one batched computation."""

import math
import re
import time
from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from ..exceptions import DivergenceError
from ..maps import LazyMaps
from ..nets import Dropout
from ._batches import Batches
from ._losses import REGRESSION_LOSSES
from ._precision import computing_in
from ._progress import EpochProgress
from ._torch import own_generator, thread_count

_RANDOM_OR_JOINT = (Dropout, nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
_NO_VMAP = re.compile("vmap|functorch")
_REMEDY = "Change it, or set batched=False."


def check_batched(estimator, owner):
    """Refuse a net whose copies cannot be trained as one.

    Parameters
    ----------
    estimator : CNNRegressor
        The net that all are copies of.
    owner : str
        Who trains them, named in errors.

    Raises
    ------
    ValueError
        If a parameter asks for what single nets alone can do.
    """
    loss = REGRESSION_LOSSES.get(estimator.loss) if isinstance(estimator.loss, str) else None
    refused = {
        "augmentation": estimator.augmentation is not None,
        "callbacks": bool(estimator.callbacks),
        "checkpoint": estimator.checkpoint is not None,
        "compile": estimator.compile,
        "devices": estimator.devices is not None,
        "early_stopping": estimator.early_stopping,
        "loss": loss is None or not loss.reduces,
        "max_grad_norm": estimator.max_grad_norm is not None,
        "optimizer": not isinstance(estimator.optimizer, str),
        "precision": estimator.precision == "bfloat16",
        "schedule": estimator.schedule == "plateau",
        "warm_start": estimator.warm_start,
    }
    for name in (name for name, is_so in refused.items() if is_so):
        raise ValueError(
            f"{owner}(batched=True) cannot train nets with {name}={getattr(estimator, name)!r}. "
            f"{_REMEDY}"
        )


def train_batched(members, owner):
    """Train nets that differ in weights and in the order of samples alone.

    Weights of all nets are stacked, ``torch.func.vmap`` puts the batches of all through them in
    products of batched matrices, and one optimizer moves all of them. Each net sees the weights,
    batches and learning rates that it would see alone; what comes out differs by rounding.

    Parameters
    ----------
    members : list of tuple of (NetEstimator, MapDataset)
        Estimators whose nets are made and not trained, with the samples of each.
    owner : str
        Who trains them, named in errors and in the progress bar.

    Raises
    ------
    ValueError
        If the nets have layers that draw random numbers or join the samples of a batch, or
        operations that cannot be batched, such as periodic padding.
    DivergenceError
        If a loss becomes NaN or infinite.
    """
    estimators, datasets = zip(*members, strict=True)
    first, nets = estimators[0], [estimator.net_ for estimator in estimators]
    device = torch.device(nets[0].device)
    bar = EpochProgress(f"{owner}, {len(nets)} nets", first.max_epochs) if first.verbose else None
    batches = [Batches(dataset, nets[0].batch_size, shuffle=True) for dataset in datasets]
    stack = _Stack(estimators, len(batches[0]), owner)
    if bar is not None:
        bar.on_train_begin(nets[0])
    try:
        with (
            own_generator(device),
            thread_count(first.n_threads),
            computing_in(first.precision_, device),
        ):
            for epoch in range(1, first.max_epochs + 1):
                start, total, n_seen = time.perf_counter(), 0.0, 0
                for dataset in datasets:
                    dataset.epoch = epoch
                for maps, targets in _joined(batches):
                    losses, lr = stack.step(maps, targets)
                    total, n_seen = total + losses * maps.shape[1], n_seen + maps.shape[1]
                losses = (total / n_seen).tolist()
                _check_finite(losses, epoch, owner, first)
                duration = (time.perf_counter() - start) / len(nets)
                for net, loss in zip(nets, losses, strict=True):
                    _record(net.history, epoch=epoch, train_loss=loss, lr=lr, dur=duration)
                if bar is not None:
                    bar.on_epoch_end(nets[0])
    finally:
        if bar is not None:
            bar.on_train_end(nets[0])
    stack.hand_back()


class _Stack:
    """The weights of all nets, and what takes a step with them."""

    def __init__(self, estimators, n_batches, owner):
        first = estimators[0]
        self.estimators = estimators
        self.owner = owner
        self.modules = [estimator.net_.module_.train() for estimator in estimators]
        for layer in self.modules[0].modules():
            if isinstance(layer, _RANDOM_OR_JOINT):
                raise ValueError(
                    f"{owner}(batched=True) cannot train nets with the layer {layer}: vmap has no "
                    f"random numbers of its own for each net, nor statistics of batches. {_REMEDY}"
                )
        self.weights, self.buffers = stack_module_state(self.modules)
        make_optimizer, options = first._optimizer(torch.device(first.net_.device))
        self.optimizer = make_optimizer(list(self.weights.values()), lr=first.lr, **options)
        self.schedules, _ = first._schedules(self.optimizer, first.max_epochs, n_batches)
        self.loss = REGRESSION_LOSSES[first.loss].function
        self.forward = vmap(lambda w, b, x: functional_call(self.modules[0], (w, b), (x,)))

    def step(self, maps, targets):
        """Take a step with all nets; returns the loss of each before it, and the learning rate."""
        try:
            outputs = self.forward(self.weights, self.buffers, maps).float()
        except RuntimeError as error:
            if _NO_VMAP.search(str(error)) is None:
                raise
            raise ValueError(
                f"{self.owner}(batched=True) cannot train net={self.estimators[0].net!r}, which "
                f"has an operation that torch.func.vmap does not know. {_REMEDY}"
            ) from error
        losses = self.loss(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none")
        losses = losses.reshape(len(maps), -1).mean(1)
        self.optimizer.zero_grad()
        losses.sum().backward()
        self.optimizer.step()
        lr = self.optimizer.param_groups[0]["lr"]
        for schedule in self.schedules:
            schedule.step()
        return losses.detach(), lr

    def hand_back(self):
        """Give each net its weights."""
        for i, (estimator, module) in enumerate(zip(self.estimators, self.modules, strict=True)):
            for name, value in module.named_parameters():
                value.data.copy_(self.weights[name].detach()[i])
            estimator._keep_history()


def _joined(batches):
    """Batches of all nets: maps ``(n_nets, n, n_channels, *spatial)`` and their targets."""
    datasets = [of_one.dataset for of_one in batches]
    if len({_place_of(dataset.maps) for dataset in datasets}) > 1:
        for parts in zip(*batches, strict=True):
            yield tuple(torch.stack(part) for part in zip(*parts, strict=True))
        return
    orders = torch.stack([dataset.start_epoch() for dataset in datasets])
    for edges in pairwise(batches[0]._edges):
        rows = orders[:, slice(*edges)]
        x, _ = datasets[0].batch(rows.flatten())
        targets = [data.y.index_select(0, r) for data, r in zip(datasets, rows, strict=True)]
        yield x.unflatten(0, rows.shape), torch.stack(targets).to(x.device)


def _place_of(maps):
    """What maps that are read alike have in common."""
    return id(maps) if isinstance(maps, LazyMaps) else (maps.data_ptr(), maps.shape)


def _record(history, **values):
    """Note an epoch."""
    history.new_epoch()
    for name, value in values.items():
        history.record(name, value)


def _check_finite(losses, epoch, owner, estimator):
    for number, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise DivergenceError(
                f"{owner}: the training loss of member {number} became {loss} in epoch {epoch}. "
                f"Lower lr={estimator.lr}, or scale the maps (FieldScaler) and the targets."
            )
