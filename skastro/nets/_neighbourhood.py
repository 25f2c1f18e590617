"""Net from the neighbourhood of a cell to its value."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._circular import CircularPad
from ._field import Chain, FieldNet, bare_convolution
from ._film import Block
from ._layers import (
    ACTIVATIONS,
    BATCH_NORMS,
    ZERO_PADS,
    Dropout,
    check_wrap,
    he_normal_,
)
from ._types import Activation, PaddingMode


class NeighbourhoodNet(FieldNet):
    """From the neighbourhood of each cell to the value there.

    The cube of cells around a cell, a square or an interval in fewer dimensions, goes through
    convolutions that make it smaller, since nothing is added at its edge, and through dense
    layers to the value of the cell in its centre. Such is the net of PINION [1]_ for the ionized
    fraction of hydrogen from densities of gas and of sources.

    Here that is computed for all cells of a box at once: each convolution is done once for all
    the neighbourhoods that share its output, and a dense layer is a convolution over all that is
    left. Values are those of a net that takes one neighbourhood after the other.

    Parameters
    ----------
    size : int, default=7
        Cells of the neighbourhood along each axis, an odd number.
    n_filters : tuple of int, default=(16, 32, 64)
        Filters of each convolution. Each takes ``kernel_size - 1`` cells from each axis; what is
        left goes to the first dense layer.
    hidden_layer_sizes : tuple of int, default=(64, 16)
        Units of each hidden dense layer.
    kernel_size : int, default=3
        Cells of a kernel along each axis.
    batch_norm : bool, default=False
        Whether the output of each convolution and hidden layer is normalized over the batch,
        that is over all cells of all its maps.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="relu"
        Activation behind each convolution and hidden layer.
    dropout : float, default=0.0
        Probability of dropout behind each hidden layer.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: zeros for a patch, the other side for a periodic box. With
        "circular" any shift of the map shifts the output alike.
    n_conditions : int, default=0
        Channels, the last ones, that are constant over each map, such as its redshift. They
        scale and shift the output of each convolution and hidden layer; see `FieldNet`.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    Attributes
    ----------
    reach : int
        ``size // 2``: distance, in cells along an axis, of the farthest input that matters.
    stride : int
        1: every shift is followed.

    See Also
    --------
    FieldResNet : Residual network without pooling.

    Notes
    -----
    The net of [1]_, as its authors published it, has neighbourhoods of 7 cells, filters
    ``(64, 128, 256)`` and hidden layers ``(64, 16, 4, 1)``, with the sources, the density of gas
    and a mask of where ionizing photons can have come as channels. There the time is one
    more input of the first dense layer, not a scale and a shift; activations have a slope below
    zero that is learned, batch normalization comes behind them, dropout of 0.1 behind that in all
    layers, a sigmoid last; and a term of its loss is the equation of ionization and
    recombination.

    References
    ----------
    .. [1] D. Korber, M. Bianco, E. Tolley, J.-P. Kneib, "PINION: physics-informed neural network
       for accelerating radiative transfer simulations for cosmic reionization", MNRAS 521, 902
       (2023), arXiv:2208.13803; https://github.com/epfl-radio-astro/PINION.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import NeighbourhoodNet
    >>> net = NeighbourhoodNet(5, (8, 16), (16,), padding_mode="circular", dim=3)
    >>> net.build((2, 16, 16, 16), n_outputs=1)(torch.zeros(1, 2, 10, 16, 12)).shape
    torch.Size([1, 1, 10, 16, 12])
    >>> net.reach, net.stride
    (2, 1)
    """

    _parameter_constraints = {
        "size": [Interval(Integral, 1, None, closed="left")],
        "n_filters": [tuple, list],
        "hidden_layer_sizes": [tuple, list],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "batch_norm": ["boolean"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "n_conditions": [Interval(Integral, 0, None, closed="left")],
        "dim": DIM,
    }

    def __init__(
        self,
        size: int = 7,
        n_filters: Sequence[int] = (16, 32, 64),
        hidden_layer_sizes: Sequence[int] = (64, 16),
        *,
        kernel_size: int = 3,
        batch_norm: bool = False,
        activation: Activation = "relu",
        dropout: float = 0.0,
        padding_mode: PaddingMode = "zeros",
        n_conditions: int = 0,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.size = size
        self.n_filters = n_filters
        self.hidden_layer_sizes = hidden_layer_sizes
        self.kernel_size = kernel_size
        self.batch_norm = batch_norm
        self.activation = activation
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.n_conditions = n_conditions
        self.dim = dim

    @property
    def reach(self) -> int:
        """Distance, in cells along an axis, of the farthest input that an output depends on."""
        return self.size // 2

    @property
    def stride(self) -> int:
        """Cells by whose multiples a shift of the input shifts the output."""
        return 1

    def _left(self):
        """Cells along each axis that the convolutions leave of a neighbourhood."""
        if self.size % 2 == 0:
            raise ValueError(
                f"The 'size' parameter of NeighbourhoodNet must be odd, so that there is a cell in "
                f"the centre. Got {self.size!r} instead."
            )
        left = self.size - len(self.n_filters) * (self.kernel_size - 1)
        if left < 1:
            raise ValueError(
                f"The 'size' parameter of NeighbourhoodNet must be at least "
                f"{(self.size - left + 1) | 1} for {len(self.n_filters)} convolutions with "
                f"kernel_size={self.kernel_size}. Got {self.size!r} instead. Enlarge it, or take "
                f"fewer `n_filters`."
            )
        return left

    def _body(self, n_fields, spatial, n_outputs):
        self._check_sizes("n_filters", self.n_filters)
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        check_wrap("NeighbourhoodNet", spatial, self.reach, self.padding_mode)
        dim, size = len(spatial), self._left()
        kernel_sizes = [self.kernel_size] * len(self.n_filters)
        kernel_sizes += [size if i == 0 else 1 for i in range(len(self.hidden_layer_sizes) + 1)]
        n_filters = [*self.n_filters, *self.hidden_layer_sizes]
        blocks, n_channels = [], n_fields
        for i, n_units in enumerate(n_filters):
            bare = bare_convolution(n_channels, n_units, kernel_sizes[i], dim, not self.batch_norm)
            layers = [*self._dropout(i), bare]
            if self.batch_norm:
                layers.append(BATCH_NORMS[dim](n_units))
            blocks.append(Block(layers, n_units, self.activation))
            he_normal_(blocks[-1])
            n_channels = n_units
        pad = (
            CircularPad(self.reach, self.reach)
            if self.padding_mode == "circular"
            else ZERO_PADS[dim](self.reach)
        )
        last = bare_convolution(n_channels, n_outputs, kernel_sizes[-1], dim)
        return Chain(pad, blocks, nn.Sequential(*self._dropout(len(n_filters)), last))

    def _dropout(self, i):
        """What comes before a layer: dropout if the one before it is a hidden dense layer."""
        return [Dropout(self.dropout)] if self.dropout and i > len(self.n_filters) else []
