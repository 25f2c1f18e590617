"""Probability integral transforms."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from skastro.metrics import coverage, pit_values


def test_values_and_shape():
    """The cumulative Gaussian, in the shape of the truths."""
    rng = np.random.default_rng(0)
    truth, pred = rng.normal(size=(2, 30, 3))
    std = rng.uniform(0.5, 2, size=(30, 3))
    np.testing.assert_allclose(pit_values(truth, pred, std), norm.cdf(truth, pred, std))
    one = pit_values(truth[:, 1], pred[:, 1], std[:, 1])
    np.testing.assert_allclose(one, norm.cdf(truth[:, 1], pred[:, 1], std[:, 1]))
    inside = np.abs(2 * one - 1) <= 0.4
    assert inside.mean() == coverage(truth[:, 1], pred[:, 1], std[:, 1], level=0.4)


def test_uniform_where_errors_are_right():
    """Only there."""
    rng = np.random.default_rng(1)
    truth, ones = rng.normal(size=2000), np.ones(2000)
    assert kstest(pit_values(truth, 0 * truth, ones), "uniform").pvalue > 0.01
    for pred, std in ((0, 0.8), (0, 1.25), (0.2, 1)):
        assert kstest(pit_values(truth, pred * ones, std * ones), "uniform").pvalue < 1e-3


def test_errors():
    """Errors that are none are refused."""
    with pytest.raises(ValueError, match="pit_values takes standard deviations"):
        pit_values([1.0, 2.0], [1.0, 2.0], [1.0, 0.0])
