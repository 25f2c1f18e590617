"""Samples of several files follow one another, row for row and without reading."""

import pickle

import h5py
import numpy as np
import pytest

from skastro.exceptions import MapShapeError, MapSourceError
from skastro.maps import LazyMaps, MapTransformer, concatenate, open_maps, stack_channels
from skastro.maps._sources import CHUNK_BYTES, ArraySource, NpySource
from skastro.preprocessing import BlockPool, FieldScaler
from skastro.utils import fingerprint


class Draw(MapTransformer):
    """Adds a number that tells the row of the source and the epoch."""

    _parameter_constraints = {}
    _random = True

    def _apply(self, batch):
        return batch

    def _apply_random(self, batch, samples, epoch):
        return batch + np.float32(1000 * epoch + np.asarray(samples))[:, None, None, None]


@pytest.fixture
def parts():
    """Maps of four, five and three samples, of two channels."""
    rng = np.random.default_rng(0)
    return [rng.random((n, 2, 7, 8), dtype=np.float32) for n in (4, 5, 3)]


@pytest.fixture
def paths(parts, tmp_path):
    """The same in two .npy files and one HDF5 file."""
    np.save(tmp_path / "a.npy", parts[0])
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("b", data=parts[1], chunks=(2, 2, 7, 8))
    np.save(tmp_path / "c.npy", parts[2])
    return [tmp_path / name for name in ("a.npy", "b.h5", "c.npy")]


ROWS = [
    slice(None),
    slice(10, 1, -3),
    [11, 0, 3, 4, 4, 8, 9],
    np.arange(12) % 2 == 0,
    np.array([], int),
]


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("stored", ["arrays", "files", "lazy"])
def test_values(parts, paths, stored, rows):
    members = {"arrays": parts, "files": paths, "lazy": tuple(open_maps(path) for path in paths)}
    maps = concatenate(members[stored])
    assert isinstance(maps, LazyMaps)
    assert maps.shape == (12, 2, 7, 8)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(maps[rows]), np.concatenate(parts)[rows])


def test_one_sample_and_chunks(parts, paths):
    maps = concatenate(paths)
    np.testing.assert_array_equal(maps[4], parts[1][0])
    np.testing.assert_array_equal(maps[-1], parts[2][2])
    chunks = list(maps.chunks(n_bytes=5 * 4 * 2 * 7 * 8))
    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(chunks), np.concatenate(parts))


def test_maps_without_samples_and_single_maps(parts):
    empty = np.empty((0, 2, 7, 8), dtype=np.float32)
    maps = concatenate([empty, parts[0], empty, parts[1], empty])
    np.testing.assert_array_equal(np.asarray(maps), np.concatenate(parts[:2]))
    assert np.asarray(concatenate([empty])).shape == (0, 2, 7, 8)
    np.testing.assert_array_equal(np.asarray(concatenate([parts[2]])), parts[2])


@pytest.mark.parametrize("dtype", [">f4", "<f8", "<i2"])
def test_other_types_become_native_float32(parts, dtype):
    values = np.arange(2 * 2 * 7 * 8).reshape(2, 2, 7, 8).astype(dtype)
    maps = np.asarray(concatenate([values, parts[0]]))
    assert maps.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(maps[:2], values)


