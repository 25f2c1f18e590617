"""What large data sets need: bytes, operations, and hours on this machine, from short fits."""

import argparse
import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from _memory import account
from torch.utils.flop_counter import FlopCounterMode

from skastro.nets import AlexNet, CMDNet, ConvNet, FieldResNet, ResNet, UNet
from skastro.neural_network import CNNRegressor, FieldRegressor

PATCH = 64


@dataclass(frozen=True)
class Study:
    """A data set and a net for it.

    Parameters
    ----------
    title : str
        Name in the table.
    net : Net
        The architecture.
    map_shape : tuple of int
        ``(n_channels, *spatial)`` of what a step of training sees, a map or a patch of a cube.
    per_epoch : int
        Maps or patches in an epoch.
    n_outputs : int
        Targets, or fields that are made of a cube.
    batch_size : int
        Maps or patches in a batch.
    """

    title: str
    net: object
    map_shape: tuple
    per_epoch: int
    n_outputs: int
    batch_size: int

    @property
    def of_cubes(self):
        """Whether fields are learned from patches of cubes."""
        return len(self.map_shape) == 4


CMD = (13, 256, 256)
PATCHES = (2, PATCH, PATCH, PATCH)
PER_CUBE = (512 // PATCH) ** 3
STUDIES = {
    "lh-alex": Study("CAMELS LH, AlexNet", AlexNet(), CMD, 15_000, 6, 32),
    "lh-conv": Study("CAMELS LH, ConvNet", ConvNet(), CMD, 15_000, 6, 32),
    "lh-cmd": Study("CAMELS LH, CMDNet", CMDNet(), CMD, 15_000, 6, 32),
    "lh-res": Study("CAMELS LH, ResNet", ResNet(), CMD, 15_000, 6, 32),
    "sb-cmd": Study("CAMELS SB28, CMDNet", CMDNet(), CMD, 30_720, 28, 32),
    "cubes-res": Study(
        "512^3, FieldResNet(3, 16)", FieldResNet(3, 16), PATCHES, 1000 * PER_CUBE, 1, 4
    ),
    "cubes-unet": Study("512^3, UNet(2, 16)", UNet(2, 16), PATCHES, 1000 * PER_CUBE, 1, 4),
}
DATA = {
    "CAMELS LH, 15,000 maps of 13 x 256^2": 15_000 * math.prod(CMD),
    "CAMELS SB28, 30,720 maps of 13 x 256^2": 30_720 * math.prod(CMD),
    "1,000 cubes of 512^3, two fields and one": 1000 * 3 * 512**3,
}


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", nargs="+", default=list(STUDIES), choices=STUDIES)
    parser.add_argument("--batches", type=int, default=4, help="batches in an epoch")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--device", default="cpu", help="a name that torch knows")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def operations(study):
    """Operations that a step of training takes for one map, in units of 1e9."""
    module = study.net.build(study.map_shape, study.n_outputs)
    x = torch.rand(2, *study.map_shape)
    with FlopCounterMode(display=False) as counter:
        module(x).sum().backward()
    return counter.get_total_flops() / 2e9


def child(options):
    """Train for three epochs; print the seconds of the fastest, and the peak of memory."""
    study = STUDIES[options.child]
    rng = np.random.default_rng(0)
    n = options.batches * study.batch_size
    X = rng.standard_normal((n, *study.map_shape), dtype=np.float32)
    kind = FieldRegressor if study.of_cubes else CNNRegressor
    y = X[:, 0] if study.of_cubes else rng.standard_normal((n, study.n_outputs))
    model = kind(
        study.net,
        batch_size=study.batch_size,
        max_epochs=3,
        device=options.device,
        n_threads=options.threads,
        random_state=0,
    ).fit(X, y)
    seconds = min(epoch["dur"] for epoch in model.history_)
    peak = account("VmHWM")
    start = time.perf_counter()
    model.predict(X)
    print(json.dumps([seconds / n, (time.perf_counter() - start) / n, peak / 2**30]))


def main():
    """Measure each study in a process of its own, and print what the whole would take."""
    options = arguments()
    if options.child:
        child(options)
        return
    for title, n_values in DATA.items():
        print(f"{title}: {4e-9 * n_values:.0f} GB in float32")
    for name in options.studies:
        study = STUDIES[name]
        command = [sys.executable, __file__, "--child", name]
        for option in ("batches", "threads", "device"):
            command += [f"--{option}", str(getattr(options, option))]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        training, prediction, peak = json.loads(done.stdout)
        count = operations(study)
        hours = training * study.per_epoch / 3600
        print(
            f"{study.title:26s} {count:8.1f} GFLOP a step and map, {1 / training:8.1f} maps/s "
            f"({count / training:6.0f} GFLOP/s), an epoch {hours:7.2f} h and "
            f"{1e-3 * count * study.per_epoch:9.0f} TFLOP, predictions {1 / prediction:8.1f} "
            f"maps/s, peak {peak:.2f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    main()
