"""Layers that torch can write down for others, in place of those that are fast in torch."""

import copy

import torch
from torch import nn
from torch.nn import functional

from ..nets._circular import CircularPad
from ..nets._conv3d import Conv3d
from ..nets._excursion import _Spheres
from ..nets._field import CellConv3d
from ..nets._unet import _UNetModule


def plain_module(module):
    """Copy a module, with plain layers of the same weights and values.

    Our own layers take shortcuts by the size of a batch or write into parts of arrays, which an
    exporter takes for constants or writes down as thousands of copies.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.nn.Module
        A copy on the processor, in evaluation mode.
    """
    module = copy.deepcopy(module).cpu().float().eval()
    for values in [*module.parameters(), *module.buffers()]:
        values.data = values.data.contiguous()
    for part in module.modules():
        part.__class__ = _PLAIN.get(type(part), type(part))
    return module


class _PlainPad(CircularPad):
    """Periodic padding by concatenation."""

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into a batch with wider spatial axes."""
        for axis in range(2, x.ndim):
            n = x.shape[axis]
            far, near = x.narrow(axis, n - self.before, self.before), x.narrow(axis, 0, self.after)
            x = torch.cat([far, x, near], dim=axis)
        return x


class _PlainUNet(_UNetModule):
    """Down and up again, by repetition and concatenation."""

    def forward(self, x, modulations=None):
        """Turn ``(n, c, *spatial)`` into fields."""
        if modulations is None:
            modulations = [None] * (len(self.down) + len(self.up))
        passed = []
        for i, block in enumerate(self.down):
            x = block(self.pool(passed[-1]) if passed else x, modulations[i])
            passed.append(x)
        x = self.dropout(passed.pop())
        for i in reversed(range(len(self.up))):
            beside, x = passed.pop(), self.combine[i](x)
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = x[(..., *(slice(n) for n in beside.shape[2:]))]
            x = self.up[i](torch.cat([beside, x], dim=1), modulations[len(self.down) + i])
        return self.last(x)


class _PlainSpheres(_Spheres):
    """Means over spheres in float64, as Fourier transforms elsewhere round more than torch's."""

    def forward(self, x):
        """Go through the means of ``(n, c, *spatial)``, one of that shape for each radius."""
        for means in super().forward(x.double()):
            yield means.to(x.dtype)


_PLAIN = {
    CellConv3d: nn.Conv3d,
    CircularPad: _PlainPad,
    Conv3d: nn.Conv3d,
    _Spheres: _PlainSpheres,
    _UNetModule: _PlainUNet,
}
