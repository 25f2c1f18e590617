"""Nets from fields to fields: values of what is built, with conditions and without."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets import FieldResNet, NeighbourhoodNet, UNet

CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
MAX_POOL = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
SMOOTH = {"activation": "tanh"}
SMALL = {
    "UNet": UNet(2, 3, n_convolutions=1, activation="elu"),
    "FieldResNet": FieldResNet(2, 3, dilation=(1, 2), activation="elu"),
    "NeighbourhoodNet": NeighbourhoodNet(5, (4,), (6, 5), activation="elu"),
}
every_small = pytest.mark.parametrize("name", SMALL)
every_mode = pytest.mark.parametrize("padding_mode", ["zeros", "circular"])


def random_maps(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def convolved(x, layer, padding_mode, dilation=1):
    """A convolution of any kernel that keeps the size, with torch's own padding."""
    dim, k = x.ndim - 2, layer.weight.shape[-1]
    widths = ((k - 1) // 2 * dilation, k // 2 * dilation) * dim
    padded = functional.pad(x, widths, mode="constant" if padding_mode == "zeros" else "circular")
    return CONVOLVE[dim](padded, layer.weight, layer.bias, dilation=dilation)


def layers_of(module):
    """All layers with weights, in their order."""
    return [layer for layer in module.modules() if hasattr(layer, "weight")]


def reference_u_net(x, module, n_levels, padding_mode):
    """A U-Net of two convolutions a block, by torch's functions alone."""
    layers = layers_of(module)
    down, layers = layers[: 2 * n_levels + 2], layers[2 * n_levels + 2 :]
    combine, up, last = layers[:n_levels], layers[n_levels:-1], layers[-1]

    def block(x, pair):
        for layer in pair:
            x = functional.relu(convolved(x, layer, padding_mode))
        return x

    passed = []
    for i in range(n_levels):
        passed.append(block(x, down[2 * i : 2 * i + 2]))
        x = MAX_POOL[x.ndim - 2](passed[-1], 2, ceil_mode=True)
    x = block(x, down[-2:])
    for i in reversed(range(n_levels)):
        size = passed[i].shape[2:]
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = convolved(x[(..., *(slice(n) for n in size))], combine[i], padding_mode)
        x = block(torch.cat([passed[i], x], 1), up[2 * i : 2 * i + 2])
    return convolved(x, last, padding_mode)


@pytest.mark.parametrize("spatial", [(19,), (13, 16), (9, 8, 11)], ids=str)
@every_mode
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_u_net_by_hand(spatial, padding_mode, kernel_size, build):
    """Values and gradients are those of repetition and concatenation by torch's own functions."""
    parameters = {"kernel_size": kernel_size, "padding_mode": padding_mode}
    module = build(UNet(2, (3, 2, 4)), (2, *spatial), 3, **parameters)
    x = random_maps(2, 2, *spatial).requires_grad_()
    for order in [torch.contiguous_format, torch.channels_last, torch.channels_last_3d]:
        if order != torch.contiguous_format and x.ndim != 4 + (order == torch.channels_last_3d):
            continue
        got = module(x.contiguous(memory_format=order))
        want = reference_u_net(x, module, 2, padding_mode)
        torch.testing.assert_close(got, want)
        assert want.std() > 1e-3
        wrt, toward = [x, *module.parameters()], torch.randn_like(got)
        for one, other in zip(
            torch.autograd.grad(got, wrt, toward),
            torch.autograd.grad(want, wrt, toward),
            strict=True,
        ):
            torch.testing.assert_close(one, other)


def test_u_net_channels():
    """Filters double with each level, and half of what goes up was handed over."""
    module = UNet(1, 2).build((1, 8), 1)
    counts = [sum(w.numel() for w in layer.parameters()) for layer in layers_of(module)]
    assert counts == [8, 14, 28, 52, 10, 26, 14, 3]
    module = UNet(2, (3, 2, 5)).build((1, 8, 8), 4)
    shapes = [tuple(layer.weight.shape[:2]) for layer in layers_of(module)]
    down = [(3, 1), (3, 3), (2, 3), (2, 2), (5, 2), (5, 5)]
    assert shapes == [*down, (3, 2), (2, 5), (3, 6), (3, 3), (2, 4), (2, 2), (4, 3)]


@pytest.mark.parametrize("spatial", [(21,), (11, 14), (9, 8, 10)], ids=str)
@every_mode
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_residual_net_by_hand(spatial, padding_mode, kernel_size, build):
    """Each block adds to its input what two dilated convolutions make of it."""
    parameters = {"kernel_size": kernel_size, "padding_mode": padding_mode}
    module = build(FieldResNet(3, 4, dilation=(2, 1, 3)), (2, *spatial), 3, **parameters)
    first, *blocks, last = layers_of(module)
    x = random_maps(2, 2, *spatial)
    want = convolved(x, first, padding_mode).relu()
    for i, dilation in enumerate([2, 1, 3]):
        correction = convolved(want, blocks[2 * i], padding_mode, dilation).relu()
        correction = convolved(correction, blocks[2 * i + 1], padding_mode, dilation)
        want = (want + correction).relu()
    want = convolved(want, last, padding_mode)
    assert want.std() > 1e-3
    torch.testing.assert_close(module(x), want)


@pytest.mark.parametrize("spatial", [(11,), (7, 8), (5, 6, 7)], ids=str)
@every_mode
@pytest.mark.parametrize(("size", "hidden"), [(7, (6, 3)), (5, (6,)), (7, ())])
def test_neighbourhoods_one_by_one(spatial, padding_mode, size, hidden, build):
    """Each cell's value is that of a net which sees its neighbourhood alone."""
    dim, half = len(spatial), size // 2
    net = NeighbourhoodNet(size, (4, 5), hidden)
    module = build(net, (2, *spatial), 2, padding_mode=padding_mode)
    layers = layers_of(module)
    maps = random_maps(1, 2, *spatial)
    widths = [(0, 0)] * 2 + [(half, half)] * dim
    mode = "constant" if padding_mode == "zeros" else "wrap"
    padded = torch.from_numpy(np.pad(maps.numpy(), widths, mode=mode))
    cubes = [
        padded[(0, slice(None), *(slice(i, i + size) for i in cell))]
        for cell in np.ndindex(spatial)
    ]
    x = torch.stack(cubes)
    for layer in layers[:2]:
        x = CONVOLVE[dim](x, layer.weight, layer.bias).relu()
    x = x.flatten(1)
    assert x.shape[1] == 5 * (size - 4) ** dim
    for layer in layers[2:]:
        x = functional.linear(x, layer.weight.flatten(1), layer.bias)
        x = x if layer is layers[-1] else x.relu()
    want = x.T.reshape(1, 2, *spatial)
    assert want.std() > 1e-3
    torch.testing.assert_close(module(maps), want)


def test_neighbourhood_net_of_the_literature():
    """Convolutions use up all of the neighbourhood, so that dense layers have kernels of one."""
    net = NeighbourhoodNet(7, (64, 128, 256), (64, 16, 4, 1), dim=3)
    weights = [layer.weight for layer in layers_of(net.build((3, 8, 8, 8), 1))]
    outputs = [64, 128, 256, 64, 16, 4, 1, 1]
    inputs = [3, *outputs[:-1]]
    kernels = [3, 3, 3, 1, 1, 1, 1, 1]
    assert [w.shape for w in weights] == [
        (o, i, k, k, k) for o, i, k in zip(outputs, inputs, kernels, strict=True)
    ]


@every_small
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_conditions_do_nothing_at_the_start(name, dim):
    """An untrained module gives what it gives without conditions, but has a gradient for them."""
    spatial = (12, 13, 14)[:dim]
    torch.manual_seed(0)
    module = SMALL[name].build((2, *spatial), 1)
    torch.manual_seed(0)
    net = type(SMALL[name])(**SMALL[name].get_params() | {"n_conditions": 2})
    conditioned = net.build((4, *spatial), 1)
    fields = torch.randn(3, 2, *spatial)
    numbers = torch.randn(3, 2)[(..., *(None,) * dim)].expand(3, 2, *spatial)
    x = torch.cat([fields, numbers], 1)
    got = conditioned(x)
    torch.testing.assert_close(got, module(fields))
    got.square().sum().backward()
    last = list(conditioned.film.modules())[-1]
    assert (last.weight.grad != 0).any(1).float().mean() > 0.9
    assert net.reach == SMALL[name].reach


def scales_and_shifts(module, numbers):
    """What the small dense net makes of the conditions, by hand."""
    first, last = layers_of(module.film)
    hidden = torch.tanh(numbers @ first.weight.T + first.bias)
    values = hidden @ last.weight.T + last.bias
    scales, shifts = values.reshape(len(numbers), 2, -1).unbind(1)
    return 1 + scales, shifts


def test_conditions_by_hand(build):
    """Feature maps are scaled and shifted before their activation, each by its own number."""
    net = NeighbourhoodNet(3, (4,), (3,), n_conditions=1, **SMOOTH)
    module = build(net, (2, 6, 7)).float()
    fields, numbers = torch.randn(3, 1, 6, 7), torch.tensor([[-1.0], [0.5], [2.0]])
    x = torch.cat([fields, numbers[:, :, None, None].expand(3, 1, 6, 7)], 1)
    scales, shifts = (v[:, :, None, None] for v in scales_and_shifts(module, numbers))
    first, second, last = layers_of(module.body)
    want = functional.conv2d(fields, first.weight, first.bias, padding=1)
    want = torch.tanh(want * scales[:, :4] + shifts[:, :4])
    want = functional.conv2d(want, second.weight, second.bias)
    want = torch.tanh(want * scales[:, 4:] + shifts[:, 4:])
    want = functional.conv2d(want, last.weight, last.bias)
    torch.testing.assert_close(module(x), want)


def test_conditions_of_residual_blocks(build):
    """What is scaled and shifted is the correction, not what it is added to."""
    net = FieldResNet(1, 3, n_conditions=2, **SMOOTH)
    module = build(net, (3, 9)).float()
    fields, numbers = torch.randn(2, 1, 9), torch.randn(2, 2)
    x = torch.cat([fields, numbers[:, :, None].expand(2, 2, 9)], 1)
    scales, shifts = (v[:, :, None] for v in scales_and_shifts(module, numbers))
    first, one, two, last = layers_of(module.body)
    start = torch.tanh(convolved(fields, first, "zeros"))
    correction = convolved(torch.tanh(convolved(start, one, "zeros")), two, "zeros")
    want = convolved(torch.tanh(start + correction * scales + shifts), last, "zeros")
    torch.testing.assert_close(module(x), want)


@every_small
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_every_block_is_conditioned(name, dim, build):
    """Each scale and shift changes the output, and in windows they are those of the whole map."""
    spatial = (40, 6, 5)[:dim]
    net = type(SMALL[name])(**SMALL[name].get_params() | {"n_conditions": 1})
    module = build(net, (2, *spatial))
    x = random_maps(2, 2, *spatial)
    x[0, 1], x[1, 1] = 6.0, 9.0
    out = module(x)
    out.square().sum().backward()
    last = layers_of(module.film)[-1]
    assert (last.bias.grad != 0).all()
    other = x.clone()
    other[1, 1] = 9.5
    changed = module(other)
    assert torch.equal(changed[0], out[0])
    assert (changed[1] - out[1]).abs().max() > 1e-3
    margin = net.reach
    window = module(x[:, :, 4 : 4 + 2 * margin + 3])
    torch.testing.assert_close(
        window[:, :, margin : margin + 3], out[:, :, 4 + margin : 7 + margin]
    )


def test_conditions_keep_their_precision(build):
    """Redshifts that bfloat16 cannot tell apart still differ within an automatic cast."""
    module = build(FieldResNet(1, 3, n_conditions=1, **SMOOTH), (2, 8)).float()
    x = torch.randn(1, 2, 8).repeat(2, 1, 1)
    x[0, 1], x[1, 1] = 7.0, 7.01
    with torch.autocast("cpu", torch.bfloat16):
        pairs = module.film(x[:, 1:, 0])
        out = module(x)
    assert out.dtype == torch.bfloat16
    scale, shift = pairs[0]
    assert scale.dtype == shift.dtype == torch.float32
    assert (scale[0] != scale[1]).all()


@every_small
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("n_conditions", [0, 1])
def test_automatic_mixed_precision(name, dim, n_conditions, build):
    """Forward and backward within an automatic cast, close to those in full precision."""
    spatial = (12, 13, 14)[:dim]
    parameters = {"n_conditions": n_conditions, "padding_mode": "circular", "batch_norm": True}
    module = build(SMALL[name], (2, *spatial), **parameters).float().train()
    x = torch.randn(2, 2, *spatial)
    x[:, 1] = torch.arange(2.0).reshape(2, *(1,) * dim)
    want = module(x)
    with torch.autocast("cpu", torch.bfloat16):
        got = module(x)
    assert got.dtype == torch.bfloat16
    assert (got - want).abs().max() < 0.1 * want.abs().max()
    got.float().square().mean().backward()
    assert all(w.grad.isfinite().all() for w in module.parameters())


@every_small
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize(("n_conditions", "padding_mode"), [(0, "zeros"), (1, "circular")])
def test_order_of_channels_is_kept(name, dim, n_conditions, padding_mode, build):
    """Each convolution gets its maps in the order of those that were put in."""
    order = torch.channels_last if dim == 2 else torch.channels_last_3d
    spatial = (9, 10, 11)[:dim]
    parameters = {"n_conditions": n_conditions, "padding_mode": padding_mode}
    module = build(SMALL[name], (3, *spatial), **parameters).float().to(memory_format=order)
    kept = []

    def look(layer, inputs, output):
        kept.append(inputs[0].is_contiguous(memory_format=order))

    handles = [
        layer.register_forward_hook(look) for layer in layers_of(module) if layer.weight.ndim > 2
    ]
    assert len(handles) >= 4
    module(torch.randn(2, 3, *spatial).contiguous(memory_format=order))
    assert kept == [True] * len(handles)


@every_small
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
    ids=["deepcopy", "pickle"],
)
def test_conditioned_modules_can_be_copied(name, duplicate, build):
    """A copy gives the same bits, and shares no weights."""
    module = build(SMALL[name], (2, 8, 9), n_conditions=1)
    x = random_maps(2, 2, 8, 9)
    want, other = module(x), duplicate(module)
    assert torch.equal(other(x), want)
    with torch.no_grad():
        for weights in other.parameters():
            weights.zero_()
    assert torch.equal(module(x), want)


