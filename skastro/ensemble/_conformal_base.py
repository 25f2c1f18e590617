"""Estimators that set whole groups aside to learn how far off another estimator is."""

from math import ceil
from numbers import Real

import numpy as np
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
    is_regressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..maps import LazyMaps, check_maps
from ..neural_network import CNNRegressor
from ..neural_network._torch import draw_seed
from ..utils import as_numpy, check_groups, inner_fit_params
from ..utils._groups import shares_of_groups
from ..utils._params import HasMethods, Interval
from ..utils._typing import ArrayLike, MapsLike
from ._seeding import seed_unset


class CalibratedEstimator(MetaEstimatorMixin, BaseEstimator):
    """Base class: fits an estimator on some groups and keeps the others for calibration."""

    _result = "scores_"
    _parameter_constraints = {
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    @property
    def _inner(self):
        """The parameter `estimator`, or what None stands for."""
        return self._default() if self.estimator is None else self.estimator

    def _check_fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> tuple[np.ndarray | LazyMaps, np.ndarray, ArrayLike | None, np.ndarray | None]:
        """Check what fit was given; subclasses check y."""
        self._validate_params()
        self.__dict__.pop(self._result, None)
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {name} estimator requires y to be passed, but the target y is None."
            )
        estimator = self._inner
        self._check_estimator(estimator)
        if isinstance(estimator, FrozenEstimator):
            check_is_fitted(estimator)
        maps, targets = self._check_maps(X, reset=True), self._check_targets(y)
        groups = None if groups is None else check_groups(groups, f"{name}.fit")
        check_consistent_length(maps, targets, sample_weight, groups)
        inner_fit_params(name, estimator, sample_weight, groups)
        self._seed = draw_seed(self.random_state)
        return maps, targets, sample_weight, groups

    def _check_maps(self, X, reset):
        """Maps in float32; a table keeps its precision, which other estimators than nets use."""
        maps = as_numpy(check_maps(self, X, reset=reset, min_samples=2 if reset else 1))
        if maps.ndim > 2 or isinstance(maps, LazyMaps):
            return maps
        return np.asarray(as_numpy(X), dtype=np.float64)

    def _set_aside(self, n_samples, groups, everything):
        """Choose the samples to calibrate on, or take all of them; returns a mask."""
        units = np.arange(n_samples) if groups is None else groups
        names, codes = np.unique(units, return_inverse=True)
        aside = np.ones(len(names), dtype=bool)
        if not everything:
            if len(names) < 2:
                raise ValueError(
                    f"{type(self).__name__} sets whole groups aside for calibration and needs at "
                    f"least 2 groups; 'groups' holds 1. Leave groups out if samples are "
                    f"independent, or wrap a fitted estimator in sklearn.frozen.FrozenEstimator."
                )
            wanted = ceil(self.calibration_fraction * len(names) - 1e-9)
            order = np.random.default_rng(self._seed).permutation(len(names))
            aside[order[min(wanted, len(names) - 1) :]] = False
        mask = aside[codes]
        self.calibration_indices_ = np.flatnonzero(mask)
        self._shares, self.n_calibration_groups_ = shares_of_groups(codes[mask])
        self._units = "samples" if groups is None else "groups"
        return mask

    def _fit_rest(self, X, y, sample_weight, groups, mask):
        """Fit a copy of the estimator on the samples that do not calibrate."""
        estimator = clone(self._inner)
        if not isinstance(estimator, FrozenEstimator):
            seed_unset(estimator, self._seed)
            rows = np.flatnonzero(~mask)
            weight, groups = (
                None if values is None else np.asarray(values)[rows]
                for values in (sample_weight, groups)
            )
            params = inner_fit_params(type(self).__name__, estimator, weight, groups)
            with config_context(enable_metadata_routing=False):
                estimator.fit(X[rows], y[rows], **params)
        return estimator

    def _check_new(self, X):
        """Check maps that are to be predicted."""
        check_is_fitted(self)
        return self._check_maps(X, reset=False)

    def _ask(self, method, X, **params):
        """What a method of the fitted estimator says of checked maps."""
        with config_context(enable_metadata_routing=False):
            return getattr(self.estimator_, method)(X, **params)

    def __sklearn_is_fitted__(self):
        return hasattr(self, self._result)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        inner = self._inner
        if hasattr(inner, "__sklearn_tags__"):
            of_inner = get_tags(inner)
            tags.target_tags.multi_output = of_inner.target_tags.multi_output
            if tags.classifier_tags is not None and of_inner.classifier_tags is not None:
                tags.classifier_tags.multi_class = of_inner.classifier_tags.multi_class
        return tags


class CalibratedRegressor(RegressorMixin, CalibratedEstimator):
    """Base class of those around a regressor."""

    _parameter_constraints = CalibratedEstimator._parameter_constraints | {
        "estimator": [HasMethods(["fit", "predict"]), None],
    }

    @staticmethod
    def _default():
        return CNNRegressor(loss="gaussian_nll")

    def _check_estimator(self, estimator):
        if not is_regressor(estimator):
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must be a regressor, such "
                f"as CNNRegressor, or a pipeline that ends in one. Got {estimator!r} instead."
            )

    def _check_targets(self, y):
        return check_array(
            y, dtype="numeric", ensure_2d=False, input_name="y", estimator=type(self).__name__
        )

    def _moments(self, X, return_std):
        """Predictions for checked maps in float64, and standard deviations or None."""
        if not return_std:
            return np.asarray(self._ask("predict", X), dtype=np.float64), None
        mean, std = self._ask("predict", X, return_std=True)
        return np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)


def in_columns(values):
    """Targets in columns, in float64.

    Parameters
    ----------
    values : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)
        The columns.
    """
    values = np.asarray(values, dtype=np.float64)
    return values.reshape(len(values), -1)
