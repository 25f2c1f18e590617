"""Predictions of large boxes: whole, by tiles, and by MONAI's sliding window, each in its process.

Time on the clock, peak memory by the operating system's account, and the greatest difference from
the whole box that plain PyTorch makes with the same weights. MONAI's windows are those of the
tiles with their halo; it averages them where they overlap, in place of cutting the halo off.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ARMS = ("torch, whole", "skastro, whole", "skastro, tiles", "MONAI, windows")


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[128, 256])
    parser.add_argument("--nets", nargs="*", default=["FieldResNet", "UNet", "ExcursionNet"])
    parser.add_argument("--tile", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--arms", nargs="*", default=ARMS)
    parser.add_argument("--arm", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def model(name, n_threads):
    """A regressor that was fitted to next to nothing, so that its net is a random one."""
    from skastro.nets import ExcursionNet, FieldResNet, UNet
    from skastro.neural_network import FieldRegressor

    net = {
        "FieldResNet": FieldResNet(3, 16, padding_mode="circular"),
        "UNet": UNet(2, 16, padding_mode="circular"),
        "ExcursionNet": ExcursionNet(padding_mode="circular"),
    }[name]
    X = np.random.default_rng(0).normal(size=(1, 2, 16, 16, 16))
    options = {"n_threads": n_threads, "random_state": 0, "device": "cpu"}
    return FieldRegressor(net, max_epochs=1, **options).fit(X, X[:, :1])


def prediction(arm, fitted, box, tile):
    """What an arm makes of a box."""
    import torch

    if arm.startswith("skastro"):
        fitted.set_params(tile_size=tile if "tiles" in arm else None)
        return lambda: fitted.predict(box)[0, 0]
    module, scaler = fitted.net_.module_.net.eval(), fitted.target_scaler_
    module = module.to(memory_format=torch.channels_last_3d)
    batch = torch.from_numpy(box).contiguous(memory_format=torch.channels_last_3d)

    def run():
        with torch.inference_mode():
            return scaler.inverse_transform(predict(batch).numpy())[0, 0]

    if arm.startswith("torch"):
        predict = module
    else:
        from monai.inferers import SlidingWindowInferer

        window = tile + 2 * fitted._windows(fitted.net, tile).halo
        overlap = (window - tile) / window
        predict_windows = SlidingWindowInferer(
            (window,) * 3, overlap=overlap, padding_mode="circular"
        )

        def predict(batch):
            return predict_windows(batch, module)

    return run


def run_arm(arm, name, size, file, args):
    """Time one arm, and write what it made."""
    import torch

    torch.set_num_threads(args.threads)
    fitted = model(name, args.threads)
    box = np.random.default_rng(1).normal(size=(1, 2, *(int(size),) * 3)).astype("float32")
    run = prediction(arm, fitted, box, args.tile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    made = run()
    seconds = time.perf_counter() - start
    np.save(file, made)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak": peak / 2**20, "before": before / 2**20}))


def main():
    """Print a table for each net and size."""
    args = arguments()
    if args.arm:
        run_arm(*args.arm, args)
        return
    shared = ["--tile", str(args.tile), "--threads", str(args.threads)]
    with tempfile.TemporaryDirectory() as folder:
        for name in args.nets:
            for size in args.sizes:
                measured = {arm: [] for arm in args.arms}
                for _ in range(args.rounds):
                    for arm in args.arms:
                        file = Path(folder, f"{arm}.npy")
                        command = [sys.executable, __file__, "--arm", arm, name, str(size)]
                        done = subprocess.run(
                            [*command, str(file), *shared],
                            check=False,
                            capture_output=True,
                            text=True,
                        )
                        if done.returncode:
                            print(f"{arm}: {done.stderr.strip().splitlines()[-1:]}")
                            continue
                        measured[arm].append(json.loads(done.stdout.splitlines()[-1]))
                show(f"{name}, {size}^3 cells", measured, folder)


def show(title, measured, folder):
    """Print medians, ratios to plain PyTorch, and differences from it."""
    print(title, flush=True)
    whole = np.load(Path(folder, f"{ARMS[0]}.npy")) if measured.get(ARMS[0]) else None
    reference = None
    for arm, runs in measured.items():
        if not runs:
            continue
        seconds = statistics.median(run["seconds"] for run in runs)
        reference = seconds if reference is None else reference
        made = np.load(Path(folder, f"{arm}.npy"))
        off = np.nan if whole is None else np.abs(made - whole).max() / whole.std()
        print(
            f"  {arm:16s} {seconds:8.1f} s {seconds / reference:6.2f}   peak "
            f"{runs[-1]['peak']:5.2f} GiB (before {runs[-1]['before']:.2f})   "
            f"difference {off:.1e} of the deviation",
            flush=True,
        )


if __name__ == "__main__":
    main()
