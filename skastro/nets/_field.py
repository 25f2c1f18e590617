"""What nets from fields to fields have in common."""

from abc import abstractmethod

import torch
from torch import nn
from torch.nn import functional

from ..exceptions import MapShapeError
from ._base import Net
from ._conv3d import Conv3d
from ._film import Conditioned
from ._layers import CONVOLUTIONS


class FieldNet(Net):
    """Base class of nets that make fields of the size of their maps.

    What they build takes maps of any size, also of another one than it was built for, so that
    it can be trained on patches and applied to whole boxes. For that, `reach` and `stride` tell
    how far an output looks, and which shifts of the maps it follows. A window that begins at a
    multiple of `stride` and has `reach` more cells on each side of some cells gives the same
    outputs for these as the whole box.

    Subclasses have a parameter `n_conditions`: so many of the channels, the last ones, are
    numbers that are constant over each map, such as its redshift. They do not enter the
    convolutions: a small dense net turns them into a scale and a shift for each feature map of
    each block [1]_. At the start of training it changes nothing.

    See Also
    --------
    UNet : Encoder and decoder with connections between them.
    FieldResNet : Residual network without pooling.
    NeighbourhoodNet : Dense net on the neighbourhood of each cell.

    Notes
    -----
    Where conditions are given, each map has to be constant in these channels; they are read
    from one of its cells. Numbers of order one serve best.

    References
    ----------
    .. [1] E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: visual reasoning
       with a general conditioning layer", AAAI (2018), arXiv:1709.07871.
    """

    n_conditions = 0

    @property
    @abstractmethod
    def reach(self) -> int:
        """Distance, in cells along an axis, of the farthest input that an output depends on.

        Inputs farther away along any axis do not matter; in a periodic box distances are
        the shorter way around.
        """

    @property
    @abstractmethod
    def stride(self) -> int:
        """Cells by whose multiples a shift of the input shifts the output."""

    def _build(self, map_shape, n_outputs):
        n_channels, *spatial = map_shape
        if n_channels <= self.n_conditions:
            raise MapShapeError(
                f"{type(self).__name__}(n_conditions={self.n_conditions}) needs at least one "
                f"channel besides the conditions; got maps of shape (n_channels, *spatial) = "
                f"{tuple(map_shape)}. Lower `n_conditions`, or append the conditions as constant "
                f"channels."
            )
        body = self._body(n_channels - self.n_conditions, tuple(spatial), n_outputs)
        if not self.n_conditions:
            return body
        return Conditioned(body, self.n_conditions, self.activation)

    @abstractmethod
    def _body(self, n_fields, spatial, n_outputs):
        """Make the module that takes the fields, and a pair of scale and shift for each block."""


class CellConv3d(Conv3d):
    """Convolution of cubes with a kernel of one cell.

    Where the channels of a cell lie side by side it is done as one matrix product, several times
    faster on a processor than torch's own, which also changes the order.
    """

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into linear combinations of the channels of each cell."""
        if not x.is_contiguous(memory_format=torch.channels_last_3d):
            return super().forward(x)
        return functional.linear(x.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)


def bare_convolution(n_channels, n_outputs, kernel_size, dim, bias=True):
    """A convolution without padding.

    Parameters
    ----------
    n_channels, n_outputs : int
        Channels that come in and go out.
    kernel_size : int
        Cells of a kernel along each axis.
    dim : {1, 2, 3}
        Number of spatial axes.
    bias : bool, default=True
        Whether there is a bias.

    Returns
    -------
    torch.nn.Module
        The convolution.
    """
    kind = CellConv3d if dim == 3 and kernel_size == 1 else CONVOLUTIONS[dim]
    return kind(n_channels, n_outputs, kernel_size, bias=bias)


class Chain(nn.Module):
    """Blocks one after the other, and what follows them.

    Parameters
    ----------
    first : torch.nn.Module
        Layers before the blocks.
    blocks : list of Block
        The blocks.
    last : torch.nn.Module
        Layers behind them.
    """

    def __init__(self, first, blocks, last):
        super().__init__()
        self.first = first
        self.blocks = nn.ModuleList(blocks)
        self.last = last

    def forward(self, x, modulations=None):
        """Turn ``(n, c, *spatial)`` into fields, with scale and shift for each block."""
        x = self.first(x)
        for i, block in enumerate(self.blocks):
            x = block(x, None if modulations is None else modulations[i])
        return self.last(x)
