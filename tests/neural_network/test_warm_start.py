"""Going on from a fit: epochs are counted in all, parameters may change, shapes may not."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from skastro.exceptions import DivergenceError, MapShapeError
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries


@pytest.fixture
def model(options):
    """A regressor whose further fits go on."""
    return CNNRegressor(warm_start=True, **options)


def weights(model):
    """All weights as one array."""
    return np.concatenate([value.ravel() for value in model.net_.module_.state_dict().values()])


def test_max_epochs_is_the_total(model, rough):
    """A further fit runs what is left, and the history grows."""
    first = list(model.fit(rough.X, rough.y).history_)
    assert [epoch["epoch"] for epoch in first] == [1, 2, 3]
    model.set_params(max_epochs=5).fit(rough.X, rough.y)
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4, 5]
    assert model.history_[:3] == first
    assert model.n_iter_ == len(model.net_.history) == 5


@pytest.mark.parametrize("max_epochs", [2, 3])
def test_nothing_is_left(max_epochs, model, rough):
    """A warning says so, and the model stays as it is."""
    predicted = model.fit(rough.X, rough.y).predict(rough.X)
    model.set_params(max_epochs=max_epochs)
    with pytest.warns(ConvergenceWarning, match=f"max_epochs={max_epochs} already") as caught:
        model.fit(rough.X, rough.y)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.predict(rough.X), predicted)


def test_cold_start_begins_anew(options, rough):
    """Without warm_start nothing of an earlier fit is left."""
    model = CNNRegressor(**options)
    once = model.fit(rough.X, rough.y).predict(rough.X)
    model.set_params(max_epochs=5).fit(-2 * rough.X, rough.y).set_params(max_epochs=3)
    np.testing.assert_array_equal(model.fit(rough.X, rough.y).predict(rough.X), once)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("parted", [(2, 6), (1, 3, 6)])
def test_in_parts_as_in_one_go(parted, options, rough):
    """With an optimizer that remembers nothing and a constant rate, the bits are the same."""
    options |= {
        "net": ConvNet(1, 2, dropout=0.3),
        "optimizer": torch.optim.SGD,
        "schedule": None,
        "augmentation": Symmetries(shift=True),
        "warm_start": True,
    }
    whole = CNNRegressor(**options | {"max_epochs": 6}).fit(rough.X, rough.y)
    model = CNNRegressor(**options)
    for max_epochs in parted:
        model.set_params(max_epochs=max_epochs).fit(rough.X, rough.y)
    np.testing.assert_array_equal(weights(model), weights(whole))
    losses = [[epoch["train_loss"] for epoch in m.history_] for m in (model, whole)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("schedule", [None, "cosine", "one_cycle"])
def test_from_a_pickle_as_from_memory(schedule, options, rough):
    """A model that was unpickled goes on with the bits of the one that was not."""
    options |= {"schedule": schedule, "early_stopping": True, "warm_start": True}
    options["net"] = ConvNet(1, 2, dropout=0.3)
    model = CNNClassifier(**options).fit(rough.X, rough.label)
    loaded = pickle.loads(pickle.dumps(model))
    for one in (model, loaded):
        one.set_params(max_epochs=6).fit(rough.X, rough.label, groups=rough.groups)
    np.testing.assert_array_equal(weights(model), weights(loaded))
    assert loaded.n_iter_ == 6
    keys = ("epoch", "train_loss", "valid_loss")
    for ours, theirs in zip(model.history_, loaded.history_, strict=True):
        assert [ours[key] for key in keys] == [theirs[key] for key in keys]
    again = pickle.loads(pickle.dumps(loaded)).set_params(max_epochs=7)
    assert again.fit(rough.X, rough.label).n_iter_ == 7


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_schedule_starts_again(schedule, model, rough, record):
    """What is left is a run of its own: the rate does not stay where it ended."""
    model.set_params(schedule=schedule, callbacks=[record.callback()]).fit(rough.X, rough.y)
    first = record.of(model).lrs_
    before = weights(model)
    model.set_params(max_epochs=6).fit(rough.X, rough.y)
    np.testing.assert_allclose(record.of(model).lrs_, first)
    assert np.abs(weights(model) - before).max() > 1e-4


def test_parameters_may_change(model, rough, record):
    """Rate, optimizer, size of batches and loss are those of the further fit."""
    model.set_params(callbacks=[record.callback()], schedule="one_cycle").fit(rough.X, rough.y)
    model.set_params(
        lr=0.25,
        schedule=None,
        optimizer="sgd",
        weight_decay=0.125,
        batch_size=7,
        loss="absolute_error",
        max_epochs=4,
    ).fit(rough.X, rough.y)
    seen = record.of(model)
    assert set(seen.lrs_) == {0.25}
    assert set(seen.momenta_) == {0.9}
    assert [len(maps) for _, maps in seen.batches_] == [7] * 8 + [4]
    assert isinstance(model.net_.optimizer_, torch.optim.SGD)
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == 0.125
    model.set_params(lr=1e-30, weight_decay=0.0, max_epochs=5).fit(rough.X, rough.y)
    residuals = (model.predict(rough.X) - rough.y) / model.target_scaler_.scale_
    np.testing.assert_allclose(
        model.history_[-1]["train_loss"], np.abs(residuals).mean(), rtol=1e-4
    )


def test_targets_keep_their_scale(model, rough):
    """What the first fit learned of the targets stays, so that predictions go on."""
    model.fit(rough.X, rough.y)
    before = model.predict(rough.X)
    model.set_params(max_epochs=4, lr=1e-30, weight_decay=0.0).fit(rough.X, 1000 * rough.y)
    np.testing.assert_allclose(model.predict(rough.X), before, rtol=1e-5)


def test_other_maps(model, rough):
    """Maps of another shape are refused, and the model is as it was."""
    before = model.fit(rough.X, rough.y).predict(rough.X)
    with pytest.raises(MapShapeError, match=r"\(8, 9\).*\(9, 8\)"):
        model.fit(rough.X.transpose(0, 2, 1), rough.y)
    np.testing.assert_array_equal(model.predict(rough.X), before)
    more = np.concatenate([rough.X, rough.X])
    model.set_params(max_epochs=4).fit(more, np.tile(rough.y, 2))
    assert model.n_iter_ == 4


def test_other_targets(model, rough, options):
    """Another number of targets or other classes do not fit the last layer."""
    model.fit(rough.X, rough.y)
    with pytest.raises(ValueError, match=r"1 targets.* 2\. Set warm_start=False"):
        model.fit(rough.X, np.column_stack([rough.y, rough.y]))
    classifier = CNNClassifier(warm_start=True, **options).fit(rough.X, rough.label)
    for label in (rough.label.astype(str), np.arange(60) % 3, np.ones(60, dtype=bool)):
        with pytest.raises(ValueError, match=r"(?s)classes \[False *True\].*Set warm_start=False"):
            classifier.fit(rough.X, label)


def test_users_scheduler(model, rough):
    """A scheduler among the callbacks goes on as well, from where it was."""
    from skorch.callbacks import LRScheduler

    model.set_params(schedule=None, lr=0.1, callbacks=[LRScheduler("StepLR", step_size=1)])
    model.fit(rough.X, rough.y).set_params(max_epochs=5).fit(rough.X, rough.y)
    assert model.n_iter_ == 5


@pytest.mark.parametrize("when", ["on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("stop here")])
def test_after_an_interruption(error, when, model, rough, failing):
    """Epochs that were finished count, one that was not is run again."""
    model.set_params(callbacks=[failing(error, epoch=2, when=when)])
    with pytest.raises(type(error)):
        model.fit(rough.X, rough.y)
    finished = 1 if when == "on_batch_end" else 2
    assert model.n_iter_ == len(model.history_) == finished
    assert np.isfinite(model.predict(rough.X)).all()
    loaded = pickle.loads(pickle.dumps(model))
    for one in (model, loaded):
        one.set_params(callbacks=None).fit(rough.X, rough.y)
        assert [epoch["epoch"] for epoch in one.history_] == [1, 2, 3]
    np.testing.assert_array_equal(weights(model), weights(loaded))


def test_after_a_divergence(model, rough):
    """Weights that are not numbers are not gone on from."""
    with pytest.raises(DivergenceError):
        model.set_params(lr=1e30).fit(rough.X, rough.y)
    model.set_params(lr=1e-3).fit(rough.X, rough.y)
    assert model.n_iter_ == 3
    assert np.isfinite(model.predict(rough.X)).all()
