"""Histogram networks: counts, gradients and what they do not see."""

import numpy as np
import pytest
import torch

from skastro.nets import HistogramNet
from skastro.neural_network import CNNRegressor

MAPS = torch.randn(3, 2, 7, 8, 9, generator=torch.Generator().manual_seed(0))


def module(n_outputs=4, **parameters):
    """A net with weights of one seed."""
    torch.manual_seed(0)
    return HistogramNet(11, (-2.0, 3.0), **parameters).build(tuple(MAPS.shape[1:]), n_outputs)


@pytest.mark.parametrize("by_channel", [False, True])
def test_counts(by_channel):
    """Each value is shared by the two bins next to it; those outside are in the last ones."""
    histogram = module(by_channel=by_channel).histogram
    values = MAPS.flatten(2) if by_channel else MAPS.flatten(1)[:, None]
    found = histogram.counts(values).numpy()
    centres = np.linspace(-2, 3, 11)
    clipped = np.clip(values.numpy(), -2, 3)[..., None]
    expected = np.clip(1 - np.abs(clipped - centres) / 0.5, 0, None).sum(2)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(found.sum(-1), values.shape[2], rtol=1e-6)
    features = histogram(MAPS).numpy()
    even = np.log10(1 + values.shape[2] / 11)
    np.testing.assert_allclose(features, np.log10(1 + expected).reshape(3, -1) - even, atol=2e-3)


def test_ends_of_the_range():
    """Values at and beyond the ends are in the end bins, whole."""
    histogram = module().histogram
    found = histogram.counts(torch.tensor([[[-2.0, -9.0, 3.0, 9.0, float("inf")]]]))
    np.testing.assert_array_equal(found[0, 0], [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3])


def test_places_do_not_matter():
    """Cells in another order give the same outputs; those of channels too, unless kept apart."""
    shuffled = MAPS.flatten(2)[..., torch.randperm(7 * 8 * 9)].reshape(MAPS.shape)
    for by_channel in (False, True):
        net = module(by_channel=by_channel)
        torch.testing.assert_close(net(shuffled), net(MAPS))
        same = torch.allclose(net(MAPS.flip(1)), net(MAPS), atol=1e-6)
        assert same is not by_channel


def test_gradients():
    """Gradients are those of finite differences, and zero beyond the ends."""
    net = module().double()
    maps = MAPS.double().requires_grad_()
    (gradient,) = torch.autograd.grad(net(maps)[0, 1], maps)
    step = torch.zeros_like(maps)
    step[0, 1, 2, 3, 4] = 1e-6
    difference = (net(maps + step) - net(maps - step))[0, 1] / 2e-6
    torch.testing.assert_close(gradient[0, 1, 2, 3, 4], difference.detach(), rtol=1e-4, atol=1e-9)
    assert not gradient[(maps < -2) | (maps > 3)].any()
    assert gradient[0].any()


def test_learning():
    """The spread of maps is learned from their histograms."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 1.5, size=80)
    maps = spread[:, None, None] * rng.normal(size=(80, 16, 16))
    net = HistogramNet(16, hidden_layer_sizes=(16,))
    model = CNNRegressor(net, lr=0.01, batch_size=8, n_threads=1, random_state=0)
    assert model.fit(maps[:60], spread[:60]).score(maps[60:], spread[60:]) > 0.9


@pytest.mark.parametrize("value_range", [(1.0,), (1.0, 1.0), (2, 1), (0, np.inf), ("a", "b")])
def test_wrong_range(value_range):
    """A range is a finite increasing pair."""
    with pytest.raises(ValueError, match="'value_range' parameter of HistogramNet"):
        HistogramNet(value_range=value_range).build((1, 8, 9), 2)
