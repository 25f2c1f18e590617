"""Slices of one cube never stand on both sides of a split."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.ensemble import SliceClassifier
from skastro.preprocessing import CubeSlicer


def flatten(maps):
    """Maps as rows."""
    return np.asarray(maps).reshape(len(maps), -1)


@pytest.fixture
def by_heart():
    """A classifier that knows its training slices by heart."""
    return make_pipeline(FunctionTransformer(flatten), KNeighborsClassifier(1))


@pytest.fixture
def columns():
    """Forty cubes whose slices are near copies of each other, with labels that mean nothing."""
    rng = np.random.default_rng(0)
    cubes = rng.normal(size=(40, 1, 5, 6)) + 0.01 * rng.normal(size=(40, 8, 5, 6))
    return cubes.astype("float32"), rng.permutation(np.arange(40) % 2)


def test_random_labels_cannot_be_learned(by_heart, columns):
    """Splitting slices rewards memory with a perfect score; splitting cubes gives chance."""
    cubes, label = columns
    folds = KFold(5, shuffle=True, random_state=0)
    slices = CubeSlicer().cut(cubes)
    leaked = cross_val_score(by_heart, slices, np.repeat(label, 8), cv=folds)
    assert leaked.min() > 0.99
    honest = cross_val_score(SliceClassifier(by_heart), cubes, label, cv=folds)
    assert abs(honest.mean() - 0.5) < 0.25
    assert SliceClassifier(by_heart).fit(cubes, label).score(cubes, label) == 1


def test_a_search_around_the_slices_is_honest(by_heart, columns):
    """A grid search over the inner estimator splits cubes as well."""
    cubes, label = columns
    search = GridSearchCV(
        SliceClassifier(by_heart),
        {"estimator__kneighborsclassifier__n_neighbors": [1, 3], "slicer": [CubeSlicer(step=4)]},
        cv=KFold(5, shuffle=True, random_state=0),
    ).fit(cubes, label)
    assert search.best_score_ < 0.75


def test_a_search_inside(by_heart, columns):
    """A search over slices is handed the cubes as groups; a splitter that ignores them says so."""
    cubes, label = columns

    def best(cv):
        search = GridSearchCV(by_heart, {"kneighborsclassifier__n_neighbors": [1]}, cv=cv)
        return SliceClassifier(search).fit(cubes, label).estimator_.best_score_

    assert best(GroupKFold(5)) < 0.75
    with pytest.warns(UserWarning, match="groups parameter is ignored by KFold"):
        assert best(KFold(5, shuffle=True, random_state=0)) > 0.99
