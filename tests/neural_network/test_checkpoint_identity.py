"""Which fits are the same: each finds its own file, and no other."""

import os
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import Callback, Freezer, Initializer, LRScheduler

from skastro.exceptions import CheckpointWarning
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.neural_network._checkpoint import CheckpointFile


def weights(model):
    """Weights of a fit, in one array."""
    return torch.cat([v.flatten() for v in model.net_.module_.state_dict().values()]).numpy()


def losses(model):
    """Losses of the epochs."""
    return [epoch["train_loss"] for epoch in model.history_]


def assert_same(one, other):
    """Two fits are equal bit by bit."""
    np.testing.assert_array_equal(weights(one), weights(other))
    assert losses(one) == losses(other)


def scheduler(factor):
    """A callback that holds a function over a number."""
    return LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda e: factor**e)


PAIRS = {
    "list": (Freezer(["features*"]), Freezer(["head*"])),
    "function over a number": (scheduler(0.1), scheduler(0.5)),
    "function": (
        Initializer("*bias", fn=torch.nn.init.ones_),
        Initializer("*bias", fn=torch.nn.init.zeros_),
    ),
    "function of the user": (
        Initializer("*", fn=lambda p: torch.nn.init.constant_(p, 0.1)),
        Initializer("*", fn=lambda p: torch.nn.init.constant_(p, 0.2)),
    ),
    "function within a list": (
        Freezer([lambda name: "features" in name]),
        Freezer([lambda name: "head" in name]),
    ),
    "number": (LRScheduler("StepLR", step_size=1), LRScheduler("StepLR", step_size=2)),
    "maker": (lambda: scheduler(0.1), lambda: scheduler(0.5)),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_parameters_of_callbacks(pair, rough, options, tmp_path, steps):
    """A callback that does something else makes another fit; the same one does not."""
    options |= {"net": ConvNet(2, 2), "schedule": None, "lr": 0.05}
    n_steps = []
    for callback in (*PAIRS[pair], *PAIRS[pair]):
        taken = len(steps)
        kept = CNNRegressor(checkpoint=tmp_path, callbacks=[callback], **options)
        kept.fit(rough.X, rough.y)
        n_steps.append(len(steps) - taken)
        assert_same(kept, CNNRegressor(callbacks=[callback], **options).fit(rough.X, rough.y))
    assert n_steps == [12, 12, 0, 0]
    assert len(list(tmp_path.iterdir())) == 2


NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self, map_shape, n_outputs):
        super().__init__()
        self.hidden = torch.nn.Linear(72, 5)
        self.last = torch.nn.Linear(5, n_outputs)

    def forward(self, x):
        return self.last(torch.relu(self.hidden(x.flatten(1))))
"""


def test_code_of_the_net(rough, options, tmp_path, steps):
    """A net whose class was edited is another one, even if its weights would fit."""

    def net(activation):
        content = {"__name__": "module_of_a_user"}
        exec(NET.replace("relu", activation), content)
        return content["Net"]

    for activation in ("relu", "tanh"):
        options["net"] = net(activation)
        kept = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
        assert_same(kept, CNNRegressor(**options).fit(rough.X, rough.y))
    assert len(list(tmp_path.iterdir())) == 2
    taken = len(steps)
    CNNRegressor(checkpoint=tmp_path, **options | {"net": net("tanh")}).fit(rough.X, rough.y)
    assert len(steps) == taken


def test_scale_of_targets_at_a_warm_start(rough, options, tmp_path):
    """Two models with equal weights and other scales of the targets start apart."""
    options |= {"warm_start": True, "schedule": None}
    starts = [CNNRegressor(**options).fit(rough.X, factor * rough.y) for factor in (1, 2)]
    np.testing.assert_array_equal(*map(weights, starts))
    further = {"max_epochs": 6, "checkpoint": tmp_path}
    one, two = (model.set_params(**further).fit(rough.X, rough.y + 1) for model in starts)
    alone = CNNRegressor(**options).fit(rough.X, 2 * rough.y)
    assert_same(two, alone.set_params(max_epochs=6).fit(rough.X, rough.y + 1))
    assert (weights(one) != weights(two)).any()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("max_epochs", [3, 5, 6])
def test_longer_run_within_an_epoch(max_epochs, rough, options, tmp_path, interrupt):
    """A run of ten epochs that was killed in the sixth is of no use to one of five."""
    options |= {"schedule": None, "checkpoint_interval": 0}
    interrupt(23)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(checkpoint=tmp_path, **options | {"max_epochs": 10}).fit(rough.X, rough.y)
    options["max_epochs"] = max_epochs
    model = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    assert model.n_iter_ == max_epochs
    assert_same(model, CNNRegressor(**options).fit(rough.X, rough.y))


@pytest.mark.parametrize("of", [int, str])
def test_kinds_of_groups(of, rough, options, tmp_path, steps):
    """Groups as an array, a list or a column of a table, used or not, are the same groups."""
    options |= {"early_stopping": True, "checkpoint": tmp_path}
    groups = [of(group) for group in rough.groups]
    column = pd.Series(groups)
    used = pd.Series(groups)
    used.groupby(used).size()
    used.loc[0]
    kinds = groups, tuple(groups), np.array(groups), np.array(groups, dtype=object), column, used
    n_steps = 0
    for kind in kinds:
        CNNRegressor(**options).fit(rough.X, rough.y, groups=kind)
        assert len(list(tmp_path.iterdir())) == 1
        assert len(steps) == (n_steps := n_steps or len(steps))


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions(mask, mode, rough, options, tmp_path):
    """Files may be read by whom the user lets read new files."""
    before = os.umask(mask)
    try:
        CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == mode


class GoElsewhere(Callback):
    """Changes the working directory in each epoch."""

    def __init__(self, folder):
        self.folder = folder

    def on_epoch_end(self, net, **kwargs):
        """Go there."""
        os.chdir(self.folder)


def test_relative_folder(rough, options, tmp_path, monkeypatch):
    """It is taken from where fit began."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(here)
    options["callbacks"] = [GoElsewhere(str(elsewhere))]
    CNNRegressor(checkpoint="kept", **options).fit(rough.X, rough.y)
    assert len(list((here / "kept").iterdir())) == 1
    assert list(elsewhere.iterdir()) == []


