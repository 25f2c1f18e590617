"""
Escape fraction and redshift of reionization slices at once
===========================================================

How many of the ionizing photons leave their galaxies? At a known redshift the escape fraction
shows in how much is ionized; at an unknown one both have to be told at once, and each class is a
pair of them. Probabilities of the pairs give those of the redshift and of the escape fraction.

At a given escape fraction one box of 96 Mpc is ionized more than another, since the first haloes
are rare, and a slice shows little of its box. So the slices of a box are also looked at together:
side by side as one map, or by their statistics. Six simulations, of which whole ones are set aside,
are few to learn that from, so some classifiers learn from mock boxes as well.

Run it with ``python examples/plot_reionization_escape_fraction.py``; a picture goes to the folder
``escape_fraction_output``.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from reionization_study import (
    CONSOLE,
    Scores,
    WithMocks,
    baselines,
    box_statistics,
    channels,
    classifier,
    convolutional,
    discriminant,
    load_cubes,
    marginal,
    mock_cubes,
    pretrain,
    print_table,
    side_by_side,
)
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.ensemble import SliceClassifier
from skastro.nets import Pretrained

SEVERAL = ("slice", "cube", "slice, not ionized", "cube, not ionized")


# %%
# Data, candidates and pictures
# -----------------------------


def on_slices(net):
    """Classifier of cubes by way of their slices."""
    return SliceClassifier(make_pipeline(FunctionTransformer(channels), net))


def on_cubes(net):
    """Classifier of the slices of a cube, side by side."""
    return make_pipeline(FunctionTransformer(channels), FunctionTransformer(side_by_side), net)


def on_statistics(model):
    """Classifier of the statistics of all slices of a cube."""
    return make_pipeline(FunctionTransformer(box_statistics), model)


def compare(title, models, columns, data, y, scores, arguments):
    """Cross-validate models over whole simulations, and print a table."""
    cv = GroupKFold(arguments.folds)
    options = {"cv": cv, "scoring": scores, "n_jobs": arguments.jobs}
    rows = {}
    for name, model in models.items():
        CONSOLE.print(name)
        rows[name] = cross_validate(model, data.maps, y, groups=data.groups, **options)
    print_table(title, rows, columns)


def draw(path, model, data, y, values, folds):
    """Confusion of the escape fractions of unseen boxes, cross-validated."""
    cv = GroupKFold(folds)
    found = cross_val_predict(
        model, data.maps, y, groups=data.groups, cv=cv, method="predict_proba"
    )
    labels = np.unique(values)
    figure, ax = plt.subplots(figsize=(4.5, 4), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        data.f_esc.astype(str),
        labels[marginal(found, values, labels).argmax(axis=1)].astype(str),
        normalize="true",
        values_format=".2f",
        cmap="cividis",
        im_kw={"vmin": 0, "vmax": 1},
        ax=ax,
    )
    ax.images[0].colorbar.set_label("share of the boxes of a class")
    ax.set(xlabel="predicted escape fraction", ylabel="true escape fraction")
    figure.savefig(path, dpi=150)


# %%
# The run
# -------


def main():
    """Print the tables, and draw."""
    parser = argparse.ArgumentParser(description="Escape fraction and redshift of slices at once.")
    parser.add_argument("--output", type=Path, default=Path("escape_fraction_output"))
    parser.add_argument("--data-home", type=Path, help="folder with the full files")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--redshift", type=float, default=8.0, help="that of the first table")
    parser.add_argument("--redshifts", type=float, nargs="*", help="of the second; default all")
    parser.add_argument("--epochs", type=int, default=10, help="of networks on slices")
    parser.add_argument("--mocks", type=int, default=4, help="mock simulations to learn on first")
    parser.add_argument("--mock-epochs", type=int, default=2)
    parser.add_argument("--tune-epochs", type=int, default=4, help="of networks that know mocks")
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--checkpoint", type=Path, help="folder in which fits are kept")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    data = load_cubes(arguments.data_home, redshift=arguments.redshift, target="f_esc")
    of_slices = {name: SliceClassifier(model) for name, model in baselines(arguments.trees).items()}
    models = of_slices | {
        "discriminant on statistics of boxes": on_statistics(discriminant(1e-3)),
        "slices and ratio into a CNN": on_slices(
            classifier(convolutional(), 3 * arguments.epochs, arguments.checkpoint)
        ),
    }
    scores = Scores(f_esc=np.unique(data.f_esc))
    columns = [f"f_esc, {column}" for column in SEVERAL[:2]]
    title = f"Escape fraction, z = {arguments.redshift}"
    compare(title, models, columns, data, data.target, scores, arguments)

    data = load_cubes(arguments.data_home, redshift=arguments.redshifts)
    redshift, f_esc = np.unique(data.redshift), np.unique(data.f_esc)
    y = np.searchsorted(f_esc, data.f_esc) * len(redshift) + data.target
    values = {"z": np.tile(redshift, len(f_esc)), "f_esc": np.repeat(f_esc, len(redshift))}
    mocks, mock_y = mock_cubes(arguments.mocks, data.maps.shape[2], f_esc, redshift)
    module = pretrain(mocks[:, :, ::2], mock_y, arguments.mock_epochs, arguments.checkpoint)
    together = classifier(
        Pretrained(module),
        max(1, arguments.mock_epochs // 3),
        arguments.checkpoint,
        batch_size=8,
        verbose=1,
    ).fit(side_by_side(channels(mocks)), mock_y)
    statistics = box_statistics(mocks)
    del mocks

    def tuned(module, **options):
        epochs, folder = arguments.tune_epochs, arguments.checkpoint
        return classifier(Pretrained(module), epochs, folder, lr=1e-3, **options)

    net = convolutional(hidden_layer_sizes=(64,))
    net = classifier(net, arguments.epochs, arguments.checkpoint)
    models = of_slices | {
        "slices and ratio into a CNN": on_slices(net),
        "the same, trained on mocks before": on_slices(tuned(module)),
        "slices side by side into a CNN, trained on mocks before": on_cubes(
            tuned(together.net_.module_, batch_size=8)
        ),
        "discriminant on statistics of boxes": on_statistics(discriminant(1e-3)),
        "the same, with mocks": on_statistics(WithMocks(discriminant(1e-3), statistics, mock_y)),
    }
    columns = [f"z, {column}" for column in SEVERAL[:2]]
    columns += [f"f_esc, {column}" for column in SEVERAL]
    title = "Escape fraction and redshift at once"
    compare(title, models, columns, data, y, Scores(**values), arguments)
    draw(
        arguments.output / "escape_fraction.png",
        list(models.values())[-1],
        data,
        y,
        values["f_esc"],
        arguments.folds,
    )
    CONSOLE.print(f"A picture is in {arguments.output}/.")


if __name__ == "__main__":
    main()
