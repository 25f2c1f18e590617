"""Fields from fields: what is learned, in which shapes and units."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest
import skorch
import torch
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from skastro.exceptions import MapShapeError
from skastro.maps import constant_channels, open_maps, stack_channels
from skastro.nets import FieldResNet, UNet
from skastro.neural_network import FieldRegressor, Symmetries
from skastro.neural_network._field_losses import FIELD_LOSSES
from skastro.preprocessing import FieldScaler

NET = FieldResNet(n_blocks=1, n_filters=6, padding_mode="circular")
TRAINING = {"n_threads": 1, "random_state": 0, "lr": 0.02, "max_epochs": 12}


def around(X):
    """Mean of each cell and the next ones along the last two axes."""
    return (X + sum(np.roll(X, step, axis) for step in (-1, 1) for axis in (-2, -1))) / 5


@pytest.fixture
def data():
    """Maps and what is around each of their cells, and from where they are."""
    X = np.random.default_rng(0).normal(size=(24, 10, 12)).astype("float32")
    return X, around(X), np.repeat(np.arange(6), 4)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_local_mean_is_learned(loss, data):
    """In the user's units, whatever these are."""
    X, y, _ = data
    y = 1e5 * y - 3e6
    model = FieldRegressor(NET, loss=loss, **TRAINING | {"max_epochs": 15}).fit(X[:16], y[:16])
    predicted = model.predict(X[16:])
    assert predicted.dtype == np.float32
    assert predicted.shape == y[16:].shape
    assert r2_score(y[16:].ravel(), predicted.ravel()) > 0.8
    assert model.score(X[16:], y[16:]) == pytest.approx(r2_score(y[16:].ravel(), predicted.ravel()))


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy", "dice"])
def test_fractions(loss, data):
    """Predictions lie between 0 and 1 and follow the truth."""
    X, y, _ = data
    y = np.clip(0.5 + 3 * y, 0, 1)
    model = FieldRegressor(NET, loss=loss, output="fraction", **TRAINING | {"max_epochs": 15})
    predicted = model.fit(X[:16], y[:16]).predict(X[16:] * 100)
    assert predicted.min() >= 0
    assert predicted.max() <= 1
    assert model.score(X[16:], y[16:]) > 0.6


@pytest.mark.parametrize(("name", "best"), [("cross_entropy", None), ("dice", 0.0)])
def test_losses_of_fractions(name, best):
    """Against their formulas; the truth is the best prediction."""
    rng = np.random.default_rng(0)
    y, p = rng.uniform(0.01, 0.99, size=(2, 3, 2, 5, 6))
    made = torch.from_numpy(p if name == "dice" else np.log(p / (1 - p)))
    options = {"reduction": "none"} if FIELD_LOSSES[name].reduces else {}

    def value(prediction):
        return FIELD_LOSSES[name].function(prediction, torch.from_numpy(y), **options).numpy()

    expected = {
        "cross_entropy": -y * np.log(p) - (1 - y) * np.log(1 - p),
        "dice": 1 - 2 * (p * y).sum((2, 3)) / (p**2 + y**2).sum((2, 3)),
    }[name]
    np.testing.assert_allclose(value(made), expected, rtol=1e-4, atol=1e-6)
    truth = torch.from_numpy(y if name == "dice" else np.log(y / (1 - y)))
    for other in (truth + 0.01, truth - 0.01, made):
        assert value(truth).mean() < value(other).mean()
    if best is not None:
        np.testing.assert_allclose(value(truth), best, atol=1e-6)


def test_a_loss_of_the_user(data):
    """A function of predictions as they will be, here of fractions, and targets."""
    X, y, _ = data
    y = np.clip(0.5 + y, 0, 1)
    seen = []

    def loss(prediction, target):
        seen.append((prediction.detach().numpy(), target.numpy()))
        return (prediction - target).abs().flatten(1).mean(1)

    options = TRAINING | {"max_epochs": 1, "patch_size": 4}
    FieldRegressor(NET, loss=loss, output="fraction", **options).fit(X, y)
    for prediction, target in seen:
        assert prediction.shape == target.shape == (4, 1, 4, 4)
        assert (prediction > 0).all()
        assert (prediction < 1).all()


