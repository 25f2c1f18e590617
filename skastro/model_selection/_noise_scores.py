"""Scores for levels of noise in training and in testing."""

import numpy as np


class NoiseMatrix:
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
        scores,
        dummy_scores,
        train_names,
        test_names,
        scoring="score",
        unit=None,
        estimators=None,
    ):
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

    @property
    def mean(self):
        """Mean score over the folds, an ndarray of shape (n_train, n_test)."""
        return self.scores.mean(axis=2)

    @property
    def std(self):
        """Standard deviation over the folds, as a search has it, of shape (n_train, n_test)."""
        return self.scores.std(axis=2)

    def table(self, *, tidy=False, digits=3):
        """Scores as a table.

        Parameters
        ----------
        tidy : bool, default=False
            Whether each score has a row of its own, for pandas and seaborn.
        digits : int, default=3
            Digits behind the point, in a table that is not tidy.

        Returns
        -------
        pandas.DataFrame
            Texts "mean +- standard deviation" over the folds: a row for each level in training,
            the last one for the dummy, a column for each level in testing. With ``tidy=True``
            columns "trained", "tested", "fold" and that of the score.

        Raises
        ------
        ImportError
            If pandas is absent.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "NoiseMatrix.table needs pandas: pip install 'skastro[plot]'."
            ) from error

        dummy = np.broadcast_to(self.dummy_scores, (1, *self.scores.shape[1:]))
        scores, names = np.concatenate([self.scores, dummy]), [*self.train_names, "dummy"]
        if tidy:
            rows = pd.MultiIndex.from_product(
                [names, self.test_names, range(scores.shape[2])],
                names=["trained", "tested", "fold"],
            )
            return pd.DataFrame({self.scoring: scores.ravel()}, index=rows).reset_index()
        cells = [
            [f"{np.mean(cell):.{digits}f} +- {np.std(cell):.{digits}f}" for cell in row]
            for row in scores
        ]
        rows = pd.Index(names, name="trained")
        return pd.DataFrame(cells, rows, pd.Index(self.test_names, name="tested"))
