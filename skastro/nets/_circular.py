"""Periodic padding with a fast backward pass."""

import torch
from torch import nn

from ..exceptions import MapShapeError


class _WrapFunction(torch.autograd.Function):
    """Periodic padding; the gradient of the rim is added to the cells that it repeats."""

    @staticmethod
    def forward(ctx, x, before, after):
        ctx.widths = before, after
        dim = x.ndim - 2
        spatial = [n + before + after for n in x.shape[2:]]
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
        channels_last = last is not None and x.is_contiguous(memory_format=last)
        out = torch.empty(
            (*x.shape[:2], *spatial),
            dtype=x.dtype,
            device=x.device,
            memory_format=last if channels_last else torch.contiguous_format,
        )
        inner = out
        for axis, n in enumerate(x.shape[2:], 2):
            inner = inner.narrow(axis, before, n)
        inner.copy_(x)
        for axis in range(2, 2 + dim):
            n = x.shape[axis]
            out.narrow(axis, 0, before).copy_(out.narrow(axis, n, before))
            out.narrow(axis, n + before, after).copy_(out.narrow(axis, before, after))
        return out

    @staticmethod
    def backward(ctx, grad):
        before, after = ctx.widths
        for axis in range(2, grad.ndim):
            n = grad.shape[axis] - before - after
            inner = grad.narrow(axis, before, n).clone()
            inner.narrow(axis, n - before, before).add_(grad.narrow(axis, 0, before))
            inner.narrow(axis, 0, after).add_(grad.narrow(axis, n + before, after))
            grad = inner
        return grad, None, None


class CircularPad(nn.Module):
    """Continue maps periodically beyond their edges.

    The values are those of torch's own circular padding, whose gradient takes several times
    longer.

    Parameters
    ----------
    before, after : int
        Cells that are added at the near and the far end of each spatial axis, no more than
        the axis has.

    Raises
    ------
    MapShapeError
        If a map has an axis that is shorter.
    """

    def __init__(self, before, after):
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, x):
        """Turn ``(n, c, *spatial)`` into a batch with wider spatial axes."""
        if max(self.before, self.after) > min(x.shape[2:]):
            raise MapShapeError(
                f"CircularPad({self.before}, {self.after}) cannot wrap around maps of size "
                f"{tuple(x.shape[2:])}. Take larger maps or smaller kernels."
            )
        return _WrapFunction.apply(x, self.before, self.after)

    def extra_repr(self):
        """Parameters for the representation."""
        return f"{self.before}, {self.after}"
