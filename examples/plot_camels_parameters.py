"""
Parameters of CAMELS maps
=========================

Which cosmology and which feedback made a map of matter and gas, 25 Mpc/h on a side? The CAMELS
Multifield Dataset asks for six parameters: Omega_m, sigma_8, and four that scale the winds of
supernovae and the jets of black holes. Here it is asked of mocks in the layout of CAMELS, made
on the spot, from which nothing follows for CAMELS itself; ``--data FOLDER`` takes the real
files.

(a) A published protocol: the simulations of the set 1P, in which one parameter varies at a
time; 9 of the 15 maps of each for training; targets in their own units. Two parameters carry
86 % of such a loss, and predicting the mean has an error of 0.0980: a published 0.0981 had
learnt nothing. Two networks of that kind are trained on the targets as they are, and on
normalized ones, which lets them learn the other four.

(b) What that split hides: one network on the Latin hypercube, tested on maps of simulations
whose other maps it was trained on, and on maps of simulations that it has never seen.

(c) The protocol that holds: about 90, 5 and 5 % of the simulations for training, validation and
test, nothing fitted on test maps, logarithms, augmentation, a loss that learns errors; matter
against all fields, one map against the 15 of a simulation, an ensemble of networks. Every score
stands beside predicting the mean and beside ridge regression on power spectra and moments.

Run it with ``python examples/plot_camels_parameters.py``; mocks, fits and pictures go to the
folder ``camels_output``. A run that was killed goes on where it stopped.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from skastro.datasets import load_cmd
from skastro.ensemble import DeepEnsembleRegressor
from skastro.exceptions import LeakageWarning
from skastro.inspection import ParameterRecoveryDisplay
from skastro.metrics import aggregate_by_group, recovery_report
from skastro.model_selection import PerGroupSplit
from skastro.nets import AlexNet, ConvNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.preprocessing import FieldScaler, SignedLog
from skastro.simulation import make_camels_like
from skastro.statistics import Moments, PowerSpectrum
from skastro.utils import final_fit_params

CONSOLE = Console(width=130)
SUITE = "IllustrisTNG"
IN_MEMORY = 8e9  # bytes; more is read and transformed batch by batch
LEAKING_AND_SOUND = ("9/3/3 maps of each", "60/20 % of simulations")
FIELDS = ["Mgas", "Vgas", "T", "P", "Z", "HI", "ne", "B", "MgFe", "Mcdm", "Vcdm", "Mstar", "Mtot"]


# %%
# Data, candidates and pictures
# -----------------------------


def load(arguments, cmd_set, n_simulations=None, fields=None):
    """Real files where they are given, else mocks, which are kept."""
    fields = fields or arguments.fields
    if arguments.data is not None:
        return load_cmd(arguments.data, fields, SUITE, cmd_set)
    folder = arguments.output / f"mocks_{n_simulations or cmd_set}_{arguments.cells}"
    if not list(folder.glob("params*")):
        make_camels_like(
            folder, n_simulations, set=cmd_set, n_cells=arguments.cells, n_jobs=-1, random_state=0
        )
    return load_cmd(folder, fields, "Mock", cmd_set)


def with_logarithm(regressor):
    """A regressor behind logarithms, shifted and scaled, of the fields."""
    return make_pipeline(SignedLog(mode="floor"), FieldScaler(), regressor)


def power_spectrum_and_ridge():
    """What a network has to beat; its penalty is chosen on simulations left out."""
    features = make_union(PowerSpectrum(log=True, floor=1e-6), Moments())
    ridge = GridSearchCV(Ridge(), {"alpha": np.geomspace(1e-3, 1e5, 17)}, cv=GroupKFold())
    return make_pipeline(SignedLog(mode="floor"), features, StandardScaler(), ridge)


def network(arguments, **parameters):
    """A convolutional network of the periodic plane, with errors of its predictions."""
    return CNNRegressor(
        ConvNet(
            n_filters=arguments.filters,
            batch_norm=True,
            activation="gelu",
            pooling="mean",
            readout="mean",
            padding_mode="circular",
        ),
        loss=arguments.loss,
        lr=3e-3,
        batch_size=64,
        max_epochs=arguments.epochs,
        augmentation=Symmetries("square", shift=True),
        checkpoint=arguments.output / "fits",
        random_state=0,
        verbose=1,
    ).set_params(**parameters)


def published_networks(n_cells, epochs):
    """Networks in the manner of the published protocol, and the remedy."""
    shape = {"n_filters": (64, 32, 16, 16, 8), "hidden_layer_sizes": (256, 64), "n_groups": 1}
    if n_cells < 128:
        shape |= {"first_kernel_size": 5, "first_stride": 2}
    narrow, normed = AlexNet(dropout=0.7, **shape), AlexNet(batch_norm=True, dropout=0.5, **shape)
    training = {
        "max_epochs": epochs,
        "schedule": None,
        "weight_decay": 0,
        "augmentation": Symmetries("square"),
        "random_state": 0,
        "verbose": 1,
    }
    sgd = CNNRegressor(narrow, optimizer="sgd", lr=1e-2, **training)
    adam = CNNRegressor(normed, optimizer="adam", **training)
    return {
        f"AlexNet, {name}, {kind} targets": clone(model).set_params(
            normalize_y=kind == "normalized"
        )
        for name, model in {"dropout 0.7, SGD": sgd, "batch norm, Adam": adam}.items()
        for kind in ("unscaled", "normalized")
    }


def scores(y, predicted):
    """R2 of each target."""
    return r2_score(y, predicted, multioutput="raw_values")


def show(title, rows, names, note):
    """Print R2 of each target, mean and standard deviation over the splits."""
    table = Table(title=title, caption=note, caption_justify="left")
    for column in ("", *names):
        table.add_column(column, justify="right" if column else "left")
    for name, splits in rows.items():
        values = np.atleast_2d(splits)
        spread = [f" ± {s:.2f}" for s in values.std(axis=0)] if len(values) > 1 else [""] * 9
        means = values.mean(axis=0)
        table.add_row(name, *(f"{m:.2f}{s}" for m, s in zip(means, spread, strict=False)))
    CONSOLE.print(table)


def published_protocol(arguments):
    """Part (a): 9, 3 and 3 maps of each simulation of 1P."""
    data = load(arguments, "1P")
    maps, y = np.asarray(data.maps), data.target
    split = PerGroupSplit(9, 3, 3, shuffle=True, random_state=0)
    train, _, test = next(split.split_with_validation(maps, y, data.groups))
    total, each = y.var(axis=0).mean(), y.var(axis=0)
    CONSOLE.print(
        f"1P: {len(maps)} maps. Variance of the targets {total:.4f}: "
        + ", ".join(f"{name} {v:.5f}" for name, v in zip(data.target_names, each, strict=True))
        + f". {data.target_names[2]} and {data.target_names[3]} make "
        f"{100 * each[2:4].sum() / each.sum():.0f} % of it."
    )
    table = Table(title="(a) 1P, 9/3/3 maps of each simulation: mean squared error and R2")
    for column in ("", "MSE", *data.target_names):
        table.add_column(column, justify="right" if column else "left")
    models = {"predicting the mean": DummyRegressor()}
    models |= {
        name: with_logarithm(model.set_params(checkpoint=arguments.output / "fits"))
        for name, model in published_networks(maps.shape[-1], arguments.published_epochs).items()
    }
    models["power spectrum + ridge"] = power_spectrum_and_ridge()
    for name, model in models.items():
        model.fit(maps[train], y[train], **final_fit_params(model, groups=data.groups[train]))
        predicted = model.predict(maps[test])
        error = mean_squared_error(y[test], predicted)
        table.add_row(name, f"{error:.4f}", *(f"{r2:.2f}" for r2 in scores(y[test], predicted)))
    CONSOLE.print(table)


def leak(arguments, data, maps):
    """Part (b): the same network, and as many maps, on two splits."""
    y, groups = data.target, data.groups
    few = np.flatnonzero(groups < arguments.leak_simulations)
    seen = PerGroupSplit(9, 3, 3, n_splits=arguments.splits, shuffle=True, random_state=0)
    unseen = GroupShuffleSplit(
        arguments.splits, train_size=9 / 15, test_size=3 / 15, random_state=0
    )
    rows = {}
    for name, splitter in zip(LEAKING_AND_SOUND, (seen, unseen), strict=True):
        for train, test in splitter.split(few, groups=groups[few]):
            net = with_logarithm(network(arguments, max_epochs=arguments.leak_epochs))
            for label, model in {"network": net, "mean": DummyRegressor()}.items():
                model.fit(maps[few[train]], y[few[train]])
                found = scores(y[few[test]], model.predict(maps[few[test]]))
                rows.setdefault(f"{label}, {name}", []).append(found)
    seen, unseen = (skill(rows[f"network, {n}"], rows[f"mean, {n}"]) for n in LEAKING_AND_SOUND)
    show(
        f"(b) R2 of one network on {arguments.leak_simulations} simulations, all fields",
        rows,
        data.target_names,
        f"Of the squared error of predicting the mean, the network explains {seen:.2f} and "
        f"{unseen:.2f}: the leaking split flatters by {seen - unseen:.2f}.",
    )


def skill(r2, r2_of_mean):
    """Explained share of the squared error of predicting the mean, over splits and targets."""
    return np.mean(1 - (1 - np.array(r2)) / (1 - np.array(r2_of_mean)))


def by_simulation(arguments, data, maps):
    """Part (c): 90, 5 and 5 % of the simulations."""
    y, groups = data.target, data.groups
    matter = np.asarray(load(arguments, "LH", arguments.simulations, ["Mtot"]).maps)
    splitter = GroupShuffleSplit(arguments.splits, test_size=0.05, random_state=1)
    share = max(0.05, 5 / (groups.max() + 1)) / 0.95
    validated = {"early_stopping": True, "validation_fraction": share, "patience": 1000}
    one = with_logarithm(network(arguments, **validated))
    many = DeepEnsembleRegressor(one, arguments.members, n_jobs=arguments.jobs, random_state=0)
    candidates = {
        "predicting the mean": (DummyRegressor(), matter),
        "power spectrum + ridge, matter": (power_spectrum_and_ridge(), matter),
        "power spectrum + ridge, all fields": (power_spectrum_and_ridge(), maps),
        "network, matter": (one, matter),
        f"ensemble of {arguments.members}, all fields": (many, maps),
    }
    per_map, per_simulation, per_box = {}, {}, {}

    def record(name, test, predicted):
        per_map.setdefault(name, []).append(scores(y[test], predicted))
        mean = aggregate_by_group(groups[test], y[test], predicted)
        per_simulation.setdefault(name, []).append(scores(mean.y_true, mean.y_pred))

    for split, (train, test) in enumerate(splitter.split(maps, groups=groups), 1):
        for name, (model, X) in candidates.items():
            start = time.perf_counter()
            model.fit(X[train], y[train], **final_fit_params(model, groups=groups[train]))
            if model is many:
                record("network, all fields", test, model.predict_members(X[test])[0])
                predicted, std = model.predict(X[test], return_std=True)
            else:
                predicted = model.predict(X[test])
            record(name, test, predicted)
            seconds = time.perf_counter() - start
            CONSOLE.print(
                f"split {split}, {name}: mean R2 {per_map[name][-1].mean():.3f} ({seconds:.0f} s)"
            )
        boxes, cosmology = matter.reshape(-1, 15, *matter.shape[2:]), y[::15, :2]
        seen, unseen = np.unique(groups[train]), np.unique(groups[test])
        for name, model in whole_boxes(arguments, validated).items():
            model.fit(boxes[seen], cosmology[seen], **final_fit_params(model, groups=seen))
            found = scores(cosmology[unseen], model.predict(boxes[unseen]))
            per_box.setdefault(name, []).append(found)
    names = data.target_names
    note = f"{arguments.splits} splits by simulation, mean and standard deviation"
    show("(c) Latin hypercube, R2 of a map", per_map, names, note)
    show("(c) Latin hypercube, R2 of a simulation", per_simulation, names, note)
    show("(c) R2 of a simulation by its 15 maps of matter at once", per_box, names[:2], note)
    report = recovery_report(y[test], predicted, std, groups=groups[test], target_names=names)
    CONSOLE.print("The ensemble on the last split:", report.round(3).to_string(), sep="\n")
    display = ParameterRecoveryDisplay.from_predictions(
        y[test], predicted, std, groups=groups[test], target_names=names
    )
    display.figure_.savefig(arguments.output / "parameter_recovery.png", dpi=150)


def whole_boxes(arguments, validated):
    """Models of the cosmology of a whole simulation, whose 15 maps of matter are channels."""
    net = network(arguments, **validated, batch_size=32, max_epochs=5 * arguments.epochs)
    net.set_params(net__batch_norm=False, loss="squared_error")
    return {
        "predicting the mean": DummyRegressor(),
        "power spectrum + ridge": power_spectrum_and_ridge(),
        "network": with_logarithm(net),
    }


# %%
# The run
# -------


def main():
    """Run the parts."""
    parser = argparse.ArgumentParser(description="Parameters of CAMELS maps.")
    parser.add_argument("--output", type=Path, default=Path("camels_output"))
    parser.add_argument("--data", type=Path, help="folder with the CAMELS Multifield Dataset")
    parser.add_argument("--parts", default="abc", help="which of the parts, such as ac")
    parser.add_argument("--simulations", type=int, default=100, help="mocks of the hypercube")
    parser.add_argument("--cells", type=int, default=32, help="cells of a mock along a side")
    parser.add_argument("--fields", nargs="+", default=FIELDS, help="Mtot must be among them")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--loss", choices=["gaussian_nll", "moments"], default="gaussian_nll")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--published-epochs", type=int, default=40)
    parser.add_argument("--leak-simulations", type=int, default=60)
    parser.add_argument("--leak-epochs", type=int, default=30)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if "Mtot" not in arguments.fields:
        parser.error("Mtot must be among the fields")
    arguments.output.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", LeakageWarning)  # parts (a) and (b) are about this leak
    if "a" in arguments.parts:
        published_protocol(arguments)
    if set("bc") & set(arguments.parts):
        data = load(arguments, "LH", arguments.simulations)
        maps = data.maps if data.maps.nbytes > IN_MEMORY else np.asarray(data.maps)
    if "b" in arguments.parts:
        leak(arguments, data, maps)
    if "c" in arguments.parts:
        by_simulation(arguments, data, maps)


if __name__ == "__main__":
    main()
