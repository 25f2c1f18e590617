"""Squared errors in units of the errors that were predicted."""

from typing import Literal

import numpy as np

from ..utils._typing import ArrayLike
from ._checks import average, check_targets


def reduced_chi2(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    y_std: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    multioutput: Literal["raw_values", "uniform_average"] | ArrayLike = "uniform_average",
) -> float | np.ndarray:
    r"""Mean squared error in units of the predicted standard deviation.

    :math:`\chi^2 = \langle (\theta_{true} - \theta_{pred})^2 / \sigma^2 \rangle`: 1 where the
    predicted errors have the right size, above it where they are too small.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape
        Predicted standard deviations, greater than zero.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    multioutput : {"raw_values", "uniform_average"} or array-like, default="uniform_average"
        One number for each output, their mean, or their mean with weights of shape (n_outputs,).

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Reduced chi squared.

    Raises
    ------
    ValueError
        If shapes differ, or a standard deviation is not greater than zero.

    See Also
    --------
    coverage : Share of truths within the errors.

    References
    ----------
    .. [1] Villaescusa-Navarro et al. 2022, ApJS 259, 61 (arXiv:2109.10915).

    Examples
    --------
    >>> from skastro.metrics import reduced_chi2
    >>> reduced_chi2([0.3, 0.3, 0.3], [0.2, 0.3, 0.4], [0.1, 0.1, 0.1]).__round__(3)
    0.667
    """
    y_true, y_pred, y_std = check_targets("reduced_chi2", y_true, y_pred, y_std)
    squares = ((y_true - y_pred) / y_std) ** 2
    return average("reduced_chi2", squares, sample_weight, multioutput)
