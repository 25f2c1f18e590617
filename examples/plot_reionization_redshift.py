"""
Codes of reionization slices: what an encoder costs or gains
============================================================

Slices of 21cmFAST boxes at 17 redshifts can be given to a network as they are, as principal
components, or as the codes of a convolutional autoencoder. One search over a pipeline whose
encoder is a step compares them on the same folds, each of whole simulations: first for boxes of
one escape fraction of ionizing photons, then of all. Another network is also shown the ratio of
brightness to density, and last comes a regression that knows its errors.

Scores stand beside the most frequent class, and beside trees and a linear discriminant on summary
statistics. Boxes that are wholly ionized shine nowhere, so there
only the density tells the redshift: scores are given with and without them.

Run it with ``python examples/plot_reionization_redshift.py``; pictures go to ``redshift_output``.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from reionization_study import (
    CONSOLE,
    Scores,
    baselines,
    candidates,
    channels,
    convolutional,
    load_cubes,
    periodic_autoencoder,
    print_table,
    rows_of_search,
)
from rich.table import Table
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.decomposition import MapPCA
from skastro.ensemble import SliceClassifier, SliceRegressor
from skastro.inspection import ComponentsDisplay, ParameterRecoveryDisplay, ReconstructionDisplay
from skastro.metrics import coverage, reduced_chi2
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.preprocessing import FieldScaler

NAMES = [
    *baselines(),
    "slices into a dense net",
    "50 principal components into a dense net",
    "autoencoder codes into a dense net",
    "components of 8 x 8 cells into a CNN",
    "autoencoder codes into a CNN",
    "slices into a CNN",
    "slices and ratio into a CNN",
]
COLUMNS = [
    f"z, {score}"
    for score in ("slice", "cube", "within one", "rms", "slice, not ionized", "cube, not ionized")
]


# %%
# Data, candidates and pictures
# -----------------------------


def regression(data, folds, epochs, checkpoint):
    """Redshift with error bars, cross-validated; slices and cubes."""
    net = CNNRegressor(
        convolutional(),
        loss="gaussian_nll",
        lr=3e-3,
        max_epochs=epochs,
        checkpoint=checkpoint,
        augmentation=Symmetries("square", shift=True),
        n_threads=1,
        random_state=0,
    )
    model = SliceRegressor(make_pipeline(FunctionTransformer(channels), net))
    shape = data.maps.shape[0], data.maps.shape[2]
    (mean, std), cube_mean, cube_std = np.empty((2, *shape)), *np.empty((2, shape[0]))
    baseline = np.empty(shape[0])
    for train, test in GroupKFold(folds).split(data.maps, groups=data.groups):
        model.fit(data.maps[train], data.redshift[train])
        mean[test], std[test] = model.predict_slices(data.maps[test], return_std=True)
        cube_mean[test], cube_std[test] = model.predict(data.maps[test], return_std=True)
        baseline[test] = data.redshift[train].mean()
    return mean, std, cube_mean, cube_std, baseline


def print_regression(data, results):
    """Errors of slices and of cubes, and how large they were said to be."""
    mean, std, cube_mean, cube_std, baseline = results
    table = Table(title="Redshift as a number, mean and deviation over the simulations")
    for column in ("", "rms error", "reduced chi2", "within one sigma"):
        table.add_column(column, justify="right" if column else "left")
    rows = {
        "predicting the mean": (baseline[:, None], None),
        "slices": (mean, std),
        "cubes": (cube_mean[:, None], cube_std[:, None]),
    }
    for name, (found, error) in rows.items():
        scores = []
        for group in np.unique(data.groups):
            of_group = data.groups == group
            some = found[of_group]
            truth = np.broadcast_to(data.redshift[of_group, None], some.shape).ravel()
            scores.append([root_mean_squared_error(truth, some.ravel())])
            if error is not None:
                given = truth, some.ravel(), error[of_group].ravel()
                scores[-1] += [reduced_chi2(*given), coverage(*given)]
        scores = np.array(scores).T
        table.add_row(name, *(f"{score.mean():.3f} ± {score.std():.3f}" for score in scores))
    CONSOLE.print(table)


def draw(folder, data, results, epochs):
    """Components, reconstructions, and the regression."""
    slices = data.maps.swapaxes(1, 2).reshape(-1, 2, *data.maps.shape[3:])
    scaled = FieldScaler().fit_transform(slices)
    autoencoder = periodic_autoencoder(epochs, None).fit(scaled)
    boxes = [np.abs(data.mean_xHI - share).argmin() for share in (0.1, 0.4, 0.7, 0.99)]
    chosen = scaled[np.array(boxes) * data.maps.shape[2]]
    displays = {
        "components": ComponentsDisplay.from_estimator(
            MapPCA(8, patch_size=16).fit(scaled), channel=1
        ),
        "reconstructions": ReconstructionDisplay.from_estimator(
            autoencoder, chosen, channel=1, label="scaled brightness"
        ),
        "redshift": ParameterRecoveryDisplay.from_predictions(
            data.redshift, results[2], results[3], target_names=["redshift of a box"]
        ),
    }
    for name, display in displays.items():
        display.figure_.savefig(folder / f"{name}.png", dpi=150)
        plt.close(display.figure_)


# %%
# The run
# -------


def main():
    """Print the tables, and draw."""
    parser = argparse.ArgumentParser(description="What an encoder of slices costs or gains.")
    parser.add_argument("--output", type=Path, default=Path("redshift_output"))
    parser.add_argument("--data-home", type=Path, help="folder with the full files")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--redshifts", type=float, nargs="*", help="all by default")
    parser.add_argument("--f-esc", type=float, default=0.16, help="that of the first table")
    parser.add_argument("--epochs", type=int, default=10, help="of networks on slices")
    parser.add_argument("--code-epochs", type=int, default=10, help="of encoders, and on codes")
    parser.add_argument("--checkpoint", type=Path, help="folder in which fits are kept")
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    grid = candidates(
        arguments.epochs, arguments.code_epochs, arguments.trees, arguments.checkpoint
    )
    cv = GroupKFold(arguments.folds)

    def search(data):
        options = {"cv": cv, "scoring": Scores(z=np.unique(data.redshift)), "refit": False}
        found = GridSearchCV(SliceClassifier(), grid, n_jobs=arguments.jobs, verbose=1, **options)
        return found.fit(data.maps, data.target, groups=data.groups).cv_results_

    data = load_cubes(arguments.data_home, f_esc=arguments.f_esc, redshift=arguments.redshifts)
    rows = rows_of_search(search(data), NAMES)
    print_table(f"Redshift, f_esc = {arguments.f_esc}", rows, COLUMNS)

    data = load_cubes(arguments.data_home, redshift=arguments.redshifts)
    print_table("Redshift, all f_esc", rows_of_search(search(data), NAMES), COLUMNS)

    results = regression(data, arguments.folds, arguments.epochs, arguments.checkpoint)
    print_regression(data, results)
    draw(arguments.output, data, results, arguments.code_epochs)
    CONSOLE.print(f"Pictures are in {arguments.output}/.")


if __name__ == "__main__":
    main()
