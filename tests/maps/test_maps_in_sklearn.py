"""Lazy maps where scikit-learn expects an array: nothing is read until it has to be."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing, indexable, resample, shuffle
from sklearn.utils.validation import _num_samples, check_consistent_length

from skastro.maps import LazyMaps
from skastro.preprocessing import BlockPool, FieldScaler, SignedLog
from skastro.utils import fingerprint


class MeanRegressor(RegressorMixin, BaseEstimator):
    """Predicts a multiple of the mean of a map."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y):
        means = np.asarray(X).mean(axis=(1, 2, 3))
        self.slope_ = np.polyfit(means, y, 1)
        return self

    def predict(self, X):
        return self.factor * np.polyval(self.slope_, np.asarray(X).mean(axis=(1, 2, 3)))


@pytest.fixture
def y(values):
    return values.mean(axis=(1, 2, 3), dtype=float)


@pytest.mark.parametrize("key", [[3, 1], np.array([3, 1]), slice(1, 4), np.arange(23) < 4, (3, 1)])
def test_safe_indexing(hdf5_maps, values, count_reads, key):
    counted = count_reads(hdf5_maps)
    got = _safe_indexing(hdf5_maps, key)
    assert isinstance(got, LazyMaps)
    assert counted == []
    np.testing.assert_array_equal(np.asarray(got), values[list(key) if type(key) is tuple else key])


def test_split_shuffle_and_resample(hdf5_maps, values, y, count_reads):
    counted = count_reads(hdf5_maps)
    train, test, y_train, y_test = train_test_split(hdf5_maps, y, random_state=0)
    mixed, y_mixed = shuffle(hdf5_maps, y, random_state=0)
    drawn, y_drawn = resample(hdf5_maps, y, n_samples=9, random_state=0)
    assert counted == []
    parts = {"train": (train, y_train), "test": (test, y_test)}
    parts |= {"mixed": (mixed, y_mixed), "drawn": (drawn, y_drawn)}
    for maps, targets in parts.values():
        np.testing.assert_allclose(np.asarray(maps).mean(axis=(1, 2, 3)), targets, rtol=1e-6)
    assert sorted(np.concatenate([y_train, y_test])) == sorted(y)


@pytest.mark.parametrize(
    "splitter", [KFold(3, shuffle=True, random_state=0), StratifiedKFold(3), GroupKFold(3)]
)
def test_splitters(hdf5_maps, count_reads, splitter):
    counted = count_reads(hdf5_maps)
    labels = np.arange(23) % 2
    groups = np.arange(23) // 4 if isinstance(splitter, GroupKFold) else None
    tests = [test for _, test in splitter.split(hdf5_maps, labels, groups)]
    assert sorted(np.concatenate(tests)) == list(range(23))
    assert counted == []


def test_validation_helpers(hdf5_maps, y, count_reads):
    counted = count_reads(hdf5_maps)
    assert _num_samples(hdf5_maps[:9]) == 9
    assert indexable(hdf5_maps, y)[0] is hdf5_maps
    check_consistent_length(hdf5_maps, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        check_consistent_length(hdf5_maps[:9], y)
    assert counted == []


def test_pipeline_on_lazy_maps_equals_arrays(stored, values, y):
    steps = BlockPool(2, func="sum", remainder="partial"), SignedLog(scale=3.0), FieldScaler()
    lazy = make_pipeline(*steps).fit(stored)
    eager = make_pipeline(*steps).fit(values)
    np.testing.assert_allclose(lazy[-1].center_, eager[-1].center_, rtol=1e-12)
    transformed = lazy.transform(stored[::-1])
    assert isinstance(transformed, LazyMaps)
    assert transformed.shape == (23, 2, 3, 4)
    np.testing.assert_allclose(
        np.asarray(transformed), eager.transform(values[::-1]), rtol=1e-5, atol=1e-6
    )


def test_transform_reads_nothing(hdf5_maps, count_reads):
    pipeline = make_pipeline(SignedLog(), FieldScaler()).fit(hdf5_maps)
    counted = count_reads(hdf5_maps)
    assert pipeline.transform(hdf5_maps).shape == hdf5_maps.shape
    assert counted == []


def test_cross_validation_and_search(hdf5_maps, values, y):
    pipeline = make_pipeline(SignedLog(), FieldScaler(), MeanRegressor())
    cv = KFold(3, shuffle=True, random_state=0)
    lazy, eager = (cross_val_score(pipeline, maps, y, cv=cv) for maps in (hdf5_maps, values))
    np.testing.assert_allclose(lazy, eager, rtol=1e-4)
    grid = {"meanregressor__factor": [0.5, 1.0], "fieldscaler__method": ["minmax", "standard"]}
    search = GridSearchCV(pipeline, grid, cv=cv).fit(hdf5_maps, y)
    assert search.best_params_["meanregressor__factor"] == 1.0
    assert search.predict(hdf5_maps[:4]).shape == (4,)


def test_pipelines_leave_nothing_in_the_steps(hdf5_maps, y):
    """A pipeline's steps are those of the transformers alone, the same in every run."""

    class Keep(MeanRegressor):
        def fit(self, X, y):
            self.maps_ = X
            return super().fit(X, y)

    def steps():
        model = make_pipeline(SignedLog(), FieldScaler(), Keep()).fit(hdf5_maps, y)
        return model[-1].maps_

    apart = FieldScaler().fit_transform(SignedLog().fit_transform(hdf5_maps))
    assert fingerprint(steps()) == fingerprint(steps()) == fingerprint(apart)
    for kept, step in zip(steps().steps, apart.steps, strict=True):
        assert vars(kept.transformer).keys() == vars(step.transformer).keys()
