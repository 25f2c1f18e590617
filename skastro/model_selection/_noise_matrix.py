"""Scores of models that were trained with one noise and tested with another."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring
from sklearn.model_selection import GroupKFold, check_cv
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from ..exceptions import LeakageWarning
from ..maps import LazyMaps
from ..utils import as_numpy, check_groups
from ._noise_fits import fit_and_score, tell_failures
from ._noise_levels import adds_noise, noise_levels
from ._noise_scores import NoiseMatrix

_TRAINING, _TESTING = 0, 1  # what the seeds of both sides are told apart by


def noise_matrix(
    estimator,
    X,
    y,
    *,
    train_noise,
    test_noise=None,
    unit=None,
    cv=None,
    groups=None,
    scoring=None,
    dummy=None,
    n_jobs=None,
    random_state=0,
    return_estimator=False,
    error_score=np.nan,
    verbose=0,
):
    """Train at each level of noise, and test each model at each level.

    A model is fitted once for each training level and fold, and tested at all levels. In
    training, nets see other noise in each epoch; in testing each map has one realization, the
    same for all models. Levels of white noise that differ in strength have the same draws,
    scaled, so that differences between columns are none of luck.

    Parameters
    ----------
    estimator : estimator
        What is copied and fitted: any regressor or classifier of maps. It stays as it is.
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps without noise.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Targets.
    train_noise : list of levels, or dict of str to level
        Noise in training. A level is None or 0 for no noise; a number, the standard deviation
        of white noise in the unit of the maps; a pair (low, high), from which that is drawn for
        each map anew; an astropy Quantity of one or two; or a transformer that adds noise, whose
        ``fit_transform`` and ``transform`` treat training and test maps. A dict names levels.
    test_noise : list of levels, or dict of str to level, default=None
        Noise in testing; None is that of `train_noise`.
    unit : str or astropy.units.Unit, default=None
        Unit of the maps, which levels with a unit need.
    cv : int, splitter or iterable, default=None
        How to split. None is 5 folds, or as many as there are groups if these are fewer. None
        and an int are ``GroupKFold`` where there are groups, otherwise what
        ``sklearn.model_selection.check_cv`` makes of them.
    groups : array-like of shape (n_samples,), default=None
        Which simulation a map is from. Splits are by group, and ``fit`` of the last step is
        handed the groups where it takes them.
    scoring : str or callable, default=None
        One score, as in scikit-learn; None is ``estimator.score``.
    dummy : estimator, default=None
        What to compare with, fitted on the targets of each fold; None is the mean of all
        targets for a regressor and the shares of classes for a classifier. To predict another
        mean, such as that of logarithms, give
        ``TransformedTargetRegressor(DummyRegressor(), func=..., inverse_func=...)``.
    n_jobs : int, default=None
        Fits at once, as joblib counts them. Scores are equal for any number, where nets have
        equal ``n_threads``.
    random_state : int, numpy.random.RandomState or None, default=0
        Whence the noise comes, in place of each parameter `random_state` of the levels. The
        estimator and the splitter have seeds of their own.
    return_estimator : bool, default=False
        Whether the fitted estimators are kept.
    error_score : "raise" or float, default=nan
        Score where a fit or a prediction fails, with a warning; "raise" raises.
    verbose : int, default=0
        What joblib tells of its progress.

    Returns
    -------
    NoiseMatrix
        Scores with the names of the levels.

    Raises
    ------
    TypeError
        If a level is none, or `scoring` is not one score.
    ValueError
        If levels, shapes or parameters do not fit, or all fits fail.

    Warns
    -----
    FitFailedWarning
        If some fits or predictions fail.
    LeakageWarning
        If a splitter puts maps of one group on both sides.

    See Also
    --------
    skastro.inspection.NoiseMatrixDisplay : Draws it.
    skastro.instrument.WhiteNoise : What numbers stand for.

    Notes
    -----
    A run that was killed is repeated where an estimator has a folder as `checkpoint` and an int
    as `random_state`, like the splitter: fits that were finished are read, the one that was
    broken off goes on, and the scores are those of a run that was never killed.

    New noise in each epoch needs an estimator whose steps up to the net are of this library. Any
    other first step, such as a ``FunctionTransformer``, is given an array, with one fixed
    realization of the noise in training (that of epoch 0); so is what reads its maps but once,
    as a power spectrum does. A level (low, high) then still differs from map to map.

    Examples
    --------
    The mean square of maps tells their amplitude, if the noise is known:

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skastro.model_selection import noise_matrix
    >>> rng = np.random.default_rng(0)
    >>> variance = rng.uniform(1, 3, size=60)
    >>> maps = np.sqrt(variance)[:, None, None] * rng.normal(size=(60, 32, 32))
    >>> mean_square = FunctionTransformer(lambda maps: (maps**2).mean(axis=(1, 2))[:, None])
    >>> model = make_pipeline(mean_square, LinearRegression())
    >>> matrix = noise_matrix(model, maps, variance, train_noise=[0, 1])
    >>> matrix.mean.round(1)
    array([[ 1. , -2.2],
           [-1.6,  0.9]])
    """
    if not isinstance(X, LazyMaps):
        X = np.asarray(as_numpy(X))
    if y is None:
        raise ValueError("noise_matrix needs targets y to score predictions; got None.")
    y = np.asarray(y)
    groups = None if groups is None else check_groups(groups, "noise_matrix")
    check_consistent_length(X, y, groups)
    _check_error_score(error_score)
    seed = _seed(random_state)
    scorer, scoring_name = _scorer(estimator, scoring)
    trained = noise_levels("train_noise", train_noise, unit)
    tested = trained if test_noise is None else noise_levels("test_noise", test_noise, unit)
    for level in [*trained, *tested]:
        if level.noise is not None:  # before hours of training
            adds_noise(level.noise, [seed]).fit(X[:2])
    splits = _splits(estimator, X, y, groups, cv)
    tests = [_seeded(level, seed, _TESTING) for level in tested]
    answers = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(fit_and_score)(
            clone(estimator),
            X,
            y,
            groups,
            split,
            _seeded(level, seed, _TRAINING),
            tests,
            scorer,
            error_score,
        )
        for level in trained
        for split in splits
    )
    scores, failures, fitted = zip(*answers, strict=True)
    tell_failures(fitted, failures, error_score)
    n_folds = len(splits)
    scores = np.array(scores, dtype=np.float64).reshape(len(trained), n_folds, len(tested))
    return NoiseMatrix(
        np.ascontiguousarray(scores.swapaxes(1, 2)),
        _dummy_scores(estimator, dummy, X, y, splits, scorer),
        [level.name for level in trained],
        [level.name for level in tested],
        scoring_name,
        None if unit is None else str(unit),
        [list(fitted[i : i + n_folds]) for i in range(0, len(fitted), n_folds)]
        if return_estimator
        else None,
    )


def _seeded(level, seed, side):
    """What adds the noise of a level on one side; None adds nothing."""
    return None if level.noise is None else adds_noise(level.noise, [seed, side])


def _seed(random_state):
    """Seed of all noise; without one NumPy's global state is left alone."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, Integral) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _check_error_score(error_score):
    is_number = isinstance(error_score, Real) and not isinstance(error_score, bool)
    if not is_number and error_score != "raise":
        raise ValueError(
            f"The 'error_score' parameter of noise_matrix must be 'raise' or a number. Got "
            f"{error_score!r} instead."
        )


