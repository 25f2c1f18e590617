"""Power spectra against waves, noise and fields whose spectrum is known."""

from itertools import pairwise

import numpy as np
import pytest
from astropy import units

from skastro.exceptions import MapShapeError
from skastro.maps import LazyMaps, open_maps
from skastro.statistics import PowerSpectrum

SHAPES = {1: (9,), 2: (8, 9), 3: (7, 8, 10)}
# What each mass assignment spreads a particle over: a cell, two, three.
POWERS = {None: 0, "ngp": 1, "cic": 2, "tsc": 3}
ALL_MODES = {"k_range": (None, np.inf)}


def noise(*shape, seed=0):
    """Independent standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def wave_numbers(spatial, lengths):
    """Length of the wave vector of each mode of a full complex transform."""
    axes = [
        2 * np.pi * np.fft.fftfreq(n, length / n)
        for n, length in zip(spatial, lengths, strict=True)
    ]
    return np.sqrt(sum(k**2 for k in np.meshgrid(*axes, indexing="ij")))


def gaussian_field(spatial, lengths, spectrum, n_samples, seed=0):
    """Fields of a given spectrum, from white noise filtered in Fourier space."""
    cell = np.prod(lengths) / np.prod(spatial)
    k = wave_numbers(spatial, lengths)
    amplitude = np.sqrt(spectrum(np.where(k > 0, k, 1)) / cell) * (k > 0)
    axes = tuple(range(1, len(spatial) + 1))
    white = np.fft.fftn(noise(n_samples, *spatial, seed=seed), axes=axes)
    return np.fft.ifftn(amplitude * white, axes=axes).real


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("window", POWERS)
def test_against_a_loop_over_all_modes(dim, window):
    """Every bin is the plain mean over the modes of the full transform in it."""
    spatial, lengths = SHAPES[dim], np.array([3.0, 5.0, 11.0])[:dim]
    X = noise(3, 2, *spatial).astype("float32")
    spectrum = PowerSpectrum(
        4, box_size=lengths, binning="linear", cross=True, window=window, dim=dim, **ALL_MODES
    ).fit(X)
    k = wave_numbers(spatial, lengths)
    axes = tuple(range(2, dim + 2))
    delta = np.fft.fftn(X.astype(float), axes=axes) * np.sqrt(np.prod(lengths)) / k.size
    for axis, n in enumerate(spatial):
        half = np.pi * np.fft.fftfreq(n).reshape([-1 if i == axis else 1 for i in range(dim)])
        half[half == 0] = 1e-12
        delta = delta / (np.sin(half) / half) ** POWERS[window]
    edges = spectrum.k_edges_
    assert spectrum.pairs_ == [(0, 0), (1, 1), (0, 1)]
    found = spectrum.transform(X).reshape(3, 3, len(spectrum.k_))
    for b, (low, high) in enumerate(pairwise(edges)):
        last = b == len(edges) - 2
        inside = (k >= low - 1e-6) & (k < high + (1e-6 if last else -1e-6)) & (k > 0)
        assert spectrum.n_modes_[b] == inside.sum() > 0
        assert spectrum.k_[b] == pytest.approx(k[inside].mean())
        for s, (i, j) in enumerate(spectrum.pairs_):
            expected = (delta[:, i] * delta[:, j].conj()).real[:, inside].mean(-1)
            np.testing.assert_allclose(found[:, s, b], expected, rtol=1e-9, atol=1e-12)
    assert spectrum.n_modes_.sum() == k.size - 1


@pytest.mark.parametrize(
    ("window", "cloud"),
    [("ngp", [1]), ("cic", [1, 1]), ("tsc", [1, 1, 1])],
)
def test_windows_of_painted_particles(window, cloud):
    """One particle has an even spectrum once the cloud that painted it is divided out."""
    n, fine = 8, 4096
    cell = np.zeros(fine)
    cell[: fine // n] = n / fine
    kernel = np.prod([np.fft.fft(cell) for _ in cloud], axis=0)
    # The modes that the grid can hold, so that none is folded onto another.
    modes = np.where(np.abs(np.fft.fftfreq(fine, 1 / fine)) < n / 2, kernel, 0)
    painted = np.fft.ifft(modes).real[:: fine // n] * fine
    found = PowerSpectrum(
        3, box_size=1.0, binning="linear", k_range=(5, 20), window=window, dim=1
    ).fit_transform(painted[None])
    np.testing.assert_allclose(found, 1, rtol=1e-5)


@pytest.mark.parametrize("number", [(0, 3), (2, 0), (3, 4), (0, 8), (7, 0), (-2, 5)])
def test_plane_wave(number):
    """A cosine of amplitude A has power A^2 V / 4 in two modes, and none elsewhere."""
    spatial, lengths = (14, 16), np.array([7.0, 24.0])
    i, j = np.indices(spatial)
    phase = 2 * np.pi * (number[0] * i / spatial[0] + number[1] * j / spatial[1])
    X = 3 * np.cos(phase + 0.4)[None]
    spectrum = PowerSpectrum(9, box_size=lengths, binning="linear", **ALL_MODES).fit(X)
    k = 2 * np.pi * np.hypot(*(np.array(number) / lengths))
    b = min(np.searchsorted(spectrum.k_edges_ - 1e-6, k, side="right"), len(spectrum.k_)) - 1
    # At the Nyquist wavenumber k and -k are one mode, and the phase matters.
    at_nyquist = number in ((0, 8), (7, 0))
    power = 9 * np.cos(0.4) ** 2 if at_nyquist else 2 * 9 / 4
    expected = np.zeros(len(spectrum.k_))
    expected[b] = power * lengths.prod() / spectrum.n_modes_[b]
    np.testing.assert_allclose(spectrum.transform(X)[0], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("spatial", "box_size", "cell"),
    [
        ((48, 48), 25.0, (25 / 48) ** 2),
        ((30, 40), (15.0, 20.0), 0.25),
        ((12, 14, 16), (3.0, 7.0, 4.0), 0.03125),
        ((30, 40), None, 1.0),
    ],
)
@pytest.mark.parametrize("binning", ["log", "linear"])
def test_white_noise(spatial, box_size, cell, binning):
    """White noise of variance s^2 has P = s^2 V_cell in every bin."""
    X = 5 + 3 * noise(200, *spatial)
    spectrum = PowerSpectrum(6, box_size=box_size, binning=binning, dim=len(spatial)).fit(X)
    found = spectrum.transform(X).mean(0)
    error = np.sqrt(2 / spectrum.n_modes_ / 200)
    assert (np.abs(found / (9 * cell) - 1) < 4 * error).all()


@pytest.mark.parametrize(
    ("spatial", "lengths"), [((40, 64), (20.0, 32.0)), ((16, 20, 24), (8.0, 5.0, 24.0))]
)
def test_known_spectrum(spatial, lengths):
    """The spectrum that a field was made with is found, on unequal axes and cells."""

    def law(k):
        return 7 * k**-1.5

    X = gaussian_field(spatial, lengths, law, 100)
    spectrum = PowerSpectrum(8, box_size=lengths, dim=len(spatial)).fit(X)
    k = wave_numbers(spatial, lengths)
    for b, found in enumerate(spectrum.transform(X).mean(0)):
        low, high = spectrum.k_edges_[b : b + 2]
        last = 1 + 1e-6 if b == len(spectrum.k_) - 1 else 1 - 1e-6
        expected = law(k[(k >= low * (1 - 1e-6)) & (k < high * last)]).mean()
        assert abs(found / expected - 1) < 5 * np.sqrt(2 / spectrum.n_modes_[b] / 100)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_parseval(dim):
    """The sum over all modes is the variance."""
    X = 100 + noise(4, *SHAPES[dim])
    lengths = np.array([2.0, 3.0, 4.0])[:dim]
    spectrum = PowerSpectrum(5, box_size=lengths, dim=dim, **ALL_MODES).fit(X)
    total = (spectrum.transform(X) * spectrum.n_modes_).sum(1) / lengths.prod()
    np.testing.assert_allclose(total, X.astype("float32").astype(float).reshape(4, -1).var(1))


def test_cross_spectra():
    """The cross spectrum of equal channels is the auto spectrum; of independent ones it is 0."""
    one, other = noise(300, 24, 25), noise(300, 24, 25, seed=1)
    X = np.stack([one, one, -2 * one, other], axis=1)
    spectrum = PowerSpectrum(5, cross=True).fit(X)
    P = dict(zip(spectrum.pairs_, np.split(spectrum.transform(X), 10, axis=1), strict=True))
    np.testing.assert_allclose(P[0, 1], P[0, 0])
    np.testing.assert_allclose(P[0, 2], -2 * P[0, 0])
    assert (abs(P[0, 3].mean(0)) < 4 / np.sqrt(300 * spectrum.n_modes_)).all()
    logs = PowerSpectrum(5, cross=True, log=True).fit_transform(X)
    r = dict(zip(spectrum.pairs_, np.split(logs, 10, axis=1), strict=True))
    np.testing.assert_allclose(r[2, 2], np.log10(P[2, 2]))
    np.testing.assert_allclose(r[0, 1], 1)
    np.testing.assert_allclose(r[1, 2], -1)
    np.testing.assert_allclose(r[0, 3], P[0, 3] / np.sqrt(P[0, 0] * P[3, 3]))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_shifts_change_nothing(dim):
    """A shift of the periodic box leaves the spectrum, and so does a constant."""
    X = noise(3, *SHAPES[dim])
    spectrum = PowerSpectrum(dim=dim).fit(X)
    shifted = np.roll(X, (2, 3, 5)[:dim], axis=tuple(range(1, dim + 1)))
    np.testing.assert_allclose(spectrum.transform(shifted), spectrum.transform(X), rtol=1e-6)
    np.testing.assert_allclose(spectrum.transform(X + 1), spectrum.transform(X), rtol=1e-4)


def test_normalize():
    """The spectrum of the contrast does not know the units."""
    X = np.exp(noise(4, 2, 16, 18))
    spectrum = PowerSpectrum(normalize=True, cross=True).fit(X)
    scaled = X * np.array([3.0, 1e4])[:, None, None]
    np.testing.assert_allclose(spectrum.transform(scaled), spectrum.transform(X), rtol=1e-5)
    contrast = X / X.mean((2, 3), keepdims=True) - 1
    plain = PowerSpectrum(cross=True).fit_transform(contrast)
    np.testing.assert_allclose(spectrum.transform(X), plain, rtol=1e-4, atol=1e-6)
    X[2, 1] -= 10
    with pytest.raises(ValueError, match="channel 1"):
        spectrum.transform(X)


def test_shot_noise():
    """A level is subtracted from each channel, and from no cross spectrum."""
    X = noise(3, 2, 10, 11)
    plain = np.split(PowerSpectrum(cross=True).fit_transform(X), 3, axis=1)
    less = PowerSpectrum(cross=True, shot_noise=[0.5, 0.25]).fit_transform(X)
    for part, before, level in zip(np.split(less, 3, axis=1), plain, (0.5, 0.25, 0), strict=True):
        np.testing.assert_allclose(part, before - level)


def test_floor_of_logarithms():
    """An empty map is refused, or given the floor, and correlates with nothing."""
    X = noise(3, 2, 10, 11)
    X[1, 1] = 0
    with pytest.raises(ValueError, match=r"channel 1 at k = .*'floor'"):
        PowerSpectrum(3, log=True).fit_transform(X)
    found = PowerSpectrum(3, log=True, floor=1e-3, cross=True).fit_transform(X)
    np.testing.assert_allclose(found[1, 3:6], -3)
    np.testing.assert_array_equal(found[1, 6:], 0)
    assert (found[[0, 2], :6] > -2).all()
    assert (found[[0, 2], 6:] != 0).all()


def test_units_of_the_box():
    """A quantity stands for its number; without a box cells have side 1."""
    X = noise(2, 12, 12)
    number = PowerSpectrum(box_size=24.0).fit(X)
    quantity = PowerSpectrum(box_size=24.0 * units.Mpc).fit(X)
    axes = PowerSpectrum(box_size=[24, 24] * units.Mpc).fit(X)
    cells = PowerSpectrum().fit(X)
    np.testing.assert_array_equal(quantity.k_, number.k_)
    np.testing.assert_array_equal(axes.transform(X), number.transform(X))
    np.testing.assert_allclose(cells.k_, 2 * number.k_)
    np.testing.assert_allclose(4 * cells.transform(X), number.transform(X))


def test_units_of_the_range():
    """A range may be an array or a quantity, which is converted to the unit of the box."""
    X = noise(2, 12, 12)
    expected = PowerSpectrum(4, box_size=24.0, k_range=(0.5, 1.5)).fit(X).k_
    for box_size, k_range in (
        (24.0, np.array([0.5, 1.5])),
        (24.0, [0.5, 1.5] / units.Mpc),
        (24.0 * units.Mpc, [0.5, 1.5] / units.Mpc),
        (24.0 * units.Mpc, [0.5e-3, 1.5e-3] / units.kpc),
        ([24, 24] * units.Mpc, (0.5, 1.5)),
    ):
        found = PowerSpectrum(4, box_size=box_size, k_range=k_range).fit(X).k_
        np.testing.assert_allclose(found, expected)
    with pytest.raises(ValueError, match=r"'k_range' parameter .* 1 / Mpc, or one that converts"):
        PowerSpectrum(box_size=24.0 * units.Mpc, k_range=[1, 2] * units.Mpc).fit(X)


def test_maps_are_float32():
    """Values are rounded to float32, as the notes say: a mean of 1e9 leaves no unit noise."""
    X = noise(2, 8, 9)
    spectrum = PowerSpectrum(3).fit(X)
    rounded = X.astype("float32").astype(float)
    assert (rounded != X).any()
    np.testing.assert_array_equal(spectrum.transform(X), spectrum.transform(rounded))
    np.testing.assert_array_equal(spectrum.transform(X + 1e9), 0)


def test_chunks_of_lazy_maps(monkeypatch, tmp_path):
    """Maps that are read a few at a time give the same bits, and fit reads none."""
    monkeypatch.setattr(LazyMaps.chunks, "__defaults__", (1,))
    X = noise(7, 2, 8, 9).astype("float32")
    np.save(tmp_path / "maps.npy", X)
    lazy = open_maps(tmp_path / "maps.npy")
    reads = []
    read = lazy.source.read
    monkeypatch.setattr(lazy.source, "read", lambda rows: reads.append(len(rows)) or read(rows))
    spectrum = PowerSpectrum(cross=True).fit(lazy)
    assert reads == []
    found = spectrum.transform(lazy)
    assert reads == 7 * [1]
    np.testing.assert_array_equal(found, PowerSpectrum(cross=True).fit_transform(X))


def test_tensors():
    """A tensor gives a tensor with equal numbers, and gradients."""
    import torch

    X = np.exp(noise(3, 2, 8, 9)).astype("float32")
    for parameters in ({}, {"log": True, "cross": True, "floor": 1e-6}, {"normalize": True}):
        spectrum = PowerSpectrum(**parameters)
        expected = spectrum.fit_transform(X)
        tensor = torch.from_numpy(X).requires_grad_()
        found = spectrum.fit(tensor).transform(tensor)
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-8, atol=1e-10)
        found.sum().backward()
        assert bool(tensor.grad.abs().sum() > 0)


def test_names():
    """Names tell channels and k, and are unique."""
    X = noise(2, 2, 64, 64)
    names = PowerSpectrum(2, cross=True, box_size=2 * np.pi).fit(X).get_feature_names_out()
    assert names[0].startswith("P(0,0) k=")
    assert names[4].startswith("P(0,1) k=")
    logs = PowerSpectrum(2, cross=True, log=True).fit(X).get_feature_names_out()
    assert [name.split(" k=")[0] for name in logs[::2]] == [
        "log10 P(0,0)",
        "log10 P(1,1)",
        "r(0,1)",
    ]
    fine = PowerSpectrum(500, k_range=(2, 2.1)).fit(X)
    assert len({f"{k:.3g}" for k in fine.k_}) < len(fine.k_)
    assert len(set(fine.get_feature_names_out())) == 2 * len(fine.k_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bins": 0}, "n_bins"),
        ({"binning": "cubic"}, "binning"),
        ({"box_size": 25.0}, r"one length for each axis.*\(8, 9\)"),
        ({"box_size": -1.0}, "box_size"),
        ({"box_size": (1.0, 2.0, 3.0)}, "2 of them"),
        ({"box_size": (1.0, np.nan)}, "box_size"),
        ({"box_size": ["a", "b"]}, r"'box_size' parameter of PowerSpectrum must be.*\['a', 'b'\]"),
        ({"box_size": [[1.0, 2.0], [3.0]]}, "'box_size' parameter of PowerSpectrum"),
        ({"box_size": [8 * units.Mpc, 9 * units.Mpc]}, r"one Quantity, such as \[24, 24\] \*"),
        ({"k_range": (2.0, 1.0)}, "increasing pair"),
        ({"k_range": (0.0, 1.0)}, "greater than zero"),
        ({"k_range": (1.0,)}, "increasing pair"),
        ({"k_range": np.array([2.0, 1.0])}, "increasing pair"),
        ({"k_range": np.array([[1.0], [2.0]])}, "increasing pair"),
        ({"k_range": np.array(1.0)}, "increasing pair"),
        ({"k_range": ["a", "b"]}, "increasing pair"),
        ({"k_range": [1 / units.Mpc, 2 / units.Mpc]}, "with units as one Quantity"),
        ({"k_range": [1, 2, 3] / units.Mpc}, "increasing pair"),
        ({"k_range": (1e-4, 1e-3)}, "leaves no mode"),
        ({"k_range": (100.0, None)}, "leaves no mode"),
        ({"window": "gaussian"}, "window"),
        ({"shot_noise": [1.0, 2.0]}, "shot_noise"),
        ({"shot_noise": ["a"]}, "'shot_noise' parameter of PowerSpectrum"),
        ({"shot_noise": "gaussian"}, "shot_noise"),
        ({"floor": 0.0}, "floor"),
    ],
)
def test_wrong_parameters(parameters, message):
    """A parameter out of its range is named."""
    with pytest.raises(ValueError, match=message):
        PowerSpectrum(**parameters).fit(noise(2, 8, 9))


def test_wrong_maps():
    """One cell has no spectrum, other shapes are refused, and NaN is found."""
    with pytest.raises(MapShapeError, match="two cells"):
        PowerSpectrum().fit(noise(4, 1, 1))
    spectrum = PowerSpectrum().fit(noise(4, 8, 9))
    with pytest.raises(MapShapeError, match=r"\(8, 9\).*\(9, 8\)"):
        spectrum.transform(noise(4, 9, 8))
    bad = noise(4, 8, 9)
    bad[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match="NaN, first at sample 2"):
        spectrum.transform(bad)
    with pytest.raises(ValueError, match="NaN, first at sample 2"):
        spectrum.transform(open_maps(bad))
