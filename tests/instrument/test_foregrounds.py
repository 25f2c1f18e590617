"""Foregrounds and the filter that takes their mean out."""

import numpy as np
import pytest
import torch
from astropy import units as u
from scipy import stats

from skastro.exceptions import UnitMismatchError
from skastro.instrument import ChannelMeanSubtraction, PointSources, PowerLawForeground
from skastro.maps import open_maps
from skastro.utils import fingerprint

FREQUENCIES = np.array([26.5, 28.0, 30.0, 33.0])
RANDOM = [
    PowerLawForeground(2.0, frequencies=FREQUENCIES, index_spread=0.1, random_state=0),
    PointSources(20.0, frequencies=FREQUENCIES, index_spread=0.1, random_state=0),
]


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(30, 4, 16, 18)).astype(np.float32)


def added(foreground, maps, epoch=0):
    return np.asarray(foreground.fit_transform(maps).realization(epoch)).astype(float) - maps


def zeros(n, *shape):
    return np.zeros((n, *shape), dtype=np.float32)


@pytest.mark.parametrize("foreground", RANDOM, ids=lambda one: type(one).__name__)
def test_draws_have_the_keys_of_noise(maps, foreground):
    first, second = (added(foreground, maps, epoch) for epoch in (1, 2))
    assert abs(first[0] - second[0]).max() > 0.1
    assert abs(first[0] - first[1]).max() > 0.1
    np.testing.assert_array_equal(
        np.asarray(foreground.fit_transform(maps).realization(1)[[3, 1]]),
        np.asarray(foreground.fit_transform(maps).realization(1))[[3, 1]],
    )
    predicted = foreground.transform(maps)
    np.testing.assert_array_equal(predicted, foreground.transform(maps))
    np.testing.assert_array_equal(predicted[[5]], foreground.transform(maps[[5]]))
    np.testing.assert_array_equal(foreground.transform(torch.tensor(maps)).numpy(), predicted)
    assert abs(predicted - maps - first).max() > 0.1
    assert fingerprint(foreground.fit_transform(maps)) != fingerprint(open_maps(maps))


@pytest.mark.parametrize("cls", [PowerLawForeground, PointSources])
def test_when(maps, cls):
    one = cls(when="fit", frequencies=FREQUENCIES, random_state=0)
    np.testing.assert_array_equal(one.fit(maps).transform(maps), maps)
    other = cls(when="predict", frequencies=FREQUENCIES, random_state=0)
    np.testing.assert_array_equal(other.fit_transform(maps), maps)
    assert (other.transform(maps) != maps).any()


