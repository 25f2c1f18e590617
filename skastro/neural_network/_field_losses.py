"""Losses between fields."""

from torch import nn
from torch.nn import functional

from ._field_dataset import crop
from ._losses import REGRESSION_LOSSES, Loss, SampleLoss


def _cross_entropy(y_pred, y, reduction):
    return functional.binary_cross_entropy_with_logits(y_pred, y, reduction=reduction)


def _dice(y_pred, y):
    y_pred, y = y_pred.flatten(2), y.flatten(2)
    both, each = (y_pred * y).sum(2), (y_pred**2 + y**2).sum(2)
    tiny = 1e-6 * y.shape[2]
    return 1 - (2 * both + tiny) / (each + tiny)


FIELD_LOSSES = {
    "squared_error": REGRESSION_LOSSES["squared_error"],
    "absolute_error": REGRESSION_LOSSES["absolute_error"],
    "huber": REGRESSION_LOSSES["huber"],
    "cross_entropy": Loss(_cross_entropy, reduces=True, link="logit"),
    "dice": Loss(_dice),
}
OF_FRACTIONS = ("cross_entropy", "dice")


class FieldLoss(nn.Module):
    """Mean of a loss over samples, of the cells that windows are for.

    Parameters
    ----------
    loss : Loss
        A loss of fields ``(n, n_targets, *core)``.
    fraction : bool
        Whether fields are fractions, of which the net makes the logit.
    """

    def __init__(self, loss, fraction):
        super().__init__()
        self.mean_loss = SampleLoss(loss)
        self.links = fraction and loss.link != "logit"

    def forward(self, y_pred, target):
        """Loss of a batch; `target` is what `FieldDataset` makes of it."""
        y, offset, *weight = target
        y_pred = crop(y_pred, offset, y.shape[2:])
        if self.links:
            y_pred = y_pred.sigmoid()
        return self.mean_loss(y_pred, (y, weight[0]) if weight else y)
