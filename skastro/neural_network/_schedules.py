"""How the learning rate changes over a run."""

from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
)

SCHEDULES = ("one_cycle", "cosine", "plateau")
# Schedules that are laid out for a number of epochs.
OF_FIXED_LENGTH = ("one_cycle", "cosine")

_RISE_OF_ONE_CYCLE = 0.3


def make_schedules(schedule, optimizer, *, lr, momentum, n_steps, n_warmup, patience):
    """Make the schedulers of a run; their effects multiply.

    Parameters
    ----------
    schedule : {"one_cycle", "cosine", "plateau"} or None
        The parameter `schedule`.
    optimizer : torch.optim.Optimizer
        The optimizer.
    lr : float
        Greatest learning rate.
    momentum : bool
        Whether the momentum changes too, where the schedule does that.
    n_steps : int
        Batches of the run.
    n_warmup : int or None
        Batches over which the rate rises.
    patience : int
        Epochs after which early stopping would stop.

    Returns
    -------
    of_batches : list of torch.optim.lr_scheduler.LRScheduler
        What is stepped after each batch.
    of_epochs : list of torch.optim.lr_scheduler.ReduceLROnPlateau
        What is stepped after each epoch with the loss.
    """
    if schedule == "one_cycle" and n_steps > 1:
        rise = _RISE_OF_ONE_CYCLE if n_warmup is None else min(n_warmup, n_steps - 1) / n_steps
        rise = 0.0 if rise * n_steps == 1 else rise  # torch would divide by no steps
        one_cycle = OneCycleLR(
            optimizer, max_lr=lr, total_steps=n_steps, pct_start=rise, cycle_momentum=momentum
        )
        return [one_cycle], []
    of_batches, of_epochs = [], []
    if n_warmup:
        of_batches.append(
            LinearLR(optimizer, start_factor=1 / (n_warmup + 1), total_iters=n_warmup)
        )
    if schedule == "cosine":
        of_batches.append(CosineAnnealingLR(optimizer, T_max=n_steps))
    if schedule == "plateau":
        of_epochs.append(ReduceLROnPlateau(optimizer, patience=patience // 2, threshold=0))
    return of_batches, of_epochs
