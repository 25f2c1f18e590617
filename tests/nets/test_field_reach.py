"""Nets from fields to fields: how far an output looks, and which shifts it follows."""

import itertools

import pytest
import torch

from skastro.exceptions import MapShapeError
from skastro.nets import FieldNet, FieldResNet, NeighbourhoodNet, UNet

SMOOTH = {"activation": "tanh"}
# Every one depends on all inputs as far as it reaches.
DENSE = [
    UNet(1, 2, n_convolutions=1, pooling="mean", **SMOOTH),
    UNet(1, 2, kernel_size=1, n_convolutions=1, pooling="mean", **SMOOTH),
    UNet(2, 2, pooling="mean", **SMOOTH),
    UNet(2, (2, 3, 2), kernel_size=2, pooling="mean", **SMOOTH),
    UNet(2, 2, kernel_size=4, n_convolutions=1, pooling="mean", **SMOOTH),
    UNet(3, 2, n_convolutions=1, pooling="mean", **SMOOTH),
    FieldResNet(2, 2, **SMOOTH),
    FieldResNet(3, 2, dilation=(1, 2, 4), **SMOOTH),
    FieldResNet(2, 2, kernel_size=4, dilation=2, **SMOOTH),
    FieldResNet(1, 2, kernel_size=1, dilation=3, **SMOOTH),
    NeighbourhoodNet(7, (2, 3), (4,), **SMOOTH),
    NeighbourhoodNet(5, (2, 3), (), **SMOOTH),
    NeighbourhoodNet(5, (3,), (3, 2), kernel_size=4, **SMOOTH),
    NeighbourhoodNet(1, (), (3,), **SMOOTH),
]
SMALL = {
    "UNet": UNet(2, 3, n_convolutions=1, activation="elu"),
    "FieldResNet": FieldResNet(2, 3, dilation=(1, 2), activation="elu"),
    "NeighbourhoodNet": NeighbourhoodNet(5, (4,), (6, 5), activation="elu"),
}
every_small = pytest.mark.parametrize("name", SMALL)
every_mode = pytest.mark.parametrize("padding_mode", ["zeros", "circular"])


