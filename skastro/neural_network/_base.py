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
from ..utils import map_layout
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
        """Whether fit goes on from the weights that are there."""
        return self.warm_start and hasattr(self, "net_")

    def _check_fit(self, X, y, sample_weight, groups):
        """Check what fit was given; targets are checked by the subclass."""
        self._validate_params()
        if y is None:
            raise ValueError(
                f"This {self._name} estimator requires y to be passed, but the target y is None."
            )
        X = check_maps(
            self, X, reset=not self._continues, dim=getattr(self.net, "dim", None), min_samples=2
        )
        check_consistent_length(X, y, sample_weight, groups)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, np.empty((len(X), 1)), dtype=np.float32, ensure_non_negative=True
            )
        return X, sample_weight

    def _fit_net(self, X, y, n_outputs, sample_weight, groups):
        """Train on checked maps and encoded targets."""
        device = resolve_device(self.device, self._name)
        if not self._continues:
            self._seed = draw_seed(self.random_state)
            net = ConvNet() if self.net is None else self.net
            spec = clone(net) if hasattr(net, "get_params") else net
            layout = map_layout(X.shape, getattr(net, "dim", None), self._name)
            self._architecture = (spec, layout.map_shape, n_outputs)
            self.net_ = self._make_net(device)
            self.net_.initialize()
        epochs = range(len(self.net_.history), self.max_epochs)
        if not epochs:
            warnings.warn(
                f"{self._name}(warm_start=True) has been trained for max_epochs="
                f"{self.max_epochs} already, so fit does nothing. Raise max_epochs.",
                ConvergenceWarning,
                stacklevel=3,
            )
            return
        train, valid = self._datasets(X, y, sample_weight, groups)
        self.net_.train_split = None if valid is None else predefined_split(valid)
        self._set_callbacks(len(epochs), len(Batches(train, self.batch_size)))
        self.net_.notify("on_train_begin", X=train)
        try:
            with own_generator(device), thread_count(self.n_threads):
                self._train(train, epochs)
        finally:
            self.net_.notify("on_train_end", X=train)
            self.net_.train_split = None
            self.net_.callbacks_ = []
        self.history_ = [
            {key: epoch[key] for key in _RECORDED if key in epoch} for epoch in self.net_.history
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
        rows = self._split(len(X), groups) if self.early_stopping else (None, None)
        weight = None if sample_weight is None else torch.from_numpy(sample_weight)
        map_shape = self._architecture[1]
        options = {"X": X, "map_shape": map_shape, "y": torch.from_numpy(y), "weight": weight}
        options |= {"seed": self._seed, "owner": self._name}
        if self.augmentation is not None:
            self.augmentation.n_elements(map_shape[1:])
        train = MapDataset(**options, rows=rows[0], augmentation=self.augmentation)
        return train, None if rows[1] is None else MapDataset(**options, rows=rows[1])

    def _split(self, n_samples, groups):
        """Rows for training and for validation, whole groups where there are groups."""
        splitter = ShuffleSplit if groups is None else GroupShuffleSplit
        if groups is not None and len(np.unique(groups)) < 2:
            raise ValueError(
                f"{self._name}(early_stopping=True) validates on groups of their own, and 'groups' "
                f"has only one. Set early_stopping=False, or train on more groups."
            )
        splitter = splitter(1, test_size=self.validation_fraction, random_state=self._seed % 2**32)
        return [
            torch.from_numpy(rows)
            for rows in next(splitter.split(np.empty((n_samples, 1)), groups=groups))
        ]

    def _make_net(self, device):
        """The skorch net, with weights drawn from the seed."""
        spec, map_shape, n_outputs = self._architecture
        optimizer, options = OPTIMIZERS.get(self.optimizer, (self.optimizer, {}))
        if self.optimizer in OPTIMIZERS and device.type in ("cpu", "cuda"):
            options = options | {"fused": True}
        return MapNet(
            build_module(spec, map_shape, n_outputs, derive_seed(self._seed, 4)),
            criterion=SampleLoss(self._losses.get(self.loss, self.loss)),
            optimizer=optimizer,
            lr=self.lr,
            optimizer__weight_decay=self.weight_decay,
            **{f"optimizer__{key}": value for key, value in options.items()},
            batch_size=self.batch_size,
            iterator_train=Batches,
            iterator_train__shuffle=True,
            iterator_valid=Batches,
            train_split=None,
            callbacks__print_log=None,
            device=device,
            verbose=0,
            seed=self._seed,
        )

    def _set_callbacks(self, n_epochs, n_batches):
        """Callbacks of this run: ours, and copies of the user's."""
        callbacks = list(copy.deepcopy(self.callbacks or ()))
        if self.schedule is not None:
            callbacks.append(schedule_callback(self.schedule, self.lr, n_epochs * n_batches))
        if self.verbose == 1:
            callbacks.append(EpochProgress(self._name, self.max_epochs))
        if self.verbose == 2:
            callbacks.append(PrintLog())
        self.net_.callbacks = callbacks
        self.net_.verbose = int(self.verbose == 2)
        self.net_.initialize_callbacks()

    def _forward(self, X):
        """Outputs of the net for maps, float32 on the processor."""
        check_is_fitted(self)
        X = check_maps(self, X, reset=False, dim=getattr(self._architecture[0], "dim", None))
        dataset = MapDataset(X, self._architecture[1], owner=self._name)
        with thread_count(self.n_threads):
            return self.net_.forward(dataset).numpy()

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
            self.net_ = self._make_net(self._device_at_hand()).initialize()
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
