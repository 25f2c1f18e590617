"""Architectures of the user: functions, classes and own nets."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor


def linear(map_shape, n_outputs):
    """One layer, with a number that is no weight but belongs to the state."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(map_shape)), n_outputs))
    module.register_buffer("seen", torch.tensor(map_shape))
    return module


class TwoHeads(nn.Module):
    """A module class, which is a callable of the same signature."""

    def __init__(self, map_shape, n_outputs):
        super().__init__()
        self.body = nn.Conv2d(map_shape[0], 3, 3)
        self.head = nn.Linear(3 * (map_shape[1] - 2) * (map_shape[2] - 2), n_outputs)

    def forward(self, x):
        """Convolve and read out."""
        return self.head(self.body(x).flatten(1))


def test_function(rough, options):
    """A function is given the shape with channels and the number of outputs, and is used as is."""
    options |= {"net": linear}
    model = CNNRegressor(**options).fit(rough.X, np.column_stack([rough.y, rough.y]))
    weights = model.net_.module_.state_dict()
    assert weights["seen"].tolist() == [1, 8, 9]
    assert weights["1.weight"].shape == (2, 72)
    flat = (rough.X.reshape(60, -1) @ weights["1.weight"].numpy().T) + weights["1.bias"].numpy()
    want = flat * model.target_scaler_.scale_ + model.target_scaler_.center_
    np.testing.assert_allclose(model.predict(rough.X), want, rtol=1e-5)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(rough.X), model.predict(rough.X))
    assert clone(model).net is linear


def test_classes(rough, options):
    """A class of modules will do, and channels are those of the maps."""
    maps = np.stack([rough.X, -rough.X], axis=1)
    model = CNNClassifier(**options | {"net": TwoHeads})
    model.fit(maps, rough.label)
    assert model.net_.module_.body.weight.shape == (3, 2, 3, 3)
    assert model.predict_proba(maps).shape == (60, 2)


def test_a_net_without_dim(rough, options):
    """An object with `build` alone is enough; without get_params it is used itself."""

    class Plain:
        def build(self, map_shape, n_outputs):
            return linear(map_shape, n_outputs)

    model = CNNRegressor(**options | {"net": Plain()}).fit(rough.X, rough.y)
    assert model.predict(rough.X).shape == (60,)


def test_net_of_the_user_is_not_kept(rough, options):
    """Changing the net after the fit does not change what was fitted."""
    model = CNNRegressor(**options).fit(rough.X, rough.y)
    before = model.predict(rough.X)
    model.net.set_params(n_filters=7, dim=3)
    np.testing.assert_array_equal(model.predict(rough.X), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(rough.X), before)


def test_default_net(rough):
    """None is a ConvNet with its own defaults, seeded like it."""
    options = {"max_epochs": 1, "n_threads": 1, "random_state": 0}
    default = CNNRegressor(**options).fit(rough.X, rough.y)
    explicit = CNNRegressor(ConvNet(), **options).fit(rough.X, rough.y)
    assert default.net is None
    np.testing.assert_array_equal(default.predict(rough.X), explicit.predict(rough.X))


@pytest.mark.parametrize(
    ("net", "error", "message"),
    [
        (nn.Linear(3, 3), TypeError, "is a torch module already"),
        (lambda map_shape, n_outputs: None, TypeError, "built None, which is no module"),
        (lambda map_shape, n_outputs: nn.Linear(9, 1), ValueError, r"\(16, 1, 8, 1\)"),
        (
            lambda map_shape, n_outputs: nn.Sequential(linear(map_shape, 1), nn.Flatten(0)),
            ValueError,
            r"of shape \(16,\)\. It must return .*\(16, 1\)",
        ),
        (ConvNet, TypeError, "instance"),
    ],
)
def test_what_is_no_architecture(net, error, message, rough, options):
    """Errors say what the net should have been or returned."""
    with pytest.raises(error, match=message):
        CNNRegressor(**options | {"net": net}).fit(rough.X, rough.y)


def test_too_many_outputs_of_a_classifier(rough, options):
    """A classifier has as many outputs as classes, or the loss would go through unnoticed."""
    net = lambda map_shape, n_outputs: linear(map_shape, 5)  # noqa: E731
    with pytest.raises(ValueError, match=r"'net' parameter.*\(16, 2\)"):
        CNNClassifier(**options | {"net": net}).fit(rough.X, rough.label)
