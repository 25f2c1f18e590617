"""AlexNet."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

from torch import nn

from ..exceptions import MapShapeError
from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import POOLINGS, check_wrap, convolution, dense_head
from ._types import PaddingMode

_KERNEL_SIZES = (5, 3, 3, 3)  # of all layers but the first, whose kernels are a parameter
_POOLED = (0, 1, 4)
_GROUPED = (1, 3, 4)
_N_LAYERS = 5


class AlexNet(Net):
    """AlexNet for signals, maps and cubes: five convolutions and wide dense layers.

    Kernels of 11 with stride 4, of 5, and three times of 3; maxima over 3 cells with stride 2
    behind the first, second and last convolution; dense layers on all that is left [1]_.

    Parameters
    ----------
    n_filters : tuple of 5 int, default=(96, 256, 384, 384, 256)
        Filters of each convolution.
    hidden_layer_sizes : tuple of int, default=(4096, 4096)
        Units of each hidden dense layer.
    n_groups : int, default=2
        Groups into which the channels of layers 2, 4 and 5 are split, the original's two
        processors; 1 is a single tower. All numbers of filters must be multiples of it.
    first_kernel_size : int, default=11
        Cells of a kernel of the first layer along each axis.
    first_stride : int, default=4
        Cells from one place of that kernel to the next. Small maps want small kernels and
        strides.
    first_padding : int, default=2
        Cells added at both ends of each axis before the first layer; it turns 224 into the
        original's 55.
    batch_norm : bool, default=False
        Whether the output of each convolution is normalized over the batch before its
        activation, in place of its bias.
    local_response_norm : bool, default=False
        Whether the outputs of the first two layers are normalized over neighbouring channels, as
        in section 3.3 of [1]_.
    dropout : float, default=0.5
        Probability of dropout behind each hidden dense layer.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    ConvNet : Convolutional network with free choice of layers.

    Notes
    -----
    Weights are drawn as torch does by default, where the original took a standard deviation of
    0.01: at smaller widths that leaves next to nothing of the gradient.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep
       convolutional neural networks", NIPS (2012).

    Examples
    --------
    >>> from skastro.nets import AlexNet
    >>> def n_parameters(net, n_channels, n_cells, n_outputs):
    ...     module = net.build((n_channels, n_cells, n_cells), n_outputs)
    ...     return sum(weights.numel() for weights in module.parameters())

    A narrowing net for one field, with strong dropout, for ``optimizer="sgd"`` and ``lr=0.01``:

    >>> narrow = AlexNet((64, 32, 16, 16, 8), (256, 64), n_groups=1, dropout=0.7)
    >>> n_parameters(narrow, n_channels=1, n_cells=256, n_outputs=6)
    184590

    A normalized one for many fields, for ``optimizer="adam"``:

    >>> normalized = AlexNet((64, 128, 192, 192, 128), (512, 256), n_groups=1, batch_norm=True)
    >>> n_parameters(normalized, n_channels=13, n_cells=256, n_outputs=6)
    4425670

    One for maps of 64 cells:

    >>> small = AlexNet(
    ...     (32, 64, 96, 96, 64), (128,), first_kernel_size=5, first_stride=2, n_groups=1
    ... )
    >>> n_parameters(small, n_channels=1, n_cells=64, n_outputs=6)
    320518
    """

    _parameter_constraints = {
        "n_filters": [tuple, list],
        "hidden_layer_sizes": [tuple, list],
        "n_groups": [Interval(Integral, 1, None, closed="left")],
        "first_kernel_size": [Interval(Integral, 1, None, closed="left")],
        "first_stride": [Interval(Integral, 1, None, closed="left")],
        "first_padding": [Interval(Integral, 0, None, closed="left")],
        "batch_norm": ["boolean"],
        "local_response_norm": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        n_filters: Sequence[int] = (96, 256, 384, 384, 256),
        hidden_layer_sizes: Sequence[int] = (4096, 4096),
        *,
        n_groups: int = 2,
        first_kernel_size: int = 11,
        first_stride: int = 4,
        first_padding: int = 2,
        batch_norm: bool = False,
        local_response_norm: bool = False,
        dropout: float = 0.5,
        padding_mode: PaddingMode = "zeros",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_groups = n_groups
        self.first_kernel_size = first_kernel_size
        self.first_stride = first_stride
        self.first_padding = first_padding
        self.batch_norm = batch_norm
        self.local_response_norm = local_response_norm
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        self._check_filters()
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        n_channels, *spatial = map_shape
        self._check_first_layer(spatial)
        features = OrderedDict()
        for i, n_filters in enumerate(self.n_filters):
            layer, spatial = self._layer(i, n_channels, n_filters, spatial)
            features[f"layer_{i + 1}"] = layer
            n_channels = n_filters
        head = dense_head(
            n_channels * math.prod(spatial),
            self.hidden_layer_sizes,
            n_outputs,
            activation="relu",
            dropout=self.dropout,
        )
        return nn.Sequential(
            OrderedDict(features=nn.Sequential(features), readout=nn.Flatten(), head=head)
        )

    def _layer(self, i, n_channels, n_filters, spatial):
        """One layer, and the size of its output."""
        dim = len(spatial)
        if i == 0:
            kernel_size, stride, padding = (
                self.first_kernel_size,
                self.first_stride,
                self.first_padding,
            )
        else:
            kernel_size, stride = _KERNEL_SIZES[i - 1], 1
            padding = kernel_size // 2
        check_wrap("AlexNet", spatial, padding, self.padding_mode)
        layers = convolution(
            n_channels,
            n_filters,
            kernel_size,
            dim=dim,
            stride=stride,
            padding=padding,
            padding_mode=self.padding_mode,
            groups=self.n_groups if i in _GROUPED else 1,
            batch_norm=self.batch_norm,
        )
        spatial = [(n + 2 * padding - kernel_size) // stride + 1 for n in spatial]
        if self.local_response_norm and i < 2:
            layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        if i in _POOLED and max(spatial) > 1:
            pool = tuple(min(3, n) for n in spatial)
            layers.append(POOLINGS["max"][dim](pool, stride=2))
            spatial = [(n - p) // 2 + 1 for n, p in zip(spatial, pool, strict=True)]
        return nn.Sequential(*layers), spatial

    def _check_filters(self):
        """Refuse filters that are not five, or cannot be split."""
        if len(self.n_filters) != _N_LAYERS:
            raise ValueError(
                f"The 'n_filters' parameter of AlexNet must hold {_N_LAYERS} integers, one for "
                f"each convolution. Got {self.n_filters!r} instead."
            )
        self._check_sizes("n_filters", self.n_filters)
        if any(n % self.n_groups for n in self.n_filters):
            raise ValueError(
                f"The 'n_filters' parameter of AlexNet must hold multiples of "
                f"n_groups={self.n_groups}. Got {self.n_filters!r} instead. Set n_groups=1 for "
                f"a single tower."
            )

    def _check_first_layer(self, spatial):
        """Refuse maps that are smaller than the first kernel."""
        least = self.first_kernel_size - 2 * self.first_padding
        if min(spatial) < least:
            raise MapShapeError(
                f"AlexNet(first_kernel_size={self.first_kernel_size}, "
                f"first_padding={self.first_padding}) takes maps of at least {least} cells along "
                f"each axis; got {tuple(spatial)}. Take a smaller first_kernel_size (and "
                f"first_stride), or larger maps."
            )
