"""The order of cells and channels in memory: chosen by the net, without effect on results."""

import numpy as np
import pytest
import torch
from torch import nn

from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.neural_network._batches import MapDataset
from skastro.neural_network._skorch import MapNet, fast_memory_format

LAST, LAST_3D = torch.channels_last, torch.channels_last_3d


@pytest.mark.parametrize(
    ("module", "wanted"),
    [
        (ConvNet().build((2, 16, 16), 1), LAST),
        (ConvNet(pooling="mean").build((2, 16, 16), 1), LAST),
        (ConvNet().build((2, 16, 16, 16), 1), LAST_3D),
        (ConvNet(pooling="mean").build((2, 16, 16, 16), 1), None),
        (ConvNet().build((2, 64), 1), None),
        (DenseNet().build((2, 16, 16), 1), None),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv3d(1, 1, 3)), None),
    ],
)
def test_choice(module, wanted):
    """Convolutions decide; in three dimensions mean pooling speaks against it."""
    assert fast_memory_format(module) is wanted


@pytest.mark.parametrize("shape", [(3, 12, 10), (3, 8, 9, 10)])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_results_are_the_same(shape, padding_mode, options, monkeypatch):
    """Losses and predictions are those of a net that is stored as it comes, to rounding."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, *shape)).astype("float32"), rng.normal(size=20)
    net = ConvNet(2, 4, padding_mode=padding_mode, batch_norm=True)
    options |= {"net": net, "batch_size": 8, "augmentation": None}

    def fit():
        model = CNNRegressor(early_stopping=True, **options).fit(X, y)
        return model, [epoch["train_loss"] for epoch in model.history_]

    fast, losses = fit()
    assert fast.net_.memory_format_ is not None
    monkeypatch.setattr("skastro.neural_network._skorch.fast_memory_format", lambda module: None)
    plain, plain_losses = fit()
    assert plain.net_.memory_format_ is None
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-4)
    np.testing.assert_allclose(fast.predict(X), plain.predict(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "memory_format"), [((3, 100, 120), LAST), ((3, 24, 25, 60), LAST_3D)]
)
def test_large_maps_are_gathered_in_order(shape, memory_format):
    """They hold what they would, and the net need not copy them again."""
    X = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
    dataset, rows = MapDataset(X, shape), torch.tensor([4, 0, 4])
    dataset.memory_format = memory_format
    batch, _ = dataset.batch(rows)
    np.testing.assert_array_equal(batch.numpy(), X[rows])
    assert batch.is_contiguous(memory_format=memory_format)
    small = MapDataset(X[:, :, :3], (shape[0], 3, *shape[2:]))
    small.memory_format = memory_format
    assert small.batch(rows)[0].is_contiguous()


@pytest.mark.parametrize("augmentation", [None, Symmetries("square")])
def test_batches_of_a_fit(augmentation, options, monkeypatch):
    """The net sees batches in its format, whatever was done to them before."""
    seen = []
    infer = MapNet.infer

    def noted(self, x):
        seen.append((self.module_.training, x.is_contiguous(memory_format=LAST)))
        return infer(self, x)

    monkeypatch.setattr(MapNet, "infer", noted)
    X = np.random.default_rng(0).normal(size=(9, 3, 96, 96)).astype("float32")
    options |= {"max_epochs": 1, "early_stopping": True, "augmentation": augmentation}
    CNNRegressor(**options).fit(X, np.arange(9.0))
    assert {last for training, last in seen if training} == {augmentation is None}
    assert {last for training, last in seen if not training} == {True}