@pytest.mark.parametrize("slope", [0.0, 2.4, 3.0])
def test_angular_power_is_a_power_law(slope):
    foreground = PowerLawForeground(5.0, slope=slope, random_state=0)
    fields = added(foreground, zeros(1500, 24, 31))
    assert fields.std() == pytest.approx(5, rel=0.05)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-5)
    power = (abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    k = np.sqrt(np.fft.fftfreq(24)[:, None] ** 2 + np.fft.fftfreq(31) ** 2)
    shape = np.zeros_like(k)
    shape[k > 0] = k[k > 0] ** -slope
    want = shape / shape.sum() * 25 * (24 * 31) ** 2
    ratio = power[k > 0] / want[k > 0]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert abs(ratio - 1).max() < 6 * np.sqrt(2 / 1500)


def test_steep_fields_are_the_longest_waves():
    """Any slope is finite, and one pixel has nothing that varies."""
    fields = added(PowerLawForeground(slope=400.0, random_state=0), zeros(200, 16, 18))
    assert fields.std() == pytest.approx(1, rel=0.15)
    power = abs(np.fft.fft2(fields)) ** 2
    longest = power[:, 0, [1, -1]]
    np.testing.assert_allclose(longest.sum(axis=1), power.sum(axis=(1, 2)), rtol=1e-5)
    assert not added(PowerLawForeground(random_state=0), zeros(2, 1, 1)).any()


def test_spectrum_is_a_power_law(maps):
    foreground = PowerLawForeground(
        3.0,
        frequencies=FREQUENCIES * 1e3 * u.MHz,
        reference_frequency=28 * u.GHz,
        spectral_index=-2.5,
        random_state=0,
    )
    fields = added(foreground, zeros(20, 4, 16, 18))
    assert fields[:, 1].std() == pytest.approx(3, rel=0.2)
    for i, frequency in enumerate(FREQUENCIES):
        np.testing.assert_allclose(
            fields[:, i], fields[:, 1] * (frequency / 28) ** -2.5, rtol=1e-5, atol=1e-6
        )


def test_spread_of_the_spectral_index():
    """The index varies smoothly over the sky, with the spread asked for."""
    foreground = PowerLawForeground(
        frequencies=FREQUENCIES, spectral_index=-2.8, index_spread=0.3, random_state=0
    )
    fields = added(foreground, zeros(300, 4, 16, 18))
    ratio = fields[:, 3] / fields[:, 0]
    index = np.log(ratio) / np.log(33 / 26.5)
    good = abs(fields[:, 0]) > 0.1
    assert index[good].mean() == pytest.approx(-2.8, abs=0.02)
    assert index[good].std() == pytest.approx(0.3, rel=0.05)
    both = good[..., 1:] & good[..., :-1]
    neighbours = np.corrcoef(index[..., 1:][both], index[..., :-1][both])[0, 1]
    assert neighbours > 0.5


def test_reference_frequency_is_the_mean_by_default(maps):
    params = {"frequencies": FREQUENCIES, "random_state": 0}
    mean = FREQUENCIES.mean()
    np.testing.assert_array_equal(
        added(PowerLawForeground(**params), maps),
        added(PowerLawForeground(reference_frequency=mean, **params), maps),
    )


def test_depth_of_cubes_with_channels_is_frequency(maps):
    cubes = np.stack([maps, maps], axis=1)
    fields = added(PowerLawForeground(frequencies=FREQUENCIES, random_state=0), cubes)
    np.testing.assert_array_equal(fields[:, 0], fields[:, 1])
    np.testing.assert_allclose(
        fields[:, 0], added(PowerLawForeground(frequencies=FREQUENCIES, random_state=0), maps)
    )


def test_units(maps):
    foreground = PowerLawForeground(2 * u.mK, unit="uK", frequencies=FREQUENCIES)
    assert foreground.fit(maps).rms_ == pytest.approx(2e3)
    sources = PointSources(limits=[1, 2] * u.mK, unit="uK", frequencies=FREQUENCIES)
    assert sources.fit(maps).limits_ == pytest.approx((1e3, 2e3))
    with pytest.raises(UnitMismatchError, match="'frequencies' parameter of PowerLaw"):
        PowerLawForeground(frequencies=FREQUENCIES * u.K).fit(maps)


@pytest.mark.parametrize("cls", [PowerLawForeground, PointSources])
@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "maps have 4 frequency channels, .* Give 'frequencies'"),
        ({"frequencies": FREQUENCIES[:3]}, "'frequencies' parameter of .* must be 4 numbers"),
        ({"frequencies": -FREQUENCIES}, "'frequencies' parameter of .* must be 4 numbers"),
        ({"frequencies": FREQUENCIES, "reference_frequency": 0}, "'reference_frequency'"),
        ({"frequencies": FREQUENCIES, "index_spread": -1.0}, "'index_spread'"),
    ],
)
def test_frequencies_are_checked(maps, cls, params, words):
    with pytest.raises(ValueError, match=words):
        cls(**params).fit(maps)


@pytest.mark.parametrize("limits", [(2.0, 1.0), (0.0, 1.0), (1.0,), (1.0, 2.0, 3.0)])
def test_limits_are_checked(limits):
    with pytest.raises(ValueError, match="'limits' parameter of PointSources must be an incr"):
        PointSources(limits=limits).fit(zeros(2, 7, 8))


