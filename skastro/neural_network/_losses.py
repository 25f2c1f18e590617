"""Losses by name, and the criterion that weights them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """What is minimized, and what the outputs of the net then mean.

    Attributes
    ----------
    function : callable
        Takes outputs of the net and targets, returns one loss for each sample or for each
        target of each sample, or their mean. Where `of_batch` is set, it takes weights or None
        as well, and returns one number.
    outputs_per_target : {1, 2}
        1: the target. 2: first the means of all targets, then the logarithms of all variances.
    link : {"identity", "log1p", "log"}
        What an output is: the target; ``log(1 + target)``, which the loss compares to the same
        of the target; or the logarithm of the target's expectation, which it compares to the
        target itself.
    of_batch : bool
        Whether the loss is one of a whole batch, no mean over samples.
    """

    function: Callable
    outputs_per_target: int = 1
    link: str = "identity"
    of_batch: bool = False


def _squared_error(y_pred, y):
    return _per_sample(functional.mse_loss(y_pred, y, reduction="none"))


def _absolute_error(y_pred, y):
    return _per_sample(functional.l1_loss(y_pred, y, reduction="none"))


def _huber(y_pred, y):
    return _per_sample(functional.huber_loss(y_pred, y, reduction="none"))


def _poisson(y_pred, y):
    return _per_sample(functional.poisson_nll_loss(y_pred, y, log_input=True, reduction="none"))


def _gaussian_nll(y_pred, y):
    mean, log_variance = y_pred.chunk(2, dim=1)
    variance = log_variance.exp()
    return _per_sample(functional.gaussian_nll_loss(mean, y, variance, reduction="none"))


def _moments(y_pred, y, weight):
    mean, log_variance = y_pred.chunk(2, dim=1)
    squares = (mean - y) ** 2
    excess = (squares - log_variance.exp()) ** 2
    return (_log_mean(squares, weight) + _log_mean(excess, weight)).mean()


def _cross_entropy(y_pred, y):
    return functional.cross_entropy(y_pred, y, reduction="none")


def _per_sample(values):
    """Mean over the outputs of each sample."""
    return values.flatten(1).mean(1)


def _log_mean(values, weight):
    """Logarithm of the mean over samples, weighted or not; finite where all values are zero."""
    if weight is None:
        mean = values.mean(0)
    else:
        share = (weight / weight.sum()).reshape(-1, *(1,) * (values.ndim - 1))
        mean = (share * values).sum(0)
    return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()


REGRESSION_LOSSES = {
    "squared_error": Loss(_squared_error),
    "absolute_error": Loss(_absolute_error),
    "huber": Loss(_huber),
    "squared_log_error": Loss(_squared_error, link="log1p"),
    "poisson": Loss(_poisson, link="log"),
    "gaussian_nll": Loss(_gaussian_nll, outputs_per_target=2),
    "moments": Loss(_moments, outputs_per_target=2, of_batch=True),
}

CLASSIFICATION_LOSSES = {"log_loss": Loss(_cross_entropy)}


class SampleLoss(nn.Module):
    """Mean of a loss over samples, weighted or not.

    Parameters
    ----------
    loss : Loss or callable
        A loss, or the function of one whose outputs are the targets.
    """

    def __init__(self, loss):
        super().__init__()
        loss = loss if isinstance(loss, Loss) else Loss(loss)
        self.function = loss.function
        self.of_batch = loss.of_batch

    def forward(self, y_pred, target):
        """Loss of a batch; `target` is targets, or a pair of them and weights of mean 1."""
        y, weight = target if isinstance(target, (tuple, list)) else (target, None)
        if self.of_batch:
            return self.function(y_pred, y, weight)
        losses = self.function(y_pred, y)
        if weight is None:
            return losses.mean()
        if losses.ndim == 0:
            raise ValueError(
                "The 'loss' parameter returned one number for a batch, which cannot be weighted. "
                "Let it return one loss for each sample (reduction='none'), or drop sample_weight "
                "and class_weight."
            )
        return (losses.reshape(len(weight), -1).mean(1) * weight).mean()