def random_maps(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def farthest(module, spatial, axis, periodic):
    """Distance along an axis of the farthest input that any output depends on."""
    x = random_maps(1, 1, *spatial).requires_grad_()
    out, n = module(x), spatial[axis]
    others = [i for i in range(x.ndim) if i != axis + 2]
    distances = [0]
    for cell in range(n):
        total = out.select(axis + 2, cell).sum()
        (gradient,) = torch.autograd.grad(total, x, retain_graph=True)
        seen = gradient.abs().sum(others).nonzero().ravel()
        apart = (seen - cell).abs()
        distances.append((torch.minimum(apart, n - apart) if periodic else apart).max().item())
    return max(distances)


@pytest.mark.parametrize("net", DENSE, ids=str)
@every_mode
def test_reach_is_exact(net, padding_mode, build):
    """The farthest input that changes an output is just as far away as `reach`."""
    n = net.stride * (2 * net.reach // net.stride + 3)
    module = build(net, (1, n), padding_mode=padding_mode)
    assert farthest(module, (n,), 0, padding_mode == "circular") == net.reach


@pytest.mark.parametrize("axis", [0, 1, 2])
@every_small
def test_reach_in_three_dimensions(name, axis, build):
    """The same along each axis of a cube, and for maximum pooling as an upper bound."""
    net = SMALL[name]
    spatial = [3, 4, 5]
    spatial[axis] = 2 * net.reach + 5
    module = build(net, (1, *spatial))
    got = farthest(module, spatial, axis, periodic=False)
    assert got <= net.reach
    assert got >= net.reach - (2 if name == "UNet" else 0)


@every_small
@pytest.mark.parametrize("n", [43, 45, 46, 47])
def test_reach_in_boxes_of_odd_sizes(name, n, build):
    """Sizes that are no multiple of `stride` do not make an output look farther."""
    net = SMALL[name]
    assert n > 2 * net.reach
    for pooling in ["max", "mean"]:
        parameters = {"pooling": pooling} if name == "UNet" else {}
        module = build(net, (1, n), padding_mode="circular", **parameters)
        assert farthest(module, (n,), 0, periodic=True) <= net.reach


@every_small
@every_mode
@pytest.mark.parametrize(
    ("box", "start", "inner"),
    [((51,), (4,), (11,)), ((48, 40), (0, 4), (7, 5)), ((32, 37, 41), (4, 0, 4), (2, 9, 3))],
)
def test_window_with_a_margin(name, padding_mode, box, start, inner, build):
    """Far enough from the edges of a window all is as in the whole box."""
    net = SMALL[name]
    margin = min(net.reach, 15)
    assert margin == net.reach
    maps = random_maps(2, 2, *box)
    module = build(net, (2, *box), padding_mode=padding_mode)
    window = maps
    for axis, (first, n) in enumerate(zip(start, inner, strict=True), 2):
        window = window.narrow(axis, first, n + 2 * margin)
    whole, got = module(maps), module(window)
    for axis, (first, n) in enumerate(zip(start, inner, strict=True), 2):
        whole = whole.narrow(axis, first + margin, n)
        got = got.narrow(axis, margin, n)
    torch.testing.assert_close(got, whole)
    assert got.std() > 1e-3


@every_small
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_shifts_of_a_periodic_box(name, dim, build):
    """A shift by multiples of `stride` is followed; where that is not 1, others are not."""
    net, spatial = SMALL[name], (12, 16, 8)[:dim]
    module = build(net, (1, *spatial), padding_mode="circular")
    x, axes = random_maps(2, 1, *spatial), tuple(range(2, 2 + dim))
    shifts = tuple(net.stride * n for n in (1, -2, 3)[:dim])
    torch.testing.assert_close(module(x.roll(shifts, axes)), module(x).roll(shifts, axes))
    if net.stride > 1:
        odd = (1,) * dim
        assert (module(x.roll(odd, axes)) - module(x).roll(odd, axes)).abs().max() > 1e-3


@every_small
@pytest.mark.parametrize(
    "spatial", [(1,), (2,), (7,), (1, 5), (9, 2), (7, 8, 9), (1, 3, 2), (1, 1, 1)], ids=str
)
def test_any_size(name, spatial, build):
    """Maps have any size, also one that the module was not built for."""
    module = build(SMALL[name], (2, *(12,) * len(spatial)), 3)
    again = build(SMALL[name], (2, *spatial), 3)
    x = random_maps(4, 2, *spatial).requires_grad_()
    out = module(x)
    assert out.shape == (4, 3, *spatial)
    assert torch.equal(out, again(x))
    out.square().sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()


@pytest.mark.parametrize(
    ("net", "size"),
    [
        (UNet(2, 2, kernel_size=5), 5),
        (FieldResNet(2, 2, dilation=4), 4),
        (NeighbourhoodNet(7, (2, 2, 2)), 3),
    ],
    ids=["UNet", "FieldResNet", "NeighbourhoodNet"],
)
def test_boxes_that_are_too_small_to_wrap(net, size, build):
    """The least size works; with one cell less it is named when built, and when run."""
    module = build(net, (1, size), padding_mode="circular")
    assert module(random_maps(1, 1, size)).shape == (1, 1, size)
    smaller = 4 if isinstance(net, UNet) else size - 1
    with pytest.raises(MapShapeError, match=f"{type(net).__name__}.*circular"):
        build(net, (1, smaller), padding_mode="circular")
    with pytest.raises(MapShapeError, match="cannot wrap"):
        module(random_maps(1, 1, smaller))
    assert build(net, (1, smaller))(random_maps(1, 1, smaller)).shape == (1, 1, smaller)


def test_base_class_is_abstract():
    """An architecture states how far it looks and which shifts it follows."""
    with pytest.raises(TypeError, match="reach"):
        FieldNet()
    for net, other in itertools.pairwise([UNet(), FieldResNet(), NeighbourhoodNet()]):
        assert isinstance(net, FieldNet)
        assert set(FieldNet.__abstractmethods__) == {"_body", "reach", "stride"}
        assert net.reach > other.reach
