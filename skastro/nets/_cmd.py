"""The reference network of the CAMELS Multifield Dataset."""

from collections import OrderedDict
from functools import partial
from numbers import Integral, Real
from typing import Literal

from torch import nn

from ..exceptions import MapShapeError
from ..utils._params import DIM, Interval, StrOptions
from ._base import Net
from ._layers import Dropout, convolution, he_normal_
from ._types import PaddingMode

_LARGEST_SIDE = 7


class CMDNet(Net):
    """Convolutional network of the CAMELS Multifield Dataset, for signals, maps and cubes.

    Blocks of two convolutions that keep the size of periodic maps and a third, of 2 cells and
    stride 2, that halves it; a convolution over all that is left; and two dense layers [1]_.
    Normalization over the batch follows each convolution but the first, and a leaky rectifier
    of slope 0.2 each layer but the last. Maps of 256 x 256 go through six blocks.

    Parameters
    ----------
    hidden : int, default=5
        Half the number of filters of the first block; blocks that follow double it.
    n_blocks : int, default=None
        Number of blocks. None takes as few as bring the shortest side of the maps down to 7 or
        less, so that powers of 2 end at 4, as those of 256 do.
    dropout : float, default=0.0
        Probability of dropout before each of the two dense layers.
    padding_mode : {"circular", "zeros"}, default="circular"
        What lies beyond the edge: the other side for a periodic box, zeros for a patch.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    See Also
    --------
    ConvNet : Convolutional network with free choice of layers.

    Notes
    -----
    The published results were trained on two moments of the posterior of each parameter, which
    is what the estimators' ``loss="moments"`` does; it asks for twice as many outputs by itself.
    Weights of all convolutions and dense layers are normal with variance 2 / (number of inputs).

    References
    ----------
    .. [1] F. Villaescusa-Navarro et al., "The CAMELS Multifield Data Set: learning the Universe's
       fundamental parameters with artificial intelligence", ApJS 259, 61 (2022),
       arXiv:2109.10915.

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import CMDNet
    >>> module = CMDNet().build((1, 256, 256), n_outputs=12)
    >>> module(torch.zeros(2, 1, 256, 256)).shape
    torch.Size([2, 12])
    >>> [len(CMDNet().build((1, n, n), n_outputs=2).features) - 1 for n in (32, 64, 128)]
    [3, 4, 5]
    """

    _parameter_constraints = {
        "hidden": [Interval(Integral, 1, None, closed="left")],
        "n_blocks": [Interval(Integral, 1, None, closed="left"), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        hidden: int = 5,
        n_blocks: int | None = None,
        *,
        dropout: float = 0.0,
        padding_mode: PaddingMode = "circular",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.hidden = hidden
        self.n_blocks = n_blocks
        self.dropout = dropout
        self.padding_mode = padding_mode
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        n_channels, *spatial = map_shape
        n_blocks = self._n_blocks(spatial)
        shared = {
            "dim": len(spatial),
            "padding_mode": self.padding_mode,
            "bias": True,
            "activation": partial(nn.LeakyReLU, 0.2),
        }
        features = OrderedDict()
        for i in range(1, n_blocks + 1):
            n_filters = self.hidden * 2**i
            features[f"block_{i}"] = nn.Sequential(
                *convolution(n_channels, n_filters, 3, batch_norm=i > 1, **shared),
                *convolution(n_filters, n_filters, 3, batch_norm=True, **shared),
                *convolution(
                    n_filters, n_filters, 2, stride=2, padding=0, batch_norm=True, **shared
                ),
            )
            n_channels = n_filters
        left = tuple(n // 2**n_blocks for n in spatial)
        n_filters = 2 * n_channels
        features["all"] = nn.Sequential(
            *convolution(n_channels, n_filters, left, padding=0, batch_norm=True, **shared)
        )
        head = [nn.Linear(n_filters, n_channels), shared["activation"]()]
        head.append(nn.Linear(n_channels, n_outputs))
        if self.dropout:
            head.insert(2, Dropout(self.dropout))
            head.insert(0, Dropout(self.dropout))
        module = nn.Sequential(
            OrderedDict(
                features=nn.Sequential(features), readout=nn.Flatten(), head=nn.Sequential(*head)
            )
        )
        he_normal_(module)
        return module

    def _n_blocks(self, spatial):
        """Number of blocks for maps of this size."""
        shortest = min(spatial)
        most = shortest.bit_length() - 1
        least = self.n_blocks or 1
        if most < least:
            raise MapShapeError(
                f"CMDNet with n_blocks={self.n_blocks} halves each axis of the maps "
                f"{'once' if least == 1 else f'{least} times'}, so that every axis needs "
                f"{2**least} cells or more; got maps of {tuple(spatial)} cells. "
                + (
                    f"Set n_blocks={most} or less, or take larger maps."
                    if most
                    else "Take larger maps, or leave out axes of one cell."
                )
            )
        if self.n_blocks is not None:
            return self.n_blocks
        return next(n for n in range(1, most + 1) if shortest >> n <= _LARGEST_SIDE)
