"""Processes that share a fit take the steps that one process takes."""

import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skastro.decomposition import ConvAutoencoder
from skastro.instrument import WhiteNoise
from skastro.maps import open_maps
from skastro.nets import ConvNet, DenseNet, UNet
from skastro.neural_network import (
    CNNClassifier,
    CNNRegressor,
    FieldRegressor,
    Symmetries,
    _compiled,
)
from skastro.neural_network._batches import Batches, MapDataset
from skastro.neural_network._distributed_net import share_batch_norms
from skastro.neural_network._distributed_ranks import SharedBatches, count_devices

OPTIONS = {"n_threads": 1, "random_state": 0, "batch_size": 7, "max_epochs": 2, "lr": 0.01}
NET = ConvNet(2, 3, kernel_size=2)


def regressor(**options):
    """A short fit of a small net."""
    return CNNRegressor(**{"net": NET} | OPTIONS | options)


def idle_weights(map_shape, n_outputs):
    """A net with weights that have no part in the outputs."""

    class Idle(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.used = torch.nn.Linear(int(np.prod(map_shape)), n_outputs)
            self.idle = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x.flatten(1))

    return Idle()


CASES = {
    "plain": regressor(),
    "one sample in the last batch of two": regressor(batch_size=29),
    "batches smaller than shares": regressor(batch_size=1, max_epochs=1),
    "batch normalization": regressor(net=ConvNet(2, 3, kernel_size=2, batch_norm=True)),
    "small batches normalized": regressor(net=DenseNet((5,), batch_norm=True), batch_size=3),
    "moments": regressor(loss="moments"),
    "norm of the gradient": regressor(max_grad_norm=0.1, schedule="cosine"),
    "symmetries": regressor(augmentation=Symmetries(shift=True), optimizer="sgd"),
    "early stopping": regressor(early_stopping=True, validation_fraction=0.3, max_epochs=3),
    "plateau": regressor(schedule="plateau", patience=1, loss="moments", early_stopping=True),
    "idle weights": regressor(net=idle_weights),
    "compiled": regressor(net=DenseNet((5,), batch_norm=True), compile=True),
    "classes": CNNClassifier(NET, **OPTIONS),
    "codes": ConvAutoencoder(**OPTIONS),
    "noise on lazy maps": regressor(),
    "weights of samples": regressor(),
    "weights of samples in moments": regressor(loss="moments"),
    "fields": FieldRegressor(UNet(2, n_filters=2), patch_size=4, n_patches=3, **OPTIONS),
    "lazy fields": FieldRegressor(UNet(2, n_filters=2, batch_norm=True), **OPTIONS),
}


def fitted(case, devices, folder):
    """Fit one of the cases."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 8, 12)).astype("float32")
    y, params = X.std((1, 2)) + X[:, 0, 0], {}
    if "fields" in case:
        y = X**2
    if case == "classes":
        y = np.digitize(y, [0, 1])
    if case == "codes":
        y = None
    if "weights of samples" in case:
        params["sample_weight"] = rng.integers(4, size=30)
    if "lazy" in case:
        np.save(Path(folder) / f"{case}-{devices}.npy", X)
        X = open_maps(Path(folder) / f"{case}-{devices}.npy")
        X = WhiteNoise(0.1, random_state=1).fit_transform(X)
        y = open_maps(y) if y.ndim > 1 else y
    return CASES[case].set_params(devices=devices).fit(X, y, **params)


def results(model):
    """Weights and losses of a fit."""
    weights = {k: v.numpy() for k, v in model.net_.module_.state_dict().items()}
    return weights, [{k: v for k, v in e.items() if k != "dur"} for e in model.history_]


PROGRAM = """
import importlib.util, os, pickle, sys
path, folder = sys.argv[1:]
spec = importlib.util.spec_from_file_location("cases", path)
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
cases._compiled.BACKEND = "eager"
rank = os.environ["RANK"]
os.makedirs(f"{folder}/{rank}", exist_ok=True)
found = {case: cases.results(cases.fitted(case, "all", f"{folder}/{rank}")) for case in cases.CASES}
from skastro.neural_network._distributed import of_all_ranks
found["state"] = of_all_ranks(cases.torch.device("cpu"), f"that of {rank}")
with open(f"{folder}/{rank}.pkl", "wb") as file:
    pickle.dump(found, file)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What two processes that torchrun has started make of all cases."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "fits.py").write_text(PROGRAM)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, "--nproc-per-node=2", str(folder / "fits.py"), __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in range(2)]


@pytest.mark.parametrize("case", CASES)
def test_steps_of_one_process(case, shared, tmp_path, monkeypatch):
    """Weights and losses are those of one process but for rounding; equal bits in both."""
    monkeypatch.setattr(_compiled, "BACKEND", "eager")
    weights, history = results(fitted(case, None, tmp_path))
    for name, value in weights.items():
        np.testing.assert_allclose(shared[0][case][0][name], value, rtol=2e-3, atol=2e-5)
        np.testing.assert_array_equal(shared[0][case][0][name], shared[1][case][0][name])
    assert shared[0][case][1] == shared[1][case][1]
    assert len(history) == len(shared[0][case][1])
    for here, there in zip(history, shared[0][case][1], strict=True):
        assert here == pytest.approx(there, rel=1e-4)


