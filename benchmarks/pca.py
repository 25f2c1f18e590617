"""Principal components of a file of maps: MapPCA and scikit-learn, in fresh processes, in turn."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from _memory import OwnMemory

SIZE = 50
N_COMPONENTS = 20
CHUNK = 5000
ARMS = {
    "covariance_eigh": "PCA, covariance_eigh",
    "covariance": "MapPCA, covariance",
    "randomized": "PCA, randomized",
    "iteration": "MapPCA, randomized",
    "incremental": "IncrementalPCA",
}


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000, help="maps in the file")
    parser.add_argument(
        "--incremental-samples",
        type=int,
        default=25_000,
        help="maps that IncrementalPCA is given, 0 for none; its time is scaled to all",
    )
    parser.add_argument("--rounds", type=int, default=1, help="processes for each arm")
    parser.add_argument("--folder", help="where the temporary file is put")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_maps(path, n_samples):
    """Store patches of Gaussian fields with a power spectrum of k^-2."""
    from scipy.fft import irfft2

    rng = np.random.default_rng(0)
    n = 64
    k = np.hypot(np.fft.fftfreq(n, 1 / n)[:, None], np.fft.rfftfreq(n, 1 / n))
    amplitude = (n / np.maximum(k, 1)).astype(np.float32)
    maps = np.lib.format.open_memmap(path, "w+", np.float32, (n_samples, SIZE, SIZE))
    for start in range(0, n_samples, CHUNK):
        draws = rng.standard_normal((min(CHUNK, n_samples - start), *k.shape, 2), np.float32)
        fields = irfft2(draws.view(np.complex64)[..., 0] * amplitude, (n, n))
        maps[start : start + len(fields)] = fields[:, :SIZE, :SIZE]
    maps.flush()


def fitted(arm, path, n_samples):
    """Read the file and fit."""
    from sklearn.decomposition import PCA, IncrementalPCA

    from skastro.decomposition import MapPCA
    from skastro.maps import open_maps

    memory = OwnMemory()
    memory.start()
    start = time.process_time()
    if arm in ("covariance", "iteration"):
        solver = "covariance" if arm == "covariance" else "randomized"
        model = MapPCA(N_COMPONENTS, svd_solver=solver, random_state=0).fit(open_maps(path))
    elif arm == "incremental":
        rows = np.load(path, mmap_mode="r")[:n_samples].reshape(n_samples, -1)
        model = IncrementalPCA(N_COMPONENTS).fit(rows)
    else:
        rows = np.load(path).reshape(n_samples, -1)
        model = PCA(N_COMPONENTS, svd_solver=arm, random_state=0).fit(rows)
    return model, time.process_time() - start, memory.peak


def child(options):
    """Do the work of one process, and print what was measured."""
    arm, path = options.child
    model, seconds, peak = fitted(arm, path, options.samples)
    components = model.components_.reshape(N_COMPONENTS, -1)
    np.savez(Path(path).with_name(f"{arm}.npz"), components, model.explained_variance_)
    print(json.dumps({"seconds": seconds, "peak": peak}))


def run(arm, path, n_samples):
    """Start a process for an arm."""
    command = [sys.executable, __file__, "--child", arm, str(path), "--samples", str(n_samples)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | threads
    )
    return json.loads(process.stdout.splitlines()[-1])


def differences(folder, arm):
    """Greatest error of a variance, and sine of the greatest angle to the reference subspace."""
    reference, variance = np.load(folder / "covariance_eigh.npz").values()
    components, found = np.load(folder / f"{arm}.npz").values()
    rest = reference.astype(float)
    rest -= rest @ components.T.astype(float) @ components
    return np.abs(found / variance - 1).max(), np.linalg.norm(rest, 2)


def main(options):
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "maps.npy"
        write_maps(path, options.samples)
        n_samples = dict.fromkeys(ARMS, options.samples)
        n_samples["incremental"] = min(options.incremental_samples, options.samples)
        runs = defaultdict(list)
        for _ in range(options.rounds):
            for arm in ARMS:
                if n_samples[arm]:
                    runs[arm].append(run(arm, path, n_samples[arm]))
        print(f"{options.samples} maps of {SIZE} x {SIZE}, {path.stat().st_size / 1e9:.2g} GB")
        print("| | s | ratio | own memory, GB | variances differ by | subspaces differ by |")
        print("|---|---|---|---|---|---|")
        for arm, measured in runs.items():
            scale = options.samples / n_samples[arm]
            seconds = scale * statistics.median(each["seconds"] for each in measured)
            if arm == "covariance_eigh":
                reference = seconds
            peak = max(each["peak"] for each in measured) / 1e9
            name = ARMS[arm] + (f", scaled from {n_samples[arm]} maps" if scale != 1 else "")
            variance, subspace = differences(Path(folder), arm)
            print(
                f"| {name} | {seconds:.3g} | {seconds / reference:.2f} | {peak:.2f} "
                f"| {variance:.1e} | {subspace:.1e} |"
            )


if __name__ == "__main__":
    parsed = arguments()
    if parsed.child:
        child(parsed)
    else:
        main(parsed)
