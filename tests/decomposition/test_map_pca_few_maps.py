"""MapPCA of fewer maps than features, against scikit-learn's PCA in float64."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skastro.decomposition import MapPCA, _map_pca


def reference(maps, n_components):
    """That of scikit-learn."""
    rows = maps.reshape(len(maps), -1).astype(float)
    return PCA(n_components, svd_solver="full").fit(rows)


@pytest.mark.parametrize("n_components", [1, 2, 20, 0.6, 0.99])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_exact(smooth, n_components, offset):
    """Few components and many, by number and by variance."""
    maps = smooth((40, 2, 7, 9), offset=offset)
    wanted, pca = reference(maps, n_components), MapPCA(n_components).fit(maps)
    n = wanted.n_components_
    assert pca.n_components_ == n
    np.testing.assert_allclose(pca.explained_variance_, wanted.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(
        pca.explained_variance_ratio_, wanted.explained_variance_ratio_, rtol=1e-4
    )
    np.testing.assert_allclose(pca.noise_variance_, wanted.noise_variance_, rtol=1e-3)
    np.testing.assert_allclose(pca.components_.reshape(n, -1), wanted.components_, atol=2e-3)
    np.testing.assert_allclose(pca.mean_.ravel(), wanted.mean_, rtol=1e-6, atol=1e-5)


def test_all_components(smooth):
    """The last has no variance, and is still a direction of its own."""
    maps = smooth((30, 9, 8))
    pca, wanted = MapPCA().fit(maps), reference(maps, None)
    np.testing.assert_allclose(
        pca.explained_variance_[:-1], wanted.explained_variance_[:-1], rtol=1e-4
    )
    assert pca.explained_variance_[-1] < 1e-6 * pca.explained_variance_[0]
    rows = pca.components_.reshape(30, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(30), atol=1e-5)
    assert pca.reconstruction_error(maps).max() < 1e-9 * maps.var()


def test_equal_maps():
    """Without any variance the components are orthogonal, and maps come back."""
    maps = np.full((5, 4, 4), 7.0, dtype=np.float32)
    pca = MapPCA(3).fit(maps)
    np.testing.assert_array_equal(pca.explained_variance_, 0)
    rows = pca.components_.reshape(3, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(maps)), maps)


def test_both_ways_agree(smooth, monkeypatch):
    """Products of rows and products of features have the same components."""
    maps = smooth((40, 7, 9))
    by_rows = MapPCA(5).fit(maps)
    monkeypatch.setattr(
        _map_pca,
        "components_of_products",
        lambda blocks, n_rows, n: _map_pca.components_of_covariance(blocks, n),
    )
    by_features = MapPCA(5).fit(maps)
    assert by_rows.components_.tobytes() != by_features.components_.tobytes()
    np.testing.assert_allclose(by_rows.components_, by_features.components_, atol=1e-4)
    np.testing.assert_allclose(
        by_rows.explained_variance_, by_features.explained_variance_, rtol=1e-5
    )


def test_scale(smooth):
    """Numbers as large as of columns of hydrogen, or as small as of densities in g/cm3."""
    maps = smooth((20, 7, 9))
    plain = MapPCA(3).fit(maps)
    for scale in (2.0**70, 2.0**-90):
        scaled = MapPCA(3).fit(maps * np.float32(scale))
        np.testing.assert_array_equal(scaled.components_, plain.components_)
        np.testing.assert_allclose(
            scaled.explained_variance_, plain.explained_variance_ * scale**2, rtol=1e-12
        )
