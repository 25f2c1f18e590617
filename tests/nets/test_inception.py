"""GoogLeNet: table 1 of its paper, values by hand, and shifts of a periodic box."""

import pytest
import torch
from torch.nn import functional

from skastro.exceptions import MapShapeError
from skastro.nets import Inception

# Name, size of the output at 224 x 224, its channels, and the filters of the branches, as the
# columns of the table have them: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool; parameters in K.
TABLE = """
3a 28  256  64  96 128 16  32  32  159
3b 28  480 128 128 192 32  96  64  380
4a 14  512 192  96 208 16  48  64  364
4b 14  512 160 112 224 24  64  64  437
4c 14  512 128 128 256 24  64  64  463
4d 14  528 112 144 288 32  64  64  580
4e 14  832 256 160 320 32 128 128  840
5a  7  832 256 160 320 32 128 128 1072
5b  7 1024 384 192 384 48 128 128 1388
"""
# Where the paper's number is not what its own filters amount to, in units of 1024 weights.
INEXACT = {"4a": 367, "4b": 438, "4c": 498, "4d": 590, "4e": 847, "5a": 1018, "5b": 1409}
ROWS = [(name, *map(int, numbers)) for name, *numbers in map(str.split, TABLE.strip().splitlines())]


def full_size():
    """GoogLeNet, of which nothing is allocated."""
    with torch.device("meta"):
        return Inception().build((3, 224, 224), 1000)


def n_weights(module):
    """Trainable values without biases."""
    return sum(weights.numel() for weights in module.parameters() if weights.ndim > 1)


def test_table_of_the_paper():
    """Channels, sizes and weights of each module; the paper's K are 1024."""
    module = full_size()
    with torch.device("meta"):
        x = module.features.stem(torch.zeros(1, 3, 224, 224))
        assert x.shape[1:] == (192, 28, 28)
        sizes = {}
        for name, layer in module.features.named_children():
            if name != "stem":
                x = layer(x)
                sizes[name] = tuple(x.shape[1:])
    n_in = 192
    for name, n_cells, n_out, n1, r3, n3, r5, n5, n_pool, paper in ROWS:
        full_name = f"inception_{name}"
        assert sizes[full_name] == (n_out, n_cells, n_cells)
        weights = n_in * n1 + n_in * r3 + r3 * n3 * 9 + n_in * r5 + r5 * n5 * 25 + n_in * n_pool
        layer = getattr(module.features, full_name)
        assert n_weights(layer) == weights
        assert sum(w.numel() for w in layer.parameters()) == weights + sum((n1, r3, n3, r5, n5)) + (
            n_pool
        )
        assert abs(weights / 1024 - INEXACT.get(name, paper)) <= 1
        assert abs(weights / 1024 - paper) < 0.08 * paper
        n_in = n_out
    assert len(sizes) == len(ROWS) + 2


def test_layers_around_the_modules():
    """112K for the two convolutions, 1000K for the last layer.

    The table has 2.7K for the first layer, which with three channels and kernels of 7 has
    3 * 64 * 49 = 9.2K weights.
    """
    module = full_size()
    first, *others = [m for m in module.features.stem if isinstance(m, torch.nn.Conv2d)]
    assert n_weights(first) == 3 * 64 * 49
    assert abs(sum(map(n_weights, others)) / 1024 - 112) < 1
    assert n_weights(module.head) == 1000 * 1024
    assert sum(weights.numel() for weights in module.parameters()) == 6_998_552


