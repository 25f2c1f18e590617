"""What is noted of the training, and what it says of other data."""

import json

import h5py
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from skastro.ensemble import SliceClassifier
from skastro.exceptions import LeakageWarning, TrainingRangeWarning
from skastro.maps import open_maps
from skastro.persistence import TrainingRecord, _record_made
from skastro.simulation import make_camels_like, make_gaussian_fields, make_ionized_boxes
from skastro.statistics import Moments, PowerSpectrum

NO_UNITS = {"units": None, "frames": None}


def changed(data, **values):
    """A Bunch with other values."""
    return Bunch(**(dict(data) | values))


@pytest.fixture
def record(model, training):
    """The record of the pipeline."""
    return TrainingRecord.make(model, training, scores={"r2": [0.5, 0.7]}, notes="by hand")


def test_record_says_what_the_bunch_says(record, training):
    """Fields, units, lengths, targets and groups are those of the training data."""
    assert record.field_names == ("Mgas", "T")
    assert record.units == ("solMass", "K")
    assert record.frames == ("comoving", None)
    assert record.redshift == (6.0, 8.0)
    assert (record.box_size, record.cell_size) == (25.0, 3.125)
    assert record.origin == {"suite": "Mock"}
    assert record.sample_shape == (2, 8, 9)
    assert (record.n_samples, record.n_groups, record.n_maps_read) == (30, 10, 30)
    assert record.target_names == ("Omega_m", "sigma_8")
    low, high = training.target.min(0), training.target.max(0)
    assert record.target_range["sigma_8"] == (low[1], high[1])
    of_channel = training.maps[:, 1]
    assert record.value_range[1] == (of_channel.min(), of_channel.max())
    means = of_channel.mean((1, 2), dtype=float)
    np.testing.assert_allclose(record.statistics["mean"][1], (means.min(), means.max()))
    assert (record.scores, record.notes) == ({"r2": (0.5, 0.7)}, "by hand")


def test_record_says_what_the_model_knows(model):
    """Without data there are the shape, the losses and the noise."""
    record = TrainingRecord.make(model)
    assert record.sample_shape == (2, 8, 9)
    assert [epoch["epoch"] for epoch in record.history["cnnregressor"]] == [1, 2]
    (noise,) = record.noise
    assert noise.startswith("WhiteNoise(")
    assert noise.endswith(", in fit alone")
    assert record.value_range is record.groups is record.units is record.n_samples is None


def test_record_of_a_search():
    """The best candidate and its score are noted, as are the classes."""
    X = np.random.default_rng(0).normal(size=(12, 4, 4))
    model = make_pipeline(Moments(), DummyClassifier())
    search = GridSearchCV(model, {"dummyclassifier__strategy": ["prior", "uniform"]}, cv=2)
    record = TrainingRecord.make(search.fit(X, np.arange(12) % 2))
    assert record.search["n_candidates"] == 2
    assert record.search["best_params"]["dummyclassifier__strategy"] in ("prior", "uniform")
    assert record.search["best_score"] == search.best_score_
    assert record.classes == (0, 1)


def test_json_and_back(record):
    """The record survives JSON, which has no tuples and no NaN."""
    text = json.dumps(record.to_json(), allow_nan=False)
    assert TrainingRecord.from_json(json.loads(text)) == record
    later = json.loads(text) | {"of_a_later_version": 1}
    assert TrainingRecord.from_json(later) == record
    assert TrainingRecord.from_json({}) == TrainingRecord()


@pytest.mark.parametrize(
    "values",
    [
        {"statistics": {"mean": [[0, 1]]}},
        {"statistics": {"mean": 3}},
        {"value_range": [["a", "b"]]},
        {"target_range": {"y": [0]}},
        {"groups": 5},
    ],
)
def test_damaged_record_is_refused(record, values):
    """What cannot be compared with is found when it is read."""
    with pytest.raises(ValueError, match="record of the training"):
        TrainingRecord.from_json(record.to_json() | values)


@pytest.mark.parametrize(
    "load",
    [
        lambda: make_camels_like(None, 1, fields=["T", "Mgas"], n_cells=16, random_state=0),
        lambda: make_gaussian_fields(4, (8, 8), random_state=0),
        lambda: make_ionized_boxes(2, n_cells=16, redshift=[7, 9], random_state=0),
    ],
)
def test_record_of_loaders(load):
    """What loaders and mocks return is understood."""
    data = load()
    record = TrainingRecord.make(PowerSpectrum().fit(data.maps), data)
    assert json.dumps(record.to_json(), allow_nan=False)
    assert record.n_samples == len(data.maps)
    assert record.n_groups == len(set(data.groups.tolist()))
    assert record.box_size > 0
    n_channels = len(data.field_names) if "field_names" in data else 1
    assert len(record.value_range) == n_channels
    record.check_data(data)
    record.check_maps(data.maps)


def test_classes_have_their_names():
    """Of a classifier the names of the targets are those of its classes, without a range."""
    cubes = np.random.default_rng(0).normal(size=(6, 4, 4, 4))
    data = Bunch(maps=cubes, target=np.arange(6) % 2, target_names=["z=6", "z=7"])
    model = SliceClassifier(DummyClassifier()).fit(data.maps, data.target)
    record = TrainingRecord.make(model, data)
    assert record.target_names == ("z=6", "z=7")
    assert record.target_range is None