def test_home(rough, options, tmp_path, monkeypatch):
    """A tilde is the user's own folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    CNNRegressor(checkpoint="~/kept", **options).fit(rough.X, rough.y)
    assert len(list((tmp_path / "home" / "kept").iterdir())) == 1
    assert not (tmp_path / "~").exists()


def test_two_at_once(rough, options, tmp_path):
    """Two threads that fit the same thing into one folder do not get in each other's way."""
    options |= {"max_epochs": 8, "checkpoint_interval": 0}
    alone = CNNRegressor(**options).fit(rough.X, rough.y)

    def fit(_):
        return CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)

    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("always")
        models = list(pool.map(fit, range(2)))
    assert [str(warning.message) for warning in caught] == []
    for model in models:
        assert_same(model, alone)
    assert len(list(tmp_path.iterdir())) == 1
    assert_same(fit(0), alone)


def _widen(state):
    name, value = next(iter(state["weights"].items()))
    state["weights"][name] = torch.zeros(len(value) + 1, *value.shape[1:])


def _drop(state):
    state["weights"].popitem()


def _other_optimizer(state):
    state["optimizer"]["param_groups"][0]["params"].pop()


def _other_schedules(state):
    state["schedules"].append(state["schedules"][0])


@pytest.mark.parametrize(
    "spoil", [_widen, _drop, _other_optimizer, _other_schedules], ids=lambda f: f.__name__
)
def test_file_that_does_not_fit(spoil, rough, options, tmp_path, interrupt):
    """A file with the tensors of another net is named, with what to do about it."""
    options |= {"checkpoint": tmp_path}
    interrupt(6)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(**options).fit(rough.X, rough.y)
    (path,) = tmp_path.iterdir()
    name, n_epochs = path.stem.rsplit("-", 1)
    file = CheckpointFile(tmp_path, name, int(n_epochs), "CNNRegressor")
    state = file.load()
    spoil(state)
    file.save({key: state[key] for key in state if key not in ("format", "name")})
    with pytest.raises(ValueError, match=r"CNNRegressor: the checkpoint .* does not fit") as error:
        CNNRegressor(**options).fit(rough.X, rough.y)
    assert str(path) in str(error.value)
    assert "Delete the file, or give another folder" in str(error.value)
    path.unlink()
    assert CNNRegressor(**options).fit(rough.X, rough.y).n_iter_ == 3


class OddState(torch.optim.SGD):
    """An optimizer that remembers what is neither number nor tensor."""

    def state_dict(self):
        """State with a dtype in it."""
        return super().state_dict() | {"dtype": torch.float32}


def test_state_that_cannot_be_written(rough, options, tmp_path):
    """It is no reason to stop; the end of the fit, which needs none of it, is kept."""
    options |= {"optimizer": OddState}
    alone = CNNRegressor(**options).fit(rough.X, rough.y)
    with pytest.warns(CheckpointWarning, match="could not be written.*float32") as caught:
        model = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    assert len(caught) == 2
    assert_same(model, alone)
    assert len(list(tmp_path.iterdir())) == 1
    assert_same(CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y), alone)
