"""Logarithms of maps, against the formulas."""

import numpy as np
import pytest

from skastro.maps import open_maps
from skastro.preprocessing import SignedLog


def draw(shape=(6, 3, 7, 8), seed=0):
    """Values of either sign over twelve decades, zeros among them."""
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.uniform(-6, 6, size=shape) * rng.choice([-1, 0, 1], size=shape)
    return values.astype(np.float32)


@pytest.mark.parametrize("shape", [(6, 9), (6, 8, 9), (6, 3, 8, 9), (6, 3, 7, 8, 9)])
@pytest.mark.parametrize("scale", [1.0, 2e-3, 40])
def test_signed(shape, scale):
    values = draw(shape)
    log = SignedLog(scale)
    got = log.fit_transform(values)
    exact = values.astype(np.float64)
    want = np.sign(exact) * np.log10(1 + np.abs(exact) / scale)
    np.testing.assert_allclose(got, want, rtol=2e-6)
    assert got.dtype == np.float32
    assert log.floor_ is None
    assert log.n_floored_ is None
    np.testing.assert_allclose(log.inverse_transform(got), values, rtol=2e-5)


def test_signed_is_linear_near_zero():
    tiny = np.array([[1e-12, -3e-9, 0.0, -0.0]], dtype=np.float32)
    got = SignedLog(10.0).fit_transform(tiny)
    np.testing.assert_allclose(got, tiny / 10 / np.log(10), rtol=1e-6)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(tiny))


@pytest.mark.parametrize("mode", ["signed", "floor"])
def test_scale_of_each_channel(mode):
    values, scale = np.abs(draw()) + 1e-3, [1e-2, 1.0, 500.0]
    together = SignedLog(scale, mode=mode).fit(values)
    np.testing.assert_array_equal(together.scale_, scale)
    for channel in range(3):
        alone = SignedLog(scale[channel], mode=mode).fit_transform(values[:, channel])
        np.testing.assert_allclose(together.transform(values)[:, channel], alone, rtol=1e-6)
    np.testing.assert_allclose(
        together.inverse_transform(together.transform(values)), values, rtol=3e-5
    )


def test_planes_are_channels_or_depth():
    values = draw()
    assert SignedLog([1, 2, 3], dim=2).fit(values).scale_.shape == (3,)
    with pytest.raises(ValueError, match="'scale' parameter of SignedLog must be one number"):
        SignedLog([1, 2, 3], dim=3).fit(values)


@pytest.mark.parametrize("lazy", [False, True])
def test_floor_is_learned_and_recorded(lazy):
    values = draw()
    log = SignedLog(scale=100.0, mode="floor").fit(open_maps(values) if lazy else values)
    for channel in range(3):
        cells = values[:, channel]
        assert log.floor_[channel] == cells[cells > 0].min()
        assert log.n_floored_[channel] == (cells <= 0).sum()
    floor = log.floor_[:, None, None]
    want = np.log10(np.maximum(values, floor) / 100)
    np.testing.assert_allclose(log.transform(values), want, rtol=2e-6, atol=1e-6)


def test_floor_is_learned_over_chunks(monkeypatch):
    values = draw((40, 3, 7, 8))
    maps = open_maps(values)
    monkeypatch.setattr(type(maps).chunks, "__defaults__", (3 * values[0].nbytes,))
    lazy, eager = SignedLog(mode="floor").fit(maps), SignedLog(mode="floor").fit(values)
    np.testing.assert_array_equal(lazy.floor_, eager.floor_)
    np.testing.assert_array_equal(lazy.n_floored_, eager.n_floored_)


@pytest.mark.parametrize("floor", [0.5, [0.5, 1e-4, 30.0]])
def test_given_floor(floor):
    values = draw()
    log = SignedLog(mode="floor", floor=floor).fit(values)
    floor = np.broadcast_to(floor, 3)
    np.testing.assert_array_equal(log.floor_, floor)
    below = values < floor[:, None, None].astype(np.float32)
    np.testing.assert_array_equal(log.n_floored_, below.sum(axis=(0, 2, 3)))
    want = np.log10(np.maximum(values, floor[:, None, None]))
    np.testing.assert_allclose(log.transform(values), want, rtol=2e-6, atol=1e-6)
    restored = log.inverse_transform(log.transform(values))
    np.testing.assert_allclose(restored[~below], values[~below], rtol=1e-5)


def test_value_at_the_floor_is_not_floored():
    values = np.full((2, 7, 8), 0.7, dtype=np.float32)
    assert SignedLog(mode="floor", floor=0.7).fit(values).n_floored_ == 0


def test_other_maps_may_lie_below_the_floor():
    log = SignedLog(mode="floor").fit(np.full((2, 7, 8), 10.0))
    got = log.transform(np.array([[[0.0, -5.0, 3.0, 10.0, 1000.0]]]))
    np.testing.assert_allclose(got, [[[1, 1, 1, 1, 3]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "scale", "floor"),
    [(1e-35, 1e30, None), (1e-35, 1e30, 1.2e-38), (1e34, 1e-30, None), (1.0, 1.0, 1.2e-38)],
)
def test_minus_infinity_never_appears(unit, scale, floor):
    values = np.array([[[0.0, -1.0, 1.0, 3000.0]]]) * unit
    got = SignedLog(scale, mode="floor", floor=floor).fit_transform(values)
    least = np.log10(unit if floor is None else floor)
    want = [least, least, np.log10(unit), np.log10(unit) + np.log10(3000)]
    np.testing.assert_allclose(got[0, 0], want - np.log10(scale), rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_nothing_above_zero(lazy):
    values = np.ones((2, 3, 7, 8))
    values[:, 1] = -1
    with pytest.raises(ValueError, match=r"no value above zero in channel 1 of X\. Give 'floor'"):
        SignedLog(mode="floor").fit(open_maps(values) if lazy else values)
    log = SignedLog(mode="floor", floor=1.0).fit(values)
    np.testing.assert_array_equal(log.n_floored_, [0, 112, 0])


@pytest.mark.parametrize("name", ["scale", "floor"])
@pytest.mark.parametrize("value", [0, -1.0, [1.0, 0.0, 1.0], [1.0, 2.0], [[1.0]], 1e-300, 1e40,
                                   [1.0, np.nan, 1.0], [1.0, np.inf, 1.0]])  # fmt: skip
def test_numbers_that_are_refused(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SignedLog must be"):
        SignedLog(mode="floor", **{name: value}).fit(draw())


def test_bad_value_in_lazy_maps_is_found_when_the_floor_is_learned():
    values = draw()
    values[4, 2, 6, 1] = np.inf
    with pytest.raises(ValueError, match=r"SignedLog.*sample 4, channel 2, cell \(6, 1\)"):
        SignedLog(mode="floor").fit(open_maps(values))


def test_refit_forgets_the_floor():
    values = draw()
    log = SignedLog(mode="floor").fit(values).set_params(mode="signed").fit(values)
    assert log.floor_ is None
