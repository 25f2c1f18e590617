"""Answers of a fitted estimator, kept so that a score can be had of any of the samples."""

import functools

import numpy as np
from sklearn.utils import Tags, TargetTags, get_tags

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Recorder:
    """A fitted estimator whose answers for some maps are kept.

    Parameters
    ----------
    estimator : estimator
        What answers.
    X : ndarray or LazyMaps of shape (n_samples, ...)
        Maps for which each answer is computed once.

    Attributes
    ----------
    maps : ndarray or LazyMaps
        The maps.
    answers : dict of str to ndarray of shape (n_samples, ...)
        What was asked for, by method.
    """

    def __init__(self, estimator, X):
        self._estimator = estimator
        self.maps = X
        self.answers = {}

    def __getattr__(self, name):
        found = getattr(self._estimator, name)
        if name not in RESPONSES:
            return found

        @functools.wraps(found)
        def answer(X):
            if X is not self.maps:
                return found(X)
            if name not in self.answers:
                self.answers[name] = plain(found(X))
            return self.answers[name]

        return answer

    def __sklearn_tags__(self):
        return get_tags(self._estimator)


class Rows:
    """Numbers of samples, in the place of their maps."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Maps are not at hand where answers are replayed.")


class Replay:
    """What scores take for an estimator: its answers, for rows in place of maps.

    Parameters
    ----------
    answers : dict of str to ndarray of shape (n_samples, ...)
        Answers by method.
    estimator_type : {"classifier", "regressor"} or None
        What the estimator is.
    classes : ndarray of shape (n_classes,), default=None
        Classes of a classifier.
    """

    def __init__(self, answers, estimator_type, classes=None):
        self._answers = answers
        self._type = estimator_type
        if classes is not None:
            self.classes_ = classes

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._answers:
            raise AttributeError(f"No {name!r} is kept of this estimator.")

        def answer(X):
            return self._answers[name][X.rows]

        answer.__name__ = name
        return answer

    def __sklearn_tags__(self):
        return Tags(estimator_type=self._type, target_tags=TargetTags(required=True))


class CellScorer:
    """A score of numbers, for fields: each cell is a sample.

    Parameters
    ----------
    scorer : callable
        Score of ``(estimator, X, y)`` with y of shape (n_samples,).
    """

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, estimator, X, y):
        """Score all cells of all fields."""
        cells = Replay({"predict": np.ravel(estimator.predict(X))}, "regressor")
        return self.scorer(cells, Rows(slice(None)), np.ravel(y))


def plain(answer):
    """Bring an answer to an array, of strings or numbers where it holds nothing else.

    Parameters
    ----------
    answer : array-like
        What an estimator answered.

    Returns
    -------
    ndarray
        The array.
    """
    answer = np.asarray(answer)
    return np.array(answer.tolist()) if answer.dtype == object else answer
