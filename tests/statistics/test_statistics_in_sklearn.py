"""Summary statistics in the parts of scikit-learn that stand around them."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skastro.maps import open_maps
from skastro.preprocessing import SignedLog
from skastro.statistics import (
    Bispectrum,
    MinkowskiFunctionals,
    Moments,
    PowerSpectrum,
    VoxelHistogram,
    WaveletScattering,
)

RNG = np.random.default_rng(0)
AMPLITUDE = RNG.uniform(1, 3, size=60)
SHAPES = [(60, 8, 9), (60, 2, 8, 9), (60, 2, 7, 8, 9)]


def maps(shape):
    """Log-normal maps, wider where the amplitude is greater."""
    return np.exp(AMPLITUDE.reshape(-1, *(1,) * (len(shape) - 1)) * RNG.normal(size=shape))


def baseline():
    """The pipeline that the documentation shows."""
    return make_pipeline(
        SignedLog(mode="floor"),
        make_union(PowerSpectrum(4, log=True, cross=True), Moments()),
        StandardScaler(),
        RidgeCV(np.logspace(-3, 3, 7)),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_baseline(shape):
    """Power spectrum and moments together make a ridge regression, from arrays and files."""
    X, groups = maps(shape), np.arange(60) // 3
    model = baseline().fit(X, AMPLITUDE)
    union = model[1]
    features = union.transform(model[0].transform(X))
    assert features.shape == (60, len(union.get_feature_names_out()))
    assert union.get_feature_names_out()[0].startswith("powerspectrum__log10 P(0,0) k=")
    scores = cross_val_score(baseline(), X, AMPLITUDE, groups=groups, cv=GroupKFold(4))
    assert scores.min() > 0.75
    lazy = clone(model).fit(open_maps(X.astype("float32")), AMPLITUDE)
    np.testing.assert_array_equal(lazy.predict(open_maps(X)), model.predict(X))


@pytest.mark.parametrize("wrong", ["maps", "parameter"])
@pytest.mark.parametrize("statistic", [PowerSpectrum(3), Moments()])
def test_fit_that_fails(statistic, wrong):
    """It fits nothing, and does not harm what was fitted before."""
    X, bad = maps(SHAPES[0]), maps((60, 4, 7, 9))
    parameters = {}
    if wrong == "maps":
        bad[0, 0, 0] = np.nan
    elif isinstance(statistic, PowerSpectrum):
        parameters = {"k_range": (1e-9, 1e-8)}
    else:
        parameters = {"orders": (5,)}

    fresh = clone(statistic).set_params(**parameters)
    with pytest.raises(ValueError, match=r"NaN|k_range|orders"):
        fresh.fit(bad)
    with pytest.raises(NotFittedError):
        fresh.transform(X)

    fitted = clone(statistic).fit(X)
    expected = fitted.transform(X)
    with pytest.raises(ValueError, match=r"NaN|k_range|orders"):
        fitted.set_params(**parameters).fit(bad)
    assert fitted.sample_shape_ == (8, 9)
    fitted.set_params(**statistic.get_params())
    np.testing.assert_array_equal(fitted.transform(X), expected)


EVERY = [
    Bispectrum(3, dim=3),
    MinkowskiFunctionals(3, standardize=False, dim=3),
    Moments(scales=[0, 2], dim=3),
    PowerSpectrum(3, cross=True, dim=3),
    VoxelHistogram(4, dim=3),
    WaveletScattering(dim=3),
]


@pytest.mark.parametrize("statistic", EVERY, ids=lambda one: type(one).__name__)
def test_pandas_files_and_pickles(statistic):
    """Features become columns with their names; maps of a file give equal ones, as do copies."""
    pytest.importorskip("pandas")
    X = maps(SHAPES[2])[:5].astype("float32")
    expected = clone(statistic).fit_transform(X)
    fitted = clone(statistic).set_output(transform="pandas")
    frame = fitted.fit_transform(open_maps(X))
    assert list(frame.columns) == list(fitted.get_feature_names_out())
    assert len(set(frame.columns)) == expected.shape[1]
    np.testing.assert_array_equal(frame.to_numpy(), expected)
    data = pickle.dumps(fitted)
    assert len(data) < 3000
    np.testing.assert_array_equal(pickle.loads(data).transform(X), expected)
