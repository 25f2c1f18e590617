"""Standard deviations of the right size."""

from typing import Literal, Self, overload

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

from ..utils._typing import ArrayLike, MapsLike, RandomState
from ._conformal_base import CalibratedRegressor, in_columns
from ._predicts_std import check_return_std


class RecalibratedRegressor(CalibratedRegressor):
    r"""Predicted standard deviations, scaled so that they are right for unseen simulations.

    Nets that learn their errors as they learn their targets know both best for the maps
    they were trained on, and are as a rule too sure of others. Here a share of the simulations
    is set aside, the regressor is fitted on the others, and the standard deviations of each
    target are multiplied by one number [1]_,

    .. math:: s = \sqrt{\left\langle \left\langle (\theta_{true} - \theta_{pred})^2 / \sigma^2
        \right\rangle_{samples} \right\rangle_{groups}},

    which maximizes the Gaussian likelihood of the targets set aside, where all groups count the
    same. Predictions themselves stay as they are.

    Parameters
    ----------
    estimator : regressor, default=None
        A regressor whose ``predict`` takes `return_std`: a net, an ensemble, or a
        pipeline that ends in one; None is ``CNNRegressor(loss="gaussian_nll")``. One that is
        fitted already is given as ``sklearn.frozen.FrozenEstimator(regressor)``: all samples of
        `fit` then calibrate, and none of them, nor of their simulations, may have trained it.
    calibration_fraction : float, default=0.25
        Share of the groups, or of the samples where there are no groups, to set aside, rounded
        up.
    random_state : int, numpy.random.RandomState or None, default=None
        Chooses the groups that are set aside, and is the seed of each parameter `random_state`
        of `estimator`, and of what is nested in it, that is None.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor.
    factor_ : ndarray of shape (n_targets,)
        What standard deviations are multiplied by: above 1 where the regressor was too sure.
        Its relative error is about :math:`1 / \sqrt{2K}` for Gaussian errors and K groups
        whose samples share theirs.
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
    ConformalRegressor : Intervals that need no Gaussian.
    skastro.inspection.CalibrationDisplay : Whether standard deviations are right.

    References
    ----------
    .. [1] D. Levi, L. Gispan, N. Giladi, E. Fetaya, "Evaluating and calibrating uncertainty
       prediction in regression tasks", Sensors 22, 5540 (2022), arXiv:1905.11659, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import BayesianRidge
    >>> from skastro.ensemble import RecalibratedRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(900, 2))
    >>> y = X[:, 0] + 0.1 * rng.normal(size=900)
    >>> model = BayesianRidge().fit(X[:300], y[:300])

    Other simulations, twice as noisy:

    >>> y[300:] += np.sqrt(3) * 0.1 * rng.normal(size=600)
    >>> recalibrated = RecalibratedRegressor(FrozenEstimator(model)).fit(X[300:], y[300:])
    >>> bool(1.8 < recalibrated.factor_[0] < 2.2)
    True
    >>> mean, std = recalibrated.predict(X[:5], return_std=True)
    >>> std.round(1)
    array([0.2, 0.2, 0.2, 0.2, 0.2])
    """

    _result = "factor_"

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        calibration_fraction: float = 0.25,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the estimator on some groups and scale its errors on the others.

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
            If a value is not finite, `estimator` is no regressor that predicts standard
            deviations, one of these is not greater than zero, weights are given that it cannot
            use, or there is one group only.
        """
        X, y, sample_weight, groups = self._check_fit(X, y, sample_weight, groups)
        mask = self._set_aside(len(X), groups, isinstance(self.estimator, FrozenEstimator))
        self.estimator_ = self._fit_rest(X, y, sample_weight, groups, mask)
        mean, std = self._moments(X[self.calibration_indices_], return_std=True)
        if not (std > 0).all():
            raise ValueError(
                f"{type(self).__name__} multiplies standard deviations, which must be greater "
                f"than zero; {self.estimator_!r} predicts {std.min():g} for a sample set aside."
            )
        squares = ((in_columns(y[mask]) - in_columns(mean)) / in_columns(std)) ** 2
        self.factor_ = np.sqrt(np.average(squares, axis=0, weights=self._shares))
        return self

    @overload
    def predict(self, X: MapsLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict(self, X: MapsLike, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict(
        self, X: MapsLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def predict(
        self, X: MapsLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets, and standard deviations of the right size.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets, as the estimator predicts them.
        y_std : ndarray of the same shape
            Standard deviation (one sigma) of each target, that of the estimator times
            `factor_`; only with ``return_std=True``.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        """
        mean, std = self._moments(self._check_new(X), return_std)
        if not return_std:
            return mean
        return mean, std * (self.factor_ if np.ndim(std) == 2 else self.factor_[0])

    def _check_estimator(self, estimator):
        super()._check_estimator(estimator)
        check_return_std(type(self).__name__, estimator)
