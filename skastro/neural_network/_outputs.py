"""Outputs in a fixed order."""

import numpy as np
import torch
from torch import nn

OUTPUTS = {"free": 0, "increasing": 1, "decreasing": -1}


def check_order(y, output, owner):
    """Refuse targets that go the other way than predictions may.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
        Targets.
    output : {"free", "increasing", "decreasing"}
        The parameter `output`.
    owner : str
        Estimator that is named in the error.

    Raises
    ------
    ValueError
        If the mean of the last target is on the wrong side of that of the first.
    """
    first, last = y[:, 0].mean(), y[:, -1].mean()
    if OUTPUTS[output] * (last - first) < 0:
        other = "decreasing" if output == "increasing" else "increasing"
        raise ValueError(
            f"{owner}(output={output!r}) cannot learn targets whose means go from {first:g} to "
            f"{last:g}. Set output={other!r} or output='free'."
        )


def typical_outputs(y, link):
    """Mean and spread of what the net is to make of each target.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
        Targets of the training samples as the loss takes them.
    link : {"identity", "log1p", "log"}
        The link of the loss.

    Returns
    -------
    ndarray of shape (2, n_targets)
        Means and standard deviations; those of logarithms where the net makes logarithms. None
        is less than a hundredth of what all targets spread, so that each can be learned.
    """
    mean, spread = y.mean(axis=0), y.std(axis=0)
    if link == "log":
        least = mean[mean > 0].min(initial=mean.max() or 1.0)
        mean = np.maximum(mean, 0.1 * least)
        return np.stack([np.log(mean), np.clip(spread / mean, 0.01, 1.0)])
    return np.stack([mean, np.maximum(spread, 0.01 * y.std() or 1.0)])


def in_order(values, output):
    """Undo rounding that would break the order of predictions.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_targets)
        Predictions.
    output : {"free", "increasing", "decreasing"}
        Their order.

    Returns
    -------
    ndarray of the same shape
        Predictions, exactly in their order.
    """
    if not OUTPUTS[output]:
        return values
    return OUTPUTS[output] * np.maximum.accumulate(OUTPUTS[output] * values, axis=-1)


class OrderedOutputs(nn.Module):
    """Sort the outputs of a net, once they are brought to the scale of their targets.

    To sort estimates of what is in order never takes them farther from it [1]_, and
    estimates that are in order are left as they are: so the net learns as one without
    this layer.

    Parameters
    ----------
    direction : {1, -1}
        Whether values rise or fall.
    typical : array-like of shape (2, n_targets)
        Mean and standard deviation that outputs of 0 and 1 stand for, before they are sorted.

    References
    ----------
    .. [1] V. Chernozhukov, I. Fernandez-Val, A. Galichon, "Improving point and interval
       estimators of monotone functions by rearrangement", Biometrika 96, 559 (2009).
    """

    def __init__(self, direction, typical):
        super().__init__()
        self.direction = direction
        self.register_buffer("typical", torch.as_tensor(typical, dtype=torch.float32))

    def forward(self, x):
        """Turn outputs into values in order; outputs beyond the targets pass as they are."""
        mean, spread = self.typical
        n_targets = len(mean)
        if x.ndim != 2 or x.shape[1] < n_targets:
            return x  # a wrong shape, which `MapNet` names
        values = mean + spread * x[:, :n_targets].float()
        values = values.sort(dim=1, descending=self.direction < 0).values
        return torch.cat([values, x[:, n_targets:].float()], dim=1)

    def extra_repr(self):
        """Parameters for the representation."""
        return f"direction={self.direction}"
