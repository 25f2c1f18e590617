"""Transforms that lazy maps still have to apply: order, realizations, independence of refits."""

import numpy as np
import pytest

from skastro.maps import InvertibleMixin, LazyMaps, MapTransformer, open_maps


class Affine(InvertibleMixin, MapTransformer):
    """Times a factor, plus the mean of the training maps."""

    _parameter_constraints = {}

    def __init__(self, factor=1.0):
        self.factor = factor

    def _fit(self, X):
        self.mean_ = np.float32(np.mean([chunk.mean() for chunk in self._chunks(X)]))

    def _apply(self, batch):
        return batch * np.float32(self.factor) + self.mean_

    def _apply_inverse(self, batch):
        return (batch - self.mean_) / np.float32(self.factor)


class FirstColumn(MapTransformer):
    """Keeps one column, so that the shape of a sample changes."""

    _parameter_constraints = {}

    def _sample_shape(self, shape):
        return shape[:-1]

    def _apply(self, batch):
        return batch[..., 0]


class Noise(MapTransformer):
    """Adds one number to each sample, drawn from seed, epoch and row of the source."""

    _parameter_constraints = {}
    _random = True

    def __init__(self, random_state=0):
        self.random_state = random_state

    def _apply(self, batch):
        return self._apply_random(batch, range(len(batch)), 0)

    def _apply_random(self, batch, samples, epoch):
        draws = [np.random.default_rng((self.random_state, epoch, s)).normal() for s in samples]
        return batch + np.float32(draws).reshape(-1, *[1] * (batch.ndim - 1))


def draw(seed, epoch, sample):
    return np.float32(np.random.default_rng((seed, epoch, sample)).normal())


def test_steps_are_applied_in_order(stored, values):
    column = values[..., 0]
    affine = Affine(2.0).fit(column)
    maps = affine.transform(FirstColumn().fit(stored).transform(stored[4:9]))
    assert isinstance(maps, LazyMaps)
    assert maps.shape == (5, 2, 5)
    np.testing.assert_allclose(
        np.asarray(maps[[3, 0]]), 2 * column[[7, 4]] + column.mean(), rtol=1e-6
    )
    assert repr(maps).endswith("steps=[FirstColumn, Affine])")


def test_one_sample_and_iteration_see_the_steps(stored, values):
    maps = Affine(3.0).fit(values).transform(stored)
    want = 3 * values + values.mean()
    np.testing.assert_allclose(maps[-2], want[-2], rtol=1e-6)
    np.testing.assert_allclose(list(maps), want, rtol=1e-6)


def test_with_step_leaves_the_original(stored, values):
    affine = Affine(2.0).fit(values)
    stored.with_step(affine)
    assert stored.steps == ()
    np.testing.assert_array_equal(np.asarray(stored), values)


def test_inverse(stored, values):
    affine = Affine(2.0).fit(stored)
    back = affine.inverse_transform(affine.transform(stored))
    assert "steps=[Affine, Affine.inverse]" in repr(back)
    np.testing.assert_allclose(np.asarray(back), values, rtol=1e-4)


def test_refitting_does_not_change_lazy_maps(stored, values):
    affine = Affine(2.0).fit(values)
    maps = affine.transform(stored)
    inverse = affine.inverse_transform(stored)
    before = np.asarray(maps), np.asarray(inverse)
    affine.set_params(factor=5.0).fit(values + 100)
    np.testing.assert_array_equal(np.asarray(maps), before[0])
    np.testing.assert_array_equal(np.asarray(inverse), before[1])
    assert not np.allclose(np.asarray(affine.transform(stored)), before[0])


def test_step_that_does_not_fit_the_shape_fails_at_once(stored):
    class Square(MapTransformer):
        _parameter_constraints = {}

        def _sample_shape(self, shape):
            if shape[-1] != shape[-2]:
                raise ValueError("not square")
            return shape

        def _apply(self, batch):
            return batch

    with pytest.raises(ValueError, match="not square"):
        stored.with_step(Square())


def test_realizations_differ_by_epoch_and_row(stored, values):
    noisy = Noise(7).fit(stored).transform(stored)
    noise = {epoch: np.asarray(noisy.realization(epoch)) - values for epoch in (0, 1, 5)}
    for epoch, added in noise.items():
        want = np.array([draw(7, epoch, sample) for sample in range(23)])
        np.testing.assert_allclose(
            added, np.broadcast_to(want[:, None, None, None], added.shape), atol=1e-3
        )
    assert len({float(added[0, 0, 0, 0]) for added in noise.values()}) == 3
    np.testing.assert_array_equal(np.asarray(noisy), np.asarray(noisy.realization(0)))


def test_realization_does_not_depend_on_order_or_chunks(stored):
    noisy = Noise().fit(stored).transform(stored).realization(3)
    whole = np.asarray(noisy)
    order = np.random.default_rng(0).integers(0, 23, size=40)
    np.testing.assert_array_equal(np.asarray(noisy[order]), whole[order])
    np.testing.assert_array_equal(np.concatenate(list(noisy[order].chunks(1))), whole[order])
    np.testing.assert_array_equal(np.asarray(noisy[order[::-1]][::2]), whole[order[::-1]][::2])
    np.testing.assert_array_equal(noisy[11], whole[11])


def test_realization_is_kept_by_what_follows(stored):
    noisy = Noise().fit(stored).transform(stored).realization(4)
    column = FirstColumn().fit(noisy).transform(noisy)
    assert noisy[2:5].epoch == column[[1]].epoch == 4
    np.testing.assert_array_equal(np.asarray(column[5:7]), np.asarray(noisy)[5:7, ..., 0])


def test_realization_leaves_the_original(stored):
    noisy = Noise().fit(stored).transform(stored)
    before = np.asarray(noisy)
    noisy.realization(9)
    np.testing.assert_array_equal(np.asarray(noisy), before)


def test_realization_without_random_steps_changes_nothing(stored, values):
    np.testing.assert_array_equal(np.asarray(stored.realization(8)), values)


def test_fits_in_chunks(values):
    affine = Affine().fit(open_maps(values))
    np.testing.assert_allclose(affine.mean_, values.mean(), rtol=1e-6)
