"""Periodic padding against torch's own, on one thread: alone, and inside a training step."""

import torch
from _interleave import report
from torch import nn
from torch.nn import functional

from skastro.nets import ConvNet
from skastro.nets._circular import CircularPad


class TorchPad(CircularPad):
    """torch's own padding in the same place."""

    def forward(self, x):
        """Pad."""
        return functional.pad(x, (self.before, self.after) * (x.ndim - 2), mode="circular")


def padding(pad, x):
    """Forward and backward pass of the padding alone."""

    def run():
        out = pad(x)
        out.backward(torch.ones_like(out))

    return run


def training_step(shape, pad_class):
    """One step of a convolutional network, padded by one or the other."""
    torch.manual_seed(0)
    net = ConvNet(padding_mode="circular", readout="mean", pooling="mean")
    module = net.build(shape[1:], n_outputs=17)
    for layer in module.modules():
        for name, child in layer.named_children():
            if isinstance(child, CircularPad):
                setattr(layer, name, pad_class(child.before, child.after))
    x, y = torch.randn(shape), torch.randint(17, shape[:1])
    if len(shape) == 4:
        module, x = (a.to(memory_format=torch.channels_last) for a in (module, x))
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)

    def run():
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return run


def main():
    """Print the tables."""
    torch.set_num_threads(1)
    for shape in [(32, 16, 64, 64), (4, 16, 32, 32, 32)]:
        x = torch.randn(shape).requires_grad_()
        pads = {"torch": TorchPad(1, 1), "skastro": CircularPad(1, 1)}
        report(
            f"padding of {shape}, forward and backward",
            {name: padding(pad, x) for name, pad in pads.items()},
            "torch",
        )
    for shape in [(32, 2, 64, 64), (4, 2, 32, 32, 32)]:
        pads = {"torch": TorchPad, "skastro": CircularPad}
        report(
            f"training step of ConvNet on {shape}",
            {name: training_step(shape, pad) for name, pad in pads.items()},
            "torch",
        )


if __name__ == "__main__":
    main()
