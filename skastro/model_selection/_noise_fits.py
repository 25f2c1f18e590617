"""One fit of a noise matrix, and its scores at all levels."""

import numpy as np
from sklearn import config_context
from sklearn.base import clone

from ..maps import open_maps
from ._protocol import Attempts, fit_params, takes_lazy_maps


def fit_and_score(estimator, X, y, groups, split, noise, tests, scorer, error_score):
    """Fit with one noise, and test with each.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps without noise.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    groups : ndarray of shape (n_samples,) or None
        Groups.
    split : tuple of ndarray of int
        Rows to train and to test on.
    noise : transformer or None
        What adds the noise in training.
    tests : list of transformer or None
        What adds each noise in testing.
    scorer : callable
        Score of ``(estimator, X, y)``.
    error_score : "raise" or float
        Score of what fails.

    Returns
    -------
    scores : list of float
        One for each test.
    failures : list of str
        Tracebacks of what failed.
    fitted : estimator or None
        The fitted estimator; None if its fit failed.
    """
    train, test = split
    whole = not takes_lazy_maps(estimator)
    attempt = Attempts(error_score)

    def fit():
        params = fit_params(estimator, groups, train)
        maps = X[train]
        if noise is not None:
            # Draws go by the row in the source, that of all maps.
            maps = open_maps(X)[train] if takes_lazy_maps(noise) else np.asarray(maps)
            maps = noise.fit_transform(maps, y[train])
        return estimator.fit(np.asarray(maps) if whole else maps, y[train], **params)

    def score(added):
        maps = X[test]
        if added is not None:
            source = X if takes_lazy_maps(added) else np.asarray(X)
            maps = clone(added).fit(source[train], y[train]).transform(source[test])
        return scorer(estimator, np.asarray(maps) if whole else maps, y[test])

    with config_context(enable_metadata_routing=False):
        fitted = attempt(fit)
        scores = [None if fitted is None else attempt(score, added) for added in tests]
    return [error_score if value is None else value for value in scores], attempt.failures, fitted
