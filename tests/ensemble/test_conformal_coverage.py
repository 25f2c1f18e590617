"""How often intervals and sets hold the truth, over hundreds of repetitions."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsRegressor

from skastro.ensemble import ConformalClassifier, ConformalRegressor
from skastro.metrics import interval_coverage


class Zeros(RegressorMixin, BaseEstimator):
    """Predicts zero, with the first feature as the standard deviation of each target."""

    def __init__(self, n_targets=1):
        self.n_targets = n_targets

    def fit(self, X, y):
        """Learn nothing."""
        self.fitted_ = True
        return self

    def predict(self, X, return_std=False):
        """Zeros."""
        mean = np.zeros((len(X), self.n_targets))
        return (mean, mean + X[:, :1]) if return_std else mean


class Softmax(ClassifierMixin, BaseEstimator):
    """Takes the features as logarithms of probabilities."""

    def fit(self, X, y):
        """Learn which classes there are."""
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        """Probabilities."""
        return np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)

    def predict(self, X):
        """The most probable class."""
        return self.classes_[X.argmax(axis=1)]


def errors_of(rng, groups, n_targets, correlation):
    """Errors of unit variance, correlated within a group."""
    shared = rng.normal(size=(groups.max() + 1, n_targets))[groups]
    own = rng.normal(size=(len(groups), n_targets))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def frozen(n_targets):
    """Zeros that are not fitted again."""
    return FrozenEstimator(Zeros(n_targets).fit(None, None))


def assert_level(shares, low, high):
    """The mean share is within five standard errors of where it must be."""
    error = np.std(shares) / np.sqrt(len(shares))
    assert low - 5 * error < np.mean(shares) < high + 5 * error


def test_pooled_samples_do_not_cover_and_groups_do():
    """Twelve simulations of ten equal errors are twelve pieces of evidence, not 120."""
    n_repetitions, level = 4000, 0.8
    groups = np.repeat(np.arange(13), 10)
    y = errors_of(np.random.default_rng(0), groups, n_repetitions, correlation=1)
    X, calibration = np.ones((130, 1)), groups < 12
    model = ConformalRegressor(frozen(n_repetitions), confidence_level=level, normalize=False)
    shares = []
    for given in (groups[calibration], None):
        model.fit(X[calibration], y[calibration], groups=given)
        lower, upper = model.predict_interval(X[~calibration])
        shares.append(interval_coverage(y[~calibration], lower, upper, multioutput="raw_values"))
    # The new simulation is among the k smallest of 13 with a probability of k / 13: for groups
    # k = ceil(0.8 * 13) = 11; for samples the 97th of 120 is one of the tenth simulation.
    for share, expected in zip(shares, (11 / 13, 10 / 13), strict=True):
        assert abs(share.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / 4000)
    assert shares[1].mean() < level < shares[0].mean()


@pytest.mark.parametrize("normalize", [False, True])
def test_intervals_of_groups_of_unequal_sizes(normalize):
    """Groups of 1 to 30 samples, of errors that differ from group to group."""
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(50):
        groups = np.repeat(np.arange(25), rng.choice([1, 3, 30], 25))
        X = rng.choice([0.5, 1, 4], 25)[groups][:, None]
        y = X * errors_of(rng, groups, 100, correlation=0.9)
        calibration = groups < 20
        model = ConformalRegressor(frozen(100), confidence_level=0.8, normalize=normalize)
        model.fit(X[calibration], y[calibration], groups=groups[calibration])
        assert model.n_calibration_groups_ == 20
        bounds = model.predict_interval(X[~calibration])
        shares.append(interval_coverage(y[~calibration], *bounds, groups=groups[~calibration]))
    assert_level(shares, 0.8, 0.8 + 1 / 21)


def test_memory_of_simulations():
    """A regressor that knows a simulation again is too sure of it, unless it is set aside."""
    rng = np.random.default_rng(2)
    of_samples, of_groups = [], []
    for seed in range(40):
        groups = np.repeat(np.arange(60), 8)
        X = rng.normal(size=(60, 2))[groups] + 1e-3 * rng.normal(size=(480, 2))
        y = errors_of(rng, groups, 1, correlation=0.95)[:, 0]
        test = groups >= 40
        model = ConformalRegressor(KNeighborsRegressor(3), random_state=seed)
        for found, given in ((of_samples, None), (of_groups, groups[~test])):
            model.fit(X[~test], y[~test], groups=given)
            found.append(interval_coverage(y[test], *model.predict_interval(X[test])))
    assert np.mean(of_samples) < 0.5
    # Ten groups calibrate: at most 0.9 + 1 / 11.
    assert_level(of_groups, 0.9, 0.9 + 1 / 11)


@pytest.mark.parametrize("normalize", [False, True])
def test_boxes(normalize):
    """A joint box holds all targets, where marginal intervals hold each."""
    rng = np.random.default_rng(3)
    scale = np.array([1, 100, 0.01]) ** (not normalize)
    joint, each = [], []
    for seed in range(80):
        groups = np.repeat(np.arange(90), 2)
        X = rng.choice([1.0, 3.0], 90)[groups][:, None]
        y = X * scale * errors_of(rng, groups, 3, correlation=0.8)
        fitted = groups < 80
        for found, box in ((joint, True), (each, False)):
            model = ConformalRegressor(
                Zeros(3), confidence_level=0.8, joint=box, normalize=normalize, random_state=seed
            ).fit(X[fitted], y[fitted], groups=groups[fitted])
            bounds = model.predict_interval(X[~fitted])
            found.append(interval_coverage(y[~fitted], *bounds, joint=True))
            assert model.scores_.shape == (40, 1 if box else 3)
    assert_level(joint, 0.8, 0.8 + 1 / 21)
    assert np.mean(each) < 0.7


@pytest.mark.parametrize("conformity_score", ["lac", "aps"])
def test_sets_of_classes(conformity_score):
    """Sets hold the true class of new simulations, of classifiers that are far too sure."""
    rng = np.random.default_rng(4)
    shares, sizes = [], []
    for seed in range(100):
        groups = np.repeat(np.arange(40), rng.integers(1, 6, 40))
        logits = errors_of(rng, groups, 4, correlation=0.7)
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        level = rng.uniform(size=40)[groups]
        y = (probabilities.cumsum(axis=1) < level[:, None]).sum(axis=1)
        calibration = groups < 20
        classifier = FrozenEstimator(Softmax().fit(None, [0, 1, 2, 3]))
        model = ConformalClassifier(
            classifier, confidence_level=0.8, conformity_score=conformity_score, random_state=seed
        ).fit(5 * logits[calibration], y[calibration], groups=groups[calibration])
        sets = model.predict_set(5 * logits[~calibration])
        inside = sets[np.arange(len(sets)), y[~calibration]]
        rest = groups[~calibration]
        shares.append(np.mean([inside[rest == group].mean() for group in np.unique(rest)]))
        sizes.append(sets.sum(axis=1).mean())
    assert_level(shares, 0.8, 0.8 + 1 / 21)
    assert np.mean(sizes) < 3.6
