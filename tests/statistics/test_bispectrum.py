"""Bispectra against sums over all triangles, and fields whose bispectrum is known."""

import pickle
from itertools import product

import numpy as np
import pytest
from astropy import units

from skastro.exceptions import MapShapeError
from skastro.statistics import Bispectrum, PowerSpectrum, _triangles

SHAPES = {1: (11,), 2: (7, 8), 3: (5, 6, 7)}
LENGTHS = np.array([3.0, 5.0, 4.0])
POWERS = {None: 0, "ngp": 1, "cic": 2, "tsc": 3}


def noise(*shape, seed=0):
    """Independent standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def skewed(*shape, seed=0):
    """Independent exponential numbers, in single precision."""
    return np.random.default_rng(seed).exponential(size=shape).astype("float32")


def all_triangles(maps, lengths, edges, window=None):
    """Sum over all triples of modes that sum to zero, by wave numbers and not by transforms."""
    spatial = maps.shape[1:]
    delta = np.fft.fftn(maps.astype(float), axes=range(1, maps.ndim))
    vectors, values, shells, lengths_of = [], [], [], []
    for vector in product(*(range(-((n - 1) // 2), (n - 1) // 2 + 1) for n in spatial)):
        k = 2 * np.pi * np.linalg.norm(np.array(vector) / lengths)
        shell = np.searchsorted(edges - 1e-6, k, side="right") - 1
        if k == 0 or shell < 0 or k > edges[-1] + 1e-6:
            continue
        angles = [np.pi * n / size for n, size in zip(vector, spatial, strict=True) if n]
        cloud = np.prod([np.sin(a) / a for a in angles]) ** POWERS[window]
        vectors.append(vector)
        values.append(delta[(slice(None), *vector)] / cloud)
        shells.append(min(shell, len(edges) - 2))
        lengths_of.append(k)
    number = {vector: i for i, vector in enumerate(vectors)}
    found = {}
    for (i, first), (j, second) in product(enumerate(vectors), enumerate(vectors)):
        m = number.get(tuple(-a - b for a, b in zip(first, second, strict=True)))
        if m is None or shells[i] != shells[j]:
            continue
        count, total, sides = found.get((shells[i], shells[i], shells[m]), (0, 0, 0))
        found[shells[i], shells[i], shells[m]] = (
            count + 1,
            total + values[i] * values[j] * values[m],
            sides + np.array([lengths_of[i], lengths_of[j], lengths_of[m]]),
        )
    scale = np.prod(lengths) ** 2 / float(np.prod(spatial)) ** 3
    bins = sorted(found)
    counts = np.array([found[b][0] for b in bins])
    B = np.stack([found[b][1].real * scale / found[b][0] for b in bins], -1)
    return bins, counts, B, np.stack([found[b][2] / found[b][0] for b in bins])


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize(
    "parameters",
    [
        {"n_bins": 6, "binning": "linear", "k_range": (None, np.inf)},
        {"n_bins": 3, "binning": "log", "window": "tsc"},
        {"n_bins": 3, "binning": "linear", "k_range": (1.3, 4.5), "window": "cic"},
    ],
)
def test_against_a_loop_over_all_triangles(dim, parameters):
    """Values, counts and sides are those of all triangles, and of those that close alone."""
    spatial, lengths = SHAPES[dim], LENGTHS[:dim]
    X = skewed(3, 2, *spatial)
    bispectrum = Bispectrum(box_size=lengths, dim=dim, **parameters).fit(X)
    bins, counts, B, sides = all_triangles(
        X.reshape(6, *spatial), lengths, bispectrum.k_edges_, parameters.get("window")
    )
    np.testing.assert_array_equal(bispectrum.bins_, bins)
    np.testing.assert_array_equal(bispectrum.n_triangles_, counts)
    np.testing.assert_allclose(bispectrum.triangles_, sides)
    found = bispectrum.transform(X).reshape(6, -1)
    np.testing.assert_allclose(found, B, rtol=1e-9, atol=1e-9 * abs(B).max())
    equal = [i for i, one in enumerate(bins) if one[0] == one[2]]
    if equal:
        only = Bispectrum(
            box_size=lengths, dim=dim, configurations="equilateral", **parameters
        ).fit(X)
        np.testing.assert_array_equal(only.bins_, np.array(bins)[equal])
        np.testing.assert_allclose(only.transform(X).reshape(6, -1), found[:, equal], atol=1e-12)


@pytest.mark.parametrize("window", [None, "cic"])
def test_reduced(window):
    """Q is B over the products of the spectra of the same map, and 0 for a constant map."""
    X = skewed(4, 7, 9)
    X[3] = 0.1
    given = {"n_bins": 3, "box_size": (3.0, 5.0), "k_range": (1.5, 5.5), "window": window}
    plain = Bispectrum(**given).fit(X)
    P = PowerSpectrum(**given).fit_transform(X[:3])
    first, third = P[:, plain.bins_[:, 0]], P[:, plain.bins_[:, 2]]
    expected = plain.transform(X[:3]) / (first * first + 2 * first * third)
    found = Bispectrum(**given, reduced=True).fit_transform(X)
    np.testing.assert_allclose(found[:3], expected)
    np.testing.assert_array_equal(found[3], 0)
    scaled = Bispectrum(**given, reduced=True, normalize=True).fit_transform(X)
    mean = X.mean((1, 2), dtype=float)[:, None]
    np.testing.assert_allclose(scaled, found * mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("spatial", "configurations", "factor"),
    [((14, 16), "isosceles", 2), ((8, 9, 10), "equilateral", 6)],
)
def test_gaussian_field(spatial, configurations, factor):
    """The bispectrum of a Gaussian field is zero, with the variance s V P1 P2 P3 / n."""
    n = 1500
    lengths = 2.0 * np.array(spatial)
    X = noise(n, *spatial)
    bispectrum = Bispectrum(
        3, configurations=configurations, box_size=lengths, dim=len(spatial), binning="linear"
    ).fit(X)
    found = bispectrum.transform(X)
    power = 2.0 ** len(spatial)
    symmetry = np.where(bispectrum.bins_[:, 0] == bispectrum.bins_[:, 2], 6, factor)
    variance = symmetry * lengths.prod() * power**3 / bispectrum.n_triangles_
    assert (abs(found.mean(0)) < 4 * np.sqrt(variance / n)).all()
    np.testing.assert_allclose((found**2).mean(0), variance, rtol=0.25)


def test_three_waves():
    """Three waves that close a triangle have the cosine of the sum of their phases."""
    spatial, lengths = (12, 16), np.array([6.0, 24.0])
    i, j = np.indices(spatial)
    waves = [((2, 0), 1.0, 0.3), ((-1, 3), 2.0, 1.1), ((-1, -3), 3.0, -0.2)]
    X = sum(a * np.cos(2 * np.pi * (v[0] * i / 12 + v[1] * j / 16) + p) for v, a, p in waves)[None]
    bispectrum = Bispectrum(2, box_size=lengths, k_range=(0.2, 2.5), binning="linear").fit(X)
    assert bispectrum.k_edges_[1] == pytest.approx(1.35)
    sides = [2 * np.pi * np.hypot(*(np.array(v) / lengths)) for v, _, _ in waves]
    assert [side > 1.35 for side in sides] == [True, False, False]
    # Two orders of the equal sides, and k with -k: 4 triples of A1 A2 A3 / 8 exp(+- i phase).
    total = 4 * (1 * 2 * 3 / 8) * np.cos(0.3 + 1.1 - 0.2) * lengths.prod() ** 2
    place = [tuple(one) for one in bispectrum.bins_].index((0, 0, 1))
    expected = np.zeros(len(bispectrum.bins_))
    expected[place] = total / bispectrum.n_triangles_[place]
    np.testing.assert_allclose(bispectrum.transform(X)[0], expected, rtol=1e-5, atol=1e-4)


def test_images_do_not_close_triangles():
    """Waves whose numbers sum to the number of cells, not to zero, are no triangle."""
    x = np.arange(16)
    wave = np.cos(2 * np.pi * 5 * x / 16) + np.cos(2 * np.pi * 6 * x / 16 + 0.2)
    assert abs((wave**3).mean()) > 0.5
    found = Bispectrum(1, dim=1).fit_transform(wave[None])
    np.testing.assert_allclose(found, 0, atol=1e-6)


@pytest.mark.parametrize("reduced", [False, True])
def test_local_quadratic_field(reduced):
    """A field phi + f phi^2 has B = 2 f (P1 P2 + P2 P3 + P3 P1), to first order in f."""
    n, spatial, f = 300, (24, 27), 0.02
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(24), np.fft.fftfreq(27), indexing="ij"))
    white = np.fft.fft2(noise(n, *spatial))
    phi = np.fft.ifft2(white * (k <= 0.2) * (k > 0)).real
    # The opposite field has the opposite Gaussian scatter.
    X = np.concatenate([phi + f * phi**2, -phi + f * phi**2])
    k_range = (0.04 * 2 * np.pi, 0.2 * 2 * np.pi)
    found = Bispectrum(3, k_range=k_range, reduced=reduced).fit_transform(X)
    pairs = (found[:n] + found[n:]) / 2
    error = pairs.std(0) / np.sqrt(n)
    expected = 2 * f if reduced else 2 * f * 3
    assert (error < 0.1 * expected).all()
    tolerance = 0.1 if reduced else 0.01  # a ratio of means of few modes is biased
    assert (abs(pairs.mean(0) - expected) < 4 * error + tolerance * expected).all()


def test_symmetries():
    """Signs, constants, shifts and the size of the box act as the definition says."""
    X = skewed(3, 2, 7, 8, 9)
    bispectrum = Bispectrum(3, box_size=(7.0, 8.0, 9.0)).fit(X)
    B = bispectrum.transform(X)
    tolerance = {"rtol": 1e-4, "atol": 1e-5 * abs(B).max()}
    np.testing.assert_allclose(bispectrum.transform(-X), -B)
    np.testing.assert_allclose(bispectrum.transform(X + 1), B, **tolerance)
    np.testing.assert_allclose(bispectrum.transform(np.roll(X, (1, 2, 3), (2, 3, 4))), B, rtol=1e-7)
    np.testing.assert_allclose(bispectrum.transform(2 * X), 8 * B)
    twice = Bispectrum(3, box_size=(14.0, 16.0, 18.0)).fit(X)
    np.testing.assert_allclose(twice.triangles_, bispectrum.triangles_ / 2)
    np.testing.assert_allclose(twice.transform(X), 64 * B)
    contrast = X / X.mean((2, 3, 4), keepdims=True, dtype=float) - 1
    normalized = Bispectrum(3, normalize=True, box_size=(7.0, 8.0, 9.0)).fit_transform(X)
    np.testing.assert_allclose(normalized, bispectrum.transform(contrast), **tolerance)


def test_white_noise_of_known_skewness():
    """Independent cells have B = <x^3> V_cell^2 for every triangle."""
    X = skewed(400, 20, 21) - 1
    bispectrum = Bispectrum(3, box_size=(10.0, 10.5), binning="linear").fit(X)
    found = bispectrum.transform(X)
    error = found.std(0) / 20
    assert np.median(error) < 0.05 * 2 * 0.25**2
    assert (abs(found.mean(0) - 2 * 0.25**2) < 4 * error).all()


@pytest.mark.parametrize("configurations", ["isosceles", "equilateral"])
@pytest.mark.parametrize("reduced", [False, True])
def test_tensors(configurations, reduced):
    """A tensor gives a tensor with equal numbers, and gradients of their degree."""
    import torch

    X = skewed(3, 2, 8, 9)
    X[1, 1] = 0.1
    bispectrum = Bispectrum(3, configurations=configurations, reduced=reduced, window="cic")
    expected = bispectrum.fit_transform(X)
    tensor = torch.from_numpy(X).requires_grad_()
    found = bispectrum.fit(tensor).transform(tensor)
    assert found.dtype == torch.float64
    atol = 1e-10 * abs(expected).max()
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-8, atol=atol)
    found[0].sum().backward()
    assert bool((tensor.grad[1:] == 0).all())
    # A homogeneous function of degree 3, or -1, of the map.
    degree = -1 if reduced else 3
    euler = float((tensor.grad * tensor.detach()).sum())
    assert euler == pytest.approx(degree * expected[0].sum(), rel=1e-4)


def test_a_few_maps_at_a_time(monkeypatch):
    """How many maps are transformed together changes no bit, and a pickle holds no modes."""
    X = skewed(5, 2, 12, 14, 16)
    bispectrum = Bispectrum(4).fit(X)
    expected = bispectrum.transform(X)
    monkeypatch.setattr(_triangles, "_BATCH_BYTES", 1)
    np.testing.assert_array_equal(Bispectrum(4).fit_transform(X), expected)
    data = pickle.dumps(bispectrum)
    assert len(data) < 8 * 12 * 14 * 16 / 4
    np.testing.assert_array_equal(pickle.loads(data).transform(X), expected)


def test_units_and_names():
    """A quantity stands for its number; names tell channel and sides."""
    X = skewed(2, 2, 12, 12)
    number = Bispectrum(2, box_size=24.0, k_range=(0.3, 1.5)).fit(X)
    quantity = Bispectrum(2, box_size=24.0 * units.Mpc, k_range=[0.3e-3, 1.5e-3] / units.kpc).fit(X)
    np.testing.assert_allclose(quantity.triangles_, number.triangles_)
    np.testing.assert_allclose(quantity.transform(X), number.transform(X))
    low, high = (f"{k:.3g}" for k in number.k_)
    names = number.get_feature_names_out()
    assert list(number.bins_[1]) == [0, 0, 1]
    assert names[1] == f"B(0) k={low},{low},{high}"
    assert names[len(number.bins_)] == f"B(1) k={low},{low},{low}"
    reduced = Bispectrum(2, reduced=True).fit(X).get_feature_names_out()
    assert reduced[0].startswith("Q(0) k=")


@pytest.mark.parametrize("n_cells", [2, 3, 4])
def test_signals_without_triangles(n_cells):
    """Two to four cells in a row hold no triangle, so there are no features."""
    bispectrum = Bispectrum().fit(noise(3, n_cells))
    assert bispectrum.transform(noise(3, n_cells)).shape == (3, 0)
    assert len(bispectrum.get_feature_names_out()) == 0
    assert Bispectrum().fit_transform(noise(3, 5)).shape == (3, 1)
    assert Bispectrum().fit_transform(noise(3, 3, 3)).shape == (3, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bins": 0}, "n_bins"),
        ({"configurations": "squeezed"}, "configurations"),
        ({"box_size": 25.0}, r"'box_size' parameter of Bispectrum must be one length for each"),
        ({"k_range": (2.0, 1.0)}, "'k_range' parameter of Bispectrum must be an increasing pair"),
        ({"k_range": (1e-4, 1e-3)}, "'k_range' parameter of Bispectrum leaves no mode"),
        ({"k_range": (0.69, 0.7)}, r"Bispectrum\(configurations='isosceles'\) found no triangle"),
    ],
)
def test_wrong_parameters(parameters, message):
    """A parameter out of its range is named."""
    with pytest.raises(ValueError, match=message):
        Bispectrum(**parameters).fit(noise(2, 8, 9))


def test_wrong_maps():
    """One cell has no bispectrum, and the contrast needs a mean above zero."""
    with pytest.raises(MapShapeError, match="Bispectrum takes maps with two cells"):
        Bispectrum().fit(noise(4, 1, 1))
    with pytest.raises(ValueError, match=r"Bispectrum\(normalize=True\).*channel 0"):
        Bispectrum(normalize=True).fit_transform(-skewed(2, 8, 9))
