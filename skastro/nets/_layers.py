"""Layers that the architectures share."""

from collections import OrderedDict

import torch
from torch import nn

from ..exceptions import MapShapeError
from ._circular import CircularPad
from ._conv3d import Conv3d

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: Conv3d}
ZERO_PADS = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOLINGS = {
    "max": {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d},
    "mean": {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d},
}


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own.

    torch's own layer draws from the generator that all threads of a process share, so that
    two fits in two threads would change each other's masks.

    Parameters
    ----------
    p : float
        Probability that a value is set to zero in training.

    Attributes
    ----------
    generator : torch.Generator or None
        What masks are drawn from; None until the first mask of a sequence.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self._seed = 0
        self.generator = None

    def seed(self, seed: int) -> None:
        """Start the sequence of masks anew.

        Parameters
        ----------
        seed : int
            Seed of the sequence.
        """
        self._seed = seed
        self.generator = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop values in training, and scale the others up by as much.

        Parameters
        ----------
        x : torch.Tensor
            Values.

        Returns
        -------
        torch.Tensor of the same shape
            Values with holes; outside training the values themselves.
        """
        if not self.training or self.p == 0:
            return x
        if self.generator is None or self.generator.device != x.device:
            self.generator = torch.Generator(device=x.device).manual_seed(self._seed)
        keep = 1 - self.p
        mask = torch.empty_like(x).bernoulli_(keep, generator=self.generator)
        return x * mask.div_(keep)

    def __getstate__(self):
        return super().__getstate__() | {"generator": None}

    def extra_repr(self) -> str:
        """Parameters for the representation."""
        return f"p={self.p}"


class SpatialReadout(nn.Module):
    """Mean or greatest value of each channel over space.

    Parameters
    ----------
    kind : {"mean", "max"}
        Which of the two.
    """

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into ``(n, c)``."""
        x = x.flatten(2)
        return x.mean(2) if self.kind == "mean" else x.amax(2)

    def extra_repr(self):
        """Parameters for the representation."""
        return self.kind


def dense_head(n_inputs, hidden_layer_sizes, n_outputs, *, activation, dropout, batch_norm=False):
    """Fully connected layers, the last one linear.

    Parameters
    ----------
    n_inputs : int
        Values of a sample.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    n_outputs : int
        Values that come out.
    activation : str
        A key of ``ACTIVATIONS``.
    dropout : float
        Probability of dropout behind each hidden layer.
    batch_norm : bool, default=False
        Whether hidden layers are normalized over the batch.

    Returns
    -------
    torch.nn.Sequential
        The layers.
    """
    layers = []
    for size in hidden_layer_sizes:
        layers.append(nn.Linear(n_inputs, size, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout))
        n_inputs = size
    layers.append(nn.Linear(n_inputs, n_outputs))
    return nn.Sequential(*layers)


