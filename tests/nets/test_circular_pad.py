"""Periodic padding against torch's own."""

import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets._circular import CircularPad

SHAPES = {1: (2, 3, 7), 2: (2, 3, 5, 7), 3: (2, 3, 4, 5, 6)}
WIDTHS = [(0, 0), (1, 1), (1, 2), (3, 0), (0, 4), (4, 3)]
every_case = pytest.mark.parametrize(
    ("dim", "before", "after"), [(dim, *widths) for dim in SHAPES for widths in WIDTHS]
)


def maps(dim, dtype=torch.float64):
    """Random maps that want a gradient."""
    generator = torch.Generator().manual_seed(dim)
    return torch.randn(SHAPES[dim], generator=generator, dtype=dtype, requires_grad=True)


@every_case
def test_values_and_gradient(dim, before, after):
    """Equal to torch's circular padding, forward and backward."""
    ours, theirs = maps(dim), maps(dim)
    out = CircularPad(before, after)(ours)
    want = functional.pad(theirs, (before, after) * dim, mode="circular")
    assert torch.equal(out, want)
    cotangent = torch.randn(
        want.shape, dtype=want.dtype, generator=torch.Generator().manual_seed(9)
    )
    out.backward(cotangent)
    want.backward(cotangent)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@every_case
def test_numerical_gradient(dim, before, after):
    """The gradient agrees with finite differences, and so does the gradient of it."""
    small = torch.randn(1, 1, *(4, 5, 4)[:dim], dtype=torch.float64, requires_grad=True)
    pad = CircularPad(before, after)
    assert torch.autograd.gradcheck(pad, small, fast_mode=dim == 3)
    assert torch.autograd.gradgradcheck(pad, small, fast_mode=True)


@pytest.mark.parametrize(("before", "after"), WIDTHS)
def test_channels_last(before, after):
    """Storage with channels last is kept, with the same values and gradient."""
    plain, stored = maps(2), maps(2).detach().contiguous(memory_format=torch.channels_last)
    stored.requires_grad_()
    out = CircularPad(before, after)(stored)
    want = functional.pad(plain, (before, after) * 2, mode="circular")
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(out, want)
    (out**2).sum().backward()
    (want**2).sum().backward()
    torch.testing.assert_close(stored.grad, plain.grad, rtol=1e-12, atol=1e-12)


def test_strided_maps():
    """A view that is not contiguous is padded as its copy is."""
    view = maps(3).detach().transpose(2, 4)
    assert not view.is_contiguous()
    assert torch.equal(CircularPad(2, 1)(view), CircularPad(2, 1)(view.contiguous()))


def test_input_and_gradient_are_not_written_to():
    """Padding works on copies, also backward."""
    x = maps(2)
    before = x.detach().clone()
    out = CircularPad(2, 3)(x)
    cotangent = torch.ones_like(out)
    (gradient,) = torch.autograd.grad(out, x, cotangent)
    assert torch.equal(x.detach(), before)
    assert torch.equal(cotangent, torch.ones_like(out))
    assert gradient.sum() == out.numel()


@pytest.mark.parametrize("widths", [(5, 0), (0, 5), (6, 6)])
def test_wider_than_the_map(widths):
    """A map cannot be wrapped around more than once; torch's padding refuses that as well."""
    with pytest.raises(MapShapeError, match=r"\(4, 9\)"):
        CircularPad(*widths)(torch.zeros(1, 1, 4, 9))
    with pytest.raises(RuntimeError):
        functional.pad(torch.zeros(1, 1, 4, 9), widths * 2, mode="circular")


def test_repr():
    """The widths are shown."""
    assert repr(CircularPad(1, 2)) == "CircularPad(1, 2)"
