"""What a fit is put together from: module, net, optimizer, schedules and callbacks."""

from inspect import signature

import torch
from skorch.callbacks import PrintLog
from skorch.history import History

import skastro

from ._batches import Batches
from ._callbacks import own_callback
from ._losses import SampleLoss
from ._progress import EpochProgress
from ._run import Run
from ._schedules import OF_FIXED_LENGTH, make_schedules
from ._skorch import OPTIMIZERS, MapNet
from ._torch import (
    build_module,
    derive_seed,
    resolve_device,
    weights_from_arrays,
    weights_to_arrays,
)


class NetParts:
    """Makes the parts from the parameters of an estimator, and keeps its weights in a pickle."""

    _net_type = MapNet

    def _finish_module(self, module):
        """The module with what is to be done to its outputs."""
        return module

    def _make_criterion(self):
        """What compares outputs of the net and targets."""
        return SampleLoss(self._losses[self.loss] if isinstance(self.loss, str) else self.loss)

    def _make_net(self, device, module=None):
        """The skorch net around a module; by default a new one, its weights drawn from the seed."""
        spec, map_shape, output_shape = self._architecture
        if module is None:
            module = build_module(spec, map_shape, output_shape[0], derive_seed(self._seed, 4))
            module = self._finish_module(module)
        optimizer, options = self._optimizer(device)
        net = self._net_type(
            module,
            criterion=self._make_criterion(),
            optimizer=optimizer,
            lr=self.lr,
            **{f"optimizer__{key}": value for key, value in options.items()},
            batch_size=self._batch_size,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            train_split=None,
            device=device,
            verbose=0,
            seed=self._seed,
            output_shape=output_shape,
            precision=self.precision_,
            max_grad_norm=self.max_grad_norm,
            compiled_for=self._name if self.compile else None,
        )
        net.initialize()
        net.callbacks_ = []
        return net

    def _optimizer(self, device):
        """Class of the optimizer, and its options but the learning rate."""
        optimizer, options = self.optimizer, {}
        if isinstance(optimizer, str):
            optimizer, options = OPTIMIZERS[optimizer]
            if device.type in ("cpu", "cuda"):
                options = options | {"fused": True}
        if "weight_decay" in signature(optimizer).parameters:
            options = options | {"weight_decay": self.weight_decay}
        return optimizer, options

    def _schedules(self, optimizer, n_epochs, n_batches):
        """Schedules of an optimizer, those of batches and those of epochs."""
        return make_schedules(
            self.schedule,
            optimizer,
            lr=self.lr,
            momentum=isinstance(self.optimizer, str),
            n_steps=n_epochs * n_batches,
            n_warmup=None if self.warmup_epochs is None else self.warmup_epochs * n_batches,
            patience=self.patience,
        )

    def _make_run(self, n_batches, file):
        """The run over the epochs that are left, with its schedules."""
        net, n_epochs = self.net_, self.max_epochs - len(self.net_.history)
        net.schedules_, of_epochs = self._schedules(net.optimizer_, n_epochs, n_batches)
        return Run(
            net,
            self.max_epochs,
            patience=self.patience if self.early_stopping else None,
            of_epochs=of_epochs,
            file=file,
            interval=self.checkpoint_interval,
            resumable=self.schedule not in OF_FIXED_LENGTH,
            advice=f"Lower lr={self.lr}, set max_grad_norm, scale the maps (FieldScaler) and the "
            f"targets, or choose another optimizer than {self.optimizer!r} or another loss.",
            owner=self._name,
        )

    def _set_callbacks(self):
        """Callbacks of this run: ours, and copies of the user's."""
        callbacks = [EpochProgress(self._name, self.max_epochs)] if self.verbose == 1 else []
        callbacks += [own_callback(callback) for callback in self.callbacks or ()]
        if self.verbose == 2:
            callbacks.append(PrintLog())
        self.net_.callbacks = callbacks
        self.net_.verbose = int(self.verbose == 2)
        self.net_.initialize_callbacks()

    def __getstate__(self):
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            state["_weights"] = weights_to_arrays(net.module_)
            state["_skastro_version"] = skastro.__version__
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        state.pop("_skastro_version", None)
        super().__setstate__(state)
        if weights is not None:
            self.net_ = self._make_net(self._device_at_hand())
            weights_from_arrays(self.net_.module_, weights)
            self.net_.history = History({**epoch, "batches": []} for epoch in self.history_)

    def _device_at_hand(self):
        """The device that was asked for, or the processor where a loaded model does not find it."""
        try:
            return resolve_device(self.device, self._name)
        except ValueError:
            return torch.device("cpu")
