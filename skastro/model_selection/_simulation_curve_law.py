"""A power law of the error against the number of simulations, with its uncertainty."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student

_EXPONENTS = 0.05, 3.0
_N_EXPONENTS = 60
_ZOOMS = 3
_LEAST_SIZES = 4
_LEAST_FOLDS = 3
_NO_TREND = 0.05
_MISFIT = 4.0
_ROUNDING = 1e-9


@dataclass
class PowerLaw:
    """Errors ``floor + amplitude * n**-exponent``, of the best fit and of resampled folds.

    Attributes
    ----------
    floor, amplitude, exponent : float
        The best fit, none of them negative.
    draws : ndarray of shape (n_draws, 3)
        The same three of each resampling.
    confidence_level : float
        Level of the intervals.
    problems : list of str
        Why the law should not be trusted, if so.
    """

    floor: float
    amplitude: float
    exponent: float
    draws: np.ndarray
    confidence_level: float
    problems: list

    def error(self, n):
        """Interval of the error at numbers of simulations.

        Parameters
        ----------
        n : array-like of float
            Numbers of simulations.

        Returns
        -------
        ndarray of shape (3, *n.shape)
            Lower end, value of the best fit, upper end.
        """
        n = np.asarray(n, dtype=np.float64)
        floor, amplitude, exponent = self.draws.T.reshape(3, -1, *[1] * n.ndim)
        drawn = floor + amplitude * n**-exponent
        best = self.floor + self.amplitude * n**-self.exponent
        low, high = np.quantile(drawn, self._tails(), axis=0)
        return np.stack([np.minimum(low, best), best, np.maximum(high, best)])

    def needed(self, error):
        """Interval of the number of simulations that brings the error down to a value.

        Parameters
        ----------
        error : float
            The error.

        Returns
        -------
        tuple of float
            Lower end, value of the best fit, upper end; infinite where the floor lies above.
        """
        drawn = _inverse(error, *self.draws.T)
        best = float(_inverse(error, self.floor, self.amplitude, self.exponent))
        low, high = np.quantile(drawn, self._tails(), method="inverted_cdf")
        return min(float(low), best), best, max(float(high), best)

    def reaches(self, error):
        """Share of the resamplings whose floor lies below an error.

        Parameters
        ----------
        error : float
            The error.

        Returns
        -------
        float
            From 0 to 1.
        """
        return float(np.isfinite(_inverse(error, *self.draws.T)).mean())

    def _tails(self):
        return (1 - self.confidence_level) / 2, (1 + self.confidence_level) / 2


def _inverse(error, floor, amplitude, exponent):
    """Number of simulations at an error, 0 where there is no need of any, else infinite."""
    above = np.asarray(error - floor)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(above > 0, (amplitude / above) ** (1 / exponent), np.inf)


def fit_power_law(n, errors, n_repeats, n_bootstrap, confidence_level, random_state):
    """Fit a power law with a floor to errors.

    Mean errors are weighted by their scatter over the folds. For intervals, folds and the draws
    in each are resampled together with all their sizes; deviations are widened as Student's t
    asks for so few folds, and since folds have most of their simulations to train on in common,
    by the correction of Nadeau & Bengio (Machine Learning 52, 239, 2003).

    Parameters
    ----------
    n : ndarray of shape (n_sizes,)
        Numbers of simulations.
    errors : ndarray of shape (n_sizes, n_folds * n_repeats)
        Errors, the repeats of a fold side by side.
    n_repeats : int
        Draws in each fold.
    n_bootstrap : int
        Number of resamplings.
    confidence_level : float
        Level of the intervals.
    random_state : int
        Seed of the resampling.

    Returns
    -------
    law : PowerLaw or None
        The fit; None where there is too little to fit.
    reason : str
        Why there is none.
    """
    by_fold = errors.reshape(len(n), -1, n_repeats)
    by_fold = by_fold[:, np.isfinite(by_fold).all(axis=(0, 2))]
    n_folds = by_fold.shape[1]
    if len(n) < _LEAST_SIZES:
        return None, (
            f"a power law has three numbers to fit, which takes {_LEAST_SIZES} sizes or more, and "
            f"there are {len(n)}"
        )
    if n_folds < _LEAST_FOLDS:
        return None, (
            f"its uncertainty takes {_LEAST_FOLDS} folds or more in which no fit failed, and there "
            f"are {n_folds}"
        )
    mean = by_fold.mean(axis=(1, 2))
    scatter = by_fold.mean(axis=2).std(axis=1, ddof=1) / np.sqrt(n_folds)
    known = scatter.max() > _ROUNDING * np.abs(mean).max()
    scatter = np.maximum(scatter, 0.25 * np.median(scatter)) if known else np.ones(len(n))
    weights = 1 / scatter**2
    best = _least_squares(n, mean[np.newaxis], weights)[0]

    rng = np.random.default_rng(random_state)
    folds = rng.integers(n_folds, size=(n_bootstrap, n_folds, 1))
    repeats = rng.integers(n_repeats, size=(n_bootstrap, n_folds, n_repeats))
    resampled = by_fold[:, folds, repeats].mean(axis=(2, 3)).T
    level = (1 + confidence_level) / 2
    widened = student.ppf(level, n_folds - 1) / NormalDist().inv_cdf(level)
    widened *= np.sqrt(n_folds / (n_folds - 1))
    rises = _least_squares(n, mean + widened * (resampled - mean), weights)
    overlap = np.sqrt(1 + n_folds / (n_folds - 1))  # of tested to trained in a fold: 1 / (k - 1)
    draws = _least_squares(n, mean + overlap * widened * (resampled - mean), weights)

    law = PowerLaw(*best.tolist(), draws, confidence_level, [])
    misfit = weights @ (mean - law.error(n)[1]) ** 2 / max(len(n) - 3, 1)
    slope = by_fold.mean(axis=2)
    fall = widened * (slope[0] - slope[-1]).std(ddof=1) / np.sqrt(n_folds)
    if known and misfit > _MISFIT:
        law.problems.append(
            f"the scores do not follow a power law (reduced chi squared {misfit:.1f})"
        )
    level_share = np.mean(rises[:, 1] * (n[0] ** -rises[:, 2] - n[-1] ** -rises[:, 2]) <= 0)
    if (slope[0] - slope[-1]).mean() <= 2 * fall or level_share > _NO_TREND:
        law.problems.append("the scores do not rise beyond their scatter")
    elif not _EXPONENTS[0] * 1.01 < law.exponent < _EXPONENTS[1] * 0.99:
        law.problems.append(
            f"the exponent lies at the bound {law.exponent:.2g} of what is looked for"
        )
    return law, ""


def _least_squares(n, errors, weights):
    """Fit floor, amplitude and exponent to each row of errors, none of them negative.

    For each exponent the other two follow from linear equations, so the best one is looked for
    on a grid that closes in on it.

    Parameters
    ----------
    n : ndarray of shape (n_sizes,)
        Numbers of simulations.
    errors : ndarray of shape (n_fits, n_sizes)
        Errors.
    weights : ndarray of shape (n_sizes,)
        Weights of their squared deviations.

    Returns
    -------
    ndarray of shape (n_fits, 3)
        Floor, amplitude and exponent.
    """
    low, high = (np.full(len(errors), np.log(end)) for end in _EXPONENTS)
    for _ in range(_ZOOMS):
        grid = np.linspace(low, high, _N_EXPONENTS, axis=1)
        found = _linear(n, errors, weights, np.exp(grid))
        best = found[..., 2].argmin(axis=1)
        rows = np.arange(len(errors))
        low, high = (grid[rows, np.clip(best + step, 0, _N_EXPONENTS - 1)] for step in (-1, 1))
    floor, amplitude, _ = found[rows, best].T
    return np.stack([floor, amplitude, np.exp(grid[rows, best])], axis=1)


def _linear(n, errors, weights, exponents):
    """Best floor and amplitude, and their chi squared, for each row and exponent."""
    # Relative to the middle of the sizes, powers neither vanish nor run over.
    scale = np.exp(np.log(n).mean())
    powers = (n / scale) ** -exponents[..., np.newaxis]
    y = errors[:, np.newaxis]
    s, sx, sy = weights.sum(), powers @ weights, y @ weights
    sxx, sxy = powers**2 @ weights, (powers * y) @ weights
    determinant = np.maximum(s * sxx - sx**2, 1e-300)
    floor, amplitude = (sxx * sy - sx * sxy) / determinant, (s * sxy - sx * sy) / determinant
    # Where one is negative the best lies on the edge.
    on_edge = (floor < 0, amplitude < 0)
    amplitude = np.where(on_edge[0], sxy / sxx, amplitude)
    floor = np.where(on_edge[0], 0.0, floor)
    floor = np.where(on_edge[1], sy / s, floor)
    amplitude = np.where(on_edge[1], 0.0, amplitude)
    floor, amplitude = np.maximum(floor, 0.0), np.maximum(amplitude, 0.0)
    left = y - floor[..., np.newaxis] - amplitude[..., np.newaxis] * powers
    return np.stack([floor, amplitude * scale**exponents, left**2 @ weights], axis=-1)
