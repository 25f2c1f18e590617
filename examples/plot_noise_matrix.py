"""
Noise in training and in testing
================================

A network that was trained on maps without noise is lost on maps of a telescope, and one that
has learned from one level of noise may fail at another. ``noise_matrix`` trains at each level and
tests each model at each: no noise, the 11 uK that COMAP was to reach in a pixel and channel, and a
level drawn for each map between 0 and 20 uK. Networks see new noise in every epoch.

Methods are a ridge regression on the histogram of voxels, a network on that histogram, and a
convolutional network; errors stand beside the mean luminosity function. Folds are whole fields.

Run it with ``python examples/plot_noise_matrix.py``; pictures go to ``noise_matrix_output``.
"""

import matplotlib.pyplot as plt
from luminosity_function_study import (
    COLUMNS,
    N_POOLED,
    convolutional,
    load_or_make,
    make_parser,
    mean_predictor,
    of_histograms,
    ridge,
    scoring,
)
from sklearn.model_selection import GroupKFold
from study_tables import print_table, spread

from skastro.inspection import NoiseMatrixDisplay
from skastro.instrument import RadiometerNoise, WhiteNoise
from skastro.model_selection import noise_matrix

# %%
# Data, candidates and pictures
# -----------------------------


def comap():
    """Noise of 40 K and 19 feeds after 6000 hours, on maps whose voxels are means of 160."""
    return RadiometerNoise(
        t_sys=40, n_feeds=19, dnu=15.6, t_obs=6000, n_pixels=22**2, unit="uK", n_pooled=N_POOLED
    )


LEVELS = {"none": 0, "11 uK": comap(), "0 to 20 uK": WhiteNoise((0.0, 20.0), n_pooled=N_POOLED)}


# %%
# The run
# -------


def main():
    """Run the study."""
    parser = make_parser(__doc__.split("\n\n")[0], "noise_matrix_output")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    data = load_or_make(args)
    methods = {
        "ridge on histogram": ridge(),
        "net on histogram": of_histograms(
            max_epochs=args.histogram_epochs, checkpoint=args.checkpoint
        ),
        "convolutional net": convolutional(
            args.filters, max_epochs=args.epochs, checkpoint=args.checkpoint
        ),
    }
    figure, axes = plt.subplots(1, 3, figsize=(10.2, 3.2), layout="constrained")
    for (name, model), ax in zip(methods.items(), axes, strict=True):
        matrix = noise_matrix(
            model,
            data.maps,
            data.counts,
            groups=data.groups,
            train_noise=LEVELS,
            cv=GroupKFold(args.folds),
            scoring=scoring(data.luminosity_edges)[COLUMNS[0]],
            dummy=mean_predictor(),
            n_jobs=args.jobs,
            error_score="raise",
        )
        rows = {
            f"trained with {level}": [spread(-scores, digits=4) for scores in row]
            for level, row in zip(matrix.train_names, matrix.scores, strict=True)
        }
        rows["mean"] = [spread(-matrix.dummy_scores, digits=4)] * len(LEVELS)
        print_table(
            f"{name}: squared {COLUMNS[0]}",
            f"{len(data.maps)} maps, {args.folds} folds",
            [f"tested with {level}" for level in matrix.test_names],
            rows,
        )
        NoiseMatrixDisplay.from_matrix(matrix, ax=ax, digits=4, negate_score=True)
        ax.text(0.5, 1.14, name, ha="center", transform=ax.transAxes)
    figure.savefig(args.output / "noise_matrix.png", dpi=150)


if __name__ == "__main__":
    main()
