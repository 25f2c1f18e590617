"""What the estimators that train a net share."""

import copy
import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted
from skorch.callbacks import PrintLog
from skorch.helper import predefined_split
from skorch.history import History

import skastro

from ..exceptions import DivergenceError
from ..maps import check_maps
from ..nets import ConvNet
from ..utils import as_numpy, map_layout
from ..utils._params import HasMethods, Interval, Options, StrOptions
from ._batches import Batches, MapDataset
from ._losses import SampleLoss
from ._skorch import OPTIMIZERS, SCHEDULES, EpochProgress, MapNet, schedule_callback
from ._symmetries import Symmetries
from ._torch import (
    build_module,
    derive_seed,
    draw_seed,
    own_generator,
    resolve_device,
    thread_count,
)

_RECORDED = ("epoch", "train_loss", "valid_loss", "dur")


class NetEstimator(BaseEstimator):
    """Base class of `CNNRegressor` and `CNNClassifier`: builds, trains and runs the net."""

    _losses = {}

    _parameter_constraints = {
        "net": [HasMethods(["build"]), callable, None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "schedule": [StrOptions(set(SCHEDULES)), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "augmentation": [Symmetries, None],
        "device": [str],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
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
        if not self.warm_start or not hasattr(self, "history_"):
            return False
        return not self.history_ or bool(np.isfinite(self.history_[-1]["train_loss"]))

    def _check_fit(self, X, y, sample_weight, groups):
        """Check what fit was given; targets are checked by the subclass."""
        self._validate_params()
        if y is None:
            raise ValueError(
                f"This {self._name} estimator requires y to be passed, but the target y is None."
            )
        dim, reset = getattr(self.net, "dim", None), not self._continues
        X = as_numpy(check_maps(self, X, reset=reset, dim=dim, min_samples=2))
        check_consistent_length(X, y, sample_weight, groups)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, np.empty((len(X), 1)), dtype=np.float32, ensure_non_negative=True
            )
            n_used = np.count_nonzero(sample_weight)
            if n_used < 2:
                raise ValueError(
                    f"{self._name} needs at least 2 samples whose sample_weight is not zero; got "
                    f"{n_used}."
                )
        return X, sample_weight

    def _fit_net(self, X, y, n_outputs, sample_weight, groups):
        """Train on checked maps and targets."""
        device = resolve_device(self.device, self._name)
        module, history = None, History()
        if self._continues:
            module, history = self.net_.module_, self.net_.history
        else:
            self._seed = draw_seed(self.random_state)
            spec = ConvNet() if self.net is None else self.net
            spec = clone(spec) if hasattr(spec, "get_params") else spec
            layout = map_layout(X.shape, getattr(spec, "dim", None), self._name)
            self._architecture = (spec, layout.map_shape, n_outputs)
        epochs = range(len(history), self.max_epochs)
        if not epochs:
            warnings.warn(
                f"{self._name}(warm_start=True) has been trained for max_epochs="
                f"{self.max_epochs} already, so fit does nothing. Raise max_epochs.",
                ConvergenceWarning,
                stacklevel=3,
            )
            return
        train, valid = self._datasets(X, y, sample_weight, groups)
        self._batch_size = min(self.batch_size, len(X))
        net = self._make_net(device, module)
        net.history = history
        net.train_split = None if valid is None else predefined_split(valid)
        n_batches = len(Batches(train, self._batch_size, shuffle=True))
        self._set_callbacks(net, len(epochs) * n_batches)
        self.net_ = net
        try:
            with own_generator(device), thread_count(self.n_threads):
                self.net_.notify("on_train_begin", X=train)
                self._train(train, epochs)
        finally:
            self._keep_history()
            try:
                self.net_.notify("on_train_end", X=train)
            finally:
                self.net_.train_split = None
                self.net_.callbacks_ = []

    def _keep_history(self):
        """Note the epochs that were run; one that was interrupted does not count."""
        history = self.net_.history
        if history and "train_loss" not in history[-1]:
            history.pop()
        self.history_ = [
            {key: epoch[key] for key in _RECORDED if key in epoch} for epoch in history
        ]
        self.n_iter_ = len(self.history_)

    def _train(self, train, epochs):
        """Run epochs, stop early, and keep the weights of the best epoch."""
        best_loss, best_epoch, best_weights = np.inf, epochs[0], None
        for epoch in epochs:
            self.net_.fit_loop(train, epochs=1)
            loss = self.net_.history[-1, "train_loss"]
            if not np.isfinite(loss):
                raise DivergenceError(
                    f"{self._name}: the training loss became {loss} in epoch {epoch + 1}. Lower "
                    f"lr={self.lr}, scale the maps (FieldScaler) and the targets, or choose "
                    f"another optimizer than {self.optimizer!r}."
                )
            if not self.early_stopping:
                continue
            if self.net_.history[-1, "valid_loss"] < best_loss:
                best_loss, best_epoch = self.net_.history[-1, "valid_loss"], epoch
                best_weights = copy.deepcopy(self.net_.module_.state_dict())
            if epoch - best_epoch >= self.patience:
                break
        if best_weights is not None:
            self.net_.module_.load_state_dict(best_weights)

    def _datasets(self, X, y, sample_weight, groups):
        """Data to train on and, for early stopping, to validate on."""
        map_shape = self._architecture[1]
        if self.augmentation is not None:
            self.augmentation.n_elements(map_shape[1:])
        rows = np.arange(len(X)) if sample_weight is None else np.flatnonzero(sample_weight)
        train, valid = self._split(rows, groups) if self.early_stopping else (rows, None)
        y = torch.from_numpy(self._encode(y, train))

        def dataset(rows, **options):
            weight = None if sample_weight is None else _mean_one(sample_weight, rows)
            options |= {"weight": weight, "rows": torch.from_numpy(rows), "owner": self._name}
            return MapDataset(X, map_shape, y, seed=self._seed, **options)

        return (
            dataset(train, augmentation=self.augmentation),
            None if valid is None else dataset(valid),
        )

    def _encode(self, y, train):
        """Targets as the loss takes them; what is learned of them is learned of rows `train`."""
        return y

    def _split(self, rows, groups):
        """Rows for training and for validation, whole groups where there are groups."""
        splitter, n_units, units = ShuffleSplit, len(rows), "samples"
        if groups is not None:
            groups = np.asarray(groups)[rows]
            splitter, n_units, units = GroupShuffleSplit, len(np.unique(groups)), "groups"
        splitter = splitter(1, test_size=self.validation_fraction, random_state=self._seed % 2**32)
        try:
            return [rows[part] for part in next(splitter.split(rows, groups=groups))]
        except ValueError as error:
            raise ValueError(
                f"{self._name}(early_stopping=True, validation_fraction={self.validation_fraction})"
                f" cannot part {n_units} {units} into some to train on and some to validate on. "
                f"Train on more {units}, change validation_fraction or set early_stopping=False."
            ) from error

    def _make_net(self, device, module=None):
        """The skorch net around a module; by default a new one, its weights drawn from the seed."""
        spec, map_shape, n_outputs = self._architecture
        if module is None:
            module = build_module(spec, map_shape, n_outputs, derive_seed(self._seed, 4))
        optimizer, options = OPTIMIZERS.get(self.optimizer, (self.optimizer, {}))
        if self.optimizer in OPTIMIZERS and device.type in ("cpu", "cuda"):
            options = options | {"fused": True}
        net = MapNet(
            module,
            criterion=SampleLoss(self._losses.get(self.loss, self.loss)),
            optimizer=optimizer,
            lr=self.lr,
            optimizer__weight_decay=self.weight_decay,
            **{f"optimizer__{key}": value for key, value in options.items()},
            batch_size=self._batch_size,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            train_split=None,
            callbacks__print_log=None,
            device=device,
            verbose=0,
            seed=self._seed,
            n_outputs=n_outputs,
        )
        return net.initialize()

    def _set_callbacks(self, net, n_steps):
        """Callbacks of this run: ours, and copies of the user's."""
        callbacks = [EpochProgress(self._name, self.max_epochs)] if self.verbose == 1 else []
        callbacks += copy.deepcopy(list(self.callbacks or ()))
        if self.schedule is not None:
            callbacks.append(schedule_callback(self.schedule, self.optimizer, self.lr, n_steps))
        if self.verbose == 2:
            callbacks.append(PrintLog())
        net.callbacks = callbacks
        net.verbose = int(self.verbose == 2)
        net.initialize_callbacks()

    def _forward(self, X):
        """Outputs of the net for maps, float32 on the processor."""
        check_is_fitted(self)
        spec, map_shape, _ = self._architecture
        X = as_numpy(check_maps(self, X, reset=False, dim=getattr(spec, "dim", None)))
        with thread_count(self.n_threads):
            outputs = self.net_.forward(MapDataset(X, map_shape, owner=self._name)).numpy()
        if not np.isfinite(outputs).all():
            raise DivergenceError(
                f"{self._name}: the net makes NaN or infinity of finite maps. Scale the maps as "
                f"those of the fit were scaled, or fit anew with a lower lr or scaled maps."
            )
        return outputs

    def __sklearn_is_fitted__(self):
        return hasattr(self, "history_")

    def __getstate__(self):
        state = super().__getstate__().copy()
        net = state.pop("net_", None)
        if net is not None:
            weights = net.module_.state_dict()
            state["_weights"] = {name: value.cpu().numpy() for name, value in weights.items()}
            state["_skastro_version"] = skastro.__version__
        return state

    def __setstate__(self, state):
        state = dict(state)
        weights = state.pop("_weights", None)
        state.pop("_skastro_version", None)
        super().__setstate__(state)
        if weights is not None:
            self.net_ = self._make_net(self._device_at_hand())
            self.net_.module_.load_state_dict(
                {name: torch.from_numpy(value) for name, value in weights.items()}
            )
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
