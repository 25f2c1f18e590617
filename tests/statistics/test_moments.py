"""Moments against scipy.stats."""

import numpy as np
import pytest
from astropy import units
from scipy import ndimage, stats

from skastro.statistics import Moments

X = np.random.default_rng(0).gamma(2.0, size=(4, 2, 7, 8, 9)).astype("float32")


def four_moments(X):
    """Numbers of scipy.stats for each channel."""
    flat = X.astype(float).reshape(*X.shape[:2], -1)
    numbers = [
        flat.mean(-1),
        flat.std(-1),
        stats.skew(flat, axis=-1),
        stats.kurtosis(flat, axis=-1),
    ]
    return np.stack(numbers, -1)


def test_values():
    """Each channel has the four numbers of scipy.stats."""
    found = Moments().fit_transform(X).reshape(4, 2, 4)
    np.testing.assert_allclose(found, four_moments(X), rtol=1e-10)
    assert found.dtype == np.float64


def test_orders():
    """Orders come as asked, and names go with them."""
    moments = Moments(orders=(4, 1)).fit(X)
    assert list(moments.get_feature_names_out()) == [
        "kurtosis(0)",
        "mean(0)",
        "kurtosis(1)",
        "mean(1)",
    ]
    every = Moments().fit_transform(X)
    np.testing.assert_array_equal(moments.transform(X), every[:, [3, 0, 7, 4]])


def test_large_mean():
    """A mean far above the spread costs no digits."""
    offset = Moments().fit_transform((100 * X).round() + 1e5)
    plain = Moments().fit_transform((100 * X).round())
    plain[:, ::4] += 1e5
    np.testing.assert_allclose(offset, plain, rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e7])
def test_constant_maps(value):
    """A constant map has its mean, and nothing else."""
    found = Moments().fit_transform(np.full((2, 7, 9), value))
    np.testing.assert_array_equal(found[:, 1:], 0)
    np.testing.assert_allclose(found[:, 0], np.float32(value), rtol=1e-12)


def test_tensors():
    """A tensor gives a tensor of equal numbers."""
    import torch

    tensor = torch.from_numpy(np.concatenate([X, np.zeros_like(X[:1])]))
    found = Moments().fit(tensor).transform(tensor)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found[:4], Moments().fit_transform(X), rtol=1e-10)
    assert bool((found[4] == 0).all())


@pytest.mark.parametrize("orders", [(), (0,), (1, 5), (1, 1)])
def test_wrong_orders(orders):
    """Orders other than 1 to 4, each once, are refused."""
    with pytest.raises(ValueError, match="'orders' parameter of Moments"):
        Moments(orders=orders).fit(X)


def ball(offsets_over_radius):
    """Equal weights of the cells within a radius."""
    inside = sum(o**2 for o in offsets_over_radius) <= 1 + 1e-9
    return inside / inside.sum()


@pytest.mark.parametrize("spatial", [(9,), (8, 9), (7, 8, 9)])
@pytest.mark.parametrize("window", ["gaussian", "top_hat"])
def test_scales(spatial, window):
    """Moments at a scale are those of the map smoothed in real space, cell by cell."""
    dim = len(spatial)
    X = np.random.default_rng(1).gamma(2.0, size=(3, 2, *spatial)).astype("float32")
    sides = np.array([0.5, 1.0, 1.5])[:dim]
    moments = Moments(scales=[1.7, 0, 1.0], window=window, box_size=sides * spatial, dim=dim)
    found = moments.fit_transform(X).reshape(3, 2, 3, 4)
    np.testing.assert_array_equal(moments.scales_, [1.7, 0, 1])
    np.testing.assert_array_equal(
        found[:, :, 1], Moments(dim=dim).fit_transform(X).reshape(3, 2, 4)
    )
    for place, scale in ((0, 1.7), (2, 1.0)):
        if window == "gaussian":
            smoothed = ndimage.gaussian_filter(
                X.astype(float), (0, 0, *scale / sides), mode="wrap", truncate=4.0
            )
        else:
            offsets = np.meshgrid(*[np.arange(-4, 5)] * dim, indexing="ij")
            weights = ball([o * side / scale for o, side in zip(offsets, sides, strict=True)])
            smoothed = ndimage.convolve(X.astype(float), weights[None, None], mode="wrap")
        expected = four_moments(smoothed)
        np.testing.assert_allclose(found[:, :, place], expected, rtol=1e-6, atol=1e-9)


