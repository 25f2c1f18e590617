"""An ensemble of one small net: members one after another, in two processes, and as one."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict

import numpy as np
from _training_cases import CASES, Case

from skastro.ensemble import DeepEnsembleRegressor
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor

OWN_CASES = {
    "histogram": Case("dense 25-16-12", DenseNet((16,)).build, (1, 25), 640, 12),
    "tiny": CASES["tiny"],
    "codes": Case("dense 500-64-17", DenseNet((64,)).build, (1, 500), 6528, 17),
    "patches": Case("dense 2500-350-17", DenseNet((350,)).build, (1, 50, 50), 6528, 17),
    "small": Case("ConvNet(2, 8) 16x16", ConvNet(2, 8).build, (1, 16, 16), 3000, 6),
    "cnn": CASES["cnn"],
}
ARMS = {
    "one": ("one after another", {}),
    "two": ("two processes", {"n_jobs": 2}),
    "batched": ("batched", {"batched": True}),
}


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", type=int, nargs="+", default=[8, 32], help="members")
    parser.add_argument("--cases", nargs="+", default=list(OWN_CASES), choices=OWN_CASES)
    parser.add_argument("--rounds", type=int, default=3, help="processes for each arm")
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are timed")
    parser.add_argument("--scale", type=float, default=0.3, help="share of the samples")
    parser.add_argument("--device", default="cpu", help="a name that torch knows")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options):
    """Fit twice, first for the processes to start; print processor and wall time in seconds."""
    name, arm, n_nets = options.child
    case, ((_, parameters)) = OWN_CASES[name], ARMS[arm]
    X, y = case.data(options.scale)
    net = CNNRegressor(
        case.build,
        batch_size=case.batch_size,
        device=options.device,
        n_threads=2 if arm == "batched" else 1,
    )
    model = DeepEnsembleRegressor(net, int(n_nets), random_state=0, **parameters)
    model.set_params(estimator__max_epochs=1).fit(X[:64], y[:64])
    model.set_params(estimator__max_epochs=options.epochs)
    before = time.process_time(), time.perf_counter()
    model.fit(X, y)
    after = time.process_time(), time.perf_counter()
    loss = np.mean([member.history_[-1]["train_loss"] for member in model.estimators_])
    print(json.dumps([after[0] - before[0], after[1] - before[1], loss]))


def main():
    """Run every arm in fresh processes, in turn."""
    options = arguments()
    if options.child:
        child(options)
        return
    for name in options.cases:
        for n_nets in options.nets:
            runs = defaultdict(list)
            for _ in range(options.rounds):
                for arm in ARMS:
                    command = [sys.executable, __file__, "--child", name, arm, str(n_nets)]
                    for option in ("epochs", "scale", "device"):
                        command += [f"--{option}", str(getattr(options, option))]
                    done = subprocess.run(
                        command, env=os.environ, check=True, capture_output=True, text=True
                    )
                    runs[arm].append(json.loads(done.stdout))
            medians = {arm: np.median(values, axis=0) for arm, values in runs.items()}
            print(f"{OWN_CASES[name].title}, {n_nets} nets")
            for arm, (title, _) in ARMS.items():
                processor, wall, loss = medians[arm]
                times = medians["one"][1] / wall, medians["two"][1] / wall
                print(
                    f"  {title:18s} {wall:7.2f} s, processor {processor:7.2f} s, times as fast as "
                    f"one after another {times[0]:5.2f}, as two processes {times[1]:5.2f}; "
                    f"loss {loss:.5f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
