"""MapPCA of whole maps against scikit-learn's PCA of rows in float64."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skastro.decomposition import MapPCA
from skastro.maps import LazyMaps, open_maps
from skastro.preprocessing import FieldScaler

SHAPES = [(300, 63), (300, 7, 9), (300, 2, 7, 9), (300, 2, 3, 4, 5)]


def rows(maps):
    """Maps as rows in float64."""
    return maps.reshape(len(maps), -1).astype(float)


def assert_equal_to(pca, reference, maps, *, rtol=1e-5, mixing=1e-4):
    """All that is learned, and all that is made of maps, is that of scikit-learn."""
    n = reference.n_components_
    assert (pca.n_components_, pca.n_samples_) == (n, reference.n_samples_)
    assert pca.n_features_ == reference.n_features_in_
    assert pca.components_.shape == (n, *maps.shape[1:])
    assert pca.mean_.shape == maps.shape[1:]
    assert pca.components_.dtype == pca.mean_.dtype == np.float32
    np.testing.assert_allclose(pca.mean_.ravel(), reference.mean_, rtol=1e-6, atol=1e-5)
    scale = np.sqrt(reference.explained_variance_[0])
    for name in ("explained_variance_", "explained_variance_ratio_", "noise_variance_"):
        np.testing.assert_allclose(getattr(pca, name), getattr(reference, name), rtol=rtol)
    np.testing.assert_allclose(pca.singular_values_, reference.singular_values_, rtol=rtol)
    np.testing.assert_allclose(pca.components_.reshape(n, -1), reference.components_, atol=mixing)
    codes, expected = pca.transform(maps), reference.transform(rows(maps))
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, expected, atol=mixing * np.abs(expected).max())
    back = pca.inverse_transform(codes)
    assert (back.shape, back.dtype) == (maps.shape, np.float32)
    wanted = reference.inverse_transform(expected)
    np.testing.assert_allclose(rows(back), wanted, atol=1e-4 * scale)
    error = ((rows(maps) - wanted) ** 2).mean(axis=1)
    found = pca.reconstruction_error(maps)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, error, rtol=1e-3, atol=1e-8 * scale**2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("n_components", [1, 3, 20, None, 0.6])
def test_covariance_solver_is_exact(smooth, shape, whiten, n_components):
    maps = smooth(shape, offset=3.0)
    reference = PCA(n_components, whiten=whiten, svd_solver="full").fit(rows(maps))
    # The last of all components have nearly equal variances, and float32 turns them a little.
    mixing = 2e-3 if n_components is None else 1e-4
    pca = MapPCA(n_components, whiten=whiten).fit(maps)
    assert_equal_to(pca, reference, maps, mixing=mixing)


@pytest.mark.parametrize("whiten", [False, True])
def test_randomized_solver_converges(smooth, whiten):
    maps = smooth((300, 2, 7, 9), offset=3.0)
    reference = PCA(5, whiten=whiten, svd_solver="full").fit(rows(maps))
    pca = MapPCA(5, whiten=whiten, svd_solver="randomized", n_iter=60, random_state=0)
    assert_equal_to(pca.fit(maps), reference, maps)


def test_randomized_solver_by_default(smooth):
    """With the default number of iterations it is no worse than scikit-learn's."""
    maps = smooth((500, 20, 30))
    exact = PCA(20, svd_solver="full").fit(rows(maps)).explained_variance_
    errors = []
    for random_state in range(3):
        pca = MapPCA(20, svd_solver="randomized", random_state=random_state).fit(maps)
        other = PCA(20, svd_solver="randomized", random_state=random_state).fit(rows(maps))
        assert (pca.explained_variance_ <= exact * (1 + 1e-6)).all()
        np.testing.assert_allclose(pca.explained_variance_, exact, rtol=0.01)
        errors.append([(exact - p.explained_variance_).sum() for p in (pca, other)])
    mine, theirs = np.mean(errors, axis=0)
    assert mine < theirs


