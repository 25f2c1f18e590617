"""Convolutional network."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

from torch import nn

from ..exceptions import MapShapeError
from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import (
    ACTIVATIONS,
    POOLINGS,
    Dropout,
    SpatialReadout,
    convolution,
    dense_head,
)
from ._types import Activation, PaddingMode


class ConvNet(Net):
    """Convolutional network for signals, maps and cubes.

    Layers of convolutions, each followed by pooling, then a readout of the feature maps and
    dense layers. Maps keep their size through a convolution.

    Parameters
    ----------
    n_layers : int, default=4
        Number of layers.
    n_filters : int or tuple of int, default=16
        Filters of the first layer, doubled from layer to layer; or those of each layer.
    n_convolutions : int, default=1
        Convolutions in a layer, before its pooling.
    kernel_size : int, default=3
        Cells of a kernel along each axis.
    pooling : {"max", "mean", "stride"} or None, default="max"
        What makes maps smaller at the end of each layer: pooling, or a last convolution that
        is taken at every `pool_size`-th cell alone [3]_, which costs less.
    pool_size : int or tuple of int, default=2
        Cells that become one along each axis, or along all axes; fewer where a map has become
        smaller. ``(1, 2, 2)`` keeps the first axis of a cube, such as frequency.
    batch_norm : bool, default=False
        Whether the output of each convolution is normalized over the batch. It helps deep
        nets, but changes the amplitude of a map by what else is in its batch, which hurts
        where the amplitude of fluctuations carries the signal.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each convolution and hidden layer.
    readout : {"flatten", "mean", "max"}, default="flatten"
        What goes to the dense layers: all cells of the last feature maps, or the mean or
        greatest value of each. The latter two do not depend on position, as suits a
        periodic box, and accept that a map is shifted.
    hidden_layer_sizes : tuple of int, default=()
        Units of each hidden dense layer.
    dropout : float, default=0.0
        Probability of dropout before the dense layers and behind each hidden one.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    DenseNet : Fully connected network.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
       document recognition", Proc. IEEE 86, 2278 (1998).
    .. [2] S. Ioffe, C. Szegedy, "Batch normalization", ICML (2015).
    .. [3] J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller, "Striving for simplicity:
       the all convolutional net", ICLR workshop (2015), arXiv:1412.6806.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import ConvNet
    >>> net = ConvNet(n_layers=2, n_filters=8, readout="mean")
    >>> net.build((2, 64, 64), n_outputs=17)(torch.zeros(5, 2, 64, 64)).shape
    torch.Size([5, 17])
    >>> net.build((2, 16, 16, 32), n_outputs=1)(torch.zeros(5, 2, 16, 16, 32)).shape
    torch.Size([5, 1])
    """

    _parameter_constraints = {
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "n_convolutions": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({*POOLINGS, "stride"}), None],
        "pool_size": [Interval(Integral, 2, None, closed="left"), tuple, list],
        "batch_norm": ["boolean"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "readout": [StrOptions({"flatten", "mean", "max"})],
        "hidden_layer_sizes": [tuple, list],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        n_layers: int = 4,
        n_filters: int | Sequence[int] = 16,
        *,
        n_convolutions: int = 1,
        kernel_size: int = 3,
        pooling: Literal["max", "mean", "stride"] | None = "max",
        pool_size: int | Sequence[int] = 2,
        batch_norm: bool = False,
        activation: Activation = "relu",
        readout: Literal["flatten", "mean", "max"] = "flatten",
        hidden_layer_sizes: Sequence[int] = (),
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_layers = n_layers
        self.n_filters = n_filters
        self.n_convolutions = n_convolutions
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.pool_size = pool_size
        self.batch_norm = batch_norm
        self.activation = activation
        self.readout = readout
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.dim = dim

    def _filters(self):
        if isinstance(self.n_filters, Integral):
            return [self.n_filters * 2**i for i in range(self.n_layers)]
        if len(self.n_filters) != self.n_layers:
            raise ValueError(
                f"The 'n_filters' parameter of ConvNet must be one integer or one for each of the "
                f"n_layers={self.n_layers} layers. Got {self.n_filters!r} instead."
            )
        self._check_sizes("n_filters", self.n_filters)
        return list(self.n_filters)

    def _pool(self, spatial):
        """Cells along each axis that become one."""
        sizes = self.pool_size
        if isinstance(sizes, Integral):
            sizes = (sizes,) * len(spatial)
        self._check_sizes("pool_size", sizes)
        if len(sizes) != len(spatial):
            raise ValueError(
                f"The 'pool_size' parameter of ConvNet must be one integer or one for each of the "
                f"{len(spatial)} axes of the maps. Got {self.pool_size!r} instead."
            )
        return tuple(min(size, n) for size, n in zip(sizes, spatial, strict=True))

    def _build(self, map_shape, n_outputs):
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        n_channels, *spatial = map_shape
        features = OrderedDict()
        for i, n_filters in enumerate(self._filters(), 1):
            layer, spatial = self._layer(n_channels, n_filters, spatial)
            features[f"layer_{i}"] = layer
            n_channels = n_filters
        if self.readout == "flatten":
            readout, n_values = nn.Flatten(), n_channels * math.prod(spatial)
        else:
            readout, n_values = SpatialReadout(self.readout), n_channels
        head = dense_head(
            n_values,
            self.hidden_layer_sizes,
            n_outputs,
            activation=self.activation,
            dropout=self.dropout,
        )
        if self.dropout:
            head.insert(0, Dropout(self.dropout))
        return nn.Sequential(
            OrderedDict(features=nn.Sequential(features), readout=readout, head=head)
        )

    def _layer(self, n_channels, n_filters, spatial):
        """One layer, and the size of its output."""
        after = self.kernel_size // 2
        if self.padding_mode == "circular" and after > min(spatial):
            raise MapShapeError(
                f"ConvNet(kernel_size={self.kernel_size}, padding_mode='circular') cannot wrap "
                f"around feature maps of size {tuple(spatial)}. Take fewer layers, smaller "
                f"kernels, or padding_mode='zeros'."
            )
        dim, pool, parts = len(spatial), self._pool(spatial), []
        smaller = [n // p for n, p in zip(spatial, pool, strict=True)]
        for i in range(self.n_convolutions):
            strided = self.pooling == "stride" and i == self.n_convolutions - 1
            parts += convolution(
                n_channels,
                n_filters,
                self.kernel_size,
                dim=dim,
                stride=pool if strided else 1,
                cut=[n % p for n, p in zip(spatial, pool, strict=True)] if strided else None,
                padding_mode=self.padding_mode,
                batch_norm=self.batch_norm,
                activation=ACTIVATIONS[self.activation],
            )
            n_channels = n_filters
        if self.pooling in POOLINGS and max(pool) > 1:
            parts.append(POOLINGS[self.pooling][dim](pool))
        return nn.Sequential(*parts), spatial if self.pooling is None else smaller
