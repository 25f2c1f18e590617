"""Intervals that hold the truth as often as they say, for simulations that were never seen."""

from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ..utils._params import Options
from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._conformal_base import CalibratedRegressor, in_columns
from ._conformal_quantile import check_level, group_quantile, warn_of_few_groups
from ._predicts_std import check_return_std, predicts_std


class ConformalRegressor(CalibratedRegressor):
    r"""Intervals of a confidence level around the predictions of any regressor.

    Split conformal prediction: a share of the simulations is set aside, the regressor is fitted
    on the others, and how far off it is on the simulations that it has not seen sets the widths
    of the intervals. Whatever the regressor and the distribution of its errors, intervals of
    level :math:`1-\alpha` then hold the truth of a new map with a probability of at least
    :math:`1-\alpha`, if its simulation is drawn as those of the fit were.

    With groups it is simulations that are drawn alike, not maps: maps of one simulation share
    their errors, and counting each of them as a piece of evidence of its own would not do.
    Calibration is therefore hierarchical [1]_ [2]_: of K groups set aside, each has the mass
    1 / (K + 1), split evenly among its samples, and the width of the intervals is the least
    score with the mass :math:`1-\alpha` at or below it. Without groups each sample is a group
    of its own, and this is the ordinary split conformal prediction [3]_.

    Parameters
    ----------
    estimator : regressor, default=None
        A net, an ensemble, a pipeline or any other regressor; None is
        ``CNNRegressor(loss="gaussian_nll")``. One that is fitted already is given as
        ``sklearn.frozen.FrozenEstimator(regressor)``: all samples of `fit` then calibrate, and
        none of them, nor of their simulations, may have trained it.
    confidence_level : float, default=0.9
        Probability of an interval to hold the truth, between 0 and 1. Intervals are finite
        where there are at least ``confidence_level / (1 - confidence_level)`` groups to
        calibrate on: 9 for 0.9, 19 for 0.95.
    calibration_fraction : float, default=0.25
        Share of the groups, or of the samples where there are no groups, to set aside, rounded
        up.
    joint : bool, default=False
        With several targets, False gives each its own interval of the level; True gives a box
        that holds all targets at once with the probability `confidence_level`.
    normalize : bool or "auto", default="auto"
        Whether widths follow the standard deviation that the estimator predicts for a map.
        "auto" is True where it learned standard deviations, by the loss "gaussian_nll" or
        "moments" of a net or as Gaussian processes do; otherwise all maps have intervals
        of one width. True takes what ``predict(X, return_std=True)`` gives, such as the spread
        of an ensemble.
    random_state : int, numpy.random.RandomState or None, default=None
        Chooses the groups that are set aside, and is the seed of each parameter `random_state`
        of `estimator`, and of what is nested in it, that is None.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor.
    scores_ : ndarray of shape (n_calibration_samples, n_targets) or (n_calibration_samples, 1)
        How far off the predictions for the samples set aside are, in units of the target, of
        the predicted standard deviation where `normalize` says so, or of `scale_`. One column,
        the largest over targets, where `joint` is True.
    scale_ : ndarray of shape (n_targets,)
        What errors of a target are divided by before the largest is taken: root mean square of
        the residuals of the samples not set aside; ones where it is not needed.
    calibration_indices_ : ndarray of int
        Positions of the samples that were set aside.
    n_calibration_groups_ : int
        Number of groups, or of samples where there are none, that were set aside.
    sample_shape_ : tuple of int
        Shape of a training sample.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    ConformalClassifier : Sets of classes.
    RecalibratedRegressor : Standard deviations of the right size.
    skastro.metrics.interval_coverage : How often intervals hold the truth.

    Notes
    -----
    The probability is that over simulations of the calibration as well as new ones. One fit
    scatters around it, as a binomial number of `n_calibration_groups_` does, and so does what
    one test set shows. Nothing is promised for one region of parameters alone, nor for maps
    from other models than the simulations.

    For a box the errors of the targets must be made comparable. Where standard deviations are
    predicted, these do it. Elsewhere it is `scale_`, from samples that do not calibrate, since
    a scale from those that do would spoil the guarantee; a frozen estimator, too, then has
    only `calibration_fraction` of the groups to calibrate on.

    References
    ----------
    .. [1] Y. Lee, R. F. Barber, R. Willett, "Distribution-free inference with hierarchical
       data", arXiv:2306.06342 (2023), section 3.
    .. [2] R. Dunn, L. Wasserman, A. Ramdas, "Distribution-free prediction sets for two-layer
       hierarchical models", J. Am. Stat. Assoc. 118, 2491 (2023), arXiv:1809.07441.
    .. [3] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free
       predictive inference for regression", J. Am. Stat. Assoc. 113, 1094 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skastro.ensemble import ConformalRegressor
    >>> from skastro.metrics import interval_coverage
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(600), 3)
    >>> X = rng.normal(size=(1800, 2))
    >>> y = X[:, 0] + rng.normal(size=600)[groups]
    >>> model = ConformalRegressor(Ridge(), random_state=0)
    >>> model = model.fit(X[:1200], y[:1200], groups=groups[:1200])
    >>> model.n_calibration_groups_
    100
    >>> lower, upper = model.predict_interval(X[1200:])
    >>> round(interval_coverage(y[1200:], lower, upper, groups=groups[1200:]), 2)
    0.92
    """

    _parameter_constraints = CalibratedRegressor._parameter_constraints | {
        "joint": ["boolean"],
        "normalize": ["boolean", Options(str, {"auto"})],
    }

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        confidence_level: float = 0.9,
        calibration_fraction: float = 0.25,
        joint: bool = False,
        normalize: bool | Literal["auto"] = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.confidence_level = confidence_level
        self.calibration_fraction = calibration_fraction
        self.joint = joint
        self.normalize = normalize
        self.random_state = random_state

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimator on some groups and calibrate on the others.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, handed to the estimator. They do not count in calibration.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a sample is from. Handed to the estimator too, where that takes
            groups.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If the array is none of maps, or does not fit the estimator.
        ValueError
            If a value is not finite, `estimator` is no regressor or predicts no standard
            deviations where these are asked for, weights are given that it cannot use, or
            there is one group only.

        Warns
        -----
        UserWarning
            If there are too few groups to calibrate on, before the estimator is fitted.
        """
        X, y, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        frozen = isinstance(self.estimator, FrozenEstimator)
        everything = frozen and not self._needs_scale(y, self.estimator)
        mask = self._set_aside(len(X), groups, everything)
        self._warn("", self.confidence_level)
        self.estimator_ = self._fit_rest(X, y, sample_weight, groups, mask)
        automatic = self.normalize == "auto"
        self._normalized = predicts_std(self.estimator_) if automatic else self.normalize
        self.scale_ = np.ones(in_columns(y).shape[1])
        if self._needs_scale(y, self.estimator_):
            rest = np.flatnonzero(~mask)
            self.scale_ = _scale(in_columns(y[rest]), in_columns(self._moments(X[rest], False)[0]))
        mean, std = self._moments(X[self.calibration_indices_], self._normalized)
        errors = np.abs(in_columns(y)[mask] - in_columns(mean))
        scores = _ratio(errors, in_columns(std) if self._normalized else self.scale_)
        self.scores_ = scores.max(axis=1, keepdims=True) if self.joint else scores
        return self

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict targets with the estimator.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets, the centres of the intervals.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        return self._moments(self._check_new(X), return_std=False)[0]

    def predict_interval(
        self, X: MapsLike, confidence_level: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict intervals that hold the truth with a probability.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.
        confidence_level : float, default=None
            Another level than the parameter `confidence_level`, from the same calibration.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Bounds in units of the targets, infinite where the level needs more calibration
            groups than there are.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If `confidence_level` is not between 0 and 1.

        Warns
        -----
        UserWarning
            If there are too few calibration groups for the level.
        """
        check_is_fitted(self)
        level = self.confidence_level if confidence_level is None else confidence_level
        self._warn(".predict_interval", level)
        return next(self._predict_intervals(X, [level]))

    def _predict_intervals(self, X, levels):
        """Intervals of several levels, for which maps are read and predicted once."""
        mean, std = self._moments(self._check_new(X), self._normalized)
        unit = in_columns(std) if self._normalized else self.scale_
        for level in levels:
            reach = group_quantile(self.scores_, self._shares, level)
            finite = np.isfinite(reach)
            half = np.where(finite, np.where(finite, reach, 0) * unit, np.inf)
            half = np.broadcast_to(half, in_columns(mean).shape).reshape(np.shape(mean))
            yield mean - half, mean + half

    def _warn(self, method, level):
        owner = type(self).__name__ + method
        check_level(owner, level)
        number = self.n_calibration_groups_
        warn_of_few_groups(owner, number, level, self._units, "its intervals are infinite")

    def _needs_scale(self, y, fitted):
        """Whether errors of several targets are compared without predicted deviations."""
        if not self.joint or in_columns(y).shape[1] == 1 or self.normalize is True:
            return False
        return self.normalize is False or not predicts_std(fitted)

    def _check_estimator(self, estimator):
        super()._check_estimator(estimator)
        if self.normalize is True:
            check_return_std(f"{type(self).__name__}(normalize=True)", estimator)


def _ratio(errors, unit):
    """Errors in a unit that may be zero: no error is 0 of it, any other is infinite."""
    unit = np.broadcast_to(unit, errors.shape)
    return np.divide(errors, unit, out=np.where(errors > 0, np.inf, 0.0), where=unit > 0)


def _scale(y, predicted):
    """Root mean square of residuals; where a target is met exactly, its spread."""
    scale = np.sqrt(np.mean((y - predicted) ** 2, axis=0))
    scale = np.where(scale > 0, scale, y.std(axis=0))
    return np.where(scale > 0, scale, 1.0)
