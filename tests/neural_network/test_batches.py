"""Samples and batches, one by one."""

import numpy as np
import pytest
import torch

from skastro.neural_network._batches import Batches, MapDataset


def dataset(n, **options):
    """Maps that hold their number."""
    X = np.arange(n, dtype="float32")[:, None, None] * np.ones((1, 2, 3), dtype="float32")
    return MapDataset(X, (1, 2, 3), torch.arange(n), **options)


def numbers(batches):
    """Numbers of the samples in each batch."""
    return [y.tolist() for _, y in batches]


def flat(batches):
    """Numbers of all samples."""
    return [number for batch in batches for number in batch]


@pytest.mark.parametrize(
    ("n", "batch_size", "training", "prediction"),
    [
        (10, 4, [4, 4, 2], [4, 4, 2]),
        (9, 4, [4, 5], [4, 4, 1]),
        (8, 4, [4, 4], [4, 4]),
        (5, 4, [5], [4, 1]),
        (3, 4, [3], [3]),
        (1, 4, [1], [1]),
        (4, 1, [1, 1, 1, 1], [1, 1, 1, 1]),
    ],
)
def test_sizes(n, batch_size, training, prediction):
    """A last sample is never alone in training on larger batches; every sample comes once."""
    for shuffle, sizes in ((True, training), (False, prediction)):
        batches = Batches(dataset(n), batch_size, shuffle=shuffle)
        found = numbers(batches)
        assert [len(batch) for batch in found] == sizes
        assert len(batches) == len(sizes)
        assert sorted(flat(found)) == list(range(n))
    assert flat(found) == list(range(n))


def test_rows_and_targets_belong_together():
    """Maps, targets and weights are those of the rows chosen, in their order."""
    rows = torch.tensor([7, 2, 5, 0])
    weight = torch.arange(9.0) / 10
    data = dataset(9, rows=rows, weight=weight)
    assert len(data) == 4
    for shuffle in (False, True):
        got = []
        for maps, (y, w) in Batches(data, 3, shuffle=shuffle):
            assert maps.shape == (len(y), 1, 2, 3)
            assert torch.equal(maps[:, 0, 1, 2], y.float())
            assert torch.equal(w, weight[y])
            got += y.tolist()
        assert sorted(got) == [0, 2, 5, 7]
    assert numbers(Batches(dataset(9, rows=rows), 3)) == [[7, 2, 5], [0]]


def test_order_belongs_to_seed_and_epoch():
    """Epochs shuffle anew, and an epoch can be repeated on its own."""

    def order(seed, epoch):
        data = dataset(30, seed=seed)
        data.epoch = epoch
        return tuple(flat(numbers(Batches(data, 8, shuffle=True))))

    assert order(0, 3) == order(0, 3)
    assert len({order(seed, epoch) for seed in (0, 1) for epoch in (1, 2, 3)}) == 6


def test_nothing_is_copied():
    """The data set is the array itself, read-only ones included, and rows of it share it."""
    X = np.zeros((6, 2, 3), dtype="float32")
    X.flags.writeable = False
    data = MapDataset(X, (1, 2, 3), rows=torch.tensor([1, 2]))
    assert data.maps.data_ptr() == X.ctypes.data
    maps, nothing = data.batch(torch.tensor([2, 4]))
    assert nothing.numel() == 0
    maps += 1
    assert not X.any()
