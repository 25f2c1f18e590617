"""Fields from fields: what is refused, and what is said about it."""

import numpy as np
import pytest
import torch

from skastro.exceptions import DivergenceError, MapShapeError
from skastro.maps import open_maps
from skastro.nets import ConvNet, ExcursionNet, FieldResNet, UNet
from skastro.neural_network import FieldRegressor

NET = FieldResNet(n_blocks=1, n_filters=6, padding_mode="circular")
TRAINING = {"n_threads": 1, "random_state": 0, "max_epochs": 1}


@pytest.fixture
def data():
    """Maps and fields made of them."""
    X = np.random.default_rng(0).normal(size=(24, 10, 12)).astype("float32")
    return X, 2 * X + 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "cross_entropy"}, ValueError, "output='fraction'"),
        ({"periodic": False}, ValueError, "padding_mode='zeros'"),
        ({"patch_size": 0}, ValueError, "patch_size"),
        ({"output": "fraction"}, ValueError, "from 0 to 1"),
        ({"net": lambda shape, n: torch.nn.Conv2d(1, 1, 1), "patch_size": 4}, ValueError, "halo"),
        ({"net": ConvNet(1, 2)}, ValueError, "UNet or FieldResNet"),
        ({"net": lambda shape, n: torch.nn.Conv2d(1, 1, 3)}, ValueError, "UNet or FieldResNet"),
        ({"net": UNet("deep")}, ValueError, "n_levels.* parameter of UNet"),
        ({"net": ExcursionNet(())}, ValueError, "radii.* parameter of ExcursionNet"),
        ({"average_symmetries": True}, ValueError, "augmentation"),
    ],
)
def test_what_does_not_fit(options, error, words, data):
    """Parameters that contradict each other, the net or the targets are named with a remedy."""
    X, y = data
    with pytest.raises(error, match=words):
        FieldRegressor(**{"net": NET} | TRAINING | options).fit(X, y)


def test_one_box_cannot_be_parted(data):
    """One box can be trained on, but not validated on as well."""
    X, y = data
    with pytest.raises(ValueError, match="cannot part 1 samples"):
        FieldRegressor(NET, early_stopping=True, **TRAINING).fit(X[:1], y[:1])


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"tile_size": 0}, "tile_size"),
        ({"tile_size": 2.5}, "tile_size"),
        ({"periodic": False}, "padding_mode='zeros'"),
        ({"average_symmetries": True}, "augmentation"),
    ],
)
def test_parameters_of_a_prediction_are_checked(params, words, data):
    """They may have been set after the fit."""
    X, y = data
    model = FieldRegressor(NET, **TRAINING).fit(X, y)
    with pytest.raises(ValueError, match=words):
        model.set_params(**params).predict(X)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda y: np.ma.masked_greater(y, 1), "mask of y"),
        (lambda y: torch.from_numpy(y) + 0j, "takes real fields y"),
        (lambda y: y * 1e39, "Input y of FieldRegressor contains inf"),
    ],
)
def test_values_of_targets_are_not_lost(spoil, words, data):
    """Masks, imaginary parts and what float32 does not hold are refused."""
    X, y = data
    with pytest.raises(ValueError, match=words):
        FieldRegressor(NET).fit(X, spoil(y.astype(float)))


@pytest.mark.parametrize("target", [(24,), (24, 2), (24, 12, 10), (24, 1, 1, 10, 12), (24, 2, 12)])
def test_targets_that_are_no_fields(target, data):
    """Both shapes are named."""
    X, _ = data
    with pytest.raises(MapShapeError, match=r"10, 12.*" + ", ".join(map(str, target))):
        FieldRegressor(NET).fit(X, np.zeros(target))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("where", ["X", "y"])
def test_nan_is_found(where, lazy, data):
    """In maps and in targets, in memory and in files."""
    X, y = data
    bad = {"X": X.copy(), "y": y.copy()}
    bad[where][5, 3, 2] = np.nan
    arrays = [open_maps(array) if lazy else array for array in bad.values()]
    options = TRAINING | {"random_state": 3}  # which sets samples 0 and 1 aside
    model = FieldRegressor(NET, early_stopping=True, **options)
    words = rf"Input {where} of FieldRegressor contains NaN, first at sample 5, cell \(3, 2\)"
    with pytest.raises(ValueError, match=words):
        model.fit(*arrays)
    model.fit(X, y)
    if where == "X":
        with pytest.raises(ValueError, match=words):
            model.predict(arrays[0])


def test_fractions_in_files_are_checked(data):
    """Also of targets that are read batch by batch."""
    X, y = data
    with pytest.raises(ValueError, match="from 0 to 1"):
        FieldRegressor(NET, output="fraction", **TRAINING).fit(X, open_maps(y))


def test_fractions_up_to_rounding(data):
    """What rounding adds to one is no error; what is named as wrong is seen to be."""
    X, _ = data
    model = FieldRegressor(NET, output="fraction", **TRAINING)
    model.fit(X, np.full_like(X, 1 + 2e-7))
    with pytest.raises(ValueError, match=r"from 1\.0001 to 1\.0001"):
        model.fit(X, np.full_like(X, 1.0001))


def test_too_little_memory(data):
    """What helps is said where torch has no memory left, in fit and in predict."""
    X, y = data

    class Hungry(torch.nn.Conv2d):
        """Has room for small windows only."""

        def forward(self, x):
            if x.shape[-1] > 8:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
            return super().forward(x)

    def net(shape, n_outputs):
        return Hungry(1, n_outputs, 1)

    model = FieldRegressor(net, halo=0, **TRAINING)
    with pytest.raises(MemoryError, match="patch_size"):
        model.fit(X, y)
    model.set_params(patch_size=8).fit(X, y)
    with pytest.raises(MemoryError, match="tile_size"):
        model.predict(X)
    assert model.set_params(tile_size=8).predict(X).shape == X.shape


def test_other_errors_are_left_as_they_are(data):
    """Not all that speaks of memory is a lack of it."""
    X, y = data

    class Broken(torch.nn.Conv2d):
        """Complains of a memory format."""

        def forward(self, x):
            raise RuntimeError("required rank 4 tensor to use channels_last memory format")

    with pytest.raises(RuntimeError, match="rank 4"):
        FieldRegressor(lambda *shape: Broken(1, 1, 1), **TRAINING).fit(X, y)


def test_divergence(data):
    """Maps that the net makes infinity of are refused."""
    X, y = data
    model = FieldRegressor(NET, **TRAINING).fit(X, 1e5 * y)
    with pytest.raises(DivergenceError, match="Scale the maps"):
        model.predict(np.full_like(X, 1e38))
