"""Net that averages learned sources over spheres of many radii."""

import math
from collections.abc import Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from numbers import Integral, Real
from typing import Literal

import numpy as np
import torch
from torch import nn

from ..utils._params import DIM, Interval, StrOptions
from ._field import FieldNet, bare_convolution
from ._layers import ACTIVATIONS, convolution
from ._types import Activation, PaddingMode

_MOST = 15.0  # of the logarithm of a source
_LEAST = 1e-6  # of a mean, added to it
_PARTS = 4  # of a cell, along an axis, in or out of a sphere
_CACHED_CELLS = 1 << 20
_POWER = 1.5  # of a channel, from which sources begin


class ExcursionNet(FieldNet):
    r"""Net of the form of an excursion set, which asks what spheres around each cell hold.

    A cell is ionized where some sphere around it holds sources for all its atoms [1]_. This
    net has that form, and learns the rest. Channels of each cell become the logarithms of
    `n_sources` positive fields, by a linear map and a small dense net; these are averaged over
    spheres of all `radii`; weighted sums of the logarithms of the means, that of each radius with
    a bias of its own, are compared from radius to radius, and the greatest are kept; a dense net
    makes the outputs of these and of the channels of the cell. So few weights see far: radii
    cost no weights but biases.

    Parameters
    ----------
    radii : tuple of float, default=(1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)
        Radii of the spheres in cells, ascending, at least 0.5. They ought to go up to what photons
        travel, by small steps.
    n_sources : int, default=3
        Positive fields that are averaged.
    n_features : int, default=6
        Weighted sums that are compared from radius to radius.
    hidden_layer_sizes : tuple of int, default=(32, 32)
        Units of the dense net at the end.
    n_hidden : int, default=16
        Units of the two layers of that at the beginning.
    kernel_size : int, default=1
        Cells along each axis of the first layer of the dense net at the end; 1 sees one cell.
    activation : {"elu", "gelu", "leaky_relu", "relu", "silu", "tanh"}, default="silu"
        Activation of the dense nets.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge: nothing, and spheres are averaged over what is there of them; or
        the other side of a periodic box.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. None takes it from the maps: ``(n, c, h, w)`` are 2D maps with
        c channels. With ``dim=3`` they are one-channel cubes.

    Attributes
    ----------
    reach : int
        Distance, in cells along an axis, of the farthest input that an output depends on.
    stride : int
        1: all shifts are followed.

    See Also
    --------
    UNet : Encoder and decoder with connections between them.
    skastro.preprocessing.SmoothedCopies : Averages over spheres of fields as they are given.
    skastro.simulation.make_ionized_boxes : The excursion set itself.

    Notes
    -----
    With :math:`x` the channels of a cell, :math:`s = \exp(A x + f(x))` its sources and
    :math:`\langle s \rangle_R` their means over spheres, features are

    .. math:: t_R = W \log \langle s \rangle_R + b_R, \qquad t_0 = W \log s,

    and the dense net is given :math:`x`, :math:`\log s`, the greatest :math:`t_R` of all
    radii, the greatest of the larger half of them, and that of the largest. With the channels
    as logarithms, an emissivity that is a power of the density of sources, and its ratio to the
    gas, are linear maps. At the start, each source is the power 1.5 of one channel, in turn, which
    should be logarithms of scale one. Numbers of a map, such as its redshift, are channels like
    others.

    A cell counts by the part of it that lies in the sphere, to a sixteenth or less. Means are
    products of Fourier transforms, whose rounding in float32, 1e-7 of the greatest value, is all
    that cells beyond `reach` do.

    References
    ----------
    .. [1] S. R. Furlanetto, M. Zaldarriaga, L. Hernquist, "The growth of H II regions during
       reionization", ApJ 613, 1 (2004); A. Mesinger, S. Furlanetto, "Efficient simulations of
       early structure formation and reionization", ApJ 669, 663 (2007).

    Examples
    --------
    >>> import torch
    >>> from skastro.nets import ExcursionNet
    >>> net = ExcursionNet(radii=(1, 2, 4), padding_mode="circular", dim=3)
    >>> module = net.build((3, 16, 16, 16), n_outputs=1)
    >>> module(torch.zeros(2, 3, 15, 16, 20)).shape
    torch.Size([2, 1, 15, 16, 20])
    >>> net.reach, sum(weights.numel() for weights in module.parameters())
    (4, 2324)
    """

    _parameter_constraints = {
        "radii": [tuple, list],
        "n_sources": [Interval(Integral, 1, None, closed="left")],
        "n_features": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [tuple, list],
        "n_hidden": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "padding_mode": [StrOptions({"zeros", "circular"})],
        "dim": DIM,
    }

    def __init__(
        self,
        radii: Sequence[float] = (1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0),
        *,
        n_sources: int = 3,
        n_features: int = 6,
        hidden_layer_sizes: Sequence[int] = (32, 32),
        n_hidden: int = 16,
        kernel_size: int = 1,
        activation: Activation = "silu",
        padding_mode: PaddingMode = "zeros",
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.radii = radii
        self.n_sources = n_sources
        self.n_features = n_features
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_hidden = n_hidden
        self.kernel_size = kernel_size
        self.activation = activation
        self.padding_mode = padding_mode
        self.dim = dim

    @property
    def reach(self) -> int:
        """Distance, in cells along an axis, of the farthest input that an output depends on."""
        self._check_radii()
        return _cells_within(self.radii[-1]) + self.kernel_size // 2

    @property
    def stride(self) -> int:
        """Cells by whose multiples a shift of the input shifts the output."""
        return 1

    def _check_radii(self):
        radii = list(self.radii)
        numbers = all(isinstance(r, Real) and 0.5 <= r < math.inf for r in radii)
        if not radii or not numbers or sorted(set(radii)) != radii:
            raise ValueError(
                f"The 'radii' parameter of ExcursionNet must hold numbers of cells, at least 0.5, "
                f"in ascending order. Got {self.radii!r} instead."
            )

    def _body(self, n_fields, spatial, n_outputs):
        self._check_radii()
        self._check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        dim = len(spatial)
        n_seen = n_fields + self.n_sources + 3 * self.n_features
        sizes = [n_seen, *self.hidden_layer_sizes, n_outputs]
        module = _ExcursionModule(
            linear=nn.Sequential(*self._dense(dim, [n_fields, self.n_sources])),
            dense=nn.Sequential(
                *self._dense(dim, [n_fields, *(self.n_hidden,) * 2, self.n_sources])
            ),
            spheres=_Spheres(self.radii, self.padding_mode),
            weigh=nn.Linear(self.n_sources, self.n_features, bias=False),
            head=nn.Sequential(*self._dense(dim, sizes, self.kernel_size)),
            n_radii=len(self.radii),
        )
        module.begin_with_powers()
        return module

    def _dense(self, dim, sizes, kernel_size=1):
        """Dense layers on each cell, the first one on some around it."""
        layers = []
        for i, (before, after) in enumerate(pairwise(sizes)):
            if i or kernel_size == 1:
                layers.append(bare_convolution(before, after, 1, dim))
            else:
                layers += convolution(
                    before,
                    after,
                    kernel_size,
                    dim=dim,
                    padding_mode=self.padding_mode,
                    activation=None,
                )
            if i < len(sizes) - 2:
                layers.append(ACTIVATIONS[self.activation]())
        return layers


class _ExcursionModule(nn.Module):
    """The parts of the net, one after the other."""

    def __init__(self, *, linear, dense, spheres, weigh, head, n_radii):
        super().__init__()
        self.linear = linear
        self.dense = dense
        self.spheres = spheres
        self.weigh = weigh
        self.bias = nn.Parameter(torch.zeros(n_radii, weigh.out_features))
        self.head = head

    def begin_with_powers(self):
        """Let each source be the power of one channel, in turn."""
        with torch.no_grad():
            weights = self.linear[0].weight.zero_().flatten(1)
            for source, row in enumerate(weights):
                row[source % len(row)] = _POWER
            for values in (self.linear[0].bias, self.dense[-1].weight, self.dense[-1].bias):
                values.zero_()

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into fields."""
        log = self.linear(x) + self.dense(x)
        log = log if log.dtype == torch.float64 else log.float()
        ones = (1,) * (x.ndim - 2)
        with torch.autocast(x.device.type, enabled=False):
            of_all, of_large = self._weighed(log), None
            n_small = len(self.bias) // 2
            for i, means in enumerate(self.spheres(log.clamp(max=_MOST).exp())):
                value = self._weighed((means + _LEAST).log()) + self.bias[i].reshape(-1, *ones)
                of_all = _Greater.apply(of_all, value)
                if i >= n_small:
                    of_large = value if of_large is None else _Greater.apply(of_large, value)
        return self.head(torch.cat([x, log, of_all, of_large, value], dim=1))

    def _weighed(self, log):
        """Weighted sums of sources."""
        return torch.einsum("ns...,fs->nf...", log, self.weigh.weight)


class _Greater(torch.autograd.Function):
    """Greater of two values, whose gradient goes to one of them; torch's own shares it."""

    @staticmethod
    def forward(ctx, one, other):
        larger = other > one
        ctx.save_for_backward(larger)
        return torch.where(larger, other, one)

    @staticmethod
    def backward(ctx, grad):
        (larger,) = ctx.saved_tensors
        to_other = grad * larger
        return grad - to_other, to_other


class _Spheres(nn.Module):
    """Means over spheres around each cell, from the smallest to the largest."""

    def __init__(self, radii, padding_mode):
        super().__init__()
        self.radii = tuple(float(radius) for radius in radii)
        self.padding_mode = padding_mode

    def forward(self, x):
        """Go through the means of ``(n, c, *spatial)``, one of that shape for each radius."""
        spatial = tuple(x.shape[2:])
        axes = tuple(range(2, x.ndim))
        if self.padding_mode == "zeros":
            rim = _cells_within(self.radii[-1])
            grid = tuple(n + rim for n in spatial)
            there = torch.fft.rfftn(torch.ones_like(x[:1, :1]), s=grid, dim=axes)
        else:
            grid, there = spatial, None
        spectrum = torch.fft.rfftn(x.contiguous(), s=grid, dim=axes)
        inside = (..., *(slice(n) for n in spatial))
        for radius in self.radii:
            transfer = _transfer(radius, grid).to(x.device, x.dtype)
            means = torch.fft.irfftn(spectrum * transfer, s=grid, dim=axes)[inside]
            if there is not None:
                part = torch.fft.irfftn(there * transfer, s=grid, dim=axes)[inside]
                means = means / part
            yield means.clamp_min(0)

    def extra_repr(self):
        """Parameters for the representation."""
        return f"{self.radii}, padding_mode={self.padding_mode!r}"


def _cells_within(radius):
    """Cells along an axis, from the central one, of which a part may lie in a sphere."""
    return math.ceil(radius + 0.5) - 1


def _transfer(radius, grid):
    """Fourier transform of a sphere on a periodic grid."""
    cached = math.prod(grid) <= _CACHED_CELLS
    return (_cached_transfer if cached else _make_transfer)(radius, grid)


def _make_transfer(radius, grid):
    n, dim = _cells_within(radius), len(grid)
    places = (np.arange(-n * _PARTS, (n + 1) * _PARTS) + 0.5) / _PARTS - 0.5
    squares = reduce(np.add.outer, [places**2] * dim)
    parts = (squares <= radius**2).reshape((2 * n + 1, _PARTS) * dim)
    ball = parts.mean(axis=tuple(range(1, 2 * dim, 2)))
    kernel = np.zeros(grid)
    index = [np.arange(-n, n + 1) % size for size in grid]
    np.add.at(kernel, np.ix_(*index), ball / ball.sum())
    return torch.from_numpy(np.fft.rfftn(kernel).real.copy())


_cached_transfer = lru_cache(maxsize=64)(_make_transfer)
