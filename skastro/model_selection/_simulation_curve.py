"""Scores against the number of simulations that a model is trained on."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.utils.parallel import Parallel, delayed

from ..utils import check_groups
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._protocol import (
    Attempts,
    check_error_score,
    check_maps_and_targets,
    check_scorer,
    default_dummy,
    dummy_scores,
    fit_params,
    seed_of,
    splits_by_group,
    takes_lazy_maps,
    tell_failures,
)
from ._simulation_curve_scores import SimulationCurve
from ._types import CrossValidator, ErrorScore, Scoring

_OWNER = "simulation_curve"
_N_SIZES = 6
_LEAST_SHARE = 1 / 16
_LEAST_SIZE = 2


def simulation_curve(
    estimator: BaseEstimator,
    X: MapsLike,
    y: ArrayLike,
    *,
    groups: ArrayLike,
    sizes: Sequence[float] | None = None,
    cv: CrossValidator | None = None,
    scoring: Scoring | None = None,
    best_score: float | None = None,
    dummy: BaseEstimator | None = None,
    n_repeats: int = 1,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    error_score: ErrorScore = np.nan,
    verbose: int = 0,
) -> SimulationCurve:
    """Score a model against the number of simulations that it is trained on.

    What costs is simulations, not maps: a second map of a simulation shows the same matter again.
    In each fold random simulations are chosen among those to train on, the smaller choices within
    the larger ones, and the model is trained on all their maps. It is tested on the same
    simulations whatever the size. The result fits a law and tells what more simulations would
    bring, with intervals.

    Parameters
    ----------
    estimator : estimator
        What is copied and fitted: any regressor or classifier of maps. It stays as it is.
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    groups : array-like of shape (n_samples,)
        Which simulation a map is from.
    sizes : sequence of int or of float, default=None
        Numbers of simulations, 2 or more; or shares of those to train on, above 0 and at most 1.
        None is 6 of them from a sixteenth to all, evenly in their logarithm. For a law there have
        to be 4 or more.
    cv : int, splitter or iterable, default=None
        How to split. None is 5 folds by ``GroupKFold``, or as many as there are groups.
    scoring : str or callable, default=None
        One score, as in scikit-learn; None is ``estimator.score``.
    best_score : float, default=None
        The best score that there can be, see `SimulationCurve`.
    dummy : estimator, default=None
        What to compare with, fitted on all simulations of each fold; None is the mean of all
        targets for a regressor and the shares of classes for a classifier.
    n_repeats : int, default=1
        Random choices of simulations in each fold.
    n_bootstrap : int, default=1000
        Number of resamplings for intervals.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, default=None
        Fits at once, as joblib counts them.
    random_state : int, numpy.random.RandomState or None, default=0
        Whence the choice of simulations and the resampling come.
    error_score : "raise" or float, default=nan
        Score where a fit or a prediction fails, with a warning; "raise" raises.
    verbose : int, default=0
        What joblib tells of its progress.

    Returns
    -------
    SimulationCurve
        Scores, and the law.

    Raises
    ------
    TypeError
        If `scoring` is not one score.
    ValueError
        If sizes, shapes or parameters do not fit, or all fits fail.

    Warns
    -----
    FitFailedWarning
        If some fits or predictions fail.
    LeakageWarning
        If a splitter puts maps of one group on both sides.

    See Also
    --------
    skastro.inspection.SimulationCurveDisplay : Draws it.
    sklearn.model_selection.learning_curve : Counts samples in place of simulations.

    Examples
    --------
    Three maps of each simulation, noisy images of its target:

    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skastro.model_selection import simulation_curve
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> y = rng.normal(size=100)[groups]
    >>> X = y[:, None] + rng.normal(size=(300, 20))
    >>> curve = simulation_curve(Ridge(), X, y, groups=groups, sizes=[5, 10, 20, 40, 80])
    >>> curve.scores.shape
    (5, 5)
    >>> bool(curve.mean[-1] > curve.mean[0] > curve.dummy_scores.mean())
    True
    """
    if groups is None:
        raise ValueError(
            f"{_OWNER} counts simulations and needs 'groups', the simulation of each sample; got "
            f"None. Hand on those of the data set: groups=data.groups."
        )
    groups = check_groups(groups, _OWNER)
    X, y, _ = check_maps_and_targets(_OWNER, X, y, groups)
    check_error_score(_OWNER, error_score)
    _check_numbers(n_repeats, n_bootstrap, confidence_level)
    scorer, scoring_name = check_scorer(_OWNER, estimator, scoring)
    splits = splits_by_group(_OWNER, estimator, X, y, groups, cv)
    n_most = min(len(np.unique(groups[train])) for train, _ in splits)
    counts = _check_sizes(sizes, n_most)
    seed = seed_of(random_state)
    tasks = [
        (size, fold, repeat)
        for size in range(len(counts))
        for fold, (train, _) in enumerate(splits)
        for repeat in range(n_repeats)
        # All simulations can be chosen in but one way.
        if repeat == 0 or counts[size] < len(np.unique(groups[train]))
    ]
    answers = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_fit_and_score)(
            clone(estimator),
            X,
            y,
            groups,
            _chosen(groups, splits[fold][0], counts[size], [seed, fold, repeat]),
            splits[fold][1],
            scorer,
            error_score,
        )
        for size, fold, repeat in tasks
    )
    found, failures = zip(*answers, strict=True)
    tell_failures(_OWNER, found, failures, error_score)
    scores = np.empty((len(counts), len(splits), n_repeats))
    for (size, fold, repeat), value in zip(tasks, found, strict=True):
        scores[size, fold, repeat:] = error_score if value is None else value
    return SimulationCurve(
        counts,
        scores.reshape(len(counts), -1),
        dummy_scores(default_dummy(estimator, dummy), X, y, splits, scorer),
        scoring_name,
        best_score=best_score,
        n_repeats=n_repeats,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        random_state=seed,
    )


def _chosen(groups, train, n_simulations, seed):
    """Rows of random simulations, the first ones of one order for all sizes."""
    names = np.random.default_rng(seed).permutation(np.unique(groups[train]))
    return train[np.isin(groups[train], names[:n_simulations])]


def _fit_and_score(estimator, X, y, groups, train, test, scorer, error_score):
    """Score of one fit, None where that failed, and tracebacks of what failed."""
    whole = not takes_lazy_maps(estimator)
    attempt = Attempts(error_score)

    def run():
        maps = [np.asarray(X[rows]) if whole else X[rows] for rows in (train, test)]
        estimator.fit(maps[0], y[train], **fit_params(estimator, groups, train))
        return scorer(estimator, maps[1], y[test])

    with config_context(enable_metadata_routing=False):
        return attempt(run), attempt.failures


def _check_sizes(sizes, n_most):
    """Numbers of simulations, rising."""
    if sizes is None:
        least = max(_LEAST_SIZE, round(_LEAST_SHARE * n_most))
        return np.unique(np.geomspace(min(least, n_most), n_most, _N_SIZES).round().astype(int))
    given = np.asarray(sizes)
    if given.ndim == 1 and given.size and given.dtype.kind == "f":
        if not ((given > 0) & (given <= 1)).all():
            raise ValueError(
                f"The 'sizes' parameter of {_OWNER} must hold shares above 0 and at most 1, or "
                f"ints. Got {sizes!r} instead."
            )
        given = np.maximum((given * n_most).round().astype(int), _LEAST_SIZE)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu":
        raise ValueError(
            f"The 'sizes' parameter of {_OWNER} must be None or a sequence of numbers of "
            f"simulations, or of shares of them. Got {sizes!r} instead."
        )
    if given.min() < _LEAST_SIZE or given.max() > n_most:
        raise ValueError(
            f"The 'sizes' parameter of {_OWNER} must hold numbers from {_LEAST_SIZE} to {n_most}, "
            f"the simulations to train on in the smallest fold. Got {sizes!r} instead."
        )
    return np.unique(given)


def _check_numbers(n_repeats, n_bootstrap, confidence_level):
    for name, value in (("n_repeats", n_repeats), ("n_bootstrap", n_bootstrap)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                f"The {name!r} parameter of {_OWNER} must be an int, 1 or more. Got {value!r} "
                f"instead."
            )
    if not isinstance(confidence_level, Real) or not 0 < confidence_level < 1:
        raise ValueError(
            f"The 'confidence_level' parameter of {_OWNER} must be a number between 0 and 1. Got "
            f"{confidence_level!r} instead."
        )
