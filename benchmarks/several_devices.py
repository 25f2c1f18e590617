"""Time of an epoch on one thread, on several threads, and in several processes that share it.

Each arm is a process of its own, and arms take turns. The first epoch is left out, so that the
start of processes is not counted with the epochs; it is in the time of the whole fit. On a machine
with several GPUs the arms are one GPU and all of them.
"""

import argparse
import json
import subprocess
import sys
import time
from statistics import median

import numpy as np
import torch

from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor


def arms(n_units):
    """Parameters of the arms by their names."""
    if torch.cuda.device_count() > 1:
        return {"1 GPU": {"devices": None}, f"{torch.cuda.device_count()} GPUs": {"devices": "all"}}
    return {
        "1 thread": {"devices": None, "n_threads": 1},
        f"{n_units} threads": {"devices": None, "n_threads": n_units},
        f"{n_units} processes of 1 thread": {"devices": n_units, "n_threads": 1},
    }


def timed_fit(options, size, n_maps, batch_size, n_epochs):
    """Median seconds of an epoch after the first one, and seconds of the whole fit."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n_maps, size, size), dtype="float32"), rng.normal(size=n_maps)
    net = ConvNet(n_layers=4, n_filters=16, batch_norm=True)
    model = CNNRegressor(net, batch_size=batch_size, max_epochs=n_epochs, random_state=0, **options)
    start = time.perf_counter()
    model.fit(X, y)
    return median(e["dur"] for e in model.history_[1:]), time.perf_counter() - start


def main():
    """Run the arms in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, help="cells along a side of a map")
    parser.add_argument("--maps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--units", type=int, default=2, help="threads, or processes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        options = json.loads(given.arm)
        work = given.size, given.maps, given.batch_size, given.epochs
        print(json.dumps(timed_fit(options, *work)))
        return
    found = {name: [] for name in arms(given.units)}
    for _ in range(given.rounds):
        for name, options in arms(given.units).items():
            command = [sys.executable, *sys.argv, "--arm", json.dumps(options)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    first = median(epoch for epoch, _ in next(iter(found.values())))
    print(f"{'':28}{'epoch, s':>10}{'ratio':>8}{'fit, s':>10}")
    for name, times in found.items():
        epoch, fit = (median(column) for column in zip(*times, strict=True))
        print(f"{name:28}{epoch:10.3f}{epoch / first:8.2f}{fit:10.2f}")


if __name__ == "__main__":
    main()
