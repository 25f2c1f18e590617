"""A model that knows what it was trained on, and files that were changed."""

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from skastro.instrument import WhiteNoise
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.persistence import save
from skastro.preprocessing import FieldScaler, SignedLog

_SPEC = importlib.util.spec_from_file_location("forging", Path(__file__).with_name("forging.py"))
forging = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(forging)


def mock(first, n_groups):
    """Skewed maps of two fields, three of each simulation, and targets of the simulations."""
    groups = np.repeat(np.arange(first, first + n_groups), 3)
    rng = np.random.default_rng(first)
    target = rng.uniform([0.1, 0.6], [0.5, 1.0], size=(n_groups, 2))[groups - first]
    scale = np.array([1e10, 1e4]).reshape(1, 2, 1, 1)
    maps = scale * np.exp(target[:, :1, None, None] * rng.normal(size=(len(groups), 2, 8, 9)))
    return Bunch(
        maps=maps.astype(np.float32),
        target=target,
        target_names=np.array(["Omega_m", "sigma_8"]),
        groups=groups,
        field_names=["Mgas", "T"],
        units=["solMass", "K"],
        frames=["comoving", None],
        redshift=np.linspace(6, 8, len(groups)),
        box_size=25.0,
        cell_size=np.float32(3.125),
        suite="Mock",
    )


@pytest.fixture(scope="session")
def training():
    """Training data."""
    return mock(0, 10)


@pytest.fixture(scope="session")
def held_out():
    """Data of other simulations."""
    return mock(20, 5)


@pytest.fixture(scope="session")
def _pickled(training):
    net = CNNRegressor(
        ConvNet(n_layers=1, n_filters=2),
        loss="gaussian_nll",
        max_epochs=2,
        batch_size=8,
        n_threads=1,
        random_state=0,
    )
    noise = WhiteNoise(0.01, when="fit", random_state=0)
    model = make_pipeline(SignedLog(), noise, FieldScaler(), net)
    return pickle.dumps(model.fit(training.maps, training.target))


@pytest.fixture
def model(_pickled):
    """A fitted pipeline, without a record."""
    return pickle.loads(_pickled)


@pytest.fixture
def changed(tmp_path):
    """Save a model, change its parts and write them with right checksums."""

    def change(model, edit):
        path = save(model, tmp_path / "model.skastro", with_card=False)
        manifest, tree, arrays = forging.parts_of(path)
        arrays = {name: array.copy() for name, array in arrays.items()}
        edit(tree["model"], arrays)
        return forging.write(path, manifest, tree, arrays)

    return change
