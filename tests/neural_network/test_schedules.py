"""Learning rates and optimizers, against formulas and torch's classes."""

from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor


def cosine(n, lr):
    """Rates of n steps down half a cosine."""
    return lr * (1 + np.cos(np.pi * np.arange(n) / n)) / 2


def one_cycle(n, lr):
    """Up from lr / 25 over the first 30 %, then down to lr / 250,000, along cosines."""
    top, last, step = 0.3 * n - 1, n - 1, np.arange(n)
    up = lr / 25 + (lr - lr / 25) * (1 - np.cos(np.pi * step / top)) / 2
    low = lr / 25 / 1e4
    down = low + (lr - low) * (1 + np.cos(np.pi * (step - top) / (last - top))) / 2
    return np.where(step <= top, up, down)


RATES = {None: np.full, "cosine": cosine, "one_cycle": one_cycle}


@pytest.mark.parametrize("schedule", RATES)
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", torch.optim.SGD])
@pytest.mark.parametrize(
    ("n_samples", "batch_size", "n_batches"),
    [(60, 15, 4), (60, 16, 4), (49, 16, 3), (60, 100, 1)],
)
def test_rates(schedule, optimizer, n_samples, batch_size, n_batches, rough, options, record):
    """The schedule spans the run exactly, also where the last sample joins the batch before."""
    model = CNNRegressor(
        schedule=schedule,
        optimizer=optimizer,
        callbacks=[record.callback()],
        **options | {"batch_size": batch_size, "max_epochs": 5, "lr": 0.002},
    ).fit(rough.X[:n_samples], rough.y[:n_samples])
    n = 5 * n_batches
    found = record.of(model).lrs_
    assert len(found) == n
    np.testing.assert_allclose(found, RATES[schedule](n, 0.002), rtol=1e-6, atol=1e-12)


def test_rates_with_early_stopping(rough, options, record):
    """What is set aside makes no steps."""
    model = CNNRegressor(
        schedule="cosine",
        early_stopping=True,
        validation_fraction=0.5,
        callbacks=[record.callback()],
        **options | {"batch_size": 10},
    ).fit(rough.X, rough.y)
    np.testing.assert_allclose(record.of(model).lrs_, cosine(9, 1e-3), atol=1e-12)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_named_optimizers(name, rough, options, record):
    """Each name is a class of torch; one cycle moves the momentum against the rate."""
    model = CNNRegressor(
        optimizer=name, weight_decay=0.3, callbacks=[record.callback()], **options
    ).fit(rough.X, rough.y)
    classes = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    assert type(model.net_.optimizer_) is classes[name]
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == 0.3
    rates, momenta = record.of(model).lrs_, record.of(model).momenta_
    assert np.argmax(rates) == np.argmin(momenta)
    assert 0.85 <= min(momenta) < max(momenta) <= 0.95
    model.set_params(schedule=None).fit(rough.X, rough.y)
    assert set(record.of(model).momenta_) == {0.9}
    assert model.net_.optimizer_.param_groups[0].get("nesterov", True)


@pytest.mark.parametrize(
    ("optimizer", "momentum"),
    [
        (torch.optim.SGD, 0.0),
        (partial(torch.optim.SGD, momentum=0.5), 0.5),
        (torch.optim.RMSprop, 0.0),
        (torch.optim.Adagrad, None),
        (partial(torch.optim.NAdam, betas=(0.7, 0.99)), 0.7),
    ],
)
@pytest.mark.parametrize("schedule", RATES)
def test_optimizer_of_the_user(optimizer, momentum, schedule, rough, options, record):
    """A class is used as it is: no schedule touches its momentum, or asks for one."""
    model = CNNRegressor(
        optimizer=optimizer, schedule=schedule, callbacks=[record.callback()], **options
    ).fit(rough.X, rough.y)
    assert set(record.of(model).momenta_) == {momentum}


def test_named_and_given_classes_agree(rough, options):
    """ "sgd" is torch's SGD with Nesterov momentum 0.9, step by step."""
    options |= {"schedule": None, "weight_decay": 0.01}
    by_hand = partial(torch.optim.SGD, momentum=0.9, nesterov=True)
    named = CNNRegressor(optimizer="sgd", **options).fit(rough.X, rough.y)
    given = CNNRegressor(optimizer=by_hand, **options).fit(rough.X, rough.y)
    np.testing.assert_allclose(named.predict(rough.X), given.predict(rough.X), rtol=1e-6)


