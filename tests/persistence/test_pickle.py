"""Pickles are small, know their version, and hold neither an optimizer nor a GPU."""

import importlib.util
import io
import pickle
import pickletools
from pathlib import Path

import joblib
import numpy as np
import pytest

import skastro
from skastro.persistence import TrainingRecord
from skastro.persistence._guard import attach

_SPEC = importlib.util.spec_from_file_location("nd", Path(__file__).parents[1] / "test_nd.py")
nd = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(nd)

# What a pickle takes beside the arrays: parameters, names of classes, epochs.
_OVERHEAD = 8_000
_NDIM = 4


@pytest.fixture(scope="module")
def fitted():
    """Fit an estimator, once."""
    found = {}

    def fit(name):
        if name not in found:
            X, y, _ = nd.maps(_NDIM, name=name)
            found[name] = nd.make(name, _NDIM).fit(X, y)
        return found[name]

    return fit


NAMES = sorted(nd.FACTORIES.keys() - nd.NOT_ON_MAPS)


def array_bytes(value, seen):
    """Bytes of all arrays that an object holds, each counted once."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(array_bytes(item, seen) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(array_bytes(item, seen) for item in value)
    if hasattr(value, "__getstate__") and type(value).__module__.startswith(("skastro", "sklearn")):
        return array_bytes(value.__getstate__(), seen)
    return 0


@pytest.mark.parametrize("name", NAMES)
def test_pickle_is_small(name, fitted):
    """A pickle takes little more than the arrays that were fitted, in pickle and joblib."""
    estimator = fitted(name)
    allowed = array_bytes(estimator, set()) + _OVERHEAD
    assert len(pickle.dumps(estimator)) < allowed
    file = io.BytesIO()
    joblib.dump(estimator, file)
    assert file.tell() < allowed + _OVERHEAD  # which aligns its arrays


@pytest.mark.parametrize("name", NAMES)
def test_pickle_holds_no_torch(name, fitted):
    """Weights are arrays of NumPy: no tensors, which a machine without a GPU might not read."""
    names, strings = set(), []
    for opcode, argument, _ in pickletools.genops(pickle.dumps(fitted(name), protocol=4)):
        if isinstance(argument, str):
            strings.append(argument)
        if opcode.name == "STACK_GLOBAL":
            names.add(strings[-2])
    modules = {module.partition(".")[0] for module in names | set(strings) if "." in module}
    assert not {"torch", "skorch"} & (modules | {one.partition(".")[0] for one in names})


@pytest.mark.parametrize("name", ["CNNRegressor", "ConvAutoencoder", "FieldRegressor"])
def test_version_is_stamped(name, fitted):
    """The state of a net says which version wrote it."""
    assert fitted(name).__getstate__()["_skastro_version"] == skastro.__version__


def test_a_record_stays_in_the_pickle(fitted):
    """A model that was loaded is pickled with what it was trained on, once."""
    model = pickle.loads(pickle.dumps(fitted("MapPCA")))
    record = TrainingRecord.make(model, {"maps": nd.maps(_NDIM)[0]}, notes="x" * 10_000)
    size = len(pickle.dumps(model))
    again = pickle.loads(pickle.dumps(attach(model, record)))
    assert len(pickle.dumps(model)) < size + 15_000
    assert again._training_record is again.training_record_
    assert again.training_record_ == record
