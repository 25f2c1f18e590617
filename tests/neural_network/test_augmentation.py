"""Augmentation in training, and nowhere else."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor, Symmetries

SHAPES = {"line": (9,), "square": (6, 6), "cube": (4, 4, 4)}
OPTIONS = {"n_threads": 1, "random_state": 0, "batch_size": 4, "schedule": None}


class Batches(Callback):
    """Keeps the maps of every batch."""

    def __init__(self):
        self.seen_ = {True: [], False: []}

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Note what goes into the module."""
        self.seen_[training].append((len(net.history), batch[0].numpy().copy()))


def fit(group, **parameters):
    """A model with the batches that it saw, and the maps it was trained on."""
    X = np.random.default_rng(0).normal(size=(12, 2, *SHAPES[group])).astype("float32")
    dim = len(SHAPES[group])
    model = CNNRegressor(
        ConvNet(1, 2, readout="mean", dim=dim), callbacks=[Batches()], **OPTIONS | parameters
    )
    model.fit(X, np.arange(12.0))
    return model, X, model.net_.callbacks[0].seen_


def epoch_of(seen, number):
    """All maps of an epoch."""
    return np.concatenate([maps for epoch, maps in seen if epoch == number])


def fingerprints(maps):
    """Sorted values of each map, which no symmetry changes."""
    return sorted(tuple(np.sort(one.ravel())) for one in maps)


@pytest.mark.parametrize("group", SHAPES)
def test_training_maps_are_transformed(group):
    """Each epoch sees each map once, under new symmetries."""
    _, X, seen = fit(group, augmentation=Symmetries(group, shift=True), max_epochs=3)
    assert not seen[False]
    epochs = [epoch_of(seen[True], number) for number in (1, 2, 3)]
    for maps in epochs:
        assert fingerprints(maps) == fingerprints(X)
    distinct = {one.tobytes() for maps in epochs for one in maps}
    assert len(distinct) > 30
    assert len(distinct & {one.tobytes() for one in X}) < 4


def test_without_augmentation_maps_are_as_they_were():
    """The counterpart: the same test finds the maps unchanged."""
    _, X, seen = fit("square", max_epochs=1)
    assert {one.tobytes() for one in epoch_of(seen[True], 1)} == {one.tobytes() for one in X}


def test_validation_sees_maps_as_they_are():
    """What early stopping validates on is not transformed."""
    _, X, seen = fit(
        "square",
        augmentation=Symmetries(shift=True),
        early_stopping=True,
        validation_fraction=0.5,
        max_epochs=3,
    )
    originals = {one.tobytes() for one in X}
    for number in (1, 2, 3):
        validated = epoch_of(seen[False], number)
        assert 1 <= len(validated) <= 11
        assert {one.tobytes() for one in validated} <= originals
        assert not {one.tobytes() for one in epoch_of(seen[True], number)} <= originals


def test_prediction_sees_maps_as_they_are():
    """Predictions are those of the module on the maps that were given."""
    model, X, _ = fit("square", augmentation=Symmetries(shift=True), max_epochs=2)
    assert model.net_.module_.training
    with torch.no_grad():
        want = model.net_.module_.eval()(torch.from_numpy(X)).numpy()[:, 0]
    scaler = model.target_scaler_
    np.testing.assert_allclose(model.predict(X), want * scaler.scale_ + scaler.center_, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))


def test_one_channel_maps():
    """Maps without a channel axis are augmented along their own axes, one epoch like the other."""
    X = np.arange(12 * 6 * 9, dtype="float32").reshape(12, 6, 9) / 100
    model = CNNRegressor(
        ConvNet(1, 2), augmentation=Symmetries(), callbacks=[Batches()], max_epochs=2, **OPTIONS
    )
    model.fit(X, np.arange(12.0))
    flips = {np.flip(one, axes).tobytes() for one in X for axes in [(), 0, 1, (0, 1)]}
    seen = model.net_.callbacks[0].seen_[True]
    assert {one[0].tobytes() for _, maps in seen for one in maps} <= flips


def test_batches_do_not_change_what_is_drawn():
    """Draws belong to seed, epoch and sample: another batch size transforms maps alike."""

    def transformed(batch_size):
        _, _, seen = fit(
            "cube", augmentation=Symmetries("cube"), max_epochs=2, batch_size=batch_size
        )
        return [{one.tobytes() for one in epoch_of(seen[True], number)} for number in (1, 2)]

    assert transformed(4) == transformed(7)


def test_wrong_group():
    """A group for another number of axes is refused before training, and leaves no model."""
    X = np.zeros((6, 5, 5, 5), dtype="float32")
    model = CNNRegressor(ConvNet(1, 2, dim=3), augmentation=Symmetries("square"), **OPTIONS)
    with pytest.raises(ValueError, match="Take group='cube'"):
        model.fit(X, np.arange(6.0))
    assert not hasattr(model, "net_")
    with pytest.raises(ValueError, match="augmentation"):
        CNNRegressor(augmentation="square").fit(X, np.arange(6.0))
