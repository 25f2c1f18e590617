"""Weights of classes: the same as weights of samples, and what they shift."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV

from skastro.nets import DenseNet
from skastro.neural_network import CNNClassifier

NAMES = np.array(["calm", "rough", "wild"])


@pytest.fixture
def classes():
    """Classes of 40, 15 and 5 samples."""
    return np.random.default_rng(0).permutation(np.repeat(NAMES, [40, 15, 5]))


@pytest.fixture
def outputs(rough, classes, options):
    """What a fit with weights makes of the maps."""

    def fitted(class_weight=None, sample_weight=None, **changed):
        model = CNNClassifier(class_weight=class_weight, **options | changed)
        model.fit(rough.X, classes, sample_weight=sample_weight)
        return model._forward(rough.X)

    return fitted


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.2, 1.8)])
def test_probabilities_are_weighted_shares(weights):
    """On blank maps the best a net can do is the share of each class, times its weight."""
    blank, y = np.zeros((24, 6, 7), dtype="float32"), np.arange(24) % 4 == 0
    model = CNNClassifier(
        DenseNet(()),
        class_weight={False: weights[0], True: weights[1]},
        optimizer="sgd",
        lr=0.1,
        max_epochs=60,
        n_threads=1,
        random_state=0,
    ).fit(blank, y)
    share = weights[1] / (3 * weights[0] + weights[1])
    np.testing.assert_allclose(model.predict_proba(blank), [[1 - share, share]] * 24, atol=0.03)
    balanced = model.set_params(class_weight="balanced").fit(blank, y)
    np.testing.assert_allclose(balanced.predict_proba(blank), 0.5, atol=0.03)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights_of_classes_are_weights_of_samples(early_stopping, outputs, classes):
    """Each sample counts by its class, as by its own weight, and as the product of both."""
    by_class = dict(zip(NAMES, (0.5, 1.0, 4.0), strict=True))
    expanded = np.array([by_class[name] for name in classes])
    options = {"early_stopping": early_stopping, "validation_fraction": 0.3}
    weighted = outputs(by_class, **options)
    np.testing.assert_array_equal(weighted, outputs(None, expanded, **options))
    assert np.abs(weighted - outputs(None, **options)).max() > 1e-5
    weight = np.random.default_rng(0).uniform(0.5, 2, size=60)
    np.testing.assert_allclose(
        outputs(by_class, weight, **options),
        outputs(None, expanded * weight, **options),
        rtol=1e-5,
        atol=1e-6,
    )


def test_balanced_weights_are_inverse_frequencies(outputs, classes):
    """Counted over all samples."""
    expanded = 60 / 3 / np.select([classes == name for name in NAMES], [40, 15, 5])
    np.testing.assert_array_equal(outputs("balanced"), outputs(None, expanded))


def test_frequencies_of_samples_that_count(outputs, classes):
    """Samples of weight zero are not counted, others as one whatever their weight."""
    weight = np.random.default_rng(0).uniform(0.5, 2, size=60)
    weight[np.flatnonzero(classes == "calm")[:30]] = 0
    expanded = 30 / 3 / np.select([classes == name for name in NAMES], [10, 15, 5])
    np.testing.assert_allclose(
        outputs("balanced", weight), outputs(None, expanded * weight), rtol=1e-5, atol=1e-6
    )


def test_balanced_without_a_class(outputs, classes):
    """A class all of whose samples have weight zero is no division by zero."""
    weight = (classes != "wild").astype(float)
    expanded = 55 / 2 / np.select([classes == name for name in NAMES], [40, 15, np.inf], 0)
    np.testing.assert_allclose(
        outputs("balanced", weight), outputs(None, expanded), rtol=1e-5, atol=1e-6
    )


def test_class_of_weight_zero_is_left_out(rough, outputs, classes, options):
    """Its samples are as those of weight zero; it stays among the classes."""
    without = outputs(None, (classes != "rough").astype(float))
    np.testing.assert_array_equal(outputs({"calm": 1, "rough": 0, "wild": 1}), without)
    model = CNNClassifier(class_weight={"calm": 1, "rough": 0, "wild": 1}, **options)
    garbage = rough.X.copy()
    garbage[classes == "rough"] *= 1e4
    model.fit(garbage, classes)
    np.testing.assert_array_equal(model._forward(rough.X), without)
    assert list(model.classes_) == list(NAMES)


def test_rare_class_is_found():
    """With a class of one sample in twenty, the balanced score gains."""
    rng = np.random.default_rng(0)
    y = rng.uniform(size=1600) < 0.05
    maps = (y[:, None, None] + 2 * rng.normal(size=(1600, 3, 4))).astype("float32")
    model = CNNClassifier(
        DenseNet(()), lr=0.02, batch_size=100, max_epochs=15, n_threads=1, random_state=0
    )
    scores = [
        balanced_accuracy_score(y[800:], model.fit(maps[:800], y[:800]).predict(maps[800:]))
        for model in (model, clone(model).set_params(class_weight="balanced"))
    ]
    assert scores[0] < 0.7
    assert scores[1] > 0.75


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"calm": 1, "rough": 2, "mild": 1}, r"\['?wild'?\], are not in class_weight"),
        ({"calm": 1, "rough": 2, "wild": -1}, r"class_weight=\{.*finite, and 0 or greater"),
        ({"calm": 1, "rough": 2, "wild": np.inf}, r"class_weight=\{.*finite, and 0 or greater"),
        (dict.fromkeys(NAMES.tolist(), 0), r"at least 2 samples whose weight is not zero; got 0"),
        ("even", "'class_weight' parameter of CNNClassifier must be"),
        ([1, 2, 1], "'class_weight' parameter of CNNClassifier must be"),
    ],
)
def test_errors(class_weight, message, rough, classes, options):
    """They name the parameter; a class without a weight is refused as in scikit-learn."""
    with pytest.raises(ValueError, match=message):
        CNNClassifier(class_weight=class_weight, **options).fit(rough.X, classes)


def test_class_that_is_not_named_weighs_one(outputs):
    """As in scikit-learn, where each class that is named is there."""
    partial = outputs({"wild": 3})
    np.testing.assert_array_equal(partial, outputs({"calm": 1, "rough": 1, "wild": 3}))


def test_search(rough, classes, options):
    """An ordinary parameter of scikit-learn's search."""
    grid = {"class_weight": [None, "balanced", {"wild": 50}]}
    search = GridSearchCV(CNNClassifier(**options | {"lr": 0.1}), grid, cv=2)
    search.fit(rough.X, classes)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.class_weight == search.best_params_["class_weight"]
