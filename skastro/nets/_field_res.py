"""Residual network from fields to fields."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import torch
from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._field import Chain, FieldNet, bare_convolution
from ._film import Block
from ._layers import ACTIVATIONS, CONVOLUTIONS, Dropout, check_wrap, convolution, he_normal_
from ._types import Activation, PaddingMode


class FieldResNet(FieldNet):
    """Residual network without pooling: from fields to fields of the same size.

    A convolution makes feature maps of the fields. Blocks of two convolutions each add a
    correction to them [1]_, and a linear combination of the channels of each cell is the output.
    What a cell sees is fixed, and the same for all cells; dilated kernels [2]_ see farther at no
    cost.

    Parameters
    ----------
    n_blocks : int, default=4
        Number of blocks.
    n_filters : int, default=32
        Filters of each convolution.
    kernel_size : int, default=3
        Cells of a kernel along each axis.
    dilation : int or tuple of int, default=1
        Cells from one weight of a kernel to the next, in all blocks or in each block.
    batch_norm : bool, default=False
        Whether the output of each convolution but the last is normalized over the batch.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each convolution, at the end of a block behind the sum.
    dropout : float, default=0.0
        Probability of dropout between the two convolutions of a block [3]_.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. With
        "circular" any shift of the map shifts the output alike.
    n_conditions : int, default=0
        Channels, the last ones, that are constant over each map, such as its redshift. They
        scale and shift the correction of each block; see `FieldNet`.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    Attributes
    ----------
    reach : int
        Distance, in cells along an axis, of the farthest input that an output depends on.
    stride : int
        1: every shift is followed.

    See Also
    --------
    UNet : Sees farther by pooling.
    ResNet : Residual network for numbers and classes.

    Notes
    -----
    Weights are drawn as by He et al., ICCV (2015), those of the last convolution in a block
    divided by the root of the number of blocks, so that feature maps do not grow with depth
    where nothing is normalized.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
       (2016).
    .. [2] F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR
       (2016), arXiv:1511.07122.
    .. [3] S. Zagoruyko, N. Komodakis, "Wide residual networks", BMVC (2016), arXiv:1605.07146.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import FieldResNet
    >>> net = FieldResNet(n_blocks=3, n_filters=8, dilation=(1, 2, 4), padding_mode="circular")
    >>> net.build((2, 32, 32), n_outputs=1)(torch.zeros(5, 2, 20, 25)).shape
    torch.Size([5, 1, 20, 25])
    >>> net.reach, net.stride
    (15, 1)
    """

    _parameter_constraints = {
        "n_blocks": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "dilation": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "batch_norm": ["boolean"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "n_conditions": [Interval(Integral, 0, None, closed="left")],
        "dim": DIM,
    }

    def __init__(
        self,
        n_blocks: int = 4,
        n_filters: int = 32,
        *,
        kernel_size: int = 3,
        dilation: int | Sequence[int] = 1,
        batch_norm: bool = False,
        activation: Activation = "relu",
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        n_conditions: int = 0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_blocks = n_blocks
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.batch_norm = batch_norm
        self.activation = activation
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.n_conditions = n_conditions
        self.dim = dim

    @property
    def reach(self) -> int:
        """Distance, in cells along an axis, of the farthest input that an output depends on."""
        return self.kernel_size // 2 * (1 + 2 * sum(self._dilations()))

    @property
    def stride(self) -> int:
        """Cells by whose multiples a shift of the input shifts the output."""
        return 1

    def _dilations(self):
        if isinstance(self.dilation, Integral):
            return [self.dilation] * self.n_blocks
        if len(self.dilation) != self.n_blocks:
            raise ValueError(
                f"The 'dilation' parameter of FieldResNet must be one integer or one for each of "
                f"the n_blocks={self.n_blocks} blocks. Got {self.dilation!r} instead."
            )
        self._check_sizes("dilation", self.dilation)
        return list(self.dilation)

    def _body(self, n_fields, spatial, n_outputs):
        dim, dilations = len(spatial), self._dilations()
        widest = self.kernel_size // 2 * max(dilations)
        check_wrap("FieldResNet", spatial, widest, self.padding_mode)
        first = nn.Sequential(*self._convolution(n_fields, dim))
        he_normal_(first)
        blocks = [self._block(dilation, dim) for dilation in dilations]
        return Chain(first, blocks, bare_convolution(self.n_filters, n_outputs, 1, dim))

    def _block(self, dilation, dim):
        correction = [
            *self._convolution(self.n_filters, dim, dilation=dilation),
            *([Dropout(self.dropout)] if self.dropout else []),
            *self._convolution(self.n_filters, dim, dilation=dilation, activation=None),
        ]
        block = Block(correction, self.n_filters, self.activation, residual=True)
        he_normal_(block)
        last = [layer for layer in correction if isinstance(layer, CONVOLUTIONS[dim])][-1]
        with torch.no_grad():
            last.weight /= self.n_blocks**0.5
        return block

    def _convolution(self, n_channels, dim, **parameters):
        return convolution(
            n_channels,
            self.n_filters,
            self.kernel_size,
            dim=dim,
            padding_mode=self.padding_mode,
            batch_norm=self.batch_norm,
            **{"activation": ACTIVATIONS[self.activation]} | parameters,
        )
