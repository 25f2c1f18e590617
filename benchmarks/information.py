"""Which share of the information in random fields each net extracts, beside the best possible.

Each contender is trained on fields of known Fisher information, and scored by the share of it
that its predictions hold at the middle of the parameters, and by R2 on fields of its own range.
"limit" is the exact posterior mean. Results are lines of a .jsonl file; those that are there are
not computed again. Everything runs on the number of threads given, one by default.
"""

import argparse
import json
import math
import statistics as of_numbers
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skastro import statistics
from skastro.model_selection import information_fraction
from skastro.nets import AlexNet, CMDNet, ConvNet, DenseNet, HistogramNet, Inception, ResNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.preprocessing import SignedLog
from skastro.simulation import make_gaussian_fields, make_lognormal_fields, optimal_prediction

SHAPE = (32, 32)
FIELDS = {"gaussian": make_gaussian_fields, "lognormal": make_lognormal_fields}
TEST_SEED, INFORMATION_SEED, N_TEST, N_INFORMATION = 1_000_003, 2_000_003, 4000, 4000

CIRCULAR = {"padding_mode": "circular"}
COMMON = {
    "lr": 3e-3,
    "batch_size": 64,
    "max_epochs": 20,
    "schedule": "one_cycle",
    "weight_decay": 1e-4,
    "max_grad_norm": 1.0,
    "augmentation": Symmetries("square"),
}
NETS = {
    "ConvNet": {
        "net": ConvNet(
            n_layers=3,
            n_filters=(16, 32, 32),
            kernel_size=5,
            pooling="mean",
            activation="gelu",
            readout="mean",
            hidden_layer_sizes=(64,),
            **CIRCULAR,
        ),
        "max_epochs": 30,
    },
    "DenseNet": {
        "net": DenseNet((512, 256), activation="gelu"),
        "lr": 1e-3,
        "max_epochs": 60,
        "augmentation": Symmetries("square", shift=True),
    },
    "AlexNet": {
        "net": AlexNet(
            (16, 32, 48, 48, 32),
            (64,),
            first_kernel_size=5,
            first_stride=1,
            n_groups=1,
            dropout=0.1,
            **CIRCULAR,
        ),
        "lr": 1e-3,
        "augmentation": Symmetries("square", shift=True),
    },
    "CMDNet": {"net": CMDNet(**CIRCULAR)},
    "ResNet": {"net": ResNet(depth=10, n_filters=8, stem="small", **CIRCULAR)},
    "Inception": {
        "net": Inception(n_modules=1, n_filters=16, stem="small", dropout=0.0, **CIRCULAR),
        "max_epochs": 12,
    },
    "HistogramNet": {"net": HistogramNet(value_range=(-8.0, 8.0)), "max_epochs": 30},
}


class Limit(RegressorMixin, BaseEstimator):
    """The exact posterior mean."""

    def __init__(self, fields):
        self.fields = fields

    def fit(self, X, y):
        """Take the ranges of the parameters from the mocks."""
        self.data_ = FIELDS[self.fields](1, SHAPE)
        return self

    def predict(self, X):
        """Posterior mean of each map."""
        return optimal_prediction(Bunch(**{**self.data_, "maps": X}))


def spectrum():
    """Spectra of all modes, those in the corners as well."""
    return statistics.PowerSpectrum(32, k_range=(None, np.inf), log=True, floor=1e-30)


def every_ring():
    """Power of each wavenumber, to be weighted as is best where the share is measured."""
    return statistics.PowerSpectrum(2000, binning="linear", k_range=(None, np.inf))


def summaries():
    """Summary statistics."""
    found = {"power spectrum": spectrum, "moments": statistics.Moments}
    for label, statistic in (
        ("Minkowski functionals", statistics.MinkowskiFunctionals),
        ("scattering", partial(statistics.WaveletScattering, log=True)),
        ("bispectrum", statistics.Bispectrum),
    ):
        found[label] = statistic
        found[f"power spectrum, {label}"] = partial(_with_spectrum, statistic)
    return found


def _with_spectrum(statistic):
    return make_union(spectrum(), statistic())


def contenders(arguments, fields, seed):
    """Names and unfitted estimators."""
    found = {"limit": lambda: Limit(fields), "power spectrum, best weights": every_ring}
    for name, statistic in summaries().items():
        found[name] = partial(_ridge, statistic)
    for name, settings in NETS.items():
        found[name] = partial(_net, settings, arguments, seed)
    return found


def _ridge(statistic):
    return make_pipeline(statistic(), StandardScaler(), RidgeCV(np.logspace(-3, 3, 7)))


