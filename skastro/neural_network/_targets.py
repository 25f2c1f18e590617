"""Targets as a loss takes them, and predictions from what the net makes."""

import numpy as np

from ..preprocessing import TargetScaler
from ._losses import REGRESSION_LOSSES, Loss

_RANGES = {
    "log1p": (lambda least: least > -1, "greater than -1"),
    "log": (lambda least: least >= 0, "0 or greater"),
}


def regression_loss(loss):
    """Look up a loss.

    Parameters
    ----------
    loss : str or callable
        The parameter `loss` of a regressor.

    Returns
    -------
    Loss
        That of the name, or one around the function.
    """
    return REGRESSION_LOSSES[loss] if isinstance(loss, str) else Loss(loss)


def check_range(y, loss, owner):
    """Refuse targets that a loss cannot take.

    Parameters
    ----------
    y : ndarray
        Targets.
    loss : str or callable
        The parameter `loss`.
    owner : str
        Estimator that is named in the error.

    Raises
    ------
    ValueError
        If a target is out of the range of the loss.
    """
    allowed, words = _RANGES.get(regression_loss(loss).link, (None, None))
    if allowed is not None and not allowed(y.min()):
        raise ValueError(
            f"{owner}(loss={loss!r}) takes targets y that are {words}; the least one is "
            f"{y.min():g}. Shift or clip y, or choose another loss, such as 'squared_error'."
        )


def link_targets(y, loss):
    """Targets to which a loss compares what the net makes, before they are scaled.

    Parameters
    ----------
    y : ndarray of float64
        Targets in the user's units.
    loss : Loss
        The loss.

    Returns
    -------
    ndarray of the same shape
        Targets, or ``log(1 + y)``.
    """
    return np.log1p(y) if loss.link == "log1p" else y


def make_scaler(loss, joint=False):
    """Build the scaler that suits the targets of a loss.

    Parameters
    ----------
    loss : Loss
        The loss.
    joint : bool, default=False
        Whether all targets share one centre and one scale, which keeps their order.

    Returns
    -------
    TargetScaler
        A new scaler. One that shifts would make negative rates of a logarithm's targets.
    """
    return TargetScaler("mean" if loss.link == "log" else "standard", joint=joint)


def read_outputs(outputs, loss, scaler):
    """Predictions in the user's units, from all views of each map.

    Parameters
    ----------
    outputs : ndarray of shape (n_views, n_samples, n_targets * loss.outputs_per_target)
        What the net makes of each view.
    loss : Loss
        The loss that it was trained with.
    scaler : TargetScaler or None
        What the targets were scaled by.

    Returns
    -------
    mean : ndarray of shape (n_samples, n_targets)
        Mean over the views.
    std : ndarray of shape (n_samples, n_targets) or None
        Standard deviation of the mixture of all views, each a distribution with the mean and the
        variance of its outputs; None where the net makes no variances.
    """
    n_views, n_samples, n_outputs = outputs.shape
    n_targets = n_outputs // loss.outputs_per_target
    outputs = outputs.astype(np.float64)
    values = outputs[..., :n_targets].reshape(-1, n_targets)
    values = np.exp(values) if loss.link == "log" else values
    values = values if scaler is None else scaler.inverse_transform(values)
    values = np.expm1(values) if loss.link == "log1p" else values
    values = values.reshape(n_views, n_samples, n_targets)
    if loss.outputs_per_target == 1:
        return values.mean(axis=0), None
    deviations = np.exp(outputs[..., n_targets:] / 2) * (1.0 if scaler is None else scaler.scale_)
    return values.mean(axis=0), np.sqrt((deviations**2).mean(axis=0) + values.var(axis=0))