@every_small
def test_normalization_and_dropout(name, build):
    """All convolutions of blocks are normalized; masks change the output in training alone."""
    net = type(SMALL[name])(**SMALL[name].get_params() | {"batch_norm": True, "dropout": 0.3})
    module = build(net, (2, 8, 9))
    norms = [layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    plain = {"UNet": 2 + 1, "FieldResNet": 1, "NeighbourhoodNet": 1}[name]
    convolutions = [x for x in module.modules() if isinstance(x, torch.nn.Conv2d)]
    assert len(convolutions) - len(norms) == plain
    x = random_maps(2, 2, 8, 9)
    assert torch.equal(module(x), module(x))
    for norm in norms:
        norm.momentum = 0.0
    module.train()
    assert (module(x) - module(x)).abs().max() > 1e-3


def test_feature_maps_do_not_grow_with_depth():
    """Without normalization a deep residual net starts with outputs of order one."""
    x = torch.randn(2, 1, 64, 64)
    stds = []
    for n_blocks in [2, 20]:
        torch.manual_seed(0)
        stds.append(FieldResNet(n_blocks, 16).build((1, 64, 64), 1)(x).std().item())
    assert 0.3 < stds[1] / stds[0] < 3


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (UNet(0), "n_levels"),
        (UNet(2, (2, 3)), r"n_filters.* UNet .*n_levels \+ 1 = 3 .*\(2, 3\)"),
        (UNet(1, (2, 0)), r"n_filters.* UNet .*\(2, 0\)"),
        (UNet(pooling="stride"), "pooling.* UNet"),
        (UNet(kernel_size=(3, 3)), "kernel_size.* UNet"),
        (UNet(n_conditions=-1), "n_conditions.* UNet"),
        (UNet(dim=3), "dim=3"),
        (FieldResNet(0), "n_blocks"),
        (FieldResNet(2, dilation=(1, 2, 3)), r"dilation.* FieldResNet .*n_blocks=2 .*\(1, 2, 3\)"),
        (FieldResNet(2, dilation=(1, 0)), r"dilation.* FieldResNet .*\(1, 0\)"),
        (FieldResNet(dilation=0), "dilation.* FieldResNet"),
        (FieldResNet(dropout=1.0), "dropout.* FieldResNet"),
        (NeighbourhoodNet(6, (2,)), "size.* NeighbourhoodNet must be odd.* 6 "),
        (NeighbourhoodNet(5, (2, 2, 2)), "size.* NeighbourhoodNet .*at least 7 for 3 conv.* 5 "),
        (NeighbourhoodNet(n_filters=(2, 0, 1)), r"n_filters.* NeighbourhoodNet .*\(2, 0, 1\)"),
        (NeighbourhoodNet(hidden_layer_sizes=(0,)), "hidden_layer_sizes.* NeighbourhoodNet"),
        (NeighbourhoodNet(padding_mode="wrap"), "padding_mode.* NeighbourhoodNet"),
    ],
    ids=str,
)
def test_bad_parameters(net, message):
    """Each is named, with what is allowed and what was given."""
    with pytest.raises(ValueError, match=message):
        net.build((2, 16, 16), 1)


@pytest.mark.parametrize("net_class", [UNet, FieldResNet, NeighbourhoodNet])
def test_no_channel_but_conditions(net_class):
    """One channel at least goes through the convolutions."""
    message = rf"{net_class.__name__}\(n_conditions=2\) needs .* \(2, 16, 16\)"
    with pytest.raises(MapShapeError, match=message):
        net_class(n_conditions=2).build((2, 16, 16), 1)
