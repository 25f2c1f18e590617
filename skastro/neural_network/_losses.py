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
    link : {"identity", "log1p", "log", "logit"}
        What an output is: the target; ``log(1 + target)``, which the loss compares to the same
        of the target; or the logarithm or logit of the target's expectation, which it compares
        to the target itself.
    of_batch : bool
        Whether the loss is one of a whole batch, no mean over samples.
    reduces : bool
        Whether the function has the argument `reduction` of torch's losses, and so can take the
        mean in one step.
    """

    function: Callable
    outputs_per_target: int = 1
    link: str = "identity"
    of_batch: bool = False
    reduces: bool = False


def _poisson(y_pred, y, reduction):
    return functional.poisson_nll_loss(y_pred, y, log_input=True, reduction=reduction)


def _gaussian_nll(y_pred, y, reduction):
    mean, log_variance = y_pred.chunk(2, dim=1)
    return functional.gaussian_nll_loss(mean, y, log_variance.exp(), reduction=reduction)


def _moments(y_pred, y, weight):
    mean, log_variance = y_pred.chunk(2, dim=1)
    squares = (mean - y) ** 2
    excess = (squares - log_variance.exp()) ** 2
    return (_log_mean(squares, weight) + _log_mean(excess, weight)).mean()


def _log_mean(values, weight):
    """Logarithm of the mean over samples, weighted or not; finite where all values are zero."""
    if weight is None:
        mean = values.mean(0)
    else:
        share = (weight / weight.sum()).reshape(-1, *(1,) * (values.ndim - 1))
        mean = (share * values).sum(0)
    return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()


REGRESSION_LOSSES = {
    "squared_error": Loss(functional.mse_loss, reduces=True),
    "absolute_error": Loss(functional.l1_loss, reduces=True),
    "huber": Loss(functional.huber_loss, reduces=True),
    "squared_log_error": Loss(functional.mse_loss, reduces=True, link="log1p"),
    "poisson": Loss(_poisson, reduces=True, link="log"),
    "gaussian_nll": Loss(_gaussian_nll, reduces=True, outputs_per_target=2),
    "moments": Loss(_moments, outputs_per_target=2, of_batch=True),
}

CLASSIFICATION_LOSSES = {"log_loss": Loss(functional.cross_entropy, reduces=True)}


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
        self.reduces = loss.reduces

    def forward(self, y_pred, target):
        """Loss of a batch; `target` is targets, or a pair of them and weights of mean 1."""
        y, weight = target if isinstance(target, (tuple, list)) else (target, None)
        if self.of_batch:
            return self.function(y_pred, y, weight)
        if self.reduces and weight is None:
            return self.function(y_pred, y, reduction="mean")
        losses = self.function(y_pred, y, **({"reduction": "none"} if self.reduces else {}))
        if weight is None:
            return losses.mean()
        if losses.ndim == 0:
            raise ValueError(
                "The 'loss' parameter returned one number for a batch, which cannot be weighted. "
                "Let it return one loss for each sample (reduction='none'), or drop sample_weight "
                "and class_weight."
            )
        return (losses.reshape(len(weight), -1).mean(1) * weight).mean()
