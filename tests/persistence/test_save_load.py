"""Models come back from a file as they were, in a fresh process too."""

import json
import os
import pickle
import subprocess
import sys
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFECV, SelectKBest, f_regression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from skorch.callbacks import EpochTimer

from skastro.ensemble import ConformalRegressor, DeepEnsembleRegressor, SliceClassifier
from skastro.exceptions import ModelVersionWarning
from skastro.instrument import WhiteNoise
from skastro.nets import CMDNet, ConvNet, ExcursionNet, HistogramNet, Inception, Pretrained, ResNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor, Streaming
from skastro.persistence import describe, load, save
from skastro.persistence._save import versions
from skastro.preprocessing import (
    CubeSlicer,
    FieldScaler,
    LuminosityFunctionTransformer,
    SignedLog,
    UnitConverter,
)
from skastro.statistics import PowerSpectrum

TRAINING = {"max_epochs": 1, "n_threads": 1, "random_state": 0, "batch_size": 4}
WITH_STD = {"ensemble", "process", "public_RecalibratedRegressor"}
RECORD = {"training_record_", "_training_record"}
METHODS = ("predict", "predict_proba", "transform", "predict_interval")
CODE = """
import json, pickle, sys
from skastro.persistence import describe, load
folder = sys.argv[1]
about = describe(f"{folder}/noise.skastro")
needs_torch = "torch" in sys.modules
with open(f"{folder}/expected.pickle", "rb") as file:
    expected = pickle.load(file)
different = []
for name, (X, outputs) in expected.items():
    model = load(f"{folder}/{name}.skastro")
    for call, output in outputs.items():
        method, _, option = call.partition(" ")
        found = getattr(model, method)(X, **({option: True} if option else {}))
        found, output = [x if isinstance(x, tuple) else (x,) for x in (found, output)]
        for a, b in zip(found, output, strict=True):
            if a.dtype != b.dtype or a.shape != b.shape or (a != b).any():
                different.append(f"{name}.{call}")
print(json.dumps([different, needs_torch, about.n_weights, about.model]))
"""


def draw(*shape, seed=0):
    """Numbers that are always the same."""
    return np.random.default_rng(seed).normal(size=shape)


def features():
    """A table, a number for each row and a class for each row."""
    X = draw(40, 4)
    return X, X[:, 0] + 0.1 * draw(40, seed=1), np.array(["a", "b", "c"])[np.arange(40) % 3]


def of_tables():
    """Models of scikit-learn alone, by name, with the data that they were fitted on."""
    X, y, c = features()
    regressors = {
        "column": make_pipeline(
            ColumnTransformer(
                [("a", StandardScaler(), slice(0, 2)), ("b", "passthrough", [2])],
                remainder=StandardScaler(),
            ),
            FeatureUnion([("a", PCA(2)), ("b", SelectKBest(f_regression, k=2))]),
            Ridge(),
        ),
        "functions": TransformedTargetRegressor(
            make_pipeline(FunctionTransformer(np.tanh), Ridge()),
            func=np.sinh,
            inverse_func=np.arcsinh,
        ),
        "grid": GridSearchCV(
            Ridge(),
            {"alpha": [0.1, 1.0]},
            cv=KFold(2),
            scoring=make_scorer(mean_absolute_error, greater_is_better=False),
        ),
        "random": RandomizedSearchCV(
            Ridge(), {"alpha": stats.loguniform(0.1, 1)}, n_iter=2, cv=2, random_state=0
        ),
        "splines": make_pipeline(
            QuantileTransformer(n_quantiles=9), SplineTransformer(), RidgeCV()
        ),
        "gaps": make_pipeline(IncrementalPCA(2), SVR()),
        "process": GaussianProcessRegressor(ConstantKernel() * RBF() + WhiteKernel()),
        "histogram": HistGradientBoostingRegressor(max_iter=3),
        "isolation": IsolationForest(n_estimators=2, max_features=2, random_state=0),
        "imputed": make_pipeline(IterativeImputer(max_iter=1), RFECV(Ridge(), cv=2)),
        "bagging": BaggingRegressor(Ridge(), 2, max_features=0.5, random_state=0),
        "stacking": StackingRegressor([("a", Ridge()), ("b", KNeighborsRegressor())], cv=2),
        "voting": VotingRegressor(
            [("a", Ridge()), ("b", KNeighborsRegressor(algorithm="kd_tree"))]
        ),
    }
    classifiers = {
        "forest": RandomForestClassifier(3, random_state=0),
        "boosting": GradientBoostingClassifier(n_estimators=2),
        "vectors": SVC(),
        "neighbours": KNeighborsClassifier(),
        "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=2),
    }
    found = {name: (model.fit(X, y), X) for name, model in regressors.items()}
    found |= {name: (model.fit(X, c), X) for name, model in classifiers.items()}
    found["multi"] = MultiOutputRegressor(Ridge()).fit(X, X[:, :2]), X
    rare = OneHotEncoder(drop=["a"], min_frequency=14, sparse_output=False)
    found["rare"] = rare.fit(c[:, None]), c[:, None]
    found["onehot"] = OneHotEncoder(sparse_output=False).fit(c[:, None]), c[:, None]
    return found


