"""Files that were damaged, or made to do harm: all are refused, none does any."""

import importlib.util
import json
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from skastro.exceptions import ModelFileError
from skastro.nets import ConvNet, Pretrained
from skastro.neural_network import CNNRegressor
from skastro.persistence import describe, load, save
from skastro.preprocessing import FieldScaler, SignedLog

_SPEC = importlib.util.spec_from_file_location("forging", Path(__file__).with_name("forging.py"))
forging = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(forging)
MEMBERS, nodes, part, parts_of, write = (
    forging.MEMBERS,
    forging.nodes,
    forging.part,
    forging.parts_of,
    forging.write,
)

MAPS = np.random.default_rng(0).normal(size=(8, 6, 6)).astype("float32")
TABLE = np.random.default_rng(1).normal(size=(30, 3))
TRAINING = {"max_epochs": 1, "n_threads": 1, "random_state": 0}


@pytest.fixture(scope="module")
def scaler(tmp_path_factory):
    """File of a small model."""
    path = tmp_path_factory.mktemp("scaler") / "scaler.skastro"
    return save(FieldScaler().fit(MAPS), path, with_card=False)


@pytest.fixture(scope="module")
def net():
    """A fitted net."""
    return CNNRegressor(ConvNet(1, 2), **TRAINING).fit(MAPS, MAPS.std((1, 2)))


def refused(path, words=None):
    """The error of a file that is not read."""
    with pytest.raises(ModelFileError, match=words) as error:
        load(path)
    assert str(path) in str(error.value)
    return str(error.value)


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_foreign_files(tmp_path):
    """What is no model is named, and no pickle runs."""
    path, trace = tmp_path / "model.skastro", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    assert "pickle" in refused(path)
    torch.save({"a": torch.ones(2)}, path)
    refused(path, "members")
    with h5py.File(path, "w") as file:
        file["a"] = 1
    refused(path, "HDF5")
    np.save(tmp_path / "a.npy", np.ones(2))
    refused(tmp_path / "a.npy", "NumPy")
    path.write_bytes(b"")
    refused(path, "empty")
    path.write_text("a model" * 20)
    refused(path, "no zip archive")
    refused(tmp_path, "folder")
    assert not trace.exists()
    for read in (load, describe):
        with pytest.raises(FileNotFoundError, match=r"absent\.skastro"):
            read(tmp_path / "absent.skastro")


def test_every_cut_is_refused(scaler, tmp_path):
    """A file that is cut off anywhere, or goes on, is refused by load and describe."""
    content, path = scaler.read_bytes(), tmp_path / "cut.skastro"
    for n in [*range(0, len(content), 41), len(content) - 1]:
        path.write_bytes(content[:n])
        refused(path)
        with pytest.raises(ModelFileError):
            describe(path)
    for longer in (content + b"\0", b"\0" + content, content + content):
        path.write_bytes(longer)
        refused(path)


def test_every_flip_is_refused_or_harmless(scaler, tmp_path):
    """A bit that is flipped is found, or is one that nothing depends on."""
    content, path = scaler.read_bytes(), tmp_path / "flipped.skastro"
    expected = load(scaler).transform(MAPS)
    rng, n_refused = np.random.default_rng(0), 0
    for place in rng.choice(len(content), 250, replace=False).tolist():
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            found = load(path).transform(MAPS)
        except ModelFileError:
            n_refused += 1
        else:
            np.testing.assert_array_equal(found, expected)
    assert n_refused > 200


def test_members(scaler, tmp_path):
    """Other members, the same twice, paths, compression, and wrong checksums are refused."""
    path = tmp_path / "model.skastro"
    manifest, tree, arrays = parts_of(scaler)
    load(write(path, manifest, tree, arrays))
    write(path, manifest, tree, arrays, compression=zipfile.ZIP_DEFLATED)
    refused(path, "compressed")
    for extra in ("../evil", "model.json", "/etc/passwd", "data.pkl"):
        write(path, manifest, tree, arrays)
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of zipfile, of a name that is there
            archive.writestr(extra, "x")
        refused(path, "members")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../manifest.json", *MEMBERS[1:]):
            archive.writestr(zipfile.ZipInfo(name), "{}")
    refused(path, "members")
    write(path, manifest, tree | {"text": "another"}, arrays, hashes=False)
    refused(path, "checksum")
    for wrong in ({}, {"sha256": None}, {"created": 3}, {"versions": {"a": []}}, {"format": "x"}):
        write(path, {**manifest, **wrong} if wrong else {}, tree, arrays, hashes=False)
        refused(path, "manifest")
    write(path, manifest | {"format_version": 2}, tree, arrays)
    assert "Install a newer skastro" in refused(path, "version 2")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000 + b"]" * 200_000,
        b'{"model": ' + b'{"type": "tuple", "items": [' * 900 + b"]}" * 900 + b"}",
        b'{"model": NaN}',
        b'{"model": 1, "model": 2}',
        b'{"model": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
        b"[]",
        b'"model"',
    ],
    ids=["deep lists", "deep nodes", "nan", "twice", "long", "no text", "list", "text"],
)
def test_hostile_json(text, scaler, tmp_path):
    """Text that would exhaust a parser, or means two things, is refused."""
    manifest, _, arrays = parts_of(scaler)
    refused(write(tmp_path / "model.skastro", manifest, text, arrays))


