"""Training through torch.compile: what it changes, and what it must not."""

import pickle
import shutil
from collections import Counter
from itertools import count

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch._inductor.exc import InductorError, InvalidCxxCompiler

from skastro.decomposition import ConvAutoencoder
from skastro.nets import ConvNet, DenseNet, UNet
from skastro.neural_network import CNNClassifier, CNNRegressor, FieldRegressor, _compiled
from skastro.neural_network._skorch import MapNet

needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
of_torch = pytest.mark.filterwarnings(
    "ignore:.torch.jit:DeprecationWarning", "ignore:.class 'torch.autograd:DeprecationWarning"
)


@pytest.fixture
def graphs(monkeypatch):
    """Compile nothing, but collect the sizes of the batches for which torch would have."""
    sizes = []

    def backend(graph, inputs):
        maps = (value for value in inputs if isinstance(value, torch.Tensor) and value.ndim > 1)
        sizes.append(max(len(value) for value in maps if not isinstance(value, torch.nn.Parameter)))
        return graph.forward

    monkeypatch.setattr(_compiled, "BACKEND", backend)
    return sizes


def test_same_operations(graphs, rough, options, fits):
    """The operations that would be compiled are those of a plain fit, bit by bit."""
    options |= {"early_stopping": True, "patience": 5}
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    assert not graphs
    compiled = CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    assert graphs
    fits.assert_same(plain, compiled)
    n_graphs = len(graphs)
    np.testing.assert_array_equal(compiled.predict(rough.X), plain.predict(rough.X))
    assert len(graphs) == n_graphs


def test_one_graph_for_each_size(graphs, rough, options):
    """Three epochs of 16, 16, 16 and 12 maps compile twice."""
    CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    assert Counter(graphs) == {16: 1, 12: 1}


def test_many_epochs_with_dropout(graphs, rough, options, fits):
    """Masks that are seeded anew each epoch do not make torch compile anew."""
    options |= {"net": DenseNet((3,), dropout=0.3), "max_epochs": 12}
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    few = CNNRegressor(compile=True, **options | {"max_epochs": 1}).fit(rough.X, rough.y)
    assert few.n_iter_ == 1
    n_graphs = len(graphs)
    many = CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    assert len(graphs) == 2 * n_graphs
    fits.assert_same(plain, many)


def test_many_fits(graphs, rough, options):
    """A search over more nets than torch keeps of one kind compiles each of them."""
    limit = torch._dynamo.config.recompile_limit
    for width in range(2, limit + 4):
        options |= {"net": DenseNet((width,)), "max_epochs": 1, "batch_size": 30}
        CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    assert graphs == [30] * (limit + 2)


@of_torch
def test_all_estimators(graphs, rough, options):
    """Classifiers, fields and autoencoders train so, in mixed precision too."""
    options |= {"max_epochs": 1, "batch_size": 20, "device": "cpu"}
    X, fields = rough.X[:40, :8, :8], rough.X[:40, :8, :8] ** 2
    for model, y in (
        (CNNClassifier(**options), rough.label[:40]),
        (CNNClassifier(**options | {"precision": "bfloat16"}), rough.label[:40]),
        (FieldRegressor(**options | {"net": UNet(1, 2)}), fields),
        (ConvAutoencoder(**options | {"net": None}), None),
    ):
        plain = clone(model).fit(X, y).history_[0]["train_loss"]
        assert not graphs
        compiled = model.set_params(compile=True).fit(X, y).history_[0]["train_loss"]
        assert graphs, model
        assert compiled == plain
        graphs.clear()


def test_weights_keep_their_names(graphs, rough, options):
    """Pickles of a compiled fit are those of a plain one, and warm starts go on."""
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(compile=True, warm_start=True, **options).fit(rough.X, rough.y)
    assert list(model.net_.module_.state_dict()) == list(plain.net_.module_.state_dict())
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(rough.X), model.predict(rough.X))
    model.set_params(max_epochs=5).fit(rough.X, rough.y)
    loaded.set_params(max_epochs=5).fit(rough.X, rough.y)
    np.testing.assert_array_equal(loaded.predict(rough.X), model.predict(rough.X))
    assert Counter(graphs) == {16: 3, 12: 3}


