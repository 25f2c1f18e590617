"""One fit of a noise matrix, and its scores at all levels."""

import traceback
import warnings

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import Pipeline

from ..maps import open_maps
from ..utils import final_fit_params


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
    whole = not _takes_lazy_maps(estimator)
    failures = []

    def attempt(function, *args):
        try:
            return function(*args)
        except Exception:
            if error_score == "raise":
                raise
            failures.append(traceback.format_exc())
            return None

    def fit():
        params = {} if groups is None else final_fit_params(estimator, groups=groups[train])
        maps = X[train]
        if noise is not None:
            # Draws go by the row in the source, that of all maps.
            maps = open_maps(X)[train] if _takes_lazy_maps(noise) else np.asarray(maps)
            maps = noise.fit_transform(maps, y[train])
        return estimator.fit(np.asarray(maps) if whole else maps, y[train], **params)

    def score(added):
        maps = X[test]
        if added is not None:
            source = X if _takes_lazy_maps(added) else np.asarray(X)
            maps = clone(added).fit(source[train], y[train]).transform(source[test])
        return scorer(estimator, np.asarray(maps) if whole else maps, y[test])

    with config_context(enable_metadata_routing=False):
        fitted = attempt(fit)
        scores = [None if fitted is None else attempt(score, added) for added in tests]
    return [error_score if value is None else value for value in scores], failures, fitted


def _takes_lazy_maps(estimator):
    """Whether what sees the maps first is of this library, or derived from what is."""
    while True:
        if isinstance(estimator, Pipeline):
            used = (step for _, step in estimator.steps if step not in (None, "passthrough"))
            estimator = next(used, None)
        elif isinstance(estimator, TransformedTargetRegressor):
            estimator = estimator.regressor
        elif not _is_ours(estimator) and hasattr(estimator, "estimator"):
            estimator = estimator.estimator  # a search, or another one around an estimator
        else:
            return _is_ours(estimator)


def _is_ours(estimator):
    packages = {base.__module__.partition(".")[0] for base in type(estimator).__mro__}
    return __name__.partition(".")[0] in packages


def tell_failures(fitted, failures, error_score):
    """Warn of fits and predictions that failed.

    Parameters
    ----------
    fitted : sequence of estimator or None
        The fitted estimators.
    failures : sequence of list of str
        What failed of each fit.
    error_score : float
        Score of what failed.

    Raises
    ------
    ValueError
        If nothing was fitted.

    Warns
    -----
    FitFailedWarning
        If something failed.
    """
    texts = [text for of_fit in failures for text in of_fit]
    if not texts:
        return
    n_fits = sum(len(of_fit) > 0 for of_fit in failures)
    if all(estimator is None for estimator in fitted):
        raise ValueError(f"All {n_fits} fits of noise_matrix failed. The last error:\n{texts[-1]}")
    warnings.warn(
        f"{n_fits} of {len(failures)} fits of noise_matrix failed, or predicted what failed; "
        f"these scores are {error_score}. Set error_score='raise' to stop at the first. The "
        f"last of {len(texts)} errors:\n{texts[-1]}",
        FitFailedWarning,
        stacklevel=3,
    )
