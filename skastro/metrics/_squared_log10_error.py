"""Squared error in decades."""

from typing import Literal

import numpy as np

from ..utils._typing import ArrayLike
from ._checks import average, check_floor, check_targets


def mean_squared_log10_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    floor: float = 1.0,
    sample_weight: ArrayLike | None = None,
    multioutput: Literal["raw_values", "uniform_average"] | ArrayLike = "uniform_average",
) -> float | np.ndarray:
    r"""Mean squared error of decimal logarithms, for values that span many decades.

    :math:`\langle (\log_{10} \max(y_{pred}, f) - \log_{10} \max(y_{true}, f))^2 \rangle`, in
    dex squared. What lies below the floor f counts as f, so that zero and negative predictions
    have a logarithm, and that bins of a luminosity function without a source are right where
    less than f sources are predicted. scikit-learn's ``mean_squared_log_error`` has the natural
    logarithm of ``1 + y`` instead, and refuses negative predictions.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths, such as counts in bins of luminosity.
    y_pred : array-like of the same shape
        Predictions.
    floor : float, default=1.0
        The floor f, greater than zero, in the units of `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    multioutput : {"raw_values", "uniform_average"} or array-like, default="uniform_average"
        One number for each output, their mean, or their mean with weights of shape (n_outputs,).

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Mean squared error; 0.01 is a typical error of a tenth of a decade.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or the floor is not greater than zero.

    See Also
    --------
    skastro.preprocessing.LuminosityFunctionTransformer : Logarithms of luminosity functions as
        targets.

    Examples
    --------
    >>> from skastro.metrics import mean_squared_log10_error
    >>> y_true = [[1000.0, 10.0], [100.0, 0.0]]
    >>> y_pred = [[1000.0, 100.0], [1000.0, 0.3]]
    >>> mean_squared_log10_error(y_true, y_pred, multioutput="raw_values")
    array([0.5, 0.5])
    """
    owner = "mean_squared_log10_error"
    y_true, y_pred = check_targets(owner, y_true, y_pred)
    check_floor(owner, floor)
    truth, prediction = (np.log10(np.maximum(values, floor)) for values in (y_true, y_pred))
    return average(owner, (prediction - truth) ** 2, sample_weight, multioutput)
