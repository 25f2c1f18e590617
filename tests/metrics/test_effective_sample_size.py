"""Effective numbers of samples of a known correlation."""

import numpy as np
import pytest

from skastro.metrics import effective_sample_size

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.5, 0.9])
def test_known_correlation(rho):
    """Of groups of equal and of unequal sizes."""
    for sizes in (np.full(3000, 5), RNG.integers(2, 9, size=3000)):
        groups = np.repeat(np.arange(3000), sizes)
        values = np.sqrt(rho) * RNG.normal(size=3000)[groups]
        values += np.sqrt(1 - rho) * RNG.normal(size=len(groups)) + 7
        n = len(groups)
        size = (n - (sizes**2).sum() / n) / 2999
        expected = n / (1 + (size - 1) * rho)
        found = effective_sample_size(values, groups)
        assert found == pytest.approx(expected, rel=0.06)
        order = RNG.permutation(n)
        again = effective_sample_size(3 * values[order] - 1, np.char.mod("g%d", groups[order]))
        assert again == pytest.approx(found)


def test_variance_of_the_mean():
    """It is what the variance of the mean over repeats says."""
    groups = np.repeat(np.arange(40), 6)
    values = RNG.normal(size=(4000, 40))[:, groups] + RNG.normal(size=(4000, 240))
    expected = values.var() / values.mean(axis=1).var()
    found = np.mean([effective_sample_size(row, groups) for row in values[:300]])
    assert found == pytest.approx(expected, rel=0.1)


def test_bounds():
    groups = np.repeat([0, 1, 2], [2, 3, 9])
    assert effective_sample_size(groups.astype(float), groups) == pytest.approx(
        14 / (14 - 94 / 14) * 2
    )
    assert effective_sample_size(np.tile([1.0, -1.0], 7), np.repeat(range(7), 2)) == 14
    assert effective_sample_size(np.ones(14), groups) == 3
    assert effective_sample_size(RNG.normal(size=14), np.zeros(14)) == 1
    assert effective_sample_size(RNG.normal(size=14), np.arange(14)) == 14


@pytest.mark.parametrize("values", [[1.0, np.nan], [1.0], [[1.0, 2.0]]])
def test_errors(values):
    with pytest.raises(ValueError, match="one finite value and one group for each sample"):
        effective_sample_size(values, [0, 1])
