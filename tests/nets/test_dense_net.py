"""Fully connected networks: sizes and values."""

import numpy as np
import pytest
import torch

from skastro.nets import DenseNet


def n_parameters(module):
    """Number of trainable values."""
    return sum(weights.numel() for weights in module.parameters())


def test_the_network_of_the_study():
    """2500-350-17 has 2500 * 350 + 350 + 350 * 17 + 17 = 881,317 parameters."""
    module = DenseNet(hidden_layer_sizes=(350,)).build((1, 50, 50), n_outputs=17)
    assert n_parameters(module) == 881_317
    assert n_parameters(DenseNet().build((1, 50, 50), n_outputs=17)) == 881_317
    assert module(torch.zeros(3, 1, 50, 50)).shape == (3, 17)


@pytest.mark.parametrize("map_shape", [(2, 9), (2, 8, 9), (2, 7, 8, 9)])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4, 3)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_number_of_parameters(map_shape, hidden, batch_norm):
    """Weights and biases of each layer; normalization has a scale and a shift in their place."""
    module = DenseNet(hidden, batch_norm=batch_norm).build(map_shape, n_outputs=4)
    sizes = [int(np.prod(map_shape)), *hidden]
    expected = sum(
        a * b + (2 * b if batch_norm else b) for a, b in zip(sizes, hidden, strict=False)
    )
    assert n_parameters(module) == expected + sizes[-1] * 4 + 4
    assert module(torch.zeros(3, *map_shape)).shape == (3, 4)


def test_values():
    """The module is the product of matrices that it should be."""
    module = DenseNet((6,), activation="tanh").build((2, 3, 4), n_outputs=5)
    w1, b1, w2, b2 = (weights.detach().numpy() for weights in module.parameters())
    maps = np.random.default_rng(0).normal(size=(7, 2, 3, 4)).astype("float32")
    want = np.tanh(maps.reshape(7, -1) @ w1.T + b1) @ w2.T + b2
    got = module(torch.from_numpy(maps)).detach().numpy()
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_dropout_is_behind_hidden_layers_alone():
    """In training each hidden unit may be dropped, never an output."""
    module = DenseNet((50, 40), dropout=0.5).build((1, 6), n_outputs=3)
    names = [type(layer).__name__ for layer in module]
    assert names == ["Flatten", *["Linear", "ReLU", "Dropout"] * 2, "Linear"]
