"""What the estimators that train a net share."""

import warnings
from contextlib import suppress
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted
from skorch.helper import predefined_split
from skorch.history import History

import skastro

from ..exceptions import DivergenceError
from ..maps import check_maps
from ..nets import ConvNet, Net
from ..utils import as_numpy, check_groups, fingerprint, map_layout, reuse_freed_blocks
from ..utils._params import HasMethods, Interval, Options, StrOptions
from ..utils._training_record import drop_records
from ._batches import Batches, MapDataset
from ._callbacks import describe_callback
from ._checkpoint import CheckpointFile
from ._distributed import of_all_ranks, train_together
from ._distributed_ranks import count_devices, device_for
from ._parts import NetParts
from ._precision import computing_in, resolve_precision
from ._progress import CallbackSupport, fit_task
from ._schedules import OF_FIXED_LENGTH, SCHEDULES
from ._skorch import OPTIMIZERS
from ._split import split_rows, warn_of_repeats
from ._streaming import Streaming, warn_of_chunks
from ._symmetries import Symmetries
from ._torch import (
    draw_seed,
    own_generator,
    thread_count,
)
from ._transfer import resident
from ._views import check_symmetries, symmetric_views

_RECORDED = ("epoch", "train_loss", "valid_loss", "lr", "dur")


class NetEstimator(NetParts, CallbackSupport, BaseEstimator):
    """Base class of what is trained as a net: builds, trains and runs it."""

    _losses: dict[str, Any] = {}
    _default_net: type[Net] = ConvNet
    average_symmetries = False
    _diverged = False
    _waits_in = None  # where it is put, made and untrained, to be trained with others
    _items_per_sample = 1
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
        drop_records(self)
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
        state = state if n_ranks == 1 else of_all_ranks(device, state)
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
        reuse_freed_blocks()
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _mean_one(sample_weight, rows):
    """Weights of all samples, scaled so that those of some rows have mean 1."""
    return torch.from_numpy(sample_weight / sample_weight[rows].mean(dtype=np.float64)).float()
