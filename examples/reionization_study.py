"""What the studies of reionization slices share: channels, candidates, scores and tables."""

from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skastro.datasets import load_reionization_slices
from skastro.decomposition import ConvAutoencoder, MapPCA
from skastro.metrics import adjacent_accuracy_score
from skastro.nets import Autoencoder, ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, Symmetries
from skastro.preprocessing import FieldScaler
from skastro.simulation import make_ionized_boxes

CONSOLE = Console(width=150)
FIELDS = ["density", "brightness_temp"]


def load_cubes(data_home=None, **selection):
    """Cubes of density contrast and brightness temperature."""
    return load_reionization_slices(data_home, fields=FIELDS, sample="cube", **selection)


def channels(maps):
    """Logarithm of the density, brightness, and brightness over density, all of order one.

    In a neutral cell the last is sqrt(1 + z) times a constant, but for velocities.
    """
    maps = np.asarray(maps)
    density = np.maximum(1 + maps[:, :1], 0.02)
    brightness = maps[:, 1:]
    ratio = np.clip(brightness / np.maximum(density, 0.15) / 28, 0, 1.6)
    return np.concatenate([2 * np.log(density), brightness / 15 - 1.5, 4 * ratio - 3.5], axis=1)


def slice_statistics(maps):
    """Moments, power spectra, and brightness over density in dense places and in empty ones.

    Cells are put in order of their density; the velocities that disturb the brightness go with
    it, so that the mean ratio of many cells of one rank is worth more than that of all.
    """
    maps = np.asarray(maps, dtype=np.float64)
    density = np.maximum(1 + maps[:, 0], 0.02)
    ratio = maps[:, 1] / np.maximum(density, 0.1)
    parts = [_moments_and_power(field) for field in (density, maps[:, 1], ratio)]
    order = density.reshape(len(maps), -1).argsort(axis=1)
    ratio, density = (
        np.take_along_axis(field.reshape(len(maps), -1), order, 1) for field in (ratio, density)
    )
    n = ratio.shape[1]
    edges = [*np.linspace(0, n, 17)[:-1].astype(int), n - 64, n - 32, n - 16, n - 8, n]
    for low, high in pairwise(edges):
        part = ratio[:, low:high]
        logarithm = np.log(density[:, low:high]).mean(axis=1)
        parts.append(np.stack([part.mean(axis=1), (part > 1).mean(axis=1), logarithm], axis=1))
    return np.concatenate(parts, axis=1)


def _moments_and_power(maps):
    n = maps.shape[-1]
    mean, deviation = maps.mean(axis=(1, 2)), maps.std(axis=(1, 2)) + 1e-9
    centred = maps - mean[:, None, None]
    shape = [(centred**p).mean(axis=(1, 2)) / deviation**p for p in (3, 4)]
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)) * n
    ring = np.digitize(k, np.array([1, 5, 9, 15, 23, 33, 45, 64]) * n / 128)
    power = np.abs(np.fft.rfft2(centred)) ** 2
    spectrum = [np.log(power[:, ring == r].mean(axis=1) + 1e-6) for r in range(1, 8)]
    return np.stack([mean, deviation, np.log(deviation), *shape, *spectrum], axis=1)


def box_statistics(cubes):
    """Mean and spread of the statistics over the slices of a box."""
    slices = np.asarray(cubes).swapaxes(1, 2)
    each = slice_statistics(slices.reshape(-1, *slices.shape[2:]))
    each = each.reshape(*slices.shape[:2], -1)
    return np.concatenate([each.mean(axis=1), each.std(axis=1)], axis=1)


def discriminant(shrinkage=1e-4):
    """Linear discriminant of features of any size, which need not be independent."""
    return make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    )


