"""Transforms where the net is, and maps that stay in the memory of a GPU."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skastro.instrument import WhiteNoise
from skastro.maps import open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor, Streaming, Symmetries
from skastro.neural_network._batches import Batches, MapDataset
from skastro.neural_network._field_dataset import FieldDataset
from skastro.neural_network._transfer import fits_on, resident, to_device
from skastro.neural_network._windows import Windows
from skastro.preprocessing import BlockPool, FieldScaler, SignedLog

GPU = torch.device("cuda:0")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture
def chain(rough):
    """Lazy maps with noise and other transforms."""
    maps = WhiteNoise(0.3, random_state=1, when="fit").fit_transform(open_maps(rough.X))
    pooled = BlockPool(2, remainder="drop").fit_transform(maps)
    return FieldScaler().fit_transform(SignedLog().fit_transform(pooled))


def batches(data, epoch=2):
    """All batches of an epoch in training."""
    data.epoch = epoch
    return list(Batches(data, 7, shuffle=True))


@pytest.mark.parametrize("memory", [1, 2**20])
def test_steps_on_tensors(memory, chain, rough):
    """Transforms of a tensor, noise included, give what those of arrays give, up to rounding."""
    found = []
    for on_device in (False, True):
        data = MapDataset(
            chain, (1, 4, 4), torch.from_numpy(rough.y), streaming=Streaming(memory=memory)
        )
        data.steps_on_device = on_device
        found.append(batches(data))
    for (arrays, y), (tensors, same_y) in zip(*found, strict=True):
        assert_array_equal(y, same_y)
        assert tensors.dtype == torch.float32
        assert_allclose(tensors, arrays, rtol=1e-5, atol=1e-6)


def test_fields_on_tensors(chain):
    """Fields of windows too."""
    found = []
    for on_device in (False, True):
        windows = Windows(3, 0, 1, True, False)
        data = FieldDataset(chain, (1, 4, 4), chain, windows=windows, n_patches=3)
        data.steps_on_device = on_device
        found.append(batches(data))
    for (arrays, target), (tensors, same) in zip(*found, strict=True):
        assert isinstance(tensors, torch.Tensor)
        assert_allclose(tensors, arrays, rtol=1e-5, atol=1e-6)
        assert_allclose(same[0], target[0], rtol=1e-5, atol=1e-6)


def test_bad_cells_of_tensors(rough):
    """They are found and named as those of arrays."""
    X = rough.X.copy()
    X[33, 4, 7] = np.nan
    data = MapDataset(open_maps(X), (1, 8, 9))
    data.steps_on_device = True
    with pytest.raises(ValueError, match=r"NaN, first at sample 33, cell \(4, 7\)"):
        batches(data)


def test_raw_maps_and_steps(chain, rough):
    """What lazy maps offer for this: rows as the source has them, and their transforms."""
    some = chain[[50, 3, 17]]
    raw = some.read_raw()
    assert_array_equal(raw, rough.X[[50, 3, 17]])
    assert_array_equal(some.apply_steps(raw), np.asarray(some))
    assert some.sample_bytes == 8 * 9 * 4


def test_data_as_tensors(rough):
    """Maps and targets that are tensors already give the batches of arrays."""
    y = torch.from_numpy(rough.y)
    options = {"augmentation": Symmetries(shift=True), "weight": torch.arange(60.0)}
    for (a, (y_a, w_a)), (b, (y_b, w_b)) in zip(
        batches(MapDataset(rough.X, (1, 8, 9), y, **options)),
        batches(MapDataset(torch.from_numpy(rough.X), (1, 8, 9), y, **options)),
        strict=True,
    ):
        for one, other in ((a, b), (y_a, y_b), (w_a, w_b)):
            assert torch.equal(one, other)


def test_half_of_free_memory(monkeypatch):
    """Data stay on a GPU where half of what is free is enough, and nowhere else."""
    asked = []
    monkeypatch.setattr(
        torch.cuda, "mem_get_info", lambda device: asked.append(device) or (1000, 4000)
    )
    assert fits_on(GPU, 500)
    assert not fits_on(GPU, 501)
    assert asked == [GPU, GPU]
    assert not fits_on(torch.device("cpu"), 1)
    assert len(asked) == 2


def test_what_stays_where_it_is(monkeypatch, rough):
    """Lazy maps, maps for the processor, and maps that are too large for the GPU."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    maps = open_maps(rough.X)
    assert resident(maps, GPU) is maps
    assert resident(rough.X, GPU) is rough.X
    assert resident(rough.X, torch.device("cpu")) is rough.X
    batch = torch.ones(3)
    assert to_device(batch, torch.device("cpu")) is batch


@needs_gpu
@pytest.mark.parametrize("lazy", [False, True])
def test_on_a_gpu(lazy, chain, rough):
    """Maps that are streamed to a GPU, or stay there, train the same net, up to rounding."""
    X = chain.realization(0) if lazy else np.asarray(chain)
    options = {"net": ConvNet(1, 2, readout="mean"), "max_epochs": 2, "random_state": 0}
    here = CNNRegressor(device="cpu", **options).fit(X, rough.y)
    there = CNNRegressor(device="cuda", precision="float32", **options).fit(X, rough.y)
    assert_allclose(there.predict(X), here.predict(X), rtol=1e-3, atol=1e-4)


@needs_gpu
def test_resident_on_a_gpu(rough):
    """What fits is moved, and batches are made there."""
    X = resident(rough.X, GPU)
    assert X.device == GPU
    data = MapDataset(X, (1, 8, 9), resident(torch.from_numpy(rough.y), GPU), device=GPU)
    maps, y = data.batch(torch.tensor([4, 2]))
    assert maps.device == y.device == GPU
    assert_array_equal(maps.cpu()[:, 0], rough.X[[4, 2]])
