"""What functions that score estimators on folds have in common: splits, scores, seeds."""

import traceback
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, check_cv
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import check_random_state

from ..exceptions import LeakageWarning
from ..maps import LazyMaps
from ..utils import as_numpy, check_groups, final_fit_params
from ..utils._typing import ArrayLike, MapsLike


def check_maps_and_targets(
    owner: str, X: MapsLike, y: MapsLike | None, groups: ArrayLike | None
) -> tuple[np.ndarray | LazyMaps, np.ndarray | LazyMaps, np.ndarray | None]:
    """Bring maps, targets and groups to arrays of one length.

    Parameters
    ----------
    owner : str
        Function to name in errors.
    X : array-like or LazyMaps of shape (n_samples, ...)
        Maps; lazy ones stay so.
    y : array-like or LazyMaps of shape (n_samples, ...)
        Targets; lazy fields stay so.
    groups : array-like of shape (n_samples,) or None
        Groups.

    Returns
    -------
    X : ndarray or LazyMaps
        Maps.
    y : ndarray or LazyMaps
        Targets.
    groups : ndarray or None
        Groups.

    Raises
    ------
    ValueError
        If targets are missing, or lengths differ.
    """
    if not isinstance(X, LazyMaps):
        X = np.asarray(as_numpy(X))
    if y is None:
        raise ValueError(f"{owner} needs targets y to score predictions; got None.")
    y = y if isinstance(y, LazyMaps) else np.asarray(as_numpy(y))
    groups = None if groups is None else check_groups(groups, owner)
    lengths = [len(X), len(y), *(() if groups is None else (len(groups),))]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{owner} was given inconsistent numbers of samples: {lengths} of maps, targets and "
            f"groups. Give one target, and one group, for each map."
        )
    return X, y, groups


def check_error_score(owner, error_score):
    """Refuse what is neither a number nor "raise".

    Parameters
    ----------
    owner : str
        Function to name in errors.
    error_score : object
        What was given.

    Raises
    ------
    ValueError
        If it is neither.
    """
    is_number = isinstance(error_score, Real) and not isinstance(error_score, bool)
    if not is_number and error_score != "raise":
        raise ValueError(
            f"The 'error_score' parameter of {owner} must be 'raise' or a number. Got "
            f"{error_score!r} instead."
        )


def check_scorer(owner, estimator, scoring):
    """Make a scorer of one score, and name it.

    Parameters
    ----------
    owner : str
        Function to name in errors.
    estimator : estimator
        What is scored.
    scoring : str, callable or None
        The score.

    Returns
    -------
    scorer : callable
        Score of ``(estimator, X, y)``.
    name : str
        What it is called; errors that a scorer negates begin with "neg_", as in scikit-learn.

    Raises
    ------
    TypeError
        If it is not one score.
    """
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(
            f"The 'scoring' parameter of {owner} must be the name of one score, a function "
            f"of (estimator, X, y), or None. Got {scoring!r} instead; call {owner} for each "
            f"score."
        )
    scorer = check_scoring(estimator, scoring)
    if isinstance(scoring, str):
        return scorer, scoring
    if scoring is None:
        name = "r2" if is_regressor(estimator) else "score"
        return scorer, "accuracy" if is_classifier(estimator) else name
    name = getattr(getattr(scoring, "_score_func", scoring), "__name__", "score")
    return scorer, f"neg_{name}" if getattr(scoring, "_sign", 1) < 0 else name