def _scorer(estimator, scoring):
    """One score, and its name."""
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(
            f"The 'scoring' parameter of noise_matrix must be the name of one score, a function "
            f"of (estimator, X, y), or None. Got {scoring!r} instead; call noise_matrix for each "
            f"score."
        )
    scorer = check_scoring(estimator, scoring)
    if isinstance(scoring, str):
        return scorer, scoring
    if scoring is None:
        name = "r2" if is_regressor(estimator) else "score"
        return scorer, "accuracy" if is_classifier(estimator) else name
    function = getattr(scoring, "_score_func", scoring)
    return scorer, getattr(function, "__name__", "score")


def _splits(estimator, X, y, groups, cv):
    """Rows to train and to test on, whole groups where there are groups."""
    if groups is not None and (cv is None or isinstance(cv, Integral)):
        n_groups = len(np.unique(groups))
        n_folds = min(5, max(n_groups, 2)) if cv is None else cv
        if n_groups < n_folds:
            raise ValueError(
                f"noise_matrix(cv={cv!r}) splits by whole groups into {n_folds} folds, and the "
                f"number of groups is {n_groups}. Give maps of more simulations, or fewer folds."
            )
        cv = GroupKFold(n_folds)
    splitter = check_cv(5 if cv is None else cv, y, classifier=is_classifier(estimator))
    splits = [tuple(map(_rows, split)) for split in splitter.split(X, y, groups)]
    if groups is not None and any(
        np.isin(groups[test], groups[train]).any() for train, test in splits
    ):
        warnings.warn(
            f"noise_matrix(cv={cv!r}) puts maps of one group on both sides of a split, so scores "
            f"do not tell what a model knows of new simulations. Leave cv out, give a number of "
            f"folds, or take a splitter by groups.",
            LeakageWarning,
            stacklevel=3,
        )
    return splits


def _rows(rows):
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def _dummy_scores(estimator, dummy, X, y, splits, scorer):
    """Score of a dummy on each fold."""
    if dummy is None:
        dummy = DummyClassifier() if is_classifier(estimator) else DummyRegressor()
    with config_context(enable_metadata_routing=False):
        return np.array(
            [
                scorer(clone(dummy).fit(X[train], y[train]), X[test], y[test])
                for train, test in splits
            ],
            dtype=np.float64,
        )