def test_number_of_sources_is_poisson():
    sources = PointSources(6.0, limits=(1.0, 1.0001), random_state=0)
    counts = added(sources, zeros(2000, 13, 17)).sum(axis=(1, 2)).round()
    assert counts.mean() == pytest.approx(6, abs=4 * np.sqrt(6 / 2000))
    assert counts.var() == pytest.approx(6, rel=4 * np.sqrt(2 / 2000) + 0.02)


def test_places_are_uniform():
    sources = PointSources(50.0, limits=(1.0, 1.0001), random_state=0)
    hits = added(sources, zeros(400, 7, 9)).sum(axis=0).round()
    assert stats.chisquare(hits.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("slope", [1.0, 1.8, 2.5])
def test_counts_are_a_power_law(slope):
    sources = PointSources(0.2, limits=(2.0, 50.0), count_slope=slope, random_state=0)
    cells = added(sources, zeros(4000, 40, 40))
    alone = (cells > 0).sum(axis=(1, 2)) == 1
    brightness = cells[alone].max(axis=(1, 2))
    assert 1.999 < brightness.min() < brightness.max() < 50.01
    power = 1 - slope
    if slope == 1.0:
        cumulative = np.log(brightness / 2) / np.log(25)
    else:
        cumulative = (brightness**power - 2**power) / (50**power - 2**power)
    assert stats.kstest(cumulative, "uniform").pvalue > 1e-3


def test_spectra_of_sources():
    params = {"limits": (5.0, 50.0), "frequencies": FREQUENCIES, "random_state": 0}
    cells = added(PointSources(1.0, index_spread=0.4, **params), zeros(1500, 4, 30, 30))
    lit = cells[:, 0] > 0
    index = np.log(cells[:, 3][lit] / cells[:, 0][lit]) / np.log(33 / 26.5)
    assert index.mean() == pytest.approx(-2.71, abs=4 * 0.4 / np.sqrt(lit.sum()))
    assert index.std() == pytest.approx(0.4, rel=0.1)
    cells = added(PointSources(1.0, **params), zeros(50, 4, 30, 30))
    mean = FREQUENCIES.mean()
    lit = cells[:, 2] > 0
    for i, frequency in enumerate(FREQUENCIES):
        np.testing.assert_allclose(
            cells[:, i][lit], cells[:, 2][lit] * (frequency / 30) ** -2.71, rtol=1e-5
        )
    at_reference = cells[:, 2][lit] * (mean / 30) ** -2.71
    assert at_reference.min() > 4.99


def test_no_sources():
    np.testing.assert_array_equal(added(PointSources(0), zeros(3, 7, 8)), 0)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, open_maps])
@pytest.mark.parametrize("shape", [(9,), (8, 9), (7, 8, 9), (2, 7, 8, 9)])
def test_channel_means_are_subtracted(kind, shape):
    maps = np.random.default_rng(0).normal(1e3, 2.0, size=(5, *shape)).astype(np.float32)
    axes = (-2, -1) if len(shape) > 1 else -1
    want = maps - maps.astype(float).mean(axis=axes, keepdims=True)
    got = ChannelMeanSubtraction().fit(maps).transform(kind(maps))
    np.testing.assert_allclose(np.asarray(got), want, atol=2e-4)
    np.testing.assert_allclose(np.asarray(got).mean(axis=axes), 0, atol=1e-4)


def test_channel_mean_subtraction_takes_out_offsets_of_channels(maps):
    offsets = np.arange(4.0).reshape(4, 1, 1)
    subtraction = ChannelMeanSubtraction().fit(maps)
    np.testing.assert_allclose(
        subtraction.transform(maps + offsets), subtraction.transform(maps), atol=1e-6
    )
    tensor = torch.tensor(maps, requires_grad=True)
    subtraction.transform(tensor)[0, 0, 0, 0].backward()
    assert tensor.grad[0, 0, 0, 0].item() == pytest.approx(1 - 1 / (16 * 18))
