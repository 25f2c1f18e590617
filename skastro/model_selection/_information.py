"""Which share of the information in maps an estimator extracts."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ..datasets._checks import message
from ..simulation import make_gaussian_fields
from ..utils._modes import floats
from ..utils._seeds import seed_entropy
from ..utils._typing import ArrayLike, RandomState
from ._information_scores import (
    InformationFraction,
    information_from_differences,
    information_from_score,
    score_information,
)

_OWNER = "information_fraction"


def information_fraction(
    estimator: BaseEstimator,
    *,
    make_fields: Callable[..., Bunch] = make_gaussian_fields,
    shape: tuple[int, ...] | None = None,
    fiducial: ArrayLike | None = None,
    parameters: Sequence[str] | None = None,
    step: float | None = None,
    n_samples: int = 2000,
    random_state: RandomState = 0,
) -> InformationFraction:
    r"""Measure which share of the Fisher information of maps an estimator extracts.

    The predictions t of a fitted estimator are taken as summaries of maps whose Fisher
    information F about their parameters is known. With C their covariance over maps at a fiducial
    point and :math:`D_a = \partial\langle t\rangle/\partial\theta_a`, the best linear estimate
    from them has the inverse covariance [1]_ [2]_

    .. math:: F^t_{ab} = D_a^T C^{-1} D_b,

    and :math:`F^t \le F` by the inequality of Cramer and Rao [3]_, whatever the estimator.

    An R2 or a mean squared error depends on the range of the truths; this share does not. Nor
    does it change where the predictions are multiplied, shifted or mixed by any invertible
    matrix A, as D becomes A D and C becomes A C A^T: so a network that shrinks its predictions
    towards the mean of the training set, as every minimum of the squared error does, loses
    nothing by that.

    Parameters
    ----------
    estimator : estimator
        Fitted; `predict`, or `transform` where it has no `predict`, gives numbers for each
        map, as many as there are parameters or more. A statistic such as `PowerSpectrum` may be
        given as well.
    make_fields : callable, default=make_gaussian_fields
        Called with ``n_samples``, ``target`` and ``random_state``, returns a Bunch with
        `maps`, `fisher`, `parameter_ranges`, `target_names` and maybe `score`, as
        `make_gaussian_fields` does. Other settings than its defaults are given by
        ``functools.partial``.
    shape : tuple of int, default=None
        Cells along each axis, given to `make_fields`. None leaves it at its default.
    fiducial : array-like of shape (n_parameters,) or (n_fiducials, n_parameters), default=None
        Where to take the information; of several points the mean share is returned. None
        is the middle of the ranges.
    parameters : sequence of str, default=None
        Names of the parameters that are unknown, the others being known to the estimate; those
        for which the estimator was trained, where that is not all. None takes all.
    step : float, default=None
        None takes the derivatives from the scores of the fields, where they have any. A
        number takes them from maps a step above and below in each parameter, with the same
        random numbers: the step in units of the least standard error when all other parameters
        are known. Fields without scores need one.
    n_samples : int, default=2000
        Maps to simulate at each fiducial point; with `step` as many again for each parameter,
        above and below.
    random_state : int, RandomState instance or None, default=0
        Seed of the maps. Take another than that of the training set.

    Returns
    -------
    InformationFraction
        `fraction` and `fraction_std` of each parameter, `total` and `total_std`, the matrices
        `fisher` and `estimated_fisher`, and ``table()``.

    Raises
    ------
    ValueError
        If a parameter has none of its allowed values, or the estimator predicts fewer
        numbers than there are parameters, or numbers that are not finite.

    Notes
    -----
    The derivative of a mean is a covariance, :math:`D_a = {\rm Cov}(t, s_a)`, with the score
    :math:`s_a = \partial \ln L / \partial \theta_a` of a map. So :math:`F^t` is that part of the
    covariance F of the scores which a linear function of t explains, and the share is estimated
    as a matrix in place of the R2 of this regression, adjusted for the number of predictions.
    It never exceeds one, and near one its error is small.

    With `step`, C is inverted with the factor of Hartlap et al. [4]_, and the variance of the mean
    derivatives, known from their scatter among simulations, is subtracted from their squares.
    The relative error is about the root of 2 / `n_samples`, and may bring a share above one.

    References
    ----------
    .. [1] A. F. Heavens, R. Jimenez, O. Lahav, "Massive lossless data compression and multiple
       parameter estimation from galaxy spectra", MNRAS 317, 965 (2000).
    .. [2] J. Alsing, B. Wandelt, "Generalized massive optimal data compression", MNRAS 476,
       L60 (2018).
    .. [3] M. Tegmark, A. N. Taylor, A. F. Heavens, "Karhunen-Loeve eigenvalue problems in
       cosmology: how should we tackle large data sets?", ApJ 480, 22 (1997).
    .. [4] J. Hartlap, P. Simon, P. Schneider, "Why your model parameter confidences might be
       too optimistic", A&A 464, 399 (2007).

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skastro.model_selection import information_fraction
    >>> from skastro.simulation import make_gaussian_fields
    >>> from skastro.statistics import PowerSpectrum
    >>> data = make_gaussian_fields(500, (16, 16))
    >>> spectrum = PowerSpectrum(k_range=(None, float("inf")), log=True)
    >>> model = make_pipeline(spectrum, Ridge(0.01)).fit(data.maps, data.target)
    >>> found = information_fraction(model, shape=(16, 16), n_samples=500, random_state=1)
    >>> bool((found.fraction > 0.8).all())
    True
    """
    options = {} if shape is None else {"shape": shape}
    _check_n_samples(n_samples)
    seeds = np.random.SeedSequence(seed_entropy(_OWNER, random_state))
    example = make_fields(n_samples=1, random_state=0, **options)
    _check_step(step, example)
    names, rows = _unknown(parameters, list(example.target_names))
    points = _points(fiducial, np.asarray(example.parameter_ranges))
    bounds, estimates = [], []
    for point, seed in zip(points, seeds.generate_state(len(points)).tolist(), strict=True):

        def simulate(theta, seed=seed):
            target = np.broadcast_to(theta, (n_samples, len(theta)))
            return make_fields(n_samples=n_samples, target=target, random_state=seed, **options)

        data = simulate(point)
        fisher = np.asarray(data.fisher[0])
        bound = fisher[np.ix_(rows, rows)]
        summaries = _summaries(estimator, data.maps, n_rows=len(rows))
        if step is None:
            found = information_from_score(summaries, np.asarray(data.score)[:, rows], bound)
        else:
            derivatives = []
            for row in rows:
                shift = np.zeros(len(point))
                shift[row] = step / np.sqrt(fisher[row, row])
                above, below = (
                    _summaries(estimator, simulate(theta).maps, n_rows=len(rows))
                    for theta in (point + shift, point - shift)
                )
                derivatives.append((above - below) / (2 * shift[row]))
            found = information_from_differences(summaries, np.stack(derivatives, axis=1))
        bounds.append(bound)
        estimates.append(found)
    return score_information(names, points, np.stack(bounds), estimates)


def _check_n_samples(n_samples):
    if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 20:
        raise ValueError(message(_OWNER, "n_samples", "an integer of at least 20", n_samples))


def _check_step(step, example):
    if step is None and "score" in example:
        return
    if not isinstance(step, Real) or not 0 < step < np.inf:
        allowed = "a number above zero" + (", or None" if "score" in example else "")
        remedy = "" if "score" in example else " The fields have no 'score': give 1.0, for example."
        raise ValueError(message(_OWNER, "step", allowed, step) + remedy)


def _unknown(parameters, available):
    """Names and positions of the parameters that are not known."""
    names = available if parameters is None else [parameters]
    if not isinstance(parameters, str) and np.iterable(parameters):
        names = list(parameters)
    if not names or len(set(names)) < len(names) or not set(names) <= set(available):
        allowed = f"None, or some of {available}, each once"
        raise ValueError(message(_OWNER, "parameters", allowed, parameters))
    return names, [available.index(name) for name in names]


def _points(fiducial, ranges):
    if fiducial is None:
        return ranges.mean(axis=1)[np.newaxis]
    points = np.atleast_2d(floats(fiducial))
    if points.ndim != 2 or points.shape[1] != len(ranges) or not np.isfinite(points).all():
        allowed = f"None, or one or several points of {len(ranges)} finite numbers each"
        raise ValueError(message(_OWNER, "fiducial", allowed, fiducial))
    return points


def _summaries(estimator, maps, n_rows):
    """Predictions for maps, as an array of shape (n, n_outputs)."""
    method = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    found = np.asarray(method(maps), dtype=np.float64).reshape(len(maps), -1)
    if not np.isfinite(found).all():
        raise ValueError(
            f"The predictions of {type(estimator).__name__} hold NaN or infinity, of which "
            f"{_OWNER} can tell nothing. Check the estimator, and the maps it was fitted on."
        )
    if found.shape[1] < n_rows:
        raise ValueError(
            f"{type(estimator).__name__} predicts {found.shape[1]} number(s) for each map, which "
            f"cannot tell {n_rows} parameters apart. Name those it was trained for in the "
            f"'parameters' parameter of {_OWNER}."
        )
    if len(maps) < found.shape[1] + 10:
        raise ValueError(
            message(
                _OWNER,
                "n_samples",
                f"at least {found.shape[1] + 10}, ten more than the numbers predicted for each map",
                len(maps),
            )
        )
    return found
