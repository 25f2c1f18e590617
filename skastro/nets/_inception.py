"""Network of inception modules."""

from collections import OrderedDict
from numbers import Integral, Real
from typing import Literal

import torch
from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import (
    STEMS,
    check_wrap,
    convolution,
    first_layers,
    mean_readout_net,
    padded_max_pool,
)
from ._types import PaddingMode, Stem

# Filters: 1, before 3, 3, before 5, 5, behind the pooling.
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_POOLED_BEFORE = ("4a", "5a")


class Inception(Net):
    """GoogLeNet for signals, maps and cubes: modules of parallel branches of convolutions.

    Three convolutions, then modules that look at their input with kernels of 1, 3 and 5 cells
    and a maximum over 3, and put the results side by side; the mean of each feature map goes to a
    linear layer. The net is table 1 of [1]_ without its auxiliary classifiers and without local
    response normalization.

    Parameters
    ----------
    n_modules : int, default=9
        How many of the nine modules 3a, 3b, 4a to 4e, 5a, 5b there are. Feature maps are pooled
        before 4a and 5a.
    n_filters : int, default=64
        Filters of the first layer. All other numbers of filters scale with it; 64 is GoogLeNet.
    stem : {"imagenet", "small"}, default="imagenet"
        Layers before the modules. The first has kernels of 7 with stride 2, and pooling behind
        the first and third convolution divides the size of maps by eight in all; or, for maps of
        about 64 cells and less, kernels are of 3 and the size is kept.
    batch_norm : bool, default=False
        Whether the output of each convolution is normalized over the batch, as in [2]_, in
        place of its bias. Off as in the original, which trains without it; it may learn in
        fewer epochs with it.
    dropout : float, default=0.4
        Probability of dropout before the linear layer.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. Then
        shifts of a map by multiples of 32 cells, or of 4 behind a small stem, do not change the
        output where these divide the size of the box.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    ResNet : Residual network.

    Notes
    -----
    Weights of convolutions are normal with variance 2 / (number of inputs) [3]_, without which a
    net of this depth hardly starts to learn.

    References
    ----------
    .. [1] C. Szegedy et al., "Going deeper with convolutions", CVPR (2015).
    .. [2] S. Ioffe, C. Szegedy, "Batch normalization", ICML (2015).
    .. [3] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV (2015).

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import Inception
    >>> net = Inception(n_modules=2, n_filters=16, stem="small", batch_norm=True)
    >>> net.build((1, 32, 32), n_outputs=6)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 6])
    >>> module = Inception().build((3, 224, 224), n_outputs=1000)
    >>> sum(weights.numel() for weights in module.parameters())
    6998552
    """

    _parameter_constraints = {
        "n_modules": [Interval(Integral, 1, len(_MODULES), closed="both")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "stem": [StrOptions(set(STEMS))],
        "batch_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        n_modules: int = 9,
        n_filters: int = 64,
        *,
        stem: Stem = "imagenet",
        batch_norm: bool = False,
        dropout: float = 0.4,
        padding_mode: PaddingMode = "zeros",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_modules = n_modules
        self.n_filters = n_filters
        self.stem = stem
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.dim = dim

    def _scaled(self, n_filters):
        return max(1, round(n_filters * self.n_filters / 64))

    def _build(self, map_shape, n_outputs):
        n_channels, *spatial = map_shape
        dim = len(spatial)
        shared = {
            "dim": dim,
            "padding_mode": self.padding_mode,
            "batch_norm": self.batch_norm,
        }
        large = self.stem == "imagenet"
        check_wrap("Inception", spatial, 3 if large else 1, self.padding_mode)
        n_stem = self._scaled(192)
        layers = [
            *first_layers(n_channels, self.n_filters, self.stem, **shared),
            *convolution(self.n_filters, self.n_filters, 1, **shared),
            *convolution(self.n_filters, n_stem, 3, **shared),
            *(padded_max_pool(dim, 2, self.padding_mode) if large else []),
        ]
        features = OrderedDict(stem=nn.Sequential(*layers))
        spatial = [-(-n // 8) if large else n for n in spatial]
        n_channels = n_stem
        for name in list(_MODULES)[: self.n_modules]:
            if name in _POOLED_BEFORE:
                features[f"pool_{name}"] = nn.Sequential(
                    *padded_max_pool(dim, 2, self.padding_mode)
                )
                spatial = [-(-n // 2) for n in spatial]
            check_wrap("Inception", spatial, 2, self.padding_mode)
            widths = [self._scaled(n) for n in _MODULES[name]]
            features[f"inception_{name}"] = _Branches(n_channels, widths, shared)
            n_channels = widths[0] + widths[2] + widths[4] + widths[5]
        return mean_readout_net(features, n_channels, n_outputs, self.dropout)


class _Branches(nn.Module):
    """One inception module: four views of the same feature maps, side by side."""

    def __init__(self, n_channels, widths, shared):
        super().__init__()
        n_1, n_before_3, n_3, n_before_5, n_5, n_pool = widths
        branches = [
            convolution(n_channels, n_1, 1, **shared),
            convolution(n_channels, n_before_3, 1, **shared)
            + convolution(n_before_3, n_3, 3, **shared),
            convolution(n_channels, n_before_5, 1, **shared)
            + convolution(n_before_5, n_5, 5, **shared),
            padded_max_pool(shared["dim"], 1, shared["padding_mode"])
            + convolution(n_channels, n_pool, 1, **shared),
        ]
        self.branches = nn.ModuleList(nn.Sequential(*layers) for layers in branches)

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into feature maps."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)
