"""Members of an ensemble that are trained as one: the same nets as alone, but for rounding."""

import pickle
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skastro.ensemble import DeepEnsembleRegressor, _batched
from skastro.exceptions import DivergenceError
from skastro.instrument import WhiteNoise
from skastro.maps import open_maps
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.neural_network._skorch import MapNet
from skastro.preprocessing import FieldScaler

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.linspace(1, 3, 25))
X = (Y[:, None, None, None] * RNG.normal(size=(25, 2, 6, 7))).astype("float32")
TARGETS = {"one": Y, "two": np.column_stack([Y, 100 * Y**2])}


def net(**parameters):
    """A short fit of a small network; the last batch has one sample."""
    defaults = {"net": DenseNet((5,)), "max_epochs": 4, "n_threads": 1, "batch_size": 8}
    return CNNRegressor(**defaults | {"lr": 0.01} | parameters)


def ensembles(inner, **parameters):
    """The same members one by one and as one."""
    options = {"n_estimators": 3, "random_state": 0} | parameters
    return (DeepEnsembleRegressor(inner, batched=batched, **options) for batched in (False, True))


def assert_same_members(alone, together, maps=X):
    """Predictions and histories agree within rounding, and members differ from each other."""
    want = alone.predict_members(maps)
    np.testing.assert_allclose(together.predict_members(maps), want, rtol=2e-4, atol=2e-5)
    assert np.abs(want[0] - want[1]).max() > 1e-3
    for one, other in zip(alone.estimators_, together.estimators_, strict=True):
        nets = [m[-1] if hasattr(m, "steps") else m for m in (one, other)]
        assert nets[0].random_state == nets[1].random_state
        assert nets[0].n_iter_ == nets[1].n_iter_
        for name in ("epoch", "train_loss", "lr"):
            want, got = ([epoch[name] for epoch in net.history_] for net in nets)
            np.testing.assert_allclose(got, want, rtol=2e-4)
        assert all(epoch["dur"] > 0 for epoch in nets[1].history_)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"loss": "gaussian_nll", "schedule": "cosine", "warmup_epochs": 1},
        {"loss": "huber", "schedule": None, "optimizer": "adam"},
        {"loss": "poisson", "optimizer": "sgd", "lr": 1e-3, "schedule": "one_cycle"},
        {"loss": "squared_log_error", "normalize_y": False, "batch_size": 100},
        {"net": ConvNet(2, 3), "warmup_epochs": 2},
        {"net": ConvNet(1, 2, readout="mean"), "loss": "absolute_error"},
    ],
    ids=lambda parameters: "-".join(map(str, parameters.values())) or "defaults",
)
def test_losses_optimizers_schedules(parameters):
    """Whatever a member does alone, it does among others."""
    alone, together = (model.fit(X, Y) for model in ensembles(net(**parameters)))
    assert_same_members(alone, together)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("output", ["free", "increasing"])
def test_targets_and_order(target, output):
    """One target and several, whose order the outputs keep."""
    alone, together = (m.fit(X, TARGETS[target]) for m in ensembles(net(output=output)))
    assert_same_members(alone, together)
    assert together.predict(X).shape == TARGETS[target].shape


def test_no_net_is_trained_by_itself(monkeypatch):
    """The batched fit takes no step of a single net."""
    monkeypatch.delattr(MapNet, "train_step")
    _, together = ensembles(net())
    assert len(together.fit(X, Y).estimators_) == 3


@pytest.mark.parametrize("lazy", [False, True])
def test_pipelines(lazy):
    """Steps before the net are fitted once, and are there in each member."""
    maps = open_maps(X) if lazy else X
    alone, together = (m.fit(maps, Y) for m in ensembles(make_pipeline(FieldScaler(), net())))
    assert_same_members(alone, together, maps)
    assert [type(step) for step in together.estimators_[2]] == [FieldScaler, CNNRegressor]
    np.testing.assert_allclose(together.estimators_[2][0].center_, X.mean((0, 2, 3)), rtol=1e-5)


def test_pipeline_of_a_net_alone():
    """A pipeline may have no step but the net."""
    alone, together = (model.fit(X, Y) for model in ensembles(make_pipeline(net())))
    assert_same_members(alone, together)


def test_all_members_are_on_one_leased_device(monkeypatch):
    """The device is taken once, for making and training all nets, and then given back."""
    taken = []

    @contextmanager
    def leased(device, owner):
        taken.append((device, owner))
        yield torch.device("cpu:0")
        taken.append("given back")

    def train(members, owner):
        taken.append([str(estimator.net_.device) for estimator, _ in members])
        train_batched(members, owner)

    train_batched = _batched.train_batched
    monkeypatch.setattr(_batched, "leased_device", leased)
    monkeypatch.setattr(_batched, "train_batched", train)
    _, together = ensembles(net())
    together.fit(X, Y)
    assert taken == [("auto", "DeepEnsembleRegressor"), ["cpu:0"] * 3, "given back"]
    assert [member.device for member in together.estimators_] == ["auto"] * 3


