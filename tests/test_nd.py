"""What maps demand of every estimator, in the spirit of scikit-learn's own checks.

Each estimator is put to maps of three, four and five axes with unequal lengths, in memory and
lazy.
"""

import pickle
from functools import cache

import h5py
import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import check_is_fitted

from skastro.exceptions import MapShapeError
from skastro.maps import LazyMaps, open_maps
from skastro.nets import Autoencoder, ConvNet, FieldResNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import CubeSlicer
from skastro.utils import all_estimators

SHAPES = {3: (8, 9), 4: (2, 8, 9), 5: (2, 7, 8, 9)}
N_SAMPLES = 12
NET = ConvNet(n_layers=2, n_filters=2)
TRAINING = {"net": NET, "max_epochs": 2, "n_threads": 1, "random_state": 0, "batch_size": 4}

# Centres of the frequency channels, the axis before those of the sky.
FREQUENCIES = {3: None, 4: (27.0, 33.0), 5: (27.0, 28.0, 29.0, 30.0, 31.0, 32.0, 33.0)}

# How an estimator is set up for maps of a number of axes; every public one must be here.
FACTORIES = {
    "Bispectrum": lambda cls, ndim: cls(n_bins=2, reduced=ndim == 4),
    "BlockPool": lambda cls, ndim: cls(remainder="drop"),
    "CNNClassifier": lambda cls, ndim: cls(**TRAINING),
    "CNNRegressor": lambda cls, ndim: cls(**TRAINING),
    "ChannelMeanSubtraction": lambda cls, ndim: cls(),
    "ConformalClassifier": lambda cls, ndim: cls(
        CNNClassifier(**TRAINING), confidence_level=0.5, conformity_score="aps", random_state=0
    ),
    "ConformalRegressor": lambda cls, ndim: cls(
        CNNRegressor(**TRAINING, loss="gaussian_nll"), confidence_level=0.5, random_state=0
    ),
    "ConvAutoencoder": lambda cls, ndim: cls(**TRAINING | {"net": Autoencoder((3, 2))}),
    "DeepEnsembleRegressor": lambda cls, ndim: cls(
        CNNRegressor(**TRAINING, loss="gaussian_nll"), n_estimators=2, random_state=0
    ),
    "FieldRegressor": lambda cls, ndim: cls(**TRAINING | {"net": FieldResNet(1, 2)}),
    "FieldScaler": lambda cls, ndim: cls(),
    "GaussianBeam": lambda cls, ndim: cls(3.0, boundary="wrap"),
    "LuminosityFunctionTransformer": lambda cls, ndim: cls("cumulative"),
    "MapPCA": lambda cls, ndim: cls(4, patch_size=(1,) * (ndim == 5) + (4, 3), whiten=True),
    "MinkowskiFunctionals": lambda cls, ndim: cls(5),
    "Moments": lambda cls, ndim: cls(),
    "PointSources": lambda cls, ndim: cls(frequencies=FREQUENCIES[ndim], random_state=0),
    "PowerLawForeground": lambda cls, ndim: cls(frequencies=FREQUENCIES[ndim], random_state=0),
    "PowerSpectrum": lambda cls, ndim: cls(n_bins=3, cross=True),
    "RadiometerNoise": lambda cls, ndim: cls(random_state=0),
    "RecalibratedRegressor": lambda cls, ndim: cls(
        CNNRegressor(**TRAINING, loss="gaussian_nll"), random_state=0
    ),
    "SignedLog": lambda cls, ndim: cls(scale=0.5),
    "SliceClassifier": lambda cls, ndim: cls(CNNClassifier(**TRAINING), slicer=CubeSlicer(step=3)),
    "SliceRegressor": lambda cls, ndim: cls(CNNRegressor(**TRAINING), slicer=CubeSlicer(step=3)),
    "SmoothedCopies": lambda cls, ndim: cls([1.0, 2.5], window="gaussian"),
    "TargetScaler": lambda cls, ndim: cls(),
    "UnitConverter": lambda cls, ndim: cls(
        "g / cm3", "kg / m3", from_frame="proper", to_frame="comoving", redshift=7.0
    ),
    "VoxelHistogram": lambda cls, ndim: cls(5, log=True),
    "VoxelRegressor": lambda cls, ndim: cls(
        HistGradientBoostingRegressor(max_iter=5), n_voxels=500, random_state=0
    ),
    "WaveletScattering": lambda cls, ndim: cls(2, n_angles=2),
    "WhiteNoise": lambda cls, ndim: cls((0.5, 2.0), random_state=0),
}
# Targets are kept in memory and in float64.
NOT_ON_MAPS = {"LuminosityFunctionTransformer", "TargetScaler"}
# What learns nothing from the values of lazy maps does not read them in fit.
READS_NOTHING = {
    "Bispectrum",
    "BlockPool",
    "ChannelMeanSubtraction",
    "GaussianBeam",
    "MinkowskiFunctionals",
    "Moments",
    "PointSources",
    "PowerLawForeground",
    "PowerSpectrum",
    "RadiometerNoise",
    "SignedLog",
    "SmoothedCopies",
    "UnitConverter",
    "WaveletScattering",
    "WhiteNoise",
}
# The target is a field: a number for each cell.
TO_FIELDS = {"FieldRegressor", "VoxelRegressor"}
# Features are few, and float64: lazy maps give an array of them.
TO_FEATURES = {
    "Bispectrum",
    "MinkowskiFunctionals",
    "Moments",
    "PowerSpectrum",
    "VoxelHistogram",
    "WaveletScattering",
}