def test_target_of_fields_has_one_range():
    """A target that is a field has the range of its cells."""
    X = np.random.default_rng(0).normal(size=(5, 6, 6))
    record = TrainingRecord.make(Moments().fit(X), Bunch(maps=X, target=open_maps(2 * X)))
    low, high = record.target_range["target"]
    np.testing.assert_allclose((low, high), (2 * X.min(), 2 * X.max()), rtol=1e-6)
    record.check_predictions(2 * X)
    with pytest.warns(TrainingRangeWarning, match="'target'"):
        record.check_predictions(9 * X)


def test_lazy_maps_are_read_in_chunks(training, tmp_path, model):
    """Maps in a file give the record of those in memory."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["maps"] = training.maps
    lazy = changed(training, maps=open_maps(tmp_path / "maps.h5"))
    assert TrainingRecord.make(model, lazy) == TrainingRecord.make(model, training)


def test_large_maps_are_read_in_part(training, model, monkeypatch):
    """Of maps that take too much, some at equal steps are read, and how many is noted."""
    monkeypatch.setattr(_record_made, "_N_BYTES", 7 * training.maps[0].nbytes)
    record = TrainingRecord.make(model, training)
    assert (record.n_samples, record.n_maps_read) == (30, 7)
    some = training.maps[[0, 5, 10, 14, 19, 24, 29], 0]
    assert record.value_range[0] == (some.min(), some.max())


@pytest.mark.parametrize("given", [np.zeros((4, 2, 8, 9)), Bunch(target=[1]), "file.h5"])
def test_data_must_be_a_bunch(model, given):
    """An array does not say what it is."""
    with pytest.raises(TypeError, match=r"'data' parameter must be the Bunch.*Bunch\(maps=X"):
        TrainingRecord.make(model, given)


def test_data_must_be_those_of_the_training(model):
    """Maps of another shape are not what was trained on."""
    with pytest.raises(ValueError, match=r"\(2, 8, 9\)\. Got samples of shape \(2, 8, 8\)"):
        TrainingRecord.make(model, Bunch(maps=np.zeros((4, 2, 8, 8))))


def test_groups_tell_simulations_apart(record, training, model):
    """The hash is that of the set of groups, and each group can be asked for."""
    turned = changed(training, groups=training.groups[::-1].astype("int16"))
    assert TrainingRecord.make(model, turned).groups_hash == record.groups_hash
    other = changed(training, groups=training.groups + 1)
    assert TrainingRecord.make(model, other).groups_hash != record.groups_hash
    assert record.trained_on([9, 10, 9, -1]).tolist() == [True, False, True, False]
    with pytest.warns(LeakageWarning, match="1 of 2 samples"):
        record.check_groups(np.array([3, 30]))
    record.check_groups(np.array([30, 31]))


def test_unknown_groups(model, training, monkeypatch):
    """Too many groups are known by one hash alone."""
    monkeypatch.setattr(_record_made, "_N_GROUPS", 5)
    record = TrainingRecord.make(model, training)
    assert (record.n_groups, record.groups) == (10, None)
    assert record.groups_hash is not None
    record.check_groups(training.groups)
    with pytest.raises(ValueError, match="Compare all of them by groups_hash"):
        record.trained_on([1])


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ({"r2": np.float32(0.5)}, {"r2": 0.5}),
        ({"r2": np.array([0.5, np.nan])}, {"r2": (0.5, None)}),
        ({"CNN": {"r2": [1]}}, {"CNN": {"r2": (1,)}}),
        ({"test_score": np.ones(2), "estimator": [Ridge()]}, {"test_score": (1.0, 1.0)}),
    ],
)
def test_scores_become_plain(model, scores, found):
    """Numbers, folds and what cross_validate returns are understood; NaN is None."""
    assert TrainingRecord.make(model, scores=scores).scores == found


@pytest.mark.parametrize("scores", [0.5, [0.5], {"r2": Ridge()}])
def test_scores_must_have_names(model, scores):
    """A bare number says nothing."""
    with pytest.raises(TypeError, match="'scores' parameter"):
        TrainingRecord.make(model, scores=scores)


def test_fresh_maps_are_like_those_of_the_training(record, held_out):
    """Maps of other simulations pass, together, alone and as lazy maps."""
    record.check_maps(held_out.maps)
    record.check_maps(open_maps(held_out.maps))
    for one in held_out.maps:
        record.check_maps(one[None])


@pytest.mark.parametrize(
    ("unlike", "words"),
    [
        (lambda X: 1e6 * X, r"Values spread \S*e\+0[56] times as far"),
        (lambda X: 1e-3 * X, "are the units others"),
        (np.log10, r"channel 0 \(Mgas\), in training in solMass, the"),
        (lambda X: X[:, ::-1], "unlike the training maps"),
        (lambda X: -X, "unlike the training maps"),
        (lambda X: X * np.array([1, 100]).reshape(1, 2, 1, 1), r"channel 1 \(T\)"),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, open_maps, lambda X: X[:1]])
def test_unlike_maps_are_warned_of(record, held_out, unlike, words, form):
    """Other units, logarithms, another order and another sign are found."""
    with pytest.warns(TrainingRangeWarning, match=words) as caught:
        record.check_maps(form(np.ascontiguousarray(unlike(held_out.maps))))
    assert len(caught) == 1


def test_one_odd_map_of_many_is_no_alarm(record, held_out):
    """One map in ten says nothing of the units."""
    some = held_out.maps[:10].copy()
    some[3] *= 1e6
    record.check_maps(some)
    some[4] *= 1e6
    with pytest.warns(TrainingRangeWarning, match="2 of 10 maps"):
        record.check_maps(some)


def test_fields_of_both_signs_may_have_other_means():
    """A mean that was negative in all training maps may be a little above zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 8, 8)) - 0.5
    record = TrainingRecord.make(Moments().fit(X), Bunch(maps=X))
    record.check_maps(X + 0.6)
    with pytest.warns(TrainingRangeWarning, match="mean"):
        record.check_maps(X + 5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"field_names": ["T", "Mgas"]} | NO_UNITS, r"another order.*maps\[:, \[1, 0\]\]"),
        ({"field_names": ["Mgas", "Z"]}, "is given Mgas, Z. Give the fields"),
        ({"units": ["kg", "K"]}, r"Mgas in 'solMass', given in 'kg' \(multiply by 5\.029\d*e-31\)"),
        ({"units": ["g", "mK"]}, r"UnitConverter\(to_units=\['solMass', 'K'\]\)\.convert_bunch"),
        ({"units": ["g / cm3", "K"]}, r"\(which cannot be converted\)\. Give the quantities"),
        ({"units": ["Msun / littleh", "K"]}, r"not known here.*hubble=\.\.\."),
        ({"units": ["Msun / littleh", "K"], "hubble": 0.5}, r"multiply by 2\).*hubble=0\.5"),
        ({"frames": ["proper", None]}, "Mgas comoving, given proper"),
        ({"redshift": 5.5}, "trained on redshifts 6 to 8 and is given 5.5"),
        ({"redshift": [7, 10]}, "is given 7 to 10"),
        ({"box_size": 50}, "box_size=25 and is given box_size=50"),
        ({"cell_size": (3.125, 4.0)}, "cell_size=3.125 and is given cell_size=3.125, 4 "),
        ({"maps": np.zeros((1, 2, 8, 8))}, r"shape \(2, 8, 9\) and is given .* \(2, 8, 8\)"),
        ({"suite": "SIMBA"}, "suite='Mock' and is given suite='SIMBA'"),
    ],
)
def test_unlike_data_are_warned_of(record, held_out, values, words):
    """Each kind of difference has one warning, with a remedy."""
    with pytest.warns(TrainingRangeWarning, match=words) as caught:
        record.check_data(changed(held_out, **values))
    assert len(caught) == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"units": ["Msun", "Kelvin"], "box_size": 25.1},
        {"units": None, "redshift": None, "field_names": None, "box_size": None},
        {"redshift": (6.0, 8.0001)},
        {"frames": ["comoving", "comoving"]},
    ],
)
def test_like_data_pass(record, held_out, values):
    """Other names of the same, and what is not stated, are no difference."""
    record.check_data(changed(held_out, **values))