def test_more_iterations_and_oversamples_are_more_exact(smooth):
    maps = smooth((300, 12, 13))
    exact = PCA(8, svd_solver="full").fit(rows(maps)).explained_variance_

    def error(**options):
        pca = MapPCA(8, svd_solver="randomized", random_state=0, **options).fit(maps)
        return (exact - pca.explained_variance_).sum()

    assert error(n_iter=1) > 3 * error(n_iter=4) > 9 * error(n_iter=8)
    assert error(n_iter=2, n_oversamples=0) > 3 * error(n_iter=2, n_oversamples=30)


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
def test_fewer_maps_than_cells(smooth, solver):
    """The last of all components has no variance, as the maps are centred."""
    maps = smooth((12, 7, 9), offset=1.0)
    reference = PCA(svd_solver="full").fit(rows(maps))
    pca = MapPCA(svd_solver=solver, random_state=0).fit(maps)
    assert pca.n_components_ == 12
    assert pca.noise_variance_ == 0
    np.testing.assert_allclose(
        pca.explained_variance_, reference.explained_variance_, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        pca.components_[:11].reshape(11, -1), reference.components_[:11], atol=1e-4
    )
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(maps)), maps, atol=1e-4)
    assert pca.reconstruction_error(maps).max() < 1e-9
    assert np.isfinite(MapPCA(whiten=True, svd_solver=solver).fit_transform(maps)).all()


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_a_large_mean_costs_no_digits(smooth, solver, offset):
    """Maps of 1e4 plus something are what float32 holds of them, and no less."""
    maps = smooth((3000, 5, 6), offset=offset)
    reference = PCA(4, svd_solver="full").fit(rows(maps))
    pca = MapPCA(4, svd_solver=solver, n_iter=40, random_state=0).fit(maps)
    np.testing.assert_allclose(pca.explained_variance_, reference.explained_variance_, rtol=2e-6)
    np.testing.assert_allclose(
        pca.explained_variance_ratio_, reference.explained_variance_ratio_, rtol=2e-6
    )
    np.testing.assert_allclose(pca.noise_variance_, reference.noise_variance_, rtol=2e-5)


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
@pytest.mark.parametrize("exponent", [-110, 110])
def test_units_of_any_size(smooth, solver, exponent):
    """Squares of 1e-33 and 1e33 are beyond float32; a power of two as unit changes no digit."""
    maps, unit = smooth((300, 5, 6), offset=3.0), 2.0**exponent
    pca = MapPCA(4, svd_solver=solver, random_state=0)
    codes, error = pca.fit_transform(maps), pca.reconstruction_error(maps)
    variance, ratio, components = (
        pca.explained_variance_,
        pca.explained_variance_ratio_,
        pca.components_,
    )
    other = maps * np.float32(unit)
    np.testing.assert_array_equal(pca.fit_transform(other), codes * np.float32(unit))
    np.testing.assert_array_equal(pca.components_, components)
    np.testing.assert_array_equal(pca.explained_variance_, variance * unit**2)
    np.testing.assert_array_equal(pca.explained_variance_ratio_, ratio)
    np.testing.assert_array_equal(pca.reconstruction_error(other), error * unit**2)


@pytest.mark.parametrize("fraction", [0.5, np.nextafter(1, 0)])
def test_a_fraction_takes_no_more_components_than_maps(smooth, fraction):
    """Also where rounding, or maps without variance, leave it out of reach."""
    for maps in (smooth((12, 7, 9)), np.ones((12, 7, 9))):
        pca = MapPCA(fraction).fit(maps)
        assert pca.n_components_ <= 12
        assert pca.noise_variance_ >= 0


@pytest.mark.parametrize("solver", ["covariance", "randomized"])
@pytest.mark.parametrize("whiten", [False, True])
def test_maps_without_variance(solver, whiten):
    """Constant cells have no part in a component; constant maps have codes of nought."""
    maps = np.full((10, 7, 9), 2.5, dtype=np.float32)
    pca = MapPCA(2, svd_solver=solver, whiten=whiten).fit(maps)
    np.testing.assert_array_equal(pca.explained_variance_, 0)
    np.testing.assert_array_equal(pca.explained_variance_ratio_, 0)
    np.testing.assert_array_equal(pca.transform(maps), 0)
    np.testing.assert_array_equal(pca.inverse_transform(pca.transform(maps)), maps)
    maps[:, 3:] += np.random.default_rng(0).normal(size=(10, 4, 9))
    pca = MapPCA(2, svd_solver=solver, whiten=whiten).fit(maps)
    np.testing.assert_allclose(pca.components_[:, :3], 0, atol=1e-7)
    np.testing.assert_array_equal(pca.mean_[:3], 2.5)


