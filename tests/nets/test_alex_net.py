"""AlexNet: sizes of the published nets, values by hand, and small maps."""

import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets import AlexNet

SMALL = {
    "n_filters": (4, 6, 8, 6, 4),
    "hidden_layer_sizes": (9, 7),
    "first_kernel_size": 5,
    "first_stride": 2,
}


def n_parameters(net, map_shape, n_outputs):
    """Number of trainable values; nothing is allocated."""
    with torch.device("meta"):
        module = net.build(map_shape, n_outputs)
    return sum(weights.numel() for weights in module.parameters())


@pytest.mark.parametrize("n_cells", [224, 227])
def test_size_of_the_original(n_cells):
    """60,965,224 parameters in two groups, 62,378,344 without groups."""
    shape = (3, n_cells, n_cells)
    assert n_parameters(AlexNet(), shape, 1000) == 60_965_224
    assert n_parameters(AlexNet(n_groups=1), shape, 1000) == 62_378_344


def test_size_of_the_single_tower():
    """The later net of one tower has 61,100,840 parameters."""
    net = AlexNet((64, 192, 384, 256, 256), n_groups=1)
    assert n_parameters(net, (3, 224, 224), 1000) == 61_100_840


@pytest.mark.parametrize("n_cells", [224, 227])
def test_feature_maps_of_the_original(n_cells):
    """27, 13, 13, 13 and 6 cells behind the five layers."""
    with torch.device("meta"):
        module = AlexNet().build((3, n_cells, n_cells), 1000)
        x, sizes = torch.zeros(1, 3, n_cells, n_cells), []
        for layer in module.features:
            x = layer(x)
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [
        (96, 27, 27),
        (256, 13, 13),
        (384, 13, 13),
        (384, 13, 13),
        (256, 6, 6),
    ]


def by_hand(module, x, padding_mode, groups, *, normalize=False):
    """What the net of `SMALL` should do, from its weights alone."""
    values = list(module.state_dict().values())
    mode = "constant" if padding_mode == "zeros" else "circular"
    for i, (padding, stride) in enumerate([(2, 2), (2, 1), (1, 1), (1, 1), (1, 1)]):
        wide = functional.pad(x, (padding,) * 4, mode=mode)
        n_groups = groups if i in (1, 3, 4) else 1
        outputs = [
            functional.conv2d(part, weight, bias, stride=stride)
            for part, weight, bias in zip(
                wide.chunk(n_groups, 1),
                values[2 * i].chunk(n_groups),
                values[2 * i + 1].chunk(n_groups),
                strict=True,
            )
        ]
        x = torch.relu(torch.cat(outputs, 1))
        if normalize and i < 2:
            power = functional.pad(x**2, (0, 0, 0, 0, 2, 2))
            power = sum(power[:, j : j + x.shape[1]] for j in range(5))
            x = x / (2 + 1e-4 * power) ** 0.75
        if i in (0, 1, 4):
            x = x.unfold(2, 3, 2).unfold(3, 3, 2).amax((-1, -2))
    x = x.flatten(1)
    for i in (10, 12):
        x = torch.relu(x @ values[i].T + values[i + 1])
    return x @ values[14].T + values[15]


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("n_groups", [1, 2])
@pytest.mark.parametrize("normalize", [False, True])
def test_values(padding_mode, n_groups, normalize):
    """Convolutions in groups, pooling, normalization over channels and dense layers."""
    net = AlexNet(
        **SMALL, padding_mode=padding_mode, n_groups=n_groups, local_response_norm=normalize
    )
    module = net.build((2, 48, 40), 3).eval().double()
    x = 20 * torch.randn(4, 2, 48, 40, dtype=torch.float64)
    want = by_hand(module, x, padding_mode, n_groups, normalize=normalize)
    torch.testing.assert_close(module(x), want)
    if normalize:
        assert (want - by_hand(module, x, padding_mode, n_groups)).abs().max() > 1e-4


def test_batch_norm_stands_before_the_activation():
    """It takes the place of the bias."""
    plain = AlexNet(**SMALL).build((1, 40, 40), 2)
    module = AlexNet(**SMALL, batch_norm=True).build((1, 40, 40), 2)
    names = [[type(part).__name__ for part in layer] for layer in module.features]
    assert names[2] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert names[4] == ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"]
    assert all(layer[0].bias is None for layer in module.features)
    n_biases = sum(layer[0].bias.numel() for layer in plain.features)
    counts = [sum(w.numel() for w in m.parameters()) for m in (plain, module)]
    assert counts[1] == counts[0] + n_biases


def test_dropout_is_behind_hidden_layers():
    """And nowhere else."""
    module = AlexNet(**SMALL, dropout=0.3).build((1, 40, 40), 2)
    names = [type(part).__name__ for part in module.head]
    assert names == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert "Dropout" not in str(module.features)


@pytest.mark.parametrize("map_shape", [(2, 7), (2, 7, 9), (2, 7, 8, 40)])
def test_smallest_maps(map_shape):
    """Pooling stops at one cell, axis by axis."""
    module = AlexNet((2,) * 5, (3,)).build(map_shape, 4)
    assert module(torch.randn(2, *map_shape)).shape == (2, 4)
    with pytest.raises(MapShapeError, match=r"at least 7 cells.*smaller first_kernel_size"):
        AlexNet((2,) * 5, (3,)).build((2, 6, 20), 4)
    with pytest.raises(MapShapeError, match=r"AlexNet.*2 cells.*\(1, 1\).*padding_mode='zeros'"):
        AlexNet((2,) * 5, (3,), padding_mode="circular").build((2, 10, 12), 4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_filters": (4, 4, 4)}, "n_filters.*5 integers"),
        ({"n_filters": 4}, "n_filters"),
        ({"n_filters": (4, 4, 4, 4, 0)}, "n_filters.*at least 1"),
        ({"n_filters": (4, 4, 3, 4, 4)}, "multiples of n_groups=2.*n_groups=1"),
        ({"hidden_layer_sizes": (4, 0)}, "hidden_layer_sizes"),
        ({"n_groups": 0}, "n_groups"),
        ({"first_kernel_size": 0}, "first_kernel_size"),
        ({"first_stride": 0}, "first_stride"),
        ({"first_padding": -1}, "first_padding"),
        ({"batch_norm": "yes"}, "batch_norm"),
        ({"local_response_norm": 1.5}, "local_response_norm"),
        ({"dropout": 1.0}, "dropout"),
        ({"padding_mode": "reflect"}, "padding_mode"),
        ({"dim": 4}, "dim"),
    ],
)
def test_parameters_are_checked(parameters, message):
    """What is out of range is refused by name."""
    with pytest.raises(ValueError, match=message) as error:
        AlexNet(**SMALL | parameters).build((1, 40, 40), 2)
    assert "AlexNet" in str(error.value)
