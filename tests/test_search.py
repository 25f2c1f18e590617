"""Estimators of the library inside scikit-learn's pipelines, searches and ensembles."""

import h5py
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline

from skastro.ensemble import SliceClassifier
from skastro.maps import open_maps
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import BlockPool, CubeSlicer, FieldScaler, SignedLog, TargetScaler

NET = ConvNet(n_layers=1, n_filters=8, batch_norm=True, readout="mean")
TRAINING = {"lr": 0.02, "max_epochs": 6, "batch_size": 8, "n_threads": 1, "random_state": 0}


def classifier(**parameters):
    """A small classifier."""
    return CNNClassifier(NET, **(TRAINING | parameters))


def regressor(**parameters):
    """A small regressor."""
    return CNNRegressor(NET, **(TRAINING | parameters))


@pytest.fixture(scope="module")
def data():
    """Maps of six simulations whose spread tells the class."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 20)
    X = (1.0 + y)[:, None, None, None] * rng.normal(size=(60, 2, 8, 10))
    return X.astype("float32"), y, np.repeat(np.arange(6), 10)


@pytest.fixture(scope="module")
def lazy(data, tmp_path_factory):
    """The same maps in an HDF5 file."""
    path = tmp_path_factory.mktemp("maps") / "maps.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("maps", data=data[0], chunks=(4, 2, 8, 10), compression="lzf")
    return open_maps(path)


def test_pipeline_of_maps(data, lazy):
    """A pipeline on lazy maps is that on arrays, and reads through all its steps."""
    X, y, _ = data
    pipeline = make_pipeline(SignedLog(), BlockPool(2), FieldScaler(), classifier())
    eager = pipeline.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(pipeline.fit(lazy, y).predict_proba(lazy), eager)


@pytest.mark.parametrize("source", ["eager", "lazy"])
def test_grid_search(data, lazy, source):
    """A search over parameters of nets, and over nets, is the same in two processes."""
    X, y, groups = data
    grid = [
        {"cnnclassifier__net__n_filters": [2, 4], "cnnclassifier__net__kernel_size": [1, 3]},
        {"cnnclassifier__net": [DenseNet((4,)), ConvNet(n_layers=2, n_filters=2)]},
    ]
    scores = []
    for n_jobs in (1, 2):
        search = GridSearchCV(
            make_pipeline(FieldScaler(), classifier(max_epochs=2)),
            grid,
            cv=GroupKFold(2),
            n_jobs=n_jobs,
        )
        search.fit(X if source == "eager" else lazy, y, groups=groups)
        scores.append(search.cv_results_["mean_test_score"])
        assert search.best_estimator_.predict(X[:3]).shape == (3,)
    assert len(scores[0]) == 6
    np.testing.assert_array_equal(scores[0], scores[1])
    assert len(set(scores[0])) > 1


def test_lazy_maps_travel_as_paths(lazy):
    """What a worker is sent of lazy maps does not grow with the maps."""
    import pickle

    assert len(pickle.dumps(lazy[:30])) < 2000


def test_cross_validate_by_group(data, lazy):
    """Groups reach the splitter, and scores of arrays and of lazy maps are equal."""
    X, y, groups = data
    options = {"groups": groups, "cv": GroupKFold(3), "return_indices": True}
    estimator = classifier(max_epochs=30)
    eager = cross_validate(estimator, X, y, **options)
    from_file = cross_validate(estimator, lazy, y, **options)
    np.testing.assert_array_equal(eager["test_score"], from_file["test_score"])
    assert eager["test_score"].mean() > 0.6
    for train, test in zip(*eager["indices"].values(), strict=True):
        assert not set(groups[train]) & set(groups[test])


def test_groups_reach_early_stopping(data):
    """The fit parameter `groups` goes through a pipeline."""
    X, y, groups = data
    model = make_pipeline(FieldScaler(), classifier(early_stopping=True, validation_fraction=0.2))
    model.fit(X, y, cnnclassifier__groups=groups)
    assert "valid_loss" in model[-1].history_[0]
    with pytest.raises(ValueError, match="groups"):
        model.fit(X, y, cnnclassifier__groups=np.zeros(60))


def test_metadata_routing(data):
    """With scikit-learn's routing the same groups reach the splitter and the estimator."""
    from sklearn import config_context

    X, y, groups = data
    with config_context(enable_metadata_routing=True):
        estimator = classifier(early_stopping=True).set_fit_request(groups=True)
        result = cross_validate(
            make_pipeline(FieldScaler(), estimator),
            X,
            y,
            params={"groups": groups},
            cv=GroupKFold(3),
            return_estimator=True,
            error_score="raise",
        )
        sliced = SliceClassifier(classifier(early_stopping=True)).set_fit_request(groups=True)
        cubes = np.repeat(X[:, 0, None], 3, axis=1)
        cross_validate(
            sliced, cubes, y, params={"groups": groups}, cv=GroupKFold(3), error_score="raise"
        )
    assert all("valid_loss" in fitted[-1].history_[0] for fitted in result["estimator"])


