"""
Redshift of slices of reionization boxes
========================================

At which redshift was a slice of a 21cmFAST box taken, out of 17 between 6 and 14? The slices
show density contrast and 21-cm brightness temperature; the boxes come from six simulations
and three escape fractions of ionizing photons. All boxes of a simulation share their initial
density field, so whole simulations are set aside for testing.

Four classifiers are compared on the same three folds: the most frequent class, extremely
randomized trees on summary statistics, a dense network of 350 hidden units on patches of
50 x 50 cells of brightness temperature, and a convolutional network on density and brightness
temperature together.

Run it with ``python examples/plot_reionization_slices.py``; pictures and the fitted pipeline
go to the folder ``demo_output``.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.datasets import load_reionization_slices
from skastro.ensemble import SliceClassifier
from skastro.inspection import ConfusionDisplay, LossCurveDisplay
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, Symmetries
from skastro.persistence import save
from skastro.preprocessing import CubeSlicer, FieldScaler

CONSOLE = Console(width=100)


# %%
# Data, candidates and pictures
# -----------------------------


def summary_statistics(maps):
    """Moments, percentiles and power spectrum of each channel."""
    n = maps.shape[-1]
    cells = maps.reshape(*maps.shape[:2], -1)
    centred = cells - cells.mean(axis=2, keepdims=True)
    moments = [cells.mean(axis=2)] + [(centred**p).mean(axis=2) for p in (2, 3, 4)]
    percentiles = np.percentile(cells, [1, 5, 25, 50, 75, 95, 99], axis=2)
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)) * n
    ring = np.digitize(k, np.arange(0.5, n / 2, 3))
    power = np.abs(np.fft.rfft2(centred.reshape(maps.shape))) ** 2
    spectrum = [np.log(power[..., ring == r].mean(axis=-1) + 1e-6) for r in range(1, ring.max())]
    return np.concatenate([*moments, *percentiles, *spectrum], axis=1)


def candidates(dense_epochs, cnn_epochs):
    """The classifiers of slices, each with the fields that it sees and how slices are cut."""
    both, brightness = ["density", "brightness_temp"], ["brightness_temp"]
    whole, patches = CubeSlicer(), CubeSlicer(patch_size=50, patch_step=14)
    training = {"random_state": 0, "verbose": 1}
    trees = make_pipeline(
        FunctionTransformer(summary_statistics), ExtraTreesClassifier(500, random_state=0)
    )
    dense = make_pipeline(
        FieldScaler(),
        CNNClassifier(
            DenseNet((350,)),
            batch_size=128,
            max_epochs=dense_epochs,
            augmentation=Symmetries("square"),
            **training,
        ),
    )
    cnn = make_pipeline(
        FieldScaler(),
        CNNClassifier(
            ConvNet(activation="gelu", pooling="mean", readout="mean", padding_mode="circular"),
            lr=3e-3,
            max_epochs=cnn_epochs,
            augmentation=Symmetries("square", shift=True),
            **training,
        ),
    )
    return {
        "most frequent class": (DummyClassifier(), both, whole),
        "trees on summary statistics": (trees, both, whole),
        "dense 2500-350-17, patches of brightness": (dense, brightness, patches),
        "CNN, density and brightness": (cnn, both, whole),
    }


def evaluate(name, model, cubes, y, groups, n_folds):
    """Cross-validate over simulations."""
    scores, predicted = [], None
    for fold, (train, test) in enumerate(GroupKFold(n_folds).split(cubes, y, groups), 1):
        start = time.perf_counter()
        model.fit(cubes[train], y[train], groups=groups[train])
        slices = model.predict_slices(cubes[test])
        if predicted is None:
            predicted = np.empty((len(y), slices.shape[1]), dtype=slices.dtype)
        predicted[test] = slices
        scores.append(
            (
                accuracy_score(np.repeat(y[test], slices.shape[1]), slices.ravel()),
                accuracy_score(y[test], model.predict(cubes[test])),
                time.perf_counter() - start,
            )
        )
        CONSOLE.print(
            f"{name}, fold {fold} of {n_folds}: {scores[-1][0]:.3f} per slice, "
            f"{scores[-1][1]:.3f} per cube, {scores[-1][2]:.0f} s"
        )
    return np.array(scores), predicted


def draw(folder, fitted, y, predicted, target_names):
    """Write the loss curves and the confusion matrix."""
    runs = {name.split(",")[0]: model for name, model in fitted.items()}
    display = LossCurveDisplay.from_estimator(runs)
    display.figure_.savefig(folder / "loss_curves.png", dpi=150)
    display = ConfusionDisplay.from_predictions(
        np.repeat(y, predicted.shape[1]),
        predicted.ravel(),
        display_labels=[name.split("=")[1] for name in target_names],
        class_name={"z": "redshift", "f_esc": "escape fraction"}[target_names[0].split("=")[0]],
        ordered=True,
    )
    display.figure_.savefig(folder / "confusion_matrix.png", dpi=150)


def predict_in_new_process(folder):
    """Load the saved pipeline in a process of its own and predict there."""
    code = (
        "import numpy, sys; from skastro.persistence import load; folder = sys.argv[1]; "
        "model = load(folder + '/pipeline.skastro'); "
        "cubes = numpy.load(folder + '/test_cubes.npy'); "
        "numpy.save(folder + '/predicted.npy', model.predict_proba(cubes))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    return np.load(folder / "predicted.npy")


# %%
# The run
# -------


def main():
    """Compare the classifiers, draw, save and load."""
    parser = argparse.ArgumentParser(description="Redshift of slices of reionization boxes.")
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    parser.add_argument("--data-home", type=Path, help="folder with the full files")
    parser.add_argument("--target", choices=["redshift", "f_esc"], default="redshift")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--dense-epochs", type=int, default=40)
    parser.add_argument("--cnn-epochs", type=int, default=40)
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)

    table = Table(title=f"Accuracy for {arguments.target}, on simulations not trained on")
    for column in ("", "per slice", "per cube", "seconds a fold"):
        table.add_column(column, justify="right" if column else "left")
    fitted = {}
    for name, (estimator, fields, slicer) in candidates(
        arguments.dense_epochs, arguments.cnn_epochs
    ).items():
        data = load_reionization_slices(
            arguments.data_home, fields=fields, target=arguments.target, sample="cube"
        )
        model = SliceClassifier(estimator, slicer=slicer)
        scores, predicted = evaluate(
            name, model, data.maps, data.target, data.groups, arguments.folds
        )
        mean, spread = scores.mean(axis=0), scores.std(axis=0)
        table.add_row(
            name, *(f"{mean[i]:.3f} ± {spread[i]:.3f}" for i in range(2)), f"{mean[2]:.0f}"
        )
        if hasattr(estimator, "steps") and isinstance(estimator[-1], CNNClassifier):
            last = data.groups == data.groups.max()
            validated = {"early_stopping": True, "validation_fraction": 0.2, "patience": 1000}
            model.estimator[-1].set_params(**validated)
            fitted[name] = model.fit(
                data.maps[~last], data.target[~last], groups=data.groups[~last]
            )
    CONSOLE.print(table)
    CONSOLE.print("Mean and standard deviation over the folds, each of whole simulations.")

    draw(folder, fitted, data.target, predicted, data.target_names)
    of_samples = ("maps", "target", "groups", "redshift")
    training = data | {key: data[key][~last] for key in of_samples}
    accuracy = {"accuracy per slice": scores[:, 0], "accuracy per cube": scores[:, 1]}
    saved = save(model, folder / "pipeline.skastro", data=training, scores=accuracy)
    np.save(folder / "test_cubes.npy", data.maps[last])
    here, there = model.predict_proba(data.maps[last]), predict_in_new_process(folder)
    size = saved.stat().st_size / 1e3
    CONSOLE.print(f"Saved the fitted pipeline ({size:.0f} kB), loaded it in a new process.")
    if not np.array_equal(here, there):
        sys.exit("The predictions of the loaded pipeline differ.")
    CONSOLE.print(f"Its {there.size} probabilities are equal, bit by bit.")
    CONSOLE.print(f"Pictures, pipeline and its model card are in {folder}/.")


if __name__ == "__main__":
    main()
