"""Nets as parameter objects: what scikit-learn does with them, and what they refuse."""

import re

import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from skastro.exceptions import MapShapeError
from skastro.nets import AlexNet, ConvNet, DenseNet, Net
from skastro.neural_network import CNNRegressor


@pytest.mark.parametrize(
    "net",
    [
        ConvNet(3, (2, 4, 8), n_convolutions=2, dropout=0.5, padding_mode="circular", dim=2),
        DenseNet((20, 10), activation="silu", batch_norm=True, dropout=0.1, dim=1),
    ],
)
def test_clone_and_repr(net):
    """A clone has equal parameters, and the representation can be evaluated."""
    copy = clone(net)
    assert copy is not net
    assert copy.get_params() == net.get_params()
    assert eval(repr(net)).get_params() == net.get_params()
    assert repr(type(net)()) == f"{type(net).__name__}()"


def test_nested_parameters():
    """The parameters of a net are set through the estimator, and its clone has its own net."""
    model = CNNRegressor(ConvNet(2), lr=0.1)
    copy = clone(model).set_params(net__n_layers=5, net__padding_mode="circular")
    assert copy.net.get_params() == ConvNet(5, padding_mode="circular").get_params()
    assert model.net.n_layers == 2
    assert model.get_params()["net__kernel_size"] == 3
    for point in ParameterGrid({"net": [DenseNet(), ConvNet()], "lr": [0.1, 0.2]}):
        assert clone(model).set_params(**point).net.dim is None
    with pytest.raises(ValueError, match="n_layer"):
        model.set_params(net__n_layer=3)


def test_build_does_not_change_the_net():
    """No inferred shape is written into the parameters, and each call builds a new module."""
    net = ConvNet(2, 2)
    before = dict(vars(net))
    first, second = net.build((1, 8, 9), 2), net.build((2, 7, 8, 9), 3)
    assert vars(net) == before
    assert first.features.layer_1[0].weight.dim() == 4
    assert second.features.layer_1[0].weight.dim() == 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_layers": 0}, "n_layers"),
        ({"n_filters": 0}, "n_filters"),
        ({"n_filters": (2, 0)}, "n_filters"),
        ({"n_filters": (2, 2.5)}, "n_filters"),
        ({"n_filters": (2, True)}, r"n_filters.*\(2, True\)"),
        ({"n_filters": (2, 2, 2)}, r"n_filters.* n_layers=2 .*\(2, 2, 2\)"),
        ({"n_convolutions": 0}, "n_convolutions"),
        ({"kernel_size": 0}, "kernel_size"),
        ({"kernel_size": (3, 3)}, "kernel_size"),
        ({"pooling": "median"}, "pooling"),
        ({"pool_size": 1}, "pool_size"),
        ({"pool_size": (2, 0)}, r"pool_size.*\(2, 0\)"),
        ({"pool_size": (2, 2.0)}, r"pool_size.*\(2, 2\.0\)"),
        ({"pool_size": (2,)}, r"pool_size.* 2 axes"),
        ({"batch_norm": "yes"}, "batch_norm"),
        ({"activation": "sine"}, "activation"),
        ({"readout": "sum"}, "readout"),
        ({"hidden_layer_sizes": 5}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (5, 0)}, r"hidden_layer_sizes.*\(5, 0\)"),
        ({"hidden_layer_sizes": ("5",)}, "hidden_layer_sizes"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"padding_mode": "reflect"}, "padding_mode"),
        ({"dim": 4}, "dim"),
    ],
)
def test_parameters_of_conv_net_are_checked(parameters, message):
    """What is out of range is refused when the module is built, by name."""
    net = ConvNet(**{"n_layers": 2, "n_filters": 2} | parameters)
    with pytest.raises(ValueError, match=message) as error:
        net.build((1, 8, 9), n_outputs=1)
    assert "ConvNet" in str(error.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": 350},
        {"hidden_layer_sizes": (350, -1)},
        {"hidden_layer_sizes": (True,)},
        {"activation": None},
        {"batch_norm": 2},
        {"dropout": 2.0},
        {"dim": 0},
    ],
)
def test_parameters_of_dense_net_are_checked(parameters):
    """The same for the fully connected network."""
    (name,) = parameters
    with pytest.raises(ValueError, match=rf"'{name}' parameter of DenseNet"):
        DenseNet(**parameters).build((1, 8, 9), n_outputs=1)


def test_filters_of_alex_net_are_checked():
    """True is no number of filters."""
    with pytest.raises(ValueError, match=r"'n_filters' .* AlexNet must hold integers of"):
        AlexNet(n_filters=(True,) * 5, n_groups=1).build((1, 64, 64), n_outputs=1)


@pytest.mark.parametrize("net_class", [ConvNet, DenseNet])
@pytest.mark.parametrize(
    ("dim", "map_shape", "wanted"),
    [
        (3, (1, 8, 9), "3 spatial axes"),
        (1, (1, 8, 9), "1 spatial axes"),
        (2, (1, 7, 8, 9), "2 spatial axes"),
        (None, (9,), "one to three spatial axes"),
        (None, (1, 6, 7, 8, 9), "one to three spatial axes"),
    ],
)
def test_number_of_axes(net_class, dim, map_shape, wanted):
    """A net for another number of axes says which it takes and which it got."""
    with pytest.raises(MapShapeError, match=wanted) as error:
        net_class(dim=dim).build(map_shape, n_outputs=1)
    assert net_class.__name__ in str(error.value)
    assert str(map_shape) in str(error.value)


def test_circular_padding_wider_than_a_feature_map():
    """Pooling has made the map smaller than half the kernel: named, with what to do."""
    net = ConvNet(3, 2, kernel_size=7, padding_mode="circular")
    assert net.build((1, 16, 24), 1)(torch.zeros(1, 1, 16, 24)).shape == (1, 1)
    with pytest.raises(MapShapeError, match=re.escape("feature maps of size (2, 4)")) as error:
        net.build((1, 8, 16), 1)
    assert "padding_mode='zeros'" in str(error.value)


def test_base_class_is_abstract():
    """An architecture states how it builds; the base class does the checks."""
    with pytest.raises(TypeError, match="_build"):
        Net()

    class Linear(Net):
        _parameter_constraints = {}

        def __init__(self, dim=None):
            self.dim = dim

        def _build(self, map_shape, n_outputs):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(map_shape[1], n_outputs))

    assert Linear(dim=1).build([1, 9], 2)(torch.zeros(3, 1, 9)).shape == (3, 2)
    with pytest.raises(MapShapeError, match="Linear"):
        Linear(dim=1).build((1, 8, 9), 2)


def test_a_net_of_the_user_may_go_without_constraints():
    """A subclass states its parameters, and no more."""

    class Mean(Net):
        def __init__(self, n_hidden=3, dim=None):
            self.n_hidden = n_hidden
            self.dim = dim

        def _build(self, map_shape, n_outputs):
            return torch.nn.Sequential(
                torch.nn.Flatten(),
                torch.nn.LazyLinear(self.n_hidden),
                torch.nn.Linear(self.n_hidden, n_outputs),
            )

    assert Mean(5).build((1, 4, 4), 2)[-1].in_features == 5
