"""Maps written anew: what is in the file, how it is laid out, and what is refused."""

import io
import os

import h5py
import numpy as np
import pytest
import rich

from skastro.instrument import WhiteNoise
from skastro.maps import concatenate, open_maps, rechunk
from skastro.preprocessing import BlockPool, FieldScaler

LAYOUTS = [
    pytest.param({}, None, [], id="contiguous"),
    pytest.param({"chunk_rows": 4}, 4, [], id="chunks"),
    pytest.param({"chunk_rows": 100}, 23, [], id="one chunk"),
    pytest.param({"compression": "gzip"}, 1, [2, 1], id="gzip"),
    pytest.param({"compression": "lzf", "chunk_rows": 5}, 5, [2, 32000], id="lzf"),
]


def filters(dataset):
    """Numbers of the filters of a dataset."""
    created = dataset.id.get_create_plist()
    return [created.get_filter(i)[0] for i in range(created.get_nfilters())]


@pytest.mark.parametrize("memory", [1, 5000, 1 << 28])
@pytest.mark.parametrize(("options", "chunk_rows", "numbers"), LAYOUTS)
def test_values_and_layout(values, tmp_path, options, chunk_rows, numbers, memory):
    path = tmp_path / "new.h5"
    maps = rechunk(values, path, dataset="gas/density", memory=memory, **options)
    assert maps.source.path == path
    np.testing.assert_array_equal(np.asarray(maps), values)
    with h5py.File(path) as file:
        dataset = file["gas/density"]
        assert dataset.dtype == np.float32
        assert dataset.chunks == (None if chunk_rows is None else (chunk_rows, 2, 5, 7))
        assert filters(dataset) == numbers
        np.testing.assert_array_equal(dataset[()], values)
    assert os.listdir(tmp_path) == ["new.h5"]


def test_blosc(values, tmp_path):
    pytest.importorskip("hdf5plugin")
    maps = rechunk(values, tmp_path / "new.h5", compression="blosc", chunk_rows=3)
    np.testing.assert_array_equal(np.asarray(maps[[21, 3, 4]]), values[[21, 3, 4]])
    with h5py.File(tmp_path / "new.h5") as file:
        assert filters(file["maps"]) == [32001]


@pytest.mark.parametrize("memory", [1, 1 << 28])
def test_every_storage_into_npy(stored, values, tmp_path, memory):
    order = np.random.default_rng(1).permutation(len(values))[:17]
    maps = rechunk(stored[order], tmp_path / "new.npy", memory=memory)
    np.testing.assert_array_equal(np.load(tmp_path / "new.npy"), values[order])
    np.testing.assert_array_equal(np.asarray(maps[5]), values[order[5]])