def of_maps():
    """Models of maps, by name, with the data that they were fitted on."""
    X, y = draw(12, 2, 8, 9).astype("float32"), draw(12)
    big, cubes = draw(4, 1, 32, 32).astype("float32"), draw(6, 1, 4, 8, 8).astype("float32")
    net = ConvNet(1, 2)
    first = CNNRegressor(net, **TRAINING).fit(X, y)
    nll = CNNRegressor(net, loss="gaussian_nll", **TRAINING)
    functions = np.sort(1 + np.abs(draw(12, 4)))[:, ::-1]
    return {
        "noise": (
            make_pipeline(
                WhiteNoise(0.5, when="both", random_state=0),
                SignedLog(),
                FieldScaler(),
                CNNRegressor(ConvNet(1, 2, batch_norm=True, dropout=0.1), **TRAINING),
            ).fit(X, y),
            X,
        ),
        "slices": (
            make_pipeline(
                UnitConverter("g / cm3", "kg / m3"),
                SliceClassifier(
                    make_pipeline(SignedLog(), CNNClassifier(net, **TRAINING)),
                    slicer=CubeSlicer(step=3),
                ),
            ).fit(cubes, np.arange(6) % 2),
            cubes,
        ),
        "functions_of_maps": (
            TransformedTargetRegressor(
                first,
                transformer=LuminosityFunctionTransformer("cumulative"),
                check_inverse=False,
            ).fit(X, functions),
            X,
        ),
        "ensemble": (DeepEnsembleRegressor(nll, n_estimators=2, random_state=0).fit(X, y), X),
        "conformal": (ConformalRegressor(nll, confidence_level=0.5, random_state=0).fit(X, y), X),
        "pretrained": (CNNRegressor(Pretrained(first.net_.module_), **TRAINING).fit(X, y), X),
        "pretrained_more": (
            CNNRegressor(Pretrained(first.net_.module_, freeze=True), **TRAINING).fit(
                X, draw(12, 2)
            ),
            X,
        ),
        "excursion": (
            FieldRegressor(ExcursionNet((1, 2)), **TRAINING).fit(X, X[:, 0]),
            X,
        ),
        "torch": (
            CNNRegressor(
                net,
                optimizer=torch.optim.RMSprop,
                loss=torch.nn.functional.smooth_l1_loss,
                streaming=Streaming(memory=1 << 20),
                checkpoint=None,
                **TRAINING,
            ).fit(X, y),
            X,
        ),
        "spectra": (make_pipeline(PowerSpectrum(n_bins=3), Ridge()).fit(X, y), X),
        **{
            type(net).__name__: (CNNRegressor(net, **TRAINING).fit(big, y[:4]), big)
            for net in (
                CMDNet(1, n_blocks=2),
                ResNet(18, n_filters=2),
                Inception(1, n_filters=2),
                HistogramNet(8, hidden_layer_sizes=(3,)),
            )
        },
    }


def of_all_estimators():
    """Every public estimator, by name, as other tests set it up."""
    place = spec_from_file_location("setups", Path(__file__).parents[1] / "test_nd.py")
    setups = module_from_spec(place)
    place.loader.exec_module(setups)
    found = {}
    for name in setups.FACTORIES:
        ndim = 3 + len(name) % 3
        X, y, _ = setups.maps(ndim, name=name)
        X = 1 + np.abs(draw(12, 5)) if name in setups.NOT_ON_MAPS else X
        found[f"public_{name}"] = setups.make(name, ndim).fit(X, y), X
    return found


@pytest.fixture(scope="module")
def models():
    """Fitted models by name, with data to put them to."""
    return of_tables() | of_maps() | of_all_estimators()


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    """Folder with a file of each model."""
    path = tmp_path_factory.mktemp("models")
    for name, (model, _) in models.items():
        save(model, path / f"{name}.skastro", with_card=False)
    return path


def outputs(name, model, X):
    """All that a model makes of data, by the call."""
    calls = [method for method in METHODS if hasattr(model, method)]
    calls += ["predict return_std"] if name in WITH_STD else []
    found = {}
    for call in calls:
        method, _, option = call.partition(" ")
        found[call] = getattr(model, method)(X, **({option: True} if option else {}))
    return found


