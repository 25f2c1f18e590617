"""Devices that are asked for, and the threads of the processor."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.model_selection import cross_val_score

from skastro.decomposition import ConvAutoencoder
from skastro.nets import ConvNet, UNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor, Symmetries
from skastro.neural_network._torch import resolve_device

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("device", ["nonsense", "gpu", "cuda:x", ""])
def test_nonsense(device, rough, options):
    """What torch does not call a device is refused with the names that it knows."""
    with pytest.raises(ValueError, match="'auto' or a device of torch") as error:
        CNNRegressor(device=device, **options).fit(rough.X, rough.y)
    assert repr(device) in str(error.value)
    assert "CNNRegressor" in str(error.value)


@no_gpu
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_absent_gpu(device, rough, options):
    """A GPU that is not there is an error that says so, not a silent slow fit."""
    model = CNNRegressor(device=device, **options)
    with pytest.raises(ValueError, match="torch finds 0 CUDA devices") as error:
        model.fit(rough.X, rough.y)
    assert repr(device) in str(error.value)
    assert "device='auto'" in str(error.value)
    assert not hasattr(model, "net_")


def test_gpus_are_counted(monkeypatch):
    """The number of the GPU has to exist."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto", "Net") == torch.device("cuda")
    assert resolve_device("cuda:1", "Net") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="finds 2 CUDA"):
        resolve_device("cuda:2", "Net")


@no_gpu
def test_auto_is_the_processor(rough, options):
    """Without a GPU "auto" and "cpu" are the same."""
    auto = CNNRegressor(**options).fit(rough.X, rough.y)
    cpu = CNNRegressor(device="cpu", **options).fit(rough.X, rough.y)
    assert auto.device == "auto"
    assert next(auto.net_.module_.parameters()).device.type == "cpu"
    np.testing.assert_array_equal(auto.predict(rough.X), cpu.predict(rough.X))


@no_gpu
def test_models_of_a_gpu_come_back_without_one(rough, options):
    """A model that was trained on a GPU is loaded onto the processor where there is none."""
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    model.device = "cuda:1"
    loaded = pickle.loads(pickle.dumps(model))
    assert next(loaded.net_.module_.parameters()).device.type == "cpu"
    assert loaded.device == "cuda:1"
    np.testing.assert_array_equal(loaded.predict(rough.X), model.predict(rough.X))
    with pytest.raises(ValueError, match="torch finds 0 CUDA devices"):
        loaded.fit(rough.X, rough.y)


@no_gpu
def test_driver_without_a_gpu(rough, options, monkeypatch):
    """A torch that counts GPUs which its driver cannot use trains on the processor."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    assert next(model.net_.module_.parameters()).device.type == "cpu"
    with pytest.raises(ValueError, match="torch finds 0 CUDA devices"):
        CNNRegressor(device="cuda", **options).fit(rough.X, rough.y)


@needs_gpu
def test_auto_is_the_gpu(rough, options):
    """With a GPU "auto" trains and predicts there, and comes back from a pickle to it."""
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    assert next(model.net_.module_.parameters()).device.type == "cuda"
    loaded = pickle.loads(pickle.dumps(model))
    assert next(loaded.net_.module_.parameters()).device.type == "cuda"
    predicted = model.predict(rough.X)
    assert isinstance(predicted, np.ndarray)
    np.testing.assert_allclose(loaded.predict(rough.X), predicted, rtol=1e-5, atol=1e-6)


@needs_gpu
@pytest.mark.parametrize("kind", [CNNRegressor, CNNClassifier, FieldRegressor, ConvAutoencoder])
def test_gpu_agrees_with_the_processor(kind, rough, options):
    """The same fit on both has losses that differ by rounding."""
    X = rough.X[:, :8, :8]
    nets = {FieldRegressor: UNet(1, 2), ConvAutoencoder: None}
    y = {CNNClassifier: rough.label, FieldRegressor: X**2, ConvAutoencoder: None}.get(kind, rough.y)
    options |= {"net": nets.get(kind, options["net"]), "precision": "float32"}
    options |= {"augmentation": Symmetries(shift=True), "early_stopping": True}
    losses = [
        [(e["train_loss"], e["valid_loss"]) for e in kind(device=d, **options).fit(X, y).history_]
        for d in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)


@needs_gpu
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_resuming_on_a_gpu(dropout, rough, options, steps, tmp_path):
    """A run of two epochs goes on to four as one of four does, and to nothing when it is done."""
    options |= {"net": ConvNet(1, 2, dropout=dropout), "schedule": None, "device": "cuda"}
    whole = CNNRegressor(**options | {"max_epochs": 4}).fit(rough.X, rough.y)
    steps.clear()
    options |= {"checkpoint": tmp_path}
    CNNRegressor(**options | {"max_epochs": 2}).fit(rough.X, rough.y)
    resumed = CNNRegressor(**options | {"max_epochs": 4}).fit(rough.X, rough.y)
    assert len(steps) == 4 * 4
    np.testing.assert_allclose(
        resumed.predict(rough.X), whole.predict(rough.X), rtol=1e-3, atol=1e-3
    )


@needs_gpu
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_searches_on_a_gpu(n_jobs, rough, options):
    """Fits in worker processes find the GPU, and score what fits in this one score."""
    model = CNNRegressor(**options)
    alone = cross_val_score(model, rough.X, rough.y, cv=2, error_score="raise")
    shared = cross_val_score(model, rough.X, rough.y, cv=2, error_score="raise", n_jobs=n_jobs)
    np.testing.assert_allclose(shared, alone, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("n_threads", [None, 1, 3])
def test_threads(n_threads, rough, options, monkeypatch):
    """Fit and predict use the number asked for, and give the old one back."""
    before = torch.get_num_threads()
    seen = []
    linear = torch.nn.functional.linear
    monkeypatch.setattr(
        torch.nn.functional,
        "linear",
        lambda *args: (seen.append(torch.get_num_threads()), linear(*args))[1],
    )
    model = CNNRegressor(**options | {"n_threads": n_threads}).fit(rough.X, rough.y)
    assert set(seen) == {n_threads or before}
    assert torch.get_num_threads() == before
    seen.clear()
    model.predict(rough.X)
    assert set(seen) == {n_threads or before}
    assert torch.get_num_threads() == before
