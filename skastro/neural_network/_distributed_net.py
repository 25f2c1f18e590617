"""A net whose batches are shared by several processes."""

from functools import partial

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from ._compiled import CompiledForward
from ._distributed_ranks import SharedBatches
from ._skorch import MapNet
from ._torch import derive_seed, seed_epoch


class SharedNet(MapNet):
    """A `MapNet` that trains on its share of each batch, together with other processes.

    Losses, gradients and the statistics of batch normalization are those of the whole batch, so
    that all processes take the same steps, those that one process alone would take. Random
    numbers of layers, such as dropout, differ from process to process and from batch to batch.
    """

    def share(self, ranks, has_idle_weights):
        """Begin to train together with other processes.

        Parameters
        ----------
        ranks : Ranks
            The processes.
        has_idle_weights : bool
            Whether weights may have no part in the outputs, which has to be looked for then.
        """
        self._ranks = ranks
        self._batches = None
        self._parallel = _ParallelForward(
            self.module_, ranks.device, has_idle_weights, self.compiled_for
        )
        self.iterator_train = partial(SharedBatches, ranks=ranks)
        self.iterator_valid = partial(SharedBatches, ranks=ranks)
        share_batch_norms(self.module_, ranks)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train or validate for an epoch, and record the mean loss over all processes."""
        self._batches = iterator
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)

    def count_samples(self, batch):
        """Samples in the whole of a batch."""
        return self._batches.size

    def infer(self, x, **fit_params):
        """Put the share of a batch through the module, and check the shape of what it returns."""
        part = self._parallel if self.module_.training else self.module_
        fill_to = -(-self.batch_size // self._ranks.n_ranks)
        return self.put_through(part, x, self.output_shape, fill_to=fill_to, **fit_params)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Loss of a share, such that the mean over processes is the loss of the batch."""
        n_ranks, shares = self._ranks.n_ranks, self._batches.shares
        if getattr(self.criterion_, "of_batch", False):
            y, weight = y_true if isinstance(y_true, (tuple, list)) else (y_true, None)
            y_pred, y = self._ranks.gather(y_pred, shares), self._ranks.gather(y, shares)
            if weight is not None:
                y = y, self._ranks.gather(weight, shares)
            loss = super().get_loss(y_pred, y, X=X, training=training)
            return loss.detach() + n_ranks * (loss - loss.detach())
        loss = super().get_loss(y_pred, y_true, X=X, training=training)
        return loss * (n_ranks * shares[self._ranks.rank] / self._batches.size)

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer, and return the loss of the whole batch."""
        ranks, number = self._ranks, self._batches.number
        shares = self._batches.shares
        ranks.counts, ranks.all_count = shares[ranks.rank] > 0, min(shares) > 0
        seed = derive_seed(self.seed, 6, ranks.rank, number)
        seed_epoch(self.module_, seed, len(self.history), ranks.device)
        return self._of_batch(super().train_step(batch, **fit_params))

    def validation_step(self, batch, **fit_params):
        """Return the loss of a whole batch, without training."""
        return self._of_batch(super().validation_step(batch, **fit_params))

    def _of_batch(self, step):
        return step | {"loss": self._ranks.sum(step["loss"]) / self._ranks.n_ranks}


class _ParallelForward:
    """A module in training, whose gradients become the means over processes."""

    def __init__(self, module, device, has_idle_weights, compiled_for):
        self._module, self._compiled_for = module, compiled_for
        self._options = {
            "device_ids": [device.index] if device.type == "cuda" else None,
            "find_unused_parameters": has_idle_weights,
        }
        self._trained = self._forward = None

    def __call__(self, x, **params):
        trained = [name for name, w in self._module.named_parameters() if w.requires_grad]
        if trained != self._trained:  # which a callback may change, and torch has to be told
            self._forward, self._trained = None, trained
            self._forward = DistributedDataParallel(self._module, **self._options)
            if self._compiled_for is not None:
                self._forward = CompiledForward(self._forward, self._compiled_for)
        return self._forward(x, **params)


def share_batch_norms(module, ranks):
    """Let batch normalization see the whole batch.

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is changed; names of weights are not.
    ranks : Ranks
        The processes.
    """
    for layer in module.modules():
        if isinstance(layer, _BatchNorm):
            layer.forward = partial(_normalize, layer, ranks, _of_torch(layer, ranks.device))


def _of_torch(layer, device):
    """The layer of torch for several processes with the same weights; None on a processor."""
    if device.type != "cuda":
        return None
    return torch.nn.SyncBatchNorm.convert_sync_batchnorm(layer)


def _normalize(layer, ranks, of_torch, x):
    """Batch normalization where torch has none: on a processor, and where shares are empty."""
    if layer.training and of_torch is not None and ranks.all_count:
        return of_torch.train()(x)
    if not layer.training:
        return type(layer).forward(layer, x)
    layer._check_input_dim(x)
    values, counts = x.float(), float(ranks.counts)
    axes, shape = [0, *range(2, x.ndim)], (1, -1, *(1,) * (x.ndim - 2))
    n_values = values.new_tensor([counts * values.numel() / values.shape[1]])
    *sums, count = ranks.differentiable_sum(torch.cat([counts * values.sum(axes), n_values])).split(
        [values.shape[1], 1]
    )
    mean = sums[0] / count
    centred = values - mean.reshape(shape)
    var = ranks.differentiable_sum(counts * centred.square().sum(axes)) / count
    out = centred * (var + layer.eps).rsqrt().reshape(shape)
    if layer.affine:
        out = out * layer.weight.reshape(shape) + layer.bias.reshape(shape)
    if layer.track_running_stats:
        with torch.no_grad():
            layer.num_batches_tracked += 1
            share = layer.momentum
            share = 1 / layer.num_batches_tracked.item() if share is None else share
            layer.running_mean.lerp_(mean, share)
            layer.running_var.lerp_(var * count / (count - 1).clamp_min(1), share)
    return out.to(x.dtype)