def test_state_of_the_first(shared):
    """Processes that find different checkpoints go on from that of the first one."""
    assert [found["state"] for found in shared] == ["that of 0"] * 2


def test_batch_norm_of_torch(monkeypatch):
    """On a GPU torch's own layer normalizes, but where some sample stands in for none."""
    monkeypatch.setattr(torch.nn.SyncBatchNorm, "forward", lambda layer, x: layer.weight * 0 + 7)
    one = SimpleNamespace(device=torch.device("cuda"), counts=True, all_count=True)
    one.differentiable_sum = lambda values: values
    layer, plain = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    names = list(layer.state_dict())
    share_batch_norms(layer, one)
    assert layer(torch.randn(5, 3)).tolist() == [7, 7, 7]
    one.all_count, x = False, torch.randn(5, 3)
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer.eval()(x), plain.eval()(x))
    assert list(layer.state_dict()) == names


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8, 22, 23, 40])
@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_shares(shuffle, n_ranks, batch_size):
    """Shares that count are the batches, in their order and from any batch on."""
    X = np.arange(23.0, dtype="float32").reshape(23, 1)
    iterators = [
        SharedBatches(
            MapDataset(X, (1, 1)),
            batch_size,
            shuffle,
            ranks=SimpleNamespace(rank=rank, n_ranks=n_ranks),
        )
        for rank in range(n_ranks)
    ]
    whole = [x for x, _ in Batches(MapDataset(X, (1, 1)), batch_size, shuffle)]
    for first in (0, len(whole) - 1):
        together = zip(*(it.starting_at(first) for it in iterators), strict=True)
        for batch, parts in zip(whole[first:], together, strict=True):
            shares = iterators[0].shares
            assert all(it.shares == shares for it in iterators)
            assert max(shares) - min(shares) <= 1
            assert iterators[0].size == len(batch) == sum(shares)
            assert [len(x) for x, _ in parts] == [max(share, 1) for share in shares]
            counted = [x[:share] for (x, _), share in zip(parts, shares, strict=True)]
            assert torch.equal(torch.cat(counted), batch)
            assert all(torch.isin(x, batch).all() for x, _ in parts)


@pytest.fixture
def two_gpus(monkeypatch):
    """Let torch find two GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
def test_counted_gpus():
    """All of them, as many as asked for, or an error with a remedy."""
    assert count_devices("all", "auto", "Net") == 2
    assert count_devices(2, "cuda", "Net") == 2
    assert count_devices(3, "cpu", "Net") == 3
    assert count_devices("all", "cpu", "Net") == 1
    assert count_devices(1, "cuda:1", "Net") == count_devices(None, "auto", "Net") == 1
    with pytest.raises(ValueError, match="'devices' parameter of Net is 3, but torch finds 2 CUDA"):
        count_devices(3, "auto", "Net")
    with pytest.raises(ValueError, match=r"device='cuda:1' names a single one. Set device='auto'"):
        count_devices(2, "cuda:1", "Net")
    with pytest.raises(ValueError, match="several devices of type 'meta' cannot share a fit"):
        count_devices(2, "meta", "Net")


def test_counted_processes(monkeypatch):
    """Where torchrun has started this process, the number is that of its processes."""
    environment = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "here", "MASTER_PORT": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert count_devices("all", "cpu", "Net") == count_devices(4, "auto", "Net") == 4
    assert count_devices(None, "auto", "Net") == 1
    with pytest.raises(ValueError, match="is 2, but this process is one of 4 that torchrun has"):
        count_devices(2, "auto", "Net")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("devices", ["all", 1])
def test_one_device_is_a_plain_fit(devices, rough, options, fits):
    """Without several GPUs, and with one process, the bits are those of a plain fit."""
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    fits.assert_same(CNNRegressor(devices=devices, **options).fit(rough.X, rough.y), plain)


@pytest.mark.parametrize("devices", [0, -1, "two", 1.5])
def test_nonsense(devices, rough, options):
    """Other values are refused."""
    with pytest.raises(ValueError, match="The 'devices' parameter of CNNRegressor must be"):
        CNNRegressor(devices=devices, **options).fit(rough.X, rough.y)


def test_lazy_layers(rough, options):
    """Weights of unknown sizes are refused before processes are started."""
    model = CNNRegressor(
        **options | {"net": lambda *_: torch.nn.Sequential(torch.nn.LazyLinear(1)), "devices": 2}
    )
    with pytest.raises(ValueError, match="cannot train lazy layers"):
        model.fit(rough.X, rough.y)
