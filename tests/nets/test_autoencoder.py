"""Convolutional autoencoders: shapes, sizes and values of what is built."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from skastro.exceptions import MapShapeError
from skastro.nets import Autoencoder

SHAPES = {1: (2, 29), 2: (2, 50, 13), 3: (2, 7, 8, 9)}


def build(map_shape, n_outputs=None, **parameters):
    """A module in evaluation mode, whose biases are not zero."""
    torch.manual_seed(0)
    module = Autoencoder(**parameters).build(map_shape, n_outputs or map_shape[0]).eval()
    for name, weights in module.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weights, std=0.1)
    return module


def n_parameters(module):
    """Number of trainable values of each layer that has some."""
    layers = [layer for layer in module.modules() if hasattr(layer, "weight")]
    return [sum(weights.numel() for weights in layer.parameters()) for layer in layers]


def test_published_architecture():
    """4385 weights, and a code of 25 x 25 cells and 8 channels from 200 x 200 cells."""
    module = build((1, 200, 200))
    assert n_parameters(module) == [160, 1160, 584, 584, 584, 1168, 145]
    assert sum(weights.numel() for weights in module.parameters()) == 4385
    maps = torch.zeros(2, 1, 200, 200)
    assert module.encoder(maps).shape == (2, 8, 25, 25)
    assert module(maps).shape == (2, 1, 200, 200)
    kinds = [type(layer).__name__ for layer in module.encoder.layer_1]
    assert kinds == ["Conv2d", "ReLU", "MaxPool2d"]
    assert [type(layer).__name__ for layer in module.decoder.last] == ["Conv2d"]


@pytest.mark.parametrize("dim", SHAPES)
@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize(("kernel_size", "pool_size"), [(1, 2), (2, 3), (3, 2), (4, 2)])
def test_shapes(dim, pooling, padding_mode, kernel_size, pool_size):
    """What comes out has the size of the map, whatever that is."""
    module = build(
        SHAPES[dim],
        3,
        n_filters=(5, 4),
        kernel_size=kernel_size,
        pool_size=pool_size,
        pooling=pooling,
        padding_mode=padding_mode,
        activation="tanh",
    )
    maps = torch.randn(4, *SHAPES[dim])
    small = [math.ceil(math.ceil(n / pool_size) / pool_size) for n in SHAPES[dim][1:]]
    code = module.encoder(maps)
    assert code.shape == (4, 4, *small)
    out = module(maps)
    assert out.shape == (4, 3, *SHAPES[dim][1:])
    assert torch.equal(out, module.decoder(code))
    assert out.std(0).min() > 0


def test_small_maps():
    """One cell stays one cell in each layer."""
    module = build((1, 1, 5), n_filters=(2, 2, 2))
    assert module.encoder(torch.zeros(1, 1, 1, 5)).shape == (1, 2, 1, 1)
    assert module(torch.zeros(1, 1, 1, 5)).shape == (1, 1, 1, 5)


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("map_shape", [(1, 2), (1, 2, 4), (1, 2, 3, 4)])
def test_cells_fewer_than_are_pooled(map_shape, pooling):
    """What is left of a short axis becomes one cell."""
    module = build(map_shape, n_filters=(2, 3), pool_size=5, pooling=pooling)
    maps = torch.randn(3, *map_shape)
    first = module.encoder.layer_1
    axes = tuple(range(2, maps.ndim))
    convolved = first[:-1](maps)
    want = convolved.amax(axes) if pooling == "max" else convolved.mean(axes)
    torch.testing.assert_close(first(maps).flatten(1), want)
    assert module(maps).shape == maps.shape


def convolved(maps, layer, mode):
    """A convolution of ``(c, *spatial)`` maps by SciPy, in float64."""
    weights, biases = (value.detach().double().numpy() for value in (layer.weight, layer.bias))
    options = {"mode": mode, "cval": 0.0}
    return np.stack(
        [
            bias + sum(correlate(m, k, **options) for m, k in zip(maps, kernels, strict=True))
            for kernels, bias in zip(weights, biases, strict=True)
        ]
    )


def pooled(maps, function):
    """Blocks of two cells along each axis, the last ones smaller."""
    spatial = maps.shape[1:]
    out = np.empty((len(maps), *(-(-n // 2) for n in spatial)))
    for cell in np.ndindex(out.shape[1:]):
        block = maps[(slice(None), *(slice(2 * i, 2 * i + 2) for i in cell))]
        out[(slice(None), *cell)] = function(block.reshape(len(maps), -1), axis=1)
    return out


@pytest.mark.parametrize("map_shape", [(2, 9), (1, 9, 6), (2, 7, 8, 9)])
@pytest.mark.parametrize(("pooling", "function"), [("max", np.max), ("mean", np.mean)])
@pytest.mark.parametrize(("padding_mode", "mode"), [("zeros", "constant"), ("circular", "wrap")])
def test_forward_by_hand(map_shape, pooling, function, padding_mode, mode):
    """The whole way there and back, by SciPy and NumPy."""
    parameters = {"n_filters": (3, 2), "pooling": pooling, "padding_mode": padding_mode}
    module = build(map_shape, output_activation="sigmoid", **parameters)
    layers = [layer for layer in module.modules() if hasattr(layer, "weight")]
    maps = np.random.default_rng(0).normal(size=map_shape)
    x, sizes = maps, []
    for layer in layers[:2]:
        sizes.append(x.shape[1:])
        x = pooled(np.maximum(convolved(x, layer, mode), 0), function)
    for layer, size in zip(layers[2:4], sizes[::-1], strict=True):
        x = np.maximum(convolved(x, layer, mode), 0)
        for axis, n in enumerate(size, 1):
            x = x.repeat(2, axis=axis).take(range(n), axis=axis)
    x = 1 / (1 + np.exp(-convolved(x, layers[4], mode)))
    out = module(torch.from_numpy(maps).float()[None])[0].detach().numpy()
    assert out.std() > 1e-3
    np.testing.assert_allclose(out, x, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_shifts_of_a_periodic_box(dim):
    """A shift by four cells shifts the code by one; by another number it does something else."""
    spatial = (12, 16, 8)[:dim]
    module = build((1, *spatial), n_filters=(4, 3), padding_mode="circular").double()
    x = torch.randn(2, 1, *spatial, dtype=torch.float64)
    axes = tuple(range(2, 2 + dim))
    shifts = (4, -8, 4)[:dim]
    shifted = x.roll(shifts, axes)
    torch.testing.assert_close(module(shifted), module(x).roll(shifts, axes))
    by_cells = tuple(n // 4 for n in shifts)
    torch.testing.assert_close(module.encoder(shifted), module.encoder(x).roll(by_cells, axes))
    odd = (1,) * dim
    assert (module(x.roll(odd, axes)) - module(x).roll(odd, axes)).abs().max() > 1e-3
    patch = build((1, *spatial), n_filters=(4, 3)).double()
    assert (patch(shifted) - patch(x).roll(shifts, axes)).abs().max() > 1e-3


def test_normalization():
    """Each convolution but the last is normalized, and has no bias then."""
    module = build((2, 8, 8), n_filters=(4, 3), batch_norm=True)
    norms = [layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert [layer.num_features for layer in norms] == [4, 3, 3, 4]
    convolutions = [layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.bias is None for layer in convolutions] == [True] * 4 + [False]


def test_weights_at_the_start():
    """Uniform weights of variance 2 / (inputs + outputs), and biases of zero."""
    torch.manual_seed(0)
    module = Autoencoder((64, 64)).build((1, 8, 8), 1)
    layer = module.encoder.layer_2[0]
    assert not layer.bias.any()
    np.testing.assert_allclose(layer.weight.std().item(), (2 / (2 * 64 * 9)) ** 0.5, rtol=0.02)
    np.testing.assert_allclose(layer.weight.max().item(), (6 / (2 * 64 * 9)) ** 0.5, rtol=0.02)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_filters": ()}, "n_filters.*at least one"),
        ({"n_filters": (4, 0)}, "n_filters"),
        ({"n_filters": 4}, "n_filters"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"pool_size": 1}, "pool_size"),
        ({"pooling": None}, "pooling"),
        ({"activation": "step"}, "activation"),
        ({"output_activation": "relu"}, "output_activation"),
        ({"padding_mode": "reflect"}, "padding_mode"),
    ],
)
def test_bad_parameters(parameters, message):
    """Each is named."""
    with pytest.raises(ValueError, match=message):
        Autoencoder(**parameters).build((1, 8, 8), 1)


def test_code_that_is_too_small_to_wrap():
    """A wide kernel does not fit around a code of one cell."""
    net = Autoencoder((2, 2), kernel_size=5, padding_mode="circular")
    assert net.build((1, 8, 8), 1)(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    with pytest.raises(MapShapeError, match=r"Autoencoder.*\(1, 1\)"):
        net.build((1, 4, 4), 1)