def test_noise_before_the_net():
    """Random steps have a seed of their own in each member."""
    inner = make_pipeline(WhiteNoise(0.5), net())
    alone, together = (model.fit(X, Y) for model in ensembles(inner))
    assert_same_members(alone, together)
    assert len({member[0].random_state for member in together.estimators_}) == 3


def test_features():
    """Tables work as maps do."""
    table = X.reshape(25, -1)
    alone, together = (m.fit(table, Y) for m in ensembles(make_pipeline(StandardScaler(), net())))
    assert_same_members(alone, together, table)


def test_fitted_members_are_ordinary():
    """They pickle, are cloned, and train on."""
    _, together = ensembles(net(schedule=None))
    together.fit(X, Y)
    want = together.predict_members(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(together)).predict_members(X), want)
    assert clone(together).batched is True
    member = together.estimators_[1]
    assert not vars(member).keys() & {"_waits_in"}
    member.set_params(warm_start=True, max_epochs=6).fit(X, Y)
    assert [epoch["epoch"] for epoch in member.history_] == [1, 2, 3, 4, 5, 6]


def test_deterministic():
    """Equal seeds give equal bits, and a larger ensemble holds the smaller one within rounding."""
    (_, one), (_, other) = ensembles(net()), ensembles(net())
    members = one.fit(X, Y).predict_members(X)
    np.testing.assert_array_equal(other.fit(X, Y).predict_members(X), members)
    _, larger = ensembles(net(), n_estimators=5)
    np.testing.assert_allclose(larger.fit(X, Y).predict_members(X)[:3], members, rtol=1e-3)


def test_bar(capsys):
    """One line for all members."""
    _, together = ensembles(net(verbose=1))
    together.fit(X, Y)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line]
    assert "DeepEnsembleRegressor, 3 nets 4/4 epochs" in line


@pytest.mark.parametrize(
    "parameters",
    [
        {"augmentation": Symmetries()},
        {"callbacks": [Callback()]},
        {"checkpoint": "fits"},
        {"early_stopping": True},
        {"loss": "moments"},
        {"loss": lambda y_pred, y: (y_pred - y) ** 2},
        {"max_grad_norm": 1.0},
        {"schedule": "plateau"},
        {"warm_start": True},
    ],
    ids=lambda parameters: next(iter(parameters)),
)
def test_refused_parameters(parameters, tmp_path, monkeypatch):
    """What single nets alone can do is named."""
    monkeypatch.chdir(tmp_path)
    _, together = ensembles(net(**parameters))
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"batched=True.* {name}=.*batched=False"):
        together.fit(X, Y)


@pytest.mark.parametrize(
    "spec", [DenseNet((5,), dropout=0.1), ConvNet(1, 2, batch_norm=True)], ids=["dropout", "norm"]
)
def test_refused_layers(spec):
    """Layers that draw, or that join samples, are named."""
    _, together = ensembles(net(net=spec))
    with pytest.raises(ValueError, match=r"batched=True.*the layer (Dropout|BatchNorm2d)"):
        together.fit(X, Y)


def test_operations_that_cannot_be_batched():
    """Periodic padding has a backward pass of its own, which vmap does not know."""
    _, together = ensembles(net(net=ConvNet(1, 2, padding_mode="circular")))
    with pytest.raises(ValueError, match=r"net=ConvNet.*vmap does not know.*batched=False"):
        together.fit(X, Y)


def test_refused_estimators_and_weights():
    """Nets at the end of a pipeline are trained as one, and nothing else."""
    _, of_others = ensembles(make_pipeline(FieldScaler(), DeepEnsembleRegressor(net())))
    with pytest.raises(ValueError, match=r"(?s)takes a CNNRegressor .*batched=False"):
        of_others.fit(X, Y)
    _, together = ensembles(net())
    with pytest.raises(ValueError, match="takes no sample_weight"):
        together.fit(X, Y, sample_weight=np.ones(25))


def test_divergence():
    """The member is named, and nothing half-fitted is left."""
    _, together = ensembles(net(lr=1e30, optimizer="sgd", schedule=None))
    with pytest.raises(DivergenceError, match=r"member 0 became .*lr=1e\+30"):
        together.fit(X, Y)
    assert not hasattr(together, "estimators_")
