"""Epochs of a CNN from files in several layouts against the same maps in memory."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _memory import OwnMemory, account

LAYOUTS = {
    "npy": None,
    "contiguous": {},
    "chunks": {"chunk_rows": 1},
    "chunks8": {"chunk_rows": 8},
    "gzip": {"compression": "gzip"},
    "gzip8": {"compression": "gzip", "chunk_rows": 8},
    "lzf": {"compression": "lzf"},
    "blosc": {"compression": "blosc"},
}


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=8, help="maps in a file, uncompressed")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[64, 256], help="cells of a side")
    parser.add_argument(
        "--epoch-megabytes",
        type=float,
        default=64,
        help="maps of an epoch, drawn from the whole file; in memory they are all that is held",
    )
    parser.add_argument("--epochs", type=int, default=2, help="the last of which is timed")
    parser.add_argument("--layers", type=int, default=4, help="of the net")
    parser.add_argument("--filters", type=int, default=16, help="of each layer")
    parser.add_argument("--rounds", type=int, default=3, help="processes for each arm")
    parser.add_argument("--block-size", type=int, default=1, help="of Streaming, for files")
    parser.add_argument("--folder", help="where the temporary files are put, two at a time")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_maps(path, size, n_bytes):
    """Store exponentials of smooth Gaussian fields, each at a place and a height of its own."""
    rng = np.random.default_rng(0)
    k = np.hypot(np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size))
    noise = np.fft.rfft2(rng.standard_normal((64, size, size), np.float32))
    fields = np.fft.irfft2(noise / np.maximum(k, 1), (size, size)).astype(np.float32)
    fields /= fields.std()
    n_maps = int(n_bytes // (4 * size**2))
    maps = np.lib.format.open_memmap(path, "w+", np.float32, (n_maps, size, size))
    for start in range(0, n_maps, len(fields)):
        moved = np.roll(fields, rng.integers(size, size=2), axis=(1, 2))[: n_maps - start]
        heights = rng.uniform(0.5, 1.5, (len(moved), 1, 1)).astype(np.float32)
        maps[start : start + len(moved)] = np.exp(heights * moved)
    maps.flush()


def warm(path):
    """Have the system read a file, so that it lies in its cache as far as there is room."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def child(options):
    """Train on maps of one file, and print what an epoch takes."""
    from skorch.callbacks import Callback

    from skastro.maps import open_maps
    from skastro.nets import ConvNet
    from skastro.neural_network import CNNRegressor, Streaming

    epochs = []

    class Clock(Callback):
        """Notes the time that each epoch takes."""

        def on_epoch_begin(self, net, **kwargs):
            epochs.append((time.perf_counter(), time.process_time()))

        def on_epoch_end(self, net, **kwargs):
            wall, processor = epochs.pop()
            epochs.append((time.perf_counter() - wall, time.process_time() - processor))

    where, path = options.child
    maps = open_maps(path)
    n_epoch = min(len(maps), max(64, int(options.epoch_megabytes * 1e6 // maps.sample_bytes)))
    rng = np.random.default_rng(0)
    first = rng.permutation(len(maps) // options.block_size)[: -(-n_epoch // options.block_size)]
    rows = np.sort((first[:, None] * options.block_size + np.arange(options.block_size)).ravel())
    maps = np.asarray(maps[rows]) if where == "memory" else maps[rows]
    model = CNNRegressor(
        ConvNet(n_layers=options.layers, n_filters=options.filters),
        max_epochs=options.epochs,
        batch_size=32,
        early_stopping=False,
        schedule=None,
        n_threads=1,
        random_state=0,
        callbacks=[Clock()],
        streaming=Streaming(options.block_size),
    )
    memory = OwnMemory()
    memory.start()
    model.fit(maps, rng.normal(size=len(rows)))
    wall, processor = epochs[-1]
    result = {
        "maps": len(rows),
        "wall": wall,
        "processor": processor,
        "resident": account("VmHWM"),
        "own": memory.peak,
    }
    print(json.dumps(result))


def run(where, path, options):
    """One arm in a fresh process, on one thread."""
    warm(path)
    command = [sys.executable, __file__, "--child", where, str(path)]
    for option in ("epoch_megabytes", "block_size", "epochs", "layers", "filters"):
        command += [f"--{option.replace('_', '-')}", str(getattr(options, option))]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | threads
    )
    return json.loads(process.stdout.splitlines()[-1])


def compare(layout, source, folder, options):
    """Rounds of the file and of memory in turn, and the size of the file."""
    from skastro.maps import rechunk

    path = source
    if LAYOUTS[layout] is not None:
        path = folder / f"{layout}.h5"
        rechunk(source, path, **LAYOUTS[layout])
    runs = {"memory": [], "file": []}
    for _ in range(options.rounds):
        for where, results in runs.items():
            results.append(run(where, path, options))
    n_bytes = path.stat().st_size
    if path != source:
        path.unlink()
    return runs, n_bytes


def print_row(layout, runs, n_bytes):
    """One line of the table."""

    def middle(where, name):
        return statistics.median(each[name] for each in runs[where])

    wall, processor = (middle("file", n) / middle("memory", n) for n in ("wall", "processor"))
    peaks = [
        max(each[name] for each in runs[where]) / 2**30
        for name in ("resident", "own")
        for where in ("file", "memory")
    ]
    print(
        f"| {layout} | {n_bytes / 1e9:.3g} | {middle('memory', 'wall'):.3g} "
        f"| {middle('file', 'wall'):.3g} | {wall:.2f} | {processor:.2f} | "
        + " | ".join(f"{peak:.2f}" for peak in peaks)
        + " |",
        flush=True,
    )


def main(options):
    """Print a table for each size of maps."""
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            source = Path(folder) / "maps.npy"
            write_maps(source, size, options.gigabytes * 1e9)
            print(
                f"\nMaps of {size} x {size}, {source.stat().st_size / 1e9:.3g} GB in all, "
                f"{options.epoch_megabytes:g} MB in an epoch\n"
            )
            print(
                "| layout | file, GB | in memory, s/epoch | from the file, s/epoch | ratio "
                "| processor time, ratio | resident, GiB | in memory | own memory, GiB "
                "| in memory |"
            )
            print("|---" * 10 + "|")
            for layout in options.layouts:
                print_row(layout, *compare(layout, source, Path(folder), options))


if __name__ == "__main__":
    parsed = arguments()
    if parsed.child:
        child(parsed)
    else:
        main(parsed)
