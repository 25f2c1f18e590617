"""Scores of models that were trained on one suite of simulations and tested on another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from ..utils import import_pandas
from ._score_matrix import ScoreMatrix, mean_and_std

if TYPE_CHECKING:
    from pandas import DataFrame


class CrossSuite(ScoreMatrix):
    """Scores for each pair of a suite to train on and one to test on.

    Scores of one column and fold are of the same test samples, so that a column compares models
    pairwise: its entry on the diagonal is of a model that knows the suite.

    Parameters
    ----------
    scores : ndarray of shape (n_suites, n_suites, n_folds)
        Scores by suite of training, suite of testing, and fold; greater is better.
    dummy_scores : ndarray of shape (n_suites, n_suites, n_folds)
        Scores of what looks at no map, such as the mean of the training targets of one suite as a
        prediction for another.
    names : list of str
        Names of the suites.
    scoring : str, default="score"
        Name of the score.
    target_names : list of str, default=None
        Names of the targets.
    target_scores : ndarray of shape (n_suites, n_suites, n_folds, n_targets), default=None
        R2 of each target; None where there are none, as for classifiers.
    dummy_target_scores : ndarray of shape (n_suites, n_suites, n_folds, n_targets), default=None
        R2 of each target of the dummy.
    estimators : list of list of estimator, default=None
        The fitted estimators, by suite of training and fold, if they were asked for.

    Attributes
    ----------
    train_names, test_names : list of str
        Names of the suites, as rows and as columns.

    See Also
    --------
    cross_suite : Makes one.
    """

    def __init__(
        self,
        scores: np.ndarray,
        dummy_scores: np.ndarray,
        names: list[str],
        scoring: str = "score",
        target_names: list[str] | None = None,
        target_scores: np.ndarray | None = None,
        dummy_target_scores: np.ndarray | None = None,
        estimators: list[list[BaseEstimator]] | None = None,
    ) -> None:
        self.scores = scores
        self.dummy_scores = dummy_scores
        self.names = names
        self.train_names = self.test_names = names
        self.scoring = scoring
        self.target_names = target_names
        self.target_scores = target_scores
        self.dummy_target_scores = dummy_target_scores
        self.estimators = estimators

    def __repr__(self):
        n_suites, _, n_folds = self.scores.shape
        return f"CrossSuite({n_suites} suites, {n_folds} folds, scoring={self.scoring!r})"

    def __str__(self):
        return self.verdict()

    @property
    def loss(self) -> np.ndarray:
        """Score of the suite's own model less that of another's, of shape as `scores`."""
        own = np.einsum("iik->ik", self.scores)
        return own[np.newaxis] - self.scores

    def _dummy_rows(self):
        return {
            f"{name}, dummy": row for name, row in zip(self.names, self.dummy_scores, strict=True)
        }

    def target_table(self, *, digits: int = 2) -> DataFrame:
        """R2 of each target as a table.

        Parameters
        ----------
        digits : int, default=2
            Digits behind the point.

        Returns
        -------
        pandas.DataFrame
            Texts "mean +- standard deviation" over the folds: a row for each suite of training,
            suite of testing, and "model" or "dummy"; a column for each target.

        Raises
        ------
        ImportError
            If pandas is absent.
        ValueError
            If there are no such scores.
        """
        pd = import_pandas("CrossSuite.target_table")
        if self.target_scores is None or self.dummy_target_scores is None:
            raise ValueError(
                "CrossSuite.target_table needs r2 of each target, which cross_suite computes of "
                "regressors with one or several numbers as a target. Take CrossSuite.table."
            )
        rows = {}
        for i, trained in enumerate(self.names):
            for j, tested in enumerate(self.names):
                for kind, scores in (
                    ("model", self.target_scores),
                    ("dummy", self.dummy_target_scores),
                ):
                    rows[trained, tested, kind] = [
                        mean_and_std(column, digits) for column in scores[i, j].T
                    ]
        index = pd.MultiIndex.from_tuples(rows, names=["trained", "tested", "predictor"])
        return pd.DataFrame(list(rows.values()), index, self.target_names)

    def verdict(self) -> str:
        """Say what holds across suites.

        Returns
        -------
        str
            A sentence for each pair of suites, with the score of the suite's own model and that
            of the dummy beside it. The errors are standard deviations over the folds.
        """
        lines = []
        for i, trained in enumerate(self.names):
            for j, tested in enumerate(self.names):
                if i == j:
                    continue
                lines.append(
                    f"Trained on {trained} and tested on {tested}: {self.scoring} "
                    f"{mean_and_std(self.scores[i, j], 2)}; trained on {tested} itself "
                    f"{mean_and_std(self.scores[j, j], 2)}, without looking at maps "
                    f"{mean_and_std(self.dummy_scores[i, j], 2)}. "
                    f"{self._judge(i, j)}"
                )
        return "\n".join(lines)

    def _judge(self, i, j):
        """What the folds say of one pair, all of them or else nothing."""
        over_dummy = self.scores[i, j] - self.dummy_scores[i, j]
        if not np.isfinite(over_dummy).all():
            return "Some fits failed."
        every = f"in all {over_dummy.size} folds"
        if (over_dummy < 0).all():
            return f"This is worse than looking at no map, {every}: it does not transfer."
        if not (over_dummy > 0).all():
            return f"That is not above looking at no map {every}."
        if not (self.scores[i, j] > self.dummy_scores[j, j]).all():
            mean = mean_and_std(self.dummy_scores[j, j], 2)
            return (
                f"That is above what {self.names[i]} says without maps, {every}, but not above "
                f"what {self.names[j]} says without maps ({mean}): little that is of use transfers."
            )
        if (self.loss[i, j] > 0).all():
            return f"Part of it transfers: above looking at no map and below its own, {every}."
        return f"It transfers: above looking at no map {every}, and not always below its own."
