"""Convolution in three dimensions that is fast for a single cube on one thread."""

import torch
from torch import nn
from torch.nn import functional

# What torch leaves to its slow convolution: one sample with so many channels x depth x height.
_FEW = 20480


class Conv3d(nn.Conv3d):
    """Convolution that cuts a single cube in two on one thread of a processor.

    For a batch of one sample with few cells torch takes a convolution that is up to ten times
    slower than the one for batches. So the cube goes through as two halves of its first axis, which
    overlap by the kernel. Values are the same up to rounding.
    """

    def forward(self, x):
        """Convolve ``(n, c, d, h, w)``."""
        n_left = x.shape[2] + 2 * self.padding[0] - self.kernel_size[0] + 1
        if n_left < 2 or not self._is_slow(x):
            return super().forward(x)
        if any(self.padding):
            x = functional.pad(x, [width for p in reversed(self.padding) for width in (p, p)])
        half = (n_left + 1) // 2
        near, far = x[:, :, : half + self.kernel_size[0] - 1], x[:, :, n_left - half :]
        near, far = functional.conv3d(torch.cat([near, far]), self.weight, self.bias).split(1)
        return torch.cat([near, far[:, :, 2 * half - n_left :]], dim=2)

    def _is_slow(self, x):
        """Whether torch would take its slow convolution, and halves are those of a whole."""
        plain = {*self.stride, *self.dilation, self.groups} == {1}
        on_one_thread = x.device.type == "cpu" and torch.get_num_threads() == 1
        few = len(x) == 1 and x.shape[1:4].numel() <= _FEW
        return plain and on_one_thread and few and max(self.kernel_size) > 1