def test_transforms_are_applied(values, tmp_path):
    scaled = FieldScaler().fit_transform(open_maps(values))
    lazy = BlockPool(remainder="drop").fit_transform(scaled)
    maps = rechunk(lazy, tmp_path / "new.h5", memory=2000)
    assert maps.shape == (23, 2, 2, 3)
    assert maps.steps == ()
    of_channel = {"axis": (0, 2, 3), "keepdims": True, "dtype": np.float64}
    by_hand = (values - values.mean(**of_channel)) / values.std(**of_channel)
    by_hand = by_hand[:, :, :4, :6].reshape(23, 2, 2, 2, 3, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(np.asarray(maps), by_hand, rtol=1e-4, atol=1e-5)


def test_noise_is_one_realization(values, tmp_path):
    noisy = WhiteNoise(1.0, random_state=0).fit_transform(open_maps(values)).realization(3)
    maps = rechunk(noisy, tmp_path / "new.h5", memory=1)
    np.testing.assert_array_equal(np.asarray(maps), np.asarray(noisy))
    np.testing.assert_array_equal(np.asarray(maps.realization(5)), np.asarray(noisy))


def test_several_files_become_one(values, tmp_path):
    parts = [
        rechunk(values[part], tmp_path / f"{i}.h5", compression="gzip")
        for i, part in enumerate((slice(0, 9), slice(9, 23)))
    ]
    rechunk(concatenate(parts), tmp_path / "all.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "all.npy"), values)


def test_half_precision(tmp_path):
    values = np.linspace(-60000, 60000, 7 * 8 * 9).reshape(7, 8, 9)
    for name in ("new.h5", "new.npy"):
        maps = rechunk(values, tmp_path / name, dtype="float16")
        assert maps.source.dtype == np.float16
        np.testing.assert_array_equal(
            np.asarray(maps), values.astype(np.float32).astype(np.float16).astype(np.float32)
        )
    values[4, 2, 1] = 70000
    with pytest.raises(ValueError, match=r"sample 4 holds 70000, and float16 ends at 65504"):
        rechunk(values, tmp_path / "too_large.h5", dtype="float16", memory=1)
    assert sorted(os.listdir(tmp_path)) == ["new.h5", "new.npy"]


def test_values_that_are_not_finite_are_kept(tmp_path):
    values = np.array([[np.nan, np.inf, -np.inf, 1.0]], dtype=np.float32)
    maps = rechunk(values, tmp_path / "new.h5", dtype="float16")
    np.testing.assert_array_equal(np.asarray(maps), values)


@pytest.mark.parametrize("name", ["new.h5", "new.npy"])
def test_no_samples(tmp_path, name):
    maps = rechunk(np.ones((0, 3, 4)), tmp_path / name)
    assert np.asarray(maps).shape == (0, 3, 4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"chunk_rows": 0}, "'chunk_rows' parameter of rechunk must be an integer of at least 1"),
        ({"chunk_rows": True}, "'chunk_rows'.*Got True"),
        ({"compression": "zip"}, "'compression' parameter of rechunk must be one of .*'blosc'"),
        ({"dtype": "float64"}, "'dtype' parameter of rechunk must be one of .*'float16'"),
        ({"memory": 0.5}, "'memory' parameter of rechunk must be"),
        ({"dataset": "/"}, "'dataset' parameter of rechunk must be the name"),
    ],
)
def test_wrong_parameters(tmp_path, options, said):
    with pytest.raises(ValueError, match=said):
        rechunk(np.ones((3, 4)), tmp_path / "new.h5", **options)
    assert os.listdir(tmp_path) == []


def test_npy_has_no_chunks(tmp_path):
    for options in ({"chunk_rows": 2}, {"compression": "lzf"}):
        with pytest.raises(ValueError, match=r"neither chunks nor compression.*ends in \.h5"):
            rechunk(np.ones((3, 4)), tmp_path / "new.npy", **options)


def test_chunks_beyond_the_limit_of_hdf5(tmp_path):
    huge = open_maps(np.broadcast_to(np.float32(1), (2, 2, 1024, 1024, 1024)))
    with pytest.raises(ValueError, match=r"chunk of 1 samples .* 8 GiB.*smaller chunk_rows"):
        rechunk(huge, tmp_path / "new.h5", compression="gzip")


@pytest.mark.parametrize("name", ["new.h5", "new.npy"])
def test_a_file_that_is_there_stays(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(FileExistsError, match=f"{name} is there already. Remove it"):
        rechunk(np.ones((3, 4)), tmp_path / name)
    assert (tmp_path / name).read_text() == "precious"


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rechunk: no folder .*absent"):
        rechunk(np.ones((3, 4)), tmp_path / "absent" / "new.h5")


def test_progress(values, tmp_path, monkeypatch):
    shown = io.StringIO()
    console = rich.console.Console(file=shown, width=100)
    monkeypatch.setattr(rich, "get_console", lambda: console)
    rechunk(values, tmp_path / "quiet.h5", memory=5000)
    assert shown.getvalue() == ""
    rechunk(values, tmp_path / "told.h5", memory=5000, verbose=1)
    assert "rechunk told.h5" in shown.getvalue()
    assert "23/23 maps" in shown.getvalue()
