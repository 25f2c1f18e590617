"""Deep ensembles in threads and processes, from files, and after they were killed."""

import h5py
import joblib
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skastro.ensemble import DeepEnsembleRegressor
from skastro.maps import LazyMaps, open_maps
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor, Symmetries
from skastro.neural_network._skorch import MapNet
from skastro.preprocessing import FieldScaler

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.linspace(1, 3, 24))
X = (Y[:, None, None, None] * RNG.normal(size=(24, 2, 8, 9))).astype("float32")
N_STEPS = 2 * 3  # epochs times batches of one member


def ensemble(n_jobs=None, random_state=0, n_estimators=4, **parameters):
    """Members with dropout and augmentation, on scaled maps."""
    net = CNNRegressor(
        ConvNet(1, 2, dropout=0.3, hidden_layer_sizes=(5,)),
        loss="gaussian_nll",
        augmentation=Symmetries(shift=True),
        **{"max_epochs": 2, "batch_size": 8, "n_threads": 1} | parameters,
    )
    return DeepEnsembleRegressor(
        make_pipeline(FieldScaler(), net),
        n_estimators=n_estimators,
        n_jobs=n_jobs,
        random_state=random_state,
    )


@pytest.fixture
def lazy(tmp_path):
    """The maps in a file."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("maps", data=X, chunks=(1, *X.shape[1:]))
    return open_maps(tmp_path / "maps.h5")


@pytest.fixture
def steps(monkeypatch):
    """Training steps that were taken, and a limit after which they fail."""
    step, taken = MapNet.train_step, {"n": 0, "limit": None}

    def counted(self, batch, **fit_params):
        if taken["n"] == taken["limit"]:
            raise KeyboardInterrupt
        taken["n"] += 1
        return step(self, batch, **fit_params)

    monkeypatch.setattr(MapNet, "train_step", counted)
    return taken


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_jobs(backend, lazy):
    """Members fitted at once are bit by bit those fitted one by one, from arrays and files."""
    n_estimators = 4 if backend == "threading" else 2
    want = ensemble(n_estimators=n_estimators).fit(X, Y).predict_members(X)
    with joblib.parallel_config(backend=backend):
        together = ensemble(2, n_estimators=n_estimators).fit(lazy, Y)
    np.testing.assert_array_equal(together.predict_members(X), want)
    np.testing.assert_array_equal(together.predict_members(lazy), want)


def test_lazy_maps_stay_lazy(lazy, monkeypatch):
    """Neither fit nor predict of the ensemble reads the file; members do."""
    seen = []

    class Spy(CNNRegressor):
        def fit(self, X, y, sample_weight=None, groups=None):
            seen.append(X)
            return super().fit(X, y, sample_weight, groups)

        def predict(self, X, return_std=False):
            seen.append(X)
            return super().predict(X, return_std)

    spy = Spy(ConvNet(1, 2, readout="mean"), loss="moments", max_epochs=1, n_threads=1)
    model = DeepEnsembleRegressor(spy, n_estimators=2, random_state=0).fit(lazy, Y)
    from_file = model.predict_variances(lazy[::2])
    assert [type(maps) for maps in seen] == [LazyMaps] * 4
    assert model.sample_shape_ == (2, 8, 9)
    eager = DeepEnsembleRegressor(spy, n_estimators=2, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(eager.predict_variances(X[::2]), from_file)


def test_killed_and_repeated(tmp_path, steps):
    """Members that were finished are restored, the third goes on, the fourth is trained."""
    want = ensemble().fit(X, Y).predict(X, return_std=True)
    assert steps["n"] == 4 * N_STEPS
    steps |= {"n": 0, "limit": 2 * N_STEPS + 4}
    with pytest.raises(KeyboardInterrupt):
        ensemble(checkpoint=tmp_path).fit(X, Y)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3
    steps |= {"n": 0, "limit": None}
    model = ensemble(checkpoint=tmp_path).fit(X, Y)
    assert steps["n"] == N_STEPS // 2 + N_STEPS
    np.testing.assert_array_equal(model.predict(X, return_std=True), want)
    steps["n"] = 0
    larger = ensemble(n_estimators=5, checkpoint=tmp_path).fit(X, Y)
    assert steps["n"] == N_STEPS
    np.testing.assert_array_equal(larger.predict_members(X)[:4], model.predict_members(X))


def test_checkpoints_without_a_seed(tmp_path, steps):
    """Members never take each other's checkpoint, nor that of another fit."""
    members = [
        ensemble(random_state=None, n_estimators=2, checkpoint=tmp_path).fit(X, Y) for _ in range(2)
    ]
    assert steps["n"] == 4 * N_STEPS
    each = np.concatenate([model.predict_members(X) for model in members])
    assert len(np.unique(each, axis=0)) == 4


def test_a_fit_that_failed_is_no_fit(steps):
    """An error of a member leaves no half-fitted ensemble."""
    steps["limit"] = N_STEPS + 1
    model = ensemble()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not hasattr(model, "estimators_")