def _net(settings, arguments, seed):
    options = COMMON | settings
    if arguments.epochs:
        options["max_epochs"] = arguments.epochs
    return CNNRegressor(
        **options,
        device=arguments.device,
        n_threads=arguments.threads,
        checkpoint=arguments.checkpoint,
        random_state=seed,
        verbose=arguments.verbose,
    )


def parse_arguments():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=int, default=10_000, help="maps to train on")
    parser.add_argument("--epochs", type=int, help="epochs of every net, in place of its own")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", help="names of contenders")
    parser.add_argument("--fields", nargs="*", choices=list(FIELDS), default=list(FIELDS))
    parser.add_argument("--log", action="store_true", help="take the logarithm of the maps first")
    parser.add_argument("--checkpoint", help="folder for the state of nets in training")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("information.jsonl"))
    parser.add_argument("--verbose", type=int, default=0)
    return parser.parse_args()


def run(arguments, fields, seed, name, estimator):
    """Train one contender and score it."""
    make = partial(FIELDS[fields], shape=SHAPE)
    if arguments.log:
        estimator = make_pipeline(SignedLog(mode="floor", floor=1e-12), estimator)
    train = make(arguments.maps, random_state=seed)
    test = make(N_TEST, random_state=TEST_SEED)
    start = time.perf_counter()
    estimator.fit(train.maps, train.target)
    fit_seconds = time.perf_counter() - start
    r2 = mse = [math.nan, math.nan]  # of what predicts nothing
    if hasattr(estimator, "predict"):
        predicted = estimator.predict(test.maps)
        r2 = r2_score(test.target, predicted, multioutput="raw_values").tolist()
        mse = np.mean((test.target - predicted) ** 2, axis=0).tolist()
    found = information_fraction(
        estimator, make_fields=make, n_samples=N_INFORMATION, random_state=INFORMATION_SEED
    )
    return {
        "r2": r2,
        "mse": mse,
        "fraction": found.fraction.tolist(),
        "fraction_std": found.fraction_std.tolist(),
        "total": found.total,
        "total_std": found.total_std,
        "fit_seconds": fit_seconds,
    }


def main():
    """Train what is missing, and print the table."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    lines = arguments.output.read_text().splitlines() if arguments.output.exists() else []
    rows = [json.loads(line) for line in lines]
    for fields in arguments.fields:
        if arguments.log and fields == "gaussian":
            continue
        for seed in arguments.seeds:
            for name, make_estimator in contenders(arguments, fields, seed).items():
                if arguments.only and name not in arguments.only:
                    continue
                if arguments.log and name == "limit":
                    continue
                estimator = make_estimator()
                key = {
                    "fields": fields,
                    "log": arguments.log,
                    "name": name,
                    "seed": seed,
                    "maps": arguments.maps,
                    "settings": _settings(estimator),
                }
                if any(key.items() <= row.items() for row in rows):
                    continue
                row = key | run(arguments, fields, seed, name, estimator)
                rows.append(row)
                with arguments.output.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(line_of([row]), flush=True)
    print_table(rows)


def _settings(estimator):
    """What was set, in words; what does not change the result is left out."""
    if isinstance(estimator, CNNRegressor):
        without = {"checkpoint": None, "verbose": 0, "random_state": None, "device": "auto"}
        estimator = estimator.__class__(**{**estimator.get_params(deep=False), **without})
    return " ".join(str(estimator).split())


def line_of(rows):
    """One line of the table, of all seeds."""
    row = rows[0]
    label = f"{row['fields']}{', log' * row['log']}: {row['name']}"

    def mean(values):
        return of_numbers.fmean(values)

    scores = [mean(r["total"] for r in rows)]
    for kind in ("fraction", "r2"):
        scores += [mean(r[kind][i] for r in rows) for i in (0, 1)]
    seconds = mean(r["fit_seconds"] for r in rows)
    numbers = " ".join(f"{score:9.4f}" for score in scores)
    return f"{label:48s} {row['maps']:6d} {len(rows):5d} {numbers} {seconds:8.0f}"


def print_table(rows):
    """Means over seeds of contenders of equal settings."""
    names = "share", "ln A", "slope", "R2 ln A", "R2 slope"
    heads = " ".join(f"{name:>9s}" for name in names)
    print(f"\n{'':48s} {'maps':>6s} {'seeds':>5s} {heads} {'seconds':>8s}")
    together = {}
    for row in rows:
        key = tuple(row[part] for part in ("fields", "log", "name", "maps", "settings"))
        together.setdefault(key, []).append(row)
    for same in together.values():
        print(line_of(same))


if __name__ == "__main__":
    main()
