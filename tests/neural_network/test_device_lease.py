"""Which GPU a fit takes where there are several."""

import multiprocessing
import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest
import torch
from skorch.callbacks import Callback

from skastro.neural_network import CNNRegressor, _device_lease, _distributed_ranks
from skastro.neural_network._device_lease import leased_device

needs_locks = pytest.mark.skipif(_device_lease.fcntl is None, reason="needs locks of files")


def pretend(patch, folder, uuids):
    """Let this process see GPUs that are not there."""
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "device_count", lambda: len(uuids))
    patch.setattr(torch.cuda, "current_device", lambda: 0)
    patch.setattr(
        torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=uuids[index])
    )
    patch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Make some number of GPUs be seen."""
    return lambda n: pretend(monkeypatch, tmp_path, [f"GPU-{i}" for i in range(n)])


def leased(device="auto"):
    """Lease a GPU for as long as the stack that is returned is open."""
    stack = ExitStack()
    stack.number = stack.enter_context(leased_device(device, "Net")).index
    return stack


@needs_locks
def test_free_ones_first(gpus):
    """Each lease takes a GPU that nobody has; when all are taken, they are shared evenly."""
    gpus(3)
    leases = [leased() for _ in range(7)]
    assert [lease.number for lease in leases] == [0, 1, 2, 0, 1, 2, 0]
    leases[4].close()
    leases[1].close()
    assert leased().number == 1
    assert leased().number == 1
    for lease in leases:
        lease.close()
    assert leased().number == 0


@needs_locks
def test_fewest_leases(gpus):
    """What counts is how many leases there are now, not in which order they were taken."""
    gpus(2)
    on_first = [leased("cuda:0") for _ in range(3)]
    with leased("cuda:1"):
        on_first[0].close()
        with leased() as more:
            assert more.number == 1


@needs_locks
@pytest.mark.parametrize("device", ["cuda:0", "cuda"])
def test_named_devices_count(device, gpus):
    """A fit that names its GPU gets it, whoever has it, and others keep off."""
    gpus(2)
    with leased() as first, leased_device(device, "Net") as named:
        assert first.number == 0
        assert named == torch.device(device)
        with leased() as third:
            assert third.number == 1


@needs_locks
def test_physical_gpus(gpus, monkeypatch, tmp_path):
    """Processes that number the GPUs in another order, or see others, mean the same ones."""
    gpus(2)
    with leased() as first:
        assert first.number == 0
        pretend(monkeypatch, tmp_path, ["GPU-1", "GPU-0"])
        with leased() as second:
            assert second.number == 0
            pretend(monkeypatch, tmp_path, ["GPU-0", "GPU-1", "GPU-2"])
            with leased() as third:
                assert third.number == 2


@needs_locks
def test_threads(gpus):
    """Threads that ask at once get different GPUs."""
    gpus(6)
    everybody = threading.Barrier(6, timeout=30)

    def fit(_):
        everybody.wait()
        with leased() as lease:
            everybody.wait()
            return lease.number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(fit, range(6))) == list(range(6))


@needs_locks
def test_errors_free_the_gpu(gpus):
    """A fit that fails gives its GPU back."""
    gpus(2)
    with pytest.raises(ZeroDivisionError), leased():
        raise ZeroDivisionError
    assert leased().number == 0


@pytest.mark.parametrize(
    ("n_gpus", "device"), [(0, "auto"), (1, "auto"), (1, "cuda:0"), (4, "cpu")]
)
def test_nothing_to_choose(n_gpus, device, monkeypatch, tmp_path):
    """Without a second GPU nothing is leased, nor are the GPUs looked at."""
    pretend(monkeypatch, tmp_path, [None] * n_gpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    expected = {"auto": "cuda" if n_gpus else "cpu"}.get(device, device)
    with leased_device(device, "Net") as found:
        assert found == torch.device(expected)
    assert not list(tmp_path.iterdir())


def test_absent_gpus_are_refused(gpus):
    """The error is that of fits with one GPU."""
    gpus(2)
    with pytest.raises(ValueError, match="finds 2 CUDA"), leased_device("cuda:2", "Net"):
        pass


def test_no_locks(gpus, monkeypatch):
    """Where the system cannot lock files, "auto" is the current GPU."""
    gpus(2)
    monkeypatch.setattr(_device_lease, "fcntl", None)
    with leased_device("auto", "Net") as first, leased_device("auto", "Net") as second:
        assert first == second == torch.device("cuda")


@needs_locks
@pytest.mark.parametrize("blocked", ["folder", "file"])
def test_no_folder(blocked, gpus, tmp_path):
    """Nor does a folder that cannot be written to stop a fit."""
    gpus(2)
    with leased():
        folder = next(tmp_path.iterdir())
    if blocked == "folder":
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder.touch()
    else:
        (folder / "choice").unlink()
        (folder / "choice").symlink_to(tmp_path / "elsewhere")
    with leased_device("auto", "Net") as found:
        assert found == torch.device("cuda")
    assert not (tmp_path / "elsewhere").exists()


@needs_locks
def test_folder_is_private(gpus, tmp_path):
    """The files hold nothing, and only their owner can open them."""
    gpus(2)
    with leased():
        folder = next(tmp_path.iterdir())
        assert folder.stat().st_mode & 0o077 == 0
        assert {path.stat().st_size for path in folder.iterdir()} == {0}


def hold(pipe):
    """Lease a GPU, say which, and free it when told to, though a forked child lives on."""
    with leased() as lease:
        pipe.send(lease.number)
        pipe.recv()
        child = os.fork()
        if child == 0:
            threading.Event().wait()
    pipe.send(child)
    pipe.recv()


@needs_locks
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_processes(gpus, tmp_path):
    """Processes keep off each other's GPUs, and one that is killed or goes on has none."""
    gpus(2)
    fork, owners = multiprocessing.get_context("fork"), {}
    for _ in range(2):
        here, there = fork.Pipe()
        process = fork.Process(target=hold, args=(there,), daemon=True)
        process.start()
        there.close()
        owners[here.recv()] = process, here
    assert sorted(owners) == [0, 1]
    try:
        with leased() as shared:
            assert shared.number == 0
            owners[1][0].kill()
            owners[1][0].join()
            with leased() as freed:
                assert freed.number == 1
        process, pipe = owners[0]
        pipe.send("go on")
        child = pipe.recv()
        files = set(tmp_path.rglob("*"))
        with leased() as freed:
            assert freed.number == 0
            assert set(tmp_path.rglob("*")) == files
        os.kill(child, signal.SIGKILL)
        pipe.send("end")
        process.join(30)
        assert process.exitcode == 0
    finally:
        for process, pipe in owners.values():
            process.kill()
            process.join()
            process.close()
            pipe.close()


