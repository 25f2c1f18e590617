"""Bring targets to comparable values."""

from typing import Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ..exceptions import MapShapeError
from ..utils._params import StrOptions
from ..utils._typing import ArrayLike


class TargetScaler(TransformerMixin, BaseEstimator):
    """Shift and scale targets: one number, several, or a field for each sample.

    Regressors of the library use it on their targets (``normalize_y=True``). It also serves
    as ``transformer`` of scikit-learn's ``TransformedTargetRegressor``.

    Parameters
    ----------
    method : {"standard", "minmax", "mean"}, default="standard"
        "standard": mean 0 and standard deviation 1 of each output; "minmax": the least and
        greatest value of each output go to 0 and 1; "mean": divided by the mean of each output,
        as suits counts and rates.
    joint : bool, default=False
        Whether all outputs share one centre and one scale, those of all values together, so
        that their order and the ratios of their differences are kept.

    Attributes
    ----------
    center_ : ndarray of shape () or (n_outputs,)
        What is subtracted; 0 where the method is "mean".
    scale_ : ndarray of shape () or (n_outputs,)
        What is divided by; 1 where an output is constant, or zero if the method is "mean". With
        ``joint=True`` all are alike, as those of `center_` are.

    See Also
    --------
    FieldScaler : The same for maps.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import TargetScaler
    >>> y = np.array([[0.1, 6.0], [0.3, 8.0], [0.5, 10.0]])
    >>> scaler = TargetScaler(method="minmax").fit(y)
    >>> scaler.transform(y)[1]
    array([0.5, 0.5])
    >>> scaler.inverse_transform([[0.25, 1.0]])
    array([[ 0.2, 10. ]])
    """

    _parameter_constraints = {
        "method": [StrOptions({"standard", "minmax", "mean"})],
        "joint": ["boolean"],
    }

    def __init__(
        self, method: Literal["standard", "minmax", "mean"] = "standard", *, joint: bool = False
    ) -> None:
        self.method = method
        self.joint = joint

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn centre and scale.

        Parameters
        ----------
        X : array-like of shape (n_samples,), (n_samples, n_outputs) or \
                (n_samples, n_outputs, *spatial)
            Targets of the training samples.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted scaler.

        Raises
        ------
        ValueError
            If a target is not finite, or the method is "mean" and a target is negative.
        """
        self._validate_params()
        X = self._check(X, reset=True)
        outputs = X.shape[1:2]
        axes = tuple(i for i in range(X.ndim) if i != 1 or self.joint)
        least, greatest = X.min(axes).astype(np.float64), X.max(axes).astype(np.float64)
        if self.method == "mean":
            if least.min() < 0:
                raise ValueError(
                    f"TargetScaler(method='mean') is for targets that are 0 or greater; the least "
                    f"one is {least.min():g}. Take method='standard'."
                )
            center = np.zeros(least.shape)
            scale = np.where(greatest > 0, X.mean(axes, dtype=np.float64), 1.0)
        else:
            if self.method == "standard":
                center, scale = X.mean(axes, dtype=np.float64), X.std(axes, dtype=np.float64)
            else:
                center, scale = least, greatest - least
            constant = (least == greatest) | (scale <= 1e-14 * np.abs(center))
            center, scale = np.where(constant, least, center), np.where(constant, 1.0, scale)
        self.center_ = np.broadcast_to(center, outputs).copy()
        self.scale_ = np.broadcast_to(scale, outputs).copy()
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Scale targets.

        Parameters
        ----------
        X : array-like of shape (n_samples,), (n_samples, n_outputs) or \
                (n_samples, n_outputs, *spatial)
            Targets.

        Returns
        -------
        ndarray of the same shape
            Scaled targets.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        return (X - self._broadcast(self.center_, X)) / self._broadcast(self.scale_, X)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Undo the scaling.

        Parameters
        ----------
        X : array-like of shape (n_samples,), (n_samples, n_outputs) or \
                (n_samples, n_outputs, *spatial)
            Scaled targets.

        Returns
        -------
        ndarray of the same shape
            Targets in their own units.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        return X * self._broadcast(self.scale_, X) + self._broadcast(self.center_, X)

    def _check(self, X, reset):
        options = {"dtype": [np.float64, np.float32], "allow_nd": True}
        X = X if hasattr(X, "shape") else np.asarray(X)
        if len(X.shape) == 1:
            X = check_array(X, ensure_2d=False, input_name="X", estimator=self, **options)
            if reset:
                vars(self).pop("n_features_in_", None)
                vars(self).pop("feature_names_in_", None)
        else:
            X = validate_data(self, X, reset=reset, **options)
        if not reset and X.shape[1:2] != self.center_.shape:
            raise MapShapeError(
                f"TargetScaler was fitted on {self._outputs(self.center_.shape)} and cannot take "
                f"{self._outputs(X.shape[1:2])} of targets of shape {X.shape}. Reshape your data "
                f"to that of the fit, or fit anew."
            )
        return X

    @staticmethod
    def _outputs(shape):
        return f"{shape[0]} outputs" if shape else "one output of shape (n_samples,)"

    @staticmethod
    def _broadcast(values, X):
        values = values.astype(X.dtype)
        return values.reshape(1, -1, *(1,) * (X.ndim - 2)) if X.ndim > 1 else values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
