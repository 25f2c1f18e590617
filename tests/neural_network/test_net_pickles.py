"""What a pickled model holds, and what it does when it is loaded."""

import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skastro.nets import ConvNet, DenseNet
from skastro.neural_network import CNNClassifier, CNNRegressor, Symmetries
from skastro.preprocessing import FieldScaler

NETS = [
    ConvNet(2, 4, batch_norm=True, dropout=0.2, kernel_size=4),
    ConvNet(2, 4, padding_mode="circular", readout="mean"),
    DenseNet((30,), batch_norm=True),
]


@pytest.fixture(params=NETS, ids=["zeros", "circular", "dense"])
def model(request, rough, options):
    """A fitted classifier with all that could be hard to pickle."""
    options |= {"net": request.param, "early_stopping": True, "augmentation": Symmetries()}
    return CNNClassifier(**options).fit(rough.X, rough.label)


def by_joblib(model):
    """Through a file of joblib."""
    file = io.BytesIO()
    joblib.dump(model, file, compress=1)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "duplicate",
    [lambda model: pickle.loads(pickle.dumps(model)), by_joblib, copy.deepcopy, copy.copy],
    ids=["pickle", "joblib", "deepcopy", "copy"],
)
def test_duplicates(duplicate, model, rough):
    """A duplicate predicts the same bits, and is a model of its own."""
    want = model.predict_proba(rough.X)
    other = duplicate(model)
    np.testing.assert_array_equal(other.predict_proba(rough.X), want)
    assert other.history_ == model.history_
    assert [epoch["train_loss"] for epoch in other.net_.history] == [
        epoch["train_loss"] for epoch in model.history_
    ]
    assert repr(other) == repr(model)
    other.set_params(random_state=1, lr=0.1).fit(rough.X, rough.label)
    assert np.abs(other.predict_proba(rough.X) - want).max() > 1e-6
    np.testing.assert_array_equal(model.predict_proba(rough.X), want)


def test_loading_leaves_the_generator(model):
    """Weights are drawn before they are replaced, without touching torch's random numbers."""
    data, before = pickle.dumps(model), torch.get_rng_state()
    pickle.loads(data)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_size(optimizer, rough):
    """A pickle is its weights and little more: no optimizer, no maps."""
    net = DenseNet((500,))
    model = CNNRegressor(net, optimizer=optimizer, max_epochs=3, n_threads=1, verbose=0)
    X = np.random.default_rng(0).normal(size=(300, 20, 30))
    model.fit(X, np.arange(300.0))
    n_bytes = 4 * sum(weights.numel() for weights in model.net_.module_.parameters())
    assert n_bytes > 1e6
    assert len(pickle.dumps(model)) < 1.1 * n_bytes + 20_000


def test_state_has_no_torch_in_it(model):
    """Weights are NumPy arrays; no tensor, module or optimizer goes into the file."""
    state = model.__getstate__()
    assert all(type(value) is np.ndarray for value in state["_weights"].values())
    assert "net_" not in state
    strings = [arg for _, arg, _ in pickletools.genops(pickle.dumps(model)) if isinstance(arg, str)]
    assert not [text for text in strings if "torch" in text or "skorch" in text]


def test_version_is_noted(model):
    """The version of the library is in the state."""
    import skastro

    assert model.__getstate__()["_skastro_version"] == skastro.__version__
    assert "_skastro_version" not in vars(pickle.loads(pickle.dumps(model)))


def test_not_fitted(options):
    """What was not fitted is pickled too."""
    model = pickle.loads(pickle.dumps(CNNRegressor(**options)))
    assert not hasattr(model, "net_")
    assert repr(model) == repr(CNNRegressor(**options))


def test_clone_of_a_fitted_model(model, rough):
    """A clone is not fitted, and fits to the same bits."""
    copied = clone(model)
    assert not [name for name in vars(copied) if name not in copied.get_params()]
    want = model.predict_proba(rough.X)
    np.testing.assert_array_equal(copied.fit(rough.X, rough.label).predict_proba(rough.X), want)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_model_from_a_gpu(device, rough, options):
    """A model that was told to use a GPU is loaded where there is none."""
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    want = model.predict(rough.X)
    loaded = pickle.loads(pickle.dumps(model.set_params(device=device)))
    assert loaded.device == device
    np.testing.assert_array_equal(loaded.predict(rough.X), want)
    with pytest.raises(ValueError, match="torch finds 0 CUDA"):
        loaded.fit(rough.X, rough.y)


def test_parameters_changed_after_the_fit(rough, options):
    """Parameters for a next fit do not change what is loaded, nor does the size of batches."""
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    want = model.predict(rough.X)
    model.set_params(net=DenseNet(), batch_size=3, lr=5.0, optimizer="sgd", loss="huber")
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(rough.X), want)
    np.testing.assert_array_equal(model.predict(rough.X), want)


def test_pipeline(rough, options):
    """A fitted pipeline is one object like any other."""
    pipeline = make_pipeline(FieldScaler(), CNNRegressor(**options)).fit(rough.X, rough.y)
    loaded = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(loaded.predict(rough.X), pipeline.predict(rough.X))