def seed_of(random_state):
    """Bring a random state to an int; without one NumPy's global state is left alone.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState or None
        What was given.

    Returns
    -------
    int
        The seed.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def splits_by_group(owner, estimator, X, y, groups, cv):
    """Rows to train and to test on, whole groups where there are groups.

    Parameters
    ----------
    owner : str
        Function to name in errors.
    estimator : estimator
        What is fitted.
    X : ndarray or LazyMaps of shape (n_samples, ...)
        Maps.
    y : ndarray of shape (n_samples, ...)
        Targets.
    groups : ndarray of shape (n_samples,) or None
        Groups.
    cv : int, splitter, iterable or None
        How to split. None is 5 folds, or as many as there are groups if these are fewer.

    Returns
    -------
    list of tuple of ndarray of int
        Rows to train and to test on, for each fold.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.

    Warns
    -----
    LeakageWarning
        If a splitter puts maps of one group on both sides.
    """
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        n_groups = len(np.unique(groups))
        n_folds = min(5, max(n_groups, 2)) if cv is None else cv
        if n_groups < n_folds:
            raise ValueError(
                f"{owner}(cv={cv!r}) splits by whole groups into {n_folds} folds, and the "
                f"number of groups is {n_groups}. Give maps of more simulations, or fewer folds."
            )
        cv = GroupKFold(n_folds)
    splitter = check_cv(5 if cv is None else cv, y, classifier=is_classifier(estimator))
    splits = [tuple(map(_rows, split)) for split in splitter.split(X, y, groups)]
    if groups is not None and any(
        np.isin(groups[test], groups[train]).any() for train, test in splits
    ):
        warnings.warn(
            f"{owner}(cv={cv!r}) puts maps of one group on both sides of a split, so scores "
            f"do not tell what a model knows of new simulations. Leave cv out, give a number of "
            f"folds, or take a splitter by groups.",
            LeakageWarning,
            stacklevel=3,
        )
    return splits


def _rows(rows):
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def default_dummy(estimator, dummy):
    """What predicts without looking at maps.

    Parameters
    ----------
    estimator : estimator
        What it stands beside.
    dummy : estimator or None
        What was given.

    Returns
    -------
    estimator
        By default the mean of all targets for a regressor, the shares of classes for a
        classifier.
    """
    if dummy is not None:
        return dummy
    return DummyClassifier() if is_classifier(estimator) else DummyRegressor()


def dummy_scores(dummy, X, y, splits, scorer):
    """Score of a dummy on each fold.

    Parameters
    ----------
    dummy : estimator
        What is fitted.
    X : ndarray or LazyMaps of shape (n_samples, ...)
        Maps.
    y : ndarray of shape (n_samples, ...)
        Targets.
    splits : list of tuple of ndarray of int
        Rows to train and to test on.
    scorer : callable
        Score of ``(estimator, X, y)``.

    Returns
    -------
    ndarray of float64, of shape (n_folds,)
        The scores.
    """
    with config_context(enable_metadata_routing=False):
        return np.array(
            [
                scorer(clone(dummy).fit(X[train], y[train]), X[test], y[test])
                for train, test in splits
            ],
            dtype=np.float64,
        )


class Attempts:
    """Calls whose errors are kept in place of raised.

    Parameters
    ----------
    error_score : "raise" or float
        "raise" raises them all the same.

    Attributes
    ----------
    failures : list of str
        Tracebacks of what failed.
    """

    def __init__(self, error_score):
        self.error_score = error_score
        self.failures = []

    def __call__(self, function, *args):
        """Call a function; None where that failed."""
        try:
            return function(*args)
        except Exception:
            if self.error_score == "raise":
                raise
            self.failures.append(traceback.format_exc())
            return None


def tell_failures(owner, fitted, failures, error_score):
    """Warn of fits and predictions that failed.

    Parameters
    ----------
    owner : str
        Function to name.
    fitted : sequence of object or None
        One for each fit; None where it failed.
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
        raise ValueError(f"All {n_fits} fits of {owner} failed. The last error:\n{texts[-1]}")
    warnings.warn(
        f"{n_fits} of {len(failures)} fits of {owner} failed, or predicted what failed; "
        f"these scores are {error_score}. Set error_score='raise' to stop at the first. The "
        f"last of {len(texts)} errors:\n{texts[-1]}",
        FitFailedWarning,
        stacklevel=3,
    )


def fit_params(estimator, groups, rows):
    """Groups for the ``fit`` of the last step, where it takes them.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    groups : ndarray of shape (n_samples,) or None
        Groups.
    rows : ndarray of int
        Rows that are fitted.

    Returns
    -------
    dict
        Parameters of ``fit``.
    """
    return {} if groups is None else final_fit_params(estimator, groups=groups[rows])


def takes_lazy_maps(estimator):
    """Whether what sees the maps first is of this library, or derived from what is.

    Parameters
    ----------
    estimator : estimator
        A pipeline, a search, or any other.

    Returns
    -------
    bool
        False where maps have to be handed over as an array.
    """
    while True:
        if isinstance(estimator, Pipeline):
            used = (step for _, step in estimator.steps if step not in (None, "passthrough"))
            estimator = next(used, None)
        elif isinstance(estimator, TransformedTargetRegressor):
            estimator = estimator.regressor
        elif isinstance(estimator, FeatureUnion):
            return all(takes_lazy_maps(part) for _, part in estimator.transformer_list)
        elif not _is_ours(estimator) and hasattr(estimator, "estimator"):
            estimator = estimator.estimator  # a search, or another one around an estimator
        else:
            return _is_ours(estimator)


def _is_ours(estimator):
    packages = {base.__module__.partition(".")[0] for base in type(estimator).__mro__}
    return __name__.partition(".")[0] in packages
