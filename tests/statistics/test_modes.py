"""Bins of wavenumber: their edges, and how often modes are sorted into them."""

import pickle

import numpy as np
import pytest

from skastro.statistics import PowerSpectrum, _power_spectrum


def noise(*shape):
    """Independent standard normal numbers."""
    return np.random.default_rng(0).normal(size=shape)


def test_bins():
    """Edges span what was asked; a bin without modes is joined to the one below."""
    X = noise(1, 20, 20)
    spectrum = PowerSpectrum(9, box_size=2 * np.pi, binning="linear").fit(X)
    np.testing.assert_allclose(spectrum.k_edges_, np.arange(1, 11))
    np.testing.assert_array_equal(spectrum.n_modes_[:2], [8, 16])
    log = PowerSpectrum(20, box_size=2 * np.pi).fit(X)
    assert len(log.k_) < 20
    assert (log.n_modes_ > 0).all()
    assert log.n_modes_.sum() == spectrum.n_modes_.sum()
    assert set(log.k_edges_) < set(np.geomspace(1, 10, 21))
    few = PowerSpectrum(2, box_size=2 * np.pi, k_range=(2.5, 4.5), binning="linear").fit(X)
    np.testing.assert_allclose(few.k_edges_, [2.5, 3.5, 4.5])
    np.testing.assert_array_equal(few.n_modes_, [16, 32])


@pytest.mark.parametrize("window", [None, "tsc"])
def test_modes_are_sorted_once(monkeypatch, window):
    """Fit sorts the modes; only what comes out of a pickle, or has a new window, sorts again."""
    calls = []
    sort = _power_spectrum.bin_modes
    monkeypatch.setattr(
        _power_spectrum, "bin_modes", lambda *given: calls.append(given) or sort(*given)
    )
    X = noise(3, 2, 32, 36)
    spectrum = PowerSpectrum(20, cross=True, window=window).fit(X)
    assert len(spectrum.k_) < 20
    expected = spectrum.transform(X)
    spectrum.transform(X)
    assert len(calls) == 1
    data = pickle.dumps(spectrum)
    assert len(data) < 8 * 32 * 19
    copy = pickle.loads(data)
    for _ in range(2):
        np.testing.assert_array_equal(copy.transform(X), expected)
    assert len(calls) == 2
    other = copy.set_params(window="cic").transform(X)
    assert len(calls) == 3
    np.testing.assert_array_equal(
        other, PowerSpectrum(20, cross=True, window="cic").fit_transform(X)
    )
    assert (other != expected).any()
    larger = noise(3, 2, 36, 40)
    again = PowerSpectrum(20, cross=True, window=window).fit_transform(larger)
    np.testing.assert_array_equal(spectrum.fit(larger).transform(larger), again)
