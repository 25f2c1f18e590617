"""Maps that are read ahead of the net: their bits, their reads, and the end of their threads."""

import threading

import h5py
import joblib
import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from skastro.decomposition import MapPCA
from skastro.exceptions import DivergenceError, MapSourceError
from skastro.instrument import WhiteNoise
from skastro.maps import concatenate, open_maps, stack_channels
from skastro.nets import ConvNet, FieldResNet
from skastro.neural_network import CNNRegressor, FieldRegressor, Streaming, Symmetries
from skastro.neural_network._batches import Batches, MapDataset
from skastro.preprocessing import BlockPool, FieldScaler

LITTLE, SOME, MUCH = Streaming(memory=1), Streaming(memory=40_000), Streaming(memory=2**30)


def readers():
    """Threads of readers that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "skastro-reader"]


@pytest.fixture(autouse=True)
def _none_left():
    """No test leaves a thread."""
    yield
    assert not readers()


class Spy:
    """A source that notes what is read, and can be told to fail at a row."""

    dtype = np.dtype("float32")

    def __init__(self, array, bad=None, error=None):
        self.array, self.shape = array, array.shape
        self.bad, self.error = bad, error
        self.reads, self.threads = [], set()

    def read(self, rows):
        """Rows, unless the bad one is among them."""
        self.reads.append(np.array(rows))
        self.threads.add(threading.get_ident())
        if self.bad in rows:
            raise self.error
        return self.array[rows]


def spied(array, **options):
    """Lazy maps of a spy."""
    maps = open_maps(array)
    maps.source = Spy(array, **options)
    return maps


@pytest.fixture
def stored(rough, tmp_path):
    """The maps in a file of compressed chunks."""
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("maps", data=rough.X, chunks=(1, 8, 9), compression="gzip")
    np.save(tmp_path / "maps.npy", rough.X)
    return path


@pytest.mark.parametrize("streaming", [None, LITTLE, SOME, MUCH])
@pytest.mark.parametrize("suffix", [".h5", ".npy"])
def test_bits_are_those_of_maps_in_memory(suffix, streaming, stored, rough, options, fits):
    """However far the maps are read ahead, and whatever rows of the file they are."""
    options |= {"early_stopping": True, "augmentation": Symmetries(shift=True)}
    options |= {"net": ConvNet(1, 2, dropout=0.3), "batch_size": 7}
    rows = np.random.default_rng(5).permutation(60)[:50]
    maps = open_maps(stored.with_suffix(suffix))[rows]
    lazy = CNNRegressor(streaming=streaming, **options).fit(maps, rough.y[rows])
    eager = CNNRegressor(**options).fit(rough.X[rows], rough.y[rows])
    fits.assert_same(lazy, eager)
    np.testing.assert_array_equal(lazy.predict(maps[::-3]), eager.predict(rough.X[rows][::-3]))


@pytest.mark.parametrize("streaming", [LITTLE, SOME, MUCH])
def test_transforms_see_the_same_batches(streaming, stored):
    """Products of matrices depend on what is multiplied at once, which reading ahead keeps."""
    noisy = WhiteNoise(0.3, random_state=1, when="fit").fit_transform(open_maps(stored))
    pooled = BlockPool(2, remainder="drop").fit_transform(noisy)
    pca = MapPCA(5, random_state=0).fit(pooled)
    chain = FieldScaler().fit_transform(pca.inverse_transform(pca.transform(pooled)))
    rows = torch.from_numpy(np.random.default_rng(0).permutation(60)[:50])
    data = MapDataset(
        chain, (1, *chain.shape[1:]), torch.arange(60), rows=rows, streaming=streaming
    )
    for data.epoch in (1, 2):
        seen = []
        for maps, numbers in Batches(data, 7, shuffle=True):
            want = np.asarray(chain.realization(data.epoch)[numbers.numpy()])
            np.testing.assert_array_equal(maps[:, 0], want)
            seen += numbers.tolist()
        assert sorted(seen) == sorted(rows.tolist())
    window = chain.preloaded(np.array([4, 17, 3, 50]))
    for some in ([3], [50, 4, 17], [17, 17, 3]):
        np.testing.assert_array_equal(np.asarray(window[some]), np.asarray(chain[some]))


def test_sources_of_several_parts(stored, rough, options, fits):
    """Concatenated and stacked maps are read ahead as well."""
    maps = open_maps(stored)
    joined = concatenate([maps[:25], maps[25:]])
    both = stack_channels([joined, joined[::-1]])
    X = np.stack([rough.X, rough.X[::-1]], axis=1)
    lazy = CNNRegressor(streaming=SOME, **options).fit(both, rough.y)
    fits.assert_same(lazy, CNNRegressor(**options).fit(X, rough.y))


@pytest.mark.parametrize("combine", ["stack", "concatenate"])
def test_transforms_of_members_see_the_same_batches(combine, stored):
    """What parts carry is applied a batch at a time too, however far ahead is read."""
    maps = open_maps(stored)
    pca = MapPCA(5, random_state=0).fit(maps)
    coded = pca.inverse_transform(pca.transform(maps))
    parts = [coded, maps] if combine == "stack" else [coded[:7], coded[:0], coded[20:]]
    chain = (stack_channels if combine == "stack" else concatenate)(parts)
    shape = (2, 8, 9) if combine == "stack" else (1, 8, 9)
    found = []
    for streaming in (LITTLE, SOME, MUCH):
        data = MapDataset(chain, shape, streaming=streaming)
        data.epoch = 1
        found.append(torch.cat([batch for batch, _ in Batches(data, 7, shuffle=True)]))
    assert len(found[0]) == len(chain)
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)
    torch.testing.assert_close(found[2], found[0], rtol=0, atol=0)


def test_memory_of_parts_counts(rough, tmp_path):
    """A part that is larger in its file than behind its transforms is held as in the file."""
    np.save(tmp_path / "maps.npy", rough.X)
    small = BlockPool(2, remainder="drop").fit_transform(open_maps(tmp_path / "maps.npy"))
    assert stack_channels([small, small]).held_bytes == 2 * 8 * 9 * 4
    assert concatenate([small, small]).held_bytes == 8 * 9 * 4


def test_reads_are_few_and_ascending(rough, options):
    """A window of batches is one read, in the order of the file, beside the training thread."""
    maps = spied(rough.X)
    memory = 2 * 3 * 16 * 8 * 9 * 4  # two batches of sixteen in a window
    model = CNNRegressor(streaming=Streaming(memory=memory), **options).fit(maps, rough.y)
    reads = [rows for rows in maps.source.reads if len(rows)]
    assert [len(rows) for rows in reads] == [32, 28] * 3
    for first, second in zip(reads[::2], reads[1::2], strict=True):
        assert (np.diff(first) > 0).all()
        assert (np.diff(second) > 0).all()
        np.testing.assert_array_equal(np.sort(np.r_[first, second]), np.arange(60))
    assert not np.array_equal(reads[0], reads[2])
    assert threading.get_ident() not in maps.source.threads
    del maps.source.reads[:]
    model.predict(maps)
    assert [rows.tolist() for rows in maps.source.reads] == [[*range(32)], [*range(32, 60)]]


def test_net_and_reader_overlap(rough):
    """While a batch is in use, the next window is read."""
    maps = spied(rough.X)
    memory = 2 * 2 * 5 * 8 * 9 * 4
    data = MapDataset(maps, (1, 8, 9), torch.arange(60), streaming=Streaming(memory=memory))
    batches = Batches(data, 5).starting_at(0)
    next(batches)
    for _ in range(1000):
        if len(maps.source.reads) == 3:
            break
        threading.Event().wait(0.001)
    assert len(maps.source.reads) == 3  # one in use, one waits, one is in the making
    threading.Event().wait(0.02)
    assert len(maps.source.reads) == 3
    batches.close()
    assert not readers()


class Odd(Exception):
    """An error of a source."""


@pytest.mark.parametrize("streaming", [LITTLE, SOME, MUCH])
@pytest.mark.parametrize("error", [MapSourceError("cut off"), Odd("bad disk"), MemoryError("full")])
def test_errors_of_the_source(error, streaming, rough, options):
    """They reach the caller of fit and of predict as they are."""
    maps = spied(rough.X, bad=41, error=error)
    with pytest.raises(type(error)) as raised:
        CNNRegressor(streaming=streaming, **options).fit(maps, rough.y)
    assert raised.value is error
    assert not readers()
    model = CNNRegressor(streaming=streaming, **options).fit(maps[:41], rough.y[:41])
    with pytest.raises(type(error)) as raised:
        model.predict(maps)
    assert raised.value is error


def test_a_file_that_vanishes(stored, rough, options, tmp_path):
    """A truncated file is an error of the source, raised in the training thread."""
    maps = open_maps(stored)
    with h5py.File(stored, "r+") as file:
        del file["maps"]
        file["maps"] = rough.X[:30]
    with pytest.raises(MapSourceError, match="has changed"):
        CNNRegressor(streaming=SOME, **options).fit(maps, rough.y)


@pytest.mark.parametrize("streaming", [LITTLE, MUCH])
def test_bad_cells_are_found_in_the_thread(streaming, rough, options):
    """The number is that of the maps that were given."""
    X = rough.X.copy()
    X[33, 4, 7] = np.inf
    maps = spied(X)[20:]
    with pytest.raises(ValueError, match=r"inf, first at sample 13, cell \(4, 7\)"):
        CNNRegressor(streaming=streaming, **options).fit(maps, rough.y[20:])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
@pytest.mark.parametrize("when", ["on_batch_end", "on_epoch_end"])
def test_an_abandoned_epoch_ends_the_thread(when, error, stored, rough, options, failing):
    """At once, not when the error is forgotten."""
    model = CNNRegressor(callbacks=[failing(error(), when=when)], streaming=LITTLE, **options)
    with pytest.raises(error):
        model.fit(open_maps(stored), rough.y)
    assert not readers()


def test_divergence_ends_the_thread(stored, rough, options):
    """So does a net that diverges."""
    model = CNNRegressor(streaming=LITTLE, **options | {"lr": 1e30, "max_epochs": 9})
    with pytest.raises(DivergenceError):
        model.fit(open_maps(stored), rough.y)


def test_a_fit_that_goes_on_in_an_epoch(stored, rough, options, tmp_path, failing, fits):
    """It reads what is left of the epoch; how far ahead it reads may be another."""
    maps = spied(rough.X)
    whole = CNNRegressor(**options).fit(maps, rough.y)
    keeping = options | {"checkpoint": tmp_path / "fit", "checkpoint_interval": 0.0}
    stop = failing(KeyboardInterrupt(), epoch=2)
    maps = open_maps(stored)
    with pytest.raises(KeyboardInterrupt):
        CNNRegressor(callbacks=[stop], streaming=SOME, **keeping).fit(maps, rough.y)
    assert len(list((tmp_path / "fit").iterdir())) == 1
    stop.epoch = 99
    again = CNNRegressor(callbacks=[stop], streaming=MUCH, **keeping)
    again.fit(maps, rough.y)
    fits.assert_same(again, whole)


@pytest.mark.parametrize(
    ("backend", "streaming"),
    [("threading", LITTLE), ("threading", Streaming(4, memory=40_000)), ("loky", SOME)],
)
def test_parallel_fits(streaming, backend, stored, rough, options):
    """Fits of one file in threads and in processes have the bits of fits one by one."""
    model = make_pipeline(FieldScaler(), CNNRegressor(streaming=streaming, **options))
    maps, cv = open_maps(stored), GroupKFold(3)
    here = cross_val_predict(model, maps, rough.y, groups=rough.groups, cv=cv)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        there = cross_val_predict(model, maps, rough.y, groups=rough.groups, cv=cv)
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("n_patches", [1, 3, 9])
@pytest.mark.parametrize("streaming", [None, LITTLE, SOME, Streaming(memory=4_000)])
def test_fields(streaming, n_patches, stored, rough, tmp_path, fits):
    """Fields are read ahead, each sample once in an epoch."""
    options = {"net": FieldResNet(1, 2), "max_epochs": 2, "random_state": 0, "n_threads": 1}
    options |= {"patch_size": 5, "n_patches": n_patches, "early_stopping": True, "batch_size": 4}
    options |= {"augmentation": Symmetries(), "normalize_y": False}
    X, y = spied(rough.X[:7]), spied(-rough.X[:7])
    lazy = FieldRegressor(streaming=streaming, **options).fit(X, y)
    eager = FieldRegressor(**options).fit(rough.X[:7], -rough.X[:7])
    fits.assert_same(lazy, eager)
    for source in (X.source, y.source):
        read, times = np.unique(np.concatenate(source.reads), return_counts=True)
        assert read.tolist() == list(range(7))
        assert set(times) == {2}
    half = FieldRegressor(streaming=streaming, **options).fit(spied(rough.X[:7]), -rough.X[:7])
    fits.assert_same(half, eager)


@pytest.mark.parametrize("given", [{"block_size": 0}, {"memory": 0}, {"block_size": 1.5}])
def test_parameters_are_checked(given, rough, options):
    """What is out of range is refused in fit."""
    with pytest.raises(ValueError, match=f"The '{next(iter(given))}' parameter of Streaming"):
        CNNRegressor(streaming=Streaming(**given), **options).fit(rough.X, rough.y)
    with pytest.raises(ValueError, match="'streaming' parameter of CNNRegressor"):
        CNNRegressor(streaming=4, **options).fit(rough.X, rough.y)
