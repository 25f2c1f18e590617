"""Fisher information of a summary, from simulations, and its share of what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..utils import import_pandas

if TYPE_CHECKING:
    from pandas import DataFrame


_N_BLOCKS = 50
# Correlated directions whose variance is below this share are rounding errors.
_LEAST_EIGENVALUE = 1e-10


class InformationFraction(NamedTuple):
    """How much of the Fisher information an estimator extracts.

    Attributes
    ----------
    fraction : ndarray of shape (n_parameters,)
        For each parameter, the least variance that an estimate without bias can have, with all
        of `parameter_names` unknown, over that of the best estimate from the predictions: mean
        over the fiducial points. 1 is all there is, 0 nothing.
    fraction_std : ndarray of shape (n_parameters,)
        Standard error of each, by the jackknife over simulations.
    total : float
        The root of order n_parameters of the ratio of the determinants of the two matrices.
    total_std : float
        Its standard error.
    fisher : ndarray of shape (n_fiducials, n_parameters, n_parameters)
        Fisher information of a map.
    estimated_fisher : ndarray of shape (n_fiducials, n_parameters, n_parameters)
        That of the predictions.
    fiducial : ndarray of shape (n_fiducials, n_parameters_of_the_fields)
        Where they were taken.
    parameter_names : list of str
        Names of the parameters.
    """

    fraction: np.ndarray
    fraction_std: np.ndarray
    total: float
    total_std: float
    fisher: np.ndarray
    estimated_fisher: np.ndarray
    fiducial: np.ndarray
    parameter_names: list[str]

    def table(self) -> DataFrame:
        """Tabulate the fractions.

        Returns
        -------
        pandas.DataFrame
            A row for each parameter and one named "total", with the columns `fraction` and
            `fraction_std`, and the standard errors ``error`` of the best estimate from the
            predictions and ``least_error`` of the best from a map, root mean squares over the
            fiducial points. A parameter about which predictions tell nothing has the
            error infinity; "total" has none.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pd = import_pandas("InformationFraction.table")
        with np.errstate(divide="ignore"):
            errors = [
                np.sqrt((1 / marginal_information(matrices)).mean(0))
                for matrices in (self.estimated_fisher, self.fisher)
            ]
        columns = {
            "fraction": [*self.fraction, self.total],
            "fraction_std": [*self.fraction_std, self.total_std],
            "error": [*errors[0], np.nan],
            "least_error": [*errors[1], np.nan],
        }
        return pd.DataFrame(columns, index=[*self.parameter_names, "total"])


def marginal_information(fisher):
    """Inverse variance of each parameter where none is known.

    Parameters
    ----------
    fisher : ndarray of shape (n, n_parameters, n_parameters)
        Information matrices, maybe singular.

    Returns
    -------
    ndarray of shape (n, n_parameters)
        Zero or more; zero for a parameter that cannot be told from others.
    """
    found = np.empty(fisher.shape[:2])
    for matrix, row in zip(fisher, found, strict=True):
        for a in range(len(row)):
            others = np.arange(len(row)) != a
            cross = matrix[a, others]
            inverse = np.linalg.pinv(matrix[np.ix_(others, others)], hermitian=True)
            row[a] = matrix[a, a] - cross @ inverse @ cross
    return np.maximum(found, 0.0)


def information_from_score(summaries, score, fisher):
    """Fisher information of summaries, from their covariance with the score.

    Parameters
    ----------
    summaries : ndarray of shape (n, n_summaries)
        Summaries at the fiducial.
    score : ndarray of shape (n, n_parameters)
        Gradients of the logarithm of the likelihood of the same maps.
    fisher : ndarray of shape (n_parameters, n_parameters)
        Information of a map.

    Returns
    -------
    estimate : ndarray of shape (n_parameters, n_parameters)
        The matrix, positive semidefinite.
    left_out : ndarray of shape (n_blocks, n_parameters, n_parameters)
        The same without each of the blocks of simulations.
    """
    (summaries,) = _standardized(summaries)
    root = _power(fisher, 0.5)

    def estimate(rows):
        explained, n_kept = _whitened(summaries[rows])
        if not n_kept:
            return np.zeros_like(fisher)
        n_samples = len(explained)
        centred = score[rows] - score[rows].mean(axis=0)
        covariance = centred.T @ centred / (n_samples - 1)
        left = centred - explained @ (explained.T @ centred) / (n_samples - 1)
        whiten = _power(covariance, -0.5)
        unexplained = whiten @ (left.T @ left / (n_samples - 1 - n_kept)) @ whiten
        return root @ _power(np.eye(len(fisher)) - unexplained, 1.0) @ root

    return _with_jackknife(estimate, len(summaries))


