"""Objects in files that were made to do harm once they are asked: all are refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer, OneHotEncoder

from skastro.exceptions import ModelFileError
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.persistence import TrainingRecord, _kinds_objects, describe, load, save
from skastro.preprocessing import FieldScaler, SignedLog

_SPEC = importlib.util.spec_from_file_location("forging", Path(__file__).with_name("forging.py"))
forging = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(forging)
mapping = forging.mapping

MAPS = np.random.default_rng(0).normal(size=(8, 6, 6)).astype("float32")
TABLE = np.random.default_rng(1).normal(size=(30, 3))
CLASSES = np.arange(30) % 3
ENDLESS = {"type": "range", "bounds": [0, 1 << 62, 1]}
SINH = {"type": "function", "name": "numpy.sinh"}
EMPTY = {"type": "array", "dtype": "|b1", "shape": [0], "data": {"type": "raw", "number": "x"}}


def replaced(name, value):
    """An edit that puts a value in the place of an attribute."""

    def edit(tree, arrays):
        values, i = forging.part(tree, name)
        values[i] = value
        arrays["x"] = np.zeros(0, dtype=bool)
        if "'x'" not in str(value):
            del arrays["x"]

    return edit


def of_torch(kind, state, **parts):
    """The node of a module of torch."""
    node = {"type": kind, "class": "torch.nn.Tanh", "state": mapping(**state)}
    if kind == "module":
        node |= {name: mapping() for name in ("parameters", "buffers", "modules")}
        node |= {"temporary": []} | parts
    return node


VALUES = {
    "seeds": {
        "type": "seeds",
        "entropy": 1,
        "spawn_key": ENDLESS,
        "pool_size": 4,
        "n_children": 0,
    },
    "entropy": {
        "type": "seeds",
        "entropy": ENDLESS,
        "spawn_key": [],
        "pool_size": 4,
        "n_children": 0,
    },
    "distribution": {
        "type": "distribution",
        "name": "norm",
        "args": ENDLESS,
        "keywords": mapping(),
    },
    "loss": {
        "type": "loss",
        "home": "sklearn._loss._loss",
        "name": "CyHuberLoss",
        "args": ENDLESS,
    },
    "range": {"type": "range", "bounds": ENDLESS},
    "buffers": of_torch("module", {}, buffers=mapping(a=None), temporary=ENDLESS),
    "fill": {"type": "masked array", "data": EMPTY, "mask": EMPTY, "fill": ENDLESS},
    "module as an object": of_torch("object", {"training": True}),
    "hooks of an object": of_torch("object", {"_forward_hooks": mapping(a=SINH)}),
    "call of a module": of_torch("module", {"_compiled_call_impl": SINH}),
    "equal hashes": {
        "type": "set",
        "items": [{"type": "int", "digits": f"{((1 << 61) - 1) * k:x}"} for k in range(1, 10_002)],
    },
}


@pytest.mark.parametrize("name", VALUES)
def test_values_without_end_and_calls(name, changed):
    """What would take for ever to read, or be called in place of a module, is refused."""
    with pytest.raises(ModelFileError):
        load(changed(SignedLog().fit(MAPS), replaced("scale", VALUES[name])))


@pytest.mark.parametrize("key", ["memory", "_skl_callbacks", "steps"])
def test_slots_are_those_of_the_class(key, changed):
    """No attribute goes round the checks of the others."""

    def edit(tree, arrays):
        tree["slots"] = mapping(**{key: "/tmp/evil"})

    with pytest.raises(ModelFileError, match="slot"):
        load(changed(make_pipeline(SignedLog()), edit))


def test_no_object_brings_its_own_record(changed):
    """What is asked about maps before a prediction is the record of the file alone."""

    def edit(tree, arrays):
        tree["state"]["keys"].append("_training_record")
        tree["state"]["values"].append(3)

    with pytest.raises(ModelFileError, match="record"):
        load(changed(SignedLog().fit(MAPS), edit))


@pytest.mark.parametrize(
    "node",
    [
        {"type": "class", "name": "sklearn.svm.SVC"},
        {"type": "function", "name": "sklearn.metrics.r2_score"},
        {"type": "bunch", "is_of_maps": False, "keys": [], "values": []},
        "model",
    ],
)
def test_a_model_is_an_object(node, changed):
    """A class or a function of a library, which all share, is given no record."""

    def edit(tree, arrays):
        tree.clear()
        tree.update(node if isinstance(node, dict) else {"type": node})

    with pytest.raises(ModelFileError, match="no estimator"):
        load(changed(SignedLog(), edit))


@pytest.mark.parametrize("model", [Ridge, [Ridge()], "model"])
def test_only_objects_are_saved(model, tmp_path):
    """Nor is such a thing written."""
    with pytest.raises(ModelFileError, match="takes a fitted estimator"):
        save(model, tmp_path / "model.skastro")
    assert not list(tmp_path.iterdir())


def test_nets_are_made_of_weights_alone(changed):
    """A net that comes as an attribute is not taken for one that was checked."""
    net = CNNRegressor(ConvNet(1, 2), max_epochs=1, n_threads=1).fit(MAPS, MAPS[:, 0, 0])

    def edit(tree, arrays):
        keys = tree["state"]["keys"]
        keys[keys.index("_weights")] = "net_"

    with pytest.raises(ModelFileError, match="instead of its weights"):
        load(changed(net, edit))


def boosting(**attributes):
    """Boosted trees of three classes, with other attributes."""
    model = GradientBoostingClassifier(n_estimators=1, max_depth=1).fit(TABLE, CLASSES)
    vars(model).update(attributes)
    return model


def with_attributes(model, **attributes):
    """A fitted model with other attributes."""
    vars(model).update(attributes)
    return model


def one_hot(table=(["a"], ["b"], ["c"]), options=(), **attributes):
    """A fitted encoder with other attributes."""
    return with_attributes(OneHotEncoder(**dict(options)).fit(list(table)), **attributes)


def binary_loss():
    """The loss of two classes."""
    model = GradientBoostingClassifier(n_estimators=1).fit(TABLE, CLASSES > 0)
    return model._loss


COMPILED = {
    "columns of one loss": lambda: boosting(_loss=binary_loss()),
    "columns of the start": lambda: boosting(init_=DummyClassifier().fit(TABLE, CLASSES > 0)),
    "another start": lambda: GradientBoostingRegressor(n_estimators=1, init=Ridge()).fit(
        TABLE, TABLE[:, 0]
    ),
    "features of trees": lambda: with_attributes(
        IsolationForest(n_estimators=2).fit(TABLE), n_features_in_=1, _max_features=1
    ),
    "chosen features": lambda: with_attributes(
        IsolationForest(n_estimators=2, max_features=2).fit(TABLE),
        estimators_features_=[np.arange(1)] * 2,
    ),
    "fewer columns": lambda: one_hot(_n_features_outs=[1]),
    "dropped before the first": lambda: one_hot(
        options={"drop": "first"}, _drop_idx_after_grouping=np.array([-500], dtype=object)
    ),
    "groups of categories": lambda: one_hot(
        [["a"], ["a"], ["b"], ["c"]],
        {"min_frequency": 2},
        _default_to_infrequent_mappings=[np.array([0, 5, 900])],
    ),
    "rare without a group": lambda: one_hot(
        [["a"], ["a"], ["b"], ["c"]],
        {"min_frequency": 2},
        _default_to_infrequent_mappings=[None],
        _n_features_outs=[3],
    ),
    "unsorted numbers": lambda: one_hot([[1], [3]], categories_=[np.array([3, 1])]),
    "numbers of labels": lambda: with_attributes(
        MultiLabelBinarizer().fit([["a"]]), _cached_dict={"a": 5000}
    ),
    "few labels": lambda: with_attributes(
        KNeighborsClassifier().fit(TABLE, CLASSES), _y=CLASSES[:3]
    ),
    "labels of no class": lambda: with_attributes(
        KNeighborsClassifier().fit(TABLE, CLASSES), _y=CLASSES + 900
    ),
    "norms of other points": lambda: with_attributes(
        KNeighborsClassifier().fit(TABLE, CLASSES),
        effective_metric_params_={"Y_norm_squared": np.ones(1)},
    ),
    "threads": lambda: with_attributes(KNeighborsClassifier(), n_jobs=10**6),
}


@pytest.mark.parametrize("name", COMPILED)
def test_what_compiled_code_would_trust(name, tmp_path, monkeypatch):
    """Numbers by which compiled code reads and writes beyond its arrays are refused."""
    path, model = tmp_path / "model.skastro", COMPILED[name]()
    with pytest.raises(ModelFileError):
        save(model, path)
    with monkeypatch.context() as patched:
        patched.setattr(_kinds_objects, "check_estimator", lambda made: None)
        save(model, path, with_card=False)
    with pytest.raises(ModelFileError, match=r"do not fit|not those|other numbers"):
        load(path)


def test_weights_of_search_trees(changed):
    """Weights of other points would be read beyond their end."""
    model = KernelDensity().fit(TABLE, sample_weight=np.ones(30))

    def edit(tree, arrays):
        (node,) = (node for node in forging.nodes(tree) if node["type"] == "search tree")
        node["weights"]["shape"] = [1]
        key = node["weights"]["data"]["number"]
        arrays[key] = arrays[key][:1]

    with pytest.raises(ModelFileError, match="weights of other points"):
        load(changed(model, edit))


def test_keys_that_could_not_be_read_are_not_written(tmp_path):
    """The limit on keys is the same in save, and strings have none."""
    values = dict.fromkeys(map(str, range(10_001)))
    save(SignedLog(values), tmp_path / "model.skastro")
    with pytest.raises(ModelFileError, match="10001 keys"):
        save(SignedLog({(i,): 0 for i in range(10_001)}), tmp_path / "model.skastro")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("field_names", 5),
        ("units", [[1]]),
        ("redshift", "ab"),
        ("redshift", [1, 2, 3]),
        ("box_size", "x"),
        ("box_size", []),
        ("origin", ["suite"]),
        ("sample_shape", "a"),
        ("n_samples", -1),
        ("groups", 3),
        ("history", {"net": [1]}),
        ("search", {}),
        ("notes", [1]),
        ("statistics", {"mean": [[0, 1]]}),
    ],
)
def test_records_that_nothing_can_be_compared_with(name, value):
    """A record of other types is refused by load, not found out in a prediction."""
    with pytest.raises(ValueError, match="record of the training"):
        TrainingRecord.from_json({name: value})


def test_card_and_versions_are_text(tmp_path):
    """A card is text, and versions are words that steer no terminal."""
    path = save(FieldScaler().fit(MAPS), tmp_path / "model.skastro", with_card=False)
    manifest, tree, arrays = forging.parts_of(path)
    forging.write(path, manifest, tree | {"card": [1]}, arrays)
    with pytest.raises(ModelFileError, match="card"):
        describe(path)
    versions = manifest["versions"] | {"skastro": "\x1b[2J"}
    forging.write(path, manifest | {"versions": versions}, tree, arrays)
    with pytest.raises(ModelFileError, match="manifest"):
        describe(path)