def test_transformed_target(data):
    """Targets may be transformed outside of the regressor."""
    X, y, _ = data
    inside = regressor().fit(X, y)
    outside = TransformedTargetRegressor(
        regressor(normalize_y=False), transformer=TargetScaler(), check_inverse=False
    ).fit(X, y)
    np.testing.assert_allclose(inside.predict(X), outside.predict(X), rtol=1e-4)


def test_halving_search_over_epochs(data):
    """The number of epochs is a resource that successive halving can ration."""
    X, y, _ = data
    search = HalvingGridSearchCV(
        classifier(),
        {"net__n_filters": [1, 2, 4, 8]},
        resource="max_epochs",
        min_resources=1,
        max_resources=4,
        factor=2,
        cv=KFold(2),
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [1, 2, 4]
    assert search.best_estimator_.n_iter_ == 4


@pytest.mark.parametrize("source", ["eager", "lazy"])
def test_voting_and_stacking(data, lazy, source):
    """Ensembles of scikit-learn take maps."""
    X, y, _ = data
    maps = X if source == "eager" else lazy
    nets = [("conv", classifier()), ("dense", CNNClassifier(DenseNet((4,)), **TRAINING))]
    voting = VotingClassifier(nets, voting="soft").fit(maps, y)
    mean = np.mean([net.predict_proba(X) for net in voting.estimators_], axis=0)
    np.testing.assert_allclose(voting.predict_proba(maps), mean)
    stacking = StackingClassifier(nets, LogisticRegression(), cv=2).fit(maps, y)
    assert stacking.predict(maps).shape == (60,)
    nets = [("conv", regressor()), ("dense", CNNRegressor(DenseNet((4,)), **TRAINING))]
    voting = VotingRegressor(nets).fit(maps, y)
    mean = np.mean([net.predict(X) for net in voting.estimators_], axis=0)
    np.testing.assert_allclose(voting.predict(maps), mean)
    assert StackingRegressor(nets, Ridge(), cv=2).fit(maps, y).predict(maps).shape == (60,)


def test_learning_curve(data, lazy):
    """Learning curves take maps, in memory or lazy."""
    X, y, groups = data
    options = {"groups": groups, "cv": GroupKFold(2), "train_sizes": [0.5, 1.0]}
    sizes, _, eager = learning_curve(classifier(), X, y, **options)
    _, _, from_file = learning_curve(classifier(), lazy, y, **options)
    assert list(sizes) == [15, 30]
    np.testing.assert_array_equal(eager, from_file)


def test_cubes_in_cross_validation(data):
    """Slices of a cube stay together, since only cubes are split."""
    X, y, groups = data
    cubes = np.stack([X[:, 0]] * 4, axis=1)
    inner = make_pipeline(FieldScaler(), classifier(max_epochs=20, early_stopping=True))
    model = SliceClassifier(inner, slicer=CubeSlicer(step=2))
    predicted = cross_val_predict(model, cubes, y, groups=groups, cv=GroupKFold(3))
    assert (predicted == y).mean() > 0.5
    search = GridSearchCV(
        model,
        {"slicer__step": [1, 2], "estimator__cnnclassifier__net__n_filters": [2]},
        cv=GroupKFold(2),
    ).fit(cubes, y, groups=groups)
    assert set(search.best_params_) == {
        "slicer__step",
        "estimator__cnnclassifier__net__n_filters",
    }
