"""Training with skastro, stock skorch and plain PyTorch, each in fresh processes, in turn."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict

NETS = ("dense", "dense128", "tiny", "cnn", "strided", "channels", "cube", "autoencoder")
AUGMENTED_NETS = ("dense", "cnn", "cube")
ARMS = ("plain", "skastro", "skorch", "textbook")
KEPT = ("plain", "skastro")
N_FOLDS = 5
LOSS_TOLERANCE = 0.4  # of the first loss: the middle of a run is steep, and orders differ
STEPS_TOLERANCE = 0.2


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="+", choices=NETS, metavar="NET", help=", ".join(NETS))
    parser.add_argument("--rounds", type=int, default=5, help="processes for each arm")
    parser.add_argument("--epochs", type=int, default=3, help="epochs timed in each process")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the samples")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="above 1, wall time is compared: needs a quiet machine",
    )
    parser.add_argument(
        "--keep-memory", action="store_true", help="add arms that keep the memory they free"
    )
    parser.add_argument(
        "--validation", action="store_true", help="keep a fifth of the samples to validate on"
    )
    parser.add_argument(
        "--augmentation", action="store_true", help="compare skastro with and without symmetries"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options):
    """Do the work of one process, and print what was measured."""
    if options.keep_memory:
        from skastro.utils import keep_freed_memory

        if not keep_freed_memory():
            raise RuntimeError("--keep-memory needs the C library of Linux, glibc.")
    import _training_arms
    from _training_cases import CASES

    case = CASES[options.nets[0]]
    if options.child == "peak":
        measured = _training_arms.peak(case)
    else:
        measured = _training_arms.measure(
            options.child,
            case,
            n_epochs=options.epochs,
            scale=options.scale,
            validation=options.validation,
        )
    print(json.dumps(measured))


def run(options, net, arm):
    """Start a process for an arm, such as "plain" or "plain, kept"."""
    command = [sys.executable, __file__, "--child", arm.removesuffix(", kept"), "--nets", net]
    command += ["--epochs", str(options.epochs), "--scale", str(options.scale)]
    command += ["--keep-memory"] * arm.endswith(", kept") + ["--validation"] * options.validation
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(options.threads))
    process = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | threads
    )
    return json.loads(process.stdout.splitlines()[-1])


def interleave(options, net, arms):
    """Run the arms in turn, and check that they do the same work as the first one.

    Returns
    -------
    dict of str to list of dict
        What each process of an arm measured.
    """
    runs = defaultdict(list)
    for _ in range(options.rounds):
        for arm in arms:
            runs[arm].append(run(options, net, arm))
            if arm != "peak":
                check_equal_work(net, {name: runs[name][-1] for name in (arms[0], arm)})
    return runs


def check_equal_work(net, results):
    """Refuse to compare arms that took other steps, or learned more or less."""
    losses = [result["losses"] for result in results.values()]
    steps = [result["steps"] for result in results.values()]
    difference = abs(losses[0][1] - losses[-1][1]) / losses[0][0]
    # The share that skastro sets aside is met on average only.
    if abs(steps[0] / steps[-1] - 1) > STEPS_TOLERANCE or (
        difference > LOSS_TOLERANCE and "augmented" not in results
    ):
        raise RuntimeError(
            f"{net}: {' and '.join(results)} did other work: {steps} steps for each epoch, "
            f"training losses of the first and the last epoch {losses}."
        )


def seconds(results, key, n_steps):
    """Median time of an epoch of so many steps."""
    return statistics.median(result[key] * n_steps / result["steps"] for result in results)


def print_row(*cells):
    """Print a line of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)


def compare_arms(options, nets, key):
    """Print the times of all arms, plain = 1, and what they reach of the processor's peak."""
    kept = [f"{arm}, kept" for arm in KEPT] if options.keep_memory else []
    arms = [*ARMS, *kept]
    judged = [*KEPT, *kept]
    header = ["net", "plain, s/epoch", *arms[1:], *(f"{arm}: share of peak" for arm in judged)]
    header += ["spread of plain", "matrix product, GFLOP/s", "its processor time / wall time"]
    print_row(*header)
    print_row(*["---"] * len(header))
    for net in nets:
        runs = interleave(options, net, [*arms, "peak"])
        first = runs["plain"][0]
        times = {arm: seconds(runs[arm], key, first["steps"]) for arm in arms}
        middle = {
            name: statistics.median(r[name] for r in runs["peak"]) for name in runs["peak"][0]
        }
        n_valid = first["n_samples"] // N_FOLDS if options.validation else 0
        work = first["n_samples"] * middle["both"]
        work -= n_valid * (middle["both"] - middle["forward"])
        plain = [result[key] for result in runs["plain"]]
        print_row(
            first["title"],
            f"{times['plain']:.3g}",
            *(f"{times[arm] / times['plain']:.2f}" for arm in arms[1:]),
            *(f"{work / times[arm] / middle[key]:.0%}" for arm in judged),
            f"{(max(plain) - min(plain)) / times['plain']:.0%}",
            f"{middle[key]:.0f}",
            f"{middle['busy']:.2f}",
        )


def compare_augmentation(options, nets, key):
    """Print time and memory of training with symmetries, as ratios to training without."""
    print_row("net", "without, s/epoch", "time with symmetries", "resident memory, MB", "with")
    print_row(*["---"] * 5)
    for net in nets:
        runs = interleave(options, net, ["skastro", "augmented"])
        n_steps = runs["skastro"][0]["steps"]
        without, augmented = (seconds(results, key, n_steps) for results in runs.values())
        memory = [statistics.median(r["resident"] for r in results) for results in runs.values()]
        print_row(
            runs["skastro"][0]["title"],
            f"{without:.3g}",
            f"{augmented / without:.2f}",
            f"{memory[0]:.0f}",
            f"{memory[1] / memory[0]:.2f}",
        )


def main():
    """Print a table."""
    options = arguments()
    if options.child:
        child(options)
        return
    key = "processor" if options.threads == 1 else "wall"
    print(
        f"{key} time, threads: {options.threads}, rounds: {options.rounds}, plain = 1", end="\n\n"
    )
    if options.augmentation:
        compare_augmentation(options, options.nets or AUGMENTED_NETS, key)
    else:
        compare_arms(options, options.nets or NETS, key)


if __name__ == "__main__":
    main()