def test_units_go_with_their_fields(record, held_out):
    """Fields in another order are one difference, not two."""
    turned = changed(held_out, field_names=["T", "Mgas"], units=["K", "Msun"], frames=None)
    with pytest.warns(TrainingRangeWarning) as caught:
        record.check_data(turned)
    assert len(caught) == 1


def test_data_to_check_are_a_bunch(record):
    """Arrays state nothing."""
    with pytest.raises(TypeError, match="check_maps"):
        record.check_data(np.zeros((2, 2, 8, 9)))


def test_predictions_beyond_the_targets(record, training):
    """A prediction may lie a tenth of the range outside, and one in a hundred further."""
    low, high = np.array([record.target_range[name] for name in record.target_names]).T
    y = np.tile(high + 0.05 * (high - low), (200, 1))
    y[:2, 0] = 100
    record.check_predictions(y)
    y[2, 0] = -100
    with pytest.warns(TrainingRangeWarning, match=r"1.5 % of 'Omega_m' \(trained on") as caught:
        record.check_predictions(y)
    assert "sigma_8" not in str(caught[0].message)


def test_nothing_known_is_nothing_checked(held_out):
    """A record that is empty warns of nothing."""
    record = TrainingRecord()
    record.check_data(held_out)
    record.check_maps(held_out.maps)
    record.check_predictions(held_out.target)
    record.check_groups(held_out.groups)


def test_a_step_of_scikit_learn_may_come_first():
    """Data are noted where no part of this library sees them first."""
    X = np.random.default_rng(0).normal(size=(8, 5))
    record = TrainingRecord.make(make_pipeline(PCA(2), Ridge()).fit(X, X[:, 0]), Bunch(maps=X))
    assert (record.sample_shape, len(record.value_range)) == ((5,), 1)
