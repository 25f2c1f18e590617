"""Maps and callbacks for tests of the estimators."""

from types import SimpleNamespace

import numpy as np
import pytest
from skorch.callbacks import Callback

from skastro.nets import ConvNet
from skastro.neural_network._skorch import MapNet


class Record(Callback):
    """Keeps what happens in a fit: rates, samples, data sets, weights."""

    def __init__(self):
        self.lrs_, self.momenta_, self.events_ = [], [], []
        self.batches_, self.weights_, self.datasets_ = [], [], []

    def on_train_begin(self, net, **kwargs):
        """Note the start."""
        self.events_.append("begin")

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        """Note the data sets."""
        self.datasets_.append((dataset_train, dataset_valid))

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Note the learning rate and the maps of a batch in training."""
        if training:
            group = net.optimizer_.param_groups[0]
            self.lrs_.append(group["lr"])
            self.momenta_.append(group.get("momentum", group.get("betas", [None])[0]))
            self.batches_.append((len(net.history), batch[0].numpy().copy()))

    def on_epoch_end(self, net, **kwargs):
        """Note the weights."""
        weights = net.module_.state_dict()
        self.weights_.append({name: value.clone() for name, value in weights.items()})

    def on_train_end(self, net, **kwargs):
        """Note the end."""
        self.events_.append("end")


class Raise(Callback):
    """Raises an error in an epoch."""

    def __init__(self, error, epoch=2, when="on_batch_end"):
        self.error = error
        self.epoch = epoch
        self.when = when

    def notify(self, when, net):
        """Raise the error where it was asked for."""
        if when == self.when and len(net.history) >= self.epoch:
            raise self.error

    def on_train_begin(self, net, **kwargs):
        """Perhaps fail."""
        self.notify("on_train_begin", net)

    def on_batch_end(self, net, **kwargs):
        """Perhaps fail."""
        self.notify("on_batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        """Perhaps fail."""
        self.notify("on_epoch_end", net)

    def on_train_end(self, net, **kwargs):
        """Perhaps fail."""
        self.notify("on_train_end", net)


@pytest.fixture
def record():
    """A callback that keeps what happens, and the way to find its copy in a model."""

    def found(model):
        return next(cb for cb in model.net_.callbacks if isinstance(cb, Record))

    return SimpleNamespace(callback=Record, of=found)


@pytest.fixture
def failing():
    """The class of a callback that raises an error."""
    return Raise


@pytest.fixture
def rough():
    """Maps of shape (60, 8, 9) whose amplitude is the target, with 12 groups of five."""
    rng = np.random.default_rng(0)
    amplitude = np.linspace(1, 3, 60)[rng.permutation(60)]
    X = (amplitude[:, None, None] * rng.normal(size=(60, 8, 9))).astype("float32")
    return SimpleNamespace(X=X, y=amplitude, label=amplitude > 2, groups=np.arange(60) // 5)


@pytest.fixture
def options():
    """Parameters of a short fit of a tiny net on one thread."""
    return {
        "net": ConvNet(1, 2, readout="mean"),
        "n_threads": 1,
        "random_state": 0,
        "batch_size": 16,
        "max_epochs": 3,
    }


@pytest.fixture
def steps(monkeypatch):
    """Numbers of training steps, grown as they are taken."""
    taken = []
    step = MapNet.train_step

    def counted(self, batch, **fit_params):
        taken.append(len(batch[0]))
        return step(self, batch, **fit_params)

    monkeypatch.setattr(MapNet, "train_step", counted)
    return taken


def state(model):
    """All that two equal fits have in common: weights and losses."""
    weights = [value.numpy() for value in model.net_.module_.state_dict().values()]
    keys = ("epoch", "train_loss", "valid_loss", "lr")
    return weights, [[epoch.get(key) for key in keys] for epoch in model.history_]


def assert_same_fits(one, other):
    """Two fits are equal bit by bit."""
    (weights, history), (other_weights, other_history) = state(one), state(other)
    assert history == other_history
    for a, b in zip(weights, other_weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def fits():
    """What two fits have in common, and the check that they are equal bit by bit."""
    return SimpleNamespace(state=state, assert_same=assert_same_fits)
