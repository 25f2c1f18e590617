"""
Does the network beat a power spectrum?
=======================================

Four studies, each with the question that a referee asks: did the split leak, and is the network
better than what looks at no map at all, and than ridge regression on a power spectrum? `audit`
looks for groups on both sides of the split, copies, and equal initial conditions; `compare` fits
all candidates on the same folds of whole simulations, puts both baselines beside them, and says
what can be claimed: intervals are from a bootstrap over simulations, and differences are paired.

1. CAMELS-like maps of 13 fields to six parameters, with a network of the published protocol.
2. Slices of 21cmFAST cubes to 17 redshifts.
3. Line-intensity maps to luminosity functions.
4. Gas and sources to the ionized fraction, cube to cube; its linear model is a filter of averages
   around each cell.

Run it with ``python examples/plot_comparison.py``, on mocks and the data that come with the
library; real files are read where folders are given. Tables and a picture go to
``comparison_output``; with ``--checkpoint FOLDER`` a run that was killed goes on where it stopped.
"""

import argparse
import time
from pathlib import Path

import ionized_fraction_study
import luminosity_function_study
import matplotlib.pyplot as plt
import numpy as np
import plot_camels_parameters
import reionization_study
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from study_tables import CONSOLE, print_table

from skastro.ensemble import SliceClassifier
from skastro.inspection import ComparisonDisplay
from skastro.metrics import mean_squared_log10_error
from skastro.model_selection import audit, compare, summary_baseline

# %%
# Data, candidates and pictures
# -----------------------------


def camels(args, fits):
    """Six parameters of maps of all fields, mocks or real ones."""
    study = plot_camels_parameters
    settings = argparse.Namespace(
        data=args.camels,
        output=args.output,
        cells=args.camels_cells,
        fields=args.fields,
        filters=16,
        loss="gaussian_nll",
        epochs=args.camels_epochs,
    )
    data = study.load(settings, "LH", args.simulations)
    maps = np.asarray(data.maps)
    training = {"checkpoint": fits, "n_threads": 1, "verbose": 0}
    published = study.published_networks(maps.shape[-1], args.camels_epochs)
    unscaled = published["AlexNet, dropout 0.7, SGD, unscaled targets"].set_params(**training)
    network = study.network(settings, **training)
    return {
        "estimators": {
            "convolutional net": study.with_logarithm(network),
            "AlexNet as published": study.with_logarithm(unscaled),
        },
        "X": maps,
        "y": data.target,
        "groups": data.groups,
        "cv": GroupKFold(args.folds),
    }


def reionization(args, fits):
    """One of 17 redshifts, of cubes of which a few slices are known."""
    study = reionization_study
    data = study.load_cubes(args.reionization, f_esc=args.f_esc)
    cubes = np.asarray(data.maps)
    y = np.unique(data.redshift, return_inverse=True)[1]
    baselines = study.baselines(n_trees=args.trees)
    network = study.classifier(study.convolutional(), args.slice_epochs, fits)
    on_channels = make_pipeline(FunctionTransformer(study.channels), network)
    # Slices of a cube are not neighbours, so that spectra are those of slices.
    spectra = summary_baseline(cubes[:, :, 0], y)
    return {
        "estimators": {
            "trees on statistics": SliceClassifier(baselines["trees on statistics"]),
            "discriminant on statistics": SliceClassifier(
                baselines["linear discriminant on statistics"]
            ),
            "CNN on slices": SliceClassifier(on_channels),
        },
        "X": cubes,
        "y": y,
        "groups": data.groups,
        "cv": GroupKFold(min(args.folds, len(np.unique(data.groups)))),
        "summary": SliceClassifier(spectra),
    }


def intensity(args, fits):
    """Numbers of galaxies by luminosity, of CO maps."""
    study = luminosity_function_study
    settings = argparse.Namespace(
        data=args.intensity,
        fields=args.light_cones,
        draws=4,
        pixels=16,
        sfr_table=None,
        min_mass=args.min_mass,
        jobs=args.jobs,
    )
    data = study.load_or_make(settings)
    plain = study.convolutional(args.filters, max_epochs=args.intensity_epochs, checkpoint=fits)
    histogram = study.of_histograms(max_epochs=5 * args.intensity_epochs, checkpoint=fits)
    return {
        "estimators": {
            "ridge on the histogram": study.ridge(),
            "convolutional net": plain,
            "net on the histogram": histogram,
        },
        "X": data.maps,
        "y": data.counts,
        "groups": data.groups,
        "cv": GroupKFold(args.folds),
        "scoring": make_scorer(mean_squared_log10_error, greater_is_better=False),
        "dummy": study.mean_predictor(),
        "summary": study.on_counts(summary_baseline(data.maps, data.counts)),
    }


