"""Error in units of the truth."""

from typing import Literal

import numpy as np

from ..utils._typing import ArrayLike
from ._checks import average, check_targets


def relative_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: Literal["raw_values", "uniform_average"] | ArrayLike = "uniform_average",
) -> float | np.ndarray:
    r"""Mean relative error, the accuracy that papers quote in percent.

    :math:`\epsilon = \langle |\theta_{pred} - \theta_{true}| / |\theta_{true}| \rangle`.
    scikit-learn's ``mean_absolute_percentage_error`` is the same, but turns a truth of zero
    into a number of order 1e15 where this one raises an error.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths, none of them zero.
    y_pred : array-like of the same shape
        Predictions.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    multioutput : {"raw_values", "uniform_average"} or array-like, default="uniform_average"
        One number for each output, their mean, or their mean with weights of shape (n_outputs,).

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Mean relative error; 0.03 is 3%.

    Raises
    ------
    ValueError
        If shapes differ, or a truth is zero.

    References
    ----------
    .. [1] Villaescusa-Navarro et al. 2022, ApJS 259, 61 (arXiv:2109.10915).

    Examples
    --------
    >>> from skastro.metrics import relative_error
    >>> y_true = [[0.2, 0.8], [0.4, 1.0]]
    >>> y_pred = [[0.3, 0.8], [0.3, 0.9]]
    >>> relative_error(y_true, y_pred, multioutput="raw_values")
    array([0.375, 0.05 ])
    """
    y_true, y_pred = check_targets("relative_error", y_true, y_pred)
    if not y_true.all():
        output = int((y_true == 0).any(axis=0).argmax())
        raise ValueError(
            f"relative_error is not defined where y_true is zero, as in output {output}. Take "
            f"scikit-learn's root_mean_squared_error, or leave the output out."
        )
    errors = abs(y_pred - y_true) / abs(y_true)
    return average("relative_error", errors, sample_weight, multioutput)
