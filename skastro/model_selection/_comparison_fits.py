"""One fit of a comparison: its score and its answers for the test maps."""

import time
from typing import NamedTuple

import numpy as np
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import get_tags

from ..maps import LazyMaps
from ._protocol import Attempts, fit_params, takes_lazy_maps
from ._replay import Recorder, Replay, Rows, plain


class FoldOutcome(NamedTuple):
    """What came of one candidate on one fold.

    Attributes
    ----------
    score : float or None
        Score of the test maps; None where the fit, the prediction or the score failed.
    fit_time, score_time : float
        Seconds.
    answers : dict of str to ndarray of shape (n_test, ...)
        Answers for the test maps by method, "predict" among them; empty where there is none.
    estimator_type : str or None
        "classifier" or "regressor".
    classes : ndarray or None
        Classes of a classifier of one target.
    replayable : bool
        Whether the answers alone give the same score.
    failures : list of str
        Tracebacks.
    notes : list of str
        What to warn of.
    estimator : estimator or None
        The fitted estimator, if it was asked for.
    """

    score: float | None
    fit_time: float
    score_time: float
    answers: dict
    estimator_type: str | None
    classes: np.ndarray | None
    replayable: bool
    failures: list
    notes: list
    estimator: object

    def replay(self):
        """The answers as what scores take for an estimator."""
        return Replay(self.answers, self.estimator_type, self.classes)


def fit_fold(estimator, X, y, groups, split, scorer, error_score, keep=False, file=None):
    """Fit a candidate on the training maps of a fold, and score it on the others.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X : ndarray or LazyMaps of shape (n_samples, ...)
        Maps.
    y : ndarray or LazyMaps of shape (n_samples, ...)
        Targets.
    groups : ndarray of shape (n_samples,) or None
        Groups.
    split : tuple of ndarray of int
        Rows to train and to test on.
    scorer : callable
        Score of ``(estimator, X, y)``.
    error_score : "raise" or float
        "raise" raises what fails.
    keep : bool, default=False
        Whether to return the fitted estimator.
    file : FoldFile, default=None
        Where to write the outcome.

    Returns
    -------
    FoldOutcome
        The outcome; its answers are on the disk where they were written to a file.
    """
    train, test = split
    attempt = Attempts(error_score)
    reads_arrays = not takes_lazy_maps(estimator)
    no_maps = isinstance(estimator, DummyClassifier | DummyRegressor)  # it reads none

    def part(values, rows):
        values = values[rows]
        lazy = isinstance(values, LazyMaps)
        return np.asarray(values) if lazy and reads_arrays and not no_maps else values

    def predict():
        truth, recorder = np.asarray(y[test]), Recorder(estimator, part(X, test))
        recorder.predict(recorder.maps)
        return truth, recorder

    def score(truth, recorder):
        try:
            return float(scorer(recorder, recorder.maps, truth))
        except Exception:  # a score of the user may need the estimator itself
            return float(scorer(estimator, recorder.maps, truth))

    start = time.perf_counter()
    with config_context(enable_metadata_routing=False):
        params = fit_params(estimator, groups, train)
        fitted = attempt(lambda: estimator.fit(part(X, train), part(y, train), **params))
        middle = time.perf_counter()
        answers, value = {}, None
        predicted = None if fitted is None else attempt(predict)
        if predicted is not None:
            value = attempt(score, *predicted)
            answers = predicted[1].answers
    outcome = FoldOutcome(
        value,
        middle - start,
        time.perf_counter() - middle,
        answers,
        get_tags(estimator).estimator_type,
        _classes(estimator) if answers else None,
        False,
        attempt.failures,
        [],
        estimator if keep else None,
    )
    if not answers:
        return outcome
    outcome = outcome._replace(replayable=_gives(scorer, outcome.replay(), predicted[0], value))
    return outcome if file is None else file.save(outcome)


def _classes(estimator):
    """Classes of a classifier of one target."""
    several = isinstance(getattr(estimator, "classes_", None), list)
    return plain(estimator.classes_) if is_classifier(estimator) and not several else None


def _gives(scorer, replay, y, expected):
    """Whether answers alone give a score, or its failure: it needs no maps and no estimator."""
    with config_context(enable_metadata_routing=False):
        try:
            again = float(scorer(replay, Rows(np.arange(len(y))), y))
        except ValueError:
            return expected is None
        except Exception:  # whatever a scorer of the user does with what is not there
            return False
    return again == expected or (np.isnan(again) and expected is not None and np.isnan(expected))
