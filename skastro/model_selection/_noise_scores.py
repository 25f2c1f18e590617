"""Scores for levels of noise in training and in testing."""

import numpy as np
from sklearn.base import BaseEstimator

from ._score_matrix import ScoreMatrix


class NoiseMatrix(ScoreMatrix):
    """Scores for each pair of a level of noise in training and one in testing.

    Parameters
    ----------
    scores : ndarray of shape (n_train, n_test, n_folds)
        Scores, greater is better.
    dummy_scores : ndarray of shape (n_folds,)
        Scores of what looks at no map, for which noise does not matter.
    train_names, test_names : list of str
        Names of the levels.
    scoring : str, default="score"
        Name of the score.
    unit : str, default=None
        Unit of the maps, if it was given.
    estimators : list of list of estimator, default=None
        The fitted estimators, by training level and fold, if they were asked for.

    See Also
    --------
    noise_matrix : Makes one.
    """

    def __init__(
        self,
        scores: np.ndarray,
        dummy_scores: np.ndarray,
        train_names: list[str],
        test_names: list[str],
        scoring: str = "score",
        unit: str | None = None,
        estimators: list[list[BaseEstimator]] | None = None,
    ) -> None:
        self.scores = scores
        self.dummy_scores = dummy_scores
        self.train_names = train_names
        self.test_names = test_names
        self.scoring = scoring
        self.unit = unit
        self.estimators = estimators

    def __repr__(self):
        n_train, n_test, n_folds = self.scores.shape
        return (
            f"NoiseMatrix({n_train} levels in training, {n_test} in testing, {n_folds} folds, "
            f"scoring={self.scoring!r})"
        )

    def _dummy_rows(self):
        return {"dummy": self.dummy_scores}
