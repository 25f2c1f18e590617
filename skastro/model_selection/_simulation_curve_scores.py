"""Scores against the number of simulations, and what they say of more."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..utils import import_pandas
from ..utils._typing import ArrayLike, RandomState
from ._score_matrix import mean_and_std
from ._simulation_curve_law import fit_power_law

if TYPE_CHECKING:
    from pandas import DataFrame


_FAR = 10.0
_AT_MOST_ONE = ("accuracy", "balanced_accuracy", "explained_variance", "r2", "roc_auc", "d2", "f1")


class SimulationCurve:
    """Scores of models that were trained on more and more simulations.

    The error, which is what a score falls short of the best, is fitted by
    ``floor + amplitude * n**-exponent``, the form that learning curves of many models have [1]_.
    From this follow scores with more simulations, and how many a score needs, with intervals from
    resampled folds. They say what follows if the law goes on, and no more than that.

    Parameters
    ----------
    n_simulations : array-like of int, of shape (n_sizes,)
        Numbers of simulations trained on, rising.
    scores : array-like of shape (n_sizes, n_folds * n_repeats)
        Scores on the same test samples of each fold, greater is better; the repeats of a fold
        are side by side.
    dummy_scores : array-like of shape (n_folds,)
        Scores of what looks at no map, trained on all simulations of the fold.
    scoring : str, default="score"
        Name of the score.
    best_score : float, default=None
        The best score that there can be. None is 0 for names that begin with ``"neg_"`` and 1 for
        scores such as "r2" and "accuracy"; without it there is no law of other scores.
    n_repeats : int, default=1
        Random choices of simulations in each fold.
    n_bootstrap : int, default=1000
        Number of resamplings.
    confidence_level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed of the resampling.

    Attributes
    ----------
    law : PowerLaw or None
        The fitted law, with ``floor``, ``amplitude``, ``exponent``, and in ``problems`` why not to
        trust it. None where there is none.
    no_law : str
        Why there is no law.

    See Also
    --------
    simulation_curve : Makes one.

    References
    ----------
    .. [1] J. Hestness et al., "Deep Learning Scaling is Predictable, Empirically",
       arXiv:1712.00409 (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.model_selection import SimulationCurve
    >>> n = np.array([10, 20, 40, 80, 160])
    >>> folds = np.array([-0.004, -0.002, 0.0, 0.002, 0.004])
    >>> curve = SimulationCurve(n, (0.9 - 4 / n)[:, None] + folds, np.zeros(5), "r2")
    >>> low, expected, high = curve.extrapolate(320)
    >>> print(round(expected, 3))
    0.887
    >>> print(round(curve.needed(0.8)[1]))
    40
    """

    def __init__(
        self,
        n_simulations: ArrayLike,
        scores: ArrayLike,
        dummy_scores: ArrayLike,
        scoring: str = "score",
        *,
        best_score: float | None = None,
        n_repeats: int = 1,
        n_bootstrap: int = 1000,
        confidence_level: float = 0.95,
        random_state: RandomState = 0,
    ) -> None:
        self.n_simulations = np.asarray(n_simulations)
        self.scores = np.asarray(scores, dtype=np.float64)
        self.dummy_scores = np.asarray(dummy_scores, dtype=np.float64)
        self.scoring = scoring
        self.best_score = _best_score(scoring) if best_score is None else float(best_score)
        self.n_repeats = n_repeats
        self.confidence_level = confidence_level
        if self.best_score is None:
            self.law = None
            self.no_law = (
                f"the best value of the score {scoring!r} is not known; give it as best_score"
            )
        elif (self.scores > self.best_score).any():
            self.law = None
            self.no_law = (
                f"scores reach {np.nanmax(self.scores):.4g}, above {self.best_score:g} as the best "
                f"{scoring!r} that there can be; give it as best_score"
            )
        else:
            self.law, self.no_law = fit_power_law(
                self.n_simulations.astype(np.float64),
                self.best_score - self.scores,
                n_repeats,
                n_bootstrap,
                confidence_level,
                random_state,
            )

    def __repr__(self):
        n_sizes, n_draws = self.scores.shape
        return (
            f"SimulationCurve({n_sizes} sizes up to {self.n_simulations[-1]} simulations, "
            f"{n_draws // self.n_repeats} folds, scoring={self.scoring!r})"
        )

    def __str__(self):
        return self.verdict()

    @property
    def mean(self) -> np.ndarray:
        """Mean score at each size, an ndarray of shape (n_sizes,)."""
        return self.scores.mean(axis=1)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation over folds and repeats, an ndarray of shape (n_sizes,)."""
        return self.scores.std(axis=1)

    def extrapolate(
        self, n: ArrayLike
    ) -> tuple[float, float, float] | tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score with a number of simulations, if the law goes on.

        Parameters
        ----------
        n : float or array-like of float
            Numbers of simulations to train on.

        Returns
        -------
        low, median, high : float or ndarray
            Ends of the interval, and between them the score of the best fit.

        Raises
        ------
        ValueError
            If there is no law, or a number is not greater than zero.

        Warns
        -----
        UserWarning
            If the law is not to be trusted, or goes beyond ten times the most simulations.
        """
        self._check_law("extrapolate")
        sizes = np.asarray(n, dtype=np.float64)
        if not (np.isfinite(sizes) & (sizes > 0)).all():
            raise ValueError(
                f"The 'n' parameter of SimulationCurve.extrapolate must hold numbers of "
                f"simulations greater than 0. Got {n!r} instead."
            )
        self._warn(sizes.max())
        low, middle, high = self._interval(sizes)
        return (low, middle, high) if sizes.ndim else (float(low), float(middle), float(high))

    def needed(self, score: float) -> tuple[float, float, float]:
        """Number of simulations to train on that a score needs, if the law goes on.

        Parameters
        ----------
        score : float
            The score.

        Returns
        -------
        low, median, high : float
            Ends of the interval, and between them the number of the best fit. They are infinite
            where the law levels off below the score.

        Raises
        ------
        ValueError
            If there is no law, or the score is not below the best that there can be.

        Warns
        -----
        UserWarning
            If the law is not to be trusted, or a number lies beyond ten times the most
            simulations.
        """
        law = self._check_law("needed")
        if not score < self.best_score:
            raise ValueError(
                f"The 'score' parameter of SimulationCurve.needed must be less than "
                f"{self.best_score:g}, the best {self.scoring}. Got {score!r} instead."
            )
        found = law.needed(self.best_score - score)
        self._warn(max((n for n in found if np.isfinite(n)), default=0))
        return found

    def table(self, *, digits: int = 3) -> DataFrame:
        """Scores as a table.

        Parameters
        ----------
        digits : int, default=3
            Digits behind the point.

        Returns
        -------
        pandas.DataFrame
            Texts "mean +- standard deviation" over folds and repeats: a row for each number of
            simulations, and the last one for the dummy.

        Raises
        ------
        ImportError
            If pandas is absent.
        """
        pd = import_pandas("SimulationCurve.table")
        cells = [mean_and_std(row, digits) for row in self.scores]
        rows = dict(zip(self.n_simulations, cells, strict=True))
        rows["dummy"] = mean_and_std(self.dummy_scores, digits)
        index = pd.Index(list(rows), name="simulations")
        return pd.DataFrame({self.scoring: list(rows.values())}, index)

    def verdict(self, score: float | None = None) -> str:
        """Say what more simulations would bring.

        Parameters
        ----------
        score : float, default=None
            A score to reach. None is half way from the present score to where the law levels off.

        Returns
        -------
        str
            Sentences.
        """
        n = int(self.n_simulations[-1])
        level = f"{self.confidence_level:.0%}"
        present = (
            f"With {n} simulations {self.scoring} is {mean_and_std(self.scores[-1], 3)}; without "
            f"looking at maps it is {mean_and_std(self.dummy_scores, 3)}."
        )
        if self.law is None:
            return f"{present} What more would bring cannot be told: {self.no_law}."
        if self.law.problems:
            return (
                f"{present} What more would bring cannot be told: {'; '.join(self.law.problems)}."
            )
        low, middle, high = self._interval(2.0 * n)
        top = self._interval(np.inf)
        text = [
            present,
            f"{n} more, twice as many, would give {middle:.3f} ({low:.3f} to {high:.3f}, {level}).",
            f"The law levels off at {top[1]:.3f} ({top[0]:.3f} to {top[2]:.3f}).",
        ]
        if score is None:
            score = (self._interval(n)[1] + top[1]) / 2
            text.append(f"Half of the way there, {score:.3f},")
        else:
            text.append(f"A score of {score:.3f}")
        text.append(self._words_of_need(score, n))
        return " ".join(text)

    def _words_of_need(self, score, n):
        if score >= self.best_score:
            return "is as good as can be, which no number of simulations gives."
        low, middle, high = self.law.needed(self.best_score - score)
        if not np.isfinite(low):
            return "is out of reach, however many simulations: the law levels off below."
        if not np.isfinite(middle):
            return (
                f"lies above where the law levels off; it may need {_more(low, n)}, or be out of "
                f"reach."
            )
        words = f"needs {_more(middle, n)}"
        if np.isfinite(high):
            words += f" ({low:.3g} to {high:.3g} in all)."
        else:
            share = 1 - self.law.reaches(self.best_score - score)
            words += (
                f" ({low:.3g} or more in all); it may be out of reach, as in {share:.0%} of the "
                f"resamplings."
            )
        if middle > _FAR * n:
            words += f" That is beyond {_FAR:g} times the data, where no law is safe."
        return words

    def _interval(self, n):
        return self.best_score - self.law.error(n)[::-1]

    def _check_law(self, method):
        if self.law is None:
            raise ValueError(
                f"SimulationCurve.{method} needs a fitted law, and there is none: {self.no_law}."
            )
        return self.law

    def _warn(self, n):
        problems = list(self.law.problems)
        if n > _FAR * self.n_simulations[-1]:
            problems.append(
                f"{n:.3g} simulations are more than {_FAR:g} times the {self.n_simulations[-1]} "
                f"that were trained on"
            )
        if problems:
            warnings.warn(
                f"The law of SimulationCurve is no safe forecast here: {'; '.join(problems)}.",
                UserWarning,
                stacklevel=3,
            )


def _best_score(scoring):
    if scoring.startswith("neg_"):
        return 0.0
    return 1.0 if scoring.startswith(_AT_MOST_ONE) else None


def _more(needed, n):
    """Words for a number of simulations, of which there are n."""
    if needed <= n:
        return f"{needed:.3g} simulations, which are there"
    return f"{needed:.3g} simulations to train on, {needed - n:.3g} more than now"
