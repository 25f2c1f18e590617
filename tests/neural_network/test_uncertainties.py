"""Standard deviations that a net predicts: against known noise, in the user's units."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skastro.nets import DenseNet
from skastro.neural_network import CNNRegressor, Symmetries

LOSSES = ["gaussian_nll", "moments"]
LEARNER = {
    "net": DenseNet((16,)),
    "lr": 0.01,
    "batch_size": 100,
    "max_epochs": 40,
    "n_threads": 1,
    "random_state": 0,
}


def draw(n_samples, seed):
    """Maps of a level, and two targets, the noise of the first of which grows with it."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(-1, 1, size=n_samples)
    maps = level[:, None, None] + 0.1 * rng.normal(size=(n_samples, 3, 4))
    mean = np.column_stack([20 + 3 * level, -400 * level])
    std = np.column_stack([0.3 + 0.6 * (1 + level), np.full(n_samples, 50.0)])
    return maps.astype("float32"), mean, std, mean + std * rng.normal(size=mean.shape)


@pytest.mark.parametrize("loss", LOSSES)
def test_against_known_noise(loss):
    """Means, deviations and their ratio to residuals are right on maps that were not seen."""
    maps, _, _, y = draw(1500, seed=0)
    model = CNNRegressor(loss=loss, **LEARNER).fit(maps, y)
    maps, true_mean, true_std, y = draw(1000, seed=1)
    mean, std = model.predict(maps, return_std=True)
    assert mean.shape == std.shape == y.shape
    np.testing.assert_array_equal(model.predict(maps), mean)
    error = ((mean - true_mean) ** 2).mean(0) / true_mean.var(0)
    assert (error < 0.03).all()
    assert np.corrcoef(std[:, 0], true_std[:, 0])[0, 1] > 0.9
    assert 2.5 < np.quantile(std[:, 0], 0.95) / np.quantile(std[:, 0], 0.05) < 6
    pulls = ((y - mean) / std).std(0)
    assert ((pulls > 0.8) & (pulls < 1.25)).all()
    assert ((std / true_std).mean(0) > 0.8).all()
    assert ((std / true_std).mean(0) < 1.2).all()


@pytest.mark.parametrize("normalize_y", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_units(loss, normalize_y, rough, options):
    """They are undone in both: a power of two, so that not one bit is rounded."""
    model = CNNRegressor(loss=loss, normalize_y=normalize_y, **options)
    mean, std = model.fit(rough.X, rough.y).predict(rough.X, return_std=True)
    outputs = model._forward(rough.X)[0].astype(float)
    scale = rough.y.std() if normalize_y else 1
    np.testing.assert_allclose(std, np.sqrt(np.exp(outputs[:, 1])) * scale, rtol=1e-12)
    center = rough.y.mean() if normalize_y else 0
    np.testing.assert_allclose(mean, outputs[:, 0] * scale + center, rtol=1e-12)
    if normalize_y:
        model.fit(rough.X, 1024 * rough.y)
        np.testing.assert_array_equal(
            model.predict(rough.X, return_std=True), (1024 * mean, 1024 * std)
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_mixture_of_views(loss, rough, options, monkeypatch):
    """Moments of an equal mixture of normal distributions, one for each view."""
    y = np.column_stack([rough.y, 100 * rough.y])
    model = CNNRegressor(loss=loss, **options).fit(rough.X, y)
    views = np.random.default_rng(0).normal(size=(4, 60, 4)).astype("float32")
    monkeypatch.setattr(model, "_forward", lambda X: views)
    means = views[..., :2] * y.std(0) + y.mean(0)
    variances = np.exp(views[..., 2:].astype(float)) * y.var(0)
    mean, std = model.predict(rough.X, return_std=True)
    np.testing.assert_allclose(mean, means.mean(0), rtol=1e-6)
    second_moment = (means**2 + variances).mean(0)
    np.testing.assert_allclose(std, np.sqrt(second_moment - means.mean(0) ** 2), rtol=1e-5)


@pytest.mark.parametrize("loss", [*LOSSES, "poisson", "squared_log_error"])
def test_mirrored_maps(loss, rough, options):
    """Averaged over symmetries, predictions are moments of those of the four mirrored maps."""
    model = CNNRegressor(loss=loss, augmentation=Symmetries(), **options | {"lr": 0.1})
    model.fit(rough.X, rough.y)
    mirrored = [rough.X[:, ::i, ::j] for i in (1, -1) for j in (1, -1)]
    means = [model.predict(X) for X in mirrored]
    assert np.std(means, axis=0).max() > 1e-4
    model.set_params(average_symmetries=True)
    np.testing.assert_allclose(model.predict(rough.X), np.mean(means, axis=0), rtol=1e-5)
    if loss in LOSSES:
        model.set_params(average_symmetries=False)
        stds = [model.predict(X, return_std=True)[1] for X in mirrored]
        model.set_params(average_symmetries=True)
        want = np.sqrt(np.var(means, axis=0) + np.mean(np.square(stds), axis=0))
        np.testing.assert_allclose(model.predict(rough.X, return_std=True)[1], want, rtol=1e-5)


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_shapes(loss, n_targets, rough, options):
    """Those of the targets, whatever the net makes."""
    y = rough.y if n_targets is None else np.tile(rough.y[:, None], n_targets)
    model = CNNRegressor(loss=loss, **options).fit(rough.X, y)
    mean, std = model.predict(rough.X[:7], return_std=True)
    assert mean.shape == std.shape == y[:7].shape
    assert mean.dtype == std.dtype == np.float64
    assert (std > 0).all()
    assert isinstance(model.predict(rough.X[:7]), np.ndarray)


@pytest.mark.parametrize("loss", LOSSES)
def test_early_stopping_and_weights(loss, rough, options):
    """Samples of weight zero and those set aside change neither kind of loss."""
    options |= {"early_stopping": True, "batch_size": 7}
    model = CNNRegressor(loss=loss, **options).fit(rough.X, rough.y)
    clean = model.predict(rough.X, return_std=True)
    assert np.isfinite([epoch["valid_loss"] for epoch in model.history_]).all()
    X = np.concatenate([rough.X, 1e6 * rough.X[:20]])
    y = np.concatenate([rough.y, np.full(20, 1e12)])
    model.fit(X, y, sample_weight=np.repeat([1.0, 0.0], [60, 20]))
    np.testing.assert_allclose(model.predict(rough.X, return_std=True), clean, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_copies(loss, rough, options):
    """A pickle predicts the same bits, and a clone learns them."""
    model = CNNRegressor(loss=loss, **options).fit(rough.X, rough.y)
    want = model.predict(rough.X, return_std=True)
    for copy in (pickle.loads(pickle.dumps(model)), clone(model).fit(rough.X, rough.y)):
        np.testing.assert_array_equal(copy.predict(rough.X, return_std=True), want)


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "squared_log_error"])
def test_losses_without(loss, rough, options):
    """The error names the loss of the fit, and those that learn standard deviations."""
    model = CNNRegressor(loss=loss, **options).fit(rough.X, rough.y).set_params(loss="moments")
    with pytest.raises(ValueError, match=rf"fitted with loss='{loss}'.*'gaussian_nll' or loss="):
        model.predict(rough.X, return_std=True)


def test_before_fit(rough, options):
    with pytest.raises(NotFittedError):
        CNNRegressor(loss="moments", **options).predict(rough.X, return_std=True)