def test_weight_decay(rough, options):
    """A decay pulls weights towards zero."""

    def size(weight_decay):
        model = CNNRegressor(weight_decay=weight_decay, **options | {"lr": 0.01, "max_epochs": 10})
        module = model.fit(rough.X, rough.y).net_.module_
        return sum(float((w.detach() ** 2).sum()) for w in module.parameters())

    assert size(10.0) < 0.5 * size(0.0)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer": "adamax"},
        {"schedule": "linear"},
        {"lr": 0.0},
        {"weight_decay": -1.0},
        {"batch_size": 0},
        {"max_epochs": 0},
        {"n_threads": 0},
        {"verbose": 3},
        {"callbacks": "EarlyStopping"},
        {"net": "ConvNet"},
        {"loss": "hinge"},
    ],
)
def test_parameters_are_checked(parameters, rough, options):
    """What is not allowed is refused by name."""
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of CNNRegressor"):
        CNNRegressor(**options | parameters).fit(rough.X, rough.y)


@pytest.mark.parametrize("schedule", [None, "cosine", "plateau"])
@pytest.mark.parametrize("warmup_epochs", [1, 2])
def test_warm_up(schedule, warmup_epochs, rough, options, record):
    """The rate rises in equal steps to what it would be without, and is that from there on."""
    options |= {"schedule": schedule, "max_epochs": 4, "callbacks": [record.callback()]}
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(warmup_epochs=warmup_epochs, **options).fit(rough.X, rough.y)
    n = 4 * warmup_epochs
    factors = np.minimum(1, (1 + np.arange(16)) / (n + 1))
    assert factors[n - 1] < 1 == factors[n]
    want = np.array(record.of(plain).lrs_) * factors
    np.testing.assert_allclose(record.of(model).lrs_, want, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("warmup_epochs", [0, 1, 2, 3, 9])
def test_rise_of_one_cycle(warmup_epochs, rough, options, record):
    """The rate of one cycle is greatest after as many epochs, or not before the end."""
    model = CNNRegressor(warmup_epochs=warmup_epochs, callbacks=[record.callback()], **options).fit(
        rough.X, rough.y
    )
    rates = record.of(model).lrs_
    top = min(max(4 * warmup_epochs - 1, 0), 10)
    assert np.argmax(rates) == top
    assert (np.diff(rates[: top + 1]) > 0).all()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_plateau(early_stopping, rough, options, record):
    """The rate falls to a tenth when the loss has not fallen for more epochs than patience / 2."""
    options |= {"lr": 0.03, "optimizer": "sgd", "max_epochs": 25, "patience": 4, "batch_size": 60}
    model = CNNRegressor(
        schedule="plateau",
        early_stopping=early_stopping,
        callbacks=[record.callback()],
        **options | {"net": ConvNet(1, 2, dropout=0.5)},
    )
    model.set_params(patience=4).fit(rough.X, rough.y)
    key = "valid_loss" if early_stopping else "train_loss"
    rate, best, bad, want = 0.03, np.inf, 0, []
    for epoch in model.history_:
        want.append(rate)
        if epoch[key] < best:
            best, bad = epoch[key], 0
        else:
            bad += 1
        if bad > 2:
            rate, bad = rate / 10, 0
    np.testing.assert_allclose([epoch["lr"] for epoch in model.history_], want)
    assert len(set(want)) > 1
    assert early_stopping or len(want) == 25


def test_history_has_the_rate(rough, options, record):
    """Of each epoch, the rate of its last batch."""
    model = CNNRegressor(callbacks=[record.callback()], **options).fit(rough.X, rough.y)
    assert [epoch["lr"] for epoch in model.history_] == record.of(model).lrs_[3::4]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_gradients_are_clipped(optimizer, rough, options):
    """No step sees a longer gradient, and a shorter one is left alone."""

    class Norms(Callback):
        def __init__(self):
            self.norms_ = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            """Note the norm."""
            squares = [p.grad.square().sum() for _, p in named_parameters]
            self.norms_.append(torch.stack(squares).sum().sqrt().item())

    def norms(max_grad_norm):
        options_ = options | {"optimizer": optimizer, "max_grad_norm": max_grad_norm}
        model = CNNRegressor(callbacks=[Norms()], **options_).fit(rough.X, rough.y)
        return np.array(model.net_.callbacks[0].norms_), model.history_

    free, history = norms(None)
    limit = np.median(free)
    clipped, _ = norms(limit)
    assert len(free) == len(clipped) == 12
    np.testing.assert_allclose(clipped[0], min(free[0], limit), rtol=1e-5)
    assert clipped.max() < limit * 1.0001
    untouched, same = norms(1e6)
    np.testing.assert_array_equal(untouched, free)
    assert [e["train_loss"] for e in same] == [e["train_loss"] for e in history]
    with pytest.raises(ValueError, match="max_grad_norm"):
        norms(0.0)
