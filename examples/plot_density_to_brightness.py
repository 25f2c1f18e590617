"""
The brightness of the 21-cm line from the density
=================================================

What another reionization study left for later: maps of the density contrast to maps of the
brightness temperature of the 21-cm line, cell by cell, in two dimensions. The slices of 21cmFAST
that the library ships are enough. Redshift and escape fraction are further channels; a U-Net
shifts and scales its feature maps by them. Simulations are predicted after a fit on others, beside
the mean and beside boosted trees that see one cell and both numbers.

A slice does not hold the sources above and below it, so what can be known is bounded.

Run it with ``python examples/plot_density_to_brightness.py``; the picture goes to
``density_to_brightness_output``.
"""

import argparse
from pathlib import Path

import numpy as np
from ionized_fraction_study import MeanField, scores
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from study_tables import spread

from skastro.datasets import load_reionization_slices
from skastro.ensemble import VoxelRegressor
from skastro.inspection import FieldDisplay
from skastro.maps import constant_channels, stack_channels
from skastro.nets import UNet
from skastro.neural_network import FieldRegressor, Symmetries
from skastro.preprocessing import FieldScaler

# %%
# The run
# -------


def main():
    """Print scores by redshift, and draw a slice."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--redshifts", type=float, nargs="*", default=[7.0, 8.0, 9.0, 10.0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("density_to_brightness_output"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    data = load_reionization_slices(redshift=args.redshifts)
    density, brightness = np.moveaxis(np.asarray(data.maps), 1, 0)
    numbers = constant_channels(np.stack([data.redshift, data.f_esc], axis=1), density.shape[1:])
    X = np.asarray(stack_channels([density, numbers]))

    net = UNet(3, args.filters, padding_mode="circular", n_conditions=2)
    training = {"max_epochs": args.epochs, "lr": 5e-3, "batch_size": 8, "random_state": 0}
    symmetries = Symmetries("square", shift=True)
    models = {
        "mean": MeanField(),
        "boosting, cell by cell": VoxelRegressor(random_state=0),
        "U-Net": FieldRegressor(net, augmentation=symmetries, n_threads=1, **training),
    }
    print(f"R2 of the brightness of {len(X)} slices, {len(set(data.groups))} simulations")
    for name, regressor in models.items():
        model = make_pipeline(FieldScaler(), regressor)
        cv = GroupKFold(args.folds)
        predicted = cross_val_predict(model, X, brightness, groups=data.groups, cv=cv)
        found = scores(brightness, predicted, data.groups, data.redshift)
        of_all = spread(found.pop("all"), digits=2)
        text = [f"z = {z}: {spread(values, digits=2)}" for z, values in found.items()]
        print(f"{name}:", ", ".join([*text, f"all slices: {of_all}"]))

    FieldDisplay.from_predictions(
        brightness,
        predicted,
        sample=int(np.flatnonzero(data.redshift == args.redshifts[1])[-1]),
        field_name="brightness temperature",
        unit="mK",
        box_size=data.box_size,
    ).figure_.savefig(args.output / "density_to_brightness.png", dpi=150)


if __name__ == "__main__":
    main()