CASES = [
    pytest.param(name, ndim, id=f"{name}-{ndim}")
    for name, _ in all_estimators()
    for ndim in SHAPES
    if name not in NOT_ON_MAPS
]
TRANSFORMER_CASES = [
    case for case in CASES if hasattr(dict(all_estimators())[case.values[0]], "transform")
]
all_cases = pytest.mark.parametrize(("name", "ndim"), CASES)


def make(name, ndim):
    """An estimator for maps of `ndim` axes."""
    return FACTORIES[name](dict(all_estimators())[name], ndim)


def maps(ndim, dtype="float32", *, name=None):
    """Maps whose spread grows with their target, with a group for each pair of samples."""
    rng = np.random.default_rng(ndim)
    y = np.arange(N_SAMPLES) % 3
    scale = (1.0 + y).reshape(-1, *(1,) * (ndim - 1))
    X = (scale * rng.normal(size=(N_SAMPLES, *SHAPES[ndim]))).astype(dtype)
    if name in TO_FIELDS:
        y = (X if ndim == 3 else X[:, 0]) ** 2
    return X, y, np.arange(N_SAMPLES) // 2


@cache
def fitted(name, ndim, dtype="float32"):
    """An estimator that is fitted once for all tests, on maps rounded to a type."""
    X, y, _ = maps(ndim, dtype, name=name)
    return make(name, ndim).fit(X.astype("float32"), y)


def outputs(estimator, X):
    """All that a fitted estimator makes of maps."""
    found = [
        np.asarray(getattr(estimator, method)(X))
        for method in ("predict", "predict_proba", "transform")
        if hasattr(estimator, method)
    ]
    assert found
    return found


