"""The skorch net that trains the modules."""

import math
from contextlib import nullcontext

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochTimer,
    TrainEndCheckpoint,
)

from ._compiled import CompiledForward
from ._torch import generator_states, restore_generators, seed_epoch

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}

_NDIM = {torch.channels_last: 4, torch.channels_last_3d: 5}


class MapNet(NeuralNet):
    """A skorch net that records losses by epoch, seeds epochs and can stop within one.

    What skorch does for each batch, it does where a callback listens to batches; else the
    loss alone is noted, and on a GPU read at the end of the epoch. Feature maps are stored in the
    format that suits the module. Outside training every batch is filled up to the same size, since
    the size decides in which order products are summed: so the output for a map does not depend
    on the maps beside it.

    Parameters
    ----------
    *args
        As for ``skorch.NeuralNet``.
    seed : int, default=0
        Seed of the run.
    output_shape : tuple of int, default=None
        Shape of what the module must make of a sample: ``(n_outputs,)``, or
        ``(n_outputs, *spatial)`` for fields; None accepts any.
    precision : {"float32", "tf32", "bfloat16"}, default="float32"
        Whether training is in automatic mixed precision, which "bfloat16" is.
    max_grad_norm : float, default=None
        Greatest norm of the gradient.
    compiled_for : str, default=None
        Estimator whose training runs through ``torch.compile``, named in errors; None compiles
        nothing. What is not training never does.
    **kwargs
        As for ``skorch.NeuralNet``.

    Attributes
    ----------
    schedules_ : list of torch.optim.lr_scheduler.LRScheduler
        Schedules that are stepped after each batch.
    partial_ : dict or None
        The epoch that is under way. What `partial_state` returned, put here before an epoch,
        lets it go on from there.
    after_batch_ : callable or None
        Called after each batch of training.
    stop_ : bool
        Whether a callback of skorch asked to stop.
    """

    def __init__(
        self,
        *args,
        seed=0,
        output_shape=None,
        precision="float32",
        max_grad_norm=None,
        compiled_for=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.seed = seed
        self.output_shape = output_shape
        self.precision = precision
        self.max_grad_norm = max_grad_norm
        self.compiled_for = compiled_for
        self.schedules_ = []
        self.partial_ = None
        self.after_batch_ = None
        self.stop_ = False

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def notify(self, method_name, **cb_kwargs):
        """Tell the callbacks; that of skorch which stops does so by an interrupt of its own."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                if not isinstance(callback, EarlyStopping):
                    raise
                self.stop_ = True

    def initialize_module(self):
        """Store the weights in the order that suits the module."""
        super().initialize_module()
        self._compiled = None
        self.memory_format_ = fast_memory_format(self.module_)
        if self.memory_format_ is not None:
            self.module_.to(memory_format=self.memory_format_)
        return self

    def initialize_optimizer(self, *args, **kwargs):
        """Note the learning rate, which a schedule asks for where a run goes on."""
        super().initialize_optimizer(*args, **kwargs)
        for group in self.optimizer_.param_groups:
            group["initial_lr"] = group["lr"]
        return self

    def infer(self, x, **fit_params):
        """Put a batch through the module, and check the shape of what it returns."""
        part = self.module_
        if self.compiled_for is not None and part.training:
            if self._compiled is None:
                self._compiled = CompiledForward(part, self.compiled_for)
            part = self._compiled
        return self.put_through(part, x, self.output_shape, **fit_params)

    def put_through(self, part, x, output_shape=None, fill_to=None, **fit_params):
        """Put a batch through the module or a part of it.

        Parameters
        ----------
        part : callable
            The module of this net, compiled or not, or one within it.
        x : torch.Tensor of shape (n, ...)
            The batch.
        output_shape : tuple of int, default=None
            Shape that must come out for a sample; None accepts any.
        fill_to : int, default=None
            Samples that a batch is filled up to outside training; None is the batch size.
        **fit_params
            Further arguments of the part.

        Returns
        -------
        torch.Tensor of shape (n, *output_shape)
            What comes out, in float32.

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        x = x.to(self.device)
        n_samples, training = len(x), self.module_.training
        n_missing = (fill_to or self.batch_size) - n_samples
        if not training and n_missing > 0:
            x = torch.cat([x, x[:1].expand(n_missing, *x.shape[1:])])
        if self.memory_format_ is not None and x.ndim == _NDIM[self.memory_format_]:
            x = x.contiguous(memory_format=self.memory_format_)
        mixed = training and self.precision == "bfloat16"
        with torch.autocast(x.device.type, torch.bfloat16) if mixed else nullcontext():
            out = part(x, **fit_params).float()
        if output_shape is not None and out.shape != (len(x), *output_shape):
            names = "n_samples, n_outputs" + ", *spatial" * (len(output_shape) > 1)
            raise ValueError(
                f"The 'net' parameter built a module that turns a batch of shape {tuple(x.shape)} "
                f"into one of shape {tuple(out.shape)}. It must return ({names}) = "
                f"{(len(x), *output_shape)}."
            )
        return out if len(out) == n_samples else out[:n_samples]

    def get_iterator(self, dataset, training=False):
        """Batches of a data set, in the order of cells and channels that suits the module."""
        dataset.memory_format = self.memory_format_
        return super().get_iterator(dataset, training=training)

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Fix the random numbers of the epoch."""
        super().on_epoch_begin(net, dataset_train, dataset_valid, **kwargs)
        epoch = len(self.history)
        dataset_train.epoch = epoch
        seed_epoch(self.module_, self.seed, epoch, torch.device(self.device))

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train or validate for an epoch, and record its mean loss."""
        if iterator is None:
            return
        self._set_training(training)
        listened = (
            self._listened("on_batch_begin")
            or self._listened("on_batch_end")
            or any(isinstance(cb, (Checkpoint, TrainEndCheckpoint)) for _, cb in self.callbacks_)
        )  # the last two name their files by the last batch
        done = self._enter_epoch() if training else {"losses": [], "sizes": []}
        losses, sizes = done["losses"], done["sizes"]
        for batch in iterator.starting_at(len(sizes)):
            done["lr"] = self.optimizer_.param_groups[0]["lr"]
            if listened:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(_noted(step["loss"]))
            sizes.append(self.count_samples(batch))
            if listened:
                self.history.record_batch(prefix + "_loss", step["loss"].item())
                self.history.record_batch(prefix + "_batch_size", sizes[-1])
                self.notify("on_batch_end", batch=batch, training=training, **step)
            if training and self.after_batch_ is not None:
                self.after_batch_()
        if listened:
            self.history.record(prefix + "_batch_count", len(sizes))
        loss = np.average(read_losses(losses), weights=sizes).item()
        name = prefix + "_loss"
        before = [epoch[name] for epoch in self.history[:-1] if name in epoch]
        self.history.record(name, loss)
        self.history.record(name + "_best", loss < min(before, default=math.inf))
        if training:
            self.history.record("lr", done["lr"])
            self.partial_ = None

    def count_samples(self, batch):
        """Samples in a batch."""
        return len(batch[0])

    def _enter_epoch(self):
        """What was done of the epoch, to be added to."""
        self._gradients_listened = self._listened("on_grad_computed")
        if self.partial_ is None:
            self.partial_ = {"losses": [], "sizes": []}
        else:
            done = dict(self.partial_)
            restore_generators(self.module_, done.pop("generators"), torch.device(self.device))
            self.partial_ = done
        return self.partial_

    def partial_state(self):
        """State of the epoch that is under way, to be put into ``partial_`` later."""
        if self.partial_ is None:
            return None
        return self.partial_ | {
            "losses": read_losses(self.partial_["losses"]),
            "sizes": list(self.partial_["sizes"]),
            "generators": generator_states(self.module_, torch.device(self.device)),
        }

    def train_step(self, batch, **fit_params):
        """Take one step of the optimizer, and return loss and outputs before it."""
        x, target = batch
        steps = []
        if not self.module_.training:
            self._set_training(True)

        def closure():
            self.optimizer_.zero_grad()
            y_pred = self.infer(x, **fit_params)
            loss = self.get_loss(y_pred, target, X=x, training=True)
            loss.backward()
            if self.max_grad_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_grad_norm)
            if self._gradients_listened:
                parameters = list(self.module_.named_parameters())
                self.notify(
                    "on_grad_computed", named_parameters=parameters, batch=batch, training=True
                )
            steps.append({"loss": loss.detach(), "y_pred": y_pred})
            return loss

        self.optimizer_.step(closure)
        for schedule in self.schedules_:
            schedule.step()
        return steps[0]

    def outputs(self, dataset, views):
        """Outputs of the module for several views of all samples.

        Parameters
        ----------
        dataset : MapDataset
            The samples.
        views : list of callable
            Each takes a batch of maps and returns the batch to put through the module.

        Returns
        -------
        torch.Tensor of shape (n_views, n_samples, *output_shape)
            Outputs in float32, on the processor.
        """
        self._set_training(False)
        with torch.inference_mode():
            outputs, n_done = None, 0
            for x, _ in self.get_iterator(dataset):
                some = torch.stack([self.infer(view(x)) for view in views])
                if outputs is None:  # one array: small ones of each batch would lie in its gap
                    outputs = torch.empty(len(views), len(dataset), *some.shape[2:])
                outputs[:, n_done : n_done + len(x)] = some
                n_done += len(x)
        return outputs

    def _listened(self, event):
        """Whether a callback does something at an event."""
        return any(
            getattr(type(callback), event) is not getattr(Callback, event)
            for _, callback in self.callbacks_
        )


def fast_memory_format(module):
    """Order of cells and channels in which a module is fast.

    Channels last makes convolutions in two dimensions up to twice as fast on a processor, those
    in three by up to a third; but torch has no kernel of that order for mean pooling in three.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    torch.memory_format or None
        The format; None where it does not matter.
    """
    layers = list(module.modules())
    flat, solid, mean_pooling = (
        any(isinstance(layer, kind) for layer in layers)
        for kind in (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.AvgPool3d)
    )
    if flat and not solid:
        return torch.channels_last
    return torch.channels_last_3d if solid and not (flat or mean_pooling) else None


def read_losses(losses):
    """Numbers of losses, some of which are numbers already and the others on a device."""
    n_read = sum(isinstance(loss, float) for loss in losses)
    return losses[:n_read] + (torch.stack(losses[n_read:]).tolist() if losses[n_read:] else [])


def _noted(loss):
    """A loss to keep until the end of the epoch."""
    # Reading a number waits for a GPU. On the processor it does not, and a small tensor that
    # outlives its batch lies in the gap that the batch leaves, where the next one no longer fits,
    # so that the memory of the process would grow by a batch with each step.
    return loss.item() if loss.device.type == "cpu" else loss
