"""Scores of models that were trained with one noise and tested with another."""

import numpy as np
from astropy.units import UnitBase
from sklearn.base import BaseEstimator, clone
from sklearn.utils.parallel import Parallel, delayed

from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._noise_fits import fit_and_score
from ._noise_levels import adds_noise, noise_levels
from ._noise_scores import NoiseMatrix
from ._protocol import (
    check_error_score,
    check_maps_and_targets,
    check_scorer,
    default_dummy,
    dummy_scores,
    seed_of,
    splits_by_group,
    tell_failures,
)
from ._types import CrossValidator, ErrorScore, NoiseLevels, Scoring

_TRAINING, _TESTING = 0, 1  # what the seeds of both sides are told apart by


def noise_matrix(
    estimator: BaseEstimator,
    X: MapsLike,
    y: ArrayLike,
    *,
    train_noise: NoiseLevels,
    test_noise: NoiseLevels | None = None,
    unit: str | UnitBase | None = None,
    cv: CrossValidator | None = None,
    groups: ArrayLike | None = None,
    scoring: Scoring | None = None,
    dummy: BaseEstimator | None = None,
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    return_estimator: bool = False,
    error_score: ErrorScore = np.nan,
    verbose: int = 0,
) -> NoiseMatrix:
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
    X, y, groups = check_maps_and_targets("noise_matrix", X, y, groups)
    check_error_score("noise_matrix", error_score)
    seed = seed_of(random_state)
    scorer, scoring_name = check_scorer("noise_matrix", estimator, scoring)
    trained = noise_levels("train_noise", train_noise, unit)
    tested = trained if test_noise is None else noise_levels("test_noise", test_noise, unit)
    for level in [*trained, *tested]:
        if level.noise is not None:  # before hours of training
            adds_noise(level.noise, [seed]).fit(X[:2])
    splits = splits_by_group("noise_matrix", estimator, X, y, groups, cv)
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
    found, failures, fitted = zip(*answers, strict=True)
    tell_failures("noise_matrix", fitted, failures, error_score)
    n_folds = len(splits)
    scores = np.array(found, dtype=np.float64).reshape(len(trained), n_folds, len(tested))
    return NoiseMatrix(
        np.ascontiguousarray(scores.swapaxes(1, 2)),
        dummy_scores(default_dummy(estimator, dummy), X, y, splits, scorer),
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
