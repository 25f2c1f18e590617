"""How ConvAutoencoder is trained: targets, noise, groups, checkpoints."""

import numpy as np
import pytest
import torch

from skastro.decomposition import ConvAutoencoder
from skastro.decomposition._denoising import DenoisingDataset
from skastro.exceptions import DivergenceError
from skastro.maps import LazyMaps, open_maps
from skastro.nets import Autoencoder
from skastro.neural_network import Symmetries
from skastro.neural_network._skorch import MapNet

TRAINING = {"max_epochs": 3, "n_threads": 1, "random_state": 0, "batch_size": 8}
X = np.random.default_rng(0).normal(size=(30, 2, 8, 8)).astype("float32")
GROUPS = np.arange(30) // 3


def small(**parameters):
    """A tiny net, trained for a moment."""
    return ConvAutoencoder(**{"net": Autoencoder((3, 2))} | TRAINING | parameters)


def weights(model):
    """All weights."""
    return [value.numpy() for value in model.net_.module_.state_dict().values()]


def assert_same(one, other):
    """Two fits are equal bit by bit, in weights, losses and codes."""
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    histories = [
        [{key: value for key, value in epoch.items() if key != "dur"} for epoch in model.history_]
        for model in (one, other)
    ]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@pytest.fixture
def batches(monkeypatch):
    """What the net is given and its targets, batch by batch, of training and of validation."""
    seen = {True: [], False: []}
    for name, training in (("train_step", True), ("validation_step", False)):
        step = getattr(MapNet, name)

        def noted(self, batch, step=step, training=training, **fit_params):
            maps, target = batch
            target = target[0] if isinstance(target, (tuple, list)) else target
            seen[training].append((maps.numpy().copy(), target.numpy().copy()))
            return step(self, batch, **fit_params)

        monkeypatch.setattr(MapNet, name, noted)
    return seen


def epoch_of(batches, number, n_batches=4):
    """Inputs and targets of an epoch, in the order of the targets' first values."""
    parts = batches[number * n_batches : (number + 1) * n_batches]
    maps, targets = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(targets[:, 0, 0, 0])
    return maps[order], targets[order]


def test_targets_are_the_maps(batches):
    """Each batch is its own target, whole epochs are all maps."""
    small().fit(X)
    for number in range(3):
        maps, targets = epoch_of(batches[True], number)
        np.testing.assert_array_equal(maps, targets)
        np.testing.assert_array_equal(targets, X[np.argsort(X[:, 0, 0, 0])])


def test_augmented_maps_are_their_own_targets(batches):
    """What is turned is turned on both sides, vectors among it."""
    symmetries = Symmetries("square", shift=True, vectors=[(0, 1)])
    small(augmentation=symmetries).fit(X)
    for maps, targets in batches[True]:
        np.testing.assert_array_equal(maps, targets)
    turned = np.sort(np.abs(np.concatenate([t for _, t in batches[True][:4]])), axis=None)
    np.testing.assert_array_equal(turned, np.sort(np.abs(X), axis=None))
    assert not np.isin(np.concatenate([t for _, t in batches[True]])[:, 0], X[:, 0]).all()


def test_noise_on_what_goes_in(batches):
    """Targets are clean; noise has the strength of its channel, and is new in each epoch."""
    small(noise=(0.5, 0.0), max_epochs=2).fit(X)
    noises = []
    for number in range(2):
        maps, targets = epoch_of(batches[True], number)
        np.testing.assert_array_equal(targets, X[np.argsort(X[:, 0, 0, 0])])
        noises.append(maps - targets)
        np.testing.assert_array_equal(noises[-1][:, 1], 0)
        cells = noises[-1][:, 0].ravel()
        np.testing.assert_allclose(cells.std(), 0.5, rtol=0.05)
        assert abs(cells.mean()) < 5 * 0.5 / len(cells) ** 0.5
    assert abs(np.corrcoef(noises[0][:, 0].ravel(), noises[1][:, 0].ravel())[0, 1]) < 0.1


