"""Checkpoints: a fit that was interrupted ends with the bits of one that was not."""

import os

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skastro.exceptions import DivergenceError
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries


class Interrupt(Callback):
    """Raises an error in a place that stands in the environment, so that it is no part of a fit.

    The place is after some batch, counted over all epochs, or in some epoch.
    """

    def initialize(self):
        """Count anew."""
        self.n_batches = 0
        return self

    def on_batch_end(self, net, training=False, **kwargs):
        """Perhaps fail."""
        self.n_batches += bool(training)
        self.fail(f"batch {self.n_batches}")

    def on_epoch_end(self, net, **kwargs):
        """Perhaps fail."""
        self.fail(f"epoch {len(net.history)}")

    def fail(self, place):
        """Fail in the place that was asked for, once."""
        if os.environ.get("SKASTRO_TEST_PLACE") == place:
            del os.environ["SKASTRO_TEST_PLACE"]
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _nothing_pending():
    yield
    os.environ.pop("SKASTRO_TEST_PLACE", None)


def interrupted(model, place, X, y, **fit_params):
    """Fit a model, which is interrupted in some place."""
    os.environ["SKASTRO_TEST_PLACE"] = "{} {}".format(*place)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, **fit_params)
    assert "SKASTRO_TEST_PLACE" not in os.environ
    return model


VARIANTS = {
    "one_cycle": {},
    "cosine": {"schedule": "cosine", "warmup_epochs": 2, "optimizer": "adam"},
    "plateau": {"schedule": "plateau", "patience": 2, "lr": 0.1, "warmup_epochs": 1},
    "constant": {"schedule": None, "optimizer": "sgd", "max_grad_norm": 0.1},
    "early stopping": {"early_stopping": True, "patience": 2, "validation_fraction": 0.3},
    "augmented": {"augmentation": Symmetries(shift=True)},
    "moments": {"loss": "moments"},
    "own optimizer": {"optimizer": torch.optim.RMSprop, "schedule": None},
}


@pytest.mark.parametrize("place", [("epoch", 1), ("epoch", 3), ("batch", 10)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_bits_of_an_uninterrupted_fit(variant, place, rough, options, tmp_path, steps, fits):
    """Wherever it was interrupted, with whatever schedule, dropout and optimizer."""
    options |= {"net": ConvNet(2, 3, dropout=0.3, batch_norm=True), "max_epochs": 5}
    options |= VARIANTS[variant] | {"callbacks": [Interrupt()]}
    whole = CNNRegressor(**options).fit(rough.X, rough.y, groups=rough.groups)
    n_steps = len(steps)
    model = CNNRegressor(checkpoint=tmp_path, **options)
    interrupted(model, place, rough.X, rough.y, groups=rough.groups)
    again = CNNRegressor(checkpoint=tmp_path, **options)
    again.fit(rough.X, rough.y, groups=rough.groups)
    fits.assert_same(again, whole)
    assert n_steps < len(steps) - n_steps < 1.8 * n_steps
    np.testing.assert_array_equal(again.predict(rough.X), whole.predict(rough.X))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("n_batches", [1, 3, 4, 6])
def test_within_an_epoch(n_batches, rough, options, tmp_path, steps, fits):
    """With an interval, batches that were done are not done again."""
    options |= {"net": ConvNet(1, 2, dropout=0.3), "callbacks": [Interrupt()]}
    options |= {"early_stopping": True, "augmentation": Symmetries()}
    whole = CNNClassifier(**options).fit(rough.X, rough.label, groups=rough.groups)
    n_steps = len(steps)
    model = CNNClassifier(checkpoint=tmp_path, checkpoint_interval=0.0, **options)
    interrupted(model, ("batch", n_batches + 1), rough.X, rough.label, groups=rough.groups)
    model.fit(rough.X, rough.label, groups=rough.groups)
    fits.assert_same(model, whole)
    assert len(steps) == 2 * n_steps + 1


def test_dropout_of_torch_within_an_epoch(rough, options, tmp_path, fits):
    """The generator that torch's own layers share is put back as well."""

    def net(map_shape, n_outputs):
        n_cells = int(np.prod(map_shape))
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Dropout(0.4), torch.nn.Linear(n_cells, n_outputs)
        )

    options |= {"net": net, "callbacks": [Interrupt()]}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(checkpoint=tmp_path, checkpoint_interval=0, **options)
    interrupted(model, ("batch", 6), rough.X, rough.y)
    torch.rand(3)
    fits.assert_same(model.fit(rough.X, rough.y), whole)


def test_again_and_again(rough, options, tmp_path, fits):
    """A fit may be interrupted many times."""
    options |= {"callbacks": [Interrupt()], "max_epochs": 6, "early_stopping": True}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    for epoch in (1, 2, 3, 5):
        model = CNNRegressor(checkpoint=tmp_path, **options)
        interrupted(model, ("epoch", epoch + 1), rough.X, rough.y)
        assert model.n_iter_ == epoch + 1
    fits.assert_same(CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y), whole)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("schedule", [None, "one_cycle"])
def test_finished_fit_is_restored(schedule, early_stopping, rough, options, tmp_path, steps, fits):
    """The same fit takes no step the second time, and predicts the same."""
    options |= {"schedule": schedule, "early_stopping": early_stopping, "lr": 0.1}
    options |= {"max_epochs": 12, "patience": 2, "checkpoint": tmp_path}
    first = CNNClassifier(**options).fit(rough.X, rough.label)
    n_steps = len(steps)
    second = CNNClassifier(**options).fit(rough.X, rough.label)
    assert len(steps) == n_steps
    fits.assert_same(first, second)
    np.testing.assert_array_equal(first.predict_proba(rough.X), second.predict_proba(rough.X))
    assert second.net_.callbacks_ == []


