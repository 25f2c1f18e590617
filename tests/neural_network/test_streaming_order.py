"""The order of samples where blocks of a file are shuffled, and files that are slow to shuffle."""

import warnings

import h5py
import numpy as np
import pytest
import torch

from skastro.exceptions import PerformanceWarning
from skastro.maps import concatenate, open_maps
from skastro.nets import FieldResNet
from skastro.neural_network import CNNRegressor, FieldRegressor, Streaming
from skastro.neural_network._batches import Batches, MapDataset
from skastro.preprocessing import FieldScaler

MAP_BYTES = 3 * 4 * 4


def numbered(n):
    """Maps in memory that hold their number."""
    return np.arange(n, dtype="float32")[:, None, None] * np.ones((1, 3, 4), dtype="float32")


def order(maps, streaming, batch_size=4, rows=None, seed=0, epoch=1):
    """Numbers in the order of an epoch."""
    rows = None if rows is None else torch.from_numpy(rows)
    data = MapDataset(maps, (1, 3, 4), rows=rows, seed=seed, streaming=streaming)
    data.epoch = epoch
    batches = [maps[:, 0, 0, 0] for maps, _ in Batches(data, batch_size, shuffle=True)]
    return np.concatenate(batches).astype(int)


def windows(n_batches, batch_size=4):
    """Memory for as many batches in a window."""
    return 2 * (n_batches + 1) * batch_size * MAP_BYTES


@pytest.mark.parametrize("memory", [1, 1000, 2**28])
def test_single_samples_are_shuffled_as_in_memory(memory):
    """However much is read at once."""
    want = order(numbered(60), None)
    np.testing.assert_array_equal(order(open_maps(numbered(60)), Streaming(memory=memory)), want)
    assert np.abs(np.corrcoef(want, np.arange(60))[0, 1]) < 0.5


