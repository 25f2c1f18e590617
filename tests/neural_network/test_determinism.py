"""Equal seeds give equal bits: in one process, in others, and whatever else is random."""

import hashlib
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries


def busy_model(**parameters):
    """A model in which all that is random takes part."""
    return CNNRegressor(
        ConvNet(2, 3, batch_norm=True, dropout=0.3, hidden_layer_sizes=(5,), kernel_size=2),
        augmentation=Symmetries(shift=True),
        early_stopping=True,
        **{"batch_size": 8, "max_epochs": 3, "n_threads": 1, "random_state": 0} | parameters,
    )


def data():
    """Forty maps and targets."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(40, 8, 9)).astype("float32"), rng.normal(size=40)


def digest(model):
    """Fingerprint of what a fitted model predicts, bit by bit."""
    X, y = data()
    return hashlib.sha256(model.fit(X, y).predict(X).tobytes()).hexdigest()


def test_twice():
    """Two fits of two objects, or of one, with the global states elsewhere."""
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    model = busy_model()
    first = digest(model)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert digest(model) == first
    assert digest(clone(model)) == first
    assert digest(busy_model(random_state=1)) != first


@pytest.mark.parametrize(
    "parameters",
    [{"augmentation": None}, {"net__dropout": 0.0}, {"early_stopping": False}, {"batch_size": 9}],
)
def test_each_of_them_matters(parameters):
    """What the fingerprint is made of changes it, so that it can fail."""
    assert digest(busy_model().set_params(**parameters)) != digest(busy_model())


def test_what_does_not_matter():
    """Device by name, verbosity and callbacks that only look do not change a bit."""
    first = digest(busy_model())
    assert digest(busy_model(device="cpu", n_threads=1, patience=50)) == first
    X, y = data()
    assert digest(busy_model()) == first
    as_list = busy_model().fit(X.tolist(), list(y)).predict(X.astype(float))
    np.testing.assert_array_equal(as_list, busy_model().fit(X, y).predict(X))


def test_in_a_fresh_process():
    """Another interpreter with another hash seed computes the same bits."""
    program = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('bits', {__file__!r})\n"
        "bits = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(bits)\n"
        "print(bits.digest(bits.busy_model()))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.strip() == digest(busy_model())


def test_in_two_processes():
    """joblib's workers compute the bits of this process."""
    X, y = data()
    here = cross_val_predict(busy_model(), X, y, cv=2)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        there = cross_val_predict(busy_model(), X, y, cv=2)
    np.testing.assert_array_equal(here, there)


def test_without_a_seed():
    """None draws anew each time, and not from NumPy's global state."""
    digests = set()
    for _ in range(3):
        np.random.seed(0)  # noqa: NPY002
        torch.manual_seed(0)
        digests.add(digest(busy_model(random_state=None)))
    assert len(digests) == 3


def test_random_state_object():
    """A RandomState gives one result for each state that it is in."""
    first = digest(busy_model(random_state=np.random.RandomState(3)))
    assert digest(busy_model(random_state=np.random.RandomState(3))) == first
    shared = busy_model(random_state=np.random.RandomState(3))
    assert digest(shared) == first
    assert digest(shared) != first
    numpy_integer = busy_model(random_state=np.int64(0))
    assert digest(numpy_integer) == digest(busy_model())
    with pytest.raises(ValueError, match="random_state"):
        digest(busy_model(random_state=-1))


def test_classifier_and_regressor_draw_alike():
    """Weights depend on seed and architecture, not on what they are for."""
    X, y = data()
    options = {"random_state": 5, "max_epochs": 1, "n_threads": 1, "lr": 1e-30, "weight_decay": 0.0}
    regressor = CNNRegressor(ConvNet(1, 2), **options).fit(X, np.column_stack([y, y]))
    classifier = CNNClassifier(ConvNet(1, 2), **options).fit(X, y > 0)
    for ours, theirs in zip(
        regressor.net_.module_.parameters(), classifier.net_.module_.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)
