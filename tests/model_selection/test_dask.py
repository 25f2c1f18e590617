"""Searches on workers of dask, one of which is killed.

Run as a script, this file is those searches; its argument is the folder of their files.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skastro.maps import open_maps
from skastro.model_selection import DurableClient, compare
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier
from skastro.preprocessing import BlockPool, FieldScaler

N_EPOCHS = 4
N_MAPS = 300  # targets and rows are more than a kilobyte, so that joblib sends them by themselves
GROUPS = np.arange(N_MAPS) // 10
Y = np.arange(N_MAPS) % 2
CLUSTER = {"threads_per_worker": 1, "dashboard_address": None}
DASK = {
    "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "300s",  # on a busy machine
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",  # torch is loaded once
}
GRID = {"cnnclassifier__net__n_filters": [2, 3], "cnnclassifier__lr": [0.01, 0.02]}


class Slow(Callback):
    """Makes each epoch last, and notes it with the process in a file."""

    def __init__(self, log):
        self.log = log

    def on_epoch_end(self, net, **kwargs):
        """Note the epoch, then wait."""
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()} {len(net.history)}\n")
        time.sleep(0.15)


def write_maps(folder):
    """Maps of 30 simulations whose spread tells the class, in a file."""
    rng = np.random.default_rng(0)
    maps = (1.0 + 0.2 * Y[:, None, None]) * rng.normal(size=(N_MAPS, 40, 48))
    with h5py.File(folder / "maps.h5", "w") as file:
        file.create_dataset("maps", data=maps.astype("float32"), chunks=(1, 40, 48))


def model(folder=None, n_filters=2):
    """A pipeline with a small net; with a folder its epochs are noted and kept there."""
    net = CNNClassifier(
        ConvNet(1, n_filters, dropout=0.2),
        lr=0.02,
        max_epochs=N_EPOCHS,
        batch_size=32,
        n_threads=1,
        random_state=0,
        callbacks=None if folder is None else [Slow(f"{folder}.log")],
        checkpoint=folder,
    )
    return make_pipeline(BlockPool(4), FieldScaler(), net)


def grid_scores(maps, folder=None):
    """Scores of a grid on each fold."""
    search = GridSearchCV(model(folder), GRID, cv=GroupKFold(2), error_score="raise", refit=False)
    results = search.fit(maps, Y, groups=GROUPS).cv_results_
    return [results["split0_test_score"].tolist(), results["split1_test_score"].tolist()]


def compared(maps, folder=None, verbose=0):
    """Scores and predictions of a comparison."""
    result = compare(
        {"narrow": model(folder), "wide": model(folder, 3)},
        maps,
        Y,
        groups=GROUPS,
        cv=2,
        summary=False,
        n_bootstrap=10,
        checkpoint=None if folder is None else f"{folder}-folds",
        error_score="raise",
        verbose=verbose,
    )
    return {
        name: [result.scores[name].tolist(), [p.tolist() for p in result.predictions[name]]]
        for name in result.names
    }


def cross_validated(maps):
    """Scores of a cross-validation."""
    folds = {"groups": GROUPS, "cv": GroupKFold(2), "error_score": "raise"}
    return cross_validate(model(), maps, Y, **folds)["test_score"].tolist()


def epochs(log):
    """Process and number of each epoch of a log."""
    lines = Path(log).read_text().splitlines() if Path(log).exists() else []
    return [tuple(map(int, line.split())) for line in lines]


def total(array, *, seconds=0.0):
    """The sum of an array, and the process that made it."""
    time.sleep(seconds)
    return os.getpid(), float(np.asarray(array).sum())


def running(work, until, kill):
    """What a function gives, while another thread kills once a condition holds."""

    def watch():
        deadline = time.monotonic() + 120
        while not until():
            if time.monotonic() > deadline:
                raise TimeoutError("there was nothing to kill")
            time.sleep(0.01)
        kill()

    with ThreadPoolExecutor(1) as pool:
        watched = pool.submit(watch)
        result = work()
        watched.result()
    return result


def broken_off(folder, work):
    """What a search gives, one worker of which is killed in the middle of its second fit."""
    killed = []

    def kill():
        process = epochs(f"{folder}.log")[-1][0]
        if process != os.getpid():
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    def until():
        noted = epochs(f"{folder}.log")
        return len(noted) > 2 * N_EPOCHS and noted[-1][1] == N_EPOCHS // 2

    result = running(lambda: work(folder), until, kill)
    return {"result": result, "epochs": epochs(f"{folder}.log"), "killed": killed}


def lost_array():
    """Sums of arrays; the worker that has the only copy of one leaves before it is used."""
    from dask.distributed import Client, LocalCluster

    arrays = [np.full(1000, float(i)) for i in range(8)]
    with (
        LocalCluster(n_workers=2, processes=False, **CLUSTER) as cluster,
        Client(cluster) as client,
    ):

        def held():
            found = [places for key, places in client.who_has().items() if "same" in key]
            return [places[0] for places in found if len(places) == 1]

        def work():
            jobs = (joblib.delayed(total)(array, seconds=0.3) for array in arrays)
            with joblib.parallel_config("dask", client=DurableClient(client)):
                return [value for _, value in joblib.Parallel(pre_dispatch="all")(jobs)]

        def remove():
            at = held()[0]
            cluster.sync(cluster.scheduler.remove_worker, at, stimulus_id="test")

        return running(work, held, remove)


class Sent:
    """Counts the bytes that this process sends to scheduler and workers."""

    def __init__(self):
        from distributed.comm import tcp

        self.count = 0
        to_frames = tcp.to_frames

        async def counted(*args, **kwargs):
            frames = await to_frames(*args, **kwargs)
            self.count += sum(map(len, frames))
            return frames

        tcp.to_frames = counted


def main(folder):
    """All searches on one cluster, and the same in this process."""
    from dask.distributed import Client, LocalCluster
    from distributed.utils import get_mp_context

    maps = open_maps(folder / "maps.h5")
    here = {
        "grid": grid_scores(maps),
        "compare": compared(maps),
        "cross_validate": cross_validated(maps),
        "total": total(maps),
    }
    sent = Sent()
    get_mp_context().set_forkserver_preload(["distributed", "skastro.neural_network"])
    with LocalCluster(n_workers=2, **CLUSTER) as cluster, Client(cluster) as client:
        there = {"total": client.submit(total, maps).result()}
        with joblib.parallel_config("dask"):
            there["cross_validate"] = cross_validated(maps)
        with joblib.parallel_config("dask", client=DurableClient(client)):
            for name, work in {"grid": grid_scores, "compare": compared}.items():
                client.wait_for_workers(2)  # with one alone joblib makes fits in this process
                there[name] = broken_off(folder / name, lambda at, w=work: w(maps, at))
            client.wait_for_workers(2)
            there["again"] = compared(maps, folder / "compare", verbose=1)
            there["again_epochs"] = len(epochs(folder / "compare.log"))
    there["sent"] = sent.count
    there["lost"] = lost_array()
    (folder / "outcome.json").write_text(json.dumps({"here": here, "there": there}))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What the script found, in one process and on two workers."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    write_maps(folder)
    done = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | DASK,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "outcome.json").read_text()) | {"folder": folder}


def test_maps_are_read_by_the_worker(outcome):
    """Another process reads the file, and gets the same."""
    (process, value), (other_process, other_value) = (
        outcome[where]["total"] for where in ("here", "there")
    )
    assert process != other_process
    assert value == other_value


def test_maps_are_not_sent(outcome):
    """All searches together send less than one copy of the maps."""
    assert 10_000 < outcome["there"]["sent"] < open_maps(outcome["folder"] / "maps.h5").nbytes / 2


def test_cross_validate(outcome):
    """Scores are those of one process, bit for bit."""
    assert outcome["there"]["cross_validate"] == outcome["here"]["cross_validate"]
    assert len(set(outcome["here"]["cross_validate"])) > 1


@pytest.mark.parametrize(("search", "n_fits"), [("grid", 8), ("compare", 4)])
def test_killed_worker(outcome, search, n_fits):
    """The search ends with the scores of one process, and no finished epoch is run again."""
    there = outcome["there"][search]
    assert there["result"] == outcome["here"][search]
    assert len(there["killed"]) == 1
    assert n_fits * N_EPOCHS <= len(there["epochs"]) <= n_fits * N_EPOCHS + 1
    processes = {process for process, _ in there["epochs"]}
    assert len(processes) >= 2
    first = {process: next(e for p, e in there["epochs"] if p == process) for process in processes}
    of_others = [
        (before, now)
        for process in processes
        for before, now in _steps(there["epochs"], process, first[process])
        if now not in (1, before + 1)
    ]
    assert of_others, "no process went on with the fit of another"


def _steps(noted, process, first):
    """Epochs of a process, each with the one before it."""
    own = [epoch for pid, epoch in noted if pid == process]
    return [(0, first), *itertools.pairwise(own)]


def test_comparison_is_read_from_the_checkpoint(outcome):
    """A comparison is repeated without an epoch of training, and with a progress bar."""
    assert outcome["there"]["again"] == outcome["here"]["compare"]
    assert outcome["there"]["again_epochs"] == len(outcome["there"]["compare"]["epochs"])


def test_lost_arrays_are_sent_again(outcome):
    """A worker that leaves with the only copy of an array does not end the search."""
    assert outcome["there"]["lost"] == [1000.0 * i for i in range(8)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
