"""The reference net of CAMELS: blocks, sizes and values by hand."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets import CMDNet
from skastro.neural_network import CNNRegressor


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("n_channels", [1, 13])
def test_number_of_parameters(dim, n_channels):
    """Kernels, biases and normalization of six blocks and what follows, summed up."""
    hidden, expected, n_in = 5, 0, n_channels
    for i in range(1, 7):
        n_out = hidden * 2**i
        expected += n_in * n_out * 3**dim + n_out
        expected += n_out * n_out * 3**dim + n_out
        expected += n_out * n_out * 2**dim + n_out
        expected += 2 * n_out * (2 if i == 1 else 3)
        n_in = n_out
    expected += 64 * hidden * 128 * hidden * 4**dim + 3 * 128 * hidden
    expected += 128 * hidden * 64 * hidden + 64 * hidden + 64 * hidden * 12 + 12
    with torch.device("meta"):
        module = CMDNet(hidden).build((n_channels, *(256,) * dim), n_outputs=12)
    assert sum(weights.numel() for weights in module.parameters()) == expected


@pytest.mark.parametrize(
    ("spatial", "n_blocks"),
    [
        ((256, 256), 6),
        ((128, 128), 5),
        ((64, 64), 4),
        ((64, 64, 64), 4),
        ((36, 44), 3),
        ((31, 62), 2),
        ((100,), 4),
        ((7, 8), 1),
        ((2, 64), 1),
    ],
)
def test_number_of_blocks(spatial, n_blocks):
    """Maps are halved until the shortest side has at most seven cells, but once at least."""
    with torch.device("meta"):
        module = CMDNet(1).build((1, *spatial), 2)
        x = torch.zeros(2, 1, *spatial)
        *blocks, last = module.features
        for block in blocks:
            x = block(x)
    left = tuple(n // 2**n_blocks for n in spatial)
    assert x.shape[2:] == left
    assert last[0].weight.shape[2:] == left
    assert len(blocks) == n_blocks
    assert min(left) <= 7


def by_hand(module, x, n_blocks, mode):
    """What the net should do outside training, from its weights alone."""
    weights = module.state_dict()
    dim = x.ndim - 2
    convolve = {2: functional.conv2d, 3: functional.conv3d}[dim]

    def layer(x, prefix, i, stride=1, padding=0, normalized=True):
        if padding:
            x = functional.pad(x, (1,) * 2 * dim, mode=mode)
        x = convolve(x, weights[f"{prefix}.{i}.weight"], weights[f"{prefix}.{i}.bias"], stride)
        if normalized:
            mean, var, scale, shift = (
                weights[f"{prefix}.{i + 1}.{name}"].reshape(-1, *(1,) * dim)
                for name in ("running_mean", "running_var", "weight", "bias")
            )
            x = (x - mean) / torch.sqrt(var + 1e-5) * scale + shift
        return torch.where(x > 0, x, 0.2 * x)

    circular = int(mode == "circular")
    for i in range(1, n_blocks + 1):
        name, at = f"features.block_{i}", circular
        x = layer(x, name, at, padding=1, normalized=i > 1)
        at += 2 + (i > 1) + circular
        x = layer(x, name, at, padding=1)
        x = layer(x, name, at + 3, stride=2)
    x = layer(x, "features.all", 0).flatten(1)
    x = x @ weights["head.0.weight"].T + weights["head.0.bias"]
    x = torch.where(x > 0, x, 0.2 * x)
    return x @ weights["head.2.weight"].T + weights["head.2.bias"]


@pytest.mark.parametrize("padding_mode", ["circular", "zeros"])
@pytest.mark.parametrize("spatial", [(20, 25), (9, 10, 12)])
def test_values(padding_mode, spatial):
    """Periodic convolutions, normalization but behind the first, and dense layers."""
    n_blocks = 2 if len(spatial) == 2 else 1
    module = CMDNet(2, padding_mode=padding_mode).build((3, *spatial), 4).double()
    for _ in range(3):
        module(1 + 2 * torch.randn(5, 3, *spatial, dtype=torch.float64))
    x = torch.randn(4, 3, *spatial, dtype=torch.float64)
    want = by_hand(module, x, n_blocks, "circular" if padding_mode == "circular" else "constant")
    torch.testing.assert_close(module.eval()(x), want)


def test_first_convolution_is_not_normalized():
    """There is one normalization fewer than convolutions, and all of them have a bias."""
    module = CMDNet(2).build((1, 64, 64), 2)
    names = [type(layer).__name__ for layer in module.features.block_1]
    assert names[:3] == ["CircularPad", "Conv2d", "LeakyReLU"]
    layers = list(module.modules())
    convolutions = [layer for layer in layers if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) == 13
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in layers) == 12
    assert all(layer.bias is not None for layer in convolutions)


def test_weights_keep_the_size_of_feature_maps():
    """Kernels have variance 2 / (number of inputs)."""
    module = CMDNet(8).build((4, 64, 64), 12)
    for layer in module.modules():
        weight = getattr(layer, "weight", None)
        if weight is not None and weight.ndim > 1 and weight.numel() > 5000:
            scaled = weight.detach().var() * weight[0].numel() / 2
            assert abs(scaled - 1) < 6 * (2 / weight.numel()) ** 0.5


def test_dropout_before_each_dense_layer():
    """Twice, and not among the convolutions."""
    module = CMDNet(2, dropout=0.3).build((1, 16, 16), 2)
    names = [type(layer).__name__ for layer in module.head]
    assert names == ["Dropout", "Linear", "LeakyReLU", "Dropout", "Linear"]
    assert "Dropout" not in str(module.features)


def test_moments():
    """With the loss of the published results there are two outputs for each target."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 16, 18)).astype("float32")
    y = rng.normal(size=(12, 2))
    model = CNNRegressor(CMDNet(1), loss="moments", max_epochs=1, random_state=0).fit(X, y)
    assert model.net_.module_.head[-1].out_features == 4
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (12, 2)
    assert (std > 0).all()


def test_maps_that_are_too_small():
    """The error says how many blocks are possible."""
    assert CMDNet(1, 4).build((1, 16, 20), 2)(torch.zeros(2, 1, 16, 20)).shape == (2, 2)
    message = (
        r"CMDNet with n_blocks=5 halves each axis of the maps 5 times, so that every axis needs 32 "
        r"cells or more; got maps of \(16, 20\) cells\. Set n_blocks=4 or less, or take larger maps"
    )
    with pytest.raises(MapShapeError, match=message):
        CMDNet(1, 5).build((1, 16, 20), 2)
    message = r"maps once, .* 2 cells or more; got maps of \(1, 20\) cells\. Take larger maps, or"
    for n_blocks in (None, 1):
        with pytest.raises(MapShapeError, match=message):
            CMDNet(1, n_blocks).build((1, 1, 20), 2)


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden": 0},
        {"n_blocks": 0},
        {"n_blocks": 2.5},
        {"dropout": 1.0},
        {"padding_mode": "reflect"},
        {"dim": 4},
    ],
)
def test_parameters_are_checked(parameters):
    """What is out of range is refused by name."""
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of CMDNet"):
        CMDNet(**parameters).build((1, 16, 16), 2)
