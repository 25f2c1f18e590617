"""
Error bars that hold
====================

A net that learns its errors says how sure it is; whether it is right to be so is another question.
Here nets with errors are trained on some simulations, and what they say of 90 % intervals is
counted on others: as they come, recalibrated on simulations set aside, and as conformal intervals,
which hold for new simulations of the same kind whatever the net has learned. "All at once" counts
maps of which every parameter is inside: a box for all parameters is wider than an interval for
each.

Then the same intervals meet what they were not made for. No calibration helps there: it is a
promise for simulations like those set aside.

With ``--data FOLDER`` these are the star-formation histories of CAMELS (see
``plot_star_formation_transfer.py``), 1,000 simulations of IllustrisTNG, and SIMBA for what is new.
Otherwise they are Gaussian random fields, and steeper ones for what is new. Run it with
``python examples/plot_error_bars.py``; pictures go to ``error_bars_output``.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import norm
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from study_tables import print_table, spread

from skastro.datasets import load_camels_sfrh
from skastro.ensemble import ConformalRegressor, DeepEnsembleRegressor, RecalibratedRegressor
from skastro.inspection import CalibrationDisplay
from skastro.metrics import interval_coverage
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler, SignedLog
from skastro.simulation import make_gaussian_fields

LEVEL = 0.9


# %%
# Data, candidates and pictures
# -----------------------------


def load(args):
    """Names and data: what is trained on and tested, and what is new."""
    if args.data is not None:
        suites = ("IllustrisTNG", "SIMBA")
        return {suite: load_camels_sfrh(args.data, suite=suite) for suite in suites}
    new = {"slope": (-4.0, -3.0), "random_state": 1}
    return {
        "slopes of -3 to -1": make_gaussian_fields(args.maps, (16, 16)),
        "slopes of -4 to -3": make_gaussian_fields(args.maps // 4, (16, 16), **new),
    }


def ensemble(args):
    """Nets that learn their errors."""
    training = {"loss": "gaussian_nll", "max_epochs": args.epochs, "n_threads": 1}
    if args.data is not None:
        net = CNNRegressor(DenseNet((128, 128), activation="gelu", dim=1), lr=3e-3, **training)
        net = make_pipeline(SignedLog(mode="floor"), FieldScaler(), net)
    else:
        shape = {"kernel_size": 5, "activation": "gelu", "pooling": "mean", "readout": "mean"}
        net = ConvNet(2, 8, hidden_layer_sizes=(32,), padding_mode="circular", **shape)
        net = CNNRegressor(net, lr=5e-3, **training)
    return DeepEnsembleRegressor(net, args.members, random_state=0)


def intervals(net, data, rows):
    """Ways to 90 % intervals, by name, from a fitted net and rows that it has not seen."""
    frozen, known = FrozenEstimator(net), (data.maps[rows], data.target[rows])
    groups = {"groups": data.groups[rows]}
    recalibrated = RecalibratedRegressor(frozen).fit(*known, **groups)
    settings = {"confidence_level": LEVEL, "random_state": 0}
    each = ConformalRegressor(frozen, **settings).fit(*known, **groups)
    box = ConformalRegressor(frozen, joint=True, **settings).fit(*known, **groups)
    models = {"net": net, "recalibrated": recalibrated}
    return models, {
        "net": lambda maps: gaussian(net, maps),
        "recalibrated": lambda maps: gaussian(recalibrated, maps),
        "conformal": each.predict_interval,
        "conformal box": box.predict_interval,
    }


def gaussian(model, maps):
    """Ends of intervals of predictions that are read as Gaussian."""
    mean, std = model.predict(maps, return_std=True)
    half = norm.ppf(0.5 + LEVEL / 2) * std
    return mean - half, mean + half


# %%
# The run
# -------


def main():
    """Count, and draw."""
    parser = argparse.ArgumentParser(description="Error bars that hold.")
    parser.add_argument("--data", type=Path, help="folder with SFRH_*.npy and params_*.txt")
    parser.add_argument("--output", type=Path, default=Path("error_bars_output"))
    parser.add_argument("--maps", type=int, default=2000, help="random fields, without data")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--splits", type=int, default=5)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    (known, data), (new, other) = load(args).items()

    found = {}
    outer = GroupShuffleSplit(args.splits, test_size=0.4, random_state=0)
    for train, rest in outer.split(data.maps, groups=data.groups):
        halves = GroupShuffleSplit(1, test_size=0.5, random_state=0)
        calibration, test = next(halves.split(rest, groups=data.groups[rest]))
        calibration, test = rest[calibration], rest[test]
        net = ensemble(args).fit(data.maps[train], data.target[train], groups=data.groups[train])
        models, ways = intervals(net, data, calibration)
        for where, maps, target in (
            (known, data.maps[test], data.target[test]),
            (new, other.maps, other.target),
        ):
            for way, ends_of in ways.items():
                lower, upper = ends_of(maps)
                each = interval_coverage(target, lower, upper, multioutput="raw_values")
                at_once = interval_coverage(target, lower, upper, joint=True)
                width = np.mean((upper - lower) / data.target.std(axis=0))
                found.setdefault(f"{where}: {way}", []).append([*each, at_once, width])
    print_table(
        f"Share of truths within {LEVEL:.0%} intervals, {args.splits} splits by simulation",
        "trained on " + known,
        [*data.target_names, "all at once", "width / deviation"],
        {name: [spread(column, 2) for column in np.transpose(of)] for name, of in found.items()},
    )
    for name, model in models.items():
        display = CalibrationDisplay.from_estimator(
            model,
            data.maps[test],
            data.target[test],
            groups=data.groups[test],
            target_names=data.target_names,
        )
        display.figure_.savefig(args.output / f"calibration_{name}.png", dpi=150)


if __name__ == "__main__":
    main()
