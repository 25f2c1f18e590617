"""Patches that fields are trained on."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skastro.maps import LazyMaps, open_maps
from skastro.nets import FieldResNet
from skastro.neural_network import Symmetries
from skastro.neural_network._batches import Batches
from skastro.neural_network._field_dataset import FieldDataset
from skastro.neural_network._field_losses import crop
from skastro.neural_network._windows import Windows

SPATIAL = (12, 14, 16)


@pytest.fixture
def boxes():
    """Boxes in which every cell has its own number; targets are it and its negative."""
    X = np.arange(5 * np.prod(SPATIAL), dtype="float32").reshape(5, 1, *SPATIAL)
    return X, np.concatenate([X, -X], axis=1)


def dataset(X, y, *, size=6, halo=2, periodic=False, wraps=False, n_patches=2, **options):
    """The windows of some boxes."""
    windows = Windows(size, halo, 1, periodic, wraps)
    return FieldDataset(X, (1, *SPATIAL), y, windows=windows, n_patches=n_patches, **options)


def one_epoch(data, batch_size=4, epoch=1):
    """All batches of an epoch in training."""
    data.epoch = epoch
    return list(Batches(data, batch_size, shuffle=True))


def cores(batches):
    """Cores of maps and targets, one for each patch."""
    for maps, (y, offset, *_) in batches:
        yield from zip(crop(maps, offset, y.shape[2:]).numpy(), y.numpy(), strict=True)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("periodic", "wraps"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("size", [None, 6, 13])
@pytest.mark.parametrize("shift", [None, False, True])
def test_targets_are_those_of_the_maps(lazy, periodic, wraps, size, shift, boxes):
    """Patch by patch, whatever is cut, turned or shifted."""
    X, y = (open_maps(values) for values in boxes) if lazy else boxes
    symmetries = None if shift is None else Symmetries("cube", shift=shift)
    data = dataset(X, y, size=size, periodic=periodic, wraps=wraps, augmentation=symmetries, seed=3)
    found = list(cores(one_epoch(data)))
    assert len(found) == 10
    for maps, target in found:
        assert_array_equal(target, np.concatenate([maps, -maps]))
        assert len(np.unique(maps)) == maps.size
        assert len(np.unique(maps // np.prod(SPATIAL))) == 1


def test_windows_hold_the_neighbours(boxes):
    """Around a core lie the cells that are beside it in the periodic box."""
    X, y = boxes
    data = dataset(X, y, periodic=True, wraps=True, n_patches=8)
    for maps, (target, offset, *_) in one_epoch(data):
        assert tuple(maps.shape[1:]) == (1, 10, 10, 10)
        assert tuple(target.shape[1:]) == (2, 6, 6, 6)
        assert (offset == 2).all()
        for window in maps[:, 0].numpy().astype(int):
            sample, first = divmod(window[0, 0, 0], np.prod(SPATIAL))
            begin = np.unravel_index(first, SPATIAL)
            index = [np.arange(b, b + 10) % n for b, n in zip(begin, SPATIAL, strict=True)]
            assert_array_equal(window, X[sample, 0][np.ix_(*index)])


def test_patches_are_from_everywhere(boxes):
    """Patches begin at every cell of a periodic box, and where they fit of one that is not."""
    X, y = boxes
    for periodic in (False, True):
        data = dataset(X, y, periodic=periodic, wraps=periodic, n_patches=60)
        firsts = [int(maps[0, 0, 0, 0]) for maps, _ in cores(one_epoch(data, 100))]
        begin = np.unravel_index(np.array(firsts) % np.prod(SPATIAL), SPATIAL)
        for axis, n in enumerate(SPATIAL):
            assert set(begin[axis].tolist()) == set(range(n if periodic else n - 5))


@pytest.mark.parametrize("shift", [False, True])
def test_patches_that_see_the_whole_box(shift, boxes):
    """They are from everywhere as others, and what they see is turned, not shifted."""
    X, y = boxes
    data = dataset(X, y, size=8, halo=5, n_patches=60, augmentation=Symmetries("cube", shift=shift))
    batches = one_epoch(data, 100)
    least = np.array([maps.min() for maps, _ in cores(batches)]).astype(int)
    for axis, first in enumerate(np.unravel_index(least % np.prod(SPATIAL), SPATIAL)):
        assert set(first.tolist()) == set(range(SPATIAL[axis] - 7))
    corners = [slice(None, None, n - 1) for n in SPATIAL]
    expected = np.sort(X[0, 0][tuple(corners)].ravel())
    for maps, _ in batches:
        found = maps[(slice(None), 0, *corners)].flatten(1).sort().values % np.prod(SPATIAL)
        assert_array_equal(found, np.broadcast_to(expected, found.shape))


@pytest.mark.parametrize("size", [4, 7, 13, None])
@pytest.mark.parametrize(("periodic", "wraps"), [(False, False), (True, False), (True, True)])
def test_windows_hold_all_that_matters(periodic, wraps, size, boxes):
    """A net makes the same of a window, within its core, as of the whole box."""
    net = FieldResNet(1, 3, dim=3, padding_mode="circular" if wraps else "zeros")
    torch.manual_seed(0)
    module = net.build((1, *SPATIAL), 2)
    X = np.random.default_rng(0).normal(size=(2, 1, *SPATIAL)).astype("float32")
    whole = np.pad(X, [(0, 0)] * 2 + [(3, 3)] * 3, "wrap") if periodic else X
    with torch.no_grad():
        y = module(torch.from_numpy(whole))
        y = (y[..., 3:-3, 3:-3, 3:-3] if periodic else y).numpy()
        options = {"periodic": periodic, "wraps": wraps, "halo": net.reach}
        for maps, (target, offset) in one_epoch(dataset(X, y, size=size, **options)):
            made = crop(module(maps), offset, target.shape[2:])
            np.testing.assert_allclose(made, target, rtol=1e-4, atol=1e-5)


def test_windows_of_a_periodic_net_are_no_larger_than_the_box(boxes):
    """Where the halo goes around the box, the box is enough."""
    X, y = boxes
    data = dataset(X, y, size=6, halo=4, periodic=True, wraps=True)
    for maps, (target, _) in one_epoch(data):
        assert tuple(maps.shape[2:]) == (12, 14, 14)
        assert tuple(target.shape[2:]) == (6, 6, 6)


def test_draws_are_by_sample(boxes):
    """What is drawn for a sample depends on seed and epoch, not on samples or batches beside it."""
    X, y = boxes

    def patches(epoch=1, batch_size=4, **options):
        options = {"augmentation": Symmetries("cube"), "seed": 5} | options
        found = cores(one_epoch(dataset(X, y, **options), batch_size, epoch))
        return sorted(maps.tobytes() for maps, _ in found)

    assert patches() == patches(batch_size=3)
    assert patches() != patches(epoch=2)
    assert patches() != patches(seed=6)
    some = patches(rows=torch.tensor([3, 1]))
    assert len(some) == 4
    assert set(some) < set(patches())


def test_validation_covers_the_box(boxes):
    """Without a number of patches each cell comes once, or twice where the last one overlaps."""
    X, y = boxes
    data = dataset(X, y, n_patches=None)
    seen = np.concatenate([maps.ravel() for maps, _ in cores(Batches(data, 4))])
    assert set(seen.astype(int)) == set(range(X.size))
    assert len(data) == 5 * 2 * 3 * 3  # 12, 14 and 16 cells by six
    whole = dataset(X, y, size=None, n_patches=None)
    assert len(whole) == 5


def test_weights_go_with_the_samples(boxes):
    """Each patch has the weight of its sample."""
    X, y = boxes
    data = dataset(X, y, weight=torch.arange(5.0))
    for maps, (_, _, weight) in one_epoch(data):
        assert_array_equal(weight, maps[:, 0, 0, 0, 0].numpy() // np.prod(SPATIAL))


@pytest.mark.parametrize("batch_size", [3, 8, 20])
@pytest.mark.parametrize("n_patches", [8, None])
def test_a_sample_is_read_once(n_patches, batch_size, boxes, monkeypatch):
    """All patches of one sample cost one reading of it, also where they are in many batches."""
    X, y = boxes
    rows = []
    read = LazyMaps._transformed
    monkeypatch.setattr(
        LazyMaps, "_transformed", lambda self, r: rows.append(r.tolist()) or read(self, r)
    )
    data = dataset(open_maps(X), open_maps(y), n_patches=n_patches)
    data.epoch = 1
    for epoch in (1, 2):
        list(Batches(data, batch_size, shuffle=n_patches is not None))
        assert sorted(np.concatenate(rows)) == sorted([*range(5)] * 2 * epoch)