@pytest.fixture(scope="module")
def fresh(models, folder):
    """What a process finds that has the files alone."""
    expected = {name: (X, outputs(name, model, X)) for name, (model, X) in models.items()}
    assert all(made for _, made in expected.values())
    with open(folder / "expected.pickle", "wb") as file:
        pickle.dump(expected, file)
    command = [sys.executable, "-c", CODE, str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_fresh_process_predicts_the_same_bits(fresh):
    """Whatever a model makes of data, it makes in a process that only has the file."""
    assert fresh[0] == []


def test_describe_needs_no_torch(fresh, models):
    """What is in a file can be seen without the libraries that the model needs."""
    needs_torch, n_weights, text = fresh[1:]
    assert not needs_torch
    assert text.startswith("Pipeline(")
    module = models["noise"][0][-1].net_.module_
    assert n_weights == sum(part.numel() for part in module.state_dict().values())


def test_parameters_and_attributes_come_back(models, folder):
    """Representation, parameters, results of searches and record are as they were."""
    for name, (model, _) in models.items():
        again = load(folder / f"{name}.skastro")
        assert set(again.__getstate__()) - RECORD == set(model.__getstate__()), name
        if name not in {"random", "torch"}:  # whose functions show their address
            assert repr(again) == repr(model), name
    grid, again = models["grid"][0], load(folder / "grid.skastro")
    assert again.best_params_ == grid.best_params_
    np.testing.assert_equal(again.cv_results_, grid.cv_results_)
    again.fit(*features()[:2])
    drawn = load(folder / "random.skastro").get_params()["param_distributions"]["alpha"]
    assert (drawn.args, drawn.dist.name) == ((0.1, 1), "loguniform")
    history = load(folder / "pretrained.skastro").history_
    assert history == models["pretrained"][0].history_


def test_a_loaded_model_is_saved_and_pickled_as_before(models, folder, tmp_path):
    """Files are equal but for their time; joblib takes loaded models."""
    for name in ("noise", "functions_of_maps", "forest"):
        model, X = models[name]
        again = load(folder / f"{name}.skastro")
        path = save(again, tmp_path / f"{name}.skastro", with_card=False)
        assert describe(path).sizes == describe(folder / f"{name}.skastro").sizes
        joblib.dump(again, tmp_path / "model.joblib")
        for other in (load(path), joblib.load(tmp_path / "model.joblib")):
            np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_training_goes_on_after_loading(folder, models):
    """A warm start of a loaded net continues from its weights."""
    X = models["noise"][1]
    net = load(folder / "noise.skastro")[-1].set_params(warm_start=True, max_epochs=2)
    assert net.fit(X, draw(12)).n_iter_ == 2


def test_description(tmp_path):
    """Versions, time, sizes, record and notes can be read."""
    path = save(FieldScaler().fit(draw(5, 8, 8)), tmp_path / "model.skastro", notes="as noted")
    found = describe(str(path))
    assert (found.path, found.n_bytes) == (path, path.stat().st_size)
    assert (found.format, found.format_version, found.n_weights) == ("skastro model", 1, 0)
    assert found.versions["torch"] == metadata.version("torch")
    assert set(found.sizes) == {"manifest.json", "model.json", "arrays.safetensors"}
    assert found.notes == found.record.notes == "as noted"
    assert found.record.sample_shape == (8, 8)
    assert found.created.endswith("+00:00")
    assert found.card == path.with_suffix(".md").read_text()
    assert found.card.startswith("# Model card")
    other = save(SignedLog(), tmp_path / "other.skastro", with_card=False)
    assert not other.with_suffix(".md").exists()


def test_what_watched_the_fit_is_left_out(tmp_path):
    """Callbacks and folders of joblib are not written, and a warning names them."""
    net = CNNRegressor(ConvNet(1, 2), callbacks=[EpochTimer], **TRAINING)
    model = make_pipeline(SignedLog(), net, memory=str(tmp_path / "cache"))
    with pytest.warns(UserWarning, match="is not written") as caught:
        path = save(model, tmp_path / "model.skastro")
    assert {str(warning.message).split("'")[1] for warning in caught} == {"callbacks", "memory"}
    assert load(path).memory is None
    assert load(path)[-1].callbacks is None


def test_wrong_ending(tmp_path):
    """The ending of a path is that of the format."""
    with pytest.raises(ValueError, match=r"must end in '\.skastro'"):
        save(SignedLog(), tmp_path / "model.pkl")


@pytest.mark.parametrize(("library", "version"), [("skastro", "0.0.1"), ("scikit-learn", "1.2.3")])
def test_other_versions(library, version, tmp_path, monkeypatch):
    """A model of another version is loaded with one warning, which names both."""
    model = make_pipeline(StandardScaler(), Ridge()).fit(*features()[:2])
    found = versions() | {library: version}
    monkeypatch.setattr("skastro.persistence._save.versions", lambda: found)
    monkeypatch.setattr("sklearn.base.__version__", "1.2.3")
    path = save(model, tmp_path / "model.skastro")
    monkeypatch.undo()
    with pytest.warns(ModelVersionWarning, match=version) as caught:
        load(path)
    assert len(caught) == 1


def test_versions_that_do_not_matter(tmp_path, monkeypatch):
    """The last number of a version of scikit-learn is no matter for a warning."""
    patched = versions()["scikit-learn"].rpartition(".")[0] + ".99"
    found = versions() | {"scikit-learn": patched, "python": "3.99", "torch": "9.9"}
    monkeypatch.setattr("skastro.persistence._save.versions", lambda: found)
    load(save(SignedLog(), tmp_path / "model.skastro"))
