"""Scores for each pair of what was trained on and what was tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..utils import import_pandas

if TYPE_CHECKING:
    from pandas import DataFrame


class ScoreMatrix:
    """Scores by rows of training and columns of testing, over folds.

    Subclasses have the attributes `scores` of shape (n_train, n_test, n_folds), `train_names`,
    `test_names` and `scoring`, and say what the rows of dummies are.
    """

    scores: np.ndarray
    train_names: list[str]
    test_names: list[str]
    scoring: str

    def _dummy_rows(self):
        """Names of rows for dummies, with scores that broadcast to (n_test, n_folds)."""
        raise NotImplementedError

    @property
    def mean(self) -> np.ndarray:
        """Mean score over the folds, an ndarray of shape (n_train, n_test)."""
        return self.scores.mean(axis=2)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation over the folds, as a search has it, of shape (n_train, n_test)."""
        return self.scores.std(axis=2)

    def table(self, *, tidy: bool = False, digits: int = 3) -> DataFrame:
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
            Texts "mean +- standard deviation" over the folds: a row for each training, the last
            ones for dummies, a column for each testing. With ``tidy=True`` columns "trained",
            "tested", "fold" and that of the score.

        Raises
        ------
        ImportError
            If pandas is absent.
        """
        pd = import_pandas(f"{type(self).__name__}.table")
        dummies = self._dummy_rows()
        shape = self.scores.shape[1:]
        rows = [*self.scores, *(np.broadcast_to(row, shape) for row in dummies.values())]
        scores, names = np.stack(rows), [*self.train_names, *dummies]
        if tidy:
            index = pd.MultiIndex.from_product(
                [names, self.test_names, range(scores.shape[2])],
                names=["trained", "tested", "fold"],
            )
            return pd.DataFrame({self.scoring: scores.ravel()}, index=index).reset_index()
        cells = [[mean_and_std(cell, digits) for cell in row] for row in scores]
        index = pd.Index(names, name="trained")
        return pd.DataFrame(cells, index, pd.Index(self.test_names, name="tested"))


def mean_and_std(scores, digits):
    """Mean and standard deviation as text.

    Parameters
    ----------
    scores : array-like of float
        Scores of the folds.
    digits : int
        Digits behind the point.

    Returns
    -------
    str
        Such as "0.310 +- 0.020".
    """
    mean = round(float(np.mean(scores)), digits) + 0.0  # without the sign of a zero
    return f"{mean:.{digits}f} +- {np.std(scores):.{digits}f}"
