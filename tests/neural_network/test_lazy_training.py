"""Training from lazy maps: noise that is new each epoch, and bad cells that are found."""

import os

import h5py
import joblib
import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skastro.maps import MapTransformer, open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Streaming, Symmetries
from skastro.preprocessing import FieldScaler


class Noise(MapTransformer):
    """Adds white noise that depends on the epoch and the sample."""

    _parameter_constraints = {}
    _random = True

    def __init__(self, sigma=1.0):
        self.sigma = sigma

    def _apply(self, batch):
        return batch

    def _apply_random(self, batch, samples, epoch):
        draws = [
            np.random.default_rng([int(sample), epoch]).normal(size=batch.shape[1:])
            for sample in samples
        ]
        return batch + self.sigma * np.asarray(draws, dtype=np.float32)


class Break(Callback):
    """Breaks off in the second epoch, as long as a file is there."""

    def on_batch_end(self, net, **kwargs):
        """Perhaps fail."""
        if len(net.history) == 2 and os.path.exists(os.environ["SKASTRO_TEST_BREAK"]):
            raise KeyboardInterrupt


@pytest.fixture
def stored(rough, tmp_path):
    """The maps in a file."""
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        file["maps"] = rough.X
    return open_maps(path)


def seen(record, model, epoch):
    """Maps of an epoch in the order of their first value."""
    maps = np.concatenate([maps for number, maps in record.of(model).batches_ if number == epoch])
    return maps[np.argsort(maps[:, 0, 0, 0])][:, 0]


def in_order(maps):
    """Maps in the order of their first value."""
    maps = np.asarray(maps)
    return maps[np.argsort(maps[:, 0, 0])]


def test_noise_is_new_in_each_epoch(stored, rough, options, record):
    """Epoch by epoch the net sees realization 1, 2, 3 of the noise."""
    noisy = Noise().fit(stored).transform(stored)
    model = CNNRegressor(callbacks=[record.callback()], **options).fit(noisy, rough.y)
    for epoch in (1, 2, 3):
        want = in_order(noisy.realization(epoch))
        np.testing.assert_array_equal(seen(record, model, epoch), want)
        assert np.abs(want - in_order(noisy)).max() > 1
    model.set_params(warm_start=True, max_epochs=3).set_params(max_epochs=4)
    model.fit(noisy, rough.y)
    np.testing.assert_array_equal(seen(record, model, 4), in_order(noisy.realization(4)))


def test_noise_of_predictions_is_fixed(stored, rough, options):
    """Predictions see the realization of the maps that were given, always the same."""
    noisy = Noise().fit(stored).transform(stored)
    model = CNNRegressor(**options).fit(noisy, rough.y)
    predicted = model.predict(noisy)
    np.testing.assert_array_equal(model.predict(noisy), predicted)
    np.testing.assert_array_equal(model.predict(np.asarray(noisy.realization(0))), predicted)
    np.testing.assert_array_equal(model.predict(noisy[::-3]), predicted[::-3])
    assert np.abs(model.predict(noisy.realization(1)) - predicted).max() > 1e-6


def test_validation_sees_one_realization(stored, rough, options, record):
    """The loss of early stopping differs between epochs by the weights alone."""
    noisy = Noise().fit(stored).transform(stored)
    model = CNNRegressor(early_stopping=True, **options | {"lr": 1e-30, "weight_decay": 0.0}).fit(
        noisy, rough.y
    )
    assert len({epoch["valid_loss"] for epoch in model.history_}) == 1
    assert len({epoch["train_loss"] for epoch in model.history_}) == 3


