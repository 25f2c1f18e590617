"""Losses, one value for each sample."""

from torch import nn
from torch.nn import functional


def _per_sample(values):
    """Mean over the outputs of each sample."""
    return values.flatten(1).mean(1)


REGRESSION_LOSSES = {
    "squared_error": lambda p, y: _per_sample(functional.mse_loss(p, y, reduction="none")),
    "absolute_error": lambda p, y: _per_sample(functional.l1_loss(p, y, reduction="none")),
    "huber": lambda p, y: _per_sample(functional.huber_loss(p, y, reduction="none")),
}

CLASSIFICATION_LOSSES = {
    "log_loss": lambda p, y: functional.cross_entropy(p, y, reduction="none"),
}


class SampleLoss(nn.Module):
    """Mean of a loss over samples, weighted or not.

    Parameters
    ----------
    function : callable
        Takes predictions and targets, returns one loss for each sample or for each output of
        each sample, or their mean.
    """

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, y_pred, target):
        """Mean loss of a batch; `target` is targets, or a pair of them and weights of mean 1."""
        if not isinstance(target, (tuple, list)):
            return self.function(y_pred, target).mean()
        y, weight = target
        losses = self.function(y_pred, y)
        if losses.ndim == 0:
            raise ValueError(
                "The 'loss' parameter returned one number for a batch, which cannot be weighted. "
                "Let it return one loss for each sample (reduction='none'), or drop sample_weight."
            )
        return (losses.reshape(len(weight), -1).mean(1) * weight).mean()
