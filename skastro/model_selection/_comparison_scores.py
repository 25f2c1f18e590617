"""Scores of all test samples together, and of resampled groups of them."""

import warnings

import numpy as np
from sklearn import config_context

from ._replay import Replay, Rows

_CHUNK = 1 << 21  # numbers of drawn groups to hold at once
_SUMS = ("count", "error", "square", "absolute", "truth", "truth_square")
_ROUNDING = 1e-10


def bootstrap_scores(pooled, groups, n_bootstrap, seed):
    """Score resamples of the groups, the same for all candidates.

    Parameters
    ----------
    pooled : dict of str to PooledScores
        The candidates, whose test samples are the same in the same order.
    groups : ndarray of shape (n_tested,)
        Group of each.
    n_bootstrap : int
        Number of resamples, each of as many groups as there are, with replacement.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to ndarray of shape (n_bootstrap,)
        Scores, NaN where there is none, as of a single drawn class.
    """
    names, group = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    parts = {name: [] for name in pooled}
    size = max(1, _CHUNK // len(names))
    for start in range(0, n_bootstrap, size):
        counts = _draws(rng, min(size, n_bootstrap - start), len(names))
        for name, scores in pooled.items():
            parts[name].append(scores.of_draws(counts, group))
    return {name: np.concatenate(of_name) for name, of_name in parts.items()}


def _draws(rng, n_resamples, n_groups):
    """How often each group is in each resample."""
    drawn = rng.integers(n_groups, size=(n_resamples, n_groups))
    drawn += n_groups * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_groups)
    return counts.reshape(n_resamples, n_groups)


class PooledScores:
    """Scores of one candidate on any of the test samples of all folds.

    Parameters
    ----------
    outcomes : list of FoldOutcome
        Its answers on each fold, which give the score without maps.
    truths : list of ndarray of shape (n_test, ...)
        Truths of each fold.
    scorer : callable
        Score of ``(estimator, X, y)``.
    scoring : str or None
        Name by which scikit-learn has the score; some are computed from sums over the samples.
    """

    def __init__(self, outcomes, truths, scorer, scoring):
        self._scorer = scorer
        self._from_sums = _FROM_SUMS.get(scoring)
        self._n_samples = sum(map(len, truths))
        if self._from_sums is None:
            self._replay = _joined(outcomes)
            self._y = np.concatenate(truths)
        elif scoring == "neg_log_loss":
            self._sums = _log_losses(_joined(outcomes), np.concatenate(truths))
        else:
            of_fields = truths[0].ndim > 2
            origin = np.mean(truths[0], axis=None if of_fields else 0) if scoring == "r2" else 0.0
            self._sums = np.concatenate(
                [
                    _sample_sums(truth, outcome.answers["predict"], scoring, origin)
                    for outcome, truth in zip(outcomes, truths, strict=True)
                ]
            )

    def of_all(self):
        """Score of all samples, NaN where there is none."""
        if self._from_sums is not None:
            return float(self._of_totals(self._sums.sum(axis=0, keepdims=True))[0])
        return self._of_rows([np.arange(self._n_samples)])[0]

    def of_draws(self, counts, group):
        """Score resamples.

        Parameters
        ----------
        counts : ndarray of int of shape (n_resamples, n_groups)
            How often each group is drawn.
        group : ndarray of int of shape (n_tested,)
            Number of the group of each sample.

        Returns
        -------
        ndarray of shape (n_resamples,)
            Scores, NaN where there is none.
        """
        if self._from_sums is not None:
            of_groups = np.zeros((counts.shape[1], *self._sums.shape[1:]))
            np.add.at(of_groups, group, self._sums)
            return self._of_totals(np.tensordot(counts.astype(np.float64), of_groups, axes=1))
        rows = np.arange(self._n_samples)
        return np.array(self._of_rows(np.repeat(rows, draw[group]) for draw in counts))

    def _of_totals(self, totals):
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._from_sums(dict(zip(_SUMS, np.moveaxis(totals, 1, 0), strict=True)))

    def _of_rows(self, several):
        options = {"assume_finite": True, "skip_parameter_validation": True}
        with config_context(enable_metadata_routing=False, **options), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [self._of_replayed(rows) for rows in several]

    def _of_replayed(self, rows):
        try:
            return float(self._scorer(self._replay, Rows(rows), self._y[rows]))
        except (ValueError, AttributeError):  # as of classes that were not drawn
            return np.nan


