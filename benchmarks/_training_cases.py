"""Networks and data on which training is timed."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from skastro.nets import ConvNet, DenseNet


@dataclass(frozen=True)
class Case:
    """A network with its data.

    Parameters
    ----------
    title : str
        Name in the table.
    net : callable
        Takes ``(map_shape, n_outputs)``, returns a module.
    map_shape : tuple of int
        ``(n_channels, *spatial)``.
    n_samples : int
        Number of maps.
    n_outputs : int, default=1
        Classes or targets; for an autoencoder, the values of a map.
    task : {"regression", "classification", "reconstruction"}, default="regression"
        What is learned.
    batch_size : int, default=32
        Samples in a batch.
    memory_format : torch.memory_format, default=torch.contiguous_format
        The format in which the plain loop stores maps and weights: the fastest.
    """

    title: str
    net: object
    map_shape: tuple
    n_samples: int
    n_outputs: int = 1
    task: str = "regression"
    batch_size: int = 32
    memory_format: torch.memory_format = torch.contiguous_format

    @property
    def classifies(self):
        """Whether the targets are classes."""
        return self.task == "classification"

    @property
    def group(self):
        """Symmetries of the maps."""
        return {1: "line", 2: "square", 3: "cube"}[len(self.map_shape) - 1]

    def build(self, map_shape=None, n_outputs=None):
        """Module with the same weights at each call."""
        torch.manual_seed(0)
        return self.net(map_shape or self.map_shape, n_outputs or self.n_outputs)

    def data(self, scale):
        """Maps and targets that can be learned: noise, and one pattern for each output.

        Parameters
        ----------
        scale : float
            Share of the samples, at least three batches.

        Returns
        -------
        tuple of ndarray
            Maps of shape ``(n_samples, *map_shape)``, float32, and targets.
        """
        rng = np.random.default_rng(0)
        n = max(round(scale * self.n_samples), 3 * self.batch_size)
        n_codes = 8 if self.task == "reconstruction" else self.n_outputs
        patterns = rng.standard_normal((n_codes, math.prod(self.map_shape)), dtype=np.float32)
        codes = rng.standard_normal((n, n_codes), dtype=np.float32)
        if self.classifies:
            classes = rng.integers(n_codes, size=n)
            codes = np.eye(n_codes, dtype=np.float32)[classes]
        maps = rng.standard_normal((n, math.prod(self.map_shape)), dtype=np.float32)
        for i, code in enumerate(codes):
            maps[i] += 0.3 * code @ patterns
        if self.task == "reconstruction":
            maps = 1 / (1 + np.exp(-maps))
        targets = {"regression": codes, "reconstruction": maps}
        y = classes if self.classifies else targets[self.task]
        return maps.reshape(n, *self.map_shape), y


def strided_net(map_shape, n_outputs):
    """Convolutions as in AlexNet, a third as wide: the first one is 11 x 11 with stride 4."""
    return nn.Sequential(
        nn.Conv2d(map_shape[0], 32, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 512),
        nn.ReLU(),
        nn.Linear(512, n_outputs),
    )


def autoencoder(map_shape, n_outputs):
    """Convolutional autoencoder of 4,385 weights, whose output is the flat map."""
    channels, layers = (map_shape[0], 16, 8, 8, 8, 8, 16), []
    for i, (before, after) in enumerate(pairwise(channels)):
        resize = nn.MaxPool2d(2) if i < 3 else nn.Upsample(scale_factor=2)
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), resize]
    module = nn.Sequential(*layers, nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid(), nn.Flatten())
    n_weights = sum(weights.numel() for weights in module.parameters())
    if n_weights != 4385:
        raise RuntimeError(f"The autoencoder has {n_weights} weights instead of 4385.")
    return module


LAST, LAST_3D = torch.channels_last, torch.channels_last_3d
_PATCHES = {"map_shape": (1, 50, 50), "n_samples": 6528, "n_outputs": 17, "task": "classification"}

CASES = {
    "dense": Case("dense 2500-350-17", DenseNet((350,)).build, **_PATCHES),
    "dense128": Case(
        "the same, batches of 128", DenseNet((350,)).build, batch_size=128, **_PATCHES
    ),
    "tiny": Case("dense 64-32-1", DenseNet((32,)).build, (1, 8, 8), 6400),
    "cnn": Case("ConvNet 64x64", ConvNet().build, (1, 64, 64), 3000, 6, memory_format=LAST),
    "strided": Case("strided CNN 256x256", strided_net, (2, 256, 256), 990, 6, memory_format=LAST),
    "channels": Case(
        "ConvNet 64x64, 64 channels", ConvNet().build, (64, 64, 64), 768, 1, memory_format=LAST
    ),
    "cube": Case(
        "ConvNet 32x32x32", ConvNet(dim=3).build, (1, 32, 32, 32), 320, memory_format=LAST_3D
    ),
    "autoencoder": Case(
        "autoencoder 200x200",
        autoencoder,
        (1, 200, 200),
        320,
        200 * 200,
        task="reconstruction",
        memory_format=LAST,
    ),
}
