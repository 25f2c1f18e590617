"""Classes and functions that users register."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from skastro.exceptions import ModelFileError
from skastro.nets import Net, Pretrained
from skastro.neural_network import CNNRegressor
from skastro.persistence import _registry, load, register, save
from skastro.persistence._homes import CLASS_HOMES, PRIVATE, class_at, class_name
from skastro.utils import all_estimators

MAPS = np.random.default_rng(0).normal(size=(8, 6, 6)).astype("float32")
TRAINING = {"max_epochs": 1, "n_threads": 1, "random_state": 0}


@register(name="tests.Options")
@dataclass(frozen=True)
class Options:
    """A frozen dataclass."""

    factor: float


@register(name="tests.Slotted")
class Slotted:
    """Has no dictionary."""

    __slots__ = ("value",)


@register(name="tests.Pair")
class Pair(NamedTuple):
    """A named tuple."""

    low: float
    high: float


@register(name="tests.Times")
class Times(TransformerMixin, BaseEstimator):
    """Multiplies."""

    def __init__(self, options=None):
        self.options = options

    def fit(self, X, y=None):
        """Do nothing but note it."""
        self.range_ = Pair(float(X.min()), float(X.max()))
        self.slotted_ = Slotted()
        self.slotted_.value = 5
        return self

    def transform(self, X):
        """Multiply."""
        return self.options.factor * X


@register(name="tests.Layer")
class Layer(torch.nn.Module):
    """A module of the user."""

    def __init__(self, n_outputs):
        super().__init__()
        self.last = torch.nn.Linear(36, n_outputs)

    def forward(self, x):
        """Flatten, and apply the layer."""
        return self.last(x.flatten(1))


@register(name="tests.OwnNet")
class OwnNet(Net):
    """A net of the user."""

    _parameter_constraints = {}

    def __init__(self, dim=None):
        self.dim = dim

    def _build(self, map_shape, n_outputs):
        return Layer(n_outputs)


@register(name="tests.build")
def build(map_shape, n_outputs):
    """A net that is a function."""
    return Layer(n_outputs)


@register(name="tests.loss")
def loss(y_pred, y):
    """A loss of the user."""
    return (y_pred - y).abs()


def test_objects_of_the_user(tmp_path):
    """Transformers, dataclasses, slots and named tuples come back."""
    model = make_pipeline(Times(Options(2.0))).fit(MAPS)
    again = load(save(model, tmp_path / "model.skastro"))[0]
    assert again.options == Options(2.0)
    assert (again.range_, again.slotted_.value) == (model[0].range_, 5)
    assert type(again.range_) is Pair
    np.testing.assert_array_equal(again.transform(MAPS), 2 * MAPS)


@pytest.mark.parametrize("net", [OwnNet(), build, Pretrained(Layer(1))])
def test_nets_of_the_user(net, tmp_path):
    """Nets, functions that build one, and trained modules come back with their weights."""
    model = CNNRegressor(net, loss=loss, **TRAINING).fit(MAPS, MAPS[:, 0, 0])
    again = load(save(model, tmp_path / "model.skastro"))
    np.testing.assert_array_equal(again.predict(MAPS), model.predict(MAPS))
    assert again.loss is loss


def test_what_is_not_registered_is_named_with_the_remedy(tmp_path, monkeypatch):
    """Where the class is not registered the file asks for it, and does not import it."""
    path = save(Times(Options(2.0)), tmp_path / "model.skastro")
    monkeypatch.delitem(_registry._BY_NAME, "tests.Options")
    with pytest.raises(ModelFileError, match=r"'tests\.Options'.*skastro\.persistence\.register"):
        load(path)


def test_names():
    """A name belongs to one thing, and none is taken from a library."""

    class Other:
        pass

    assert register(Other) is Other
    with pytest.raises(ValueError, match="already"):
        register(Other, name="tests.Times")
    for name in ("sklearn.svm.SVC", "skastro.X", "", 3):
        with pytest.raises(ValueError, match="'name' parameter of register"):
            register(Other, name=name)
    with pytest.raises(ValueError, match="needs a name"):
        register(lambda x: x)
    with pytest.raises(TypeError, match="a class or a function"):
        register(3)


def test_a_class_may_be_defined_again(tmp_path):
    """As in a notebook, whose cells are run twice, the newest definition counts."""
    made = []
    for _ in range(2):

        @register(name="tests.Again")
        class Again(BaseEstimator):
            pass

        made.append(Again)
    assert type(load(save(made[1](), tmp_path / "model.skastro"))) is made[1]
    with pytest.raises(ModelFileError, match="register"):
        save(made[0](), tmp_path / "model.skastro")


def test_lists_of_known_classes():
    """Every estimator of this library has a name, and every name of the lists is a class."""
    for name, cls in all_estimators():
        found = class_name(cls)
        assert found.endswith(f".{name}")
        assert not any(part.startswith("_") for part in found.split("."))
    for home, names in CLASS_HOMES.items():
        for name in names or ():
            assert class_at(f"{home}.{name}") is not None, name
    assert {name for name in PRIVATE if name.startswith("skastro.") and not class_at(name)} == set()