def information_from_differences(summaries, derivatives):
    """Fisher information of summaries, from their derivatives and their covariance.

    Parameters
    ----------
    summaries : ndarray of shape (n, n_summaries)
        Summaries at the fiducial.
    derivatives : ndarray of shape (n, n_parameters, n_summaries)
        Derivatives by each parameter, with the same random numbers.

    Returns
    -------
    estimate : ndarray of shape (n_parameters, n_parameters)
        The matrix, positive semidefinite.
    left_out : ndarray of shape (n_blocks, n_parameters, n_parameters)
        The same without each of the blocks of simulations.
    """
    summaries, derivatives = _standardized(summaries, derivatives)

    def estimate(rows):
        values, vectors = _components(summaries[rows])
        whitened = derivatives[rows] @ (vectors / np.sqrt(values))
        n_samples, mean = len(whitened), whitened.mean(axis=0)
        noise = whitened - mean
        # The mean of squared estimates exceeds the square of their mean by their variance.
        excess = np.einsum("nas,nbs->ab", noise, noise) / (n_samples * (n_samples - 1))
        unbiased = (n_samples - len(values) - 2) / (n_samples - 1)
        return _power(unbiased * (mean @ mean.T - excess), 1.0)

    return _with_jackknife(estimate, len(summaries))


def _standardized(summaries, *others):
    """Summaries of unit variance; those that do not vary are left out."""
    spread = summaries.std(axis=0)
    varies = spread > 1e-7 * np.abs(summaries).max(axis=0, initial=0.0)
    scale = spread[varies]
    centred = summaries[:, varies] - summaries[:, varies].mean(axis=0)
    return [centred / scale, *(other[..., varies] / scale for other in others)]


def _components(summaries):
    """Variances and directions of the principal components that are no rounding errors."""
    n_summaries = summaries.shape[1]
    if not n_summaries:
        return np.empty(0), np.empty((0, 0))
    values, vectors = np.linalg.eigh(np.cov(summaries.T).reshape(n_summaries, n_summaries))
    kept = values > _LEAST_EIGENVALUE * values[-1]
    return values[kept], vectors[:, kept]


def _whitened(summaries):
    """Summaries of mean zero and unit covariance, and how many are left."""
    values, vectors = _components(summaries)
    return (summaries - summaries.mean(axis=0)) @ (vectors / np.sqrt(values)), len(values)


def _power(matrix, exponent):
    """Power of a symmetric matrix, of its eigenvalues above zero alone."""
    values, vectors = np.linalg.eigh(matrix)
    above = values > 0
    values, vectors = values[above], vectors[:, above]
    return (vectors * values**exponent) @ vectors.T


def _with_jackknife(estimate, n_samples):
    """An estimate from all simulations, and those without one block of them each."""
    rows = np.arange(n_samples)
    blocks = np.array_split(rows, min(_N_BLOCKS, n_samples))
    return estimate(rows), np.stack([estimate(np.delete(rows, block)) for block in blocks])


def score_information(names, fiducial, fisher, estimates):
    """Bring information matrices to fractions with their errors.

    Parameters
    ----------
    names : list of str
        Names of the parameters.
    fiducial : ndarray of shape (n_fiducials, n_parameters_of_the_fields)
        Where the matrices were taken.
    fisher : ndarray of shape (n_fiducials, n_parameters, n_parameters)
        Information of a map.
    estimates : list of tuple of ndarray
        Estimates and jackknife samples, one pair for each fiducial point.

    Returns
    -------
    InformationFraction
        The scores.
    """
    estimated = np.stack([estimate for estimate, _ in estimates])
    marginal, total = _shares(estimated, fisher)
    errors = [
        _jackknife_variance(*_shares(left_out, np.repeat(bound[None], len(left_out), axis=0)))
        for (_, left_out), bound in zip(estimates, fisher, strict=True)
    ]
    fraction_std, total_std = (
        np.sqrt(np.sum(parts, axis=0)) / len(errors) for parts in zip(*errors, strict=True)
    )
    return InformationFraction(
        marginal.mean(0),
        fraction_std,
        float(total.mean()),
        float(total_std),
        fisher,
        estimated,
        fiducial,
        names,
    )


def _shares(estimated, fisher):
    marginal = marginal_information(estimated) / marginal_information(fisher)
    ratio = np.linalg.det(estimated) / np.linalg.det(fisher)
    return marginal, np.maximum(ratio, 0.0) ** (1 / fisher.shape[-1])


def _jackknife_variance(*samples):
    """Variance of each statistic, from its values without one block at a time."""
    n_blocks = len(samples[0])
    return [(n_blocks - 1) * sample.var(axis=0) for sample in samples]
