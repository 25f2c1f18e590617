"""Residual networks: published sizes, values by hand, and shifts of a periodic box."""

import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets import ResNet


def n_parameters(net, map_shape, n_outputs):
    """Number of trainable values; nothing is allocated."""
    with torch.device("meta"):
        module = net.build(map_shape, n_outputs)
    return sum(weights.numel() for weights in module.parameters())


@pytest.mark.parametrize(
    ("depth", "n"),
    [
        (18, 11_689_512),
        (34, 21_797_672),
        (50, 25_557_032),
        (101, 44_549_160),
        (152, 60_192_808),
    ],
)
def test_sizes_of_the_originals(depth, n):
    """As published for three channels and 1000 classes."""
    assert n_parameters(ResNet(depth), (3, 224, 224), 1000) == n


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_number_of_parameters(dim, stem):
    """Kernels without bias, and the scale and shift of each normalization."""
    n, expected = 3, 2 * 3 * (7 if stem == "imagenet" else 3) ** dim + 2 * 3
    for i in range(4):
        n_out = 3 * 2**i
        expected += (n * n_out + n_out * n_out) * 3**dim + 4 * n_out
        expected += n * n_out + 2 * n_out if n != n_out else 0
        n = n_out
    net = ResNet(10, 3, stem=stem)
    assert n_parameters(net, (2, *(32,) * dim), 5) == expected + 24 * 5 + 5


