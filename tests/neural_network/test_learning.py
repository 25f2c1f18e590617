"""Networks learn, and answer in the shapes, units and labels of the user."""

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import GroupShuffleSplit

from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor

LEARN = {
    "net": ConvNet(1, 4, readout="mean", pooling=None),
    "lr": 0.03,
    "max_epochs": 25,
    "batch_size": 16,
    "n_threads": 1,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def simulations():
    """Maps of 40 simulations, five each, of one amplitude; and a split by simulation."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    amplitude = rng.uniform(1, 3, size=40)[groups]
    X = (amplitude[:, None, None] * rng.normal(size=(200, 8, 9))).astype("float32")
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    return X, amplitude, next(splitter.split(X, amplitude, groups))


def test_regressor_learns(simulations):
    """On simulations that it has not seen, far better than the mean."""
    X, y, (train, test) = simulations
    model = CNNRegressor(**LEARN).fit(X[train], y[train])
    baseline = DummyRegressor().fit(X[train], y[train]).score(X[test], y[test])
    assert baseline < 0.05
    assert model.score(X[test], y[test]) > 0.8


def test_classifier_learns(simulations):
    """The same for classes, with their names."""
    X, y, (train, test) = simulations
    level = np.digitize(y, [1.7, 2.4])
    X = X * (2.0**level / y)[:, None, None]
    label = np.array(["calm", "mild", "rough"], dtype=object)[level]
    model = CNNClassifier(**LEARN).fit(X[train], label[train])
    baseline = DummyClassifier().fit(X[train], label[train]).score(X[test], label[test])
    assert model.score(X[test], label[test]) > baseline + 0.3
    assert list(model.classes_) == ["calm", "mild", "rough"]
    probabilities = model.predict_proba(X[test])
    assert probabilities.shape == (len(test), 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X[test]), model.classes_[probabilities.argmax(1)])
    np.testing.assert_allclose(model.predict_log_proba(X[test]), np.log(probabilities), rtol=1e-9)
    loss = -np.log(
        probabilities[np.arange(len(test)), np.searchsorted(model.classes_, label[test])]
    )
    assert loss.mean() < np.log(3)


@pytest.mark.parametrize("labels", [["b", "a", "c"], [True, False], [10, -3, 7], [2.0, 5.0]])
def test_labels_come_back(labels, rough, options):
    """Classes are of the kind that was given."""
    y = np.array(labels)[np.arange(60) % len(labels)]
    model = CNNClassifier(**options).fit(rough.X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    predicted = model.predict(rough.X)
    assert predicted.dtype == y.dtype
    assert set(predicted) <= set(labels)
    as_list = CNNClassifier(**options).fit(rough.X.tolist(), list(y)).predict(rough.X)
    np.testing.assert_array_equal(predicted, as_list)


def test_units_do_not_matter(simulations):
    """Luminosities around 1e10 are learned as numbers of order one are, and come back as such."""
    X, y, (train, test) = simulations
    luminosity = 1e10 + 1e8 * (y - y.mean()) / y.std()
    model = CNNRegressor(**LEARN).fit(X[train], luminosity[train])
    assert model.score(X[test], luminosity[test]) > 0.8
    plain = CNNRegressor(**LEARN).fit(X[train], y[train]).predict(X[test])
    predicted = (model.predict(X[test]) - 1e10) / 1e8 * y.std() + y.mean()
    np.testing.assert_allclose(predicted, plain, atol=1e-3)


def test_without_normalization(rough, options):
    """The net then predicts, and the loss counts, in the user's units."""
    luminosity = 1e10 + 1e8 * (rough.y - 2)
    model = CNNRegressor(normalize_y=False, **options).fit(rough.X, luminosity)
    assert model.target_scaler_ is None
    with torch.no_grad():
        want = model.net_.module_.eval()(torch.from_numpy(rough.X[:, None])).numpy()[:, 0]
    np.testing.assert_allclose(model.predict(rough.X), want, rtol=1e-5)
    np.testing.assert_allclose(model.history_[0]["train_loss"], np.mean(luminosity**2), rtol=1e-3)
    model = CNNRegressor(normalize_y=False, **options | {"max_epochs": 60, "lr": 0.1})
    assert model.fit(rough.X, rough.y).score(rough.X, rough.y) > 0.8


def test_several_targets(simulations):
    """Each target is learned, in its own unit, and columns are not mixed up."""
    X, y, (train, test) = simulations
    Y = np.column_stack([y, 1e6 * (3 - y), 1e-4 * y**2])
    model = CNNRegressor(**LEARN).fit(X[train], Y[train])
    predicted = model.predict(X[test])
    assert predicted.shape == (len(test), 3)
    for column in range(3):
        residual = np.mean((predicted[:, column] - Y[test, column]) ** 2)
        assert residual < 0.25 * np.var(Y[test, column])


def test_shape_of_targets(rough, options):
    """One axis in, one axis out; a column stays a column, with the same numbers."""
    flat = CNNRegressor(**options).fit(rough.X, rough.y)
    column = CNNRegressor(**options).fit(rough.X, rough.y[:, None])
    assert flat.predict(rough.X).shape == (60,)
    assert column.predict(rough.X).shape == (60, 1)
    np.testing.assert_array_equal(column.predict(rough.X)[:, 0], flat.predict(rough.X))
    column.fit(rough.X, rough.y)
    assert column.predict(rough.X).shape == (60,)


def test_constant_target(rough, options):
    """A target without spread is neither divided by zero nor lost."""
    model = CNNRegressor(**options).fit(rough.X, np.full(60, 7e9))
    np.testing.assert_allclose(model.predict(rough.X), 7e9, rtol=1e-3)


def test_tensors(rough, options):
    """Torch tensors are taken as arrays are."""
    model = CNNRegressor(**options).fit(torch.from_numpy(rough.X), torch.from_numpy(rough.y))
    expected = CNNRegressor(**options).fit(rough.X, rough.y).predict(rough.X)
    np.testing.assert_array_equal(model.predict(torch.from_numpy(rough.X).double()), expected)


def test_batch_size_larger_than_the_data(rough, options):
    """It means all samples at once, and prediction does not fill up to it."""
    huge = CNNRegressor(**options | {"batch_size": 10**9}).fit(rough.X, rough.y)
    whole = CNNRegressor(**options | {"batch_size": 60}).fit(rough.X, rough.y)
    np.testing.assert_array_equal(huge.predict(rough.X[:1]), whole.predict(rough.X[:1]))


def test_a_fit_that_was_refused_is_no_fit(rough, options):
    """What fails before training leaves an estimator that says that it is not fitted."""
    from sklearn.exceptions import NotFittedError

    model = CNNClassifier(**options)
    with pytest.raises(ValueError, match="continuous"):
        model.fit(rough.X, rough.y)
    with pytest.raises(NotFittedError):
        model.predict(rough.X)
