"""What MapPCA refuses, and how it says so."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skastro.decomposition import MapPCA
from skastro.exceptions import MapShapeError
from skastro.maps import open_maps

MAPS = np.random.default_rng(0).normal(size=(10, 8, 9)).astype(np.float32)


@pytest.mark.parametrize("n_components", [0, -1, 1.0, 1.5, 0.0, "mle", np.nan])
def test_numbers_of_components_that_are_refused(n_components):
    with pytest.raises(ValueError, match="The 'n_components' parameter of MapPCA must be"):
        MapPCA(n_components).fit(MAPS)


def test_too_many_components():
    for maps in (MAPS, open_maps(MAPS)):
        with pytest.raises(
            ValueError,
            match=r"at most min\(n_samples, n_features\)=10, for n_samples=10 and n_features=72. "
            r"Got 11 instead. Take fewer",
        ):
            MapPCA(11).fit(maps)
    with pytest.raises(ValueError, match=r"=4, for n_samples=180 and n_features=4. Got 5"):
        MapPCA(5, patch_size=(4, 1)).fit(MAPS)
    assert MapPCA(10).fit(MAPS).n_components_ == 10


def test_fraction_needs_the_covariance(monkeypatch):
    from skastro.decomposition import _map_pca

    with pytest.raises(ValueError, match=r"Got 0.9 instead.*72 features.*svd_solver='covariance'"):
        MapPCA(0.9, svd_solver="randomized").fit(MAPS)
    monkeypatch.setattr(_map_pca, "_MOST_FEATURES", 71)
    with pytest.raises(ValueError, match=r"'auto' for 72 features.*needs 5.7e-06 GB"):
        MapPCA(0.9).fit(MAPS)
    assert MapPCA(0.9, svd_solver="covariance").fit(MAPS).n_components_ < 10


def test_one_sample():
    with pytest.raises(ValueError, match=r"needs at least 2 maps; got n_samples = 1"):
        MapPCA().fit(MAPS[:1])
    with pytest.raises(ValueError, match=r"needs at least 2 patches; got n_samples = 1"):
        MapPCA(patch_size=(8, 9)).fit(MAPS[:1])
    assert MapPCA(1, patch_size=(4, 9)).fit(MAPS[:1]).n_samples_ == 2


@pytest.mark.parametrize("patch_size", [0, -2, (2, 0), (2,), (2, 2, 2), (2, 1.5), 1.5, "ab"])
def test_patch_sizes_that_are_refused(patch_size):
    with pytest.raises(ValueError, match="The 'patch_size' parameter of MapPCA must be"):
        MapPCA(patch_size=patch_size).fit(MAPS)


def test_patches_that_do_not_divide():
    with pytest.raises(MapShapeError, match=r"patch_size=4\) does not divide .*\(8, 9\). Take"):
        MapPCA(patch_size=4).fit(MAPS)
    pca = MapPCA(2, patch_size=(4, 3)).fit(MAPS)
    for maps in (MAPS[:, :7], open_maps(MAPS[:, :7])):
        with pytest.raises(MapShapeError, match=r"does not divide maps of spatial shape \(7, 9\)"):
            pca.transform(maps)


@pytest.mark.parametrize(
    "options", [{"svd_solver": "full"}, {"n_iter": 0}, {"n_oversamples": -1}, {"whiten": 2}]
)
def test_options_that_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MapPCA must be"):
        MapPCA(**options).fit(MAPS)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "reconstruction_error"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(MapPCA(), method)(MAPS)


def test_codes_of_another_shape():
    whole, by_patch = MapPCA(3).fit(MAPS), MapPCA(3, patch_size=(4, 3)).fit(MAPS)
    for codes in (np.zeros((5, 4)), np.zeros(3), np.zeros((5, 3, 2))):
        with pytest.raises(MapShapeError, match=r"codes of shape \(n_samples, 3\); got"):
            whole.inverse_transform(codes)
    for codes in (np.zeros((5, 3)), np.zeros((5, 4, 2, 3)), np.zeros((5, 3, 0, 3))):
        for given in (codes, open_maps(codes)):
            with pytest.raises(
                MapShapeError, match=r"codes of shape \(n_samples, 3, patches, patches\); got"
            ):
                by_patch.inverse_transform(given)


def test_bad_values_in_codes():
    codes = np.zeros((5, 3), dtype=np.float32)
    codes[4, 1] = np.nan
    with pytest.raises(ValueError, match="MapPCA contains NaN, first at sample 4"):
        MapPCA(3).fit(MAPS).inverse_transform(codes)
    codes = np.zeros((5, 3, 2, 3), dtype=np.float32)
    codes[3, 2, 1, 0] = np.inf
    with pytest.raises(ValueError, match=r"MapPCA contains inf, first at sample 3, channel 2"):
        MapPCA(3, patch_size=(4, 3)).fit(MAPS).inverse_transform(codes)


def test_codes_may_be_a_list():
    pca = MapPCA(2).fit(MAPS)
    back = pca.inverse_transform([[0, 0], [1, 0]])
    np.testing.assert_allclose(back, [pca.mean_, pca.mean_ + pca.components_[0]], atol=1e-6)