def convolution(
    n_channels,
    n_filters,
    kernel_size,
    *,
    dim,
    stride=1,
    padding=None,
    cut=None,
    padding_mode="zeros",
    groups=1,
    dilation=1,
    batch_norm=False,
    bias=None,
    activation=nn.ReLU,
):
    """A convolution with its padding, normalization and activation.

    Parameters
    ----------
    n_channels, n_filters : int
        Channels that come in and go out.
    kernel_size : int or tuple of int
        Cells of a kernel along each axis.
    dim : {1, 2, 3}
        Number of spatial axes.
    stride : int or tuple of int, default=1
        Cells from one place of the kernel to the next, along each axis.
    padding : int, default=None
        Cells added at both ends of each axis; None takes half the kernel, and one cell less at
        the near end where the kernel is even, times the dilation, which keeps the size.
    cut : sequence of int, default=None
        Cells taken away again at the far end of each axis, such as those beyond the last
        whole stride; None takes none.
    padding_mode : {"zeros", "circular"}, default="zeros"
        What lies beyond the edge.
    groups : int, default=1
        Groups of channels that do not see each other.
    dilation : int, default=1
        Cells from one weight of a kernel to the next.
    batch_norm : bool, default=False
        Whether the output is normalized over the batch.
    bias : bool, default=None
        Whether there is a bias; None takes one where nothing is normalized.
    activation : callable or None, default=torch.nn.ReLU
        Makes the activation.

    Returns
    -------
    list of torch.nn.Module
        The layers, in their order.
    """
    before = after = padding
    if padding is None:
        before, after = ((kernel_size - 1) // 2 * dilation, kernel_size // 2 * dilation)
    layers, padding = [], 0
    cut = (0,) * dim if cut is None else cut
    if after and padding_mode == "circular":
        layers.append(CircularPad(before, after))
        before = after = 0
    if before == after and not any(cut):
        padding = before
    else:
        # torch counts axes from the last one; a negative width cuts cells off.
        layers.append(ZERO_PADS[dim](tuple(w for n in reversed(cut) for w in (before, after - n))))
    bias = not batch_norm if bias is None else bias
    layers.append(
        CONVOLUTIONS[dim](
            n_channels, n_filters, kernel_size, stride, padding, dilation, groups, bias
        )
    )
    if batch_norm:
        layers.append(BATCH_NORMS[dim](n_filters))
    if activation is not None:
        layers.append(activation())
    return layers


def padded_max_pool(dim, stride, padding_mode):
    """Greatest value of three cells along each axis, at every cell or at every second one.

    Parameters
    ----------
    dim : {1, 2, 3}
        Number of spatial axes.
    stride : int
        Cells from one place to the next; 1 keeps the size, 2 halves it, rounded up.
    padding_mode : {"zeros", "circular"}
        What lies beyond the edge: nothing, or the other side.

    Returns
    -------
    list of torch.nn.Module
        The layers, in their order.
    """
    pool = POOLINGS["max"][dim]
    if padding_mode == "circular":
        return [CircularPad(1, 1), pool(3, stride)]
    return [pool(3, stride, padding=1)]


STEMS = ("imagenet", "small")


def first_layers(n_channels, n_filters, kind, *, dim, padding_mode, batch_norm):
    """The first convolution of a deep net.

    Parameters
    ----------
    n_channels, n_filters : int
        Channels that come in and go out.
    kind : {"imagenet", "small"}
        A kernel of 7 with stride 2 and pooling, which divide the size by four; or a kernel of 3
        that keeps it.
    dim : {1, 2, 3}
        Number of spatial axes.
    padding_mode : {"zeros", "circular"}
        What lies beyond the edge.
    batch_norm : bool
        Whether the output is normalized over the batch.

    Returns
    -------
    list of torch.nn.Module
        The layers, in their order.
    """
    kernel_size, stride = (7, 2) if kind == "imagenet" else (3, 1)
    layers = convolution(
        n_channels,
        n_filters,
        kernel_size,
        dim=dim,
        stride=stride,
        padding_mode=padding_mode,
        batch_norm=batch_norm,
    )
    return layers + (padded_max_pool(dim, 2, padding_mode) if kind == "imagenet" else [])


def check_wrap(owner, spatial, width, padding_mode):
    """Refuse feature maps that are too small to be continued periodically.

    Parameters
    ----------
    owner : str
        The net, named in the error.
    spatial : sequence of int
        Cells of the feature maps along each axis.
    width : int
        Cells that are added at both ends of each axis.
    padding_mode : {"zeros", "circular"}
        What lies beyond the edge. Zeros fit any map.

    Raises
    ------
    MapShapeError
        If an axis is shorter than what is added to it.
    """
    if padding_mode == "circular" and min(spatial) < width:
        raise MapShapeError(
            f"{owner}(padding_mode='circular') cannot wrap {width} cells around feature maps of "
            f"size {tuple(spatial)}. Take larger maps, a net that shrinks them less, or "
            f"padding_mode='zeros'."
        )


def he_normal_(module):
    """Draw weights such that rectified layers keep the size of their input.

    Parameters
    ----------
    module : torch.nn.Module
        Its convolutions and linear layers are changed: weights, not biases, become normal with
        variance 2 / (number of inputs), after He et al., ICCV (2015).
    """
    for layer in module.modules():
        if isinstance(layer, (*CONVOLUTIONS.values(), nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def mean_readout_net(features, n_channels, n_outputs, dropout):
    """A net whose outputs are linear in the mean of each of its last feature maps.

    Parameters
    ----------
    features : OrderedDict of str to torch.nn.Module
        The layers up to the feature maps; their weights are drawn by `he_normal_`.
    n_channels : int
        Feature maps.
    n_outputs : int
        Values that come out.
    dropout : float
        Probability of dropout before the linear layer.

    Returns
    -------
    torch.nn.Sequential
        The parts ``features``, ``readout`` and ``head``.
    """
    features = nn.Sequential(features)
    he_normal_(features)
    head = nn.Sequential(*([Dropout(dropout)] if dropout else []), nn.Linear(n_channels, n_outputs))
    return nn.Sequential(OrderedDict(features=features, readout=SpatialReadout("mean"), head=head))