def test_equal_variances():
    """White maps of a basis have one variance, and any orthonormal components."""
    maps = np.concatenate([np.eye(100), -np.eye(100)]).reshape(200, 10, 10)
    pca = MapPCA(4).fit(maps)
    np.testing.assert_allclose(pca.explained_variance_, 2 / 199, rtol=1e-6)
    flat = pca.components_.reshape(4, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(4), atol=1e-6)


def test_automatic_solver(smooth, monkeypatch):
    from skastro.decomposition import _map_pca

    maps = smooth((100, 7, 9))
    approximate = MapPCA(3, svd_solver="randomized", n_iter=1, random_state=0).fit(maps)
    exact = MapPCA(3, svd_solver="covariance").fit(maps)
    automatic = MapPCA(3, n_iter=1, random_state=0)
    assert np.abs(approximate.components_ - exact.components_).max() > 1e-3
    np.testing.assert_array_equal(automatic.fit(maps).components_, exact.components_)
    monkeypatch.setattr(_map_pca, "_MOST_FEATURES", 63)
    np.testing.assert_array_equal(automatic.fit(maps).components_, exact.components_)
    monkeypatch.setattr(_map_pca, "_MOST_FEATURES", 62)
    np.testing.assert_array_equal(automatic.fit(maps).components_, approximate.components_)


def test_random_state(smooth):
    maps = smooth((50, 7, 9))

    def fit(seed):
        return MapPCA(3, svd_solver="randomized", n_iter=1, random_state=seed).fit(maps)

    np.testing.assert_array_equal(fit(1).components_, fit(1).components_)
    assert (fit(1).components_ != fit(2).components_).any()


def test_torch(smooth):
    """Tensors give tensors, and fit as arrays do."""
    torch = pytest.importorskip("torch")
    maps = smooth((50, 2, 7, 9))
    tensor = torch.from_numpy(maps)
    for options in ({}, {"patch_size": (7, 3)}):
        pca = MapPCA(3, whiten=True, **options).fit(tensor)
        np.testing.assert_array_equal(pca.components_, MapPCA(3, **options).fit(maps).components_)
        codes = pca.transform(tensor)
        assert isinstance(codes, torch.Tensor)
        assert codes.dtype == torch.float32
        np.testing.assert_allclose(codes.numpy(), pca.transform(maps), atol=1e-5)
        back = pca.inverse_transform(codes.double())
        assert back.dtype == torch.float32
        np.testing.assert_allclose(back.numpy(), pca.inverse_transform(codes.numpy()), atol=1e-4)
        np.testing.assert_allclose(
            pca.reconstruction_error(tensor), pca.reconstruction_error(maps), rtol=1e-4
        )


def test_pipeline_with_scikit_learn(smooth):
    """Codes are features for any estimator, in memory and lazy alike."""
    maps = smooth((60, 7, 9))
    y = maps[:, 2, 3]
    model = make_pipeline(FieldScaler(), MapPCA(20), Ridge())
    eager = model.fit(maps, y).predict(maps)
    lazy = model.fit(open_maps(maps), y).predict(open_maps(maps))
    np.testing.assert_array_equal(eager, lazy)
    assert np.corrcoef(eager, y)[0, 1] > 0.9
    names = model[1].get_feature_names_out()
    assert list(names[:2]) == ["mappca0", "mappca1"]
    assert len(names) == 20


def test_lazy_round_trip(smooth):
    """A lazy code is lazy, and so is what is made of it."""
    maps = smooth((40, 2, 7, 9))
    pca = MapPCA(5).fit(open_maps(maps))
    codes = pca.transform(open_maps(maps))
    back = pca.inverse_transform(codes)
    assert isinstance(codes, LazyMaps)
    assert isinstance(back, LazyMaps)
    assert codes.shape == (40, 5)
    assert back.shape == maps.shape
    np.testing.assert_array_equal(np.asarray(codes), pca.transform(maps))
    np.testing.assert_array_equal(
        np.asarray(back[5:9]), pca.inverse_transform(pca.transform(maps))[5:9]
    )
    np.testing.assert_array_equal(
        pca.reconstruction_error(open_maps(maps)), pca.reconstruction_error(maps)
    )