def assert_same(first, second):
    """Two lists of arrays are equal bit by bit."""
    for a, b in zip(first, second, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def lazy(tmp_path):
    """Turn an array into lazy maps over an HDF5 file."""

    def store(X):
        path = tmp_path / "maps.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("maps", data=X, chunks=(1, *X.shape[1:]))
        return open_maps(path)

    return store


def test_every_estimator_has_a_case():
    """A new estimator cannot be forgotten here."""
    assert FACTORIES.keys() == {name for name, _ in all_estimators()}


@all_cases
def test_clone_and_repr(name, ndim):
    """A clone has the same parameters and is not fitted."""
    estimator = fitted(name, ndim)
    copy = clone(estimator)
    assert repr(copy) == repr(estimator)
    assert not [key for key in vars(copy) if key.endswith("_") and not key.startswith("__")]


@all_cases
def test_pickle(name, ndim):
    """A fitted estimator survives pickle and joblib with equal outputs."""
    X = maps(ndim)[0]
    estimator = fitted(name, ndim)
    before = outputs(estimator, X)
    restored = pickle.loads(pickle.dumps(estimator))
    check_is_fitted(restored)
    assert_same(before, outputs(restored, X))
    assert joblib.hash(restored) == joblib.hash(pickle.loads(pickle.dumps(restored)))


@pytest.mark.parametrize(("name", "ndim"), TRANSFORMER_CASES)
def test_float32_is_kept(name, ndim):
    """Transformers return float32 for float32 and float64 alike, and features float64."""
    X = maps(ndim)[0]
    estimator = fitted(name, ndim)
    dtype = np.float64 if name in TO_FEATURES else np.float32
    assert estimator.transform(X).dtype == dtype
    assert estimator.transform(X.astype(float)).dtype == dtype


@all_cases
@pytest.mark.parametrize("dtype", [">f4", ">f8", "float16"])
def test_foreign_floats(name, ndim, dtype):
    """Big-endian numbers, as in FITS files, and halves give the results of native ones."""
    X, y, _ = maps(ndim, "float16", name=name)
    native = fitted(name, ndim, "float16")
    foreign = make(name, ndim).fit(X.astype(dtype), y)
    assert_same(outputs(native, X.astype("float32")), outputs(foreign, X.astype(dtype)))


@all_cases
def test_wrong_sample_shape(name, ndim):
    """Maps of another shape are refused, and both shapes are named."""
    X = maps(ndim)[0]
    estimator = fitted(name, ndim)
    wrong = X[:, None] if ndim == 3 else X[:, :1]
    method = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    with pytest.raises(MapShapeError) as error:
        method(wrong)
    assert name in str(error.value)
    assert str(X.shape[1:]) in str(error.value)
    assert str(wrong.shape[1:]) in str(error.value)


@all_cases
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_found(name, ndim, bad):
    """NaN and infinity are refused in fit and after, and their place is named."""
    X, y, _ = maps(ndim, name=name)
    estimator = fitted(name, ndim)
    X[5, ..., 3, 2] = bad
    for method in (
        lambda: make(name, ndim).fit(X, y),
        lambda: outputs(estimator, X),
    ):
        with pytest.raises(ValueError, match=r"sample 5, .*3, 2\)") as error:
            method()
        assert ("NaN" if np.isnan(bad) else "inf") in str(error.value)


@pytest.mark.parametrize(("name", "ndim"), [c for c in CASES if c.values[0] not in READS_NOTHING])
def test_nan_is_found_in_lazy_maps(name, ndim, lazy):
    """NaN in a file is found when it is read, in fit."""
    X, y, _ = maps(ndim, name=name)
    X[5, ..., 3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        make(name, ndim).fit(lazy(X), y)


@all_cases
def test_subset_invariance(name, ndim):
    """What comes out for a map does not depend on the maps beside it."""
    X = maps(ndim)[0]
    estimator = fitted(name, ndim)
    together = outputs(estimator, X)
    one_by_one = [outputs(estimator, X[i : i + 1]) for i in range(len(X))]
    assert_same(together, [np.concatenate(parts) for parts in zip(*one_by_one, strict=True)])
    order = np.random.default_rng(0).permutation(len(X))
    assert_same([out[order] for out in together], outputs(estimator, X[order]))


@all_cases
def test_idempotent_fit(name, ndim):
    """Fitting twice is fitting once, and equal seeds give equal bits."""
    X, y, _ = maps(ndim, name=name)
    once = fitted(name, ndim)
    twice = make(name, ndim).fit(X[::-1], y[::-1]).fit(X, y)
    assert_same(outputs(once, X), outputs(twice, X))


@all_cases
def test_input_is_not_modified(name, ndim):
    """Neither fit nor what follows writes into the maps, which may be read-only."""
    X, y, groups = maps(ndim, name=name)
    X.flags.writeable = False
    before = X.copy()
    estimator = make(name, ndim)
    params = {"groups": groups} if is_classifier(estimator) or is_regressor(estimator) else {}
    outputs(estimator.fit(X, y, **params), X)
    np.testing.assert_array_equal(X, before)


@all_cases
def test_lazy_equals_eager(name, ndim, lazy):
    """Lazy maps give the results of arrays, and transformers to maps keep them lazy."""
    X, y, _ = maps(ndim, name=name)
    source = lazy(X)
    eager = fitted(name, ndim)
    from_file = make(name, ndim).fit(source, y)
    assert_same(outputs(eager, X), outputs(from_file, source))
    assert_same(outputs(eager, X[::-2]), outputs(from_file, source[::-2]))
    if hasattr(from_file, "transform"):
        kind = np.ndarray if name in TO_FEATURES else LazyMaps
        assert isinstance(from_file.transform(source), kind)


@all_cases
def test_global_random_states_are_left_alone(name, ndim):
    """Neither NumPy's nor torch's global generator moves."""
    import torch

    X, y, _ = maps(ndim, name=name)
    numpy_before = np.random.mtrand._rand.get_state()
    torch_before = torch.get_rng_state()
    outputs(make(name, ndim).fit(X, y), X)
    np.testing.assert_equal(np.random.mtrand._rand.get_state(), numpy_before)
    assert torch.equal(torch.get_rng_state(), torch_before)
