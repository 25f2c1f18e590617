"""Agreement of fields at each wavenumber."""

import numpy as np
import pytest
from astropy import units

from skastro.exceptions import MapShapeError
from skastro.maps import open_maps
from skastro.metrics import cross_correlation_coefficient, power_ratio
from skastro.statistics import PowerSpectrum

RNG = np.random.default_rng(0)
BOXES = {1: ((40,), (80.0,)), 2: ((14, 15), (21.0, 30.0)), 3: ((7, 8, 9), (21.0, 16.0, 18.0))}
both = pytest.mark.parametrize("score", [cross_correlation_coefficient, power_ratio])


def pair(*shape):
    """Fields with an offset, and predictions that share some of them."""
    truth = 5 + RNG.normal(size=shape)
    return truth, 0.4 * truth + 0.3 * RNG.normal(size=shape)


def by_hand(truth, pred, lengths, edges):
    """Spectra by a loop over all modes of the full transform."""
    a, b = np.fft.fftn(truth), np.fft.fftn(pred)
    sizes = zip(truth.shape, lengths, strict=True)
    axes = [2 * np.pi * np.fft.fftfreq(n, length / n) for n, length in sizes]
    sums = np.zeros((5, len(edges) - 1))
    for mode in np.ndindex(truth.shape):
        k = np.sqrt(sum(axis[i] ** 2 for axis, i in zip(axes, mode, strict=True)))
        if 0 < k <= edges[-1] * (1 + 1e-9):
            bin_ = min(np.searchsorted(edges * (1 - 1e-9), k, side="right") - 1, len(edges) - 2)
            x, y = a[mode], b[mode]
            sums[:, bin_] += [1, k, abs(x) ** 2, abs(y) ** 2, (x * y.conjugate()).real]
    n, k, tt, pp, tp = sums[:, sums[0] > 0]
    return k / n, tp / np.sqrt(tt * pp), pp / tt


def test_coefficient_stays_in_its_range():
    """Rounding does not make it more than 1."""
    truth = np.random.default_rng(5).normal(size=(50, 7, 8, 9))
    for factor in (0.3, -0.3):
        r = cross_correlation_coefficient(truth, factor * truth, dim=3)[1]
        assert np.abs(r).max() <= 1