def test_plane_wave_and_noise():
    """A wave is damped by exp(-k^2 R^2 / 2); white noise keeps the sum of the squared weights."""
    i, j = np.indices((40, 30))
    wave = np.cos(2 * np.pi * (3 * i / 40 + 2 * j / 30))[None]
    k = 2 * np.pi * np.hypot(3 / 40, 2 / 30)
    found = Moments([2], scales=[2, 3]).fit_transform(wave)[0]
    np.testing.assert_allclose(
        found, np.exp(-((k * np.array([2, 3])) ** 2) / 2) / 2**0.5, rtol=1e-2
    )
    white = 5 * np.random.default_rng(0).normal(size=(400, 40, 30))
    variance = (Moments([2], scales=[1.5]).fit_transform(white) ** 2).mean()
    # Less the variance of the mean of a map, 25 / 1200.
    assert variance == pytest.approx(25 / (4 * np.pi * 1.5**2) - 25 / 1200, rel=0.04)
    variance = (Moments([2], scales=[1], window="top_hat").fit_transform(white) ** 2).mean()
    assert variance == pytest.approx(25 / 5 - 25 / 1200, rel=0.02)


def test_names_of_scales():
    """Features are those of the first channel scale by scale; units are those of the box."""
    moments = Moments(orders=(2, 3), scales=[0, 2]).fit(X)
    assert list(moments.get_feature_names_out()[:5]) == [
        "std(0) R=0",
        "skewness(0) R=0",
        "std(0) R=2",
        "skewness(0) R=2",
        "std(1) R=0",
    ]
    box = [14, 16, 18] * units.Mpc
    in_kpc = Moments((2, 3), scales=[0, 4000] * units.kpc, box_size=box).fit(X)
    np.testing.assert_allclose(in_kpc.transform(X), moments.transform(X))
    np.testing.assert_allclose(in_kpc.scales_, [0, 4])
    only = Moments((2, 3), scales=[0]).fit_transform(X)
    np.testing.assert_array_equal(only, Moments((2, 3)).fit_transform(X))


def test_scales_of_tensors():
    """A tensor gives equal numbers, and gradients; a constant map has none but its mean."""
    import torch

    maps = np.concatenate([X, np.full_like(X[:1], 0.1)])
    moments = Moments(scales=[0, 1.5]).fit(maps)
    tensor = torch.from_numpy(maps).requires_grad_()
    found = moments.transform(tensor)
    np.testing.assert_allclose(found.detach(), moments.transform(maps), rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(moments.transform(maps)[4].reshape(4, 4)[:, 1:], 0)
    # Every moment but the mean and standard deviation has degree zero.
    found[:4].sum().backward()
    euler = float((tensor.grad * tensor.detach()).sum())
    degree_one = moments.transform(maps)[:4].reshape(4, 4, 4)[..., :2].sum()
    assert euler == pytest.approx(degree_one, rel=1e-4)
    assert bool((tensor.grad[4] == 0).all())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scales": []}, "'scales' parameter of Moments must be one or more"),
        ({"scales": [-1.0]}, "'scales' parameter of Moments"),
        ({"scales": [1.0, 1.0]}, "each once"),
        ({"scales": [np.nan]}, "'scales' parameter of Moments"),
        ({"scales": ["a"]}, "'scales' parameter of Moments"),
        ({"scales": [4.0]}, "at most half the box, 3.5"),
        ({"scales": [0, 0.5], "window": "top_hat"}, "side of a cell, 1:"),
        ({"scales": [1.0], "window": "box"}, "window"),
        ({"scales": [1.0], "box_size": -1.0}, "box_size"),
        ({"scales": [1] * units.K, "box_size": [7, 8, 9] * units.Mpc}, "unit of 'box_size', Mpc"),
    ],
)
def test_wrong_scales(parameters, message):
    """Scales that no map can be smoothed to are refused."""
    with pytest.raises(ValueError, match=message):
        Moments(**parameters).fit(X)
