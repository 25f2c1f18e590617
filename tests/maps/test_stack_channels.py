"""Maps of several files become the channels of one, row for row and without reading."""

import pickle

import h5py
import numpy as np
import pytest

from skastro.exceptions import MapShapeError, MapSourceError
from skastro.maps import LazyMaps, MapTransformer, open_maps, stack_channels
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
        return batch + np.float32(1000 * epoch + np.asarray(samples))[:, None, None]


@pytest.fixture
def fields():
    """Three fields of eleven samples: one channel, two channels, one again."""
    rng = np.random.default_rng(0)
    return [
        rng.random(shape, dtype=np.float32) for shape in ((11, 7, 8), (11, 2, 7, 8), (11, 7, 8))
    ]


@pytest.fixture
def paths(fields, tmp_path):
    """The same in two .npy files and one HDF5 file."""
    np.save(tmp_path / "a.npy", fields[0])
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["b"] = fields[1]
    np.save(tmp_path / "c.npy", np.asfortranarray(fields[2]))
    return [tmp_path / name for name in ("a.npy", "b.h5", "c.npy")]


def together(fields):
    return np.concatenate([f.reshape(11, -1, 7, 8) for f in fields], axis=1)


ROWS = [slice(None), slice(7, 2, -2), [10, 0, 3, 3], np.arange(11) % 2 == 0]


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("stored", ["arrays", "files", "lazy"])
def test_values(fields, paths, stored, rows):
    members = {"arrays": fields, "files": paths, "lazy": [open_maps(path) for path in paths]}
    maps = stack_channels(members[stored])
    assert isinstance(maps, LazyMaps)
    assert maps.shape == (11, 4, 7, 8)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(maps[rows]), together(fields)[rows])


def test_one_sample_and_chunks(fields, paths):
    maps = stack_channels(paths)
    np.testing.assert_array_equal(maps[4], together(fields)[4])
    chunks = list(maps.chunks(n_bytes=3 * 4 * 7 * 8 * 4))
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(chunks), together(fields))


@pytest.mark.parametrize(
    ("shape", "dim", "expected"),
    [
        ((5, 4, 7, 8), 2, (5, 8, 7, 8)),
        ((5, 4, 7, 8), 3, (5, 2, 4, 7, 8)),
        ((5, 2, 4, 7, 8), 3, (5, 4, 4, 7, 8)),
        ((5, 8), 1, (5, 2, 8)),
        ((5, 3, 8), 1, (5, 6, 8)),
    ],
)
def test_spatial_axes(shape, dim, expected):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    maps = stack_channels([values, -values], dim=dim)
    assert maps.shape == expected
    channels = values.reshape(expected[0], -1, *expected[2:])
    np.testing.assert_array_equal(np.asarray(maps), np.concatenate([channels, -channels], axis=1))


@pytest.mark.parametrize("dtype", [">f4", "<f8", "<i2"])
def test_other_types_become_native_float32(tmp_path, dtype):
    values = np.arange(2 * 7 * 8).reshape(2, 7, 8).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    maps = np.asarray(stack_channels([tmp_path / "x.npy", values]))
    assert maps.dtype == np.dtype(np.float32)
    np.testing.assert_array_equal(maps, np.stack([values, values], axis=1))


