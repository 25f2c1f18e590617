"""The record is where predictions ask for it, and changes none of them."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.ensemble import ConformalRegressor, SliceRegressor, VoxelRegressor
from skastro.exceptions import TrainingRangeWarning
from skastro.maps import LazyMaps, open_maps
from skastro.neural_network._fitted_identity import fitted_identity
from skastro.persistence import TrainingRecord, predict
from skastro.persistence._guard import attach
from skastro.preprocessing import FieldScaler, SignedLog, UnitConverter
from skastro.statistics import Moments
from skastro.utils import fingerprint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 2, 4, 4)).astype("float32")
Y = X.std((1, 2, 3))


def features():
    """A pipeline whose first step is of this library."""
    return make_pipeline(Moments(), Ridge())


@pytest.fixture
def guarded(model, training):
    """The pipeline, with its record."""
    return attach(model, TrainingRecord.make(model, training))


WRAPPED = {
    "itself": (FieldScaler(), lambda m: m),
    "pipeline": (features(), lambda m: m[0]),
    "passthrough": (make_pipeline("passthrough", Moments(), Ridge()), lambda m: m[1]),
    "search": (
        GridSearchCV(features(), {"ridge__alpha": [1, 2]}, cv=2),
        lambda m: m.best_estimator_[0],
    ),
    "target": (TransformedTargetRegressor(features()), lambda m: m.regressor_[0]),
    "union": (
        make_pipeline(FeatureUnion([("a", Moments()), ("b", Moments())]), Ridge()),
        lambda m: m[0].transformer_list[0][1],
    ),
    "voting": (
        VotingRegressor([("a", features()), ("b", features())]),
        lambda m: m.estimators_[0][0],
    ),
    "conformal": (ConformalRegressor(features(), confidence_level=0.5), lambda m: m),
    "voxels": (VoxelRegressor(DummyRegressor(), n_voxels=20), lambda m: m),
    "slices in a pipeline": (
        make_pipeline(FieldScaler(dim=3), SliceRegressor(DummyRegressor())),
        lambda m: m[0],
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_record_is_on_what_sees_the_maps(name):
    """The model has it, and the one part that sees the maps as they are given."""
    model, component = WRAPPED[name]
    y = X[:, 0] if name == "voxels" else Y
    model = clone(model).fit(X, y)
    before = pickle.dumps(model)
    record = TrainingRecord()
    assert attach(model, record) is model
    assert model.training_record_ is record
    assert component(model)._training_record is record
    n_hooks = pickle.dumps(model).count(b"_training_record")
    assert n_hooks == before.count(b"_training_record") + 1
    attach(model, None)
    assert pickle.dumps(model) == before


def test_frozen_model():
    """A frozen estimator is looked into."""
    model = FrozenEstimator(features().fit(X, Y))
    record = TrainingRecord()
    assert attach(model, record).estimator[0]._training_record is record


def test_nothing_of_this_library_comes_first():
    """Where scikit-learn sees the maps, the model alone has the record."""
    first = FunctionTransformer(lambda maps: maps.reshape(len(maps), -1))
    model = make_pipeline(first, PCA(2), Ridge()).fit(X, Y)
    attach(model, TrainingRecord())
    assert not any(hasattr(step, "_training_record") for step in model)


def test_predictions_are_the_same_bits(model, training, held_out):
    """The record changes nothing."""
    before = model.predict(held_out.maps, return_std=True)
    attach(model, TrainingRecord.make(model, training))
    for a, b in zip(before, model.predict(held_out.maps, return_std=True), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("form", [np.asarray, open_maps])
def test_one_warning_for_each_call(guarded, held_out, form):
    """Maps in other units are warned of once in a call, at the line of the caller."""
    with pytest.warns(TrainingRangeWarning) as caught:
        guarded.predict(form(1e6 * held_out.maps))
    assert [one.filename for one in caught] == [__file__]
    guarded.predict(form(held_out.maps))


def test_slices_are_warned_of_once():
    """Cubes are looked at before they are cut."""
    cubes = RNG.normal(size=(12, 4, 4, 4))
    model = SliceRegressor(make_pipeline(FieldScaler(), Moments(), Ridge())).fit(cubes, Y[:12])
    attach(model, TrainingRecord.make(model, {"maps": cubes}))
    with pytest.warns(TrainingRangeWarning) as caught:
        model.predict(1e6 * cubes)
    assert len(caught) == 1


def test_few_rows_of_lazy_maps_are_read(guarded, held_out, monkeypatch):
    """Of maps in a file the check reads eight rows at most."""
    lazy = open_maps(np.concatenate([held_out.maps] * 4))
    n_read = []
    chunks = LazyMaps.chunks

    def counted(self, *args):
        n_read.append(len(self))
        return chunks(self, *args)

    monkeypatch.setattr(LazyMaps, "chunks", counted)
    guarded[0].transform(lazy)
    assert n_read == [8]


def test_record_of_lazy_maps_ends_with_the_step(guarded, held_out):
    """What is appended to lazy maps has no record, which would change their name."""
    (step,) = guarded[0].transform(open_maps(held_out.maps)).steps
    assert not hasattr(step.transformer, "_training_record")


def test_new_fit_drops_the_record(guarded, training):
    """A model that is fitted anew no longer has the old record, nor is it saved again."""
    guarded.fit(training.maps * 1e6, training.target)
    assert not hasattr(guarded[0], "_training_record")
    assert TrainingRecord.make(guarded).units is None
    with pytest.raises(TypeError, match="or fitted since"):
        predict(guarded, training)
    guarded.predict(training.maps * 1e6)


def test_record_is_known_until_then(guarded):
    """A model that was loaded is saved again with what it was trained on."""
    found = TrainingRecord.make(guarded, notes="again")
    assert found.units == guarded.training_record_.units
    assert (found.notes, guarded.training_record_.notes) == ("again", None)


def test_training_on_drops_the_record(guarded, training):
    """Neither does the record hold for a net or a scaler that learns from more."""
    net = attach(guarded[-1], TrainingRecord()).set_params(warm_start=True, max_epochs=3)
    net.fit(np.log10(training.maps), training.target)
    scaler = attach(FieldScaler().fit(X), TrainingRecord())
    scaler.partial_fit(X)
    for part in (net, scaler):
        assert not {"training_record_", "_training_record"} & vars(part).keys()


def test_clone_has_no_record_and_a_pickle_has(guarded, held_out):
    """A copy of the parameters was not trained; a copy of the model was."""
    assert not hasattr(clone(guarded), "training_record_")
    again = pickle.loads(pickle.dumps(guarded))
    assert again.training_record_ == guarded.training_record_
    with pytest.warns(TrainingRangeWarning):
        again.predict(1e6 * held_out.maps)


def test_inverse_transform_is_not_asked():
    """Transformed maps are unlike those of the training by intent."""
    scaler = FieldScaler().fit(1e6 * X)
    converter = UnitConverter("g", "kg", dim=2).fit(1e6 * X)
    for step in (scaler, converter):
        attach(step, TrainingRecord.make(step, {"maps": 1e6 * X}))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            step.inverse_transform(step.transform(1e6 * X))
        with pytest.warns(TrainingRangeWarning):
            step.transform(X)


def test_names_of_models_stay(guarded):
    """Hashes by which files and runs are found again know no record."""
    plain = attach(pickle.loads(pickle.dumps(guarded)), None)
    assert fingerprint(fitted_identity(guarded)) == fingerprint(fitted_identity(plain))
    log = SignedLog().fit(X)
    assert fingerprint(attach(log, TrainingRecord())) == fingerprint(SignedLog().fit(X))
