"""Convolutional autoencoder."""

from collections import OrderedDict
from collections.abc import Sequence
from numbers import Integral
from typing import Literal

from torch import nn
from torch.nn import functional

from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import ACTIVATIONS, CONVOLUTIONS, POOLINGS, check_wrap, convolution
from ._types import Activation, PaddingMode

_OUTPUT_ACTIVATIONS = {"sigmoid": nn.Sigmoid}


class Autoencoder(Net):
    """Convolutional autoencoder for signals, maps and cubes.

    The encoder is layers of a convolution, an activation and pooling; what comes out of the last
    one is the code. The decoder goes the same way back, with layers of a convolution, an
    activation and a repetition of each cell, and ends with a convolution to the channels. What
    comes out has the size of the maps: where the size of a layer is no multiple of `pool_size`,
    the last cells are pooled as far as they go, and what the repetition adds is cut off.

    Parameters
    ----------
    n_filters : tuple of int, default=(16, 8, 8)
        Filters of each layer of the encoder, the last number being the channels of the code; the
        decoder has them in reverse order. So there are as many layers.
    kernel_size : int, default=3
        Cells of a kernel along each axis.
    pooling : {"max", "mean"}, default="max"
        Pooling at the end of each layer of the encoder.
    pool_size : int, default=2
        Cells that are pooled, and repeated, along each axis.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each convolution but the last.
    batch_norm : bool, default=False
        Whether the output of each convolution but the last is normalized over the batch.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. With
        "circular" a shift of the map by ``pool_size**len(n_filters)`` cells, in a box of a
        multiple of as many, shifts the code by one cell and the output with the map.
    output_activation : {"sigmoid"} or None, default=None
        Activation behind the last convolution: "sigmoid" for maps that are scaled to the range
        from 0 to 1.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    skastro.decomposition.ConvAutoencoder : Trains it.
    ConvNet : Convolutional network for numbers and classes.

    Notes
    -----
    The module has the parts ``encoder`` and ``decoder``. For maps of one channel the default has
    4,385 weights, and makes a code of 25 x 25 cells with 8 channels from a map of 200 x 200.
    Weights are drawn as by Glorot and Bengio [2]_, and biases begin at zero.

    References
    ----------
    .. [1] G. E. Hinton, R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 504 (2006).
    .. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS (2010).

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import Autoencoder
    >>> module = Autoencoder().build((1, 200, 200), n_outputs=1)
    >>> maps = torch.zeros(5, 1, 200, 200)
    >>> module.encoder(maps).shape
    torch.Size([5, 8, 25, 25])
    >>> module(maps).shape
    torch.Size([5, 1, 200, 200])
    """

    _parameter_constraints = {
        "n_filters": [tuple, list],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions(set(POOLINGS))],
        "pool_size": [Interval(Integral, 2, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_norm": ["boolean"],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "output_activation": [StrOptions(set(_OUTPUT_ACTIVATIONS)), None],
        "dim": DIM,
    }

    def __init__(
        self,
        n_filters: Sequence[int] = (16, 8, 8),
        *,
        kernel_size: int = 3,
        pooling: Literal["max", "mean"] = "max",
        pool_size: int = 2,
        activation: Activation = "relu",
        batch_norm: bool = False,
        padding_mode: PaddingMode = "zeros",
        output_activation: Literal["sigmoid"] | None = None,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.pool_size = pool_size
        self.activation = activation
        self.batch_norm = batch_norm
        self.padding_mode = padding_mode
        self.output_activation = output_activation
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        if not self.n_filters:
            raise ValueError(
                "The 'n_filters' parameter of Autoencoder must hold at least one integer. Got "
                f"{self.n_filters!r} instead."
            )
        self._check_sizes("n_filters", self.n_filters)
        n_channels, *spatial = map_shape
        sizes = [tuple(spatial)]
        for _ in self.n_filters:
            sizes.append(tuple(-(-n // self.pool_size) for n in sizes[-1]))
        for size in sizes:
            check_wrap("Autoencoder", size, self.kernel_size // 2, self.padding_mode)
        dim, encoder, decoder = len(spatial), OrderedDict(), OrderedDict()
        pool = POOLINGS[self.pooling][dim]
        for i, (n_filters, size) in enumerate(zip(self.n_filters, sizes[:-1], strict=True), 1):
            layer = self._convolution(n_channels, n_filters, dim)
            pooled = tuple(min(self.pool_size, n) for n in size)
            encoder[f"layer_{i}"] = nn.Sequential(*layer, pool(pooled, ceil_mode=True))
            n_channels = n_filters
        inward = zip(self.n_filters[::-1], sizes[-2::-1], strict=True)
        for i, (n_filters, size) in enumerate(inward, 1):
            layer = self._convolution(n_channels, n_filters, dim)
            decoder[f"layer_{i}"] = nn.Sequential(*layer, Repeat(self.pool_size, size))
            n_channels = n_filters
        last = {"dim": dim, "padding_mode": self.padding_mode, "activation": None}
        if self.output_activation is not None:
            last["activation"] = _OUTPUT_ACTIVATIONS[self.output_activation]
        layer = convolution(n_channels, n_outputs, self.kernel_size, **last)
        decoder["last"] = nn.Sequential(*layer)
        module = nn.Sequential(
            OrderedDict(encoder=nn.Sequential(encoder), decoder=nn.Sequential(decoder))
        )
        _glorot_uniform_(module)
        return module

    def _convolution(self, n_channels, n_filters, dim):
        """A convolution with what follows it in all layers but the last."""
        return convolution(
            n_channels,
            n_filters,
            self.kernel_size,
            dim=dim,
            padding_mode=self.padding_mode,
            batch_norm=self.batch_norm,
            activation=ACTIVATIONS[self.activation],
        )


class Repeat(nn.Module):
    """Repeat each cell along each axis, and cut off what goes beyond a size.

    Parameters
    ----------
    times : int
        How often a cell is repeated along each axis.
    spatial : tuple of int
        Cells to keep along each axis, from the near end.
    """

    def __init__(self, times, spatial):
        super().__init__()
        self.times = times
        self.spatial = spatial

    def forward(self, x):
        """Turn ``(n, c, *small)`` into ``(n, c, *spatial)``."""
        x = functional.interpolate(x, scale_factor=self.times, mode="nearest")
        return x[(..., *(slice(size) for size in self.spatial))]

    def extra_repr(self):
        """Parameters for the representation."""
        return f"{self.times}, {self.spatial}"


def _glorot_uniform_(module):
    """Draw the weights of all convolutions, and set their biases to zero."""
    for layer in module.modules():
        if isinstance(layer, tuple(CONVOLUTIONS.values())):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