HOSTILE = {
    "function": {"type": "function", "name": "os.system"},
    "builtin": {"type": "function", "name": "builtins.eval"},
    "loader": {"type": "function", "name": "numpy.load"},
    "method": {"type": "function", "name": "sklearn.metrics.os.system"},
    "class": {"type": "class", "name": "subprocess.Popen"},
    "object": {
        "type": "object",
        "class": "subprocess.Popen",
        "state": {"type": "dict", "keys": [], "values": []},
    },
    "module of a file": {
        "type": "object",
        "class": "antigravity.Fly",
        "state": {"type": "dict", "keys": [], "values": []},
    },
    "a display": {
        "type": "object",
        "class": "skastro.maps.LazyMaps",
        "state": {"type": "dict", "keys": [], "values": []},
    },
    "no kind": {"type": "pickle", "data": "x"},
    "kind": {"type": ["object"]},
    "no type": {"a": 1},
    "parts": {"type": "tuple", "items": [], "more": 1},
    "before itself": {"type": "tuple", "id": 0, "items": [{"type": "same", "as": 0}]},
    "shared before": {"type": "same", "as": 7},
    "unhashable": {"type": "set", "items": [[]]},
    "key twice": {"type": "dict", "keys": ["a", "a"], "values": [1, 2]},
    "big": 1 << 70,
    "float": {"type": "float", "value": "1e9"},
    "array": {"type": "array", "dtype": "<f8", "shape": [10**6, 10**6, 10**6], "items": []},
    "objects": {"type": "array", "dtype": "|O", "shape": [10**12], "items": []},
    "negative": {"type": "array", "dtype": "|O", "shape": [-1, -1], "items": [1]},
    "dtype": {"type": "dtype", "dtype": "f8, (99999999,)f8"},
    "absent array": {"type": "raw", "number": "99"},
    "unit": {"type": "unit", "scale": 1.0, "names": ["__import__"], "powers": [[1, 1]]},
    "distribution": {"type": "distribution", "name": "os", "args": [], "keywords": {}},
    "loss": {"type": "loss", "home": "os", "name": "system", "args": []},
    "partial": {"type": "partial", "function": "ls", "args": [], "keywords": {}},
    "tensor module": {
        "type": "module",
        "class": "torch.nn.LSTM",
        "state": {"type": "dict", "keys": [], "values": []},
        "parameters": {"type": "dict", "keys": [], "values": []},
        "buffers": {"type": "dict", "keys": [], "values": []},
        "temporary": [],
        "modules": {"type": "dict", "keys": [], "values": []},
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values(name, changed):
    """Names and shapes that no file should hold are refused."""

    def edit(tree, arrays):
        values, i = part(tree, "scale")
        values[i] = HOSTILE[name]

    before = set(sys.modules)
    refused(changed(SignedLog().fit(MAPS), edit))
    assert not {"antigravity"} & (set(sys.modules) - before)


@pytest.mark.parametrize("name", ["transform", "_validate_params", "__class__", "__dict__"])
def test_no_attribute_takes_the_place_of_a_method(name, changed):
    """What an object does is said by its class alone."""

    def edit(tree, arrays):
        node = next(node for node in nodes(tree) if node["type"] == "dict")
        node["keys"].append(name)
        node["values"].append({"type": "function", "name": "numpy.sinh"})

    refused(changed(SignedLog(), edit), "attribute")


def test_no_memory_and_no_callbacks(changed):
    """A path from which joblib would unpickle is refused, as are callbacks."""

    def edit(tree, arrays):
        values, i = part(tree, "memory")
        values[i] = "/tmp/evil"

    refused(changed(make_pipeline(SignedLog()), edit), "memory")


def test_absurd_nets(changed, net):
    """A net of other weights than those in the file is refused before memory is taken."""
    for name, value in {
        "n_layers": 10**9,
        "n_filters": 10**9,
        "kernel_size": 10**6,
        "n_convolutions": 900,
        "hidden_layer_sizes": [10**6, 10**6],
        "readout": "mean",
    }.items():

        def edit(tree, arrays, name=name, value=value):
            values, i = part(tree, name)
            values[i] = value

        refused(changed(net, edit))
    for shape in ([1, 10**6, 10**6], [1, -6, 6], [1.5, 6, 6], ["a"], [], [10**6, 6, 6]):

        def edit(tree, arrays, shape=shape):
            values, i = part(tree, "_architecture")
            values[i]["items"][1]["items"] = shape

        refused(changed(net, edit))


def test_absurd_maps_of_a_trained_module(changed, net):
    """A trained module is not put to maps of absurd size."""
    pretrained = CNNRegressor(Pretrained(net.net_.module_), **TRAINING).fit(MAPS, MAPS[:, 0, 0])

    def edit(tree, arrays):
        values, i = part(tree, "_architecture")
        values[i]["items"][1]["items"] = [1, 40_000, 40_000]

    refused(changed(pretrained, edit))


def test_weights_that_do_not_fit(changed, net):
    """Weights by other names or shapes are refused."""

    def edit(tree, arrays):
        values, i = part(tree, "_weights")
        values[i]["keys"][0] = "another"

    refused(changed(net, edit), "not those of its net")


def column(nodes, offset, dtype):
    """A view of a field of the nodes of a tree, which a file keeps as bytes."""
    size = 64
    return np.lib.stride_tricks.as_strided(
        nodes[offset : offset + np.dtype(dtype).itemsize].view(dtype),
        (len(nodes) // size,),
        (size,),
    )


@pytest.mark.parametrize(
    ("offset", "value"), [(0, 10**6), (0, 0), (8, -5), (8, 1), (16, 99), (16, -1)]
)
def test_nodes_of_trees(offset, value, changed):
    """Trees whose nodes point elsewhere would let compiled code read and write anywhere."""

    def edit(tree, arrays):
        key = max((k for k in arrays if arrays[k].dtype == np.uint8), key=lambda k: len(arrays[k]))
        column(arrays[key], offset, "<i8")[0] = value

    model = DecisionTreeRegressor(max_depth=3).fit(TABLE, TABLE[:, 0])
    assert refused(changed(model, edit), "tree")


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (DecisionTreeRegressor(), "max_depth", 0),
        (DecisionTreeRegressor(), "n_features_in_", 1),
        (GradientBoostingRegressor(n_estimators=2), "n_trees_per_iteration_", 3),
        (GradientBoostingRegressor(n_estimators=2), "n_features_in_", 2),
        (HistGradientBoostingRegressor(max_iter=2), "n_features_in_", 1),
        (HistGradientBoostingRegressor(max_iter=2), "n_bins", 3),
        (HistGradientBoostingRegressor(max_iter=2), "nodes", None),
        (SVC(), "shape_fit_", [1, 3]),
        (SVC(), "_n_support", None),
        (SVC(), "_sparse", True),
        (StandardScaler(), "mean_", {"type": "raw", "number": "0"}),
    ],
)
def test_parts_that_do_not_fit(model, name, value, changed):
    """Shapes that compiled code would trust are compared with each other."""

    def edit(tree, arrays):
        values, i = part(tree, name)
        values[i] = value

    y = TABLE[:, 0] > 0 if isinstance(model, SVC) else TABLE[:, 0]
    refused(changed(model.fit(TABLE, y), edit))


def test_arrays_that_nothing_uses(changed):
    """What a file holds beside the model is refused."""

    def edit(tree, arrays):
        arrays["extra"] = np.ones(3)

    refused(changed(StandardScaler().fit(TABLE), edit), "belong to nothing")


def test_little_memory(scaler, tmp_path):
    """Headers that promise terabytes take no memory."""
    code = (
        "import resource, sys\n"
        "from skastro.persistence import load\n"
        "from skastro.exceptions import ModelFileError\n"
        "load(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[2:]:\n"
        "    try:\n"
        "        load(path)\n"
        "    except ModelFileError:\n"
        "        continue\n"
        "    raise SystemExit(f'{path} was read')\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "raise SystemExit(int(after - before > 50_000))\n"
    )
    manifest, tree, _ = parts_of(scaler)
    header = json.dumps({"0": {"dtype": "F64", "shape": [10**12], "data_offsets": [0, 8 * 10**12]}})
    hostile = [
        len(header).to_bytes(8, "little") + header.encode(),
        (10**15).to_bytes(8, "little") + b"{}",
    ]
    paths = [
        write(tmp_path / f"{i}.skastro", manifest, tree, content)
        for i, content in enumerate(hostile)
    ]
    command = [sys.executable, "-c", code, str(scaler), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_function_of_the_list_is_not_called(changed):
    """Functions that a file may name are kept, and none is called by load."""
    path = changed(FunctionTransformer(np.sinh), lambda tree, arrays: None)
    assert load(path).func is np.sinh
