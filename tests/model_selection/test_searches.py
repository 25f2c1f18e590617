"""Searches that save epochs: halving and Optuna, on arrays and on maps in a file."""

import h5py
import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skastro.maps import LazyMaps, open_maps
from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler

NETS = [
    ConvNet(1, 2, kernel_size=1, readout="mean"),
    ConvNet(1, 2, readout="mean"),
    ConvNet(1, 4, readout="mean"),
    DenseNet((4,)),
]
NET, EPOCHS = "cnnregressor__net", "cnnregressor__max_epochs"
TRAINING = {"lr": 0.02, "schedule": None, "batch_size": 8, "n_threads": 1, "random_state": 0}
N_FOLDS = 2


class EpochLog(Callback):
    """Adds the number of each epoch that is trained to a file."""

    def __init__(self, path):
        self.path = path

    def on_epoch_end(self, net, **kwargs):
        """Add a line."""
        with open(self.path, "a") as file:
            file.write(f"{len(net.history)}\n")


@pytest.fixture(scope="module")
def data():
    """Maps of four simulations, whose spread is to be told."""
    rng = np.random.default_rng(0)
    y = rng.uniform(1.0, 3.0, size=24)
    X = y[:, None, None, None] * rng.normal(size=(24, 2, 7, 9))
    return X.astype("float32"), y, np.repeat(np.arange(4), 6)


@pytest.fixture(scope="module")
def lazy(data, tmp_path_factory):
    """The same maps in an HDF5 file."""
    path = tmp_path_factory.mktemp("maps") / "maps.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("maps", data=data[0], chunks=(1, 2, 7, 9))
    return open_maps(path)


@pytest.fixture
def maps(data, lazy, request):
    """Maps of one of the two kinds."""
    return lazy if request.param == "lazy" else data[0]


