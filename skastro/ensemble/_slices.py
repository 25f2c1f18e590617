"""Learn from cubes by way of their slices."""

from typing import Literal, Self, overload

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..maps import check_maps
from ..neural_network import CNNClassifier, CNNRegressor
from ..preprocessing import CubeSlicer
from ..utils import inner_fit_params
from ..utils._params import HasMethods
from ..utils._typing import ArrayLike, MapsLike
from ._predicts_std import predicts_std

_CHUNK_BYTES = 1 << 28


class _SliceEstimator(MetaEstimatorMixin, BaseEstimator):
    """What both estimators share: cutting, repeating, averaging."""

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "slicer": [CubeSlicer, None],
    }

    def fit(
        self,
        X: MapsLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Cut the cubes and fit the estimator on the pieces.

        Each piece has the target, the weight and the group of its cube. Where the last step
        of the estimator takes groups and none are given, each cube is a group of its own, so
        that early stopping never validates on a cube that it trains on.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets of the cubes.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the cubes.
        groups : array-like of shape (n_samples,), default=None
            Which simulation a cube is from.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        MapShapeError
            If a cube gives no whole piece.
        ValueError
            If a value is not finite, or weights are given that the estimator cannot use.
        """
        self._validate_params()
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {name} estimator requires y to be passed, but the target y is None."
            )
        X = self._check_cubes(X, reset=True)
        check_consistent_length(X, y, sample_weight, groups)
        self.slicer_ = CubeSlicer() if self.slicer is None else clone(self.slicer)
        self.grid_ = self.slicer_.grid(X.shape[1:])
        estimator = self._default() if self.estimator is None else clone(self.estimator)
        weight = None if sample_weight is None else self._repeat(sample_weight)
        groups = self._repeat(np.arange(len(X)) if groups is None else groups)
        params = inner_fit_params(name, estimator, weight, groups)
        with config_context(enable_metadata_routing=False):
            self.estimator_ = estimator.fit(self.slicer_.cut(X), self._repeat(y), **params)
        return self

    def _check_cubes(self, X, reset):
        X = X if hasattr(X, "ndim") else np.asarray(X)
        dim = 3 if X.ndim > 3 else None
        return check_maps(self, X, reset=reset, dim=dim, min_samples=2 if reset else 1)

    def _repeat(self, values):
        return np.repeat(np.asarray(values), self.grid_.n_pieces, axis=0)

    def _on_pieces(self, method, X):
        """What a method says of pieces: (n_samples, n_slices, n_patches, ...)."""
        check_is_fitted(self)
        X = self._check_cubes(X, reset=False)
        per_cube = self.grid_.n_pieces * np.prod(self.slicer_.piece_shape(X.shape[1:])) * 4
        size = max(1, int(_CHUNK_BYTES // per_cube))
        shape = (self.grid_.n_slices, self.grid_.n_patches)
        parts = []
        for start in range(0, len(X), size):
            cubes = X[start : start + size]
            values = method(self.slicer_.cut(cubes))
            parts.append(values.reshape(len(cubes), *shape, *values.shape[1:]))
        return np.concatenate(parts)

    def _on_slices(self, method, X):
        """What a method says of slices, averaged over patches: (n_samples, n_slices, ...)."""
        return self._on_pieces(method, X).mean(axis=2)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _has_probabilities(meta):
    estimator = getattr(meta, "estimator_", meta.estimator)
    return estimator is None or hasattr(estimator, "predict_proba")


class SliceClassifier(ClassifierMixin, _SliceEstimator):
    """Classes of cubes, learned from their slices.

    The cubes are cut inside `fit` and `predict`, so that cross-validation, which splits
    cubes, never has slices of one cube on both sides. The probabilities of the slices of a
    cube are averaged; where the estimator gives none, slices vote.

    Parameters
    ----------
    estimator : classifier, default=None
        Classifier of slices, or a pipeline that ends in one; None is ``CNNClassifier()``.
    slicer : CubeSlicer, default=None
        How cubes are cut; None is ``CubeSlicer()``, every cell along the first axis.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier of slices.
    classes_ : ndarray of shape (n_classes,)
        Classes that fit saw.
    slicer_ : CubeSlicer
        The slicer that was used.
    grid_ : CutGrid
        Number of slices of a cube, and rows and columns of patches of a slice.
    sample_shape_ : tuple of int
        Shape of a training cube.
    n_features_in_ : int
        Length of the first axis of a cube.

    See Also
    --------
    SliceRegressor : Numbers from cubes.
    skastro.preprocessing.CubeSlicer : How cubes are cut.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from skastro.ensemble import SliceClassifier
    >>> from skastro.preprocessing import CubeSlicer
    >>> cubes = np.zeros((6, 8, 16, 16))
    >>> slicer = CubeSlicer(step=2, patch_size=8)
    >>> model = SliceClassifier(DummyClassifier(strategy="prior"), slicer=slicer)
    >>> model.fit(cubes, [0, 0, 0, 0, 1, 1]).predict(cubes)
    array([0, 0, 0, 0, 0, 0])
    >>> model.predict_proba_slices(cubes).shape
    (6, 4, 2)
    """

    def __init__(
        self, estimator: BaseEstimator | None = None, *, slicer: CubeSlicer | None = None
    ) -> None:
        self.estimator = estimator
        self.slicer = slicer

    @staticmethod
    def _default():
        return CNNClassifier()

    @property
    def classes_(self) -> np.ndarray:
        """Classes that fit saw."""
        return self.estimator_.classes_

    def _vote(self, X):
        """Probabilities of pieces, or one for the predicted class where there are none."""
        if hasattr(self.estimator_, "predict_proba"):
            return self.estimator_.predict_proba(X)
        return (self.estimator_.predict(X)[:, None] == self.classes_).astype(float)

    @available_if(_has_probabilities)
    def predict_proba(self, X: MapsLike) -> np.ndarray:
        """Probability of each class, averaged over slices.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        return self._on_slices(self._vote, X).mean(axis=1)

    @available_if(_has_probabilities)
    def predict_proba_slices(self, X: MapsLike) -> np.ndarray:
        """Probability of each class for each slice, averaged over its patches.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_slices, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        return self._on_slices(self._vote, X)

    def predict(self, X: MapsLike) -> np.ndarray:
        """Predict the class of each cube.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        votes = self._on_slices(self._vote, X).mean(axis=1)
        return self.classes_[votes.argmax(axis=-1)]

    def predict_slices(self, X: MapsLike) -> np.ndarray:
        """Predict the class of each slice.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_slices)
            Classes.
        """
        votes = self._on_slices(self._vote, X)
        return self.classes_[votes.argmax(axis=-1)]


class SliceRegressor(RegressorMixin, _SliceEstimator):
    """Numbers from cubes, learned from their slices.

    The cubes are cut inside `fit` and `predict`, so that cross-validation, which splits
    cubes, never has slices of one cube on both sides. Predictions for the slices of a cube
    are averaged.

    Parameters
    ----------
    estimator : regressor, default=None
        Regressor of slices, or a pipeline that ends in one; None is ``CNNRegressor()``.
    slicer : CubeSlicer, default=None
        How cubes are cut; None is ``CubeSlicer()``, every cell along the first axis.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor of slices.
    slicer_ : CubeSlicer
        The slicer that was used.
    grid_ : CutGrid
        Number of slices of a cube, and rows and columns of patches of a slice.
    sample_shape_ : tuple of int
        Shape of a training cube.
    n_features_in_ : int
        Length of the first axis of a cube.

    See Also
    --------
    SliceClassifier : Classes of cubes.
    skastro.preprocessing.CubeSlicer : How cubes are cut.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from skastro.ensemble import SliceRegressor
    >>> cubes = np.zeros((4, 8, 16, 16))
    >>> model = SliceRegressor(DummyRegressor()).fit(cubes, [6.0, 8.0, 8.0, 10.0])
    >>> model.predict(cubes)
    array([8., 8., 8., 8.])
    >>> model.predict_slices(cubes).shape
    (4, 8)
    """

    def __init__(
        self, estimator: BaseEstimator | None = None, *, slicer: CubeSlicer | None = None
    ) -> None:
        self.estimator = estimator
        self.slicer = slicer

    @staticmethod
    def _default():
        return CNNRegressor()

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
        """Predict targets of cubes, averaged over slices.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        y_std : ndarray of the same shape
            Standard deviation (one sigma) of the mixture of the slices, only with
            ``return_std=True``: mean of the variances plus variance of the means. Slices of a
            cube share its structures, and so their errors; averaging is not credited with
            making them smaller.

        Raises
        ------
        ValueError
            If standard deviations are asked of an estimator that predicts none.
        """
        if not return_std:
            return self.predict_slices(X).mean(axis=1)
        return _mixture(*self.predict_slices(X, return_std=True), axis=1)

    @overload
    def predict_slices(self, X: MapsLike, return_std: Literal[False] = False) -> np.ndarray: ...

    @overload
    def predict_slices(
        self, X: MapsLike, return_std: Literal[True]
    ) -> tuple[np.ndarray, np.ndarray]: ...

    @overload
    def predict_slices(
        self, X: MapsLike, return_std: bool
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...

    def predict_slices(
        self, X: MapsLike, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets of each slice, averaged over its patches.

        Parameters
        ----------
        X : array-like or LazyMaps of shape (n_samples, [n_channels,] d, h, w)
            Cubes of the shape that was fitted.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        y_mean : ndarray of shape (n_samples, n_slices) or (n_samples, n_slices, n_targets)
            Targets.
        y_std : ndarray of the same shape
            Standard deviation of the mixture of the patches; only with ``return_std=True``.

        Raises
        ------
        ValueError
            If standard deviations are asked of an estimator that predicts none.
        """
        check_is_fitted(self)
        if not return_std:
            return self._on_slices(self.estimator_.predict, X)
        if not predicts_std(self.estimator_):
            raise ValueError(
                f"{type(self).__name__}.predict(return_std=True) needs an estimator that predicts "
                f"standard deviations, and {self.estimator_!r} does not. Fit with "
                f"CNNRegressor(loss='gaussian_nll'), or set return_std=False."
            )
        moments = self._on_pieces(self._moments, X)
        return _mixture(moments[:, :, :, 0], moments[:, :, :, 1], axis=2)

    def _moments(self, X):
        """Means and standard deviations of pieces, (n_pieces, 2, ...)."""
        with config_context(enable_metadata_routing=False):
            return np.stack(self.estimator_.predict(X, return_std=True), axis=1)

    @property
    def _fitted_member(self):
        return self.estimator_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _mixture(mean, std, axis):
    """Mean and standard deviation of equal shares of distributions along an axis."""
    return mean.mean(axis), np.sqrt((std**2).mean(axis) + mean.var(axis))
