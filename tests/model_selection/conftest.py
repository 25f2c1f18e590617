"""An estimator that notes what it is given."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin


class Recorder(RegressorMixin, BaseEstimator):
    """Notes what it is given; predicts zeros."""

    seen = []

    def fit(self, X, y, groups=None):
        """Note maps, targets and groups."""
        self.seen.append(("fit", np.asarray(X), y, groups))
        self.shape_ = np.shape(y)[1:]
        return self

    def predict(self, X):
        """Note maps."""
        self.seen.append(("predict", np.asarray(X)))
        return np.zeros((len(X), *self.shape_))


@pytest.fixture
def recorder(monkeypatch):
    """An unfitted estimator; it and its copies keep the list `seen` of calls, in order."""
    monkeypatch.setattr(Recorder, "seen", [])
    return Recorder()
