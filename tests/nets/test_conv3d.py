"""The convolution of single cubes on one thread."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from skastro.nets import FieldResNet, UNet
from skastro.nets._conv3d import Conv3d


@pytest.fixture(params=[1, 2])
def n_threads(request):
    """Number of threads, restored after."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("kernel_size", "options"),
    [
        (3, {}),
        (2, {}),
        ((3, 1, 2), {"padding": (1, 0, 1)}),
        (3, {"padding": 1, "bias": False}),
        (3, {"stride": 2}),
        (3, {"dilation": 2}),
        (3, {"groups": 2}),
        (1, {}),
    ],
)
@pytest.mark.parametrize("size", [(5, 6, 7), (8, 7, 6), (40, 30, 20)])
@pytest.mark.parametrize("n_samples", [1, 2])
def test_values_and_gradients_are_those_of_torch(size, n_samples, kernel_size, options, n_threads):
    """Whichever way the convolution is done."""
    torch.manual_seed(0)
    layer = Conv3d(4, 6, kernel_size, **options)
    theirs = nn.Conv3d(4, 6, kernel_size, **options)
    theirs.load_state_dict(layer.state_dict())
    x = torch.randn(n_samples, 4, *size, requires_grad=True)
    out, expected = layer(x), theirs(x)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    weight = torch.randn_like(out)
    for name in ("weight", "bias"):
        mine, other = getattr(layer, name), getattr(theirs, name)
        if mine is None:
            continue
        (found,) = torch.autograd.grad((out * weight).sum(), mine, retain_graph=True)
        (wanted,) = torch.autograd.grad((expected * weight).sum(), other, retain_graph=True)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-2)
    (found,) = torch.autograd.grad((out * weight).sum(), x)
    (wanted,) = torch.autograd.grad((expected * weight).sum(), x)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("net", [UNet(2, 4, dim=3), FieldResNet(2, 4, dim=3)], ids=str)
def test_single_cubes_go_through_in_two(net, monkeypatch):
    """On one thread, no convolution of a small cube by more than one cell is of one sample."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    seen = []
    convolve = functional.conv3d

    def look(x, weight, *args, **kwargs):
        if weight.shape[2:].numel() > 1 and x.shape[2] > 2:
            seen.append(len(x))
        return convolve(x, weight, *args, **kwargs)

    monkeypatch.setattr(functional, "conv3d", look)
    try:
        out = net.build((2, 16, 16, 16), 1)(torch.randn(1, 2, 16, 16, 16))
    finally:
        torch.set_num_threads(before)
    assert out.shape == (1, 1, 16, 16, 16)
    assert seen
    assert set(seen) == {2}
