"""Dropout with a generator of its own."""

import copy
import io
import pickle

import pytest
import torch

from skastro.nets import Dropout


def seeded(p=0.3, seed=5):
    """A layer in training mode."""
    layer = Dropout(p)
    layer.seed(seed)
    return layer.train()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_and_mean(p):
    """A share p is zero, what stays is scaled up, and the mean stays."""
    out = seeded(p)(torch.ones(400, 500))
    dropped = (out == 0).double().mean().item()
    sigma = (p * (1 - p) / out.numel()) ** 0.5
    assert abs(dropped - p) < 4 * sigma
    torch.testing.assert_close(out[out != 0].unique(), torch.tensor([1 / (1 - p)]))
    assert abs(out.double().mean().item() - 1) < 4 * sigma / (1 - p)


def test_cells_are_independent():
    """Neither rows nor columns share a mask."""
    out = seeded(0.5)(torch.ones(200, 300)) > 0
    for axis in (0, 1):
        share = out.double().mean(axis)
        n = out.shape[axis]
        assert abs(share.var() * n / 0.25 - 1) < 0.5


def test_nothing_outside_training():
    """Evaluation returns the very tensor, and draws nothing."""
    layer, x = seeded(), torch.randn(4, 5)
    assert layer.eval()(x) is x
    assert seeded(p=0.0)(x) is x
    first = layer.train()(torch.ones(50))
    assert torch.equal(first, seeded()(torch.ones(50)))


def test_gradient_goes_through_the_mask():
    """The gradient is the mask."""
    x = torch.ones(100, requires_grad=True)
    out = seeded()(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_global_generator_is_left_alone():
    """torch's own random numbers neither move nor matter."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = seeded()(torch.ones(50))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(seeded()(torch.ones(50)), first)


def test_seeds():
    """A seed starts a sequence of different masks; another seed starts another."""
    layer = seeded(seed=5)
    masks = [layer(torch.ones(50)) for _ in range(3)]
    assert not torch.equal(masks[0], masks[1])
    layer.seed(5)
    assert all(torch.equal(layer(torch.ones(50)), mask) for mask in masks)
    layer.seed(6)
    assert not torch.equal(layer(torch.ones(50)), masks[0])


def by_torch(layer):
    """Through torch.save and torch.load."""
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, copy.copy, lambda layer: pickle.loads(pickle.dumps(layer)), by_torch],
    ids=["deepcopy", "copy", "pickle", "torch"],
)
def test_duplicates(duplicate):
    """A layer that was used can be copied; the copy starts its sequence anew."""
    layer = seeded(p=0.25, seed=8)
    first = layer(torch.ones(50))
    other = duplicate(layer)
    assert (other.p, other.training) == (0.25, True)
    assert torch.equal(other(torch.ones(50)), first)
    assert not torch.equal(layer(torch.ones(50)), first)


def test_types_and_memory_format():
    """The mask has the type and the order of the input."""
    x = torch.ones(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    out = seeded()(x)
    assert out.dtype == torch.float64
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert repr(Dropout(0.4)) == "Dropout(p=0.4)"
