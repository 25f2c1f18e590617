"""The net of the form of an excursion set."""

import itertools

import numpy as np
import pytest
import torch

from skastro.exceptions import MapShapeError
from skastro.nets import ExcursionNet

RADII = (0.7, 1.3, 2.0, 3.0)
every_mode = pytest.mark.parametrize("padding_mode", ["zeros", "circular"])


def build(spatial, n_channels=2, **parameters):
    """A module in float64 whose biases are not zero."""
    torch.manual_seed(0)
    module = ExcursionNet(RADII, **parameters).build((n_channels, *spatial), 3).double()
    torch.nn.init.normal_(module.bias)
    return module


def parts(radius, n, dim):
    """Part of each cell around that lies in a sphere, counted in a finer grid."""
    fine = (np.arange(4) + 0.5) / 4 - 0.5
    for offset in itertools.product(range(-n, n + 1), repeat=dim):
        points = itertools.product(*(fine + step for step in offset))
        yield offset, np.mean([sum(x**2 for x in point) <= radius**2 for point in points])


def literal_means(field, radius, padding_mode):
    """Means over spheres, cell by cell."""
    n = int(np.ceil(radius + 0.5) - 1)
    weights = list(parts(radius, n, field.ndim))
    means = np.zeros(field.shape)
    for cell in np.ndindex(field.shape):
        total = inside = 0.0
        for offset, part in weights:
            there = [a + b for a, b in zip(cell, offset, strict=True)]
            if padding_mode == "circular":
                there = [a % size for a, size in zip(there, field.shape, strict=True)]
            elif not all(0 <= a < size for a, size in zip(there, field.shape, strict=True)):
                continue
            total, inside = total + part * field[tuple(there)], inside + part
        means[cell] = total / inside
    return means


@every_mode
@pytest.mark.parametrize("spatial", [(13,), (7, 8), (5, 4, 3)])
def test_against_the_definition(spatial, padding_mode):
    """Sources, their means, weighted sums and the greatest of them, one by one."""
    module = build(spatial, padding_mode=padding_mode, n_features=2)
    x = torch.randn(2, 2, *spatial, dtype=torch.float64)
    with torch.no_grad():
        log = module.linear(x) + module.dense(x)
        weights, bias = module.weigh.weight.numpy(), module.bias.numpy()
        sums = [np.einsum("ns...,fs->nf...", log.numpy(), weights)]
        for radius, shift in zip(RADII, bias, strict=True):
            means = np.array(
                [[literal_means(s, radius, padding_mode) for s in one] for one in log.exp().numpy()]
            )
            value = np.einsum("ns...,fs->nf...", np.log(means + 1e-6), weights)
            sums.append(value + shift.reshape(-1, *(1,) * len(spatial)))
        seen = [x, log, np.max(sums, 0), np.max(sums[3:], 0), sums[4]]
        seen = torch.cat([torch.as_tensor(values) for values in seen], 1)
        np.testing.assert_allclose(module(x), module.head(seen), rtol=1e-9, atol=1e-9)


@every_mode
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_reach(kernel_size, padding_mode):
    """Inputs within `reach` matter, those beyond do not."""
    net = ExcursionNet(RADII, kernel_size=kernel_size)
    assert net.reach == 3 + kernel_size // 2
    assert net.stride == 1
    n = 2 * net.reach + 5
    module = build((n, n), kernel_size=kernel_size, padding_mode=padding_mode)
    x = torch.randn(1, 2, n, n, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(module(x)[..., n // 2, n // 2].sum(), x)
    seen = (gradient.abs().sum((0, 1)) > 1e-12).nonzero() - n // 2
    assert seen.abs().max() <= net.reach
    module.bias.data[:, :] = torch.tensor(
        [[-9.0], [-9.0], [-9.0], [9.0]]
    )  # the largest sphere wins
    (gradient,) = torch.autograd.grad(module(x)[..., n // 2, n // 2].sum(), x)
    seen = (gradient.abs().sum((0, 1)) > 1e-12).nonzero() - n // 2
    assert seen.abs().max() == net.reach


def test_shifts():
    """A periodic box that is shifted by any number of cells gives shifted fields."""
    module = build((6, 9, 10), padding_mode="circular")
    x = torch.randn(2, 2, 6, 9, 10, dtype=torch.float64)
    for shift in ((1, 0, 0), (2, 5, 7)):
        shifted = module(x.roll(shift, (2, 3, 4)))
        torch.testing.assert_close(shifted, module(x).roll(shift, (2, 3, 4)))


def test_a_bubble_around_a_source():
    """Cells within some sphere around the source are told from those beyond, by few steps."""
    torch.manual_seed(0)
    net = ExcursionNet((1.0, 2.0, 3.0, 4.0), padding_mode="circular", dim=2)
    module = net.build((1, 24, 24), 1)
    places = torch.randint(0, 24, (16, 2))
    distance = [
        (torch.arange(24)[:, None] - i + 12).remainder(24).sub(12) ** 2
        + (torch.arange(24) - j + 12).remainder(24).sub(12) ** 2
        for i, j in places
    ]
    distance = torch.stack(distance)[:, None]
    x, y = (distance == 0).float() * 5, (distance <= 10).float()
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(150):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(module(x[:8]), y[:8])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((module(x[8:]) > 0) == (y[8:] > 0)).float().mean() > 0.99


def test_large_and_small_sources_stay_finite():
    """Also of inputs far from those of the training, and in half precision."""
    module = build((8, 8, 8), padding_mode="circular").float()
    x = torch.randn(1, 2, 8, 8, 8)
    for scale in (1e-3, 1.0, 1e3):
        out = module(scale * x)
        assert torch.isfinite(out).all()
        out.sum().backward()
        assert all(torch.isfinite(weights.grad).all() for weights in module.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(module(x)).all()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"radii": ()}, "radii"),
        ({"radii": (2.0, 1.0)}, "ascending"),
        ({"radii": (1.0, 1.0)}, "ascending"),
        ({"radii": (0.4,)}, "at least 0.5"),
        ({"radii": (1.0, np.inf)}, "radii"),
        ({"radii": ("1",)}, "radii"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
    ],
)
def test_wrong_parameters(parameters, words):
    """Errors name the parameter."""
    net = ExcursionNet(**parameters)
    with pytest.raises(ValueError, match=words):
        net.build((1, 8, 8), 1)
    if "radii" in parameters:
        with pytest.raises(ValueError, match=words):
            _ = net.reach


def test_wrong_shape():
    """As for every net."""
    with pytest.raises(MapShapeError, match="dim=3"):
        ExcursionNet(dim=3).build((1, 8, 8), 1)
