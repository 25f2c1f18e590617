"""Convolutions of a single cube on one thread against torch's own, alone and in a U-Net."""

import torch
from _interleave import report
from torch import nn

from skastro.nets import UNet
from skastro.nets._conv3d import Conv3d


def step(module, x):
    """One forward and backward pass."""

    def run():
        module.zero_grad()
        module(x).square().mean().backward()

    return run


def cube(n_channels, n_cells):
    """A batch of one cube, in the order of cells and channels that nets have."""
    x = torch.randn(1, n_channels, *(n_cells,) * 3)
    return x.contiguous(memory_format=torch.channels_last_3d)


def main():
    """Print the tables."""
    torch.set_num_threads(1)
    for n_channels, n_cells in ((8, 48), (16, 24), (19, 30)):
        layers = {"torch": nn.Conv3d, "skastro": Conv3d}
        x = cube(n_channels, n_cells).requires_grad_()
        report(
            f"{n_channels} channels of {n_cells}^3 cells, forward and backward",
            {name: step(kind(n_channels, n_channels, 3), x) for name, kind in layers.items()},
            "torch",
        )
    for n_filters in (8, 16):
        ours = UNet(2, n_filters, dim=3).build((19, 48, 48, 48), 1)
        theirs = UNet(2, n_filters, dim=3).build((19, 48, 48, 48), 1)
        for layer in theirs.modules():
            if type(layer) is Conv3d:
                layer.__class__ = nn.Conv3d
        steps = {
            name: step(module.to(memory_format=torch.channels_last_3d), cube(19, 48))
            for name, module in (("torch", theirs), ("skastro", ours))
        }
        report(f"UNet(2, {n_filters}) on 19 channels of 48^3 cells", steps, "torch", 5)


if __name__ == "__main__":
    main()
