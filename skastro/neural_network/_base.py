"""What the estimators that train a net share."""

import warnings
from contextlib import suppress
from inspect import signature
from numbers import Integral, Real
from os import PathLike

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted
from skorch.callbacks import PrintLog
from skorch.helper import predefined_split
from skorch.history import History

import skastro

from ..exceptions import DivergenceError
from ..maps import check_maps
from ..nets import ConvNet
from ..utils import as_numpy, check_groups, fingerprint, map_layout
from ..utils._params import HasMethods, Interval, Options, StrOptions
from ._batches import Batches, MapDataset
from ._callbacks import describe_callback, own_callback
from ._checkpoint import CheckpointFile
from ._distributed import train_together
from ._distributed_ranks import count_devices, device_for
from ._losses import SampleLoss
from ._precision import computing_in, resolve_precision
from ._progress import CallbackSupport, EpochProgress, fit_task
from ._run import Run
from ._schedules import OF_FIXED_LENGTH, SCHEDULES, make_schedules
from ._skorch import OPTIMIZERS, MapNet
from ._split import split_rows, warn_of_repeats
from ._streaming import Streaming, warn_of_chunks
from ._symmetries import Symmetries
from ._torch import (
    build_module,
    derive_seed,
    draw_seed,
    own_generator,
    resolve_device,
    thread_count,
    weights_from_arrays,
    weights_to_arrays,
)
from ._transfer import resident
from ._views import check_symmetries, symmetric_views

_RECORDED = ("epoch", "train_loss", "valid_loss", "lr", "dur")