CHANGES = {
    "lr": {"lr": 0.02},
    "net": {"net": ConvNet(1, 3, readout="mean")},
    "net parameter": {"net": ConvNet(1, 2, readout="max")},
    "loss": {"loss": "huber"},
    "callable loss": {"loss": lambda p, y: (p - y) ** 2},
    "seed": {"random_state": 1},
    "epochs of a cycle": {"max_epochs": 4},
    "augmentation": {"augmentation": Symmetries()},
    "callbacks": {"callbacks": [Interrupt()]},
    "normalize_y": {"normalize_y": False},
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_parameters_are_another_fit(change, rough, options, tmp_path, steps, fits):
    """A parameter that bears on the result makes a file of its own."""
    CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    n_steps = len(steps)
    options |= CHANGES[change]
    model = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    assert len(steps) > n_steps
    assert len(list(tmp_path.iterdir())) == 2
    fits.assert_same(model, CNNRegressor(**options).fit(rough.X, rough.y))


@pytest.mark.parametrize("what", ["maps", "order", "targets", "weights", "groups"])
def test_other_data_are_another_fit(what, rough, options, tmp_path, steps):
    """One changed number in maps, targets, weights or groups, or another order of samples."""
    options |= {"checkpoint": tmp_path, "early_stopping": True}
    data = {
        "X": rough.X.copy(),
        "y": rough.y.copy(),
        "sample_weight": np.ones(60),
        "groups": rough.groups.copy(),
    }
    CNNRegressor(**options).fit(**data)
    n_steps = len(steps)
    if what == "order":
        data = {key: value[::-1] for key, value in data.items()}
    else:
        name = {"maps": "X", "targets": "y", "weights": "sample_weight"}.get(what, what)
        data[name].flat[-1] += 1
    CNNRegressor(**options).fit(**data)
    assert len(steps) > n_steps
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"verbose": 2},
        {"n_threads": None},
        {"device": "cpu"},
        {"checkpoint_interval": 100.0},
        {"average_symmetries": True},
    ],
)
def test_what_is_the_same_fit(change, rough, options, tmp_path, steps):
    """How a fit is watched, where it runs and how it predicts are not part of it."""
    options |= {"augmentation": Symmetries(), "checkpoint": tmp_path}
    CNNRegressor(**options).fit(rough.X, rough.y)
    n_steps = len(steps)
    CNNRegressor(**options | change).fit(rough.X, rough.y)
    assert len(steps) == n_steps


def test_more_epochs(rough, options, tmp_path, steps, fits):
    """Where the schedule does not depend on the end, a longer run goes on from a shorter one."""
    options |= {"schedule": None, "early_stopping": True, "patience": 50, "lr": 0.1}
    whole = CNNRegressor(**options | {"max_epochs": 9}).fit(rough.X, rough.y)
    n_steps = len(steps)
    for max_epochs in (6, 9):
        model = CNNRegressor(checkpoint=tmp_path, **options | {"max_epochs": max_epochs})
        model.fit(rough.X, rough.y)
    assert len(steps) == 2 * n_steps
    fits.assert_same(model, whole)
    shorter = CNNRegressor(**options | {"max_epochs": 4})
    shorter.fit(rough.X, rough.y)
    n_steps = len(steps)
    again = CNNRegressor(checkpoint=tmp_path, **options | {"max_epochs": 4}).fit(rough.X, rough.y)
    assert len(steps) > n_steps
    fits.assert_same(again, shorter)


def test_without_a_seed(rough, options, tmp_path, steps, fits):
    """A fit that drew its seed by chance goes on with it."""
    options |= {"random_state": None, "callbacks": [Interrupt()], "early_stopping": True}
    model = CNNRegressor(checkpoint=tmp_path, **options)
    interrupted(model, ("epoch", 3), rough.X, rough.y)
    first = fits.state(model)[1]
    again = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    assert fits.state(again)[1][:2] == first[:2]
    fits.assert_same(
        again,
        CNNRegressor(**options | {"random_state": None})
        .set_params(checkpoint=tmp_path)
        .fit(rough.X, rough.y),
    )


def test_warm_start(rough, options, tmp_path, steps, fits):
    """A further fit has a file of its own, which goes with the weights that it started from."""
    options |= {"warm_start": True, "callbacks": [Interrupt()]}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    whole.set_params(max_epochs=7).fit(rough.X, rough.y)
    model = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    interrupted(model.set_params(max_epochs=7), ("epoch", 5), rough.X, rough.y)
    again = CNNRegressor(checkpoint=tmp_path, **options).fit(rough.X, rough.y)
    n_steps = len(steps)
    again.set_params(max_epochs=7).fit(rough.X, rough.y)
    assert 0 < len(steps) - n_steps < 16
    fits.assert_same(again, whole)


def test_divergence_is_not_kept(rough, options, tmp_path):
    """A run that diverges leaves the last good state, and diverges again."""
    options |= {"schedule": None, "optimizer": "sgd", "lr": 30.0, "checkpoint": tmp_path}
    options |= {"max_epochs": 50, "net": ConvNet(1, 2)}
    messages = []
    for _ in range(2):
        with pytest.raises(DivergenceError) as caught:
            CNNRegressor(**options).fit(rough.X, rough.y)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
