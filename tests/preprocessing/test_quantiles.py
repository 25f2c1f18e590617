"""Exact quantiles of float32 values in two passes, against numpy.percentile."""

import tracemalloc

import numpy as np
import pytest

from skastro.preprocessing._quantiles import exact_quantiles

PERCENTAGES = [0, 1e-3, 10, 25, 50, 75, 99.9, 100]


def quantiles(values, percentages=PERCENTAGES, n_chunks=3):
    return exact_quantiles(lambda: iter(np.array_split(values, n_chunks)), percentages)


def expected(values, percentages=PERCENTAGES):
    return np.percentile(values.astype(np.float64), percentages, axis=(0, 2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: rng.normal(size=shape),
        lambda rng, shape: rng.integers(-3, 4, size=shape),
        lambda rng, shape: rng.choice([0.0, 7.5], p=[0.95, 0.05], size=shape),
        lambda rng, shape: rng.choice([-0.0, 0.0, 1e-45, -1e-45], size=shape),
        lambda rng, shape: 10.0 ** rng.uniform(-44, 38, size=shape) * rng.choice([-1, 1], shape),
        lambda rng, shape: 1 + rng.integers(0, 300, size=shape) * 2.0**-23,
    ],
    ids=["normal", "ties", "sparse", "zeros", "decades", "neighbours"],
)
def test_quantiles_of_random_values(draw, seed):
    rng = np.random.default_rng(seed)
    values = draw(rng, (13, 3, rng.integers(1, 90))).astype(np.float32)
    np.testing.assert_allclose(quantiles(values), expected(values), rtol=1e-11, atol=1e-60)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (2, 1, 1), (1, 1, 2)])
def test_few_values(shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(quantiles(values, n_chunks=shape[0]), expected(values), rtol=1e-13)


def test_extremes_of_float32():
    info = np.finfo(np.float32)
    values = np.array([info.min, -info.tiny, -0.0, info.tiny, info.max], dtype=np.float32)
    got = quantiles(values.reshape(1, 1, 5), [0, 25, 50, 75, 100], n_chunks=1)
    np.testing.assert_array_equal(got[:, 0], values.astype(float))


def test_chunks_do_not_matter():
    values = np.random.default_rng(0).normal(size=(30, 2, 17)).astype(np.float32)
    one = quantiles(values, n_chunks=1)
    for n_chunks in (2, 7, 30):
        np.testing.assert_array_equal(quantiles(values, n_chunks=n_chunks), one)


def test_channels_are_apart():
    values = np.random.default_rng(0).normal(size=(9, 4, 20)).astype(np.float32)
    together = quantiles(values)
    for channel in range(4):
        alone = quantiles(values[:, [channel]])
        np.testing.assert_array_equal(together[:, channel], alone[:, 0])


def test_memory_does_not_grow_with_samples():
    def chunks(n_chunks):
        for seed in range(n_chunks):
            yield np.random.default_rng(seed).normal(size=(4, 1, 20_000)).astype(np.float32)

    def peak(n_chunks):
        tracemalloc.start()
        exact_quantiles(lambda: chunks(n_chunks), [25, 50, 75])
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    assert peak(40) < 1.5 * peak(4)