def test_nothing_is_read_before_it_is_asked_for(paths, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(NpySource, "read", None)
        patch.setattr(NpySource, "_array", None)
        maps = stack_channels(paths)[3:]
    assert np.asarray(maps).shape == (8, 4, 7, 8)


def test_rows_of_members_are_kept(fields, paths):
    reverse = open_maps(paths[0])[::-1]
    maps = stack_channels([reverse, paths[2]])
    np.testing.assert_array_equal(
        np.asarray(maps[2:5]), np.stack([fields[0][::-1], fields[2]], axis=1)[2:5]
    )


def test_steps_of_members_are_applied_to_their_channels(fields, paths):
    scaler = FieldScaler().fit(fields[1])
    maps = stack_channels([paths[0], scaler.transform(open_maps(paths[1]))])
    expected = np.concatenate([fields[0][:, None], scaler.transform(fields[1])], axis=1)
    np.testing.assert_array_equal(np.asarray(maps), expected)


def test_members_that_steps_shrink_are_read_in_chunks_of_their_own_size(monkeypatch):
    values = np.broadcast_to(np.arange(200, dtype=np.float32)[:, None, None], (200, 256, 256))
    pooled = BlockPool(16).fit(values[:1]).transform(open_maps(values))
    maps = stack_channels([pooled, stack_channels([pooled, pooled])])
    n_read = []

    def read(self, rows):
        n_read.append(len(rows))
        return self.array[rows]

    monkeypatch.setattr(ArraySource, "read", read)
    rows = np.arange(200)[::-1]
    np.testing.assert_array_equal(np.asarray(maps[rows])[:, :, 5, 7], rows[:, None].repeat(3, 1))
    assert sum(n_read) == 3 * 200
    assert max(n_read) == CHUNK_BYTES // (4 * 256 * 256)


def test_realization_is_handed_on(fields, paths):
    noisy = Draw().fit(fields[0]).transform(open_maps(paths[0])[::-1])
    maps = stack_channels([noisy, paths[2]])
    drawn = np.asarray(maps.realization(2)[[1, 4]])
    expected = fields[0][[9, 6]] + np.float32([2009, 2006])[:, None, None]
    np.testing.assert_array_equal(drawn[:, 0], expected)
    np.testing.assert_array_equal(drawn[:, 1], fields[2][[1, 4]])
    np.testing.assert_array_equal(
        np.asarray(maps)[:, 0], fields[0][::-1] + np.float32(np.arange(11)[::-1, None, None])
    )


def test_stacks_can_be_stacked(fields, paths):
    maps = stack_channels([stack_channels(paths[:2]), paths[2]])
    np.testing.assert_array_equal(np.asarray(maps), together(fields))


def test_scaler_fits_as_it_does_on_an_array(fields, paths):
    maps = stack_channels(paths)
    lazy, eager = FieldScaler().fit(maps), FieldScaler().fit(together(fields))
    np.testing.assert_allclose(
        np.asarray(lazy.transform(maps)), eager.transform(together(fields)), rtol=0, atol=1e-6
    )


def test_pickle_is_paths_and_rows(fields, tmp_path):
    values = np.random.default_rng(1).random((40, 64, 64), dtype=np.float32)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", values)
    maps = stack_channels([tmp_path / "a.npy", tmp_path / "b.npy"])
    np.asarray(maps[:2])
    pickled = pickle.dumps(maps)
    assert len(pickled) < 4000
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickled))[:, 1], values)


def test_fingerprint_tells_content_and_order(fields, paths, tmp_path):
    name = fingerprint(stack_channels(paths))
    np.asarray(stack_channels(paths))
    assert fingerprint(stack_channels(paths)) == name
    assert fingerprint(stack_channels(paths[::-1])) != name
    assert fingerprint(stack_channels(paths[:2])) != name
    assert fingerprint(stack_channels(paths)[1:]) != name
    assert fingerprint(stack_channels(paths).realization(1)) != name
    np.save(paths[0], 2 * fields[0])
    assert fingerprint(stack_channels(paths)) != name


def test_repr_names_the_sources(paths):
    assert repr(stack_channels(paths[:2])[:3]) == (
        f"LazyMaps(shape=(3, 3, 7, 8), source=stack of [{paths[0]}, {paths[1]}::b])"
    )


@pytest.mark.parametrize("other", [(12, 7, 8), (11, 8, 7), (11, 2, 7, 9)])
def test_unequal_maps(fields, other):
    message = rf"maps\[0\] has shape \(11, 7, 8\).*maps\[1\] has shape \({str(other)[1:-1]}\)"
    with pytest.raises(MapShapeError, match=message):
        stack_channels([fields[0], np.ones(other)])


@pytest.mark.parametrize(("shape", "dim"), [((11, 8), 2), ((11, 1, 2, 7, 8), 2), ((11, 7, 8), 3)])
def test_maps_of_other_dimensions(shape, dim):
    with pytest.raises(MapShapeError, match=rf"dim={dim} takes .*; maps\[0\] has shape"):
        stack_channels([np.ones(shape)], dim=dim)


def test_no_maps():
    with pytest.raises(ValueError, match="at least one map; got an empty list"):
        stack_channels([])


@pytest.mark.parametrize("maps", ["maps.npy", np.ones((3, 5, 7, 8)), None])
def test_what_is_no_list(maps):
    with pytest.raises(TypeError, match=f"a list of maps; got a {type(maps).__name__}"):
        stack_channels(maps)


@pytest.mark.parametrize("dim", [0, 2.0, True, None])
def test_bad_dim(fields, dim):
    with pytest.raises(ValueError, match="'dim' parameter of stack_channels must be 1 or more"):
        stack_channels(fields, dim=dim)


def test_absent_file(paths):
    with pytest.raises(MapSourceError, match=r"no file .*absent\.npy"):
        stack_channels([paths[0], paths[0].with_name("absent.npy")])
