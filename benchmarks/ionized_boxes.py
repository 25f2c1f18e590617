"""Boxes of the epoch of reionization: mocks and 21cmFAST, in fresh processes, in turn."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

CELLS, BOX_SIZE, REDSHIFTS = 64, 96.0, (7.0, 8.0, 9.0)


def arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default=sys.executable, help="Python that has 21cmFAST 3")
    parser.add_argument("--child", choices=ARMS, help=argparse.SUPPRESS)
    return parser.parse_args()


def mocks():
    """Seconds of the mocks: all of a call, which has one density field."""
    from skastro.simulation import make_ionized_boxes

    start = time.process_time()
    make_ionized_boxes(redshift=REDSHIFTS, n_cells=CELLS, box_size=BOX_SIZE, random_state=0)
    return {"initial conditions": 0.0, "redshifts": time.process_time() - start}


def peer():
    """Seconds of 21cmFAST: initial conditions, and what is done for each redshift."""
    import py21cmfast

    with tempfile.TemporaryDirectory() as folder:
        options = {"write": False, "direc": folder}
        start = time.process_time()
        initial = py21cmfast.initial_conditions(
            user_params={"HII_DIM": CELLS, "BOX_LEN": BOX_SIZE, "N_THREADS": 1},
            random_seed=1,
            **options,
        )
        middle = time.process_time()
        for redshift in REDSHIFTS:
            field = py21cmfast.perturb_field(redshift=redshift, init_boxes=initial, **options)
            box = py21cmfast.ionize_box(perturbed_field=field, init_boxes=initial, **options)
            py21cmfast.brightness_temperature(ionized_box=box, perturbed_field=field)
    return {"initial conditions": middle - start, "redshifts": time.process_time() - middle}


ARMS = {"make_ionized_boxes": mocks, "21cmFAST": peer}


def main():
    """Run the arms in turn, and print a table."""
    options = arguments()
    if options.child:
        print(json.dumps(ARMS[options.child]()))
        return
    seconds = {arm: [] for arm in ARMS}
    for _ in range(options.rounds):
        for arm, found in seconds.items():
            python = options.peer if arm == "21cmFAST" else sys.executable
            run = subprocess.run(
                [python, __file__, "--child", arm],
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found.append(json.loads(run.stdout.splitlines()[-1]))
    print(f"{CELLS}^3 cells, {BOX_SIZE} Mpc, {len(REDSHIFTS)} redshifts of one density field")
    print("| | initial conditions, s | s for each redshift |")
    print("|---|---|---|")
    for arm, found in seconds.items():
        first = statistics.median(part["initial conditions"] for part in found)
        each = statistics.median(part["redshifts"] for part in found) / len(REDSHIFTS)
        print(f"| {arm} | {first:.2f} | {each:.2f} |")


if __name__ == "__main__":
    main()