def test_noise_of_validation(batches):
    """It is the same in each epoch."""
    small(noise=0.5, early_stopping=True, validation_fraction=0.3).fit(X, groups=GROUPS)
    n_batches = len(batches[False]) // 3
    parts = [batches[False][i * n_batches : (i + 1) * n_batches] for i in range(3)]
    for part in parts[1:]:
        for (maps, targets), (again, same) in zip(parts[0], part, strict=True):
            np.testing.assert_array_equal(maps, again)
            np.testing.assert_array_equal(targets, same)
            assert np.abs(maps - targets).std() > 0.1


def test_noise_does_not_depend_on_the_order():
    """The numbers of a sample follow from seed, epoch and sample."""
    data = DenoisingDataset(X, (2, 8, 8), noise=[1.0, 2.0], seed=3)
    data.epoch = 5
    together, targets = data.batch(torch.tensor([4, 9, 2]))
    np.testing.assert_array_equal(targets.numpy(), X[[4, 9, 2]])
    alone, _ = data.batch(torch.tensor([9]))
    np.testing.assert_array_equal(together[1].numpy(), alone[0].numpy())
    assert not torch.equal(together[0] - targets[0], together[1] - targets[1])
    for name, value in (("epoch", 6), ("seed", 4)):
        setattr(data, name, value)
        assert not torch.equal(data.batch(torch.tensor([9]))[0], alone)


def test_denoising_beats_the_plain_one():
    """On noisy maps, what was trained with noise comes nearer to the clean ones."""
    rng = np.random.default_rng(1)
    phase = rng.uniform(0, 2 * np.pi, size=(260, 1, 1))
    maps = (np.sin(np.arange(16) * np.pi / 4 + phase) * np.ones((16, 1))).astype("float32")
    noisy = maps[200:] + rng.normal(size=(60, 16, 16)).astype("float32")
    errors = []
    for noise in (1.0, 0.0):
        net = Autoencoder((8, 8), padding_mode="circular")
        model = small(net=net, noise=noise, lr=0.01, max_epochs=15).fit(maps[:200])
        back = model.inverse_transform(model.transform(noisy))
        errors.append(((back - maps[200:]) ** 2).mean())
    assert errors[0] < 0.7 * errors[1]
    assert errors[0] < 0.5 * maps.var()


