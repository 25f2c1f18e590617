"""Residual networks."""

from collections import OrderedDict
from numbers import Integral, Real
from typing import Literal

from torch import nn

from ..utils._params import DIM, Interval, Options, StrOptions
from ._base import Net
from ._layers import (
    STEMS,
    check_wrap,
    convolution,
    first_layers,
    mean_readout_net,
)
from ._types import PaddingMode, Stem

_BLOCKS = {
    10: ("basic", (1, 1, 1, 1)),
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
_EXPANSION = {"basic": 1, "bottleneck": 4}


class ResNet(Net):
    """Residual network for signals, maps and cubes.

    Four stages of blocks, each of which adds a correction to its input [1]_; in three
    dimensions as in [2]_. Every convolution is followed by batch normalization. From stage to
    stage the number of filters doubles and the size of the feature maps halves; the mean of each
    of the last ones goes to a linear layer. Small maps fit as well, periodic ones from 3 cells on.

    Parameters
    ----------
    depth : {10, 18, 34, 50, 101, 152}, default=18
        Number of layers with weights. From 50 on, blocks are bottlenecks of three convolutions,
        with four times as many channels at their ends.
    n_filters : int, default=64
        Filters of the first layer and of the first stage.
    stem : {"imagenet", "small"}, default="imagenet"
        The first layer: kernels of 7 with stride 2 and max pooling, which divide the size of maps
        by four; or, for maps of about 64 cells and less, kernels of 3 that keep it.
    dropout : float, default=0.0
        Probability of dropout before the linear layer.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. Then
        shifts of a map by multiples of 32 cells, or of 8 behind a small stem, do not change the
        output where these divide the size of the box.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    ConvNet : Plain convolutional network, with or without normalization.
    Inception : Deep network of parallel branches.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
       (2016), table 1, with projections where the shape changes (option B). The stride of a
       bottleneck is in its middle convolution.
    .. [2] K. Hara, H. Kataoka, Y. Satoh, "Can spatiotemporal 3D CNNs retrace the history of 2D
       CNNs and ImageNet?", CVPR (2018).

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import ResNet
    >>> net = ResNet(depth=10, n_filters=8, stem="small", padding_mode="circular")
    >>> net.build((1, 32, 32), n_outputs=6)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 6])
    >>> module = ResNet(depth=18).build((3, 224, 224), n_outputs=1000)
    >>> sum(weights.numel() for weights in module.parameters())
    11689512
    """

    _parameter_constraints = {
        "depth": [Options(Integral, set(_BLOCKS))],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "stem": [StrOptions(set(STEMS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        depth: int = 18,
        n_filters: int = 64,
        *,
        stem: Stem = "imagenet",
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.depth = depth
        self.n_filters = n_filters
        self.stem = stem
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        n_channels, *spatial = map_shape
        shared = {"dim": len(spatial), "padding_mode": self.padding_mode, "batch_norm": True}
        check_wrap("ResNet", spatial, 3 if self.stem == "imagenet" else 1, self.padding_mode)
        features = OrderedDict(
            stem=nn.Sequential(*first_layers(n_channels, self.n_filters, self.stem, **shared))
        )
        kind, n_blocks = _BLOCKS[self.depth]
        n_channels = self.n_filters
        for i, n in enumerate(n_blocks):
            n_filters = self.n_filters * 2**i
            blocks = []
            for j in range(n):
                stride = 2 if i > 0 and j == 0 else 1
                blocks.append(_Residual(n_channels, n_filters, kind, stride, shared))
                n_channels = n_filters * _EXPANSION[kind]
            features[f"stage_{i + 1}"] = nn.Sequential(*blocks)
        return mean_readout_net(features, n_channels, n_outputs, self.dropout)


class _Residual(nn.Module):
    """Rectified sum of a map and its correction by two or three convolutions."""

    def __init__(self, n_channels, n_filters, kind, stride, shared):
        super().__init__()
        if kind == "basic":
            n_out = n_filters
            layers = [
                *convolution(n_channels, n_filters, 3, stride=stride, **shared),
                *convolution(n_filters, n_out, 3, activation=None, **shared),
            ]
        else:
            n_out = n_filters * _EXPANSION[kind]
            layers = [
                *convolution(n_channels, n_filters, 1, **shared),
                *convolution(n_filters, n_filters, 3, stride=stride, **shared),
                *convolution(n_filters, n_out, 1, activation=None, **shared),
            ]
        self.correction = nn.Sequential(*layers)
        self.shortcut = nn.Identity()
        if stride > 1 or n_channels != n_out:
            self.shortcut = nn.Sequential(
                *convolution(n_channels, n_out, 1, stride=stride, activation=None, **shared)
            )
        self.activation = nn.ReLU()

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into feature maps."""
        return self.activation(self.correction(x) + self.shortcut(x))
