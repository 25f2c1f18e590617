"""Write the models by which later versions are tested: ``python tests/persistence/write_files.py``.

Run once for each release; what a version wrote is never written again.
"""

from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

import skastro
from skastro.decomposition import ConvAutoencoder, MapPCA
from skastro.ensemble import ConformalRegressor, DeepEnsembleRegressor, SliceClassifier
from skastro.instrument import WhiteNoise
from skastro.nets import Autoencoder, ConvNet, FieldResNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor, Symmetries
from skastro.persistence import save
from skastro.preprocessing import CubeSlicer, FieldScaler, SignedLog, TargetScaler, UnitConverter
from skastro.statistics import Moments, PowerSpectrum

FOLDER = Path(__file__).parent / "files"
_NET = {"net": ConvNet(n_layers=2, n_filters=2), "max_epochs": 2, "n_threads": 1}
_NET |= {"batch_size": 4, "random_state": 0, "device": "cpu"}


def base_version() -> str:
    """The release that this version is, or leads to."""
    return ".".join(skastro.__version__.split(".")[:3])


def training_data(*shape):
    """Skewed maps, each pair of one simulation."""
    rng = np.random.default_rng(0)
    target = rng.uniform([0.1, 0.6], [0.5, 1.0], size=(12, 2))
    scale = target[:, 0].reshape(12, *(1,) * len(shape))
    return Bunch(
        maps=(1e6 * np.exp(scale * rng.normal(size=(12, *shape)))).astype(np.float32),
        target=target,
        target_names=["Omega_m", "sigma_8"],
        groups=np.arange(12) // 2,
        field_names=["Mgas", "T"][: shape[0]] if shape[0] < 3 else ["Mgas"],
        units=["solMass"],
        redshift=6.0,
        box_size=25.0,
    )


def models():
    """Fitted models by name, each with its training data."""
    flat, cubes = training_data(2, 8, 9), training_data(8, 8, 8)
    X, y, first = flat.maps, flat.target, flat.target[:, 0]
    classes = (first > 0.3).astype(int)
    scaled = make_pipeline(SignedLog(), FieldScaler())
    noisy = make_pipeline(
        SignedLog(),
        WhiteNoise(0.01, when="fit", random_state=0),
        FieldScaler(),
        CNNRegressor(**_NET, loss="gaussian_nll", augmentation=Symmetries("square")),
    )
    steps = make_pipeline(scaled, CNNClassifier(**_NET))
    search = GridSearchCV(steps, {"cnnclassifier__lr": [1e-3, 1e-2]}, cv=2)
    slices = SliceClassifier(
        make_pipeline(scaled, CNNClassifier(**_NET)), slicer=CubeSlicer(step=4)
    )
    member = make_pipeline(scaled, CNNRegressor(**_NET, loss="gaussian_nll"))
    trees = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2)
    found = {
        "pipeline": noisy.fit(X, y),
        "search": search.fit(X, classes),
        "slices": slices.fit(cubes.maps, classes),
        "ensemble": DeepEnsembleRegressor(member, 2, random_state=0).fit(X, first),
        "conformal": ConformalRegressor(member, confidence_level=0.5, random_state=0).fit(X, first),
        "field": FieldRegressor(**_NET | {"net": FieldResNet(1, 2)}).fit(X, np.log(X[:, 0])),
        "autoencoder": make_pipeline(
            scaled, ConvAutoencoder(**_NET | {"net": Autoencoder((3, 2))})
        ),
        "pca": make_pipeline(scaled, MapPCA(4)).fit(X),
        "spectrum": TransformedTargetRegressor(
            make_pipeline(PowerSpectrum(n_bins=3), Ridge()), transformer=TargetScaler()
        ).fit(X, y),
        "trees": make_pipeline(UnitConverter("Msun", "kg", dim=2), Moments(), trees).fit(X, first),
    }
    found["autoencoder"].fit(X)
    return {name: (model, cubes if name == "slices" else flat) for name, model in found.items()}


def outputs(model, maps):
    """What a model makes of maps, by the name of the method."""
    methods = ("predict", "predict_proba", "predict_interval", "transform")
    return {name: getattr(model, name)(maps) for name in methods if hasattr(model, name)}


def write(folder):
    """Write models and what they make of a few maps."""
    folder.mkdir(parents=True)
    expected = {}
    for name, (model, data) in models().items():
        save(model, folder / f"{name}.skastro", data=data, with_card=False)
        maps = data.maps[:3]
        expected |= {f"{name}/maps": maps}
        expected |= {f"{name}/{key}": np.asarray(out) for key, out in outputs(model, maps).items()}
    np.savez_compressed(folder / "expected.npz", **expected)


if __name__ == "__main__":
    write(FOLDER / base_version())
