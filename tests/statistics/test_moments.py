"""Moments against scipy.stats."""

import numpy as np
import pytest
from scipy import stats

from skastro.statistics import Moments

X = np.random.default_rng(0).gamma(2.0, size=(4, 2, 7, 8, 9)).astype("float32")


def test_values():
    """Each channel has the four numbers of scipy.stats."""
    found = Moments().fit_transform(X).reshape(4, 2, 4)
    flat = X.astype(float).reshape(4, 2, -1)
    expected = [
        flat.mean(-1),
        flat.std(-1),
        stats.skew(flat, axis=-1),
        stats.kurtosis(flat, axis=-1),
    ]
    np.testing.assert_allclose(found, np.stack(expected, -1), rtol=1e-10)
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
