"""What the study of ionized fractions is made of: cubes, candidates, scores and tables."""

import argparse
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skastro.datasets import load_reionization_cubes
from skastro.ensemble import VoxelRegressor
from skastro.maps import constant_channels, stack_channels
from skastro.metrics import field_r2_score
from skastro.nets import ExcursionNet, NeighbourhoodNet, UNet
from skastro.neural_network import FieldRegressor, Symmetries
from skastro.preprocessing import FieldScaler, SignedLog, SmoothedCopies, UnitConverter
from skastro.simulation import make_ionized_boxes


def make_parser(description, output):
    """Options of the study."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--data", type=Path, help="folder of cubes with n_igm, n_src and xHII")
    add("--boxes", type=int, default=3, help="mock boxes, where there is no folder")
    add("--cells", type=int, default=24, help="cells of a mock box along a side")
    add("--redshifts", type=float, nargs="*", default=[6.5, 7.0, 8.0, 10.0], help="of mock boxes")
    add("--epochs", type=int, default=20)
    add("--unet-epochs", type=int, default=10)
    add("--filters", type=int, default=8, help="filters of the highest level of a U-Net")
    add("--voxels", type=int, default=20_000, help="cells that gradient boosting learns from")
    add("--unseen", type=float, default=7.0, help="redshift that is left out of training")
    add("--search-epochs", type=int, default=4)
    add("--candidates", nargs="*", default=[], help="parts of names; all by default")
    add("--parts", nargs="*", default=["compare", "unseen", "search"])
    add("--jobs", type=int)
    add("--checkpoint", type=Path, help="folder to continue from after a break")
    add("--output", type=Path, default=Path(output))
    return parser


def load_or_make(args):
    """Cubes of gas and sources, in Msun per comoving Mpc3, and of the redshift, in memory."""
    if args.data is not None:
        data = load_reionization_cubes(args.data)
    else:
        data = make_ionized_boxes(
            args.boxes,
            redshift=args.redshifts,
            efficiency=40.0,
            fields=("n_igm", "n_src", "xHI"),
            n_cells=args.cells,
            box_size=1.2 * args.cells,
            max_radius=0.3 * 1.2 * args.cells,
            window="top_hat",
            random_state=0,
        )
        data.target = 1 - data.maps[:, 2]
        data.update({name: data[name][:2] for name in ("units", "frames")})
        data.maps = data.maps[:, :2]
    data = UnitConverter(to_units="Msun / Mpc3", to_frame="comoving").convert_bunch(data)
    redshift = constant_channels(data.redshift, data.maps.shape[2:])
    return Bunch(
        maps=np.asarray(stack_channels([data.maps, redshift], dim=3)),
        xHII=np.asarray(data.target),
        redshift=data.redshift,
        groups=data.groups,
        box_size=data.box_size,
    )


class MeanField(RegressorMixin, BaseEstimator):
    """The mean of all cells; or of those of the same redshift, which is the last channel."""

    def __init__(self, by_redshift=False):
        self.by_redshift = by_redshift

    def fit(self, X, y):
        """Note the means, in the order of the redshifts."""
        self.redshifts_, row = np.unique(self._redshift(X), return_inverse=True)
        self.means_ = np.array([y[row == i].mean() for i in range(len(self.redshifts_))])
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        """Interpolate between redshifts."""
        means = np.full(len(X), self.mean_)
        if self.by_redshift:
            means = np.interp(self._redshift(X), self.redshifts_, self.means_)
        shape = len(X), *X.shape[2:]
        return np.broadcast_to(means.reshape(-1, *(1,) * (len(shape) - 1)), shape)

    def _redshift(self, X):
        return X[:, -1].reshape(len(X), -1)[:, 0]


def pipeline(regressor, copies=None):
    """Logarithms, scaled by mean and deviation of all cells, and what learns from them."""
    return Pipeline(
        [
            ("copies", "passthrough" if copies is None else copies),
            ("log", SignedLog()),
            ("scale", FieldScaler()),
            ("regressor", regressor),
        ]
    )


def network(net, **training):
    """A net that makes fractions."""
    training = {
        "loss": "cross_entropy",
        "output": "fraction",
        "max_grad_norm": 1.0,
        "weight_decay": 1e-4,
        "batch_size": 1,
        "n_threads": 1,
        "random_state": 0,
    } | training
    return FieldRegressor(net, **training)


def candidates(args, n_cells):
    """Everything that is compared, from nothing at all to the largest net."""
    largest = 0.325 * n_cells
    radii = np.geomspace(1.0, largest, max(4, round(np.log(largest) / np.log(1.15)) + 1))
    copies = SmoothedCopies(np.geomspace(1.0, largest, min(8, len(radii))), channels=[0, 1])
    boosting = VoxelRegressor(
        HistGradientBoostingRegressor(max_iter=300, random_state=0),
        n_voxels=args.voxels,
        random_state=0,
    )
    shared = {"checkpoint": args.checkpoint}
    turned = shared | {"augmentation": Symmetries("cube", shift=True), "lr": 3e-3, "batch_size": 2}
    unet = UNet(2, args.filters, padding_mode="circular")
    return {
        "mean": MeanField(),
        "mean at each redshift": MeanField(by_redshift=True),
        "boosting, cell by cell": pipeline(boosting),
        "boosting, with smoothed fields": pipeline(boosting, copies),
        "net on 7 x 7 x 7 neighbours": pipeline(
            network(
                NeighbourhoodNet(
                    7, (32, 32, 32), hidden_layer_sizes=(32, 16), padding_mode="circular"
                ),
                max_epochs=args.unet_epochs,
                patch_size=16,
                n_patches=2,
                **turned | {"batch_size": 4},
            )
        ),
        "U-Net, with smoothed fields": pipeline(
            network(unet, max_epochs=args.unet_epochs, **turned), copies
        ),
        "excursion net": pipeline(
            network(
                ExcursionNet(tuple(radii.tolist()), padding_mode="circular"),
                max_epochs=args.epochs,
                lr=1e-2,
                **shared,
            )
        ),
    }


def leave_one_out(model, data, unseen=None):
    """Predictions for each simulation of a model that was fitted on the others.

    With a redshift `unseen`, it is left out of training, and the test is at that alone.
    """
    predicted = np.full(data.xHII.shape, np.nan, dtype=np.float32)
    at = np.ones(len(data.maps), dtype=bool) if unseen is None else data.redshift == unseen
    for group in np.unique(data.groups):
        train = data.groups != group
        if unseen is not None:
            train &= ~at
        test = (data.groups == group) & at
        fitted = clone(model).fit(data.maps[train], data.xHII[train])
        predicted[test] = fitted.predict(data.maps[test])
    return predicted, fitted


def scores(truth, predicted, groups, redshift):
    """R2 over all cells and at each redshift, one for each simulation."""
    found = []
    for group in np.unique(groups):
        rows = groups == group
        fields = truth[rows], predicted[rows]
        found.append({"all": field_r2_score(*fields)} | field_r2_score(*fields, by=redshift[rows]))
    return {key: [one[key] for one in found] for key in found[0]}
