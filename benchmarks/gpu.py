"""Training on a GPU, or what there is: skastro and plain PyTorch, in fresh processes, in turn."""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from itertools import product

from training import check_equal_work, print_row

NETS = ("dense", "cnn", "strided", "alexnet", "cube", "unet")
PRECISIONS = ("float32", "tf32", "bfloat16")
PLACES = ("device", "pinned")
ARMS = ("plain", "skastro")


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nets", nargs="+", choices=NETS, default=NETS, metavar="NET", help=", ".join(NETS))
    add(
        "--precisions",
        nargs="+",
        choices=PRECISIONS,
        help="default: all that the device has; on a processor float32",
    )
    add(
        "--data",
        nargs="+",
        choices=PLACES,
        help="whether maps stay on the GPU or come from pinned memory; default: both",
    )
    add("--compile", action="store_true", help="add arms with a compiled net")
    add("--device", default="auto", help="as torch calls it; default: the GPU where there is one")
    add("--rounds", type=int, default=3, help="processes for each arm")
    add("--epochs", type=int, default=5, help="epochs timed in each process, after a first one")
    add("--scale", type=float, default=1.0, help="share of the samples")
    add("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options):
    """Do the work of one process, and print what was measured."""
    import torch
    from _gpu_arms import CASES, measure, peak

    device, case = torch.device(options.device), CASES[options.nets[0]]
    precision, arm = options.precisions[0], options.child
    if arm == "peak":
        measured = peak(case, device, precision) | {"title": case.title}
    else:
        measured = measure(
            arm,
            case,
            device,
            n_epochs=options.epochs,
            scale=options.scale,
            precision=precision,
            data=options.data[0],
            compiled=options.compile,
        )
    print(json.dumps(measured))


def run(options, device, net, precision, data, arm):
    """Start a process for an arm, such as "plain" or "plain, compiled"."""
    name = arm.removesuffix(", compiled")
    command = [sys.executable, __file__, "--child", name, "--nets", net, "--data", data]
    command += ["--precisions", precision, "--device", device]
    command += ["--epochs", str(options.epochs), "--scale", str(options.scale)]
    command += ["--compile"] * (arm != name)
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


def interleave(options, arms, *where):
    """Run the arms in turn, and check that they do the same work as the first one.

    Parameters
    ----------
    options : argparse.Namespace
        Options of the command line.
    arms : list of str
        Names of the arms.
    *where : str
        Device, net, precision and place of the data.

    Returns
    -------
    dict of str to list of dict
        What each process of an arm measured.
    """
    runs = defaultdict(list)
    for _ in range(options.rounds):
        for arm in (*arms, "peak"):
            runs[arm].append(run(options, *where, arm))
            if arm != "peak":
                check_equal_work(where[1], {name: runs[name][-1] for name in (arms[0], arm)})
    return runs


def middle(results, key):
    """Median of what processes measured."""
    return statistics.median(result[key] for result in results)


def found(options):
    """The device, what to call it, the precisions that it has, and where data may be."""
    import torch

    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    if torch.device(device).type != "cuda":
        name = f"no GPU: {platform.processor() or platform.machine()}"
        return device, f"{name}, {threads}", ("float32",), ("device",)
    name = f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    has_tf32 = torch.cuda.get_device_capability(device) >= (8, 0)
    return device, f"{name}, {threads}", PRECISIONS if has_tf32 else PRECISIONS[::2], PLACES


def compare(options):
    """Print the speeds of all arms, as ratios to plain, and what they reach of the peak."""
    device, title, precisions, places = found(options)
    compiled = [f"{arm}, compiled" for arm in ARMS] if options.compile else []
    arms = [*ARMS, *compiled]
    print(f"{title}; rounds: {options.rounds}; speeds in maps per second, plain = 1", end="\n\n")
    header = ["net", "precision", "data", "plain, maps/s", *arms[1:]]
    header += [f"{arm}: share of peak" for arm in arms]
    header += [f"{arm}: first epoch, s" for arm in arms]
    header += ["skastro: GPU memory, MB", "spread of plain", "matrix product, TFLOP/s"]
    print_row(*header)
    print_row(*["---"] * len(header))
    cases = product(options.nets, options.precisions or precisions, options.data or places)
    for net, precision, data in cases:
        runs = interleave(options, arms, device, net, precision, data)
        speeds = {arm: middle(runs[arm], "speed") for arm in arms}
        rates = [result["speed"] for result in runs["plain"]]
        peak = middle(runs["peak"], "peak")
        share = runs["peak"][0]["operations"] / peak
        print_row(
            runs["peak"][0]["title"],
            precision,
            data,
            f"{speeds['plain']:.4g}",
            *(f"{speeds[arm] / speeds['plain']:.2f}" for arm in arms[1:]),
            *(f"{speeds[arm] * share:.0%}" for arm in arms),
            *(f"{middle(runs[arm], 'first'):.3g}" for arm in arms),
            f"{middle(runs['skastro'], 'memory'):.0f}",
            f"{(max(rates) - min(rates)) / speeds['plain']:.0%}",
            f"{peak / 1e12:.3g}",
        )


def main():
    """Print a table."""
    options = arguments()
    if options.child:
        child(options)
    else:
        compare(options)


if __name__ == "__main__":
    main()