def ionized(args, fits):
    """The ionized fraction of each cell."""
    study = ionized_fraction_study
    settings = study.make_parser("", args.output).parse_args([])
    vars(settings).update(
        data=args.ionized,
        cells=args.box_cells,
        epochs=args.cube_epochs,
        voxels=args.voxels,
        checkpoint=fits,
    )
    data = study.load_or_make(settings)
    found = study.candidates(settings, data.maps.shape[-1])
    chosen = ("mean at each redshift", "boosting, with smoothed fields", "excursion net")
    return {
        "estimators": {name: found[name] for name in chosen},
        "X": data.maps,
        "y": data.xHII,
        "groups": data.groups,
        "cv": GroupKFold(len(np.unique(data.groups))),
        "dim": 3,
    }


STUDIES = {
    "CAMELS": camels,
    "reionization slices": reionization,
    "luminosity functions": intensity,
    "ionized fraction": ionized,
}


def parse_arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description="Does the network beat a power spectrum?")
    add = parser.add_argument
    add("--studies", nargs="*", default=list(STUDIES), choices=list(STUDIES))
    add("--output", type=Path, default=Path("comparison_output"))
    add("--checkpoint", type=Path, help="folder to continue from after a break")
    add("--folds", type=int, default=5)
    add("--jobs", type=int)
    add("--resamples", type=int, default=1000, help="of the simulations, for intervals")
    add("--camels", type=Path, help="folder with the CAMELS Multifield Dataset")
    add("--simulations", type=int, default=60, help="mocks of CAMELS")
    add("--camels-cells", type=int, default=32, help="cells of a mock along a side")
    add("--fields", nargs="+", default=plot_camels_parameters.FIELDS)
    add("--camels-epochs", type=int, default=10)
    add("--reionization", type=Path, help="folder with the full files")
    add("--f-esc", type=float, default=0.16)
    add("--trees", type=int, default=200, help="of the forest on statistics of slices")
    add("--slice-epochs", type=int, default=10)
    add("--intensity", type=Path, help="file of maps of limlam_mocker")
    add("--light-cones", type=int, default=12, help="mock fields of the sky")
    add("--min-mass", type=float, default=1e11, help="least mass of haloes of mocks, in Msun")
    add("--filters", type=int, default=8)
    add("--intensity-epochs", type=int, default=40)
    add("--ionized", type=Path, help="folder of cubes with n_igm, n_src and xHII")
    add("--box-cells", type=int, default=24, help="cells of a mock box along a side")
    add("--voxels", type=int, default=20_000)
    add("--cube-epochs", type=int, default=15)
    return parser.parse_args()


def tabulate(name, result):
    """Print a comparison and what can be said of it."""
    rows = {
        row.Index: [
            f"{row.pooled:.4f} [{row.low:.4f}, {row.high:.4f}]",
            f"{row.mean:.4f} ± {row.std:.4f}",
            f"{row.fit_time:.1f}",
            f"{row.n_effective:.0f}",
        ]
        for row in result.table().itertuples()
    }
    columns = ["all folds together", "mean over folds", "seconds a fit", "independent samples"]
    print_table(f"{name}: {result.scoring}", "candidate", columns, rows)
    CONSOLE.print(result.verdict(), soft_wrap=True)


# %%
# The run
# -------


def main():
    """Audit and compare."""
    args = parse_arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in args.studies:
        start = time.perf_counter()
        study = STUDIES[name](args, args.checkpoint and args.checkpoint / "fits")
        dim = study.pop("dim", None)
        of_cells = np.ndim(study["y"]) > 2
        report = audit(
            study["X"],
            None if of_cells else study["y"],
            groups=study["groups"],
            cv=study["cv"],
            dim=dim,
        )
        CONSOLE.print(f"{name}, audit: {report}", soft_wrap=True)
        results[name] = compare(
            **study,
            n_bootstrap=args.resamples,
            n_jobs=args.jobs,
            checkpoint=args.checkpoint,
            error_score="raise",
            verbose=1,
        )
        tabulate(name, results[name])
        CONSOLE.print(f"{time.perf_counter() - start:.0f} s\n")
    figure, axes = plt.subplots(
        len(results), figsize=(5.2, 1.7 * len(results)), layout="constrained", squeeze=False
    )
    for ax, (name, result) in zip(axes[:, 0], results.items(), strict=True):
        negated = result.scoring.startswith("neg_")
        ComparisonDisplay.from_comparison(result, ax=ax, negate_score=negated)
        ax.set_title(name, fontsize=9, loc="left")
    figure.savefig(args.output / "comparison.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
