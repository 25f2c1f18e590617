"""Convolutional networks: shapes, sizes and values of what is built."""

import math

import pytest
import torch

from skastro.nets import ConvNet

SHAPES = {1: (2, 29), 2: (2, 13, 17), 3: (2, 7, 8, 9)}
dims = pytest.mark.parametrize("dim", SHAPES)


def build(map_shape, n_outputs=3, **parameters):
    """A module in evaluation mode."""
    return ConvNet(**parameters).build(map_shape, n_outputs).eval()


def n_parameters(module):
    """Number of trainable values."""
    return sum(weights.numel() for weights in module.parameters())


def feature_shapes(module, map_shape):
    """Shape of one sample behind each layer of convolutions."""
    x, shapes = torch.zeros(1, *map_shape), []
    for layer in module.features:
        x = layer(x)
        shapes.append(tuple(x.shape[1:]))
    return shapes


@dims
@pytest.mark.parametrize("readout", ["flatten", "mean", "max"])
@pytest.mark.parametrize("pooling", [None, "max", "mean", "stride"])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_output_shape(dim, readout, pooling, padding_mode, kernel_size):
    """Every combination takes maps with channels and gives one row for each."""
    module = build(
        SHAPES[dim],
        n_layers=2,
        n_filters=2,
        kernel_size=kernel_size,
        readout=readout,
        pooling=pooling,
        padding_mode=padding_mode,
        activation="tanh",
    )
    maps = torch.randn(4, *SHAPES[dim], generator=torch.Generator().manual_seed(0))
    out = module(maps)
    assert out.shape == (4, 3)
    assert out.std(0).min() > 0


