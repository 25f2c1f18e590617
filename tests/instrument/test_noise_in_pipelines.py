"""Noise in pipelines: fresh in each epoch, fixed in validation and prediction."""

import h5py
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skastro.instrument import ChannelMeanSubtraction, GaussianBeam, PowerLawForeground, WhiteNoise
from skastro.maps import LazyMaps, open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler, SignedLog

SEEN = []


class See(Callback):
    """Keeps the maps of each batch in training and in validation."""

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Keep the maps, with the number of the epoch."""
        SEEN.append((training, len(net.history), batch[0].cpu().numpy().copy()))


@pytest.fixture
def seen():
    SEEN.clear()
    return SEEN


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.uniform(1, 3, size=24)
    X = (y[:, None, None, None] * rng.gamma(0.5, size=(24, 3, 8, 9))).astype(np.float32)
    return X, y


def regressor(**params):
    params = {"max_epochs": 3, "batch_size": 8, "n_threads": 1, "random_state": 0} | params
    return CNNRegressor(ConvNet(n_layers=2, n_filters=2), **params)


def pipeline(seed=0, sigma=0.5, **params):
    noise = WhiteNoise(sigma, random_state=seed)
    return make_pipeline(noise, SignedLog(), FieldScaler(), regressor(**params))


def epoch_maps(training, epoch):
    """Maps of an epoch, in the order of their first value."""
    found = np.concatenate([maps for *key, maps in SEEN if key == [training, epoch]])
    return found[np.argsort(found[:, 0, 0, 0])]


def test_scaler_learns_from_noisy_maps(data):
    X, y = data
    fitted = pipeline(sigma=2.0).fit(X, y)
    noisy = WhiteNoise(2.0, random_state=0).fit_transform(X)
    want = FieldScaler().fit(SignedLog().fit_transform(np.asarray(noisy)))
    np.testing.assert_allclose(fitted[2].scale_, want.scale_, rtol=1e-6)
    np.testing.assert_allclose(fitted[2].center_, want.center_, rtol=1e-6)


def test_equal_seeds_give_equal_bits_and_others_do_not(data):
    X, y = data
    first, second = (pipeline().fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    losses = [[epoch["train_loss"] for epoch in fitted[-1].history_] for fitted in (first, second)]
    assert losses[0] == losses[1]
    assert (pipeline(seed=1).fit(X, y).predict(X) != first.predict(X)).any()


def test_lazy_maps_train_as_arrays_do(data, tmp_path):
    X, y = data
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["maps"] = X
    lazy = open_maps(tmp_path / "maps.h5")
    np.testing.assert_array_equal(
        pipeline().fit(X, y).predict(X), pipeline().fit(lazy, y).predict(lazy)
    )


def test_the_net_sees_other_noise_each_epoch(data, seen):
    X, y = data
    noise = WhiteNoise(0.5, random_state=0)
    make_pipeline(noise, regressor(callbacks=[See()])).fit(X, y)
    epochs = [epoch_maps(True, epoch) for epoch in (1, 2, 3)]
    for i, maps in enumerate(epochs):
        want = np.asarray(noise.fit_transform(X).realization(i + 1))
        np.testing.assert_array_equal(maps, want[np.argsort(want[:, 0, 0, 0])])
    rows = [np.asarray(noise.fit_transform(X).realization(epoch)) - X for epoch in (1, 2, 3)]
    correlation = np.corrcoef([noise.ravel() for noise in rows])[np.triu_indices(3, 1)]
    assert abs(correlation).max() < 5 / np.sqrt(X.size)


def test_validation_keeps_one_realization(data, seen):
    X, y = data
    noise = WhiteNoise(0.5, random_state=0)
    net = regressor(early_stopping=True, validation_fraction=0.3, callbacks=[See()])
    make_pipeline(noise, net).fit(X, y)
    first, *others = (epoch_maps(False, epoch) for epoch in (1, 2, 3))
    assert 0 < len(first) < len(X)
    for maps in others:
        np.testing.assert_array_equal(maps, first)
    fixed = np.asarray(noise.fit_transform(X))
    assert all((maps == fixed).all(axis=(1, 2, 3)).any() for maps in first)


def test_predictions_are_reproducible_and_do_not_depend_on_company(data):
    X, y = data
    fitted = pipeline().fit(X, y)
    together = fitted.predict(X)
    np.testing.assert_array_equal(fitted.predict(X), together)
    alone = np.concatenate([fitted.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(fitted.predict(X[::-1])[::-1], together)
    clean = fitted.set_params(whitenoise__when="fit").predict(X)
    assert (clean != together).all()


def test_noise_of_steps_with_equal_seeds_is_independent():
    """Variances add up, in training as in prediction."""
    maps = np.random.default_rng(0).normal(size=(30, 3, 16, 18)).astype(np.float32)
    chain = make_pipeline(*(WhiteNoise(sigma, random_state=0) for sigma in (3.0, 4.0, 12.0)))
    lazy = chain.fit_transform(maps)
    for noisy in (lazy, lazy.realization(1), chain.transform(maps)):
        added = np.asarray(noisy) - maps
        assert added.std() == pytest.approx(13, rel=5 / np.sqrt(2 * added.size))
    first = WhiteNoise(3.0, random_state=0).fit_transform(maps)
    np.testing.assert_array_equal(np.asarray(chain[:1].fit_transform(maps)), np.asarray(first))
    np.testing.assert_array_equal(np.asarray(chain.fit_transform(maps)), np.asarray(lazy))


def test_grid_over_levels(data):
    X, y = data
    search = GridSearchCV(pipeline(), {"whitenoise__sigma": [0.0, 1.0, (0.0, 50.0)]}, cv=2)
    search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 3


def test_a_chain_of_instruments_stays_lazy_and_agrees_by_batch(data):
    X, _ = data
    chain = make_pipeline(
        PowerLawForeground(3.0, frequencies=[27.0, 30.0, 33.0], random_state=0),
        GaussianBeam(2.0),
        WhiteNoise(random_state=0),
        ChannelMeanSubtraction(),
    )
    lazy = chain.fit_transform(X)
    assert isinstance(lazy, LazyMaps)
    whole = np.asarray(lazy.realization(2))
    np.testing.assert_array_equal(np.asarray(lazy.realization(2)[[5, 3]]), whole[[5, 3]])
    assert (np.asarray(lazy.realization(1)) != whole).all(axis=(1, 2, 3)).all()
    np.testing.assert_allclose(whole.mean(axis=(2, 3)), 0, atol=1e-6)
    np.testing.assert_array_equal(chain.transform(X)[[7]], chain.transform(X[[7]]))


def test_checkpoints_know_the_noise(data, tmp_path):
    X, y = data
    for sigma, seed in ((0.5, 0), (0.5, 0), (0.5, 1), (0.6, 0)):
        noise = WhiteNoise(sigma, random_state=seed)
        make_pipeline(noise, regressor(checkpoint=tmp_path, max_epochs=1)).fit(X, y)
    assert len([path for path in tmp_path.iterdir() if path.is_file()]) == 3
