"""What the studies of luminosity functions share: maps, candidates, scores and tables."""

import argparse
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import make_scorer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skastro.metrics import mean_squared_log10_error
from skastro.nets import ConvNet, HistogramNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.preprocessing import FieldScaler, LuminosityFunctionTransformer, SignedLog
from skastro.simulation import (
    IntensityMapper,
    Li16,
    SFRTable,
    make_line_intensity_maps,
)
from skastro.statistics import VoxelHistogram

# A voxel of these maps is the mean of 4 x 4 pixels and 10 channels of a spectrometer.
N_POOLED = 160
# Brightness, in uK, below which the logarithm of a map is linear.
SCALE = 0.125
LUMINOSITIES = (1e4, 1e5, 1e6)
COLUMNS = [
    "error of log10 dN",
    "error of log10 N(>L)",
    *(f"dN at 1e{np.log10(L):.0f} Lsun" for L in LUMINOSITIES),
]


def make_parser(description, output):
    """Options that both studies have."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--data", type=Path, help="file of maps of limlam_mocker (X, dN, field_seed, ...)")
    add("--sfr-table", type=Path, help="star-formation rates in the layout of Behroozi et al.")
    add("--fields", type=int, default=9, help="mock fields")
    add("--draws", type=int, default=4, help="maps of each mock field")
    add("--pixels", type=int, default=16, help="pixels of mock maps along a side")
    add("--min-mass", type=float, default=1e11, help="least mass of haloes of mocks, in Msun")
    add("--folds", type=int, default=3)
    add("--epochs", type=int, default=60)
    add("--histogram-epochs", type=int, default=40)
    add("--filters", type=int, default=8, help="filters of a layer")
    add("--jobs", type=int)
    add("--checkpoint", type=Path, help="folder to continue from after a break")
    add("--output", type=Path, default=Path(output))
    return parser


def load_or_make(args):
    """Maps of the file that was given, or mock maps."""
    if args.data is not None:
        return load_fields(args.data)
    return mock_fields(
        args.fields,
        args.draws,
        n_pixels=args.pixels,
        sfr_table=args.sfr_table,
        min_mass=args.min_mass,
        n_jobs=args.jobs,
    )


def load_fields(path):
    """Maps and counts of a file: sums over 160 voxels, which become means."""
    with np.load(path) as file:
        maps = file["X"].transpose(0, 3, 1, 2) / N_POOLED
        return Bunch(
            maps=np.ascontiguousarray(maps, dtype=np.float32),
            counts=file["dN"].astype(np.float64),
            groups=file["field_seed"],
            luminosity_edges=file["L_edges"],
            volume=float(file["volume_Mpc3"]),
        )


def survey(n_pixels):
    """A part of COMAP's field of 1.4 degrees in 64 x 64 pixels, in all of its band."""
    return IntensityMapper(1.4 * n_pixels / 64, n_pixels, np.linspace(34, 26, 11))


def mock_fields(n_fields, n_draws, *, n_pixels=64, sfr_table=None, seed=0, n_jobs=None, **options):
    """Maps of mock light cones, with parameters near those of the fiducial model."""
    options = {"model": li16(sfr_table), "priors": 0.1, "min_mass": 2.5e10} | options
    return make_line_intensity_maps(
        n_fields,
        n_draws=n_draws,
        mapper=survey(n_pixels),
        random_state=seed,
        n_jobs=n_jobs,
        **options,
    )


def li16(sfr_table=None, **parameters):
    """The fiducial model, with the star-formation rates of a table where there is one."""
    return Li16(sfr=None if sfr_table is None else SFRTable(sfr_table), **parameters)


def on_counts(regressor, **target):
    """A regressor that learns a luminosity function, and predicts counts."""
    return TransformedTargetRegressor(
        regressor, transformer=LuminosityFunctionTransformer(**target), check_inverse=False
    )


def mean_predictor():
    """The mean luminosity function, for comparison."""
    return on_counts(DummyRegressor())


def ridge():
    """A linear model of the histogram of voxels, what a net has to beat."""
    return on_counts(
        Pipeline(
            [
                ("log", SignedLog(scale=SCALE)),
                ("histogram", VoxelHistogram(64, by_channel=False, log=True)),
                ("scale", StandardScaler()),
                ("ridge", RidgeCV(np.logspace(-3, 4, 15))),
            ]
        )
    )


def network(net, **training):
    """A net on the logarithm of maps."""
    training = {"lr": 3e-3, "batch_size": 8, "n_threads": 1, "random_state": 0} | training
    steps = [
        ("log", SignedLog(scale=SCALE)),
        ("scale", FieldScaler()),
        ("net", CNNRegressor(net, **training)),
    ]
    return on_counts(Pipeline(steps))


def convolutional(n_filters=32, **training):
    """A plain convolutional net; frequencies are its channels."""
    net = ConvNet(4, (n_filters,) * 4, readout="mean")
    return network(net, augmentation=Symmetries("square"), **training)


def of_histograms(**training):
    """A dense net on the histogram of all voxels."""
    return network(HistogramNet(), lr=2e-3, batch_size=16, **training)


def scoring(edges):
    """Errors of log10 dN and log10 N(>L), and typical relative errors of dN at luminosities."""
    bins = np.searchsorted(edges, np.array(LUMINOSITIES) * 1.0001) - 1

    def of_numbers_above(y_true, y_pred):
        above = (np.asarray(y)[:, ::-1].cumsum(1) for y in (y_true, y_pred))
        return mean_squared_log10_error(*above)

    def relative(column):
        def error(y_true, y_pred):
            truth, found = (np.maximum(np.asarray(y)[:, column], 1) for y in (y_true, y_pred))
            return np.median(np.abs(found / truth - 1))

        return error

    errors = [mean_squared_log10_error, of_numbers_above, *(relative(column) for column in bins)]
    scorers = [make_scorer(error, greater_is_better=False) for error in errors]
    return dict(zip(COLUMNS, scorers, strict=True))


def score(model, data, scorers):
    """The errors of a fitted model."""
    return {name: -scorer(model, data.maps, data.counts) for name, scorer in scorers.items()}
