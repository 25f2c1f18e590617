"""
Every display
=============

What ``skastro.inspection`` draws, one picture of each kind. All displays are made as those of
scikit-learn: ``from_estimator`` takes a fitted estimator and data, ``from_predictions`` or
``from_`` and the name of a result takes what is there already, and ``plot(ax=None)`` draws what a
display holds once more, into axes of your own if you give some. What was drawn is in ``figure_``
and ``ax_``, or ``axes_`` where a display has several panels. Figures are made for the column of a
paper, 3.4 inches, as far as one panel goes, with colours that the colour-blind can tell apart.

The maps are the slices of 21cmFAST boxes that the library ships, and Gaussian random fields. The
fits are short, so that the whole takes a minute or two on two cores: it is the pictures that are
shown here, not what networks can do.

Run it with ``python examples/plot_displays.py``; pictures go to ``displays_output``.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from skastro.datasets import load_reionization_slices
from skastro.decomposition import MapPCA
from skastro.ensemble import DeepEnsembleRegressor
from skastro.inspection import (
    BubbleSizeDisplay,
    CalibrationDisplay,
    ComparisonDisplay,
    ComponentsDisplay,
    ConfusionDisplay,
    CrossSuiteDisplay,
    FeatureMapDisplay,
    FieldDisplay,
    FieldSpectraDisplay,
    FilterDisplay,
    IonizationHistoryDisplay,
    LossCurveDisplay,
    LuminosityFunctionDisplay,
    NoiseMatrixDisplay,
    ParameterRecoveryDisplay,
    ReconstructionDisplay,
    SaliencyDisplay,
    SimulationCurveDisplay,
)
from skastro.maps import constant_channels, stack_channels
from skastro.nets import ConvNet, UNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor, Symmetries
from skastro.preprocessing import BlockPool, FieldScaler
from skastro.simulation import make_gaussian_fields, make_lognormal_fields
from skastro.statistics import PowerSpectrum

parser = argparse.ArgumentParser(description="Every display.")
parser.add_argument("--output", type=Path, default=Path("displays_output"))
parser.add_argument("--epochs", type=int, default=12, help="of networks on slices and fields")
parser.add_argument("--fields", type=int, default=600, help="Gaussian random fields")
args = parser.parse_args()
args.output.mkdir(parents=True, exist_ok=True)
plt.rcParams["figure.max_open_warning"] = 0  # the gallery shows all figures


def save(display, name):
    """Write a picture; its figure stays open for the gallery."""
    display.figure_.savefig(args.output / f"{name}.png", dpi=150)


# %%
# Training
# --------
# The redshift of slices, 17 classes. One simulation is set aside for testing, and one more for the
# loss of validation. A second classifier is stopped halfway and taken up again: its history
# goes on, and so does its curve.

data = load_reionization_slices()
test = data.groups == data.groups.max()


def classifier(**parameters):
    """A small network on slices of half the resolution."""
    shape = {"activation": "gelu", "pooling": "mean", "readout": "mean"}
    net = ConvNet(3, 12, padding_mode="circular", **shape)
    training = {"lr": 5e-3, "early_stopping": True, "patience": 1000, "random_state": 0}
    training |= {"validation_fraction": 0.2, "n_threads": 1, "batch_size": 32}
    return make_pipeline(BlockPool(2), FieldScaler(), CNNClassifier(net, **training | parameters))


turned = classifier(max_epochs=args.epochs, augmentation=Symmetries("square", shift=True))
turned.fit(data.maps[~test], data.target[~test], cnnclassifier__groups=data.groups[~test])
plain = classifier(max_epochs=max(1, args.epochs // 2), warm_start=True)
for epochs in (max(1, args.epochs // 2), args.epochs + 1):
    plain.set_params(cnnclassifier__max_epochs=epochs)
    plain.fit(data.maps[~test], data.target[~test], cnnclassifier__groups=data.groups[~test])
runs = {"turned and shifted": turned, "plain, in two parts": plain}
curves = LossCurveDisplay.from_estimator(runs)
save(curves, "loss_curves")

# %%
# What a classifier confuses
# --------------------------
# Numbers are percent of each true class. With ``ordered=True`` the title also says how often the
# prediction is off by one class at most.

display = ConfusionDisplay.from_estimator(
    turned,
    data.maps[test],
    data.target[test],
    labels=np.arange(len(data.target_names)),
    display_labels=[name.removeprefix("z=") for name in data.target_names],
    class_name="redshift",
    ordered=True,
)
save(display, "confusion")

# %%
# Inside a network
# ----------------
# The kernels of the first convolution.

save(FilterDisplay.from_estimator(turned, n_columns=6), "filters")

# %%
# What they make of a slice.

one = data.maps[test][[12, 75]]
save(FeatureMapDisplay.from_estimator(turned, one[:1], n_maps=11, channel=1), "feature_maps")

# %%
# Which cells matter to the class that is predicted.

save(
    SaliencyDisplay.from_estimator(
        turned,
        one,
        method="integrated_gradients",
        wrt="maps",
        channel=1,
        label="brightness [mK]",
        gradient_label="share of the logit",
    ),
    "saliency",
)

# %%
# Components and what they keep
# -----------------------------
# Principal components of slices, and the share of the variance that they explain.

brightness = data.maps[data.mean_xHI > 0.3, 1]
pca = MapPCA(40).fit(brightness)
save(ComponentsDisplay.from_estimator(pca, n_components=7, cumulative=True), "components")

# %%
# Slices that are made of forty of them, and what is lost.

display = ReconstructionDisplay.from_estimator(
    pca, brightness[::150], n_samples=3, label="brightness [mK]"
)
save(display, "reconstructions")

# %%
# Predicted fields
# ----------------
# Which cells shine no more, from density, redshift and escape fraction: a field for a field, at
# four redshifts. Two simulations are set aside.

data = load_reionization_slices(redshift=[7.0, 7.5, 8.0, 9.0])
density, brightness = np.moveaxis(np.asarray(data.maps), 1, 0)
ionized = (brightness < 1.0).astype(np.float32)
numbers = constant_channels(np.stack([data.redshift, data.f_esc], axis=1), density.shape[1:])
X = np.asarray(stack_channels([density, numbers]))
test = data.groups > np.unique(data.groups)[-3]
net = UNet(3, 6, padding_mode="circular", n_conditions=2)
unet = make_pipeline(
    FieldScaler(),
    FieldRegressor(
        net,
        loss="cross_entropy",
        output="fraction",
        lr=1e-2,
        batch_size=8,
        max_epochs=args.epochs,
        augmentation=Symmetries("square", shift=True),
        n_threads=1,
        random_state=0,
    ),
).fit(X[~test], ionized[~test])
truth, predicted, redshift = ionized[test], unet.predict(X[test]), data.redshift[test]
half = np.abs(truth.mean(axis=(1, 2)) - 0.5).argmin()
display = FieldDisplay.from_predictions(
    truth, predicted, sample=half, field_name="ionized fraction", box_size=data.box_size
)
save(display, "field")

# %%
# The mean of each redshift.

save(
    IonizationHistoryDisplay.from_predictions(truth, predicted, redshift, groups=data.groups[test]),
    "ionization_history",
)

# %%
# Correlation and power by scale.

by_redshift = {"by": redshift, "by_name": "z"}
save(
    FieldSpectraDisplay.from_predictions(truth, predicted, box_size=data.box_size, **by_redshift),
    "field_spectra",
)

# %%
# The sizes of the bubbles.

save(
    BubbleSizeDisplay.from_predictions(truth, predicted, cell_size=data.cell_size, **by_redshift),
    "bubble_sizes",
)

# %%
# Parameters and their errors
# ---------------------------
# Amplitude and slope of the spectrum of Gaussian random fields, by an ensemble of networks that
# learn their errors. The loss curves of its members share a name.

fields = make_gaussian_fields(args.fields, (16, 16), noise=0.5)
train = np.arange(args.fields) < 2 * args.fields // 3
shape = {"kernel_size": 5, "activation": "gelu", "pooling": "mean", "readout": "mean"}
member = CNNRegressor(
    ConvNet(2, 8, hidden_layer_sizes=(32,), padding_mode="circular", **shape),
    loss="gaussian_nll",
    lr=5e-3,
    max_epochs=2 * args.epochs,
    early_stopping=True,
    patience=1000,
    n_threads=1,
)
ensemble = DeepEnsembleRegressor(member, 3, random_state=0)
ensemble.fit(fields.maps[train], fields.target[train])
save(LossCurveDisplay.from_estimator(ensemble), "loss_of_members")

# %%
# Predictions of fields that were not seen, with error bars.

known = {"target_names": fields.target_names}
unseen = fields.maps[~train], fields.target[~train]
display = ParameterRecoveryDisplay.from_estimator(ensemble, *unseen, return_std=True, **known)
save(display, "parameter_recovery")

# %%
# Whether the error bars are as long as they should be.

save(CalibrationDisplay.from_estimator(ensemble, *unseen, **known), "calibration")

# %%
# Comparisons
# -----------
# Scores of candidates beside the baselines; each field is a simulation of its own here.

ridge = make_pipeline(PowerSpectrum(), RidgeCV())
trees = make_pipeline(PowerSpectrum(), ExtraTreesRegressor(50, random_state=0))
candidates = {"ridge": ridge, "trees": trees}
given = {"groups": np.arange(args.fields), "cv": 4}
save(
    ComparisonDisplay.from_estimator(
        candidates, fields.maps, fields.target, n_bootstrap=200, **given
    ),
    "comparison",
)

# %%
# Scores against the number of simulations. ``sklearn.model_selection.LearningCurveDisplay`` takes
# the same estimators where samples are what counts.

save(
    SimulationCurveDisplay.from_estimator(candidates, fields.maps, fields.target, **given),
    "simulation_curve",
)

# %%
# Noise in training and in testing.

noise = NoiseMatrixDisplay.from_estimator(
    ridge, fields.maps, fields.target, train_noise=[0, 0.5, 1, 2], unit="mK", **given
)
save(noise, "noise_matrix")

# %%
# Suites that differ in their physics: each row trained on one, each column tested on one.

n = args.fields // 3
drawn = np.random.default_rng(0).uniform([-1.4, -3.0], [0.0, -1.0], size=(n, 2))
suites = {
    "Gaussian": make_gaussian_fields(n, (16, 16), target=drawn, random_state=1),
    "with noise": make_gaussian_fields(n, (16, 16), target=drawn, noise=0.5, random_state=2),
    "lognormal": make_lognormal_fields(n, (16, 16), target=drawn, random_state=3),
}
suites = {name: (of.maps, of.target, np.arange(n)) for name, of in suites.items()}
save(CrossSuiteDisplay.from_estimator(ridge, suites, cv=4), "cross_suite")

# %%
# Luminosity functions
# --------------------
# Counts of sources in bins of luminosity, for 200 mock maps, and two methods: one scatters, and
# one knows nothing of the bright end.

rng = np.random.default_rng(0)
edges = np.logspace(4, 7, 25)
middle = np.sqrt(edges[:-1] * edges[1:])
density = 10 ** rng.normal(0, 0.2, size=(200, 1)) * (middle / 1e4) ** -0.8
mean = 3e3 * density * np.exp(-middle / 2e6)
counts = rng.poisson(mean)
methods = {
    "with scatter": mean * 10 ** rng.normal(0, 0.08, size=(200, 1)),
    "power law alone": 3e3 * density,
}
display = LuminosityFunctionDisplay.from_predictions(
    counts, methods, edges=edges, kind="dn_dlogl", volume=1e6
)
save(display, "luminosity_function")

# %%
# Into axes of your own
# ---------------------
# ``plot(ax=...)`` draws again, here two displays side by side, at the width of a page.

figure, axes = plt.subplots(1, 2, figsize=(7.1, 2.8), layout="constrained")
curves.plot(ax=axes[0], log=True)
noise.plot(ax=axes[1], digits=1)
save(noise, "side_by_side")
