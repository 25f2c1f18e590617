"""Estimators of slices that note what they are given and answer by formula."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class Recorder(BaseEstimator):
    """Notes what fit and predict are given."""

    def fit(self, X, y, sample_weight=None, groups=None):
        """Note everything."""
        self.X_, self.y_ = X, y
        self.sample_weight_, self.groups_ = sample_weight, groups
        self.classes_ = np.unique(y)
        self.asked_ = []
        return self

    def score_of(self, X):
        """A number for each piece, from all of its cells."""
        self.asked_.append(len(X))
        pieces = np.asarray(X, dtype=float).reshape(len(X), -1)
        return np.tanh(pieces.mean(1) + pieces.max(1) ** 2 / 10)


class RecordingRegressor(RegressorMixin, Recorder):
    """Predicts the number, and its square where there are two targets."""

    def predict(self, X):
        """The numbers."""
        number = self.score_of(X)
        return np.column_stack([number, number**2]) if self.y_.ndim == 2 else number


class RecordingClassifier(ClassifierMixin, Recorder):
    """Makes probabilities of the number."""

    def predict_proba(self, X):
        """Probabilities that differ from class to class."""
        logits = np.outer(self.score_of(X), np.arange(len(self.classes_)) - 1.0)
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)

    def predict(self, X):
        """The most probable class."""
        return self.classes_[self.predict_proba(X).argmax(1)]


class VotingClassifier(ClassifierMixin, Recorder):
    """Says a class and no probability."""

    def predict(self, X):
        """A class by the number."""
        number = self.score_of(X)
        return self.classes_[np.digitize(number, np.quantile(number, [0.4, 0.6]))]


@pytest.fixture
def recording():
    """The classes."""
    return SimpleNamespace(
        regressor=RecordingRegressor, classifier=RecordingClassifier, voter=VotingClassifier
    )


@pytest.fixture
def cubes():
    """Six cubes of two channels with three unequal axes."""
    return np.random.default_rng(0).normal(size=(6, 2, 7, 8, 9)).astype("float32")