@dims
def test_size_of_feature_maps(dim):
    """Convolutions keep the size, pooling divides it and drops the rest."""
    channels, *spatial = SHAPES[dim]
    module = build((channels, *spatial), n_layers=2, n_filters=3, pool_size=3)
    want = [(3 * 2**i, *(n // 3 ** (i + 1) or 1 for n in spatial)) for i in range(2)]
    assert feature_shapes(module, SHAPES[dim]) == want
    module = build(SHAPES[dim], n_layers=2, n_filters=(5, 4), pooling=None)
    assert feature_shapes(module, SHAPES[dim]) == [(5, *spatial), (4, *spatial)]


def test_pool_larger_than_the_map():
    """What is smaller than the pool is pooled whole, axis by axis, and then no more."""
    module = build((1, 3, 20), n_layers=4, n_filters=1, pool_size=5)
    assert feature_shapes(module, (1, 3, 20)) == [(1, 1, 4), (2, 1, 1), (4, 1, 1), (8, 1, 1)]


@dims
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("n_convolutions", [1, 2])
@pytest.mark.parametrize("readout", ["flatten", "mean"])
def test_number_of_parameters(dim, batch_norm, n_convolutions, readout):
    """Against the formula: kernels and biases, or the scale and shift of normalization."""
    channels, *spatial = SHAPES[dim]
    parameters = {"n_layers": 2, "n_filters": 3, "kernel_size": 3, "hidden_layer_sizes": (5,)}
    module = build(
        SHAPES[dim],
        n_outputs=4,
        batch_norm=batch_norm,
        n_convolutions=n_convolutions,
        readout=readout,
        **parameters,
    )
    expected, n_in = 0, channels
    for n_out in (3, 6):
        for _ in range(n_convolutions):
            expected += 3**dim * n_in * n_out + (2 if batch_norm else 1) * n_out
            n_in = n_out
    n_values = 6 * (math.prod(n // 2 // 2 for n in spatial) if readout == "flatten" else 1)
    expected += n_values * 5 + 5 + 5 * 4 + 4
    assert n_parameters(module) == expected


def test_filters():
    """One number is doubled from layer to layer; a tuple names them all."""
    names = [f"features.layer_{i}.0.weight" for i in (1, 2, 3)]
    doubled = build((1, 16, 16), n_layers=3, n_filters=4).state_dict()
    assert [doubled[name].shape[0] for name in names] == [4, 8, 16]
    named = build((1, 16, 16), n_layers=3, n_filters=(3, 7, 2)).state_dict()
    assert [named[name].shape[0] for name in names] == [3, 7, 2]


@dims
@pytest.mark.parametrize("kernel_size", [3, 4])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_value_of_a_convolution(dim, kernel_size, padding_mode):
    """A layer is a sum over the kernel of shifted maps, by hand with torch.roll."""
    module = build(
        SHAPES[dim],
        n_layers=1,
        n_filters=2,
        kernel_size=kernel_size,
        padding_mode=padding_mode,
        pooling=None,
        activation="tanh",
    )
    weights = module.state_dict()
    convolution = next(m for m in module.features.layer_1 if hasattr(m, "kernel_size"))
    kernel, bias = convolution.weight.detach().double(), convolution.bias.detach().double()
    assert kernel.shape == (2, 2, *(kernel_size,) * dim)
    assert len(weights) == 4
    maps = torch.randn(3, *SHAPES[dim], generator=torch.Generator().manual_seed(1))
    wide = torch.nn.functional.pad(
        maps.double(),
        ((kernel_size - 1) // 2, kernel_size // 2) * dim,
        mode="constant" if padding_mode == "zeros" else "circular",
    )
    want = bias.reshape(1, 2, *(1,) * dim).expand(3, 2, *SHAPES[dim][1:]).clone()
    for offset in torch.cartesian_prod(*[torch.arange(kernel_size)] * dim).reshape(-1, dim):
        window = wide
        for axis, (first, n) in enumerate(zip(offset, SHAPES[dim][1:], strict=True), 2):
            window = window.narrow(axis, int(first), n)
        taps = kernel[(slice(None), slice(None), *offset)]
        want += torch.einsum("nc...,oc->no...", window, taps)
    got = module.features(maps)
    torch.testing.assert_close(got.double(), torch.tanh(want), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("readout", "reduce"), [("mean", torch.mean), ("max", torch.amax)])
def test_readout_over_space(readout, reduce):
    """The mean and the maximum are taken over all spatial axes."""
    module = build((1, 7, 8, 9), n_layers=1, n_filters=3, pooling=None, readout=readout)
    maps = torch.randn(2, 1, 7, 8, 9, generator=torch.Generator().manual_seed(0))
    want = module.head(reduce(module.features(maps), (2, 3, 4)))
    torch.testing.assert_close(module(maps), want)


@pytest.mark.parametrize(("pooling", "reduce"), [("mean", torch.mean), ("max", torch.amax)])
def test_pooling(pooling, reduce):
    """Blocks are joined by their mean or maximum."""
    parameters = {"n_layers": 1, "n_filters": 2, "activation": "tanh"}
    pooled = build((1, 6, 8), pooling=pooling, **parameters)
    plain = build((1, 6, 8), pooling=None, **parameters)
    plain.features.load_state_dict(pooled.features.state_dict())
    maps = torch.randn(2, 1, 6, 8)
    blocks = plain.features(maps).reshape(2, 2, 3, 2, 4, 2)
    torch.testing.assert_close(pooled.features(maps), reduce(blocks, (3, 5)))


@dims
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("pool_size", [2, 3, 4])
def test_strided_convolution(dim, padding_mode, kernel_size, pool_size):
    """It is the full convolution, taken at the first cell of each whole block."""
    parameters = {
        "n_layers": 1,
        "n_filters": 2,
        "n_convolutions": 2,
        "kernel_size": kernel_size,
        "padding_mode": padding_mode,
        "activation": "tanh",
    }
    strided = build(SHAPES[dim], pooling="stride", pool_size=pool_size, **parameters)
    plain = build(SHAPES[dim], pooling=None, **parameters)
    for layer, other in zip(
        strided.features.parameters(), plain.features.parameters(), strict=True
    ):
        other.data = layer.data
    maps = torch.randn(2, *SHAPES[dim], generator=torch.Generator().manual_seed(0))
    want = plain.features(maps)
    for axis, n in enumerate(SHAPES[dim][1:], 2):
        want = want.index_select(axis, pool_size * torch.arange(n // pool_size))
    torch.testing.assert_close(strided.features(maps), want, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("pooling", ["max", "stride"])
def test_few_channels_as_depth(pooling, padding_mode):
    """An axis that has become one cell stays so while the others shrink."""
    parameters = {"n_layers": 4, "n_filters": 1, "pooling": pooling, "padding_mode": padding_mode}
    module = build((1, 10, 32, 50), **parameters)
    want = [(1, 5, 16, 25), (2, 2, 8, 12), (4, 1, 4, 6), (8, 1, 2, 3)]
    assert feature_shapes(module, (1, 10, 32, 50)) == want
    module = build((1, 10, 32, 50), pool_size=(1, 2, 3), **parameters)
    want = [(1, 10, 16, 16), (2, 10, 8, 5), (4, 10, 4, 1), (8, 10, 2, 1)]
    assert feature_shapes(module, (1, 10, 32, 50)) == want


def test_pool_size_for_another_number_of_axes():
    """There is one number for each axis of the maps."""
    net = ConvNet(1, 2, pool_size=(1, 2, 2))
    with pytest.raises(ValueError, match=r"'pool_size' .* each of the 2 axes .* Got \(1, 2, 2\)"):
        net.build((1, 8, 9), 1)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_periodic_maps_may_be_shifted(dim):
    """Circular padding and the mean over space do not see a shift; zeros at the edge do."""
    map_shape = SHAPES[dim]
    parameters = {"n_layers": 2, "n_filters": 3, "kernel_size": 4, "pooling": None}
    maps = torch.randn(2, *map_shape, generator=torch.Generator().manual_seed(0))
    shifted = torch.roll(maps, (3, 5, 2)[:dim], tuple(range(2, 2 + dim)))
    for readout in ("mean", "max"):
        torch.manual_seed(0)
        circular = build(map_shape, padding_mode="circular", readout=readout, **parameters)
        torch.testing.assert_close(circular(maps), circular(shifted), atol=1e-6, rtol=1e-5)
        zeros = build(map_shape, padding_mode="zeros", readout=readout, **parameters)
        assert (zeros(maps) - zeros(shifted)).abs().max() > 1e-4
    flat = build(map_shape, padding_mode="circular", readout="flatten", **parameters)
    assert (flat(maps) - flat(shifted)).abs().max() > 1e-4


@pytest.mark.parametrize("activation", ["elu", "gelu", "leaky_relu", "relu", "silu", "tanh"])
def test_activation(activation):
    """The activation named is the one that is applied, behind convolutions and hidden layers."""
    functions = {name: getattr(torch.nn.functional, name) for name in ("elu", "gelu", "leaky_relu")}
    functions |= {"relu": torch.relu, "silu": torch.nn.functional.silu, "tanh": torch.tanh}
    parameters = {"n_layers": 1, "n_filters": 2, "pooling": None, "hidden_layer_sizes": (6,)}
    module = build((1, 9), activation=activation, **parameters)
    maps = torch.randn(5, 1, 9, generator=torch.Generator().manual_seed(0))
    function = functions[activation]
    hidden = function(module.features.layer_1[0](maps)).flatten(1)
    want = module.head[-1](function(module.head[0](hidden)))
    torch.testing.assert_close(module(maps), want)
    assert all(
        (function(maps) - other(maps)).abs().max() > 1e-3
        for name, other in functions.items()
        if name != activation
    )


def test_dropout_before_each_dense_layer():
    """Dropout stands before the dense layers and behind hidden ones, not among convolutions."""
    module = build((1, 8, 8), n_layers=1, n_filters=2, hidden_layer_sizes=(5,), dropout=0.3)
    names = [type(layer).__name__ for layer in module.head]
    assert names == ["Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert "Dropout" not in str(module.features)