VARIANTS = {
    "plain": {},
    "noise": {"noise": 0.5},
    "everything": {
        "noise": (0.5, 0.1),
        "augmentation": Symmetries(shift=True),
        "early_stopping": True,
        "validation_fraction": 0.3,
        "schedule": "plateau",
        "net": Autoencoder((3, 2), batch_norm=True),
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("interval", [None, 0.0])
def test_killed_fit_goes_on(variant, interval, interrupt, tmp_path):
    """It ends with the bits of one that was not killed."""
    options = VARIANTS[variant]
    whole = small(**options).fit(X, groups=GROUPS)
    keeping = {"checkpoint": tmp_path, "checkpoint_interval": interval}
    interrupt(7)
    model = small(**options, **keeping)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, groups=GROUPS)
    assert model.transform(X).shape == (30, 2, 2, 2)
    assert_same(small(**options, **keeping).fit(X, groups=GROUPS), whole)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_another_fit(tmp_path, batches):
    """Noise and loss make files of their own; how codes are laid out does not."""
    for number, change in enumerate([{}, {"noise": 0.1}, {"loss": "huber"}], 1):
        small(checkpoint=tmp_path, **change).fit(X)
        assert len(list(tmp_path.iterdir())) == number
    n_batches = len(batches[True])
    model = small(checkpoint=tmp_path, flatten=True).fit(X)
    assert len(batches[True]) == n_batches
    assert model.transform(X).shape == (30, 8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_lazy_maps(variant):
    """From a file as from memory."""
    options = VARIANTS[variant]
    assert_same(small(**options).fit(open_maps(X)), small(**options).fit(X))


def test_each_map_is_read_once():
    """Maps are both what goes in and targets, and are read once for both."""

    class Source:
        dtype = np.dtype("float32")
        shape = X.shape
        read_at_once = []

        def read(self, rows):
            self.read_at_once.append(len(rows))
            return X[rows]

    small(noise=0.1, max_epochs=2).fit(LazyMaps(Source()))
    assert Source.read_at_once == [30, 30]  # all at once, ahead of the net, in each epoch


def test_equal_seeds():
    """Equal bits, and others with another seed; global generators are left alone."""
    before = torch.get_rng_state()
    first = small(noise=0.3).fit(X)
    assert torch.equal(torch.get_rng_state(), before)
    assert_same(first, small(noise=0.3).fit(X))
    other = small(noise=0.3, random_state=1).fit(X)
    assert not np.array_equal(first.transform(X), other.transform(X))


def test_early_stopping_by_groups(batches):
    """Whole groups are set aside, and the best weights are kept."""
    options = {"early_stopping": True, "validation_fraction": 0.3, "max_epochs": 40}
    model = small(schedule=None, lr=0.5, patience=2, **options).fit(X, groups=GROUPS)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.n_iter_ == int(np.argmin(losses)) + 1 + 2 < 40
    valid = {maps[0, 0, 0] for part, _ in batches[False] for maps in part}
    in_valid = np.isin(X[:, 0, 0, 0], list(valid))
    assert 0 < in_valid.sum() < 30
    for group in np.unique(GROUPS):
        assert len(set(in_valid[group == GROUPS])) == 1
    best = model.reconstruction_error(X[in_valid]).mean()
    np.testing.assert_allclose(best, min(losses), rtol=1e-4)


def test_sample_weight(batches):
    """Samples of weight zero are left out, and the loss is the weighted mean."""
    weight = np.where(np.arange(30) < 10, 0.0, np.where(np.arange(30) < 20, 1.0, 3.0))
    still = {"lr": 1e-30, "weight_decay": 0.0, "schedule": None, "max_epochs": 1, "batch_size": 30}
    model = small(**still).fit(X, sample_weight=weight)
    assert len(batches[True][0][0]) == 20
    want = np.average(model.reconstruction_error(X), weights=weight)
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-5)


LOSSES = {
    "squared_error": lambda r: r**2,
    "absolute_error": np.abs,
    "huber": lambda r: np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5),
}


def cubed(y_pred, y):
    """One loss for each value."""
    return (y_pred - y).abs() ** 3


@pytest.mark.parametrize("loss", [*LOSSES, cubed])
def test_losses(loss):
    """Means over channels and cells, by name or as a function of fields."""
    still = {"lr": 1e-30, "weight_decay": 0.0, "schedule": None, "max_epochs": 1, "batch_size": 30}
    model = small(loss=loss, **still).fit(X)
    rest = model.inverse_transform(model.transform(X)).astype(float) - X
    want = np.mean(LOSSES[loss](rest) if isinstance(loss, str) else np.abs(rest) ** 3)
    np.testing.assert_allclose(model.history_[0]["train_loss"], want, rtol=1e-5)


def test_warm_start():
    """A further fit goes on; maps of another shape are refused."""
    model = small(warm_start=True).fit(X)
    model.set_params(max_epochs=5).fit(X)
    assert [epoch["epoch"] for epoch in model.history_] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match=r"\(2, 8, 8\)"):
        model.set_params(max_epochs=7).fit(X[:, :, :6])


def test_divergence():
    """Training that diverges is named, and leaves the estimator not fitted."""
    model = small(optimizer="sgd", lr=1e6, schedule=None, max_epochs=20)
    with pytest.raises(DivergenceError, match=r"ConvAutoencoder.*epoch"):
        model.fit(X)
    assert not model.__sklearn_is_fitted__()


def test_mixed_precision():
    """Brain floats in training, float32 in what comes out."""
    model = small(precision="bfloat16").fit(X)
    assert model.transform(X).dtype == np.float32
    assert np.isfinite(model.reconstruction_error(X)).all()