def test_blocks_stay_together():
    """A window of samples is made of a few blocks of the file, in random order."""
    streaming = Streaming(5, memory=windows(5))  # windows of twenty samples, four blocks
    found = order(open_maps(numbered(60)), streaming)
    assert sorted(found) == list(range(60))
    for start in range(0, 60, 20):
        window = found[start : start + 20]
        assert len(set(window // 5)) == 4
        assert not np.array_equal(window // 5, np.repeat(window[::5] // 5, 5))
    assert set(found[:20] // 5) != {0, 1, 2, 3}
    whole = order(open_maps(numbered(60)), Streaming(5, memory=2**28))
    assert len(set(whole[:20] // 5)) > 6


def test_blocks_are_rows_of_the_file():
    """Which rows were chosen, and in what order, does not move their edges."""
    rng = np.random.default_rng(3)
    chosen = rng.permutation(60)[:45]
    training = rng.permutation(45)[:30]
    streaming = Streaming(10, memory=windows(1))
    found = order(open_maps(numbered(60))[chosen], streaming, rows=training, batch_size=4)
    assert sorted(found) == sorted(chosen[training])
    changes = np.count_nonzero(np.diff(found // 10))
    assert changes <= 5 + 2 * 5  # at each of five edges, a window mixes two blocks
    again = order(open_maps(numbered(60))[np.sort(chosen)], streaming, rows=np.arange(45))
    assert len(set(again[:8] // 10)) <= 2


def test_order_depends_on_what_is_documented():
    """The seed, the epoch, the size of blocks and the memory, and nothing else."""
    maps = open_maps(numbered(60))
    first = order(maps, Streaming(5, memory=windows(5)))
    np.testing.assert_array_equal(order(maps, Streaming(5, memory=windows(5) + 7)), first)
    for other in (
        order(maps, Streaming(5, memory=windows(5)), seed=1),
        order(maps, Streaming(5, memory=windows(5)), epoch=2),
        order(maps, Streaming(6, memory=windows(5))),
        order(maps, Streaming(5, memory=windows(2))),
    ):
        assert sorted(other) == sorted(first)
        assert not np.array_equal(other, first)
    in_memory = order(numbered(60), Streaming(5, memory=windows(5)))
    np.testing.assert_array_equal(in_memory, order(numbered(60), None))


def test_each_chunk_is_read_once(tmp_path):
    """Blocks of the size of chunks cost one decompression of each chunk in an epoch, or two."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("maps", data=numbered(96), chunks=(8, 3, 4), compression="gzip")
    maps, touched = open_maps(tmp_path / "maps.h5"), []
    read = type(maps.source).read

    class Spied(type(maps.source)):
        def read(self, rows):
            touched.append(len(np.unique(rows // 8)))
            return read(self, rows)

    maps.source = Spied(tmp_path / "maps.h5", "maps")
    order(maps, Streaming(8, memory=windows(8)))
    assert sum(touched) == 12  # windows are of 32 samples, four chunks
    del touched[:]
    order(maps, Streaming(memory=windows(8)))
    assert sum(touched) > 30


def test_fields_in_blocks(rough):
    """All patches of a sample stay neighbours."""
    maps = open_maps(rough.X)
    options = {"net": FieldResNet(1, 2), "max_epochs": 2, "random_state": 0, "n_threads": 1}
    options |= {"patch_size": 4, "n_patches": 2, "streaming": Streaming(6, memory=20_000)}
    once, again = (FieldRegressor(**options).fit(maps, rough.X).history_ for _ in range(2))
    assert [e["train_loss"] for e in once] == [e["train_loss"] for e in again]
    full = FieldRegressor(**options | {"streaming": None}).fit(maps, rough.X).history_
    assert full[0]["train_loss"] != once[0]["train_loss"]


def test_memory_counts_in_a_checkpoint_where_it_counts(rough, options, tmp_path, steps):
    """A fit is found again with other memory unless blocks are shuffled by it."""
    maps = open_maps(rough.X)

    def fit(streaming):
        del steps[:]
        model = CNNRegressor(checkpoint=tmp_path, streaming=streaming, **options)
        model.fit(maps, rough.y)
        return len(steps)

    assert [fit(s) for s in (None, Streaming(), Streaming(memory=5))] == [12, 0, 0]
    assert [fit(s) for s in (Streaming(2), Streaming(2), Streaming(2, memory=5))] == [12, 0, 12]


@pytest.fixture
def chunked(rough, tmp_path):
    """The maps in files of chunks, by their rows and compression."""

    def write(rows, compression, name="maps.h5"):
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            options = {"chunks": (rows, 8, 9), "compression": compression}
            file.create_dataset("maps", data=rough.X, **options)
        return open_maps(path)

    return write


def test_warning_of_chunks(chunked, rough, options):
    """Once in a fit, with what is wrong and both remedies."""
    maps = FieldScaler().fit_transform(concatenate([chunked(20, "gzip")]))
    model = CNNRegressor(streaming=Streaming(memory=1), **options | {"batch_size": 2})
    with pytest.warns(PerformanceWarning, match="20 samples in each compressed chunk") as caught:
        model.fit(maps, rough.y)
    assert len(caught) == 1
    assert "block_size=20" in str(caught[0].message)
    assert "skastro.maps.rechunk" in str(caught[0].message)
    assert "CNNRegressor" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("rows", "compression", "streaming"),
    [
        (20, "gzip", None),
        (20, None, Streaming(memory=1)),
        (2, "gzip", Streaming(memory=1)),
        (20, "gzip", Streaming(20, memory=1)),
        (20, "lzf", Streaming(10, memory=1)),
    ],
)
def test_no_warning(rows, compression, streaming, chunked, rough, options):
    """Where all is read at once, chunks are plain or small, or blocks are shuffled."""
    model = CNNRegressor(streaming=streaming, **options | {"batch_size": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(chunked(rows, compression), rough.y)
