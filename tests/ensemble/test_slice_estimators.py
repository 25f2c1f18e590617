"""Slice estimators around pipelines, networks, voters and what cannot be used."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.ensemble import SliceClassifier, SliceRegressor
from skastro.exceptions import MapShapeError
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import CubeSlicer, FieldScaler

Y = np.arange(6.0)
LABEL = np.array(["a", "b", "c", "a", "b", "c"])


def flatten(maps):
    """Maps as rows."""
    return np.asarray(maps).reshape(len(maps), -1)


def rows(estimator):
    """An estimator of rows behind maps."""
    return make_pipeline(FunctionTransformer(flatten), estimator)


def cnn(estimator_class, **parameters):
    """A short fit of a tiny network."""
    defaults = {"max_epochs": 2, "n_threads": 1, "random_state": 0, "batch_size": 8}
    return estimator_class(ConvNet(1, 2, readout="mean"), **defaults | parameters)


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("n_pipelines", [0, 2])
def test_early_stopping_by_cube(n_pipelines, transformed, cubes):
    """What is around a net hands on groups: no cube is both trained and validated on."""
    from skorch.callbacks import Callback

    class Rows(Callback):
        def __init__(self):
            self.rows_ = None

        def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            self.rows_ = dataset_train.rows.numpy(), dataset_valid.rows.numpy()

    inner = cnn(CNNRegressor, early_stopping=True, validation_fraction=0.4, callbacks=[Rows()])
    for _ in range(n_pipelines):
        inner = make_pipeline(FieldScaler(), inner)
    if transformed:
        inner = TransformedTargetRegressor(inner, func=np.sqrt, inverse_func=np.square)

    def parts(**params):
        model = SliceRegressor(inner, slicer=CubeSlicer(step=2)).fit(cubes, Y, **params)
        fitted = model.estimator_.regressor_ if transformed else model.estimator_
        for _ in range(n_pipelines):
            fitted = fitted[-1]
        return [set(part // 4) for part in fitted.net_.callbacks[0].rows_]

    train, valid = parts()
    assert 1 <= len(valid) <= 5
    assert not train & valid
    assert train | valid == set(range(6))
    train, valid = parts(groups=[0, 0, 0, 1, 1, 1])
    assert {frozenset(train), frozenset(valid)} == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


def test_weights_go_through_pipelines(cubes, recording):
    """Weights of cubes reach the last step of a pipeline."""
    model = SliceRegressor(rows(recording.regressor()), slicer=CubeSlicer(step=6))
    inner = model.fit(cubes, Y, sample_weight=Y + 1).estimator_[-1]
    np.testing.assert_array_equal(inner.sample_weight_, np.repeat(Y + 1, 2))
    weighted = SliceRegressor(rows(DummyRegressor())).fit(cubes, Y, sample_weight=Y + 1)
    np.testing.assert_allclose(weighted.predict(cubes), np.average(Y, weights=Y + 1))


@pytest.mark.parametrize("inner", [KNeighborsRegressor(1), rows(KNeighborsRegressor(1))])
def test_weights_that_cannot_be_used(inner, cubes):
    """Weights are not dropped in silence."""
    model = SliceRegressor(inner)
    with pytest.raises(ValueError, match="takes no sample_weight") as error:
        model.fit(cubes, Y, sample_weight=np.ones(6))
    assert "KNeighborsRegressor" in str(error.value)
    assert "SliceRegressor" in str(error.value)


def test_votes(cubes, recording):
    """Slices of an estimator without probabilities vote, and there is no predict_proba."""
    model = SliceClassifier(recording.voter(), slicer=CubeSlicer(step=2, patch_size=4))
    assert not hasattr(model, "predict_proba")
    model.fit(cubes, LABEL)
    for name in ("predict_proba", "predict_proba_slices"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=name):
            getattr(model, name)
    said = model.estimator_.predict(model.slicer_.cut(cubes)).reshape(6, 4, 4)
    shares = np.stack([(said == name).mean(2) for name in "abc"], axis=-1)
    assert len(set(said.ravel())) == 3
    np.testing.assert_array_equal(
        model.predict_slices(cubes), np.array(list("abc"))[shares.argmax(2)]
    )
    np.testing.assert_array_equal(
        model.predict(cubes), np.array(list("abc"))[shares.mean(1).argmax(1)]
    )


@pytest.mark.parametrize(
    ("inner", "has"),
    [
        (None, True),
        (rows(LogisticRegression()), True),
        (rows(RidgeClassifier()), False),
        (GridSearchCV(rows(RidgeClassifier()), {}), False),
    ],
)
def test_probabilities_are_there_or_not(inner, has):
    """Before the fit the estimator that was given decides."""
    assert hasattr(SliceClassifier(inner), "predict_proba") is has


@pytest.mark.parametrize("labels", [["old", "new"], [7, -2], [True, False], [0.0, 3.0]])
def test_labels_come_back(labels, cubes):
    """Labels of any kind are answered as they were given."""
    y = np.array(labels)[[0, 1, 1, 0, 1, 0]]
    for inner in (cnn(CNNClassifier), rows(LogisticRegression())):
        model = SliceClassifier(inner, slicer=CubeSlicer(step=3)).fit(cubes, y)
        np.testing.assert_array_equal(model.classes_, np.unique(y))
        for predicted in (model.predict(cubes), model.predict_slices(cubes)):
            assert predicted.dtype == y.dtype
            assert set(predicted.ravel()) <= set(labels)


def test_as_a_network_on_slices(cubes):
    """The same as cutting by hand and fitting the network on the slices."""
    slices = cubes.transpose(0, 3, 1, 2, 4).reshape(48, 2, 7, 9)
    by_hand = cnn(CNNRegressor).fit(slices, np.repeat(Y, 8))
    want = by_hand.predict(slices).reshape(6, 8)
    model = SliceRegressor(cnn(CNNRegressor), slicer=CubeSlicer(axis=1)).fit(cubes, Y)
    np.testing.assert_array_equal(model.predict_slices(cubes), want)
    np.testing.assert_array_equal(model.predict(cubes), want.mean(1))


@pytest.mark.parametrize(
    ("meta", "inner"), [(SliceClassifier, CNNClassifier), (SliceRegressor, CNNRegressor)]
)
def test_defaults(meta, inner, cubes):
    """None are a network with its defaults and every slice along the first axis."""
    model = meta()
    assert model.get_params() == {"estimator": None, "slicer": None}
    model._default = staticmethod(lambda: cnn(inner))
    model.fit(cubes[:, :, :2], LABEL if inner is CNNClassifier else Y)
    assert model.grid_ == (2, 1, 1)
    assert type(meta._default()) is inner
    assert model.estimator is None


def test_maps_and_signals_are_slices_already(cubes, recording):
    """Maps without a third axis are one slice each, and patches can be cut from them."""
    maps = cubes[:, 0, 0]
    model = SliceRegressor(recording.regressor(), slicer=CubeSlicer(patch_size=4)).fit(maps, Y)
    assert model.grid_ == (1, 2, 2)
    assert model.predict_slices(maps).shape == (6, 1)
    model = SliceRegressor(DummyRegressor()).fit(maps[:, 0], Y)
    np.testing.assert_allclose(model.predict(maps[:, 0]), 2.5)


def test_errors(cubes):
    """What is missing or does not fit is named."""
    with pytest.raises(NotFittedError):
        SliceRegressor().predict(cubes)
    with pytest.raises(NotFittedError):
        SliceClassifier().predict_proba(cubes)
    with pytest.raises(ValueError, match="requires y"):
        SliceRegressor().fit(cubes, None)
    with pytest.raises(ValueError, match="inconsistent"):
        SliceRegressor(DummyRegressor()).fit(cubes, Y[:5])
    with pytest.raises(ValueError, match="inconsistent"):
        SliceRegressor(DummyRegressor()).fit(cubes, Y, groups=[1, 2])
    with pytest.raises(MapShapeError, match="thickness"):
        SliceRegressor(DummyRegressor(), slicer=CubeSlicer(thickness=8)).fit(cubes, Y)
    with pytest.raises(ValueError, match="'slicer' parameter of SliceRegressor"):
        SliceRegressor(DummyRegressor(), slicer=2).fit(cubes, Y)
    with pytest.raises(ValueError, match="'estimator' parameter of SliceClassifier"):
        SliceClassifier("CNN").fit(cubes, Y)


def test_a_fit_that_failed_is_no_fit(cubes):
    """An error of the inner estimator leaves no half-fitted model."""

    class Broken(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise RuntimeError("no")

        def predict(self, X):
            return None

    model = SliceClassifier(Broken())
    with pytest.raises(RuntimeError):
        model.fit(cubes, LABEL)
    with pytest.raises(NotFittedError):
        model.predict(cubes)
