"""Train on one suite of simulations, test on another."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.model_selection import GroupKFold
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from ..exceptions import LeakageWarning
from ._cross_suite_fits import fit_and_test
from ._cross_suite_inputs import check_suites, warn_of_differences
from ._cross_suite_scores import CrossSuite
from ._protocol import (
    check_error_score,
    check_scorer,
    default_dummy,
    splits_by_group,
    tell_failures,
)
from ._types import CrossValidator, ErrorScore, Scoring

_OWNER = "cross_suite"


def cross_suite(
    estimator: BaseEstimator,
    suites: Mapping[str, tuple | Bunch],
    *,
    cv: CrossValidator | None = None,
    shared_groups: bool = False,
    scoring: Scoring | None = None,
    dummy: BaseEstimator | None = None,
    n_jobs: int | None = None,
    return_estimator: bool = False,
    error_score: ErrorScore = np.nan,
    verbose: int = 0,
) -> CrossSuite:
    """Train on each suite of simulations, and test each model on all suites.

    Suites that differ in their model of galaxies, such as IllustrisTNG and SIMBA in CAMELS, show
    whether a network has learned physics or the habits of one code. Each suite is split into
    equally many folds. The model of a fold is fitted on the training samples of one suite, with
    all its statistics, and tested on the test samples of that fold of every suite. So each column
    has the same test samples for all models, the diagonal is a cross-validation, and nothing of
    the suite to test on is touched before the score.

    Parameters
    ----------
    estimator : estimator
        What is copied and fitted: any regressor or classifier of maps. It stays as it is.
    suites : dict of str to tuple or Bunch
        At least two suites by name: ``(X, y)``, ``(X, y, groups)`` or a Bunch of a loader with
        `maps`, `target` and `groups`.
    cv : int or splitter, default=None
        How to split each suite. None is 5 folds, or as many as the smallest number of groups.
        None and an int are ``GroupKFold`` where there are groups.
    shared_groups : bool, default=False
        Whether equal groups of different suites are of simulations that share their initial
        conditions, as the sets CV of CAMELS do. With True they are put into one fold in all
        suites, so that no model is tested on the twin of what it was trained on.
    scoring : str or callable, default=None
        One score, as in scikit-learn; None is ``estimator.score``.
    dummy : estimator, default=None
        What to compare with, fitted on the training targets of each suite and fold; None is their
        mean for a regressor and the shares of classes for a classifier.
    n_jobs : int, default=None
        Fits at once, as joblib counts them.
    return_estimator : bool, default=False
        Whether the fitted estimators are kept.
    error_score : "raise" or float, default=nan
        Score where a fit or a prediction fails, with a warning; "raise" raises.
    verbose : int, default=0
        What joblib tells of its progress.

    Returns
    -------
    CrossSuite
        Scores with the names of the suites, and for regressors r2 of each target.

    Raises
    ------
    TypeError
        If suites are of another form, or `scoring` is not one score.
    ValueError
        If suites, shapes or parameters do not fit, or all fits or one of the dummy fail.

    Warns
    -----
    UserWarning
        If suites differ in names of targets, in units, fields or sizes of maps, or if targets of
        one lie beyond those of another.
    LeakageWarning
        If a model is tested on the group, or on the initial conditions, that it was trained on.
    FitFailedWarning
        If some fits or predictions fail.

    See Also
    --------
    skastro.inspection.CrossSuiteDisplay : Draws it.
    skastro.datasets.load_camels_sfrh : A small data set of two suites.

    Notes
    -----
    Seeds of initial conditions are compared where all suites are Bunches that know them. Other
    groups of different suites are different simulations unless `shared_groups` says otherwise.

    Examples
    --------
    A feature that means twice as much in one suite as in the other:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skastro.model_selection import cross_suite
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(60, 1))
    >>> result = cross_suite(LinearRegression(), {"A": (x, x[:, 0]), "B": (2 * x, x[:, 0])})
    >>> result.mean.round(1)
    array([[ 1. , -0.1],
           [ 0.7,  1. ]])
    """
    check_error_score(_OWNER, error_score)
    checked = check_suites(suites)
    scorer, scoring_name = check_scorer(_OWNER, estimator, scoring)
    names = _target_names(checked)
    warn_of_differences(checked, names, is_classifier(estimator))
    folds = _folds(estimator, checked, cv, shared_groups)
    per_target = is_regressor(estimator) and checked[0].y.ndim <= 2
    n_suites, n_folds = len(checked), len(folds[0])

    def run(estimator, suites, n_jobs):
        return Parallel(n_jobs=n_jobs, verbose=verbose)(
            delayed(fit_and_test)(
                clone(estimator), suites, source, fold, folds, scorer, per_target, error_score
            )
            for source in range(n_suites)
            for fold in range(n_folds)
        )

    scores, target_scores, failures, fitted = zip(*run(estimator, checked, n_jobs), strict=True)
    tell_failures(_OWNER, fitted, failures, error_score)
    blank = checked
    if dummy is None:  # which reads no map, however many there are
        blank = [replace(suite, X=np.zeros((len(suite.y), 1))) for suite in checked]
    of_dummy, targets_of_dummy, failures, _ = zip(
        *run(default_dummy(estimator, dummy), blank, None), strict=True
    )
    texts = [text for of_fit in failures for text in of_fit]
    if texts:
        raise ValueError(
            f"{_OWNER} could not score the dummy, so that nothing stands beside the scores. Give "
            f"a 'dummy' that predicts such targets. The error:\n{texts[-1]}"
        )

    def arranged(values):
        values = np.array(values, dtype=np.float64)
        return np.ascontiguousarray(
            values.reshape(n_suites, n_folds, n_suites, *values.shape[2:]).swapaxes(1, 2)
        )

    def of_targets(values):
        return arranged(_filled(values, len(names))) if per_target else None

    return CrossSuite(
        arranged(scores),
        arranged(of_dummy),
        [suite.name for suite in checked],
        scoring_name,
        names if per_target else None,
        of_targets(target_scores),
        of_targets(targets_of_dummy),
        [list(fitted[i : i + n_folds]) for i in range(0, len(fitted), n_folds)]
        if return_estimator
        else None,
    )


def _filled(values, n_targets):
    """Scores of targets, NaN where a prediction failed."""
    absent = np.full(n_targets, np.nan)
    return [[absent if value is None else value for value in row] for row in values]


def _target_names(suites):
    """Names of targets, those of the first Bunch or else numbers."""
    n_targets = int(np.prod(suites[0].y.shape[1:2]))
    for suite in suites:
        names = suite.described.get("target_names", [])
        if len(names) == n_targets and suite.y.ndim <= 2:
            return names
    return [f"target {i}" for i in range(n_targets)] if n_targets > 1 else ["target"]


def _folds(estimator, suites, cv, shared_groups):
    """Rows to train and to test on by suite and fold, with warnings of twins on both sides."""
    with_groups = [suite.groups for suite in suites if suite.groups is not None]
    if cv is None:
        cv = min([5, *(max(len(np.unique(groups)), 2) for groups in with_groups)])
    if shared_groups:
        if len(with_groups) < len(suites):
            raise ValueError(
                f"{_OWNER}(shared_groups=True) needs groups of all suites, given as "
                f"(X, y, groups) or in Bunches."
            )
        if isinstance(cv, Integral):
            folds = _joint_folds(suites, cv)
        else:
            folds = [splits_by_group(_OWNER, estimator, s.X, s.y, s.groups, cv) for s in suites]
        labels = with_groups
    else:
        folds = [splits_by_group(_OWNER, estimator, s.X, s.y, s.groups, cv) for s in suites]
        seeds = [suite.seeds for suite in suites]
        labels = None if any(seed is None for seed in seeds) else seeds
    numbers = [len(splits) for splits in folds]
    if len(set(numbers)) > 1:
        raise ValueError(
            f"{_OWNER}(cv={cv!r}) splits the suites into different numbers of folds: {numbers}. "
            f"Give a number of folds, or a splitter that makes equally many of each."
        )
    if labels is not None:
        _warn_of_twins(suites, folds, labels)
    return folds


def _joint_folds(suites, n_folds):
    """Folds of whole groups, the same in all suites."""
    labels = np.concatenate([suite.groups for suite in suites])
    owner = np.repeat(np.arange(len(suites)), [len(suite.groups) for suite in suites])
    start = np.cumsum([0, *(len(suite.groups) for suite in suites)])
    n_groups = len(np.unique(labels))
    if n_groups < n_folds:
        raise ValueError(
            f"{_OWNER}(cv={n_folds}) splits by whole groups, and all suites together have "
            f"{n_groups}. Give maps of more simulations, or fewer folds."
        )
    folds = [[] for _ in suites]
    for train, test in GroupKFold(n_folds).split(labels, groups=labels):
        for i, of_suite in enumerate(folds):
            rows = tuple(side[owner[side] == i] - start[i] for side in (train, test))
            if not all(map(len, rows)):
                raise ValueError(
                    f"{_OWNER}(cv={n_folds}, shared_groups=True) leaves a fold of suite "
                    f"{suites[i].name!r} empty: suites have too few groups in common. Give fewer "
                    f"folds, or shared_groups=False where they have none."
                )
            of_suite.append(rows)
    return folds


def _warn_of_twins(suites, folds, labels):
    """Warn where a model is tested on what shares its initial conditions with training."""
    shared = [
        f"{suites[i].name} to {suites[j].name}"
        for i in range(len(suites))
        for j in range(len(suites))
        if i != j
        and any(
            np.isin(labels[j][test], labels[i][train]).any()
            for (train, _), (_, test) in zip(folds[i], folds[j], strict=True)
        )
    ]
    if shared:
        warnings.warn(
            f"{_OWNER} tests models on simulations that share their initial conditions with "
            f"those of the training: {', '.join(shared)}. Give the seeds as groups with "
            f"shared_groups=True and no splitter, so that twins are in one fold.",
            LeakageWarning,
            stacklevel=4,
        )