def test_nothing_is_read_before_it_is_asked_for(paths, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(NpySource, "read", None)
        patch.setattr(NpySource, "_array", None)
        maps = concatenate(paths)[3:]
    assert np.asarray(maps).shape == (9, 2, 7, 8)


def test_each_member_is_read_once_and_only_if_asked_for(parts, tmp_path, count_reads):
    members = []
    for i, part in enumerate(parts):
        with h5py.File(tmp_path / f"{i}.h5", "w") as file:
            file["maps"] = part
        members.append(open_maps(tmp_path / f"{i}.h5"))
    reads = [count_reads(member) for member in members]
    maps = concatenate(members)
    rows = np.array([7, 1, 5, 2, 6, 0])
    np.testing.assert_array_equal(maps.source.read(rows), np.concatenate(parts)[rows])
    assert reads == [[3], [3], []]


def test_rows_of_members_are_kept(parts, paths):
    maps = concatenate([open_maps(paths[0])[::-1], open_maps(paths[1])[[3, 1]]])
    expected = np.concatenate([parts[0][::-1], parts[1][[3, 1]]])
    np.testing.assert_array_equal(np.asarray(maps), expected)
    np.testing.assert_array_equal(np.asarray(maps[[5, 0, 4]]), expected[[5, 0, 4]])


def test_steps_of_members_are_applied_to_their_samples(parts, paths):
    scaler = FieldScaler().fit(parts[1])
    maps = concatenate([paths[0], scaler.transform(open_maps(paths[1]))])
    expected = np.concatenate([parts[0], scaler.transform(parts[1])])
    np.testing.assert_array_equal(np.asarray(maps), expected)


def test_members_that_steps_shrink_are_read_in_chunks_of_their_own_size(monkeypatch):
    values = np.broadcast_to(np.arange(200, dtype=np.float32)[:, None, None], (200, 256, 256))
    pooled = BlockPool(16).fit(values[:1]).transform(open_maps(values))
    maps = concatenate([pooled, pooled])
    n_read = []

    def read(self, rows):
        n_read.append(len(rows))
        return self.array[rows]

    monkeypatch.setattr(ArraySource, "read", read)
    np.testing.assert_array_equal(np.asarray(maps)[:, 5, 7], np.tile(np.arange(200), 2))
    assert sum(n_read) == 400
    assert max(n_read) == CHUNK_BYTES // (4 * 256 * 256)


def test_realization_is_handed_on(parts, paths):
    noisy = Draw().fit(parts[0]).transform(open_maps(paths[0])[::-1])
    maps = concatenate([paths[2], noisy])
    drawn = np.asarray(maps.realization(2)[[1, 3, 6]])
    expected = [parts[2][1], parts[0][3] + np.float32(2003), parts[0][0] + np.float32(2000)]
    np.testing.assert_array_equal(drawn, expected)


def test_noise_behind_the_concatenation_differs_from_map_to_map(parts):
    drawn = np.asarray(Draw().fit(parts[0]).transform(concatenate(parts)).realization(1))
    expected = np.concatenate(parts) + np.float32(1000 + np.arange(12))[:, None, None, None]
    np.testing.assert_array_equal(drawn, expected)


def test_channels_and_samples_together(parts, paths):
    channels = concatenate([stack_channels([path, path]) for path in paths])
    samples = stack_channels([concatenate(paths), concatenate(paths)])
    assert channels.shape == samples.shape == (12, 4, 7, 8)
    np.testing.assert_array_equal(np.asarray(channels), np.asarray(samples))
    np.testing.assert_array_equal(np.asarray(samples)[:, 2:], np.concatenate(parts))


def test_pickle_is_paths_and_rows(tmp_path):
    values = np.random.default_rng(1).random((40, 64, 64), dtype=np.float32)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", values)
    maps = concatenate([tmp_path / "a.npy", tmp_path / "b.npy"])
    np.asarray(maps[:2])
    pickled = pickle.dumps(maps)
    assert len(pickled) < 5000
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickled))[40:], values)


def test_fingerprint_tells_content_and_order(parts, paths):
    name = fingerprint(concatenate(paths))
    assert fingerprint(concatenate(paths)) == name
    assert fingerprint(concatenate(paths[::-1])) != name
    assert fingerprint(concatenate(paths[:2])) != name
    assert fingerprint(concatenate(paths).realization(1)) != name
    np.save(paths[0], 2 * parts[0])
    assert fingerprint(concatenate(paths)) != name


def test_repr_names_the_sources(paths):
    assert repr(concatenate(paths[:2])[:3]) == (
        f"LazyMaps(shape=(3, 2, 7, 8), source=concatenation of [{paths[0]}, {paths[1]}::b])"
    )


@pytest.mark.parametrize("other", [(5, 7, 8), (5, 2, 8, 7), (5, 1, 7, 8)])
def test_unequal_samples(parts, other):
    found = str(other[1:])[1:-1]
    message = rf"maps\[0\] has samples of shape \(2, 7, 8\).*maps\[1\] of shape \({found}\)"
    with pytest.raises(MapShapeError, match=message):
        concatenate([parts[0], np.ones(other)])


def test_no_maps():
    with pytest.raises(ValueError, match="at least one map; got an empty list"):
        concatenate([])


@pytest.mark.parametrize("maps", ["maps.npy", np.ones((3, 5, 7, 8)), None])
def test_what_is_no_list(maps):
    with pytest.raises(TypeError, match=f"a list of maps; got a {type(maps).__name__}"):
        concatenate(maps)


def test_absent_file(paths):
    with pytest.raises(MapSourceError, match=r"no file .*absent\.npy"):
        concatenate([paths[0], paths[0].with_name("absent.npy")])
