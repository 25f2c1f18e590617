"""Fits that are broken off, and nets, losses and optimizers that are out of the ordinary."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from skastro.exceptions import DivergenceError
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.neural_network._skorch import MapNet


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


class Linear(torch.nn.Module):
    """One layer over all cells."""

    def __init__(self, map_shape, n_outputs):
        super().__init__()
        self.layer = torch.nn.Linear(int(np.prod(map_shape)), n_outputs)

    def forward(self, x):
        """Outputs."""
        return self.layer(x.flatten(1))


class Attention(Linear):
    """Has a mask of minus infinity, as attention does."""

    def __init__(self, map_shape, n_outputs):
        super().__init__(map_shape, n_outputs)
        n_rows = map_shape[1]
        self.register_buffer("mask", torch.full((n_rows, n_rows), -torch.inf).triu(1))

    def forward(self, x):
        """Outputs."""
        rows = x[:, 0]
        mixed = torch.softmax(rows @ rows.transpose(1, 2) + self.mask, -1) @ rows
        return super().forward(mixed)


class Stateful(Linear):
    """Has a state beside its weights."""

    def __init__(self, map_shape, n_outputs):
        super().__init__(map_shape, n_outputs)
        self.n_seen = 0

    def forward(self, x):
        """Outputs."""
        self.n_seen += len(x) if self.training else 0
        return super().forward(x)

    def get_extra_state(self):
        """What goes with the weights."""
        return {"n_seen": self.n_seen}

    def set_extra_state(self, state):
        """Take it up."""
        self.n_seen = state["n_seen"]


class Brief(Linear):
    """Has a buffer of numbers that NumPy does not know."""

    def __init__(self, map_shape, n_outputs):
        super().__init__(map_shape, n_outputs)
        self.register_buffer("factor", torch.tensor([1.5, 0.5], dtype=torch.bfloat16))


class Lazy(Linear):
    """Finds out about its inputs when it sees them."""

    def __init__(self, map_shape, n_outputs):
        super().__init__(map_shape, n_outputs)
        self.layer = torch.nn.LazyLinear(n_outputs)


@dataclass
class Scaled:
    """A loss that cannot be hashed, as dataclasses cannot."""

    factor: float = 1.0

    def __call__(self, y_pred, y):
        """Losses of samples."""
        return self.factor * ((y_pred - y) ** 2).mean(1)


def test_masks_are_no_divergence(rough, options):
    """A buffer that was infinite from the start is as it should be."""
    model = CNNRegressor(**options | {"net": Attention}).fit(rough.X, rough.y)
    assert model.n_iter_ == 3
    assert model.net_.module_.mask.isinf().sum() == 28
    assert np.isfinite(model.predict(rough.X)).all()


class SpoilWeight(Callback):
    """Makes one number of a weight infinite."""

    def __init__(self, name):
        self.name = name

    def on_epoch_end(self, net, **kwargs):
        """Spoil it."""
        with torch.no_grad():
            net.module_.get_parameter(self.name).flatten()[0] = torch.inf


def test_weights_beside_a_mask(rough, options):
    """Weights that become infinite are found beside a buffer that was so before."""
    model = CNNRegressor(callbacks=[SpoilWeight("layer.bias")], **options | {"net": Attention})
    with pytest.raises(DivergenceError, match="sum of the weights became inf in epoch 1"):
        model.fit(rough.X, rough.y)


def test_extra_state(rough, options, tmp_path):
    """What a module keeps beside its weights goes through checkpoints and pickles."""
    options |= {"net": Stateful, "checkpoint": tmp_path}
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    assert model.net_.module_.n_seen == 3 * 60
    again = pickle.loads(pickle.dumps(model))
    assert again.net_.module_.n_seen == 3 * 60
    np.testing.assert_array_equal(again.predict(rough.X), model.predict(rough.X))
    assert CNNRegressor(**options).fit(rough.X, rough.y).net_.module_.n_seen == 3 * 60


def test_numbers_that_numpy_does_not_know(rough, options, tmp_path):
    """Brain floats among the buffers go through checkpoints and pickles."""
    options |= {"net": Brief, "checkpoint": tmp_path}
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    again = pickle.loads(pickle.dumps(model))
    for other in (again, CNNRegressor(**options).fit(rough.X, rough.y)):
        assert other.net_.module_.factor.equal(model.net_.module_.factor)
        assert other.net_.module_.factor.dtype == torch.bfloat16
        np.testing.assert_array_equal(other.predict(rough.X), model.predict(rough.X))


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_module(rough, options):
    """A layer that is laid out by the first batch trains."""
    model = CNNRegressor(**options | {"net": Lazy}).fit(rough.X, rough.y)
    assert model.net_.module_.layer.weight.shape == (1, 72)
    assert np.isfinite(losses(model)).all()


@pytest.mark.parametrize("warmup_epochs", [1, 2, 3])
def test_warm_up_of_one_batch(warmup_epochs, rough, options, record):
    """A cycle of full batches whose rate rises in one step, in some, or to the end."""
    options |= {"batch_size": 60, "warmup_epochs": warmup_epochs, "schedule": "one_cycle"}
    model = CNNRegressor(callbacks=[record.callback()], **options).fit(rough.X, rough.y)
    rates = record.of(model).lrs_
    assert len(rates) == 3
    assert np.isfinite(rates).all()
    assert 0 < min(rates) < max(rates) <= 1e-3 * (1 + 1e-9)
    if warmup_epochs == 1:
        assert rates[0] == max(rates)


def test_loss_that_cannot_be_hashed(rough, options, tmp_path):
    """It trains, and its parameters count for the checkpoint."""
    assert Scaled.__hash__ is None
    mean = CNNRegressor(**options).fit(rough.X, rough.y)
    for factor in (1.0, 3.0):
        loss = Scaled(factor)
        model = CNNRegressor(loss=loss, checkpoint=tmp_path, **options).fit(rough.X, rough.y)
        np.testing.assert_allclose(losses(model)[0], factor * losses(mean)[0], rtol=1e-5)
    assert len(list(tmp_path.iterdir())) == 2


def test_rprop(rough, options):
    """An optimizer that knows no weight decay is given none."""
    model = CNNRegressor(optimizer=torch.optim.Rprop, **options).fit(rough.X, rough.y)
    assert type(model.net_.optimizer_) is torch.optim.Rprop
    assert "weight_decay" not in model.net_.optimizer_.param_groups[0]
    assert losses(model)[-1] < losses(model)[0]


def test_lbfgs(rough, options):
    """An optimizer that evaluates the loss many times for one step minimizes it."""
    options |= {"net": Linear, "schedule": None, "batch_size": 60, "lr": 1.0}
    model = CNNRegressor(optimizer=torch.optim.LBFGS, **options | {"max_epochs": 20})
    model.fit(rough.X[:, :4, :3].copy(), rough.y)
    cells = np.column_stack([rough.X[:, :4, :3].reshape(60, -1), np.ones(60)])
    solution, *_ = np.linalg.lstsq(cells, rough.y, rcond=None)
    np.testing.assert_allclose(
        model.predict(rough.X[:, :4, :3].copy()), cells @ solution, rtol=1e-3
    )


class Broken(Callback):
    """Fails at the end of training."""

    def on_train_end(self, net, **kwargs):
        """Fail."""
        raise IndexError("no epochs to look at")


@pytest.mark.parametrize("when", ["on_train_begin", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_first_error_comes_out(error, when, rough, options, failing):
    """A callback that fails as well when training ends does not hide what ended it."""
    model = CNNRegressor(callbacks=[failing(error(), epoch=0, when=when), Broken()], **options)
    with pytest.raises(error):
        model.fit(rough.X, rough.y)
    with pytest.raises(IndexError, match="no epochs to look at"):
        model.set_params(callbacks=[Broken()]).fit(rough.X, rough.y)


@pytest.mark.parametrize("estimator_class", [CNNClassifier, CNNRegressor])
def test_no_epoch_is_no_fit(estimator_class, rough, options, failing):
    """Ctrl-C in the first epoch leaves nothing to predict with, not even of an earlier fit."""
    model = estimator_class(**options)
    for _ in range(2):
        model.set_params(callbacks=[failing(KeyboardInterrupt(), epoch=1)])
        with pytest.raises(KeyboardInterrupt):
            model.fit(rough.X, rough.label)
        assert model.history_ == []
        assert model.n_iter_ == 0
        with pytest.raises(NotFittedError):
            model.predict(rough.X)
        model.set_params(callbacks=None)
        assert model.fit(rough.X, rough.label).n_iter_ == 3


def test_after_an_epoch(rough, options, failing):
    """Ctrl-C later on leaves the epochs that were done, which predict."""
    model = CNNRegressor(callbacks=[failing(KeyboardInterrupt(), epoch=3)], **options)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rough.X, rough.y)
    assert model.n_iter_ == 2
    assert model.predict(rough.X).shape == (60,)


class InValidation(Callback):
    """Raises Ctrl-C in the validation of the second epoch."""

    def on_batch_end(self, net, training=False, **kwargs):
        """Perhaps fail."""
        if not training and len(net.history) == 2:
            raise KeyboardInterrupt


def test_validation_that_was_broken_off(rough, options):
    """An epoch without its validation does not count."""
    model = CNNRegressor(early_stopping=True, callbacks=[InValidation()], **options)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rough.X, rough.y)
    assert model.n_iter_ == 1
    assert len(model.net_.history) == 1
    assert [epoch.keys() for epoch in model.history_] == [
        {"epoch", "train_loss", "valid_loss", "lr", "dur"}
    ]


class Diverge(Callback):
    """Makes all weights infinite, or the loss NaN."""

    def __init__(self, weights_too):
        self.weights_too = weights_too

    def on_epoch_end(self, net, **kwargs):
        """Spoil what was asked for."""
        if self.weights_too:
            with torch.no_grad():
                for value in net.module_.parameters():
                    value.fill_(torch.inf)
        else:
            net.history.record("train_loss", float("nan"))


@pytest.mark.parametrize("weights_too", [True, False])
def test_warm_start_after_divergence(weights_too, rough, options):
    """What diverged is no place to start from: the next fit begins anew."""
    alone = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(warm_start=True, callbacks=[Diverge(weights_too)], **options)
    with pytest.raises(DivergenceError):
        model.fit(rough.X, rough.y)
    with pytest.raises(NotFittedError):
        model.predict(rough.X)
    assert_same(model.set_params(callbacks=None).fit(rough.X, rough.y), alone)
    assert model.predict(rough.X).shape == (60,)


def test_divergence_of_a_further_fit(rough, options):
    """A good fit that is spoilt by the next one is no place to start from either."""
    model = CNNRegressor(warm_start=True, **options).fit(rough.X, rough.y)
    model.set_params(callbacks=[Diverge(True)], max_epochs=5)
    with pytest.raises(DivergenceError, match="epoch 4"):
        model.fit(rough.X, rough.y)
    with pytest.raises(NotFittedError):
        pickle.loads(pickle.dumps(model)).predict(rough.X)
    model.set_params(callbacks=None, max_epochs=3).fit(rough.X, rough.y)
    assert_same(model, CNNRegressor(**options).fit(rough.X, rough.y))


GROUPS = {
    "tuples": [(i // 5, 1) for i in range(60)],
    "a column": np.arange(60).reshape(60, 1) // 5,
    "two columns": np.arange(120).reshape(60, 2) // 5,
    "mixed": np.array([1, "a", None, 2.0] * 15, dtype=object),
    "objects": [object() for _ in range(60)],
    "structured": np.zeros(60, dtype=[("a", int), ("b", int)]),
    "complex": np.arange(60) * 1j,
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", GROUPS)
def test_groups_that_cannot_be_told(kind, early_stopping, rough, options):
    """They are refused by name, with what to give instead."""
    model = CNNRegressor(early_stopping=early_stopping, **options)
    with pytest.raises(ValueError, match=r"'groups' of CNNRegressor\.fit must be .*Number them"):
        model.fit(rough.X, rough.y, groups=GROUPS[kind])


def squares(y_pred, y):
    """A loss in float64."""
    return ((y_pred.double() - y.double()) ** 2).mean(1)


@pytest.mark.parametrize("n_steps", [6, 7, 10])
def test_double_loss_within_an_epoch(n_steps, rough, options, tmp_path, monkeypatch):
    """Losses of batches that are kept are not rounded."""
    options |= {"loss": squares, "net": ConvNet(1, 2)}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    assert any(loss != float(np.float32(loss)) for loss in losses(whole))
    step, left = MapNet.train_step, [n_steps]

    def broken(self, batch, **fit_params):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return step(self, batch, **fit_params)

    monkeypatch.setattr(MapNet, "train_step", broken)
    model = CNNRegressor(checkpoint=tmp_path, checkpoint_interval=0, **options)
    with pytest.raises(KeyboardInterrupt):
        model.fit(rough.X, rough.y)
    assert_same(model.fit(rough.X, rough.y), whole)