class WithMocks(ClassifierMixin, BaseEstimator):
    """Classifier that learns from mocks besides what it is given, `repeats` times.

    Parameters
    ----------
    classifier : classifier
        What learns.
    X, y : ndarray
        Features and classes of the mocks.
    repeats : int, default=10
        How often each sample that is no mock counts.
    """

    def __init__(self, classifier, X, y, repeats=10):
        self.classifier = classifier
        self.X = X
        self.y = y
        self.repeats = repeats

    def fit(self, X, y):
        """Learn from both."""
        X = np.concatenate([self.X, *[X] * self.repeats])
        y = np.concatenate([self.y, *[y] * self.repeats])
        self.classifier_ = clone(self.classifier).fit(X, y)
        self.classes_ = self.classifier_.classes_
        return self

    def predict(self, X):
        """Classes."""
        return self.classifier_.predict(X)

    def predict_proba(self, X):
        """Probabilities of the classes."""
        return self.classifier_.predict_proba(X)


def convolutional(**options):
    """Network for periodic maps of any size, as good in each place as in any other."""
    return ConvNet(
        activation="gelu", pooling="mean", readout="mean", padding_mode="circular", **options
    )


def classifier(net, epochs, checkpoint, **options):
    """Classifier of slices of a periodic box."""
    symmetries = Symmetries("square", shift=True)
    options = {"lr": 3e-3, "augmentation": symmetries, "checkpoint": checkpoint} | options
    return CNNClassifier(net, max_epochs=epochs, n_threads=1, random_state=0, **options)


def encoded(epochs, checkpoint):
    """Pipeline of three steps: scale, encode, classify.

    Codes have no symmetries of a map, so nothing is turned or shifted here.
    """
    return Pipeline(
        [
            ("scale", FieldScaler()),
            ("encode", "passthrough"),
            ("classify", classifier(None, epochs, checkpoint, augmentation=None, lr=1e-3)),
        ]
    )


def periodic_autoencoder(epochs, checkpoint):
    """Autoencoder of the published sizes, for periodic maps."""
    options = {"max_epochs": epochs, "checkpoint": checkpoint, "n_threads": 1, "random_state": 0}
    return ConvAutoencoder(Autoencoder(padding_mode="circular"), lr=1e-2, **options)


def baselines(n_trees=500):
    """Classifiers of slices without a network."""
    statistics = FunctionTransformer(slice_statistics)
    return {
        "most frequent class": DummyClassifier(),
        "trees on statistics": make_pipeline(
            statistics, ExtraTreesClassifier(n_trees, random_state=0)
        ),
        "linear discriminant on statistics": make_pipeline(statistics, discriminant()),
    }


def candidates(epochs, code_epochs, n_trees, checkpoint):
    """Grids for a search over a `SliceClassifier`: baselines, encoders by nets, plain networks.

    Every row of the table is one point of the grids.
    """
    autoencoder = periodic_autoencoder(code_epochs, checkpoint)
    dense, on_codes = DenseNet((350,), dropout=0.2), convolutional(n_layers=2, n_filters=32)
    network = classifier(convolutional(), epochs, checkpoint)
    return [
        {"estimator": list(baselines(n_trees).values())},
        {
            "estimator": [encoded(code_epochs, checkpoint)],
            "estimator__encode": ["passthrough", MapPCA(50), autoencoder],
            "estimator__classify__net": [dense],
        },
        {
            "estimator": [encoded(code_epochs, checkpoint)],
            "estimator__encode": [MapPCA(8, patch_size=8), autoencoder],
            "estimator__classify__net": [on_codes],
        },
        {
            "estimator": [
                make_pipeline(first, network)
                for first in (FieldScaler(), FunctionTransformer(channels))
            ]
        },
    ]


