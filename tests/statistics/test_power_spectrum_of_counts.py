"""Shot noise of counts of particles, and the spectra of powerbox."""

import numpy as np
import pytest

from skastro.statistics import PowerSpectrum


def painted(cloud, n_lines, n_particles, n_cells, rng):
    """Counts of particles at random places of periodic lines, by cloud in cell or its kin."""
    x = rng.uniform(0, n_cells, (n_lines, n_particles))
    cell = np.rint(x).astype(int)
    counts, lines = np.zeros((n_lines, n_cells)), np.arange(n_lines)[:, None]
    for offset in range(-2, 3):
        s = abs(cell + offset - x)
        weight = {
            "ngp": s <= 0.5,
            "cic": np.maximum(1 - s, 0),
            "tsc": np.where(s < 0.5, 0.75 - s**2, np.maximum(1.5 - s, 0) ** 2 / 2),
        }[cloud]
        np.add.at(counts, (lines, (cell + offset) % n_cells), weight)
    return counts


@pytest.mark.parametrize("normalize", [False, True])
def test_poisson_noise(normalize):
    """Counts that are Poisson in each cell have no power left, whatever their mean."""
    rng = np.random.default_rng(0)
    mean = np.array([0.5, 4.0])[:, None, None]
    X = rng.poisson(mean, size=(400, 2, 16, 18)).astype("float32")
    given = {"box_size": (8.0, 6.0), "normalize": normalize, "cross": True}
    plain = PowerSpectrum(4, **given)
    found = PowerSpectrum(4, **given, shot_noise="poisson").fit_transform(X)
    levels = np.zeros((400, 3))
    levels[:, :2] = 48.0 * (1 / X.sum((2, 3)) if normalize else X.sum((2, 3)) / 288**2)
    n_k = len(plain.fit(X).k_)
    np.testing.assert_allclose(
        found, plain.transform(X) - levels.repeat(n_k, axis=1), rtol=1e-5, atol=1e-6
    )
    error = found.std(0) / np.sqrt(400)
    assert (abs(found.mean(0)) < 4 * error).all()
    assert (error[: 2 * n_k] < 0.1 * levels.mean(0)[:2].repeat(n_k)).all()


@pytest.mark.parametrize("window", ["ngp", "cic", "tsc"])
def test_poisson_noise_of_painted_particles(window):
    """The noise is that of the mass assignment, with its images, divided by the window."""
    rng = np.random.default_rng(0)
    X = painted(window, 2000, 50, 12, rng)
    spectrum = PowerSpectrum(
        6, binning="linear", window=window, shot_noise="poisson", normalize=True
    )
    found = spectrum.fit_transform(X)
    assert len(spectrum.k_) == 6
    error = found.std(0) / np.sqrt(2000)
    assert (error < 0.05 * 12 / 50 * np.array([1, 1, 1, 2, 3, 20])).all()
    assert (abs(found.mean(0)) < 4 * error).all()


def test_poisson_noise_of_tensors():
    """A tensor of counts gives equal numbers; what is no count is refused."""
    import torch

    X = np.random.default_rng(0).poisson(3.0, size=(3, 2, 8, 9)).astype("float32")
    spectrum = PowerSpectrum(3, shot_noise="poisson", normalize=True, window="cic").fit(X)
    np.testing.assert_allclose(
        spectrum.transform(torch.from_numpy(X)), spectrum.transform(X), rtol=1e-9, atol=1e-9
    )
    X[1, 1, 2, 3] = -1
    with pytest.raises(ValueError, match=r"shot_noise='poisson'.*channel 1"):
        spectrum.transform(X)


@pytest.mark.parametrize("log_bins", [False, True])
def test_against_powerbox(log_bins):
    """The spectra, wavenumbers and cross spectra of powerbox are found."""
    powerbox = pytest.importorskip("powerbox", minversion="1.0")
    X = np.random.default_rng(0).lognormal(sigma=0.3, size=(1, 2, 12, 12, 12)).astype("float32")
    binning = "log" if log_bins else "linear"
    spectrum = PowerSpectrum(
        5, box_size=30.0, k_range=(0.2, 1.3), binning=binning, cross=True, normalize=True
    ).fit(X)
    found = spectrum.transform(X).reshape(3, -1)
    for power, (i, j) in zip(found, spectrum.pairs_, strict=True):
        one, other = X[0, i].astype(float), X[0, j].astype(float)
        one, other = one / one.mean() - 1, other / other.mean() - 1
        expected = powerbox.get_power(
            one, 30.0, deltax2=other, bins=spectrum.k_edges_, dimensionless=False, nthreads=1
        )
        np.testing.assert_allclose(expected.bin_avg, spectrum.k_, rtol=1e-6)
        np.testing.assert_array_equal(expected.nsamples, spectrum.n_modes_)
        np.testing.assert_allclose(power, expected.power, rtol=1e-5, atol=1e-5)
