"""U-Net."""

from collections.abc import Sequence
from itertools import product
from numbers import Integral, Real
from typing import Literal

import torch
from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._field import FieldNet, bare_convolution
from ._film import Block
from ._layers import (
    ACTIVATIONS,
    POOLINGS,
    Dropout,
    check_wrap,
    convolution,
    he_normal_,
)
from ._types import Activation, PaddingMode


class UNet(FieldNet):
    """U-Net for signals, maps and cubes: from fields to fields of the same size.

    The way down is blocks of convolutions, each followed by pooling of two cells along each
    axis [1]_, in three dimensions as in [2]_. On the way up the feature maps of each level are
    combined linearly to as many as the level above has, each of their cells is repeated along
    each axis, they are put beside those that the way down had there, and go through another
    block. Last comes a linear combination of the channels of each cell.

    Parameters
    ----------
    n_levels : int, default=3
        Number of poolings.
    n_filters : int or tuple of int, default=16
        Filters of the first level, doubled from level to level; or those of each of the
        ``n_levels + 1`` levels.
    n_convolutions : int, default=2
        Convolutions of a block.
    kernel_size : int, default=3
        Cells of a kernel along each axis.
    pooling : {"max", "mean"}, default="max"
        Pooling between levels. On a processor the mean of cubes is slower.
    batch_norm : bool, default=False
        Whether the output of each convolution in a block is normalized over the batch.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each convolution in a block.
    dropout : float, default=0.0
        Probability of dropout behind the block of the lowest level.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. With
        "circular" and sizes that are multiples of ``2**n_levels``, a shift of the map by
        multiples of as many cells shifts the output alike. With other sizes the far edge, from
        which shorter groups of cells are pooled, is treated otherwise than the rest.
    n_conditions : int, default=0
        Channels, the last ones, that are constant over each map, such as its redshift. They
        scale and shift the feature maps of each block; see `FieldNet`.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    Attributes
    ----------
    reach : int
        Distance, in cells along an axis, of the farthest input that an output depends on.
    stride : int
        ``2**n_levels``: shifts by multiples of it are followed.

    See Also
    --------
    FieldResNet : Residual network without pooling.
    Autoencoder : Without connections between the way down and the way up.

    Notes
    -----
    Maps have any size: what is left at the far end of an axis is pooled as far as it goes,
    and what the repetition adds is cut off. The connection between levels is the
    "up-convolution" of [1]_ with equal weights for all cells that come from one, which leaves
    no pattern of period two in the output; maps keep their size through a convolution, and are
    not cropped. Weights of the blocks are drawn as by He et al., ICCV (2015).

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical
       image segmentation", MICCAI (2015), arXiv:1505.04597.
    .. [2] O. Cicek, A. Abdulkadir, S. S. Lienkamp, T. Brox, O. Ronneberger, "3D U-Net: learning
       dense volumetric segmentation from sparse annotation", MICCAI (2016), arXiv:1606.06650.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import UNet
    >>> net = UNet(n_levels=2, n_filters=4, padding_mode="circular", dim=3)
    >>> module = net.build((2, 16, 16, 16), n_outputs=1)
    >>> module(torch.zeros(1, 2, 15, 16, 20)).shape
    torch.Size([1, 1, 15, 16, 20])
    >>> net.reach, net.stride
    (23, 4)
    """

    _parameter_constraints = {
        "n_levels": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "n_convolutions": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions(set(POOLINGS))],
        "batch_norm": ["boolean"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "n_conditions": [Interval(Integral, 0, None, closed="left")],
        "dim": DIM,
    }

    def __init__(
        self,
        n_levels: int = 3,
        n_filters: int | Sequence[int] = 16,
        *,
        n_convolutions: int = 2,
        kernel_size: int = 3,
        pooling: Literal["max", "mean"] = "max",
        batch_norm: bool = False,
        activation: Activation = "relu",
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        n_conditions: int = 0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_levels = n_levels
        self.n_filters = n_filters
        self.n_convolutions = n_convolutions
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.batch_norm = batch_norm
        self.activation = activation
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.n_conditions = n_conditions
        self.dim = dim

    @property
    def reach(self) -> int:
        """Distance, in cells along an axis, of the farthest input that an output depends on."""
        before = self.n_convolutions * ((self.kernel_size - 1) // 2)
        after = self.n_convolutions * (self.kernel_size // 2)
        farthest = 0
        for cell in range(self.stride):
            low, high = cell, cell
            for _ in range(self.n_levels):
                low, high = (low - before) // 2, (high + after) // 2
            low, high = low - before, high + after
            for _ in range(self.n_levels):
                low, high = 2 * low - before, 2 * high + 1 + after
            farthest = max(farthest, cell - low, high - cell)
        return farthest

    @property
    def stride(self) -> int:
        """Cells by whose multiples a shift of the input shifts the output."""
        return 2**self.n_levels

    def _filters(self):
        if isinstance(self.n_filters, Integral):
            return [self.n_filters * 2**i for i in range(self.n_levels + 1)]
        if len(self.n_filters) != self.n_levels + 1:
            raise ValueError(
                f"The 'n_filters' parameter of UNet must be one integer or one for each of the "
                f"n_levels + 1 = {self.n_levels + 1} levels. Got {self.n_filters!r} instead."
            )
        self._check_sizes("n_filters", self.n_filters)
        return list(self.n_filters)

    def _body(self, n_fields, spatial, n_outputs):
        smallest = [-(-n // self.stride) for n in spatial]
        check_wrap("UNet", smallest, self.kernel_size // 2, self.padding_mode)
        dim, filters = len(spatial), self._filters()
        down = [
            self._block(before, after, dim)
            for before, after in zip([n_fields, *filters[:-1]], filters, strict=True)
        ]
        above = list(zip(filters[1:], filters[:-1], strict=True))
        combine = [bare_convolution(below, here, 1, dim) for below, here in above]
        up = [self._block(2 * here, here, dim) for _, here in above]
        for layer in combine:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        return _UNetModule(
            down,
            combine,
            up,
            pool=_Halve(self.pooling, dim),
            dropout=Dropout(self.dropout) if self.dropout else nn.Identity(),
            last=bare_convolution(filters[0], n_outputs, 1, dim),
        )

    def _block(self, n_channels, n_filters, dim):
        layers = []
        for i in range(self.n_convolutions):
            is_last = i == self.n_convolutions - 1
            layers += convolution(
                n_channels,
                n_filters,
                self.kernel_size,
                dim=dim,
                padding_mode=self.padding_mode,
                batch_norm=self.batch_norm,
                activation=None if is_last else ACTIVATIONS[self.activation],
            )
            n_channels = n_filters
        block = Block(layers, n_filters, self.activation)
        he_normal_(block)
        return block


class _UNetModule(nn.Module):
    """Down, and up again past what was on the way."""

    def __init__(self, down, combine, up, *, pool, dropout, last):
        super().__init__()
        self.down = nn.ModuleList(down)
        self.combine = nn.ModuleList(combine)
        self.up = nn.ModuleList(up)
        self.pool = pool
        self.dropout = dropout
        self.last = last

    def forward(self, x, modulations=None):
        """Turn ``(n, c, *spatial)`` into fields.

        Parameters
        ----------
        x : torch.Tensor of shape (n, c, *spatial)
            The batch.
        modulations : list of pairs of torch.Tensor, default=None
            Scale and shift for the blocks on the way down, from the highest, and those on the
            way up, from the highest as well.

        Returns
        -------
        torch.Tensor of shape (n, n_outputs, *spatial)
            The fields.
        """
        n_blocks = len(self.down) + len(self.up)
        modulations = [None] * n_blocks if modulations is None else modulations
        for_down, for_up = modulations[: len(self.down)], modulations[len(self.down) :]
        passed = []
        for block, modulation in zip(self.down, for_down, strict=True):
            x = block(self.pool(passed[-1]) if passed else x, modulation)
            passed.append(x)
        x = self.dropout(passed.pop())
        for i in reversed(range(len(self.up))):
            x = _JoinRepeated.apply(passed.pop(), self.combine[i](x))
            x = self.up[i](x, for_up[i])
        return self.last(x)


class _Halve(nn.Module):
    """Pool two cells along each axis, and one where no more are left."""

    def __init__(self, kind, dim):
        super().__init__()
        self.pool = POOLINGS[kind][dim](2, ceil_mode=True)

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into maps of half the size, rounded up."""
        if min(x.shape[2:]) == 1:
            x = x.expand(*x.shape[:2], *(max(n, 2) for n in x.shape[2:]))
        return self.pool(x)


class _JoinRepeated(torch.autograd.Function):
    """Feature maps, and beside them smaller ones with each cell repeated along each axis.

    Everything is written once, in the order of cells and channels that the feature maps have:
    much faster than a repetition followed by a concatenation.
    """

    @staticmethod
    def forward(ctx, x, small):
        ctx.n_channels = x.shape[1]
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
        channels_last = last is not None and x.is_contiguous(memory_format=last)
        out = torch.empty(
            (len(x), x.shape[1] + small.shape[1], *x.shape[2:]),
            dtype=x.dtype,
            device=x.device,
            memory_format=last if channels_last else torch.contiguous_format,
        )
        out[:, : x.shape[1]].copy_(x)
        for part in _every_second(out[:, x.shape[1] :]):
            part.copy_(_near_end(small, part.shape))
        return out

    @staticmethod
    def backward(ctx, grad):
        parts = _every_second(grad[:, ctx.n_channels :])
        summed = next(parts).clone()
        for part in parts:
            _near_end(summed, part.shape).add_(part)
        return grad[:, : ctx.n_channels], summed


def _every_second(x):
    """Views of each cell of every group of two along each axis; the first has all groups."""
    for first in product((0, 1), repeat=x.ndim - 2):
        yield x[(..., *(slice(i, None, 2) for i in first))]


def _near_end(x, shape):
    """View of as many cells as a shape has, from the near end of each axis."""
    return x[(..., *(slice(n) for n in shape[2:]))]
