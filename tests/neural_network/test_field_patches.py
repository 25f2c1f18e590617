"""Patches that fields are trained on."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skastro.maps import LazyMaps, open_maps
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
        data = dataset(X, y, periodic=periodic, wraps=periodic, n_patches=400)
        firsts = [int(maps[0, 0, 0, 0]) for maps, _ in cores(one_epoch(data, 100))]
        begin = np.unravel_index(np.array(firsts) % np.prod(SPATIAL), SPATIAL)
        for axis, n in enumerate(SPATIAL):
            assert set(begin[axis].tolist()) == set(range(n if periodic else n - 5))


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
    assert len(data) == 5 * 2 * 3 * 3
    whole = dataset(X, y, size=None, n_patches=None)
    assert len(whole) == 5


def test_weights_go_with_the_samples(boxes):
    """Each patch has the weight of its sample."""
    X, y = boxes
    data = dataset(X, y, weight=torch.arange(5.0))
    for maps, (_, _, weight) in one_epoch(data):
        assert_array_equal(weight, maps[:, 0, 0, 0, 0].numpy() // np.prod(SPATIAL))


def test_a_sample_is_read_once_in_a_batch(boxes, monkeypatch):
    """Patches of one sample in one batch cost one reading of it."""
    X, y = boxes
    rows = []
    read = LazyMaps._transformed
    monkeypatch.setattr(
        LazyMaps, "_transformed", lambda self, r: rows.append(r.tolist()) or read(self, r)
    )
    batches = one_epoch(dataset(open_maps(X), open_maps(y), n_patches=8), batch_size=8)
    assert len(batches) == 5
    assert sorted(rows) == sorted([[i] for i in range(5)] * 2)
