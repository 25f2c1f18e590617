"""Scores of several candidates on the same folds, and what can be said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..utils import import_pandas
from ._comparison_losses import n_effective
from ._comparison_scores import PooledScores, bootstrap_scores
from ._comparison_words import verdict

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..maps import LazyMaps
    from ._comparison_fits import FoldOutcome


class Difference(NamedTuple):
    """A paired difference of two candidates.

    Attributes
    ----------
    value : float
        Difference of the scores of all test samples together.
    low, high : float
        Bootstrap interval; NaN where there is none.
    share_better : float
        Share of the resamples in which the first candidate scores higher; NaN where there is none.
    """

    value: float
    low: float
    high: float
    share_better: float


class Comparison:
    """Scores of several candidates on the same folds, with their predictions.

    Made by `compare`. Beside the scores of the folds, each candidate has a pooled score, that of
    the predictions for the test samples of all folds together: where a fold has few groups, the
    r2 of one fold or its area under a curve is mostly luck. Intervals are those of the pooled
    score, from a bootstrap over groups: each resample draws as many groups as there are, with
    replacement, and all candidates are scored on the same draw, so that differences are paired.
    They are computed when they are first asked for.

    Parameters
    ----------
    outcomes : dict of str to list of FoldOutcome
        What came of each candidate on each fold.
    y : ndarray or LazyMaps of shape (n_samples, ...)
        Targets.
    groups : ndarray of shape (n_samples,) or None
        Groups; None takes each sample for itself.
    folds : list of tuple of ndarray of int
        Rows to train and to test on.
    scorer : callable
        Score of ``(estimator, X, y)``.
    scoring : str
        Name of the score.
    dummy, summary : str or None
        Names of the candidates that are baselines; None where they were declined.
    n_bootstrap : int, default=1000
        Number of resamples.
    confidence_level : float, default=0.95
        Probability of the intervals.
    seed : int, default=0
        Seed of the resamples.
    error_score : float, default=nan
        Score of what failed.
    named : bool, default=True
        Whether `scoring` is the name by which scikit-learn has the score.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n_folds,)
        Score of each candidate on each fold, greater is better.
    fit_times, score_times : dict of str to ndarray of shape (n_folds,)
        Seconds.
    predictions : dict of str to list of ndarray of shape (n_test, ...)
        What ``predict`` gave for the test samples of each fold, None where it failed; see
        `out_of_fold` for one array.
    n_effective : dict of str to float
        Effective number of independent samples, from the squared errors (each target over its
        variance) or the misclassified samples; see `skastro.metrics.effective_sample_size`.
    estimators : dict of str to list of estimator
        The fitted estimators, None if they were not asked for.
    n_groups : int
        Groups that were tested on.
    leaks : bool
        Whether a fold has samples of one group on both sides.

    See Also
    --------
    compare : Makes one.
    skastro.inspection.ComparisonDisplay : Draws it.
    """

    def __init__(
        self,
        outcomes: Mapping[str, list[FoldOutcome]],
        y: np.ndarray | LazyMaps,
        groups: np.ndarray | None,
        folds: list[tuple[np.ndarray, np.ndarray]],
        scorer: Callable[..., float],
        scoring: str,
        *,
        dummy: str | None = None,
        summary: str | None = None,
        n_bootstrap: int = 1000,
        confidence_level: float = 0.95,
        seed: int = 0,
        error_score: float = np.nan,
        named: bool = True,
    ) -> None:
        self.y = y
        self.groups = np.arange(len(y)) if groups is None else groups
        self.folds = folds
        self.scorer = scorer
        self.scoring = scoring
        self.dummy = dummy
        self.summary = summary
        self.n_bootstrap = n_bootstrap
        self.confidence_level = confidence_level
        self.seed = seed
        self._named = named
        self._outcomes = outcomes
        self._bootstrap = None
        self.scores = {
            name: np.array([error_score if o.score is None else o.score for o in of_name])
            for name, of_name in outcomes.items()
        }
        self.fit_times = self._times("fit_time")
        self.score_times = self._times("score_time")
        self.predictions = {
            name: [outcome.answers.get("predict") for outcome in of_name]
            for name, of_name in outcomes.items()
        }
        self.estimators = {
            name: [outcome.estimator for outcome in of_name] for name, of_name in outcomes.items()
        }
        self.n_groups = len(np.unique(self.groups[self._tested()]))
        self.leaks = any(
            np.isin(self.groups[test], self.groups[train]).any() for train, test in folds
        )
        self.n_effective = {
            name: n_effective(of_name, y, folds, self.groups)
            for name, of_name in self.predictions.items()
        }

    def __repr__(self):
        return (
            f"Comparison({len(self.scores)} candidates, {len(self.folds)} folds, "
            f"{self.n_groups} groups, scoring={self.scoring!r})"
        )

    def __str__(self):
        width = max(map(len, self.scores))
        lines = [repr(self)]
        for name, scores in self.scores.items():
            low, high = self.interval(name)
            pooled = f"{self.score(name):.4g}"
            interval = f" [{low:.4g}, {high:.4g}]" if np.isfinite(low) else ""
            folds = f"folds {scores.mean():.4g} +- {scores.std():.2g}"
            lines.append(f"  {name:{width}}  {pooled}{interval}, {folds}")
        return "\n".join([*lines, self.verdict()])

    @property
    def names(self) -> list[str]:
        """Names of all candidates, the baselines last."""
        return list(self.scores)

    @property
    def bootstrap_scores(self) -> dict[str, np.ndarray]:
        """Pooled scores of the resamples, a dict of name to an ndarray of shape (n_bootstrap,)."""
        return self._resampled()[1]

    def score(self, name: str) -> float:
        """Pooled score, that of the test samples of all folds together.

        Parameters
        ----------
        name : str
            A candidate.

        Returns
        -------
        float
            The score; where it does not follow from the predictions alone, the mean over the
            folds, and NaN where a fold failed.
        """
        return self._resampled()[0][self._known(name)]

    def interval(self, name: str) -> tuple[float, float]:
        """Bootstrap interval of the pooled score.

        Parameters
        ----------
        name : str
            A candidate.

        Returns
        -------
        tuple of float
            Its ends, NaN where there is none.
        """
        return self._interval(self.bootstrap_scores[self._known(name)])

    def out_of_fold(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of all folds, in the order of the samples.

        Parameters
        ----------
        name : str
            A candidate.

        Returns
        -------
        rows : ndarray of int of shape (n_tested,)
            Samples, ascending; more than once where several folds test on one.
        y_pred : ndarray of shape (n_tested, ...)
            Their predictions.

        Raises
        ------
        ValueError
            If a fold failed.
        """
        found = [of_fold for of_fold in self.predictions[self._known(name)] if of_fold is not None]
        if len(found) < len(self.folds):
            raise ValueError(f"Comparison.out_of_fold: a fold of {name!r} failed.")
        rows = self._tested()
        order = np.argsort(rows, kind="stable")
        return rows[order], np.concatenate(found)[order]

    def difference(self, name: str, reference: str) -> Difference:
        """Paired difference of the scores of two candidates.

        Parameters
        ----------
        name, reference : str
            Candidates; the score of the second is subtracted.

        Returns
        -------
        Difference
            That of the pooled scores, with its bootstrap interval.
        """
        name, reference = self._known(name), self._known(reference)
        value = self.score(name) - self.score(reference)
        resampled = self.bootstrap_scores[name] - self.bootstrap_scores[reference]
        known = resampled[np.isfinite(resampled)]
        share = float((known > 0).mean()) if known.size else np.nan
        low, high = self._interval(resampled)
        return Difference(value, low, high, share)

    def table(self, *, tidy: bool = False, best_first: bool = False) -> DataFrame:
        """Scores as a table.

        Parameters
        ----------
        tidy : bool, default=False
            Whether each score has a row of its own, for pandas and seaborn.
        best_first : bool, default=False
            Whether candidates go by their pooled score, in place of the order they were given in.

        Returns
        -------
        pandas.DataFrame
            A row for each candidate, with the columns "mean" and "std" over the folds, the
            "pooled" score with "low" and "high" of its bootstrap interval, the mean "fit_time" in
            seconds, and "n_effective".
            With ``tidy=True`` columns "candidate", "fold", that of the score, "fit_time" and
            "score_time".

        Raises
        ------
        ImportError
            If pandas is absent.
        """
        pd = import_pandas("Comparison.table")
        names = self.names
        if best_first:
            names = sorted(names, key=lambda name: -np.nan_to_num(self.score(name), nan=-np.inf))
        if tidy:
            parts = [
                pd.DataFrame(
                    {
                        "candidate": name,
                        "fold": range(len(self.folds)),
                        self.scoring: self.scores[name],
                        "fit_time": self.fit_times[name],
                        "score_time": self.score_times[name],
                    }
                )
                for name in names
            ]
            return pd.concat(parts, ignore_index=True)
        intervals = [self.interval(name) for name in names]
        return pd.DataFrame(
            {
                "mean": [self.scores[name].mean() for name in names],
                "std": [self.scores[name].std() for name in names],
                "pooled": [self.score(name) for name in names],
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
                "fit_time": [self.fit_times[name].mean() for name in names],
                "n_effective": [self.n_effective[name] for name in names],
            },
            index=pd.Index(names, name="candidate"),
        )

    def differences(self, reference: str) -> DataFrame:
        """Paired differences of all candidates to one of them.

        Parameters
        ----------
        reference : str
            The candidate whose scores are subtracted.

        Returns
        -------
        pandas.DataFrame
            A row for each other candidate, with the columns "difference" of the pooled scores,
            "low" and "high" of its bootstrap interval, and "share_better", the share of the
            resamples in which it scores higher.

        Raises
        ------
        ImportError
            If pandas is absent.
        ValueError
            If there is no such candidate.
        """
        pd = import_pandas("Comparison.differences")
        names = [name for name in self.names if name != self._known(reference)]
        rows = [self.difference(name, reference) for name in names]
        columns = ["difference", "low", "high", "share_better"]
        return pd.DataFrame(rows, pd.Index(names, name="candidate")).set_axis(columns, axis=1)

    def verdict(self) -> str:
        """What the scores say, in words.

        A candidate is called better than another one where the bootstrap interval of their
        paired difference excludes zero, and only where there are enough groups for an interval.

        Returns
        -------
        str
            A few sentences, one a line.
        """
        return verdict(self)

    def _known(self, name):
        if name not in self.scores:
            raise ValueError(
                f"The comparison has no candidate {name!r}; it has {', '.join(self.scores)}."
            )
        return name

    def _times(self, which):
        return {
            name: np.array([getattr(outcome, which) for outcome in of_name])
            for name, of_name in self._outcomes.items()
        }

    def _tested(self):
        return np.concatenate([test for _, test in self.folds])

    def _interval(self, resampled):
        known = resampled[np.isfinite(resampled)]
        if known.size < 2 or self.n_groups < 2:
            return np.nan, np.nan
        tail = (1 - self.confidence_level) / 2
        return tuple(np.quantile(known, [tail, 1 - tail]).tolist())

    def _resampled(self):
        """Pooled scores, and those of the resamples."""
        if self._bootstrap is None:
            truths = [np.asarray(self.y[test]) for _, test in self.folds]
            named = self.scoring if self._named else None
            pooled = {
                name: PooledScores(of_name, truths, self.scorer, named)
                for name, of_name in self._outcomes.items()
                if all(outcome.replayable for outcome in of_name)
            }
            nothing = {name: np.full(self.n_bootstrap, np.nan) for name in self.scores}
            groups = self.groups[self._tested()]
            scores = {name: float(folds.mean()) for name, folds in self.scores.items()}
            self._bootstrap = (
                scores | {name: of_name.of_all() for name, of_name in pooled.items()},
                nothing | bootstrap_scores(pooled, groups, self.n_bootstrap, self.seed),
            )
        return self._bootstrap
