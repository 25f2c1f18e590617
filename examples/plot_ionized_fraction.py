"""
The ionized fraction from gas and sources
=========================================

Radiative transfer from cubes alone: the density of gas and that of sources, cell by cell, are to
tell how far each cell is ionized. Cubes of 21cmFAST are read, or mock boxes are made; both
densities are brought to solar masses per comoving Mpc3, and to scaled logarithms. Candidates
range from the mean to a net of the form of an excursion set; each predicts every simulation after
a fit on the others, since all cubes of one simulation share its structures.

R2 over all cells beside that at each redshift: who tells redshifts apart has a good score already.
Then a redshift is left out of training, and predicted in the simulation that was left out.
Last, a stock grid search over what a U-Net may be given: turns, dropout, normalization over
batches, logarithms.

Run it with ``python examples/plot_ionized_fraction.py``; pictures go to
``ionized_fraction_output``. Mock boxes need colossus, of the extra ``sim``.
"""

import matplotlib.pyplot as plt
import numpy as np
from ionized_fraction_study import (
    candidates,
    leave_one_out,
    load_or_make,
    make_parser,
    scores,
)
from rich.progress import track
from sklearn.model_selection import GridSearchCV, GroupKFold
from study_tables import CONSOLE, print_table, spread

from skastro.inspection import (
    BubbleSizeDisplay,
    FieldDisplay,
    FieldSpectraDisplay,
    IonizationHistoryDisplay,
)
from skastro.metrics import field_report

# What is drawn, and tested at a redshift it has not seen.
CHOSEN = ("boosting, with smoothed fields", "U-Net, with smoothed fields", "excursion net")


# %%
# Data, candidates and pictures
# -----------------------------


def compare(models, data):
    """Every simulation predicted by every candidate; the predictions of each."""
    predictions, rows = {}, {}
    redshifts = np.unique(data.redshift).tolist()
    for name, model in track(models.items(), "Candidates", console=CONSOLE):
        predictions[name], _ = leave_one_out(model, data)
        found = scores(data.xHII, predictions[name], data.groups, data.redshift)
        rows[name] = [spread(found["all"]), *(f"{np.mean(found[z]):.2f}" for z in redshifts)]
    n = len(np.unique(data.groups))
    print_table(
        f"R2 of the ionized fraction, {n} simulations left out in turn: mean and deviation over "
        f"them of all cells, mean at each redshift",
        "candidate",
        ["all cells", *(f"z = {z:g}" for z in redshifts)],
        rows,
    )
    return predictions


def leave_redshift_out(models, data, predictions, redshift):
    """R2 at a redshift that the fits did not see, beside that of fits which did."""
    if redshift not in data.redshift:
        CONSOLE.print(f"No cube is at redshift {redshift}: set --unseen to one that is there.")
        return
    at, rows = data.redshift == redshift, {}
    chosen = [name for name in models if name in ("mean at each redshift", *CHOSEN)]
    for name in track(chosen, "A redshift left out", console=CONSOLE):
        unseen, _ = leave_one_out(models[name], data, unseen=redshift)
        found = [
            scores(data.xHII[at], values[at], data.groups[at], data.redshift[at])["all"]
            for values in (unseen, predictions[name])
        ]
        rows[name] = [spread(values) for values in found]
    print_table(
        f"R2 at z = {redshift:g} in simulations left out",
        "candidate",
        ["that redshift left out as well", "with cubes of it"],
        rows,
    )


def search(model, data, n_epochs):
    """What a U-Net may be given, by one stock search."""
    grid = [
        {},
        {"regressor__augmentation": [None]},
        {"regressor__net__batch_norm": [True]},
        {"regressor__net__dropout": [0.2]},
        {"regressor__loss": ["squared_error", "dice"]},
        {"log": ["passthrough"]},
        {"copies": ["passthrough"]},
    ]
    model = model.set_params(regressor__max_epochs=n_epochs)
    found = GridSearchCV(
        model, grid, cv=GroupKFold(len(np.unique(data.groups))), refit=False, error_score="raise"
    )
    found.fit(data.maps, data.xHII, groups=data.groups)
    table = found.cv_results_
    rows = {}
    for i, params in enumerate(table["params"]):
        changes = (f"{key.removeprefix('regressor__')}={value}" for key, value in params.items())
        score = f"{table['mean_test_score'][i]:.3f} ± {table['std_test_score'][i]:.3f}"
        rows[", ".join(changes) or "turned, logarithms, cross-entropy"] = [score]
    print_table(f"R2 of a U-Net after {n_epochs} epochs", "what is changed", ["all cells"], rows)


def draw(folder, data, predictions):
    """Slices, the ionization history, spectra and sizes of bubbles."""
    predictions = {name: predictions[name] for name in CHOSEN if name in predictions}
    if not predictions:
        return
    *_, best = predictions.values()
    last = np.flatnonzero(data.groups == data.groups[-1])
    mean = data.xHII[last].mean(axis=(1, 2, 3))
    sample = last[np.abs(mean - 0.6).argmin()]
    FieldDisplay.from_predictions(
        data.xHII,
        best,
        sample=sample,
        mass=data.maps[:, 0],
        field_name="ionized fraction",
        box_size=data.box_size,
        dim=3,
    ).figure_.savefig(folder / "ionized_fraction.png", dpi=150)
    IonizationHistoryDisplay.from_predictions(
        data.xHII, predictions, data.redshift, groups=data.groups, dim=3
    ).figure_.savefig(folder / "ionization_history.png", dpi=150)
    shown = np.isin(data.redshift, data.redshift[last][(mean > 0.1) & (mean < 0.95)])
    fields = data.xHII[shown], best[shown]
    shared = {"by": data.redshift[shown], "by_name": "z", "dim": 3}
    FieldSpectraDisplay.from_predictions(*fields, box_size=data.box_size, **shared).figure_.savefig(
        folder / "spectra.png", dpi=150
    )
    BubbleSizeDisplay.from_predictions(
        *fields, cell_size=data.box_size / best.shape[-1], random_state=0, **shared
    ).figure_.savefig(folder / "bubble_sizes.png", dpi=150)
    plt.close("all")
    CONSOLE.print(field_report(data.xHII, best, by=data.redshift).round(3).to_string())


# %%
# The run
# -------


def main():
    """Run the study."""
    args = make_parser(__doc__.split("\n\n")[0], "ionized_fraction_output").parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    data = load_or_make(args)
    every = candidates(args, data.maps.shape[-1])
    wanted = args.candidates or [""]
    models = {name: every[name] for name in every if any(part in name for part in wanted)}
    if "compare" in args.parts:
        predictions = compare(models, data)
        draw(args.output, data, predictions)
        if "unseen" in args.parts:
            leave_redshift_out(models, data, predictions, args.unseen)
    if "search" in args.parts:
        search(every["U-Net, with smoothed fields"], data, args.search_epochs)


if __name__ == "__main__":
    main()
