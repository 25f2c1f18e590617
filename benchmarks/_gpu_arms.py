"""What is timed on a GPU, or on whatever device is there: one function for each way to train."""

import itertools
import time
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from _training_arms import LEARNING_RATE, WEIGHT_DECAY, loss_function
from _training_cases import CASES as SMALL_CASES
from _training_cases import LAST, LAST_3D, Case
from skorch.callbacks import Callback
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.flop_counter import FlopCounterMode

from skastro.nets import AlexNet, ConvNet, UNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor

CASES = {
    "dense": replace(SMALL_CASES["dense128"], title="dense 2500-350-17"),
    "cnn": replace(SMALL_CASES["cnn"], batch_size=128, n_samples=8192),
    "strided": replace(SMALL_CASES["strided"], batch_size=128, n_samples=2048),
    "alexnet": Case(
        "AlexNet 256x256",
        AlexNet(dropout=0.0).build,
        (2, 256, 256),
        2048,
        6,
        batch_size=128,
        memory_format=LAST,
    ),
    "cube": Case(
        "ConvNet 64x64x64",
        ConvNet(dim=3).build,
        (1, 64, 64, 64),
        512,
        batch_size=32,
        memory_format=LAST_3D,
    ),
    "unet": Case(
        "UNet 64x64x64, fields",
        UNet(3, 16).build,
        (1, 64, 64, 64),
        128,
        task="reconstruction",
        batch_size=8,
        memory_format=LAST_3D,
    ),
}


class Clock(Callback):
    """Notes the time at the end of each epoch, when the device is done with it.

    Parameters
    ----------
    device : torch.device
        The device.
    """

    def __init__(self, device):
        self.device = device
        self.times = []

    def __deepcopy__(self, memo):
        return self

    def tick(self):
        """Note the time."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.times.append(time.perf_counter())

    def on_epoch_end(self, net, **kwargs):
        """Note the time."""
        self.tick()


def skastro(case, X, y, clock, n_epochs, *, precision, data, compiled):
    """The estimators of skastro, through their public interface."""
    if data == "pinned":  # as where the memory of the GPU is full
        torch.cuda.mem_get_info = lambda device=None: (0, 0)
    kind = CNNClassifier if case.classifies else CNNRegressor
    kind = FieldRegressor if case.task == "reconstruction" else kind
    model = kind(
        case.build,
        optimizer="adamw",
        lr=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        batch_size=case.batch_size,
        max_epochs=n_epochs,
        schedule=None,
        precision=precision,
        compile=compiled,
        device=str(clock.device),
        callbacks=[clock],
        random_state=0,
        **({} if case.classifies else {"normalize_y": False}),
    )
    model.fit(X, y)
    return [epoch["train_loss"] for epoch in model.history_]


def plain(case, X, y, clock, n_epochs, *, precision, data, compiled):
    """The fastest loop of plain PyTorch that we can write."""
    device, loss_of = clock.device, loss_function(case)
    allow_tf32(precision != "float32")
    module = case.build().to(device, memory_format=case.memory_format)
    forward = torch.compile(module, dynamic=False) if compiled else module
    x = torch.from_numpy(X).contiguous(memory_format=case.memory_format)
    x, y = x.movedim(1, -1), torch.from_numpy(y)
    if data == "device":
        x, y = x.to(device), y.to(device)
    mixed = precision == "bfloat16"
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )

    def batch(values, samples):
        values = values.index_select(0, samples)
        return values.pin_memory().to(device, non_blocking=True) if data == "pinned" else values

    losses = []
    for _ in range(n_epochs):
        total = torch.zeros((), device=device)
        for samples in torch.randperm(len(x), device=x.device).split(case.batch_size):
            maps, targets = batch(x, samples).movedim(-1, 1), batch(y, samples)
            with torch.autocast(device.type, torch.bfloat16) if mixed else nullcontext():
                out = forward(maps)
            loss = loss_of(out.float(), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total.add_(loss.detach(), alpha=len(samples))
        losses.append(float(total) / len(x))
        clock.tick()
    return losses


ARMS = {"plain": plain, "skastro": skastro}


def allow_tf32(allowed):
    """Allow TensorFloat-32 in products and convolutions, or forbid it."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def measure(arm, case, device, *, n_epochs, scale, **how):
    """Train in this process.

    Parameters
    ----------
    arm : {"plain", "skastro"}
        Who trains.
    case : Case
        Network and data.
    device : torch.device
        Where.
    n_epochs : int
        Epochs that are timed, after one that is not, in which a net is compiled.
    scale : float
        Share of the samples.
    **how
        Precision, place of the data, and whether the net is compiled.

    Returns
    -------
    dict
        Maps per second, seconds of the first epoch, steps of an epoch, first and last training
        loss, and the greatest memory of the GPU in MB.
    """
    X, y = case.data(scale)
    if case.task == "reconstruction":
        y = y.reshape(X.shape)
    steps, clock = itertools.count(), Clock(device)
    register_optimizer_step_post_hook(lambda *_: next(steps))
    torch.manual_seed(0)
    clock.tick()
    losses = ARMS[arm](case, X, y, clock, 1 + n_epochs, **how)
    first, *others = np.diff(clock.times).tolist()
    if len(others) != n_epochs:
        raise RuntimeError(f"{arm} ran {1 + len(others)} epochs instead of {1 + n_epochs}.")
    on_gpu = device.type == "cuda"
    return {
        "speed": len(X) * n_epochs / sum(others),
        "first": first,
        "steps": next(steps) / (1 + n_epochs),
        "losses": [losses[0], losses[-1]],
        "memory": torch.cuda.max_memory_allocated(device) / 2**20 if on_gpu else 0.0,
    }


def peak(case, device, precision, seconds=1.0):
    """Speed of a matrix product in a precision, and the operations of the network.

    Parameters
    ----------
    case : Case
        The network.
    device : torch.device
        Where the product is taken.
    precision : {"float32", "tf32", "bfloat16"}
        In what numbers.
    seconds : float, default=1.0
        How long products are timed.

    Returns
    -------
    dict
        Operations per second, and operations that the products and convolutions of a map take,
        forward and backward.
    """
    allow_tf32(precision != "float32")
    n = 8192 if device.type == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, product = torch.rand(2, n, n, device=device).to(dtype)
    clock, n_products = Clock(device), 0
    for _ in range(3):
        torch.mm(a, a, out=product)
    clock.tick()
    while clock.times[-1] - clock.times[0] < seconds:
        for _ in range(10):
            torch.mm(a, a, out=product)
        clock.tick()
        n_products += 10
    module, x = case.build().to(device), torch.rand(2, *case.map_shape).to(device)
    with FlopCounterMode(display=False) as counter:
        module(x).sum().backward()
    return {
        "peak": 2 * n**3 * n_products / (clock.times[-1] - clock.times[0]),
        "operations": counter.get_total_flops() / 2,
    }