class Scores:
    """Scores for each of the numbers that the classes stand for.

    A `SliceClassifier` is asked for slices and cubes, another classifier for cubes alone; then
    scores of slices are NaN.

    Parameters
    ----------
    **values : ndarray of shape (n_classes,)
        Value of each class, by the name of the number. Probabilities of classes of equal
        value are added up, so that a class may stand for several numbers.
    """

    def __init__(self, **values):
        self.values = values

    def __call__(self, model, cubes, y):
        """Scores by name; cubes without any brightness are wholly ionized."""
        of_slices = hasattr(model, "predict_proba_slices")
        if of_slices:
            probabilities = model.predict_proba_slices(cubes)
        else:
            probabilities = model.predict_proba(cubes)[:, None]
        shines = (np.asarray(cubes)[:, 1] != 0).any(axis=(1, 2, 3))
        scores = {}
        for name, values in self.values.items():
            labels = np.unique(values)
            found = marginal(probabilities, values[model.classes_], labels)
            scores |= self._of_one(name, labels, found, values[y], shines)
        if not of_slices:
            scores |= {name: np.nan for name in scores if ", slice" in name}
        return scores

    @staticmethod
    def _of_one(name, labels, found, truth, shines):
        slices, cube = labels[found.argmax(-1)], labels[found.mean(1).argmax(-1)]
        each = np.repeat(truth, slices.shape[1])
        right = slices == truth[:, None]
        return {
            f"{name}, slice": right.mean(),
            f"{name}, cube": np.mean(cube == truth),
            f"{name}, within one": adjacent_accuracy_score(each, slices.ravel(), labels=labels),
            f"{name}, rms": np.sqrt(np.mean((slices.ravel() - each) ** 2)),
            f"{name}, slice, not ionized": right[shines].mean(),
            f"{name}, cube, not ionized": np.mean((cube == truth)[shines]),
        }


def marginal(probabilities, values, labels):
    """Add up the probabilities of classes that have the value of a label, for each label."""
    return probabilities @ (values[:, None] == labels)


def rows_of_search(results, names):
    """Scores of each candidate of a search on each fold, as `cross_validate` would give them."""
    folds = [key.split("_")[0] for key in results if key.endswith("_test_z, slice")]
    folds = [fold for fold in folds if fold.startswith("split")]
    keys = [key.removeprefix("mean_") for key in results if key.startswith("mean_test_")]
    return {
        name: {key: np.array([results[f"{fold}_{key}"][row] for fold in folds]) for key in keys}
        | {"fit_time": results["mean_fit_time"][[row]]}
        for row, name in enumerate(names)
    }


def print_table(title, rows, columns):
    """Mean and standard deviation over the folds, one row for each candidate."""
    table = Table(title=title)
    for column in ("", *columns, "seconds a fit"):
        table.add_column(column, justify="right" if column else "left")
    for name, scores in rows.items():
        cells = [scores[f"test_{column}"] for column in columns]
        cells = [
            "" if np.isnan(cell).any() else f"{cell.mean():.3f} ± {cell.std():.3f}"
            for cell in cells
        ]
        table.add_row(name, *cells, f"{scores['fit_time'].mean():.0f}")
    CONSOLE.print(table)


def side_by_side(cubes):
    """Slices of a cube as one long map, ``(n, c, d, h, w)`` to ``(n, c, d * h, w)``."""
    return cubes.reshape(*cubes.shape[:2], -1, cubes.shape[-1])


def mock_cubes(n_seeds, n_slices, f_esc, redshift):
    """Mock cubes of a few slices in place of 21cmFAST's, and the class of each, f_esc by redshift.

    The haloes of 10^10 Msun send out 0.05 x 5000 ionizing photons a baryon times f_esc, which
    are the parameters of the simulations; nothing is fitted.
    """
    boxes = [
        make_ionized_boxes(
            redshift=list(redshift),
            efficiency=[0.05 * 5000 * value for value in f_esc],
            fields=FIELDS,
            random_state=seed,
        ).maps[..., np.linspace(0, 64, n_slices, endpoint=False).astype(int)]
        for seed in track(range(n_seeds), "Mock boxes", console=CONSOLE)
    ]
    cubes = np.ascontiguousarray(np.moveaxis(np.concatenate(boxes), -1, 2))
    return cubes, np.tile(np.arange(len(f_esc) * len(redshift)), n_seeds)


def pretrain(cubes, y, epochs, checkpoint=None):
    """Train a network on the slices of mock cubes, and return its module."""
    slices = channels(cubes.swapaxes(1, 2).reshape(-1, *cubes.shape[1:2], *cubes.shape[3:]))
    net = convolutional(hidden_layer_sizes=(64,))
    model = classifier(net, epochs, checkpoint, verbose=1)
    return model.fit(slices, np.repeat(y, cubes.shape[2])).net_.module_