@pytest.mark.parametrize(
    ("shape", "target", "net"),
    [
        ((6, 3, 20), (6, 20), FieldResNet(1, 3, dim=1)),
        ((6, 20), (6, 20), FieldResNet(1, 3)),
        ((6, 7, 8), (6, 1, 7, 8), UNet(1, 3)),
        ((6, 2, 7, 8), (6, 3, 7, 8), UNet(1, 3)),
        ((6, 7, 8, 9), (6, 7, 8, 9), UNet(1, 3, dim=3)),
        ((6, 2, 7, 8, 9), (6, 7, 8, 9), None),
        ((1, 2, 8, 8, 8), (1, 2, 8, 8, 8), UNet(1, 3)),
    ],
)
@pytest.mark.parametrize("patch_size", [None, 4])
def test_shapes(shape, target, net, patch_size):
    """One to three dimensions, with and without channels; predictions have the axes of y."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=shape), rng.normal(size=target)
    model = FieldRegressor(net, patch_size=patch_size, halo=2, max_epochs=1, n_threads=1)
    assert model.fit(X, y).predict(X).shape == target
    assert np.isfinite(model.predict(X)).all()


def test_boxes_of_another_size(data):
    """What was trained on small boxes is applied to large ones."""
    X, y, _ = data
    model = FieldRegressor(NET, **TRAINING).fit(X, y)
    small = model.predict(np.tile(X[:2], (1, 2, 3)))
    np.testing.assert_allclose(small, np.tile(model.predict(X[:2]), (1, 2, 3)), atol=1e-5)
    with pytest.raises(MapShapeError, match="2, 10, 12"):
        model.predict(np.zeros((3, 2, 10, 12)))


@pytest.mark.parametrize("patch_size", [None, 6])
def test_lazy_boxes(patch_size, data, tmp_path):
    """Maps and targets in a file train the same net as in memory, bit for bit."""
    X, y, _ = data
    with h5py.File(tmp_path / "boxes.h5", "w") as file:
        file["X"], file["y"] = X, y
    lazy_X, lazy_y = (open_maps(tmp_path / "boxes.h5", name) for name in "Xy")
    options = TRAINING | {"max_epochs": 2, "patch_size": patch_size, "n_patches": 2}
    options |= {"augmentation": Symmetries(), "early_stopping": True}
    pipeline = make_pipeline(FieldScaler(), FieldRegressor(NET, **options))
    eager, lazy = clone(pipeline).fit(X, y), clone(pipeline).fit(lazy_X, lazy_y)
    np.testing.assert_array_equal(eager.predict(X), lazy.predict(lazy_X))
    assert eager.score(X, y) == pytest.approx(lazy.score(lazy_X, lazy_y))


def test_conditions_are_learned(data):
    """A number of each map decides what is made of it."""
    X, _, _ = data
    redshift = np.linspace(-1, 1, len(X))
    y = X * redshift[:, None, None]
    maps = stack_channels([X, constant_channels(redshift, X.shape[1:])])
    options = TRAINING | {"max_epochs": 25}
    with_condition = FieldRegressor(clone(NET).set_params(n_conditions=1), **options)
    assert with_condition.fit(maps[::2], y[::2]).score(maps[1::2], y[1::2]) > 0.8
    assert FieldRegressor(NET, **options).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) < 0.5


def test_search_and_cross_validation(data):
    """Searches of scikit-learn split boxes by simulation, maps and fields alike."""
    X, y, groups = data
    grid = {"net": [NET, FieldResNet(1, 2)], "patch_size": [None, 6]}
    model = FieldRegressor(**TRAINING | {"max_epochs": 1})
    search = GridSearchCV(model, grid, cv=GroupKFold(2)).fit(X, y, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    lazy = GridSearchCV(model, grid, cv=GroupKFold(2)).fit(
        open_maps(X), open_maps(y), groups=groups
    )
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(search.cv_results_[name], lazy.cv_results_[name], rtol=1e-6)
    predicted = cross_val_predict(model, X, y, groups=groups, cv=GroupKFold(3))
    assert predicted.shape == y.shape


def test_pickle_and_equal_seeds(data):
    """A copy predicts the same bits, and so does another fit."""
    X, y, _ = data
    options = TRAINING | {"max_epochs": 2, "augmentation": Symmetries(shift=True)}
    model = FieldRegressor(NET, **options).fit(X, y)
    expected = model.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    np.testing.assert_array_equal(FieldRegressor(NET, **options).fit(X, y).predict(X), expected)


def test_weights_of_samples(data):
    """Samples of weight zero are as if they were not there."""
    X, y, _ = data
    weight = np.repeat([1.0, 0.0], 12)
    spoiled = np.where(weight[:, None, None] > 0, y, 1e3)
    model = FieldRegressor(NET, **TRAINING | {"max_epochs": 2})
    expected = clone(model).fit(X, y, sample_weight=weight).predict(X)
    found = clone(model).fit(X, spoiled, sample_weight=weight).predict(X)
    np.testing.assert_array_equal(found, expected)
    assert abs(model.fit(X, spoiled).predict(X) - expected).max() > 1


def test_killed_fit_goes_on(data, tmp_path, monkeypatch):
    """A fit that was stopped goes on with the bits of one that was not, patches and all."""
    X, y, _ = data
    options = TRAINING | {"max_epochs": 4, "patch_size": 6, "n_patches": 2, "n_threads": 1}
    options |= {"augmentation": Symmetries(), "schedule": "cosine"}
    expected = FieldRegressor(NET, **options).fit(X, y).predict(X)

    class Stop(Exception):
        """A kill."""

    from skastro.neural_network import _run

    write = _run.Run._write
    count = []

    def write_and_die(self):
        write(self)
        count.append(1)
        if len(count) == 2:
            raise Stop

    model = FieldRegressor(NET, checkpoint=tmp_path, **options)
    with monkeypatch.context() as patch:
        patch.setattr(_run.Run, "_write", write_and_die)
        with pytest.raises(Stop):
            model.fit(X, y)
    again = FieldRegressor(NET, checkpoint=tmp_path, tile_size=8, **options).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(again.set_params(tile_size=None).predict(X), expected)


def test_targets_are_not_copied(data):
    """What is scaled is the batch, not all fields; those in files are never read as a whole."""
    X, y, _ = data
    seen = []

    class Look(skorch.callbacks.Callback):
        """Keeps what is trained on."""

        def on_train_begin(self, net, X=None, **kwargs):
            """Take the data set."""
            seen.append(X)

    FieldRegressor(NET, callbacks=[Look], **TRAINING | {"max_epochs": 1}).fit(X, y)
    assert np.shares_memory(seen[0].y.numpy(), y)
    assert np.shares_memory(seen[0].maps.numpy(), X)


def test_predictions_are_made_in_place(tmp_path):
    """Besides them, few maps are in memory."""
    X = np.random.default_rng(0).normal(size=(400, 32, 32)).astype("float32")
    model = FieldRegressor(FieldResNet(1, 2), **TRAINING | {"max_epochs": 1}).fit(X[:8], X[:8])
    np.save(tmp_path / "X.npy", X)
    for maps in (open_maps(tmp_path / "X.npy"), X):
        model.predict(maps[:4])
        tracemalloc.start()
        predicted = model.predict(maps)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 1.6 * predicted.nbytes


def test_maps_are_left_as_they_are(data):
    """Also by a net that writes to its input."""
    X = data[0][:, 0]

    class Writes(torch.nn.Conv1d):
        """Doubles what it is given."""

        def forward(self, x):
            return super().forward(x.mul_(2))

    model = FieldRegressor(lambda *shape: Writes(1, 1, 1), halo=3, **TRAINING | {"max_epochs": 1})
    before = X.copy()
    whole = model.set_params(batch_size=24).fit(X, X).predict(X)
    np.testing.assert_allclose(model.set_params(tile_size=3).predict(X), whole, atol=1e-6)
    np.testing.assert_array_equal(X, before)


def test_warm_start(data):
    """A further fit goes on; with other fields it is refused."""
    X, y, _ = data
    model = FieldRegressor(NET, warm_start=True, **TRAINING | {"max_epochs": 2}).fit(X, y)
    model.set_params(max_epochs=4).fit(X, y)
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="warm_start=False"):
        model.fit(X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match="output='fraction'"):
        model.set_params(output="fraction").fit(X, np.clip(y, 0, 1))
