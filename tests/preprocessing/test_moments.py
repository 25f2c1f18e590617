"""Moments that are merged over chunks."""

import numpy as np
import pytest

from skastro.preprocessing._moments import RunningMoments


@pytest.mark.parametrize("mean", [0.0, 1e6, -3e-9])
@pytest.mark.parametrize("split", [1, 5, 11])
def test_merged_moments_are_those_of_all(mean, split):
    rng = np.random.default_rng(0)
    values = (mean + rng.normal(size=(12, 3, 50))).astype(np.float32)
    merged = RunningMoments.of(values[:split]).merged(RunningMoments.of(values[split:]))
    truth = values.astype(np.float64)
    assert merged.count == 600
    np.testing.assert_allclose(merged.mean, truth.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(merged.std, truth.std((0, 2)), rtol=1e-12)
    np.testing.assert_array_equal(merged.minimum, values.min((0, 2)))
    np.testing.assert_array_equal(merged.maximum, values.max((0, 2)))


def test_merging_does_not_change_the_parts():
    values = np.random.default_rng(0).normal(size=(6, 2, 9)).astype(np.float32)
    first, second = RunningMoments.of(values[:2]), RunningMoments.of(values[2:])
    before = first.squares.copy(), second.squares.copy()
    first.merged(second)
    np.testing.assert_array_equal(first.squares, before[0])
    np.testing.assert_array_equal(second.squares, before[1])


def test_order_of_merging_does_not_matter():
    values = np.random.default_rng(0).gamma(1.0, size=(40, 2, 9)).astype(np.float32)
    parts = [RunningMoments.of(part) for part in np.array_split(values, 9)]
    forward, backward = parts[0], parts[-1]
    for part in parts[1:]:
        forward = forward.merged(part)
    for part in parts[-2::-1]:
        backward = part.merged(backward)
    np.testing.assert_allclose(forward.mean, backward.mean, rtol=1e-14)
    np.testing.assert_allclose(forward.squares, backward.squares, rtol=1e-13)