@pytest.mark.parametrize("binning", ["log", "linear"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_against_a_loop_over_all_modes(dim, binning):
    """Wavenumbers, coefficient and ratio, with unequal axes and cells."""
    spatial, lengths = BOXES[dim]
    truth, pred = pair(3, *spatial)
    sides = np.array(lengths) / spatial
    low, high = 2 * np.pi / max(lengths), np.pi / max(sides)
    spaced = np.geomspace if binning == "log" else np.linspace
    edges = spaced(low, high, 6)
    options = {"box_size": lengths, "n_bins": 5, "binning": binning, "dim": dim}
    k, r = cross_correlation_coefficient(truth, pred, **options)
    same_k, ratio = power_ratio(truth, pred, **options)
    assert r.shape == ratio.shape == (3, len(k))
    for i in range(3):
        expected = by_hand(truth[i], pred[i], lengths, edges)
        np.testing.assert_allclose(k, expected[0], rtol=1e-9)
        np.testing.assert_allclose(same_k, expected[0], rtol=1e-9)
        np.testing.assert_allclose(r[i], expected[1], rtol=1e-9)
        np.testing.assert_allclose(ratio[i], expected[2], rtol=1e-9)


def test_bins_are_those_of_the_power_spectrum():
    """With `PowerSpectrum` on the two fields as channels, numbers agree to float32."""
    truth, pred = pair(2, 12, 12)
    spectrum = PowerSpectrum(6, box_size=96 * units.Mpc, cross=True)
    tt, pp, tp = np.split(spectrum.fit_transform(np.stack([truth, pred], 1)), 3, axis=1)
    k, r = cross_correlation_coefficient(truth, pred, box_size=96 * units.Mpc, n_bins=6)
    np.testing.assert_array_equal(k, spectrum.k_)
    np.testing.assert_allclose(r, tp / np.sqrt(tt * pp), rtol=1e-5)
    _, ratio = power_ratio(truth, pred, box_size=96.0, n_bins=6)
    np.testing.assert_allclose(ratio, pp / tt, rtol=1e-5)


def test_amplitude_and_place():
    """A factor changes the ratio alone, and a sign or a shift the coefficient."""
    truth, _ = pair(2, 7, 8, 9)
    for factor in (0.5, -3.0):
        _, r = cross_correlation_coefficient(truth, factor * truth + 7, dim=3)
        np.testing.assert_allclose(r, np.sign(factor), rtol=1e-12)
        np.testing.assert_allclose(power_ratio(truth, factor * truth, dim=3)[1], factor**2)
    moved = np.roll(truth, (1, 2, 3), axis=(1, 2, 3))
    np.testing.assert_allclose(power_ratio(truth, moved, dim=3)[1], 1)
    assert (cross_correlation_coefficient(truth, moved, dim=3)[1] < 0.9).all()


@both
def test_channels(score):
    """Each channel has its own row, and an axis of one channel stays."""
    truth, pred = pair(3, 2, 7, 8, 9)
    k, found = score(truth, pred, n_bins=4)
    assert found.shape == (3, 2, len(k))
    for channel in range(2):
        alone = score(truth[:, channel], pred[:, channel], n_bins=4, dim=3)[1]
        np.testing.assert_array_equal(found[:, channel], alone)
    assert score(truth[:, :1], pred[:, :1], n_bins=4)[1].shape == (3, 1, len(k))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_constant_fields(value):
    """What has no power gives NaN and no warning, and only where it is asked of."""
    truth, pred = pair(3, 9, 10)
    pred[1] = value
    assert np.isnan(cross_correlation_coefficient(truth, pred)[1]).all(axis=1).tolist() == [
        False,
        True,
        False,
    ]
    np.testing.assert_array_equal(power_ratio(truth, pred)[1][1], 0)
    assert np.isnan(power_ratio(pred, truth)[1]).all(axis=1).tolist() == [False, True, False]


def test_bins_without_power():
    """A plane wave has power in one bin; rounding in the others is none."""
    wave = np.cos(2 * np.pi * 3 * np.arange(32) / 32)[None] + 4
    k, r = cross_correlation_coefficient(wave, 2 * wave, box_size=2 * np.pi, n_bins=15)
    assert k[~np.isnan(r[0])] == pytest.approx(3)
    assert np.nanmax(r) == pytest.approx(1)
    assert np.isnan(power_ratio(wave, wave)[1]).sum() > 0


@both
def test_lazy_fields(score):
    """Lazy fields give the numbers of arrays."""
    truth, pred = (values.astype("float32") for values in pair(3, 7, 8, 9))
    expected = score(truth, pred, dim=3, n_bins=4)[1]
    found = score(open_maps(truth), open_maps(pred), dim=3, n_bins=4)[1]
    np.testing.assert_array_equal(found, expected)


@both
def test_errors(score):
    """The function and the parameter are named."""
    truth, pred = pair(3, 8, 9)
    for options, parameter in (
        ({"box_size": 25.0}, "box_size"),
        ({"box_size": -1.0}, "box_size"),
        ({"n_bins": 0}, "n_bins"),
        ({"n_bins": 2.5}, "n_bins"),
        ({"binning": "cubic"}, "binning"),
    ):
        with pytest.raises(ValueError, match=f"'{parameter}' parameter of {score.__name__}"):
            score(truth, pred, **options)
    with pytest.raises(MapShapeError, match=score.__name__):
        score(truth, pred, dim=3)
    with pytest.raises(MapShapeError, match=f"{score.__name__} takes fields with two cells"):
        score(truth[:, :1, :1], pred[:, :1, :1])
    with pytest.raises(ValueError, match=f"{score.__name__} takes y_true and y_pred of one shape"):
        score(truth, pred[:2])
    pred[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=rf"{score.__name__}: y_pred .* sample 2 at \(3, 4\)"):
        score(truth, pred)
