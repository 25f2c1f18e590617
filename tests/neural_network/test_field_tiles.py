"""Predictions of boxes by tiles against those of whole boxes."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skastro.maps import open_maps
from skastro.nets import FieldResNet, NeighbourhoodNet, UNet
from skastro.neural_network import FieldRegressor, Symmetries
from skastro.neural_network._windows import Windows, cut

RESIDUAL = FieldResNet(n_blocks=1, n_filters=4)
TRAINING = {"max_epochs": 1, "n_threads": 1, "random_state": 0, "lr": 0.01}


def fitted(net, n_channels=2, spatial=(16, 16), **options):
    """A regressor that has hardly been trained; its net is as good as random."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, n_channels, *spatial)).astype("float32")
    return FieldRegressor(net, **TRAINING | options).fit(X, X[:, :1])


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
@pytest.mark.parametrize("tile_size", [5, 8, 13, 40])
@pytest.mark.parametrize(
    ("net", "spatial"),
    [
        (RESIDUAL, (48, 56)),
        (FieldResNet(2, 3, dilation=(1, 2)), (33,)),
        (RESIDUAL, (19, 20, 26)),
        (UNet(1, 3, n_convolutions=1), (32, 44)),
        (UNet(2, 2, n_convolutions=1), (96,)),
        (UNet(1, 2, n_convolutions=1), (24, 20, 22)),
        (NeighbourhoodNet(7), (30, 35)),
    ],
)
def test_tiles_are_the_whole_box(net, spatial, tile_size, padding_mode):
    """With a halo of the net's reach, tiles give what the whole box gives, up to the edge."""
    net = clone(net).set_params(padding_mode=padding_mode, dim=len(spatial))
    model = fitted(net, spatial=(16,) * len(spatial))
    X = np.random.default_rng(1).normal(size=(2, 2, *spatial)).astype("float32")
    whole = model.predict(X)
    model.set_params(tile_size=tile_size)
    n_tiles = len(model._windows(net, tile_size).tiles(spatial))
    assert (n_tiles > 1) == (2 * net.reach + tile_size + 2 * net.stride < max(spatial))
    np.testing.assert_allclose(model.predict(X), whole, rtol=1e-4, atol=2e-6)


def test_a_short_halo_is_seen():
    """With a smaller halo, tiles differ near their edges and nowhere else."""
    net = FieldResNet(n_blocks=2, n_filters=4, padding_mode="circular")
    model = fitted(net)
    X = np.random.default_rng(1).normal(size=(1, 2, 64, 64)).astype("float32")
    whole = model.predict(X)[0, 0]
    model.set_params(tile_size=32, halo=0)
    difference = abs(model.predict(X)[0, 0] - whole)
    edge = np.zeros((64, 64), dtype=bool)
    for first in (0, 32):
        for band in (slice(first, first + net.reach), slice(first + 32 - net.reach, first + 32)):
            edge[band] = edge[:, band] = True
    assert difference[edge].max() > 1e-3
    np.testing.assert_allclose(difference[~edge], 0, atol=2e-6)


def test_periodic_edge_with_zeros():
    """A net that pads with zeros sees the other side of a periodic box through its halo."""
    net = FieldResNet(n_blocks=1, n_filters=4)
    model = fitted(net, periodic=True)
    X = np.random.default_rng(1).normal(size=(2, 2, 18, 23)).astype("float32")
    whole = model.predict(X)
    rolled = np.roll(model.predict(np.roll(X, (5, -7), (2, 3))), (-5, 7), (2, 3))
    np.testing.assert_allclose(rolled, whole, rtol=1e-4, atol=2e-6)
    model.set_params(tile_size=6)
    np.testing.assert_allclose(model.predict(X), whole, rtol=1e-4, atol=2e-6)
    model.set_params(periodic=False)
    edges = abs(model.predict(X) - whole)
    assert edges[..., 0, :].max() > 1e-3
    np.testing.assert_allclose(edges[..., 9, 11], 0, atol=2e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_map_alone_or_among_others(lazy):
    """The prediction for a map has the same bits whatever maps are beside it."""
    model = fitted(UNet(1, 3), spatial=(8, 8), batch_size=8)
    X = np.random.default_rng(1).normal(size=(11, 2, 24, 20)).astype("float32")
    together = model.predict(open_maps(X) if lazy else X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(("group", "spatial"), [("square", (12, 12)), ("cube", (8, 6, 8))])
@pytest.mark.parametrize("tile_size", [None, 4])
def test_average_over_symmetries(group, spatial, tile_size):
    """The mean over all views, each turned back, turns with the map."""
    symmetries = Symmetries(group)
    net = FieldResNet(1, 3, padding_mode="circular")
    model = fitted(net, spatial=spatial, augmentation=symmetries, tile_size=tile_size)
    X = np.random.default_rng(1).normal(size=(3, 2, *spatial)).astype("float32")
    single = model.predict(X)
    model.set_params(average_symmetries=True)
    averaged = model.predict(X)
    assert abs(averaged - single).max() > 1e-3
    views = []
    for flips in np.ndindex(*(2,) * len(spatial)):
        axes = [axis for axis, flip in enumerate(flips, 2) if flip]
        for last in (False, True):
            view = np.flip(X, axes)
            view = np.swapaxes(view, 2, -1) if last else view
            turned = model.set_params(average_symmetries=False).predict(view)
            turned = np.swapaxes(turned, 2, -1) if last else turned
            views.append(np.flip(turned, axes))
    np.testing.assert_allclose(averaged, np.mean(views, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("periodic", "wraps"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("size", [None, 1, 4, 7, 50])
@pytest.mark.parametrize("halo", [0, 5, 30])
@pytest.mark.parametrize("stride", [1, 4])
def test_tiles_cover_the_box(periodic, wraps, size, halo, stride):
    """Cores cover each cell once; windows are aligned, and hold the halo where they are cut."""
    spatial = (9, 12, 16)
    windows = Windows(size, halo, stride, periodic, wraps)
    box = np.arange(np.prod(spatial)).reshape(spatial)
    count = np.zeros(spatial, dtype=int)
    for tile in windows.tiles(spatial):
        window = cut(box, tile.begin, tile.shape)
        assert window.shape == tile.shape
        np.testing.assert_array_equal(window[tile.inner], box[tile.core])
        count[tile.core] += 1
        for first, length, start, stop, n in zip(
            tile.begin, tile.shape, tile.start, tile.stop, spatial, strict=True
        ):
            assert first % stride == 0
            last = first + length
            if not periodic:
                assert first >= 0
                assert last <= n
            assert first <= start - halo or (first == 0 and (not periodic or last == n))
            assert last >= stop + halo or (last == n and (not periodic or first == 0))
    assert (count == 1).all()


def test_cut_of_tensors_and_arrays():
    """Windows beyond the edge are periodic, however far they go."""
    box = np.arange(2 * 5 * 7).reshape(2, 5, 7)
    rows, columns = np.arange(-7, 8) % 5, np.arange(3, 20) % 7
    expected = box[:, rows][:, :, columns]
    np.testing.assert_array_equal(cut(box, (-7, 3), (15, 17)), expected)
    np.testing.assert_array_equal(cut(torch.from_numpy(box), (-7, 3), (15, 17)).numpy(), expected)
    inside = cut(box, (1, 2), (3, 4))
    assert inside.base is not None
    np.testing.assert_array_equal(inside, box[:, 1:4, 2:6])
