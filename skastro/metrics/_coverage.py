"""Share of truths within the errors that were predicted."""

from numbers import Real
from typing import Literal

import numpy as np
from scipy.special import ndtri

from ..utils._typing import ArrayLike
from ._checks import average, check_targets


def coverage(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    y_std: ArrayLike,
    *,
    level: float = 0.6827,
    sample_weight: ArrayLike | None = None,
    multioutput: Literal["raw_values", "uniform_average"] | ArrayLike = "uniform_average",
) -> float | np.ndarray:
    r"""Share of truths inside the central Gaussian interval of a level.

    The interval is :math:`\theta_{pred} \pm z \sigma`, with z such that a Gaussian has the
    share `level` in it: z = 1 for 0.6827, z = 1.96 for 0.95. The result equals `level` where
    the predicted errors are right and Gaussian.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape
        Predicted standard deviations, greater than zero.
    level : float, default=0.6827
        Share that the interval is to hold, between 0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    multioutput : {"raw_values", "uniform_average"} or array-like, default="uniform_average"
        One number for each output, their mean, or their mean with weights of shape (n_outputs,).

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Share between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, a standard deviation is not greater than zero, or `level` is not
        between 0 and 1.

    See Also
    --------
    reduced_chi2 : The size of the errors in one number.

    Examples
    --------
    >>> from skastro.metrics import coverage
    >>> coverage([0.3, 0.3, 0.3, 0.3], [0.25, 0.3, 0.35, 0.6], [0.1, 0.1, 0.1, 0.1])
    0.75
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ValueError(
            f"The 'level' parameter of coverage must be a number between 0 and 1. Got {level!r} "
            f"instead."
        )
    y_true, y_pred, y_std = check_targets("coverage", y_true, y_pred, y_std)
    inside = abs(y_true - y_pred) <= ndtri((1 + level) / 2) * y_std
    return average("coverage", inside.astype(float), sample_weight, multioutput)