def _joined(outcomes):
    """Answers of all folds as those of one estimator, with all classes that a fold knows."""
    first = outcomes[0]
    answers = {key: [outcome.answers[key] for outcome in outcomes] for key in first.answers}
    if first.classes is None:
        return Replay(_concatenated(answers), first.estimator_type)
    classes = np.unique(np.concatenate([outcome.classes for outcome in outcomes]))
    if any(len(outcome.classes) < len(classes) for outcome in outcomes):
        for key, absent in (("predict_proba", 0.0), ("predict_log_proba", -np.inf)):
            if key in answers:
                answers[key] = [_widened(outcome, key, classes, absent) for outcome in outcomes]
        answers.pop("decision_function", None)  # of other classes it is another number
    return Replay(_concatenated(answers), first.estimator_type, classes)


def _concatenated(answers):
    return {key: np.concatenate(of_key) for key, of_key in answers.items()}


def _widened(outcome, key, classes, absent):
    """Columns for all classes, those that a fold does not know filled."""
    answer = outcome.answers[key]
    wide = np.full((len(answer), len(classes)), absent)
    wide[:, np.searchsorted(classes, outcome.classes)] = answer
    return wide


def _sample_sums(y, pred, scoring, origin):
    """Sums of each sample, of shape (n_samples, 6, n_outputs); cells of fields are summed over."""
    n = len(y)
    if scoring == "accuracy":
        wrong = (y != pred).reshape(n, -1)
        sums = np.zeros((n, len(_SUMS), 1))
        if y.ndim > 2:
            sums[:, 0, 0], sums[:, 1, 0] = wrong.shape[1], wrong.sum(axis=1)
        else:
            sums[:, 0, 0], sums[:, 1, 0] = 1.0, wrong.any(axis=1)
        return sums
    if y.ndim < 3:
        truth, pred = (np.asarray(values, dtype=np.float64).reshape(n, -1) for values in (y, pred))
        return np.stack(_parts(truth, pred, origin), axis=1)
    sums = [
        [part.sum() for part in _parts(truth.astype(np.float64), field, origin)]
        for truth, field in zip(y, pred, strict=True)
    ]
    return np.array(sums)[..., None]


def _log_losses(replay, y):
    """The same, with minus the logarithm of the probability of the true class as the error."""
    proba = replay.predict_proba(Rows(slice(None)))
    proba = np.clip(proba, np.finfo(proba.dtype).eps, 1 - np.finfo(proba.dtype).eps)
    place = np.searchsorted(replay.classes_, y).clip(max=proba.shape[1] - 1)
    known = replay.classes_[place] == y
    sums = np.zeros((len(y), len(_SUMS), 1))
    likelihood = np.where(known, proba[np.arange(len(y)), place], np.finfo(proba.dtype).eps)
    sums[:, 0, 0], sums[:, 1, 0] = 1.0, -np.log(likelihood)
    return sums


def _parts(truth, pred, origin):
    """What scores are sums of, in the order of their names; truths less an origin keep digits."""
    error = pred - truth
    truth = truth - origin
    return np.ones_like(truth), error, error**2, abs(error), truth, truth**2


def _mean(name):
    return lambda sums: -(sums[name] / sums["count"]).mean(axis=1)


def _r2(sums):
    spread = sums["truth_square"] - sums["truth"] ** 2 / sums["count"]
    spread = np.where(spread > _ROUNDING * sums["truth_square"], spread, np.nan)
    return (1 - sums["square"] / spread).mean(axis=1)


_FROM_SUMS = {
    "accuracy": lambda sums: 1 - (sums["error"] / sums["count"])[:, 0],
    "neg_log_loss": _mean("error"),
    "neg_mean_absolute_error": _mean("absolute"),
    "neg_mean_squared_error": _mean("square"),
    "neg_root_mean_squared_error": lambda sums: (
        -np.sqrt(sums["square"] / sums["count"]).mean(axis=1)
    ),
    "r2": _r2,
}
