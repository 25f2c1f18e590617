"""Devices that are asked for, and the threads of the processor."""

import numpy as np
import pytest
import torch

from skastro.neural_network import CNNRegressor
from skastro.neural_network._torch import resolve_device

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


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
