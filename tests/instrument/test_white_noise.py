"""White noise: its statistics, and what each draw depends on."""

import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone

from skastro.instrument import WhiteNoise
from skastro.maps import LazyMaps, open_maps
from skastro.preprocessing import BlockPool, CubeSlicer
from skastro.utils import fingerprint

SHAPE = (7, 8, 9)


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(40, *SHAPE)).astype(np.float32)


def training_noise(noise, maps, epoch=0):
    return np.asarray(noise.fit_transform(maps).realization(epoch)) - maps


def prediction_noise(noise, maps):
    return noise.fit(maps).transform(maps) - maps


def assert_unrelated(*parts):
    """Each pair of arrays of white noise is uncorrelated, within 5 standard errors."""
    flat = np.stack([np.ravel(part) for part in parts])
    correlation = np.corrcoef(flat)[np.triu_indices(len(flat), 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(flat.shape[1])


@pytest.mark.parametrize("added", [training_noise, prediction_noise])
def test_noise_is_gaussian_with_the_level_given(maps, added):
    cells = added(WhiteNoise(3.0, random_state=1), maps).ravel() / 3
    n = len(cells)
    assert abs(cells.mean()) < 4 / np.sqrt(n)
    assert abs(cells.var() - 1) < 4 * np.sqrt(2 / n)
    assert stats.kstest(cells, "norm").pvalue > 1e-3


@pytest.mark.parametrize("added", [training_noise, prediction_noise])
def test_noise_is_white(maps, added):
    """Neighbours along each axis, samples included, and all Fourier modes are alike."""
    cells = added(WhiteNoise(2.0, random_state=3), maps).astype(float) / 2
    for axis in range(4):
        for lag in (1, 2):
            moved = np.moveaxis(cells, axis, 0)
            products = moved[lag:] * moved[:-lag]
            assert abs(products.mean()) < 4.5 / np.sqrt(products.size)
    power = (abs(np.fft.fftn(cells, axes=(1, 2, 3), norm="ortho")) ** 2).mean(axis=0)
    assert abs(power - 1).max() < 6 * np.sqrt(2 / len(cells))


def test_epochs_rows_and_sides_are_independent(maps):
    noise = WhiteNoise(random_state=0)
    parts = [training_noise(noise, maps, epoch) for epoch in (0, 1, 2)]
    assert_unrelated(*parts, prediction_noise(noise, maps))
    assert_unrelated(*parts[1][:6])
    assert_unrelated(*prediction_noise(noise, maps)[:6])
    assert_unrelated(parts[0][:-1], parts[1][1:])


def test_seeds_are_independent(maps):
    parts = [training_noise(WhiteNoise(random_state=seed), maps) for seed in (0, 1, 2**32 - 1)]
    assert_unrelated(*parts)


def test_a_training_draw_depends_on_seed_epoch_and_row_alone(maps):
    noisy = WhiteNoise(2.0, random_state=5).fit_transform(maps).realization(3)
    whole = np.asarray(noisy)
    order = np.random.default_rng(1).permutation(len(maps))
    np.testing.assert_array_equal(np.asarray(noisy[order]), whole[order])
    np.testing.assert_array_equal(np.concatenate(list(noisy.chunks(1))), whole)
    np.testing.assert_array_equal(noisy[11], whole[11])
    others = WhiteNoise(2.0, random_state=5).fit_transform(maps + 1).realization(3)
    np.testing.assert_allclose(np.asarray(others) - whole, 1, atol=2e-6)


def test_a_prediction_draw_depends_on_seed_and_map_alone(maps):
    noise = WhiteNoise(2.0, random_state=5).fit(maps)
    whole = noise.transform(maps)
    np.testing.assert_array_equal(whole, noise.transform(maps))
    np.testing.assert_array_equal(noise.transform(maps[[4, 9]]), whole[[4, 9]])
    again = WhiteNoise(2.0, random_state=5).fit(maps[:3])
    np.testing.assert_array_equal(again.transform(maps[::-1])[::-1], whole)
    changed = maps.copy()
    changed[7, 0, 0, 0] = np.nextafter(changed[7, 0, 0, 0], np.float32(9))
    assert_unrelated((noise.transform(changed) - changed)[7], (whole - maps)[7])


def test_equal_maps_have_equal_noise_in_prediction_and_not_in_training():
    maps = np.zeros((2, *SHAPE), dtype=np.float32)
    noise = WhiteNoise(random_state=0)
    assert_unrelated(*training_noise(noise, maps))
    first, second = noise.transform(maps)
    np.testing.assert_array_equal(first, second)


def test_when(maps):
    fit_only = WhiteNoise(when="fit", random_state=0)
    np.testing.assert_array_equal(fit_only.fit(maps).transform(maps), maps)
    np.testing.assert_array_equal(np.asarray(fit_only.transform(open_maps(maps))), maps)
    assert (np.asarray(fit_only.fit_transform(maps)) != maps).any()
    predict_only = WhiteNoise(when="predict", random_state=0)
    np.testing.assert_array_equal(predict_only.fit_transform(maps), maps)
    lazy = predict_only.fit_transform(open_maps(maps))
    assert isinstance(lazy, LazyMaps)
    np.testing.assert_array_equal(np.asarray(lazy.realization(2)), maps)
    both = WhiteNoise(random_state=0)
    np.testing.assert_array_equal(
        predict_only.transform(maps), both.fit(maps).transform(open_maps(maps))
    )


def test_a_training_step_does_not_make_predictions_random_by_epoch(maps):
    noise = WhiteNoise(random_state=0)
    noise.fit_transform(maps)
    lazy = noise.transform(open_maps(maps))
    np.testing.assert_array_equal(np.asarray(lazy), noise.transform(maps))
    np.testing.assert_array_equal(np.asarray(lazy.realization(4)), np.asarray(lazy))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_have_the_values_of_arrays(maps, dtype):
    noise = WhiteNoise((0.5, 2.0), random_state=2)
    tensor = torch.tensor(maps, dtype=dtype)
    got = noise.fit(tensor).transform(tensor)
    assert isinstance(got, torch.Tensor)
    assert got.dtype == torch.float32
    np.testing.assert_array_equal(got.numpy(), noise.transform(maps))
    np.testing.assert_array_equal(
        np.asarray(noise.fit_transform(tensor).realization(1)),
        np.asarray(noise.fit_transform(maps).realization(1)),
    )


def test_gradients_pass(maps):
    tensor = torch.from_numpy(maps).requires_grad_()
    noise = WhiteNoise(random_state=0).fit(maps)
    (2 * noise.transform(tensor)).sum().backward()
    np.testing.assert_array_equal(tensor.grad.numpy(), np.full_like(maps, 2))


@pytest.mark.parametrize("added", [training_noise, prediction_noise])
def test_range_of_levels(added):
    """The level of each map is uniform between the limits."""
    maps = np.random.default_rng(0).normal(size=(300, 40, 50)).astype(np.float32)
    levels = added(WhiteNoise((2.0, 6.0), random_state=0), maps).std(axis=(1, 2))
    assert stats.kstest((levels - 2) / 4, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(levels[1:], levels[:-1])[0, 1]) < 5 / np.sqrt(300)


def test_levels_are_drawn_anew_in_each_epoch(maps):
    noisy = WhiteNoise((0.0, 10.0), random_state=0).fit_transform(maps)
    levels = [(np.asarray(noisy.realization(epoch)) - maps).std(axis=(1, 2, 3)) for epoch in (1, 2)]
    assert np.median(abs(levels[0] - levels[1])) > 1


@pytest.mark.parametrize(("pooling", "want"), [("sum", np.sqrt(24)), ("mean", 1 / np.sqrt(24))])
def test_pooled_noise_is_that_of_native_cells_after_pooling(pooling, want):
    native = np.random.default_rng(0).normal(size=(60, 4, 12, 16)).astype(np.float32)
    pool = BlockPool((2, 3, 4), func=pooling, dim=3).fit(native)
    expected = pool.transform(WhiteNoise(5.0, random_state=1).fit(native).transform(native))
    expected -= pool.transform(native)
    pooled = pool.transform(native)
    noise = WhiteNoise(5.0, n_pooled=24, pooling=pooling, random_state=2)
    got = prediction_noise(noise, pooled)
    assert noise.sigma_ == pytest.approx(5 * want)
    tolerance = 4 / np.sqrt(2 * got.size)
    assert got.std() / (5 * want) == pytest.approx(1, abs=tolerance)
    assert expected.std() / (5 * want) == pytest.approx(1, abs=tolerance)
    assert stats.ks_2samp(got.ravel(), expected.ravel()).pvalue > 1e-3


def test_sigma_of_zero_changes_nothing(maps):
    np.testing.assert_array_equal(WhiteNoise(0).fit(maps).transform(maps), maps)
    np.testing.assert_array_equal(np.asarray(WhiteNoise(0).fit_transform(maps)), maps)


def test_random_state():
    maps = np.random.default_rng(0).normal(size=(2, 7, 8))
    drawn = [WhiteNoise().fit(maps).seed_ for _ in range(2)]
    assert drawn[0] != drawn[1]
    assert WhiteNoise(random_state=2**32 - 1).fit(maps).seed_ == 2**32 - 1
    shared = np.random.RandomState(0)
    first = WhiteNoise(random_state=shared).fit(maps).seed_
    assert first != WhiteNoise(random_state=shared).fit(maps).seed_
    assert first == WhiteNoise(random_state=np.random.RandomState(0)).fit(maps).seed_


def test_pieces_of_a_cube_share_its_noise():
    cubes = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    noisy = WhiteNoise(random_state=0).fit_transform(cubes).realization(2)
    pieces = CubeSlicer(axis=1).cut(noisy)
    np.testing.assert_array_equal(np.asarray(pieces), CubeSlicer(axis=1).cut(np.asarray(noisy)))


def test_pickles_and_refits_keep_lazy_maps(maps):
    noise = WhiteNoise(2.0, random_state=0)
    lazy = noise.fit_transform(open_maps(maps))
    before = np.asarray(lazy.realization(2))
    again = pickle.loads(pickle.dumps(lazy))
    np.testing.assert_array_equal(np.asarray(again.realization(2)), before)
    noise.set_params(sigma=5.0, random_state=1).fit(maps)
    np.testing.assert_array_equal(np.asarray(lazy.realization(2)), before)
    assert joblib.hash(clone(noise)) == joblib.hash(clone(noise))


def test_fingerprint_tells_parameters_seeds_and_sides(maps):
    lazy = open_maps(maps)
    training = [
        WhiteNoise(**params).fit_transform(lazy)
        for params in (
            {"random_state": 0},
            {"random_state": 1},
            {"random_state": 0, "sigma": 2.0},
            {"random_state": 0, "n_pooled": 2},
            {"random_state": 0, "sigma": (0.0, 1.0)},
        )
    ]
    noise = WhiteNoise(random_state=0).fit(lazy)
    names = [fingerprint(maps) for maps in (*training, noise.transform(lazy), lazy)]
    assert len(set(names)) == len(names)
    assert fingerprint(WhiteNoise(random_state=0).fit_transform(lazy)) == names[0]
    assert fingerprint(training[0].realization(1)) != names[0]


def test_fingerprint_does_not_know_what_random_state_did_since(maps):
    shared = np.random.RandomState(0)
    lazy = WhiteNoise(random_state=shared).fit_transform(maps)
    before = fingerprint(lazy)
    shared.normal()
    assert fingerprint(lazy) == before