@pytest.mark.parametrize(("stem", "cells"), [("imagenet", 4), ("small", 1)])
@pytest.mark.parametrize("depth", [10, 50])
def test_sizes_of_feature_maps(stem, cells, depth):
    """The stem divides the size by four or by nothing, three stages halve it, rounding up."""
    with torch.device("meta"):
        module = ResNet(depth, 4, stem=stem).build((1, 64, 100), 2)
        x, shapes = torch.zeros(1, 1, 64, 100), []
        for layer in module.features:
            x = layer(x)
            shapes.append(tuple(x.shape[1:]))
    ends = 1 if depth == 10 else 4
    want = [(4, 64 // cells, 100 // cells)]
    want += [
        (4 * ends * 2**i, -(-64 // cells // 2**i), -(-(100 // cells) // 2**i)) for i in range(4)
    ]
    assert shapes == want


def normalized(x, weights, prefix):
    """Batch normalization outside training."""
    mean, var, scale, shift = (
        weights[f"{prefix}.{name}"].reshape(-1, 1, 1)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift


def by_hand(module, x, kind, mode):
    """What a net of one block a stage should do outside training, from its weights alone."""
    weights = module.state_dict()
    convolutions = {name for name, value in weights.items() if value.ndim == 4}

    def layer(x, prefix, i, stride=1):
        kernel = weights[f"{prefix}.{i}.weight"]
        x = functional.pad(x, (kernel.shape[-1] // 2,) * 4, mode=mode)
        return normalized(functional.conv2d(x, kernel, None, stride), weights, f"{prefix}.{i + 1}")

    def places(prefix):
        return sorted(int(name.split(".")[-2]) for name in convolutions if prefix in name)

    x = torch.relu(layer(x, "features.stem", *places("stem"), 2))
    lowest = {} if mode == "circular" else {"value": -torch.inf}
    wide = functional.pad(x, (1, 1, 1, 1), mode=mode, **lowest)
    x = wide.unfold(2, 3, 2).unfold(3, 3, 2).amax((-1, -2))
    strided = 0 if kind == "basic" else 1
    for i in range(4):
        prefix = f"features.stage_{i + 1}.0"
        at, stride = places(f"{prefix}.correction"), 2 if i else 1
        out = x
        for j, place in enumerate(at):
            out = layer(out, f"{prefix}.correction", place, stride if j == strided else 1)
            out = torch.relu(out) if place != at[-1] else out
        if f"{prefix}.shortcut.0.weight" in weights:
            x = layer(x, f"{prefix}.shortcut", 0, stride)
        x = torch.relu(out + x)
    return x.mean((2, 3)) @ weights["head.0.weight"].T + weights["head.0.bias"]


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_values(kind, padding_mode, monkeypatch):
    """Blocks add a correction to what came in, or to its projection."""
    blocks = ResNet._build.__globals__["_BLOCKS"]
    monkeypatch.setitem(blocks, 10, (kind, (1, 1, 1, 1)))
    module = ResNet(10, 3, padding_mode=padding_mode).build((2, 36, 44), 3).double()
    for _ in range(3):
        module(1 + 2 * torch.randn(5, 2, 36, 44, dtype=torch.float64))
    x = torch.randn(4, 2, 36, 44, dtype=torch.float64)
    want = by_hand(module, x, kind, "constant" if padding_mode == "zeros" else "circular")
    torch.testing.assert_close(module.eval()(x), want)


@pytest.mark.parametrize(
    ("stem", "spatial", "stride"),
    [
        ("imagenet", (64, 96), 32),
        ("imagenet", (128,), 32),
        ("imagenet", (32, 32, 64), 32),
        ("small", (16, 24), 8),
        ("small", (8, 16, 16), 8),
    ],
)
def test_periodic_maps_may_be_shifted(stem, spatial, stride):
    """By multiples of the total stride; zeros at the edge see it, and so do smaller shifts."""
    x = torch.randn(3, 1, *spatial)
    axes = tuple(range(2, 2 + len(spatial)))
    shifted = x.roll((stride,) * len(spatial), axes)
    outputs = {}
    for padding_mode in ("circular", "zeros"):
        torch.manual_seed(0)
        net = ResNet(10, 4, stem=stem, padding_mode=padding_mode)
        outputs[padding_mode] = net.build((1, *spatial), 2).eval()
    periodic, patch = outputs["circular"], outputs["zeros"]
    torch.testing.assert_close(periodic(shifted), periodic(x), atol=1e-5, rtol=1e-5)
    assert (periodic(x.roll(1, 2)) - periodic(x)).abs().max() > 1e-3
    assert (patch(shifted) - patch(x)).abs().max() > 1e-3


@pytest.mark.parametrize("depth", [10, 50])
def test_kernels_keep_the_size_of_feature_maps(depth):
    """Kernels have variance 2 / (number of inputs)."""
    module = ResNet(depth, 16).build((1, 32, 32), 2)
    for layer in module.features.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.weight.numel() > 5000:
            scaled = layer.weight.detach().var() * layer.weight[0].numel() / 2
            assert abs(scaled - 1) < 6 * (2 / layer.weight.numel()) ** 0.5


def test_dropout_before_the_last_layer():
    """And nowhere else."""
    module = ResNet(10, 2, dropout=0.3).build((1, 16, 16), 2)
    assert [type(layer).__name__ for layer in module.head] == ["Dropout", "Linear"]
    assert "Dropout" not in str(module.features)


def test_small_maps():
    """Any patch fits; a periodic box must be as large as the first padding."""
    net = ResNet(10, 2)
    assert net.build((1, 1, 2), 3).eval()(torch.zeros(2, 1, 1, 2)).shape == (2, 3)
    periodic = ResNet(10, 2, padding_mode="circular")
    assert periodic.build((1, 3, 4), 3).eval()(torch.zeros(2, 1, 3, 4)).shape == (2, 3)
    with pytest.raises(MapShapeError, match=r"ResNet.*3 cells.*\(2, 9\).*padding_mode='zeros'"):
        periodic.build((1, 2, 9), 3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"depth": 20},
        {"n_filters": 0},
        {"stem": "large"},
        {"dropout": 1.0},
        {"padding_mode": "reflect"},
        {"dim": 4},
    ],
)
def test_parameters_are_checked(parameters):
    """What is out of range is refused by name."""
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of ResNet"):
        ResNet(**parameters).build((1, 16, 16), 2)