def by_hand(module, x, mode):
    """What a net of two modules should do, from its weights alone."""
    values = iter([value for value in module.state_dict().values() if value.ndim in (1, 4)])

    def convolve(x, stride=1):
        kernel, bias = next(values), next(values)
        x = functional.pad(x, (kernel.shape[-1] // 2,) * 4, mode=mode)
        return torch.relu(functional.conv2d(x, kernel, bias, stride))

    def pool(x, stride):
        lowest = {} if mode == "circular" else {"value": -torch.inf}
        wide = functional.pad(x, (1, 1, 1, 1), mode=mode, **lowest)
        return wide.unfold(2, 3, stride).unfold(3, 3, stride).amax((-1, -2))

    x = convolve(convolve(pool(convolve(x, 2), 2)))
    x = pool(x, 2)
    for _ in range(2):
        parts = [convolve(x), convolve(convolve(x)), convolve(convolve(x)), convolve(pool(x, 1))]
        x = torch.cat(parts, 1)
    weight = module.head[-1].weight
    return x.mean((2, 3)) @ weight.T + module.head[-1].bias


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_values(padding_mode):
    """Branches see the same input and are put side by side."""
    net = Inception(2, 8, padding_mode=padding_mode)
    module = net.build((2, 36, 44), 3).eval().double()
    x = torch.randn(4, 2, 36, 44, dtype=torch.float64)
    want = by_hand(module, x, "constant" if padding_mode == "zeros" else "circular")
    torch.testing.assert_close(module(x), want)


def test_filters_scale():
    """All numbers of filters are proportional to the first, and never zero."""
    shapes = {}
    for n_filters in (1, 16, 64):
        with torch.device("meta"):
            module = Inception(n_filters=n_filters).build((1, 64, 64), 2)
        shapes[n_filters] = [w.shape[0] for w in module.features.parameters() if w.ndim == 4]
    assert [4 * n for n in shapes[16]] == shapes[64]
    assert min(shapes[1]) == 1


def test_number_of_modules():
    """Modules are left out from the end, with their pooling."""
    for n_modules, n_pools in [(1, 0), (2, 0), (3, 1), (7, 1), (8, 2), (9, 2)]:
        with torch.device("meta"):
            module = Inception(n_modules, 8).build((1, 64, 64), 2).eval()
            assert module(torch.zeros(2, 1, 64, 64)).shape == (2, 2)
        names = [name for name, _ in module.features.named_children()]
        assert sum("pool" in name for name in names) == n_pools
        assert sum("inception" in name for name in names) == n_modules
        assert names[-1] == f"inception_{ROWS[n_modules - 1][0]}"


def test_batch_norm_takes_the_place_of_biases():
    """In every convolution, before its activation."""
    module = Inception(3, 8, batch_norm=True).build((1, 32, 32), 2)
    layers = list(module.features.modules())
    convolutions = [i for i, m in enumerate(layers) if isinstance(m, torch.nn.Conv2d)]
    assert all(layers[i].bias is None for i in convolutions)
    names = [type(layers[i + j]).__name__ for i in convolutions for j in (1, 2)]
    assert names == ["BatchNorm2d", "ReLU"] * len(convolutions)


def test_dropout_before_the_last_layer():
    """And nowhere else."""
    module = Inception(2, 8).build((1, 32, 32), 2)
    assert [type(layer).__name__ for layer in module.head] == ["Dropout", "Linear"]
    assert module.head[0].p == 0.4
    assert "Dropout" not in str(module.features)


@pytest.mark.parametrize(
    ("stem", "spatial", "stride"),
    [
        ("imagenet", (64, 96), 32),
        ("imagenet", (128,), 32),
        ("small", (8, 16), 4),
        ("small", (8, 8, 12), 4),
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
        net = Inception(9, 8, stem=stem, padding_mode=padding_mode)
        outputs[padding_mode] = net.build((1, *spatial), 2).eval()
    periodic, patch = outputs["circular"], outputs["zeros"]
    torch.testing.assert_close(periodic(shifted), periodic(x), atol=1e-5, rtol=1e-5)
    assert (periodic(x.roll(1, 2)) - periodic(x)).abs().max() > 1e-4
    assert (patch(shifted) - patch(x)).abs().max() > 1e-4


def test_small_maps():
    """Any patch fits; in a periodic box feature maps must be as large as the padding."""
    net = Inception(9, 4)
    assert net.build((1, 1, 2), 3).eval()(torch.zeros(2, 1, 1, 2)).shape == (2, 3)
    periodic = Inception(9, 4, padding_mode="circular")
    assert periodic.build((1, 33, 40), 3).eval()(torch.zeros(2, 1, 33, 40)).shape == (2, 3)
    with pytest.raises(MapShapeError, match=r"Inception.*2 cells.*\(1, 2\).*padding_mode='zeros'"):
        periodic.build((1, 32, 40), 3)
    with pytest.raises(MapShapeError, match=r"Inception.*3 cells.*\(2, 40\)"):
        periodic.build((1, 2, 40), 3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_modules": 0},
        {"n_modules": 10},
        {"n_filters": 0},
        {"stem": "large"},
        {"batch_norm": "yes"},
        {"dropout": 1.0},
        {"padding_mode": "reflect"},
        {"dim": 4},
    ],
)
def test_parameters_are_checked(parameters):
    """What is out of range is refused by name."""
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of Inception"):
        Inception(**parameters).build((1, 16, 16), 2)
