"""Blocks of layers whose feature maps numbers of a map can scale and shift."""

import torch
from torch import nn

from ._layers import ACTIVATIONS

N_HIDDEN = 32


class Block(nn.Module):
    """Layers whose last feature maps are scaled and shifted before their activation.

    Parameters
    ----------
    layers : list of torch.nn.Module
        The layers, without the last activation.
    n_filters : int
        Channels that come out.
    activation : str
        A key of ``ACTIVATIONS``.
    residual : bool, default=False
        Whether the layers correct what comes in, which is added before the activation.
    """

    def __init__(self, layers, n_filters, activation, residual=False):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.activation = ACTIVATIONS[activation]()
        self.n_filters = n_filters
        self.residual = residual

    def forward(self, x, modulation=None):
        """Turn ``(n, c, *spatial)`` into feature maps.

        Parameters
        ----------
        x : torch.Tensor of shape (n, c, *spatial)
            The batch.
        modulation : pair of torch.Tensor of shape (n, n_filters), default=None
            Scale and shift of each feature map.

        Returns
        -------
        torch.Tensor of shape (n, n_filters, *spatial)
            The feature maps.
        """
        out = self.layers(x)
        if modulation is not None:
            shape = (*modulation[0].shape, *(1,) * (x.ndim - 2))
            scale, shift = (values.to(out.dtype).reshape(shape) for values in modulation)
            out = torch.addcmul(shift, out, scale)
        return self.activation(out + x if self.residual else out)


class Film(nn.Module):
    """Scales and shifts of feature maps, by a small dense net from the numbers of a map.

    At the start every scale is one and every shift zero. Numbers stay in float32, also within
    an automatic cast to a type that could not tell close redshifts apart.

    Parameters
    ----------
    n_conditions : int
        Numbers of a map.
    widths : sequence of int
        Feature maps of each block.
    activation : str
        A key of ``ACTIVATIONS``.
    """

    def __init__(self, n_conditions, widths, activation):
        super().__init__()
        self.widths = list(widths)
        last = nn.Linear(N_HIDDEN, 2 * sum(self.widths))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(
            nn.Linear(n_conditions, N_HIDDEN), ACTIVATIONS[activation](), last
        )

    def forward(self, conditions):
        """Turn ``(n, n_conditions)`` into a pair of scale and shift for each block."""
        dtype = self.layers[0].weight.dtype
        with torch.autocast(conditions.device.type, enabled=False):
            changes, shifts = self.layers(conditions.to(dtype)).chunk(2, dim=1)
        scales = (1 + changes).split(self.widths, dim=1)
        return list(zip(scales, shifts.split(self.widths, dim=1), strict=True))


class Conditioned(nn.Module):
    """A module whose blocks are told numbers of a map, taken from constant channels.

    Parameters
    ----------
    body : torch.nn.Module
        Takes a batch without these channels, and a pair of scale and shift for each of its
        blocks, which are what is of class `Block` in it, in their order.
    n_conditions : int
        Channels that are constant over each map, the last ones.
    activation : str
        A key of ``ACTIVATIONS``.
    """

    def __init__(self, body, n_conditions, activation):
        super().__init__()
        self.body = body
        self.n_conditions = n_conditions
        widths = [part.n_filters for part in body.modules() if isinstance(part, Block)]
        self.film = Film(n_conditions, widths, activation)

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into fields."""
        # A copy, since layers ask whether values lie side by side in a certain order.
        fields = x[:, : -self.n_conditions].clone()
        conditions = x[(slice(None), slice(-self.n_conditions, None), *(0,) * (x.ndim - 2))]
        return self.body(fields, self.film(conditions))