class Watch(Callback):
    """Notes in each epoch how many leases there are, and perhaps fails."""

    def __init__(self, leases, error=None):
        self.leases = leases
        self.error = error

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, net, **kwargs):
        """Note the number of leases."""
        self.leases["in epochs"].append(self.leases["now"])
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_fits_hold_a_lease(error, rough, options, monkeypatch):
    """From the beginning of a fit to its end, also where this is an error."""
    leases = {"now": 0, "in epochs": [], "asked": []}

    @contextmanager
    def counted(device, owner):
        leases["asked"].append((device, owner))
        leases["now"] += 1
        try:
            yield torch.device("cpu")
        finally:
            leases["now"] -= 1

    monkeypatch.setattr(_distributed_ranks, "leased_device", counted)
    model = CNNRegressor(callbacks=[Watch(leases, error)], **options)
    if error is None:
        model.fit(rough.X, rough.y).predict(rough.X)
    else:
        with pytest.raises(ZeroDivisionError):
            model.fit(rough.X, rough.y)
    assert leases["asked"] == [("auto", "CNNRegressor")]
    assert leases["in epochs"] == [1] * (3 if error is None else 1)
    assert leases["now"] == 0


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_fits_at_once(rough, options):
    """Fits in two threads train on two GPUs, and agree."""
    everybody = threading.Barrier(2, timeout=60)

    class Together(Callback):
        def on_epoch_end(self, net, **kwargs):
            everybody.wait()

    def fit(_):
        return CNNRegressor(callbacks=[Together()], **options).fit(rough.X, rough.y)

    Together.__deepcopy__ = lambda self, memo: self
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(fit, range(2))
    devices = {next(model.net_.module_.parameters()).device.index for model in (one, other)}
    assert devices == {0, 1}
    torch.testing.assert_close(one.predict(rough.X), other.predict(rough.X), rtol=1e-4, atol=1e-4)
