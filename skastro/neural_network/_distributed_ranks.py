"""The processes that share one fit, and the share of each batch that falls to one of them."""

import os
from contextlib import contextmanager

import numpy as np
import torch
from torch import distributed

from ._batches import Batches
from ._device_lease import leased_device
from ._torch import resolve_device

_JOINED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launched_ranks():
    """Processes that ``torchrun`` has started this one among.

    Returns
    -------
    int
        Their number; 1 where there is no such launcher.
    """
    if not all(name in os.environ for name in _JOINED):
        return 1
    return int(os.environ["WORLD_SIZE"])


def count_devices(devices, device, owner):
    """Decide the parameter `devices`.

    Parameters
    ----------
    devices : int, "all" or None
        What was asked for.
    device : str
        The parameter `device`.
    owner : str
        Who asks, named in errors.

    Returns
    -------
    int
        Number of processes that share a fit; 1 is this process alone.

    Raises
    ------
    ValueError
        If there are not as many devices.
    """
    if devices in (None, 1):
        return 1
    resolved = resolve_device(device, owner)
    asked = f"The 'devices' parameter of {owner} is {devices!r}"
    if resolved.type == "cuda" and device not in ("auto", "cuda"):
        raise ValueError(
            f"{asked}, but device={device!r} names a single one. Set device='auto', or "
            f"devices=None."
        )
    launched = launched_ranks()
    if launched > 1:
        if devices not in ("all", launched):
            raise ValueError(
                f"{asked}, but this process is one of {launched} that torchrun has started. Set "
                f"devices='all', or start as many."
            )
        return launched
    n_gpus = torch.cuda.device_count() if resolved.type == "cuda" else 0
    if devices == "all":
        return max(n_gpus, 1)
    if resolved.type not in ("cpu", "cuda"):
        raise ValueError(
            f"{asked}, but several devices of type {resolved.type!r} cannot share a fit. Set "
            f"devices=None, or device='cpu'."
        )
    if resolved.type == "cuda" and devices > n_gpus:
        raise ValueError(
            f"{asked}, but torch finds {n_gpus} CUDA devices here. Set devices='all', or "
            f"device='cpu' for processes on the processor."
        )
    return devices


@contextmanager
def device_for(n_ranks, device, owner):
    """Device of the process that calls fit.

    Parameters
    ----------
    n_ranks : int
        Processes that share the fit. Where they are several, nothing is leased for this one:
        each of them takes its own device.
    device : str
        The parameter `device`.
    owner : str
        Who asks, named in errors.

    Yields
    ------
    torch.device
        The device.
    """
    if n_ranks == 1:
        with leased_device(device, owner) as found:
            yield found
        return
    found = resolve_device(device, owner)
    local = os.environ.get("LOCAL_RANK", "0") if launched_ranks() > 1 else "0"
    yield torch.device("cuda", int(local)) if found.type == "cuda" else found