@pytest.mark.parametrize("after", [True, False])
def test_checkpoints(after, graphs, rough, options, fits, monkeypatch, tmp_path):
    """A fit that broke off in its second epoch goes on with the same bits, compiled or not."""
    options |= {"net": ConvNet(1, 2, dropout=0.2), "batch_size": 8}
    whole = CNNRegressor(**options).fit(rough.X, rough.y)
    options |= {"checkpoint": tmp_path, "checkpoint_interval": 0}
    numbers, step = count(), MapNet.train_step

    def broken(self, batch):
        if next(numbers) == 11:
            raise OSError("full")
        return step(self, batch)

    monkeypatch.setattr(MapNet, "train_step", broken)
    with pytest.raises(OSError, match="full"):
        CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    resumed = CNNRegressor(compile=after, **options).fit(rough.X, rough.y)
    fits.assert_same(resumed, whole)
    assert next(numbers) == 1 + 3 * 8
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("at", ["call", "wrapping", "older torch"])
def test_no_compiler(at, rough, options, monkeypatch):
    """The error says what is missing, and what to do."""

    def fail(graph, inputs):
        raise InductorError(InvalidCxxCompiler(), None)

    def refuse(*args, **kwargs):
        raise RuntimeError("torch.compile is not supported here")

    def fail_of_old(graph, inputs):
        raise OSError

    if at == "wrapping":
        monkeypatch.setattr(torch, "compile", refuse)
    else:
        monkeypatch.setattr(_compiled, "BACKEND", fail if at == "call" else fail_of_old)
    if at == "older torch":
        monkeypatch.delattr(torch._dynamo.exc, "ShortenTraceback")
    model = CNNRegressor(compile=True, **options)
    with pytest.raises(RuntimeError, match=r"CNNRegressor.*compile=True.*compile=False") as error:
        model.fit(rough.X, rough.y)
    assert "C++ compiler" in str(error.value)
    reasons = {"call": "InvalidCxxCompiler", "wrapping": "not supported here"}
    assert reasons.get(at, "OSError") in str(error.value)
    assert not hasattr(model, "n_iter_") or model.n_iter_ == 0


def test_errors_of_the_net(graphs, rough, options):
    """What a net itself raises, and outputs of a wrong shape, are said as they are."""

    class Broken(torch.nn.Linear):
        def forward(self, x):
            raise ZeroDivisionError("inside")

    options |= {"compile": True}
    with pytest.raises(ZeroDivisionError, match="inside"):
        CNNRegressor(**options | {"net": lambda *_: Broken(1, 1)}).fit(rough.X, rough.y)
    with pytest.raises(ValueError, match="turns a batch of shape"):
        CNNRegressor(**options | {"net": lambda *_: torch.nn.Linear(9, 1)}).fit(rough.X, rough.y)


@of_torch
@needs_compiler
def test_compiled(rough, options):
    """A net that is compiled indeed learns what the plain one learns, to rounding."""
    options |= {"net": DenseNet((3,)), "batch_size": 60, "device": "cpu"}
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    np.testing.assert_allclose(model.predict(rough.X), plain.predict(rough.X), rtol=1e-4)


@of_torch
@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_compiled_for_a_gpu(precision, rough, options):
    """On a GPU too, in each precision."""
    options |= {"device": "cuda", "precision": precision}
    plain = CNNRegressor(**options).fit(rough.X, rough.y)
    model = CNNRegressor(compile=True, **options).fit(rough.X, rough.y)
    np.testing.assert_allclose(model.predict(rough.X), plain.predict(rough.X), rtol=0.05, atol=0.05)
