"""Learning rates and optimizers, against formulas and torch's classes."""

from functools import partial

import numpy as np
import pytest
import torch

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
