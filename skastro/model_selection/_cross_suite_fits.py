"""One fit on one suite, and its scores on all."""

import numpy as np
from sklearn import config_context

from ..metrics._report import r2
from ._protocol import Attempts, fit_params, takes_lazy_maps


def fit_and_test(estimator, suites, source, fold, folds, scorer, per_target, error_score):
    """Fit on the training rows of one suite, and test on the test rows of each.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    suites : list of Suite
        The suites.
    source : int
        The suite to train on.
    fold : int
        Number of the fold.
    folds : list of list of tuple of ndarray of int
        Rows to train and to test on, by suite and fold.
    scorer : callable
        Score of ``(estimator, X, y)``.
    per_target : bool
        Whether to compute r2 of each target as well.
    error_score : "raise" or float
        Score of what fails.

    Returns
    -------
    scores : list of float
        One for each suite.
    target_scores : list of ndarray of shape (n_targets,) or None
        R2 of each target, for each suite; None where it was not asked for, or failed.
    failures : list of str
        Tracebacks of what failed.
    fitted : estimator or None
        The fitted estimator; None if its fit failed.
    """
    whole = not takes_lazy_maps(estimator)
    attempt = Attempts(error_score)

    def rows_of(suite, rows):
        maps = suite.X[rows]
        return np.asarray(maps) if whole else maps

    def fit():
        suite, train = suites[source], folds[source][fold][0]
        params = fit_params(estimator, suite.groups, train)
        return estimator.fit(rows_of(suite, train), suite.y[train], **params)

    def score(suite, test):
        value = scorer(estimator, rows_of(suite, test), suite.y[test])
        return value, _each(estimator, rows_of(suite, test), suite.y[test]) if per_target else None

    with config_context(enable_metadata_routing=False):
        fitted = attempt(fit)
        found = [
            None if fitted is None else attempt(score, suite, splits[fold][1])
            for suite, splits in zip(suites, folds, strict=True)
        ]
    scores = [error_score if value is None else value[0] for value in found]
    return scores, [value and value[1] for value in found], attempt.failures, fitted


def _each(estimator, X, y):
    """R2 of each target."""
    return r2(y.reshape(len(y), -1), np.asarray(estimator.predict(X)).reshape(len(y), -1))
