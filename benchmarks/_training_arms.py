"""What is timed: one function for each way to train, each run in a fresh process."""

import copy
import itertools
import resource
import time

import numpy as np
import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, TensorDataset, random_split
from torch.utils.flop_counter import FlopCounterMode

from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
N_FOLDS = 5
CLOCKS = []


class Mark(Callback):
    """Note both clocks at the end of each epoch."""

    def on_epoch_end(self, net, **kwargs):
        """Note the clocks."""
        mark()


def mark():
    """Note processor time and wall time."""
    CLOCKS.append((time.process_time(), time.perf_counter()))


def loss_function(case):
    """Cross-entropy or mean squared error."""
    return functional.cross_entropy if case.classifies else functional.mse_loss


def skastro(case, X, y, n_epochs, validation, augmentation=None):
    """skastro's estimators, through their public interface."""
    options = {} if case.classifies else {"normalize_y": False}
    if validation:
        options |= {
            "early_stopping": True,
            "validation_fraction": 1 / N_FOLDS,
            "patience": n_epochs + 1,
        }
    model = (CNNClassifier if case.classifies else CNNRegressor)(
        case.build,
        optimizer="adamw",
        lr=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        batch_size=case.batch_size,
        max_epochs=n_epochs,
        schedule=None,
        augmentation=augmentation,
        callbacks=[Mark()],
        random_state=0,
        **options,
    )
    model.fit(X, y)
    return [epoch["train_loss"] for epoch in model.history_]


def augmented(case, X, y, n_epochs, validation):
    """skastro's estimators with random turns, mirrors and shifts."""
    return skastro(case, X, y, n_epochs, validation, Symmetries(case.group, shift=True))


def skorch(case, X, y, n_epochs, validation):
    """skorch as it comes."""
    net = (NeuralNetClassifier if case.classifies else NeuralNetRegressor)(
        case.build(),
        criterion=torch.nn.CrossEntropyLoss if case.classifies else torch.nn.MSELoss,
        optimizer=torch.optim.AdamW,
        lr=LEARNING_RATE,
        optimizer__weight_decay=WEIGHT_DECAY,
        batch_size=case.batch_size,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=ValidSplit(N_FOLDS, stratified=case.classifies) if validation else None,
        callbacks=[Mark()],
        verbose=0,
    )
    net.fit(X, y)
    return net.history[:, "train_loss"]


def plain(case, X, y, n_epochs, validation):
    """The fastest loop of plain PyTorch that we can write."""
    module = case.build().to(memory_format=case.memory_format)
    x, y = torch.from_numpy(X).contiguous(memory_format=case.memory_format), torch.from_numpy(y)
    channels_last = case.memory_format != torch.contiguous_format
    stored, loss_of = x.movedim(1, -1) if channels_last else x, loss_function(case)
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    n_valid = len(X) // N_FOLDS if validation else 0
    valid, train = torch.randperm(len(X)).tensor_split([n_valid])
    losses, best_loss = [], np.inf

    def batch(samples):
        maps = stored.index_select(0, samples)
        return maps.movedim(-1, 1) if channels_last else maps, y.index_select(0, samples)

    for _ in range(n_epochs):
        module.train()
        total = torch.zeros(())
        for samples in train[torch.randperm(len(train))].split(case.batch_size):
            maps, targets = batch(samples)
            loss = loss_of(module(maps), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total.add_(loss.detach(), alpha=len(samples))
        losses.append(float(total) / len(train))
        if validation:
            module.eval()
            total = torch.zeros(())
            with torch.inference_mode():
                for samples in valid.split(case.batch_size):
                    maps, targets = batch(samples)
                    total.add_(loss_of(module(maps), targets), alpha=len(samples))
            if float(total) < best_loss:
                best_loss, _ = float(total), copy.deepcopy(module.state_dict())
        mark()
    return losses


def textbook(case, X, y, n_epochs, validation):
    """The loop of a tutorial: torch's loader and optimizer as they come, a value for each batch."""
    module, loss_of = case.build(), loss_function(case)
    data = TensorDataset(torch.from_numpy(X), torch.from_numpy(y))
    n_valid = len(X) // N_FOLDS
    split = [len(X) - n_valid, n_valid]
    train, valid = random_split(data, split) if validation else (data, [])
    train = DataLoader(train, batch_size=case.batch_size, shuffle=True)
    valid = DataLoader(valid, batch_size=case.batch_size)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    losses = []
    for _ in range(n_epochs):
        module.train()
        total = 0.0
        for maps, targets in train:
            optimizer.zero_grad()
            loss = loss_of(module(maps), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(maps)
        losses.append(total / len(train.dataset))
        if validation:
            module.eval()
            total = 0.0
            with torch.no_grad():
                for maps, targets in valid:
                    total += loss_of(module(maps), targets).item() * len(maps)
        mark()
    return losses


ARMS = {f.__name__: f for f in (skastro, skorch, plain, textbook, augmented)}


def measure(arm, case, *, n_epochs, scale, validation):
    """Train in this process.

    Parameters
    ----------
    arm : str
        A key of `ARMS`.
    case : Case
        Network and data.
    n_epochs : int
        Epochs that are timed, after one that is not.
    scale : float
        Share of the samples.
    validation : bool
        Whether a fifth of the samples is kept to validate on after each epoch.

    Returns
    -------
    dict
        Title, seconds of an epoch by both clocks, steps of an epoch, number of samples, first
        and last training loss, and the greatest resident memory in MB.
    """
    X, y = case.data(scale)
    steps = itertools.count()
    register_optimizer_step_post_hook(lambda *_: next(steps))
    torch.manual_seed(0)
    losses = ARMS[arm](case, X, y, 1 + n_epochs, validation)
    if len(CLOCKS) != 1 + n_epochs:
        raise RuntimeError(f"{arm} ran {len(CLOCKS)} epochs instead of {1 + n_epochs}.")
    processor, wall = (np.subtract(CLOCKS[-1], CLOCKS[0]) / n_epochs).tolist()
    return {
        "title": case.title,
        "processor": processor,
        "wall": wall,
        "steps": next(steps) / (1 + n_epochs),
        "n_samples": len(X),
        "losses": [losses[0], losses[-1]],
        "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def peak(case, seconds=1.0):
    """Speed of a matrix product, and the operations of the network.

    Parameters
    ----------
    case : Case
        The network.
    seconds : float, default=1.0
        How long products are timed.

    Returns
    -------
    dict
        GFLOP/s by both clocks, and GFLOP that the products and convolutions of a sample take:
        forward alone, and forward and backward.
    """
    a, product = torch.rand(2, 1024, 1024)
    for _ in range(3):
        torch.mm(a, a, out=product)
    start, n_products = (time.process_time(), time.perf_counter()), 0
    while time.perf_counter() - start[1] < seconds:
        torch.mm(a, a, out=product)
        n_products += 1
    spent = np.subtract((time.process_time(), time.perf_counter()), start)
    module, x = case.build(), torch.rand(2, *case.map_shape)
    with FlopCounterMode(display=False) as forward:
        out = module(x)
    with FlopCounterMode(display=False) as backward:
        out.sum().backward()
    counts = np.cumsum([forward.get_total_flops(), backward.get_total_flops()]) / 2e9
    speeds = 2e-9 * 1024**3 * n_products / spent
    return dict(zip(("processor", "wall", "forward", "both"), [*speeds, *counts], strict=True)) | {
        "busy": spent[0] / spent[1]
    }
