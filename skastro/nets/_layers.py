"""Layers that the architectures share."""

import torch
from torch import nn

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
ZERO_PADS = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOLINGS = {
    "max": {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d},
    "mean": {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d},
}


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own.

    torch's own layer draws from the generator that all threads of a process share, so that
    two fits in two threads would change each other's masks.

    Parameters
    ----------
    p : float
        Probability that a value is set to zero in training.

    Attributes
    ----------
    generator : torch.Generator or None
        What masks are drawn from; None until the first mask of a sequence.
    """

    def __init__(self, p):
        super().__init__()
        self.p = p
        self._seed = 0
        self.generator = None

    def seed(self, seed):
        """Start the sequence of masks anew.

        Parameters
        ----------
        seed : int
            Seed of the sequence.
        """
        self._seed = seed
        self.generator = None

    def forward(self, x):
        """Drop values in training, and scale the others up by as much.

        Parameters
        ----------
        x : torch.Tensor
            Values.

        Returns
        -------
        torch.Tensor of the same shape
            Values with holes; outside training the values themselves.
        """
        if not self.training or self.p == 0:
            return x
        if self.generator is None or self.generator.device != x.device:
            self.generator = torch.Generator(device=x.device).manual_seed(self._seed)
        keep = 1 - self.p
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep)

    def __getstate__(self):
        return super().__getstate__() | {"generator": None}

    def extra_repr(self):
        """Parameters for the representation."""
        return f"p={self.p}"


class SpatialReadout(nn.Module):
    """Mean or greatest value of each channel over space.

    Parameters
    ----------
    kind : {"mean", "max"}
        Which of the two.
    """

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into ``(n, c)``."""
        x = x.flatten(2)
        return x.mean(2) if self.kind == "mean" else x.amax(2)

    def extra_repr(self):
        """Parameters for the representation."""
        return self.kind


def dense_head(n_inputs, hidden_layer_sizes, n_outputs, *, activation, dropout, batch_norm=False):
    """Fully connected layers, the last one linear.

    Parameters
    ----------
    n_inputs : int
        Values of a sample.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    n_outputs : int
        Values that come out.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Probability of dropout behind each hidden layer.
    batch_norm : bool, default=False
        Whether hidden layers are normalized over the batch.

    Returns
    -------
    torch.nn.Sequential
        The layers.
    """
    layers = []
    for size in hidden_layer_sizes:
        layers.append(nn.Linear(n_inputs, size, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout))
        n_inputs = size
    layers.append(nn.Linear(n_inputs, n_outputs))
    return nn.Sequential(*layers)
