"""Network on the histogram of a map."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import torch
from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import ACTIVATIONS, dense_head
from ._types import Activation


class HistogramNet(Net):
    """Dense network on the histogram of the values of a map.

    It sees how many cells have which value, and not where. In line-intensity maps that is where
    the luminosity function is: convolutions and means of feature maps lose the few bright
    sources that make its end. As a part of the network the histogram sees the noise and the scaling
    of each epoch, and passes gradients on.

    Parameters
    ----------
    n_bins : int, default=64
        Number of bins.
    value_range : tuple of float, default=(-4.0, 4.0)
        Centres of the first and the last bin. What is below or above counts in these. The default
        suits maps that `skastro.preprocessing.FieldScaler` brought to mean 0 and deviation 1,
        best behind a `skastro.preprocessing.SignedLog`.
    by_channel : bool, default=False
        Whether each channel has a histogram of its own, rather than one for all cells.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Units of each hidden layer.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each hidden layer.
    dropout : float, default=0.0
        Probability of dropout behind each hidden layer.
    dim : {1, 2, 3}, default=None
        Number of spatial axes of the maps; None takes it from their shape.

    See Also
    --------
    skastro.statistics.VoxelHistogram : The counts alone, for a linear model.
    ConvNet : Convolutional network.

    Notes
    -----
    A cell counts in the two bins whose centres are next to its value, by its nearness to each. The
    features are log10(1 + count), less that of cells shared out evenly.

    References
    ----------
    .. [1] Z. Wang, H. Li, W. Ouyang, X. Wang, "Learnable histogram: statistical context features
       for deep neural networks", ECCV (2016), arXiv:1804.09398.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import HistogramNet
    >>> module = HistogramNet(n_bins=9, hidden_layer_sizes=()).build((10, 64, 64), n_outputs=49)
    >>> module(torch.zeros(5, 10, 64, 64)).shape
    torch.Size([5, 49])
    >>> module.histogram.counts(torch.tensor([[[-9.0, 0.0, 0.25, 1.0]]]))
    tensor([[[1.0000, 0.0000, 0.0000, 0.0000, 1.7500, 1.2500, 0.0000, 0.0000, 0.0000]]])
    """

    _parameter_constraints = {
        "n_bins": [Interval(Integral, 2, None, closed="left")],
        "value_range": [tuple, list],
        "by_channel": ["boolean"],
        "hidden_layer_sizes": [tuple, list],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "dim": DIM,
    }

    def __init__(
        self,
        n_bins: int = 64,
        value_range: Sequence[float] = (-4.0, 4.0),
        *,
        by_channel: bool = False,
        hidden_layer_sizes: Sequence[int] = (256, 128),
        activation: Activation = "relu",
        dropout: float = 0.0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.value_range = value_range
        self.by_channel = by_channel
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        values = list(self.value_range)
        if (
            len(values) != 2
            or not all(isinstance(value, Real) and math.isfinite(value) for value in values)
            or values[0] >= values[1]
        ):
            raise ValueError(
                f"The 'value_range' parameter of HistogramNet must be an increasing pair of finite "
                f"numbers. Got {self.value_range!r} instead."
            )
        n_histograms = map_shape[0] if self.by_channel else 1
        head = dense_head(
            n_histograms * self.n_bins,
            self.hidden_layer_sizes,
            n_outputs,
            activation=self.activation,
            dropout=self.dropout,
        )
        histogram = Histogram(self.n_bins, *map(float, values), by_channel=self.by_channel)
        return nn.Sequential(OrderedDict(histogram=histogram, head=head))


class Histogram(nn.Module):
    """Logarithms of the counts of cells by value.

    Parameters
    ----------
    n_bins : int
        Number of bins.
    low, high : float
        Centres of the first and the last bin.
    by_channel : bool
        Whether each channel has bins of its own.
    """

    def __init__(self, n_bins, low, high, *, by_channel):
        super().__init__()
        self.n_bins = n_bins
        self.low = low
        self.high = high
        self.by_channel = by_channel

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into ``(n, n_bins)``, or ``(n, c * n_bins)``."""
        values = x.flatten(2) if self.by_channel else x.flatten(1)[:, None]
        even = math.log10(1 + values.shape[2] / self.n_bins)
        return (torch.log10(1 + self.counts(values)) - even).flatten(1)

    def counts(self, values):
        """Count values.

        Parameters
        ----------
        values : torch.Tensor of shape (n, n_histograms, n_values)
            Values.

        Returns
        -------
        torch.Tensor of shape (n, n_histograms, n_bins)
            Counts, each value shared by two bins.
        """
        place = (values - self.low) * ((self.n_bins - 1) / (self.high - self.low))
        place = place.clamp(0, self.n_bins - 1)
        below = place.detach().floor().clamp_max(self.n_bins - 2)
        above_share = place - below
        below = below.long()
        counts = values.new_zeros(*values.shape[:2], self.n_bins)
        counts = counts.scatter_add(2, below, 1 - above_share)
        return counts.scatter_add(2, below + 1, above_share)

    def extra_repr(self):
        """Parameters for the representation."""
        return f"{self.n_bins} bins from {self.low:g} to {self.high:g}"
