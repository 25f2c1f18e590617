"""
Luminosity functions from line-intensity maps
=============================================

A CO map of COMAP's field is to tell how many galaxies there are of each luminosity. Mock maps are
made of haloes of light cones, with luminosity models whose parameters differ from map to map; or
maps of the original limlam_mocker are read. Each variation of a convolutional net is one row of
one stock search over one pipeline: two or three dimensions, layers, kernels, filters, pooling or
strides, linear or logarithmic maps, and what is learned of the counts.

Errors stand beside the mean luminosity function and beside a ridge regression on the histogram of
voxels. Folds are whole fields, since all maps of a field show the same haloes. Then: how errors
fall with the number of maps, and what happens when the luminosity model is another one than that
of training.

Run it with ``python examples/plot_luminosity_function.py``; pictures go to
``luminosity_function_output``.
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import Memory
from luminosity_function_study import (
    COLUMNS,
    convolutional,
    li16,
    load_or_make,
    make_parser,
    mean_predictor,
    mock_fields,
    of_histograms,
    ridge,
    score,
    scoring,
)
from rich.progress import track
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from study_tables import CONSOLE, print_table, spread

from skastro.inspection import (
    FeatureMapDisplay,
    FilterDisplay,
    LuminosityFunctionDisplay,
    SaliencyDisplay,
)
from skastro.simulation import Chung22, Padmanabhan18

MODELS = {
    "Li, one set of parameters": {"priors": None},
    "Li, parameters drawn": {},
    "Li, Padmanabhan and Chung, drawn": {"model": [li16(), Padmanabhan18(), Chung22()]},
}


# %%
# Data, candidates and pictures
# -----------------------------


def variations(n_filters):
    """Grids of one candidate each: what they change in the plain network."""
    net, cnn, target = "regressor__net__net", "regressor__net", "transformer"

    def layers(number, n_filters):
        return {f"{net}__n_layers": [number], f"{net}__n_filters": [(n_filters,) * number]}

    cube = {f"{net}__dim": [3], f"{cnn}__augmentation": [None]}
    return {
        f"plain: 2D, 4 layers of {n_filters} filters": {},
        "3D": cube,
        "5 layers": layers(5, n_filters),
        "6 layers": layers(6, n_filters),
        "kernel 5": {f"{net}__kernel_size": [5]},
        f"{2 * n_filters} filters": layers(4, 2 * n_filters),
        f"{4 * n_filters} filters": layers(4, 4 * n_filters),
        "strides": {f"{net}__pooling": ["stride"]},
        "all cells of the last maps": {f"{net}__readout": ["flatten"]},
        "linear maps": {"regressor__log": ["passthrough"]},
        "no turns": {f"{cnn}__augmentation": [None]},
        "N(>L)": {f"{target}__kind": ["cumulative"]},
        "N(>L), output cannot rise": {
            f"{target}__kind": ["cumulative"],
            f"{cnn}__output": ["decreasing"],
        },
        "phi": {f"{target}__kind": ["phi"]},
        "linear dN, squared log error": {
            f"{target}__log": [False],
            f"{cnn}__loss": ["squared_log_error"],
        },
    }


def compare(data, args):
    """One search: baselines, variations of the net, and the net on histograms."""
    plain = convolutional(args.filters, max_epochs=args.epochs, checkpoint=args.checkpoint)
    plain.transformer.set_params(edges=data.luminosity_edges, volume=data.volume)
    histograms = of_histograms(max_epochs=args.histogram_epochs, checkpoint=args.checkpoint)
    rows = {
        "mean": {"regressor": [mean_predictor().regressor]},
        "ridge on the histogram of voxels": {"regressor": [ridge().regressor]},
    }
    rows |= variations(args.filters)
    rows["net on the histogram of voxels"] = {"regressor": [histograms.regressor]}
    linear = clone(histograms.regressor).set_params(net__loss="squared_log_error")
    rows["the same, linear dN, squared log error"] = {
        "regressor": [linear],
        "transformer__log": [False],
    }
    if args.rows:
        rows = {name: grid for name, grid in rows.items() if any(r in name for r in args.rows)}
    search = GridSearchCV(
        plain,
        list(rows.values()),
        scoring=scoring(data.luminosity_edges),
        refit=False,
        cv=GroupKFold(args.folds),
        n_jobs=args.jobs,
        error_score="raise",
        verbose=args.verbose,
    )
    search.fit(data.maps, data.counts, groups=data.groups)
    found = search.cv_results_

    def cells(i):
        folds = [[-found[f"split{k}_test_{c}"][i] for k in range(args.folds)] for c in COLUMNS]
        return [spread(values, digits=4) for values in folds]

    print_table(
        f"{len(data.maps)} maps of {len(set(data.groups))} fields, {args.folds} folds of fields",
        "maps without noise",
        COLUMNS,
        {name: cells(i) for i, name in enumerate(rows)},
    )


def fit_more(test, more, args):
    """Error against the number of training maps, on fields of the test set."""
    scorers = scoring(test.luminosity_edges)
    sizes = [n for n in args.sizes if n < len(more.maps)] + [len(more.maps)]
    candidates = {
        "ridge on the histogram of voxels": ridge(),
        "plain network": convolutional(
            args.filters, max_epochs=args.epochs, checkpoint=args.checkpoint
        ),
        "net on the histogram of voxels": of_histograms(
            max_epochs=args.histogram_epochs, checkpoint=args.checkpoint
        ),
    }
    rows, fitted, errors = {}, {}, {}
    tasks = [(name, n) for name in candidates for n in sizes]
    for name, n in track(tasks, "Training on more maps", console=CONSOLE):
        found = []
        for seed in range(args.repeats):
            chosen = np.random.default_rng(seed).permutation(len(more.maps))[:n]
            model = clone(candidates[name])
            if "net" in model.regressor.named_steps:
                # As many steps for few maps as for half of all of them.
                epochs = model.regressor["net"].max_epochs
                longer = max(1, len(more.maps) // (2 * n))
                model.set_params(
                    regressor__net__max_epochs=epochs * min(longer, args.longest),
                    regressor__net__random_state=seed,
                )
            model.fit(more.maps[chosen], more.counts[chosen])
            found.append(score(model, test, scorers))
        fitted[name] = model
        errors.setdefault(name, []).append([one[COLUMNS[0]] for one in found])
        rows[f"{name}, {n} maps"] = [spread([one[c] for one in found], digits=4) for c in COLUMNS]
    mean = score(mean_predictor().fit(more.maps, more.counts), test, scorers)
    rows = {"mean": [f"{value:.4f}" for value in mean.values()]} | rows
    print_table(
        f"Trained on maps of {len(set(more.groups))} mock fields, tested on {len(test.maps)} maps "
        f"of {len(set(test.groups))} others",
        "method and training maps",
        COLUMNS,
        rows,
    )
    return fitted, sizes, errors, mean[COLUMNS[0]]


def across_models(args):
    """Train on one set of luminosity models, test on each."""
    shared = {"n_pixels": args.pixels, "min_mass": args.min_mass, "n_jobs": args.jobs}
    sets, test = (
        {
            name: mock_fields(n_fields, args.draws, seed=seed, **shared, **options)
            for name, options in MODELS.items()
        }
        for n_fields, seed in ((args.fields, 2), (max(2, args.fields // 3), 3))
    )
    rows = {}
    for name, train in track(sets.items(), "Luminosity models", console=CONSOLE):
        for label, model in (
            ("mean", mean_predictor()),
            ("ridge", ridge()),
            ("net on histograms", of_histograms(max_epochs=args.histogram_epochs)),
        ):
            model.fit(train.maps, train.counts)
            rows[f"{name}: {label}"] = [
                f"{score(model, other, scoring(other.luminosity_edges))[COLUMNS[0]]:.4f}"
                for other in test.values()
            ]
    print_table(f"{COLUMNS[0]}, other fields", "trained on", list(test), rows)


def draw(folder, fitted, sizes, errors, error_of_mean, test):
    """Luminosity functions, learning curves, and looks inside the plain network."""
    display = LuminosityFunctionDisplay.from_estimator(
        fitted, test.maps, test.counts, edges=test.luminosity_edges
    )
    display.figure_.savefig(folder / "luminosity_function.png", dpi=150)

    figure, ax = plt.subplots(figsize=(3.4, 2.8), layout="constrained")
    for (name, values), marker in zip(errors.items(), "os^", strict=True):
        mean, deviation = np.mean(values, axis=1), np.std(values, axis=1)
        ax.errorbar(sizes, mean, deviation, marker=marker, ms=4, lw=1, label=name)
    ax.axhline(error_of_mean, color="black", lw=1, ls="--", label="predicting the mean")
    ax.set(xscale="log", yscale="log", xlabel="training maps")
    ax.set_xticks(sizes, labels=sizes)
    ax.set_xticks([], minor=True)
    ax.set_ylabel(r"squared error of $\log_{10} dN$ [dex$^2$]")
    ax.legend(fontsize=7)
    figure.savefig(folder / "learning_curve.png", dpi=150)

    plain = fitted["plain network"]
    one = test.maps[:1]
    FilterDisplay.from_estimator(plain).figure_.savefig(folder / "filters.png", dpi=150)
    FeatureMapDisplay.from_estimator(plain, one).figure_.savefig(
        folder / "feature_maps.png", dpi=150
    )
    brightest = len(test.luminosity_edges) - 10
    SaliencyDisplay.from_estimator(plain, one, target=brightest).figure_.savefig(
        folder / "saliency.png", dpi=150
    )
    plt.close("all")


# %%
# The run
# -------


def main():
    """Run the study."""
    parser = make_parser(__doc__.split("\n\n")[0], "luminosity_function_output")
    add = parser.add_argument
    add("--more-fields", type=int, default=0, help="mock fields to train on in the second part")
    add("--more-draws", type=int, default=32)
    add("--sizes", type=int, nargs="*", default=[30, 100, 300, 1000, 3000])
    add("--repeats", type=int, default=1, help="seeds in the second part")
    add("--longest", type=int, default=8, help="most times as many epochs for few maps")
    add("--rows", nargs="*", default=[], help="parts of names of rows; all by default")
    add("--parts", nargs="*", default=["compare", "more", "models"])
    add("--verbose", type=int, default=0)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    data = load_or_make(args)
    if "compare" in args.parts:
        compare(data, args)
    if "more" in args.parts:
        # Mocks are kept beside the checkpoints.
        make = Memory(args.checkpoint, verbose=0).cache(mock_fields, ignore=["n_jobs"])
        more = make(
            args.more_fields or args.fields,
            args.more_draws,
            n_pixels=data.maps.shape[-1],
            seed=1,
            sfr_table=args.sfr_table,
            min_mass=args.min_mass,
            n_jobs=args.jobs,
        )
        draw(args.output, *fit_more(data, more, args), data)
    if "models" in args.parts:
        across_models(args)


if __name__ == "__main__":
    main()