class NetEstimator(CallbackSupport, BaseEstimator):
    """Base class of what is trained as a net: builds, trains and runs it."""

    _losses = {}
    _default_net = ConvNet
    average_symmetries = False
    _diverged = False
    _waits_in = None  # where it is put, made and untrained, to be trained with others
    _items_per_sample = 1
    _net_type = MapNet
    _min_samples = 2
    # Parameters that do not change what is trained.
    _not_in_fingerprint = {
        "average_symmetries",
        "checkpoint",
        "checkpoint_interval",
        "compile",
        "device",
        "devices",
        "n_threads",
        "verbose",
        "warm_start",
    }

    _parameter_constraints = {
        "net": [HasMethods(["build"]), callable, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "schedule": [StrOptions(set(SCHEDULES)), None],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "augmentation": [Symmetries, None],
        "average_symmetries": ["boolean"],
        "precision": [StrOptions({"auto", "float32", "tf32", "bfloat16"})],
        "compile": ["boolean"],
        "device": [str],
        "devices": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"}), None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "streaming": [Streaming, None],
        "checkpoint": [str, PathLike, None],
        "checkpoint_interval": [Interval(Real, 0, None, closed="left"), None],
        "callbacks": [list, tuple, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": [Options(Integral, {0, 1, 2}), "boolean"],
    }

    @property
    def _name(self):
        return type(self).__name__

    @property
    def _continues(self):
        """Whether fit goes on from the weights that are there, unless these are worthless."""
        return self.warm_start and self.__sklearn_is_fitted__()

    def _check_fit(self, X, y, sample_weight, groups):
        """Check what fit was given; targets are checked by the subclass."""
        self._validate_params()
        if self.streaming is not None:
            self.streaming._validate_params()
        if y is None and self.__sklearn_tags__().target_tags.required:
            raise ValueError(
                f"This {self._name} estimator requires y to be passed, but the target y is None."
            )
        dim, reset = getattr(self.net, "dim", None), not self._continues
        X = as_numpy(check_maps(self, X, reset=reset, dim=dim, min_samples=self._min_samples))
        groups = None if groups is None else check_groups(groups, f"{self._name}.fit")
        check_consistent_length(X, y, sample_weight, groups)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, np.empty((len(X), 1)), dtype=np.float32, ensure_non_negative=True
            )
            n_used = np.count_nonzero(sample_weight)
            if n_used < self._min_samples:
                raise ValueError(
                    f"{self._name} needs at least {self._min_samples} samples whose sample_weight "
                    f"is not zero; got {n_used}."
                )
        return X, sample_weight, groups

    def _fit_net(self, X, y, output_shape, sample_weight, groups, given):
        """Train a net with outputs ``(n_outputs, [*spatial])``; callbacks see what was `given`."""
        n_ranks = count_devices(self.devices, self.device, self._name)
        with device_for(n_ranks, self.device, self._name) as device:
            self._fit_on(device, n_ranks, X, y, output_shape, sample_weight, groups, given)

    def _fit_on(self, device, n_ranks, X, y, output_shape, sample_weight, groups, given):
        """Train on a device, or on as many as there are processes."""
        self.precision_ = resolve_precision(self.precision, device, self._name)
        module, history = None, History()
        if self._continues:
            module, history = self.net_.module_, self.net_.history
        else:
            self.history_, self._diverged = [], False
            self._seed = draw_seed(self.random_state)
            spec = self._default_net() if self.net is None else self.net
            spec = clone(spec) if hasattr(spec, "get_params") else spec
            layout = map_layout(X.shape, getattr(spec, "dim", None), self._name)
            self._architecture = (spec, layout.map_shape, output_shape)
        if len(history) >= self.max_epochs:
            warnings.warn(
                f"{self._name}(warm_start=True) has been trained for max_epochs="
                f"{self.max_epochs} already, so fit does nothing. Raise max_epochs.",
                ConvergenceWarning,
                stacklevel=4,
            )
            return
        file = self._checkpoint_file(X, y, sample_weight, groups, history)
        state = None if file is None else file.load()
        if state is not None:
            self._seed = state["seed"]
        held = device if n_ranks == 1 else torch.device("cpu")
        train, valid = self._datasets(X, y, sample_weight, groups, held)
        self._batch_size = min(self.batch_size, len(X) * self._items_per_sample)
        self.net_ = self._make_net(device, module)
        self.net_.history = history
        if self._waits_in is not None:
            self._waits_in.append((self, train))
            return
        run = self._make_run(len(Batches(train, self._batch_size, shuffle=True)), file)
        if state is not None:
            self._restore(run, state)
        with fit_task(self, run, X, *given) as on_epoch:
            if run.finished:
                self._keep_history()
            elif n_ranks > 1:
                train_together(self, n_ranks, run, train, valid, state, on_epoch)
            else:
                self._train(run, train, valid, device, on_epoch)

    def _train(self, run, train, valid, device, on_epoch):
        """Run the epochs that are left."""
        self.net_.train_split = None if valid is None else predefined_split(valid)
        self._set_callbacks()
        try:
            with (
                own_generator(device),
                thread_count(self.n_threads),
                computing_in(self.precision_, device),
            ):
                run.begin(train)
                run.train(train, on_epoch)
        except BaseException as error:
            self._diverged = isinstance(error, DivergenceError)
            with suppress(Exception):
                self.net_.notify("on_train_end", X=train)
            raise
        else:
            run.end(train)
        finally:
            self._keep_history()
            self.net_.train_split = None
            self.net_.callbacks_ = []

    def _restore(self, run, state):
        """Take up the run that a checkpoint holds."""
        try:
            run.restore(state)
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{self._name}: the checkpoint {run.file.path} does not fit the net or the "
                f"optimizer, whose code may have changed since ({error}). Delete the file, or "
                f"give another folder as checkpoint."
            ) from error

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

    def _checkpoint_file(self, X, y, sample_weight, groups, history):
        """The file of this fit, found by its data, parameters and where it starts from."""
        if self.checkpoint is None:
            return None
        params = self.get_params(deep=False)
        params = {key: params[key] for key in params if key not in self._not_in_fingerprint}
        if self.schedule not in OF_FIXED_LENGTH:
            params.pop("max_epochs")
        if self.streaming is not None and self.streaming.block_size == 1:
            params["streaming"] = None
        params["callbacks"] = [describe_callback(callback) for callback in self.callbacks or ()]
        params["random_state"] = None if self.random_state is None else self._seed
        start = None
        if self._continues:
            scaler = getattr(self, "target_scaler_", None)
            start = self.net_.module_.state_dict(), len(history), self._architecture, scaler
        version = skastro.__version__
        name = fingerprint(version, type(self), params, X, y, sample_weight, groups, start)
        return CheckpointFile(self.checkpoint, f"{self._name}-{name}", self.max_epochs, self._name)

    def _keep_history(self):
        """Note the epochs that were run; one that was interrupted does not count."""
        history = self.net_.history
        if history and "dur" not in history[-1]:
            history.pop()
        self.history_ = [
            {key: epoch[key] for key in _RECORDED if key in epoch} for epoch in history
        ]
        self.n_iter_ = len(self.history_)

    def _datasets(self, X, y, sample_weight, groups, device):
        """Data to train on and, for early stopping, to validate on."""
        map_shape = self._architecture[1]
        check_symmetries(self, map_shape)
        rows = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
        train, valid = self._split(rows, groups) if self.early_stopping else (rows, None)
        if self.early_stopping and groups is None:
            warn_of_repeats(self._name, y, rows)
        y = None if y is None else self._encode(y, train)

        X, y = resident(X, device), None if y is None else resident(y, device)
        shared = {"owner": self._name, "streaming": self.streaming}
        shared |= {"seed": self._seed, "device": device}

        def dataset(rows, **options):
            weight = None if sample_weight is None else _mean_one(sample_weight, rows)
            options |= shared | {"weight": weight, "rows": torch.from_numpy(rows)}
            return self._dataset(X, map_shape, y, **options)

        train = dataset(train, augmentation=self.augmentation, training=True)
        warn_of_chunks(train, self.batch_size)
        return train, None if valid is None else dataset(valid)

    def _dataset(self, X, map_shape, y, training=False, **options):
        """What batches to train on or to validate on are taken from."""
        return MapDataset(X, map_shape, y, **options)

    def _encode(self, y, train):
        """Targets as `_dataset` takes them; what is learned of them is learned of rows `train`."""
        return torch.from_numpy(y)

    def _finish_module(self, module):
        """The module with what is to be done to its outputs."""
        return module

    def _make_criterion(self):
        """What compares outputs of the net and targets."""
        return SampleLoss(self._losses[self.loss] if isinstance(self.loss, str) else self.loss)

    def _split(self, rows, groups):
        """Rows for training and for validation, whole groups where there are groups."""
        train, valid, n_units = split_rows(rows, groups, self.validation_fraction, self._seed)
        if n_units < 2:
            units = "samples" if groups is None else "groups"
            raise ValueError(
                f"{self._name}(early_stopping=True) cannot part {n_units} {units} into some to "
                f"train on and some to validate on. Train on more {units}, or set "
                f"early_stopping=False."
            )
        return train, valid

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

    def _set_callbacks(self):
        """Callbacks of this run: ours, and copies of the user's."""
        callbacks = [EpochProgress(self._name, self.max_epochs)] if self.verbose == 1 else []
        callbacks += [own_callback(callback) for callback in self.callbacks or ()]
        if self.verbose == 2:
            callbacks.append(PrintLog())
        self.net_.callbacks = callbacks
        self.net_.verbose = int(self.verbose == 2)
        self.net_.initialize_callbacks()

    def _forward(self, X):
        """Outputs for each symmetric view of the maps, ``(n_views, n_samples, n_outputs)``."""
        check_is_fitted(self)
        spec, map_shape, _ = self._architecture
        X = as_numpy(check_maps(self, X, reset=False, dim=getattr(spec, "dim", None)))
        device = torch.device(self.net_.device)
        data = MapDataset(X, map_shape, device=device, owner=self._name, streaming=self.streaming)
        with thread_count(self.n_threads), computing_in("float32", device):
            outputs = self.net_.outputs(data, symmetric_views(self, map_shape)).numpy()
        if not np.isfinite(outputs).all():
            raise DivergenceError(
                f"{self._name}: the net makes NaN or infinity of finite maps. Scale the maps as "
                f"those of the fit were scaled, or fit anew with a lower lr or scaled maps."
            )
        return outputs

    def __sklearn_is_fitted__(self):
        return bool(getattr(self, "history_", ())) and not self._diverged

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _mean_one(sample_weight, rows):
    """Weights of all samples, scaled so that those of some rows have mean 1."""
    return torch.from_numpy(sample_weight / sample_weight[rows].mean(dtype=np.float64)).float()
