"""Candidates beside a mean and summary statistics, on the same folds."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import make_scorer
from sklearn.utils.parallel import Parallel, delayed

from ..datasets._checks import message
from ..exceptions import CheckpointWarning
from ..metrics import field_r2_score
from ..utils import fingerprint, progress_bar
from ..utils._typing import ArrayLike, MapsLike, PathLike, RandomState
from ._candidates import DUMMY, SUMMARY, baselines, named_candidates
from ._comparison import Comparison
from ._comparison_files import FoldFile, open_folder
from ._comparison_fits import fit_fold
from ._protocol import (
    check_error_score,
    check_maps_and_targets,
    check_scorer,
    seed_of,
    splits_by_group,
    tell_failures,
)
from ._replay import CellScorer
from ._types import Candidates, CrossValidator, ErrorScore, Scoring


def compare(
    estimators: Candidates,
    X: MapsLike,
    y: MapsLike,
    *,
    groups: ArrayLike | None = None,
    cv: CrossValidator | None = None,
    scoring: Scoring | None = None,
    dummy: bool | BaseEstimator = True,
    summary: bool | BaseEstimator = True,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    checkpoint: PathLike | None = None,
    return_estimator: bool = False,
    error_score: ErrorScore = np.nan,
    verbose: int = 0,
) -> Comparison:
    """Score candidates on the same folds, beside a mean and a model of summary statistics.

    A network is worth its training if it beats what looks at no map, and then a linear model of
    summary statistics. Both are therefore among the candidates unless they are declined. What
    comes back has the scores with intervals over groups, the paired differences, the predictions,
    and says in words what can be claimed.

    Parameters
    ----------
    estimators : dict of str to estimator, list of (str, estimator), or list of estimators
        Candidates, all regressors or all classifiers; estimators without names are called by
        their classes. They are copied, and stay as they are.
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps, or a table of shape (n_samples, n_features).
    y : array-like or LazyMaps of shape (n_samples,), (n_samples, n_targets) or of fields
        Targets; those with three axes or more are fields, (n_samples, [n_targets,] *spatial).
    groups : array-like of shape (n_samples,), default=None
        Which simulation a sample is from. Splits and resamples are by group, and ``fit`` of the
        last step is handed the groups where it takes them. None takes each sample for itself.
    cv : int, splitter or iterable, default=None
        How to split. None is 5 folds, or as many as there are groups if these are fewer. None
        and an int are ``GroupKFold`` where there are groups, otherwise what
        ``sklearn.model_selection.check_cv`` makes of them.
    scoring : str or callable, default=None
        One score, as in scikit-learn. None is r2 for regressors, of fields over all their cells,
        and accuracy for classifiers. A name takes the cells of fields for samples; a function of
        fields is ``make_scorer(...)`` of it.
    dummy : bool or estimator, default=True
        What looks at no map: ``DummyRegressor``, ``DummyClassifier`` or for fields their mean
        over all cells. False declines it, an estimator replaces it.
    summary : bool or estimator, default=True
        What `summary_baseline` makes of `X` and `y`. False declines it, an estimator replaces it.
    n_bootstrap : int, default=1000
        Resamples for the intervals.
    confidence_level : float, default=0.95
        Probability of the intervals, between 0 and 1.
    n_jobs : int, default=None
        Fits at once, as joblib counts them. Scores are equal for any number, where nets have
        equal ``n_threads``.
    random_state : int, numpy.random.RandomState or None, default=0
        Whence the resamples come. Estimators and the splitter have seeds of their own.
    checkpoint : path-like, default=None
        Folder that keeps what is finished of each candidate and fold. A run that was killed is
        repeated with the same arguments and fits what is missing; what was finished with other
        estimators, data, folds or scores is not used. Predictions are then memory maps.
    return_estimator : bool, default=False
        Whether the fitted estimators are kept. They are not in a checkpoint, so it is one or
        the other.
    error_score : "raise" or float, default=nan
        Score where a fit or a prediction fails, with a warning; "raise" raises.
    verbose : int, default=0
        Whether to show a progress bar, with 1.

    Returns
    -------
    Comparison
        Scores of all candidates; the baselines are called "summary" and "dummy".

    Raises
    ------
    TypeError
        If `estimators` or `scoring` is none of these.
    ValueError
        If names, shapes or parameters do not fit, or all fits of a baseline or of all candidates
        fail.
    OSError
        If the folder of the checkpoint cannot be written to.

    Warns
    -----
    FitFailedWarning
        If some fits or predictions fail.
    LeakageWarning
        If a splitter puts samples of one group on both sides.
    CheckpointWarning
        If a fold could not be written, or a file is damaged; the fold is then fitted again.

    See Also
    --------
    summary_baseline : The model of summary statistics.
    skastro.inspection.ComparisonDisplay : Draws the comparison.

    Notes
    -----
    The pooled score, of the test samples of all folds together, is what candidates are compared
    by; ``Comparison.scores`` has those of the folds, as ``cross_validate`` has them.

    Intervals are percentiles, which are somewhat narrow where groups are few. They tell how much
    scores depend on which groups are tested on, not how much on the seeds of training: repeat the
    comparison with other seeds for that.

    r2, accuracy and mean errors by name are resampled from sums over the samples. Other scores
    are computed anew for each resample from the predictions, which for large fields takes long:
    lower `n_bootstrap`. What reads the maps or the estimator itself cannot be resampled; there
    are scores of folds then, and no intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.linear_model import LinearRegression
    >>> from skastro.model_selection import compare
    >>> from skastro.statistics import Moments
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(20), 4)
    >>> amplitude = rng.uniform(1, 2, size=20)[groups]
    >>> maps = amplitude[:, None, None] * rng.normal(size=(80, 16, 16))
    >>> mean_only = make_pipeline(Moments(orders=[1]), LinearRegression())
    >>> result = compare({"mean": mean_only}, maps, amplitude, groups=groups)
    >>> {name: round(result.score(name), 1) for name in result.names}
    {'mean': -0.2, 'summary': 0.9, 'dummy': -0.2}
    >>> print(result.verdict())
    Score: r2, greater is better, of 80 test samples of 20 groups in 5 folds.
    The candidate: 'mean' with -0.2045, 95% interval [-0.6634, -0.1149]. ...
    'mean' is worse than 'dummy', what looks at no map: ... Nothing was learned.
    'mean' is worse than 'summary', the linear model of summary statistics: ...
    """
    X, y, groups = check_maps_and_targets("compare", X, y, groups)
    check_error_score("compare", error_score)
    _check_numbers(n_bootstrap, confidence_level)
    if checkpoint is not None and return_estimator:
        raise ValueError(
            "compare(checkpoint=..., return_estimator=True) would lack the fitted estimators of "
            "folds that were finished before. Leave one of both out."
        )
    seed = seed_of(random_state)
    own = named_candidates(estimators)
    if is_classifier(next(iter(own.values()))) and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    candidates = own | baselines(own, X, y, dummy, summary)
    scorer, scoring_name = _one_score(own, scoring, y.ndim > 2)
    splits = splits_by_group("compare", next(iter(own.values())), X, y, groups, cv)
    keys = [(name, fold) for name in candidates for fold in range(len(splits))]
    files = {}
    if checkpoint is not None:
        files = _files(open_folder(checkpoint), keys, candidates, (X, y, groups), splits, scorer)
    outcomes, notes = _finished(files, error_score)

    def job(key):
        name, fold = key
        return delayed(fit_fold)(
            clone(candidates[name]),
            X,
            y,
            groups,
            splits[fold],
            scorer,
            error_score,
            return_estimator,
            files.get(key),
        )

    with progress_bar(verbose, "compare", len(keys), "fits", len(outcomes)) as advance:
        missing = [key for key in keys if key not in outcomes]
        # What is wrong with targets or score shows in the dummy, before hours of training.
        for of_dummy in (True, False):
            todo = [key for key in missing if (key[0] == DUMMY) is of_dummy]
            parallel = _parallel(1 if of_dummy else n_jobs, verbose)
            for key, outcome in zip(todo, parallel(map(job, todo)), strict=True):
                outcomes[key] = outcome
                advance()
            if of_dummy:
                _check_dummy([outcomes[key] for key in keys if key[0] == DUMMY])
    notes += [note for outcome in outcomes.values() for note in outcome.notes]
    if notes:
        warnings.warn("\n".join(notes), CheckpointWarning, stacklevel=2)
    scored = [outcomes[key].answers or None for key in keys if key[0] in own]
    tell_failures("compare", scored, [outcomes[key].failures for key in keys], error_score)
    return Comparison(
        {name: [outcomes[name, fold] for fold in range(len(splits))] for name in candidates},
        y,
        groups,
        splits,
        scorer,
        scoring_name,
        dummy=DUMMY if DUMMY in candidates else None,
        summary=SUMMARY if SUMMARY in candidates else None,
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
        seed=seed,
        error_score=np.nan if isinstance(error_score, str) else error_score,
        named=not callable(scoring),
    )


def _check_numbers(n_bootstrap, confidence_level):
    is_count = isinstance(n_bootstrap, Integral) and not isinstance(n_bootstrap, bool)
    if not is_count or n_bootstrap < 2:
        raise ValueError(message("compare", "n_bootstrap", "an integer of at least 2", n_bootstrap))
    if not isinstance(confidence_level, Real) or not 0 < confidence_level < 1:
        raise ValueError(
            message("compare", "confidence_level", "a number between 0 and 1", confidence_level)
        )


def _one_score(own, scoring, of_fields):
    """Scorer and its name."""
    estimator = next(iter(own.values()))
    if scoring is None:
        scoring = "accuracy" if is_classifier(estimator) else "r2"
    scorer, name = check_scorer("compare", estimator, scoring)
    if of_fields and isinstance(scoring, str):
        scorer = make_scorer(field_r2_score) if scoring == "r2" else CellScorer(scorer)
    return scorer, name


def _files(folder, keys, candidates, data, splits, scorer):
    """Where the outcome of each candidate and fold is kept, by what it depends on."""
    data = fingerprint(*data)
    return {
        (name, fold): FoldFile(folder, fingerprint(data, candidates[name], splits[fold], scorer))
        for name, fold in keys
    }


def _finished(files, error_score):
    """What is on the disk, and what to warn of; what failed is tried again where it is to raise."""
    outcomes, notes = {}, []
    for key, file in files.items():
        outcome, note = file.load()
        if outcome is not None and not (outcome.failures and error_score == "raise"):
            outcomes[key] = outcome
        notes += [note] if note else []
    return outcomes, notes


def _check_dummy(outcomes):
    if outcomes and all(outcome.score is None for outcome in outcomes):
        raise ValueError(
            f"compare could not score the dummy on any fold, so that nothing else was fitted. "
            f"Check 'y' and 'scoring', or set dummy=False. The error:\n{outcomes[-1].failures[-1]}"
        )


def _parallel(n_jobs, verbose):
    """What runs the fits; one by one where a bar follows them and joblib's backend can do that."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator" if verbose else "list")
    except ValueError:
        return Parallel(n_jobs=n_jobs)
