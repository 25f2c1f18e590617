"""The skorch net that trains the modules, and its callbacks."""

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from ._torch import seed_epoch

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}

SCHEDULES = {
    "cosine": lambda optimizer, lr, n_steps: {"policy": CosineAnnealingLR, "T_max": n_steps},
    "one_cycle": lambda optimizer, lr, n_steps: {
        "policy": OneCycleLR,
        "max_lr": lr,
        "total_steps": n_steps,
        "cycle_momentum": optimizer in OPTIMIZERS,
    },
}


class MapNet(NeuralNet):
    """A skorch net that seeds each epoch and stores 2D feature maps with channels last.

    Channels-last storage makes 2D convolutions up to twice as fast on a processor. Outside
    training every batch is filled up to the same size, since the size decides in which order
    products are summed: so the output for a map does not depend on the maps beside it.

    Parameters
    ----------
    *args
        As for ``skorch.NeuralNet``.
    seed : int, default=0
        Seed of the run.
    n_outputs : int, default=None
        Number of outputs that the module must have for each sample; None accepts any.
    **kwargs
        As for ``skorch.NeuralNet``.
    """

    def __init__(self, *args, seed=0, n_outputs=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.seed = seed
        self.n_outputs = n_outputs

    def initialize_module(self):
        """Store the weights in the order that suits the module."""
        super().initialize_module()
        convolves = any(isinstance(m, torch.nn.Conv2d) for m in self.module_.modules())
        if convolves:
            self.module_.to(memory_format=torch.channels_last)
        self.channels_last_ = convolves
        return self

    def initialize_optimizer(self, *args, **kwargs):
        """Note the learning rate, which a schedule asks for where a run goes on."""
        super().initialize_optimizer(*args, **kwargs)
        for group in self.optimizer_.param_groups:
            group["initial_lr"] = group["lr"]
        return self

    def infer(self, x, **fit_params):
        """Put a batch through the module, and check the shape of what it returns."""
        x = x.to(self.device)
        n_samples = len(x)
        if not self.module_.training:
            x = torch.cat([x, x[:1].expand(self.batch_size - n_samples, *x.shape[1:])])
        if self.channels_last_ and x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        out = self.module_(x, **fit_params)
        if self.n_outputs is not None and out.shape != (len(x), self.n_outputs):
            raise ValueError(
                f"The 'net' parameter built a module that turns a batch of shape {tuple(x.shape)} "
                f"into one of shape {tuple(out.shape)}. It must return (n_samples, n_outputs) = "
                f"{(len(x), self.n_outputs)}."
            )
        return out[:n_samples]

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Fix the random numbers of the epoch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        epoch = len(self.history)
        dataset_train.epoch = epoch
        seed_epoch(self.module_, self.seed, epoch, torch.device(self.device))


class EpochProgress(Callback):
    """Progress bar of a fit.

    Parameters
    ----------
    description : str
        Text before the bar.
    n_epochs : int
        Epochs of the whole run.
    """

    def __init__(self, description, n_epochs):
        self.description = description
        self.n_epochs = n_epochs

    def on_train_begin(self, net, **kwargs):
        """Show the bar."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=Console(),
        )
        self._task = self._progress.add_task(
            self.description, total=self.n_epochs, completed=len(net.history), loss=""
        )
        self._progress.start()

    def on_epoch_end(self, net, **kwargs):
        """Move the bar on."""
        last = net.history[-1]
        names = [name for name in ("train_loss", "valid_loss") if name in last]
        loss = ", ".join(f"{name.replace('_', ' ')} {last[name]:.4g}" for name in names)
        self._progress.update(self._task, advance=1, loss=loss)

    def on_train_end(self, net, **kwargs):
        """Leave the bar as it is."""
        self._progress.stop()


def schedule_callback(schedule, optimizer, lr, n_steps):
    """Callback that changes the learning rate after each batch.

    Parameters
    ----------
    schedule : {"cosine", "one_cycle"}
        Name of the schedule.
    optimizer : str or callable
        The parameter `optimizer`.
    lr : float
        Greatest learning rate.
    n_steps : int
        Batches of the run.

    Returns
    -------
    skorch.callbacks.LRScheduler
        The callback.
    """
    options = SCHEDULES[schedule](optimizer, lr, n_steps)
    return LRScheduler(**options, last_epoch=-1, step_every="batch")
