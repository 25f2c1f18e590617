"""Wavelet scattering against kymatio, and what it must not see."""

import pickle
import sys

import numpy as np
import pytest
from scipy import special
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.exceptions import MapShapeError
from skastro.statistics import PowerSpectrum, WaveletScattering

RNG = np.random.default_rng(0)
NEEDS_KYMATIO = {1, 2}


def make(dim, **parameters):
    """A statistic, or a skipped test where its wavelets need what is not there."""
    if dim in NEEDS_KYMATIO:
        pytest.importorskip("kymatio")
    return WaveletScattering(**{"n_angles": 4 if dim == 2 else 2, "dim": dim} | parameters)


def maps(shape, n=3):
    """Fields with power on all scales, none of it at the Nyquist frequency, and a mean."""
    k = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(size) for size in shape), indexing="ij")
    square = sum(component**2 for component in k)
    axes = range(1, len(shape) + 1)
    modes = np.fft.fftn(RNG.normal(size=(n, *shape)), axes=axes) / np.sqrt(square + 0.05)
    for axis in axes:
        if shape[axis - 1] % 2 == 0:
            modes[(slice(None),) * axis + (shape[axis - 1] // 2,)] = 0
    fields = 5 + np.fft.ifftn(modes, axes=axes).real
    return fields[:, None].astype("float32")


def directly(x, wavelets, second):
    """Means of moduli for pairs of full-size wavelets, in the plain way."""
    axes = range(1, x.ndim)

    def modulus(field, psi):
        return abs(np.fft.ifftn(np.fft.fftn(field, axes=axes) * psi, axes=axes))

    first = {path: modulus(x, psi) for path, psi in wavelets.items()}
    found = {path: u.mean(tuple(axes)) for path, u in first.items()}
    for one, other in second:
        found[one, other] = modulus(first[one], wavelets[other]).mean(tuple(axes))
    return found


def test_wavelets_of_kymatio_in_2d():
    """Coefficients are those of kymatio's filters, direction by direction."""
    kymatio = pytest.importorskip("kymatio.scattering2d.filter_bank")
    X = maps((32, 24))
    bank = kymatio.filter_bank(32, 24, 2, 4)["psi"]
    # Angles of kymatio run backwards, from pi / 4; half a turn changes no modulus.
    psi = {(p["j"], (1 - p["theta"]) % 4): p["levels"][0] for p in bank}
    pairs = [(a, b) for a in psi for b in psi if b[0] > a[0]]
    expected = directly(X[:, 0], psi, pairs)
    statistic = make(2, n_scales=2, isotropic=False).fit(X)
    found = dict(zip(statistic.get_feature_names_out(), statistic.transform(X).T, strict=True))
    for j1, l1 in psi:
        np.testing.assert_allclose(found[f"s1(0) j={j1} l={l1}"], expected[j1, l1], rtol=1e-5)
    for (j1, l1), (j2, l2) in pairs:
        values = expected[(j1, l1), (j2, l2)]
        np.testing.assert_allclose(found[f"s2(0) j={j1},{j2} l={l1},{l2}"], values, rtol=1e-5)

    reduced = make(2, n_scales=2).fit(X)
    found = dict(zip(reduced.get_feature_names_out(), reduced.transform(X).T, strict=True))
    assert len(found) == 2 + 4
    np.testing.assert_allclose(
        found["s1(0) j=1"], sum(expected[1, i] for i in range(4)) / 4, rtol=1e-5
    )
    mean = sum(expected[(0, i), (1, (i + 3) % 4)] for i in range(4)) / 4
    np.testing.assert_allclose(found["s2(0) j=0,1 dl=3"], mean, rtol=1e-5)


def test_transform_of_kymatio():
    """kymatio's own transform, made periodic, has nearly the same means, of fewer samples."""
    pytest.importorskip("kymatio")
    from kymatio.scattering2d.backend.numpy_backend import backend
    from kymatio.scattering2d.core.scattering2d import scattering2d
    from kymatio.scattering2d.filter_bank import filter_bank

    X = maps((64, 48), n=2)
    bank = filter_bank(64, 48, 3, 4)
    paths = scattering2d(
        X[:, 0], lambda x: x, lambda x: x, backend, 3, 4, bank["phi"], bank["psi"], 2, "list"
    )
    expected = {}
    for one in paths[1:]:
        key = (
            one["j"] if len(one["j"]) == 1 else (*one["j"], (one["theta"][0] - one["theta"][1]) % 4)
        )
        expected.setdefault(key, []).append(one["coef"].mean((1, 2)))
    statistic = make(2, n_scales=3).fit(X)
    found = dict(zip(statistic.get_feature_names_out(), statistic.transform(X).T, strict=True))
    assert len(found) == len(expected)
    for key, values in expected.items():
        name = f"s1(0) j={key[0]}" if len(key) == 1 else f"s2(0) j={key[0]},{key[1]} dl={key[2]}"
        np.testing.assert_allclose(found[name], np.mean(values, axis=0), rtol=0.03)


def test_wavelets_of_kymatio_in_1d():
    """In 1D too."""
    kymatio = pytest.importorskip("kymatio.scattering1d.filter_bank")
    X = maps((128,))
    psi = kymatio.scattering_filter_factory(128, 4, (1, 1), 16)[1]
    wavelets = {(j,): psi[j]["levels"][0] for j in range(4)}
    pairs = [(a, b) for a in wavelets for b in wavelets if b > a]
    expected = np.array(list(directly(X[:, 0], wavelets, pairs).values())).T
    statistic = make(1, n_scales=4).fit(X)
    np.testing.assert_allclose(statistic.transform(X), expected, rtol=1e-6)
    assert statistic.get_feature_names_out()[-1] == "s2(0) j=2,3"


def test_wavelets_of_kymatio_in_3d(monkeypatch):
    """The solid harmonics are kymatio's, which asks SciPy for a function of another name."""
    pytest.importorskip("kymatio")
    if hasattr(special, "sph_harm_y"):
        renamed = lambda m, n, theta, phi: special.sph_harm_y(n, m, phi, theta)  # noqa: E731
        monkeypatch.setattr(special, "sph_harm", renamed, raising=False)
    from kymatio.scattering3d.frontend.numpy_frontend import HarmonicScatteringNumPy3D

    X = maps((16, 12, 14))
    kymatio = HarmonicScatteringNumPy3D(2, (16, 12, 14), L=2, integral_powers=(1.0,))
    with np.errstate(all="ignore"):
        expected = kymatio(X[:, 0])[:, :, 1:, 0] / X[0].size
    statistic = make(3, n_scales=3).fit(X)
    np.testing.assert_allclose(
        statistic.transform(X).reshape(3, 6, 2), expected.reshape(3, 6, 2), rtol=1e-4
    )


@pytest.mark.parametrize("shape", [(24,), (16, 18), (7, 8, 9)])
def test_shift_scale_and_constant(shape):
    """Shifts of a periodic box and constants change nothing, and factors are kept."""
    X = maps(shape)
    dim = len(shape)
    statistic = make(dim).fit(X)
    found = statistic.transform(X)
    rolled = np.roll(X, range(3, 3 + dim), range(2, 2 + dim))
    np.testing.assert_allclose(statistic.transform(rolled), found, rtol=1e-5)
    np.testing.assert_array_equal(statistic.transform(4 * X), 4 * found)
    np.testing.assert_allclose(statistic.transform(X + 64), found, rtol=1e-3)
    logarithms = clone(statistic).set_params(log=True).fit_transform(X)
    np.testing.assert_allclose(logarithms, np.log10(found))
    assert found.shape == (3, len(set(statistic.get_feature_names_out())))


@pytest.mark.parametrize("shape", [(16, 16), (8, 8, 8)])
def test_rotation(shape):
    """Quarter turns change nothing, unless directions are kept."""
    X = maps(shape)
    statistic = make(len(shape)).fit(X)
    for axes in [(-1, -2), (2, -1)]:
        turned = np.ascontiguousarray(np.rot90(X, axes=axes))
        np.testing.assert_allclose(statistic.transform(turned), statistic.transform(X), rtol=1e-5)
    if len(shape) == 2:
        statistic = make(2, isotropic=False).fit(X)
        difference = statistic.transform(turned) / statistic.transform(X) - 1
        assert abs(difference).max() > 0.05


def test_coarse_grids():
    """Large maps are evaluated on coarser cells, which changes little."""
    X = maps((128, 128), n=2)
    statistic = make(2, n_scales=4, n_angles=2).fit(X)
    found = statistic.transform(X)
    rolled = statistic.transform(np.roll(X, 1, -1))
    assert 0 < abs(rolled / found - 1).max() < 2e-3
    # A number of cells that is odd along an axis leaves no coarser cells.
    np.testing.assert_allclose(
        make(2, n_scales=4, n_angles=2).fit_transform(X[..., :-1]).mean(0),
        found.mean(0),
        rtol=0.1,
    )


def test_mirrored_edges():
    """Without a periodic box a ramp has no step at its edge."""
    ramp = np.broadcast_to(np.arange(32.0), (1, 1, 32, 32))
    wrapped = make(2, n_scales=2).fit_transform(ramp)
    mirrored = make(2, n_scales=2, periodic=False).fit_transform(ramp)
    assert (mirrored[:, :2] < 0.5 * wrapped[:, :2]).all()
    assert (mirrored[:, 2:] < 0.05 * wrapped[:, 2:]).all()
    X = maps((32, 33))
    open_edges = make(2, n_scales=2, periodic=False).fit_transform(X)
    np.testing.assert_allclose(open_edges, make(2, n_scales=2).fit_transform(X), rtol=0.15)


def test_tells_fields_of_equal_power_apart():
    """Log-normal maps and the same with random phases have one power spectrum."""
    lognormal = np.exp(maps((32, 32), n=60) - 5)
    lognormal /= lognormal.std((1, 2, 3), keepdims=True)
    modes = np.fft.rfft2(lognormal)
    noise = np.fft.rfft2(RNG.normal(size=lognormal.shape))
    random = np.fft.irfft2(abs(modes) * noise / abs(noise))
    X = np.concatenate([lognormal[:30], random[30:]]).astype("float32")
    y = np.arange(60) < 30
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = [
        cross_val_score(model, statistic.fit_transform(X), y, cv=5).mean()
        for statistic in (make(2, n_scales=3, log=True), PowerSpectrum(6, log=True))
    ]
    assert scores[0] > 0.95
    assert scores[1] < 0.75


@pytest.mark.parametrize("shape", [(16,), (16, 18), (7, 8, 9)])
def test_tensors(shape):
    """A tensor gives a tensor of equal numbers."""
    import torch

    X = maps(shape)
    for periodic in (True, False):
        statistic = make(len(shape), periodic=periodic).fit(X)
        found = statistic.transform(torch.from_numpy(X))
        assert found.dtype == torch.float64
        np.testing.assert_allclose(found, statistic.transform(X), rtol=1e-10)


def test_pickle_holds_no_wavelets():
    """They are made again."""
    X = maps((16, 16, 16))
    statistic = make(3).fit(X)
    data = pickle.dumps(statistic)
    assert len(data) < 5000
    np.testing.assert_array_equal(pickle.loads(data).transform(X), statistic.transform(X))


@pytest.mark.parametrize("shape", [(16,), (16, 18)])
def test_kymatio_is_missing(monkeypatch, shape):
    """The error says what to install; 3D needs nothing."""
    for name in [name for name in sys.modules if name.startswith("kymatio.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kymatio", None)
    with pytest.raises(ImportError, match=r"pip install 'skastro\[scatter\]'"):
        WaveletScattering(dim=len(shape)).fit(maps(shape))
    WaveletScattering(2, dim=3).fit(maps((7, 8, 9)))


def test_wrong_parameters():
    """Too many scales, small maps and logarithms of nothing are refused."""
    X = maps((7, 8, 9))
    with pytest.raises(ValueError, match=r"'n_scales' parameter .* no more than 2"):
        WaveletScattering(3).fit(X)
    with pytest.raises(ValueError, match="'max_order' parameter"):
        WaveletScattering(max_order=3).fit(X)
    with pytest.raises(MapShapeError, match="two cells"):
        WaveletScattering().fit(X[:, :, :1])
    X = np.concatenate([X, X], axis=1)
    X[2, 1] = 0.1
    with pytest.raises(ValueError, match=r"not above zero, in channel 1 of a map"):
        WaveletScattering(log=True).fit_transform(X)