class Ranks:
    """The processes that share a fit, as one of them sees them.

    Parameters
    ----------
    device : torch.device
        Device of this process.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    n_ranks : int
        How many there are.
    counts : bool
        Whether the samples of this process count in the batch that is trained on.
    all_count : bool
        Whether those of each process do.
    """

    def __init__(self, device):
        self.device = device
        self.rank = distributed.get_rank()
        self.n_ranks = distributed.get_world_size()
        self.counts = self.all_count = True

    def sum(self, values):
        """Sum values over all processes.

        Parameters
        ----------
        values : torch.Tensor
            Values of this process, which are left as they are.

        Returns
        -------
        torch.Tensor
            The sums, the same bits in all processes.
        """
        total = values.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    def differentiable_sum(self, values):
        """Sum values over all processes, in a way that gradients go back through.

        Parameters
        ----------
        values : torch.Tensor
            Values of this process.

        Returns
        -------
        torch.Tensor
            The sums.
        """
        return _Sum.apply(values, self)

    def gather(self, values, sizes):
        """Put the rows of all processes one after the other.

        Parameters
        ----------
        values : torch.Tensor of shape (n, ...)
            Rows of this process; where it has none that count, there is one all the same.
            Gradients go back to these alone.
        sizes : list of int
            Rows that count, of each process.

        Returns
        -------
        torch.Tensor of shape (sum of sizes, ...)
            The rows.
        """
        longest = max(*sizes, 1)
        padded = values.new_zeros(longest, *values.shape[1:])
        padded[: len(values)] = values.detach()
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        parts[self.rank] = values
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def any(self, flag):
        """Whether something holds in one of the processes at least.

        Parameters
        ----------
        flag : bool
            Whether it holds here.

        Returns
        -------
        bool
            The same in all processes.
        """
        return bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    def equal(self, values):
        """Whether numbers are the same in all processes, but for rounding.

        Parameters
        ----------
        values : list of float
            Numbers of this process.

        Returns
        -------
        bool
            The same in all processes.
        """
        found = torch.tensor(values, dtype=torch.float64, device=self.device)
        first = found.clone()
        distributed.broadcast(first, 0)
        return not self.any(not torch.allclose(found, first, rtol=1e-6, equal_nan=True))

    def of_first(self, value):
        """What the first process has.

        Parameters
        ----------
        value : object
            Anything that can be pickled; only that of the first process counts.

        Returns
        -------
        object
            It, in all processes.
        """
        content = [value]
        distributed.broadcast_object_list(content, 0)
        return content[0]


class _Sum(torch.autograd.Function):
    """Sum over processes, each of which has a part of the loss."""

    @staticmethod
    def forward(ctx, values, ranks):
        ctx.ranks = ranks
        return ranks.sum(values)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.ranks.sum(gradient), None


class SharedBatches(Batches):
    """The share of one process in each batch of a `MapDataset`.

    Together the shares of all processes are the batches that `Batches` makes, in that order. A
    process whose share is empty gets one sample of the batch, which does not count.

    Parameters
    ----------
    dataset : MapDataset
        Where samples come from.
    batch_size : int
        Samples in a whole batch.
    shuffle : bool, default=False
        As for `Batches`.
    ranks : Ranks
        The processes.

    Attributes
    ----------
    number : int
        Number of the batch that was given last.
    """

    def __init__(self, dataset, batch_size, shuffle=False, *, ranks):
        super().__init__(dataset, batch_size, shuffle)
        edges = np.array(self._edges)
        self._sizes = np.diff(edges)
        places = np.arange(ranks.n_ranks + 1)
        cuts = edges[:-1, None] + self._sizes[:, None] * places // ranks.n_ranks
        self._shares = np.diff(cuts, axis=1)
        start = np.minimum(cuts[:, ranks.rank], edges[1:] - 1)
        stop = np.maximum(cuts[:, ranks.rank + 1], start + 1)
        spans = [np.arange(*span) for span in zip(start, stop, strict=True)]
        self._edges = [0, *np.cumsum(stop - start).tolist()]
        self.dataset = _Share(dataset, torch.from_numpy(np.concatenate(spans)))
        self.number = None

    @property
    def size(self):
        """Samples in the whole of the batch that was given last."""
        return int(self._sizes[self.number])

    @property
    def shares(self):
        """Samples of each process in the batch that was given last."""
        return self._shares[self.number].tolist()

    def starting_at(self, first):
        """Shares of the batches from some place in the epoch on.

        Parameters
        ----------
        first : int
            Number of batches to leave out.

        Yields
        ------
        tuple
            What `MapDataset.batch` returns.
        """
        for number, batch in enumerate(super().starting_at(first), first):
            self.number = number
            yield batch


class _Share:
    """A data set of which only some places in the order of an epoch are asked for."""

    def __init__(self, dataset, places):
        self._dataset = dataset
        self._places = places

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def __len__(self):
        return len(self._places)

    @property
    def rows(self):
        return self._dataset.rows[self._places]

    def start_epoch(self, *args):
        return self._dataset.start_epoch(*args)[self._places]
