"""Nets that start from trained weights."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from skastro.exceptions import MapShapeError
from skastro.nets import ConvNet, DenseNet, Pretrained
from skastro.neural_network import CNNClassifier, CNNRegressor

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(24, 2, 8, 9)).astype("float32")
TARGETS = MAPS.std((1, 2, 3))
SMALL = ConvNet(n_layers=1, n_filters=2, readout="mean", hidden_layer_sizes=(3,))
TRAINING = {"max_epochs": 2, "n_threads": 1, "random_state": 0, "batch_size": 8}


@pytest.fixture(scope="module")
def trained():
    """A fitted regressor."""
    return CNNRegressor(SMALL, **TRAINING).fit(MAPS, TARGETS)


def weights(model):
    """Weights of a fitted estimator by name."""
    return {name: value.clone() for name, value in model.net_.module_.state_dict().items()}


def test_starts_where_the_other_ended(trained):
    """With a step of no length the net is the trained one, and that one is left alone."""
    before = weights(trained)
    again = CNNRegressor(Pretrained(trained.net_.module_), lr=1e-30, **TRAINING)
    again.fit(MAPS, TARGETS)
    np.testing.assert_allclose(again.predict(MAPS), trained.predict(MAPS), rtol=1e-6)
    moved = CNNRegressor(Pretrained(trained.net_.module_), lr=0.1, **TRAINING).fit(MAPS, TARGETS)
    assert not np.allclose(moved.predict(MAPS), trained.predict(MAPS), rtol=1e-3)
    for name, value in weights(trained).items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_clones_start_alike(trained):
    """A search fits every candidate from the same weights."""
    model = CNNRegressor(Pretrained(trained.net_.module_), **TRAINING)
    copy = clone(model)
    assert copy.net.module is not trained.net_.module_
    search = GridSearchCV(model, {"lr": [1e-30], "batch_size": [4, 8]}, cv=2, refit=False)
    scores = search.fit(MAPS, TARGETS).cv_results_["mean_test_score"]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_other_outputs(trained):
    """The last dense layer is a new one where classes take the place of a number."""
    y = np.arange(24) % 3
    model = CNNClassifier(Pretrained(trained.net_.module_), lr=1e-30, **TRAINING).fit(MAPS, y)
    assert model.predict_proba(MAPS).shape == (24, 3)
    old, new = weights(trained), weights(model)
    same = [name for name in old if old[name].shape == new[name].shape]
    assert len(same) == len(old) - 2
    for name in same:
        torch.testing.assert_close(new[name], old[name], rtol=1e-6, atol=1e-12)


def test_frozen(trained):
    """Only the last layer learns."""
    model = CNNRegressor(Pretrained(trained.net_.module_, freeze=True), lr=0.1, **TRAINING)
    old, new = weights(trained), weights(model.fit(MAPS, TARGETS))
    moved = [name for name in old if not torch.equal(old[name], new[name])]
    assert len(moved) == 2
    assert {new[name].shape[0] for name in moved} == {1}


def test_frozen_with_batch_normalization():
    """Weights stay, and means and variances are those of the new maps."""
    net = ConvNet(n_layers=1, n_filters=2, batch_norm=True, readout="mean")
    first = CNNRegressor(net, **TRAINING).fit(MAPS, TARGETS)
    frozen = Pretrained(first.net_.module_, freeze=True)
    old, new = weights(first), weights(CNNRegressor(frozen, **TRAINING).fit(MAPS + 1, TARGETS))
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    assert {name.rpartition(".")[2] for name in moved} == {
        "weight", "bias", "running_mean", "running_var", "num_batches_tracked"
    }  # fmt: skip
    assert sum(name.endswith(("weight", "bias")) for name in moved) == 2


@pytest.mark.parametrize("shape", [(24, 3, 8, 9), (24, 8, 9)])
def test_other_channels(shape, trained):
    """Maps that the module cannot take are refused with their shape."""
    maps = np.zeros(shape, "float32")
    with pytest.raises(MapShapeError, match=r"'module' parameter of Pretrained.*\(\d, 8, 9\)"):
        CNNRegressor(Pretrained(trained.net_.module_), **TRAINING).fit(maps, TARGETS)


class Elsewhere(nn.Linear):
    """Stands for a layer on a GPU, and notes when it is brought to the processor."""

    here = False

    def cpu(self):
        """Note it."""
        self.here = True
        return super().cpu()


def test_modules_on_a_gpu():
    """What is built or pickled is on the processor, and what was given stays where it is."""
    layer = Elsewhere(4, 2)
    net = Pretrained(layer)
    assert net.build((1, 4), 2).here
    assert pickle.loads(pickle.dumps(net)).module.here
    assert not layer.here


def test_a_single_layer():
    """A module that is nothing but a dense layer can be replaced as a whole."""
    layer = nn.Linear(4, 2)
    assert Pretrained(layer).build((1, 4), 2).weight.equal(layer.weight)
    assert Pretrained(layer).build((1, 4), 5).out_features == 5


def test_dim(trained):
    """What the net of the module said of its axes is said again."""
    flat = CNNRegressor(DenseNet((2,), dim=2), **TRAINING).fit(MAPS, TARGETS)
    again = CNNRegressor(Pretrained(flat.net_.module_, dim=2), **TRAINING).fit(MAPS, TARGETS)
    assert again.predict(MAPS).shape == (24,)


@pytest.mark.parametrize("module", [nn.Conv2d(2, 1, 3), nn.Sequential()])
def test_no_dense_layer(module):
    """There is nothing that makes outputs."""
    with pytest.raises(ValueError, match="'module' parameter of Pretrained must have a dense"):
        Pretrained(module).build((2, 8, 9), 1)


def test_no_module(trained):
    """An estimator is no module."""
    with pytest.raises(ValueError, match="'module' parameter of Pretrained"):
        Pretrained(trained).build((2, 8, 9), 1)


def test_checkpoint(trained, tmp_path):
    """Other weights to start from make another fit; the same ones find it again."""
    net = Pretrained(trained.net_.module_)
    first = CNNRegressor(net, checkpoint=tmp_path, **TRAINING).fit(MAPS, TARGETS)
    CNNRegressor(net, checkpoint=tmp_path, **TRAINING).fit(MAPS, TARGETS)
    assert len(list(tmp_path.iterdir())) == 1
    CNNRegressor(Pretrained(first.net_.module_), checkpoint=tmp_path, **TRAINING).fit(MAPS, TARGETS)
    assert len(list(tmp_path.iterdir())) == 2
