"""Ridge regression whose penalty is chosen on groups that are left out."""

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_is_fitted, validate_data

_LEAST_GROUPS = 3


class RidgeByGroup(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression, for each target with the penalty that is best for unseen groups.

    Maps of one simulation share their matter and their parameters. Where one of them is left out
    and the others stay, a small penalty seems best; for new simulations it is not. Without
    groups, or with fewer than three of them, one sample at a time is left out.

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Penalties to choose from.
    n_splits : int, default=5
        Folds of groups, or as many as there are groups if these are fewer.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        Penalties that were chosen.
    model_ : Ridge or RidgeCV
        The fitted model.
    n_features_in_ : int
        Number of features.
    """

    def __init__(self, alphas, n_splits=5):
        self.alphas = alphas
        self.n_splits = n_splits

    def fit(self, X, y, groups=None):
        """Choose the penalties, and fit with them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        groups : array-like of shape (n_samples,), default=None
            Simulation of each sample.

        Returns
        -------
        self
            The fitted estimator.
        """
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        n_groups = 0 if groups is None else len(np.unique(groups))
        if n_groups < _LEAST_GROUPS:
            several = y.ndim == 2 and y.shape[1] > 1
            self.model_ = RidgeCV(self.alphas, alpha_per_target=several).fit(X, y)
            self.alpha_ = self.model_.alpha_
            return self
        columns = y.reshape(len(y), -1)
        errors = np.zeros((len(self.alphas), columns.shape[1]))
        for train, test in GroupKFold(min(self.n_splits, n_groups)).split(X, groups=groups):
            errors += self._errors(X[train], columns[train], X[test], columns[test])
        alpha = np.asarray(self.alphas)[errors.argmin(axis=0)]
        self.alpha_ = alpha if y.ndim == 2 else float(alpha[0])
        self.model_ = Ridge(self.alpha_).fit(X, y)
        return self

    def _errors(self, X, y, X_test, y_test):
        """Squared errors of each penalty, by one decomposition for all of them."""
        centre, mean = X.mean(axis=0), y.mean(axis=0)
        u, s, vt = np.linalg.svd(X - centre, full_matrices=False)
        projected, seen = (X_test - centre) @ vt.T, u.T @ (y - mean)
        found = []
        for alpha in self.alphas:
            predicted = mean + projected @ ((s / (s**2 + alpha))[:, None] * seen)
            found.append(((predicted - y_test) ** 2).sum(axis=0))
        return np.array(found)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        """
        check_is_fitted(self)
        return self.model_.predict(X)
