"""Where truths lie in the distributions that were predicted."""

import numpy as np
from scipy.special import ndtr

from ..utils._typing import ArrayLike
from ._checks import check_targets


def pit_values(y_true: ArrayLike, y_pred: ArrayLike, y_std: ArrayLike) -> np.ndarray:
    r"""Probability integral transform of truths under Gaussian predictions.

    :math:`u = \Phi((\theta_{true} - \theta_{pred}) / \sigma)`, the predicted probability of a
    value below the truth. Where the predicted distributions are right, u is uniform between 0
    and 1; errors that are too small pile it up at both ends, errors that are too large in the
    middle, and a bias on one side.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape
        Predicted standard deviations, greater than zero.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Values between 0 and 1.

    Raises
    ------
    ValueError
        If shapes differ, or a standard deviation is not greater than zero.

    See Also
    --------
    skastro.inspection.CalibrationDisplay : Their histogram.
    coverage : Share of truths within the errors.

    References
    ----------
    .. [1] T. Gneiting, F. Balabdaoui, A. E. Raftery, "Probabilistic forecasts, calibration and
       sharpness", J. R. Stat. Soc. B 69, 243 (2007).

    Examples
    --------
    >>> from skastro.metrics import pit_values
    >>> pit_values([0.3, 0.4, 0.1], [0.3, 0.3, 0.3], [0.1, 0.1, 0.1]).round(3)
    array([0.5  , 0.841, 0.023])
    """
    truth, pred, std = check_targets("pit_values", y_true, y_pred, y_std)
    values = ndtr((truth - pred) / std)
    return values.reshape(np.shape(y_true))