def test_in_a_pipeline(stored, rough, options):
    """Scaling stays lazy, and augmentation follows it; the bits are those of arrays."""

    def pipeline():
        net = CNNRegressor(augmentation=Symmetries(shift=True), early_stopping=True, **options)
        return make_pipeline(FieldScaler(), net)

    lazy = pipeline().fit(stored, rough.y, cnnregressor__groups=rough.groups)
    eager = pipeline().fit(rough.X, rough.y, cnnregressor__groups=rough.groups)
    np.testing.assert_array_equal(lazy.predict(stored), eager.predict(rough.X))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_sample_of_a_bad_cell(early_stopping, rough, options, tmp_path):
    """The number is that of the maps that were given, whatever rows of the file these are."""
    X = np.stack([rough.X, rough.X], axis=1)
    X[33, 1, 4, 7] = np.nan
    maps = open_maps(X)[np.r_[40:60, 30:40]]
    model = CNNRegressor(early_stopping=early_stopping, **options)
    with pytest.raises(ValueError, match=r"NaN.* sample 23, channel 1, cell \(4, 7\)") as error:
        model.fit(maps, rough.y[:30])
    assert "CNNRegressor" in str(error.value)
    fitted = CNNRegressor(**options).fit(maps[:20], rough.y[:20])
    with pytest.raises(ValueError, match=r"NaN.* sample 23, channel 1, cell \(4, 7\)"):
        fitted.predict(maps)
    assert fitted.predict(maps[:20]).shape == (20,)


def test_only_batches_are_read(rough, options):
    """No more than a batch is read at once, in fit and in predict, where memory is little."""

    class Source:
        dtype = np.dtype("float32")
        shape = rough.X.shape

        def __init__(self):
            self.read_at_once = []

        def read(self, rows):
            self.read_at_once.append(len(rows))
            return rough.X[rows]

    maps = open_maps(rough.X)
    source = maps.source = Source()
    options |= {"streaming": Streaming(memory=1)}
    model = CNNClassifier(early_stopping=True, **options).fit(maps, rough.label)
    model.predict_proba(maps)
    assert max(source.read_at_once) == 16
    assert sum(source.read_at_once) == 4 * 60


def test_channels_and_cubes(rough, options):
    """Maps with channels, and cubes where the net says so, are read like arrays."""
    X = rough.X.reshape(10, 6, 8, 9)
    for dim in (2, 3):
        net = ConvNet(1, 2, dim=dim)
        lazy, eager = (
            CNNRegressor(**options | {"net": net}).fit(maps, np.arange(10.0)).predict(maps)
            for maps in (open_maps(X), X)
        )
        np.testing.assert_array_equal(lazy, eager)


@pytest.mark.parametrize("interval", [None, 0.0])
def test_noise_in_a_fit_that_goes_on(interval, stored, rough, options, tmp_path, monkeypatch):
    """Noise from a file, dropout and turns are those of a fit that was not broken off."""
    options |= {"net": ConvNet(1, 2, dropout=0.3), "augmentation": Symmetries(shift=True)}
    noisy = Noise().fit(stored).transform(stored)
    whole = CNNRegressor(**options).fit(noisy, rough.y)
    breaks = [Break()]
    keeping = {"checkpoint": tmp_path / "fit", "checkpoint_interval": interval}
    flag = tmp_path / "break"
    flag.touch()
    monkeypatch.setenv("SKASTRO_TEST_BREAK", str(flag))
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(callbacks=breaks, **options | keeping).fit(noisy, rough.y)
    flag.unlink()
    again = CNNRegressor(callbacks=breaks, **options | keeping).fit(noisy, rough.y)
    assert len(list((tmp_path / "fit").iterdir())) == 1
    np.testing.assert_array_equal(again.predict(rough.X), whole.predict(rough.X))
    losses = [[epoch["train_loss"] for epoch in model.history_] for model in (again, whole)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_noise_in_parallel_fits(backend, stored, rough, options):
    """Noise, dropout and turns are the same in threads and in other processes."""
    options |= {"net": ConvNet(1, 2, dropout=0.3), "augmentation": Symmetries(shift=True)}
    noisy = FieldScaler().fit_transform(Noise().fit(stored).transform(stored))
    model = CNNRegressor(early_stopping=True, **options)
    here = cross_val_predict(model, noisy, rough.y, groups=rough.groups, cv=GroupKFold(3))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        there = cross_val_predict(model, noisy, rough.y, groups=rough.groups, cv=GroupKFold(3))
    np.testing.assert_array_equal(here, there)
