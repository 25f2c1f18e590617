"""
From one model of galaxies to another
=====================================

How fast a simulated universe forms stars, from redshift 7 to today, tells its cosmology and the
strength of its supernovae. CAMELS has simulated 1,000 universes each by two codes, IllustrisTNG and
SIMBA, with different recipes for galaxies. What a model learns from one code should hold in the
other; if it does not, it has learned the code.

Each model is trained on one suite and tested on both, the same test simulations for all, beside
predicting the mean of what it was trained on. Omega_m and sigma_8 mean the same in both suites.
The four parameters of feedback do not: their scores across suites say whether the two codes answer
alike, and not that a model is wrong.

Then the question before every proposal for computing time: how many more simulations? The score is
fitted against the number of simulations trained on, and the law tells what more would bring, with
an interval.

The histories come with the lectures on machine learning of CAMELS. Put ``SFRH_IllustrisTNG.npy``,
``SFRH_SIMBA.npy`` and the two ``params_*.txt`` into a folder and run
``python examples/plot_star_formation_transfer.py --data FOLDER``. Pictures go to the folder
``star_formation_output``.
"""

# sphinx_gallery_thumbnail_path = 'images/simulation_curve.png'

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from study_tables import CONSOLE, print_table, spread

from skastro.datasets import load_camels_sfrh
from skastro.ensemble import DeepEnsembleRegressor
from skastro.inspection import CrossSuiteDisplay, SimulationCurveDisplay
from skastro.model_selection import CrossSuite, cross_suite, simulation_curve
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler, SignedLog

SUITES = ("IllustrisTNG", "SIMBA")
COSMOLOGY = 2  # the first columns of the targets mean the same in both suites


# %%
# Data, candidates and pictures
# -----------------------------


def candidates(args):
    """Models of histories, all behind logarithms."""
    net = ConvNet(
        n_layers=3, n_filters=args.filters, kernel_size=5, hidden_layer_sizes=(64,), dim=1
    )
    dense = DenseNet((128, 128), activation="gelu", dim=1)
    training = {"max_epochs": args.epochs, "n_threads": 1}
    return {
        "ridge": make_pipeline(
            SignedLog(mode="floor"), StandardScaler(), RidgeCV(np.geomspace(1e-3, 1e3, 13))
        ),
        "trees": make_pipeline(
            SignedLog(mode="floor"),
            ExtraTreesRegressor(args.trees, min_samples_leaf=2, random_state=0),
        ),
        "CNN": on_logarithms(CNNRegressor(net, lr=5e-3, batch_size=64, random_state=0, **training)),
        f"{args.members} dense nets": DeepEnsembleRegressor(
            on_logarithms(CNNRegressor(dense, loss="gaussian_nll", lr=3e-3, **training)),
            args.members,
            random_state=0,
        ),
    }


def on_logarithms(regressor):
    """A net behind logarithms of the histories, scaled together."""
    return make_pipeline(SignedLog(mode="floor"), FieldScaler(), regressor)


def across(name, model, suites, args):
    """Scores of one model within and across suites."""
    start = time.perf_counter()
    result = cross_suite(model, suites, cv=args.folds, n_jobs=args.jobs, error_score="raise")
    rows = {}
    for i, trained in enumerate(SUITES):
        for j, tested in enumerate(SUITES):
            rows[f"{trained} to {tested}"] = [spread(r2, 2) for r2 in result.target_scores[i, j].T]
            rows[f"{trained} to {tested}, mean"] = [
                spread(r2, 2) for r2 in result.dummy_target_scores[i, j].T
            ]
    print_table(
        f"{name}: R2, {args.folds} folds ({time.perf_counter() - start:.0f} s)",
        "trained to tested",
        result.target_names,
        rows,
    )
    return result


def of_cosmology(result):
    """Scores of the parameters that mean the same in both suites."""
    scores, dummies = (
        r2[..., :COSMOLOGY].mean(axis=-1)
        for r2 in (result.target_scores, result.dummy_target_scores)
    )
    return CrossSuite(scores, dummies, result.names, "r2 of the cosmology")


# %%
# The run
# -------


def main():
    """Run the study."""
    parser = argparse.ArgumentParser(description="Star-formation histories across suites.")
    parser.add_argument("--data", type=Path, help="folder with SFRH_*.npy and params_*.txt")
    parser.add_argument("--output", type=Path, default=Path("star_formation_output"))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--members", type=int, default=5, help="dense nets of the ensemble")
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=1, help="choices of simulations in a fold")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.data is None:
        CONSOLE.print(
            "This study needs real data: take SFRH_IllustrisTNG.npy, SFRH_SIMBA.npy, "
            "params_IllustrisTNG.txt and params_SIMBA.txt from the folder data of "
            "github.com/franciscovillaescusa/ML_lectures, and give their folder as --data."
        )
        return
    args.output.mkdir(parents=True, exist_ok=True)
    import matplotlib.pyplot as plt

    suites = {suite: load_camels_sfrh(args.data, suite=suite) for suite in SUITES}
    models = candidates(args)

    figure, axes = plt.subplots(2, 2, figsize=(7.1, 5.4), layout="constrained")
    for ax, (name, model) in zip(axes.flat, models.items(), strict=True):
        result = of_cosmology(across(name, model, suites, args))
        CONSOLE.print(result.verdict())
        CrossSuiteDisplay.from_result(result, ax=ax)
        ax.set_title(name, fontsize=8, loc="right")
    figure.savefig(args.output / "across_suites.png", dpi=200)

    CONSOLE.rule("How many more simulations?")
    data = suites[SUITES[0]]
    curves = {
        name: simulation_curve(
            models[name],
            data.maps,
            data.target[:, :COSMOLOGY],
            groups=data.groups,
            cv=args.folds,
            n_repeats=args.repeats,
            n_jobs=args.jobs,
            error_score="raise",
        )
        for name in ("ridge", "CNN")
    }
    for name, curve in curves.items():
        CONSOLE.print(f"{name}, Omega_m and sigma_8 of {SUITES[0]}:", curve.verdict(), sep="\n")
    display = SimulationCurveDisplay.from_curve(curves)
    display.figure_.savefig(args.output / "simulation_curve.png", dpi=200)


if __name__ == "__main__":
    main()