def model(folder=None, **training):
    """A pipeline whose fits keep their state in a folder and log their epochs."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        training |= {"checkpoint": folder, "callbacks": [EpochLog(str(folder / "epochs"))]}
    training = TRAINING | training
    return make_pipeline(FieldScaler(), CNNRegressor(NETS[0], **training))


def epochs_of(folder):
    """The numbers of the epochs that were trained."""
    return [int(line) for line in (folder / "epochs").read_text().split()]


def halve(maps, data, folder, **training):
    """Successive halving of the four nets over 2, 4 and 8 epochs, two folds each."""
    return HalvingGridSearchCV(
        model(folder, **training),
        {NET: NETS},
        resource=EPOCHS,
        min_resources=2,
        max_resources=8,
        factor=2,
        cv=GroupKFold(N_FOLDS),
        refit=False,
        error_score="raise",
        random_state=0,
    ).fit(maps, data[1], groups=data[2])


@pytest.mark.parametrize("maps", ["eager", "lazy"], indirect=True)
def test_survivors_go_on(maps, data, tmp_path):
    """No epoch is trained twice, and scores are those of fits that were never broken off."""
    search = halve(maps, data, tmp_path / "fits")
    assert search.n_candidates_ == [4, 2, 1]
    trained = epochs_of(tmp_path / "fits")
    expected = {epoch: (4, 2, 1, 1)[(epoch - 1) // 2] * N_FOLDS for epoch in range(1, 9)}
    assert {epoch: trained.count(epoch) for epoch in set(trained)} == expected
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        whole = model().set_params(**params)
        again = cross_val_score(whole, data[0], data[1], groups=data[2], cv=GroupKFold(N_FOLDS))
        assert score == again.mean()


def test_fixed_length_starts_anew(data, tmp_path):
    """A schedule that is laid out for a number of epochs is run from its beginning each time."""
    halve(data[0], data, tmp_path / "fits", schedule="one_cycle")
    assert len(epochs_of(tmp_path / "fits")) == (4 * 2 + 2 * 4 + 1 * 8) * N_FOLDS


def test_search_again_trains_nothing(data, tmp_path):
    """A halving in the folder of a full grid finds all its fits there, and the reverse."""
    options = {"cv": GroupKFold(N_FOLDS), "refit": False, "error_score": "raise"}
    first = halve(data[0], data, tmp_path / "fits")
    before = len(epochs_of(tmp_path / "fits"))
    again = halve(data[0], data, tmp_path / "fits")
    assert len(epochs_of(tmp_path / "fits")) == before
    np.testing.assert_array_equal(
        first.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
    )
    grid = GridSearchCV(model(tmp_path / "fits", max_epochs=8), {NET: NETS}, **options)
    grid.fit(data[0], data[1], groups=data[2])
    assert len(epochs_of(tmp_path / "fits")) == len(NETS) * 8 * N_FOLDS
    last = first.cv_results_["iter"] == 2
    (survivor,) = first.cv_results_[f"param_{NET}"][last]
    (same,) = (k for k, net in enumerate(NETS) if repr(net) == repr(survivor))
    assert grid.cv_results_["mean_test_score"][same] == first.cv_results_["mean_test_score"][last]


@pytest.mark.filterwarnings("ignore:The OptunaSearchCV or classes:FutureWarning")  # sklearn 1.6
@pytest.mark.parametrize("maps", ["eager", "lazy"], indirect=True)
@pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental")
@pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated:FutureWarning")
def test_optuna_search_cv(maps, data, tmp_path):
    """OptunaSearchCV takes maps with several axes, in memory or in a file, and groups."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seen = []

    class Watched(CNNRegressor):
        def fit(self, X, y=None, **params):
            seen.append((type(X), X.shape))
            return super().fit(X, y, **params)

    pipeline = make_pipeline(
        FieldScaler(),
        Watched(NETS[1], max_epochs=2, **TRAINING),
    )
    space = {
        "watched__net__n_filters": optuna.distributions.IntDistribution(1, 4),
        "watched__lr": optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True),
    }
    search = integration.OptunaSearchCV(
        pipeline,
        space,
        cv=GroupKFold(N_FOLDS),
        n_trials=3,
        error_score="raise",
        random_state=0,
    ).fit(maps, data[1], groups=data[2])
    kind = LazyMaps if isinstance(maps, LazyMaps) else np.ndarray
    assert seen == [(kind, (12, 2, 7, 9))] * 3 * N_FOLDS + [(kind, (24, 2, 7, 9))]
    again = cross_val_score(
        pipeline.set_params(**search.best_params_),
        data[0],
        data[1],
        groups=data[2],
        cv=GroupKFold(N_FOLDS),
    )
    assert search.best_score_ == again.mean()
    assert search.predict(maps[:5]).shape == (5,)


def test_optuna_prunes(data, tmp_path):
    """A study that reports after each round prunes, and goes on from what it has trained."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = tmp_path / "fits"

    def objective(trial):
        net = NETS[trial.suggest_categorical("net", range(len(NETS)))]
        for n_epochs in (2, 4, 8):
            pipeline = model(folder, max_epochs=n_epochs).set_params(**{NET: net})
            score = cross_val_score(
                pipeline, data[0], data[1], groups=data[2], cv=GroupKFold(N_FOLDS)
            ).mean()
            trial.report(score, n_epochs)
            if n_epochs < 8 and trial.should_prune():
                raise optuna.TrialPruned
        return score

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.GridSampler({"net": list(range(len(NETS)))}, seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(2, 2, 0),
    )
    study.optimize(objective)
    last = [max(trial.intermediate_values) for trial in study.trials]
    assert len(last) == len(NETS)
    assert min(last) < 8
    assert len(epochs_of(folder)) == sum(last) * N_FOLDS
    best = study.best_trial
    whole = model(max_epochs=8).set_params(**{NET: NETS[best.params["net"]]})
    again = cross_val_score(whole, data[0], data[1], groups=data[2], cv=GroupKFold(N_FOLDS))
    assert best.value == again.mean()
