"""MapPCA of patches against patches cut by loops, and scikit-learn."""

from itertools import product

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skastro.decomposition import MapPCA, _patches
from skastro.maps import LazyMaps, open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor

CASES = [
    ((40, 36), (4,)),
    ((40, 36), 9),
    ((40, 2, 36), (4,)),
    ((40, 8, 9), (4, 3)),
    ((40, 8, 12), 4),
    ((40, 2, 8, 9), (2, 9)),
    ((40, 6, 8, 9), (3, 4, 3)),
    ((40, 2, 6, 8, 9), (3, 2, 3)),
    ((40, 2, 6, 8, 9), [6, 8, 9]),
]


def cut(maps, patch, dim):
    """Patches of each map one by one, as rows in float64, and their number along each axis."""
    patch = (patch,) * dim if isinstance(patch, int) else tuple(patch)
    spatial = maps.shape[-dim:]
    grid = [n // m for n, m in zip(spatial, patch, strict=True)]
    out = []
    for one in maps:
        for place in product(*map(range, grid)):
            cells = [slice(i * m, (i + 1) * m) for i, m in zip(place, patch, strict=True)]
            out.append(one[(..., *cells)].ravel())
    return np.array(out, dtype=float), grid


def dim_of(shape, patch):
    return len(shape) - 1 if isinstance(patch, int) else len(patch)


@pytest.mark.parametrize(("shape", "patch"), CASES)
@pytest.mark.parametrize("whiten", [False, True])
def test_patches(smooth, shape, patch, whiten):
    maps, dim = smooth(shape, offset=2.0), dim_of(shape, patch)
    cells, grid = cut(maps, patch, dim)
    reference = PCA(3, whiten=whiten, svd_solver="full").fit(cells)
    pca = MapPCA(3, patch_size=patch, whiten=whiten, dim=dim).fit(maps)
    assert (pca.n_samples_, pca.n_features_) == cells.shape
    patch = (patch,) * dim if isinstance(patch, int) else tuple(patch)
    assert pca.components_.shape == (3, *shape[1:-dim], *patch)
    assert pca.mean_.shape == pca.components_.shape[1:]
    np.testing.assert_allclose(pca.explained_variance_, reference.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(pca.noise_variance_, reference.noise_variance_, rtol=1e-5)
    np.testing.assert_allclose(pca.components_.reshape(3, -1), reference.components_, atol=1e-4)
    codes = pca.transform(maps)
    expected = reference.transform(cells)
    assert codes.shape == (40, 3, *grid)
    by_patch = np.moveaxis(codes, 1, -1).reshape(-1, 3)
    np.testing.assert_allclose(by_patch, expected, atol=1e-4 * np.abs(expected).max())
    back = pca.inverse_transform(codes)
    assert back.shape == shape
    np.testing.assert_allclose(
        cut(back, patch, dim)[0], reference.inverse_transform(expected), atol=1e-3
    )
    error = ((cells - reference.inverse_transform(expected)) ** 2).reshape(40, -1).mean(axis=1)
    np.testing.assert_allclose(pca.reconstruction_error(maps), error, rtol=1e-3)


@pytest.mark.parametrize(("shape", "patch"), CASES)
def test_all_components_give_the_maps_back(smooth, shape, patch):
    maps = smooth(shape)
    pca = MapPCA(patch_size=patch, dim=dim_of(shape, patch)).fit(maps)
    if pca.n_samples_ > pca.n_features_:
        np.testing.assert_allclose(pca.inverse_transform(pca.transform(maps)), maps, atol=1e-4)


def test_randomized_solver(smooth):
    maps = smooth((60, 2, 8, 9))
    cells, _ = cut(maps, (4, 3), 2)
    reference = PCA(3, svd_solver="full").fit(cells)
    pca = MapPCA(3, patch_size=(4, 3), svd_solver="randomized", n_iter=40, random_state=0)
    np.testing.assert_allclose(
        pca.fit(maps).components_.reshape(3, -1), reference.components_, atol=1e-4
    )


def test_maps_of_another_size(smooth):
    """Where a patch was learned, any map that it divides has a code and comes back."""
    pca = MapPCA(3, patch_size=(4, 3)).fit(smooth((30, 2, 8, 9)))
    other = smooth((5, 2, 12, 21), seed=1)
    codes = pca.transform(other)
    assert codes.shape == (5, 3, 3, 7)
    np.testing.assert_array_equal(codes[..., :2, :3], pca.transform(other[..., :8, :9]))
    back = pca.inverse_transform(codes)
    assert back.shape == other.shape
    np.testing.assert_allclose(
        pca.reconstruction_error(other), ((other - back) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5
    )


def test_lazy_codes(smooth):
    maps = smooth((30, 2, 8, 9))
    pca = MapPCA(3, patch_size=(4, 3)).fit(open_maps(maps))
    codes = pca.transform(open_maps(maps))
    assert isinstance(codes, LazyMaps)
    assert codes.shape == (30, 3, 2, 3)
    np.testing.assert_array_equal(np.asarray(codes[::-2]), pca.transform(maps)[::-2])
    back = pca.inverse_transform(codes)
    assert back.shape == maps.shape
    np.testing.assert_array_equal(np.asarray(back), pca.inverse_transform(pca.transform(maps)))


@pytest.mark.parametrize("options", [{}, {"patch_size": (4, 3)}, {"patch_size": 1}])
@pytest.mark.parametrize("n_values", [1 << 22, 3000, 1])
def test_codes_do_not_depend_on_other_maps(smooth, monkeypatch, options, n_values):
    """Equal bits in whatever company and place, however many rows are multiplied at once."""
    monkeypatch.setattr(_patches, "_VALUES_OF_A_PRODUCT", n_values)
    maps = smooth((150, 2, 8, 9))
    pca = MapPCA(2, whiten=True, **options).fit(maps)
    codes = pca.transform(maps)
    order = np.random.default_rng(0).permutation(150)
    for rows in (order, order[:67], order[:3], order[-1:]):
        np.testing.assert_array_equal(pca.transform(maps[rows]), codes[rows])
        np.testing.assert_array_equal(
            pca.inverse_transform(codes[rows]), pca.inverse_transform(codes)[rows]
        )


def test_network_after_the_codes(smooth):
    """The codes are maps with channels, which a network is fitted to."""
    maps = smooth((24, 2, 16, 20))
    codes = MapPCA(6, patch_size=2).fit_transform(maps)
    net = CNNRegressor(ConvNet(1, 2), max_epochs=1, n_threads=1, random_state=0)
    net.fit(codes, maps.mean(axis=(1, 2, 3)))
    assert net.predict(codes).shape == (24,)
