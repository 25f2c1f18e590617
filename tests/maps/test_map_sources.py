"""What can be opened as maps, what is refused, and what is said when a file has changed."""

import io
import os
import zipfile

import h5py
import numpy as np
import pytest

from skastro.exceptions import MapShapeError, MapSourceError
from skastro.maps import open_maps

DTYPES = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "i1", "u1", "<i2", ">i4", "<i8", ">u8"]


def write(path, values, name="density"):
    """Store an array in the format that the suffix says."""
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        with h5py.File(path, "w") as file:
            file[name] = values
    return path


@pytest.fixture(params=["maps.h5", "maps.npy"])
def path(request, tmp_path):
    """Where a file of maps may be written, of either format."""
    return tmp_path / request.param


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("storage", ["file", "array"])
def test_values_become_native_float32(path, dtype, storage):
    numbers = np.random.default_rng(0).uniform(0, 127, size=(6, 7, 8))
    numbers[0, 0, :3] = 0, 100, 1
    values = numbers.astype(dtype)
    maps = open_maps(write(path, values) if storage == "file" else values)
    read = np.asarray(maps[[4, 1, 0]])
    assert read.dtype == np.float32
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, values[[4, 1, 0]].astype(np.float32))


def test_special_values_of_half_precision(path):
    special = [np.inf, -np.inf, np.nan, -0.0, 65504, 6e-8, 1e-5]
    values = np.array([special], dtype=np.float16)
    read = np.asarray(open_maps(write(path, values)))
    np.testing.assert_array_equal(read, values.astype(np.float32))
    assert np.signbit(read[0, 3])


@pytest.mark.parametrize("values", [np.ones((3, 4), dtype=complex), np.ones(5), np.float64(1)])
def test_other_arrays_are_refused(path, values):
    dataset = "density" if path.suffix == ".h5" else None
    for arguments in ((values,), (write(path, values), dataset)):
        with pytest.raises(MapShapeError, match="open_maps takes real numbers") as caught:
            open_maps(*arguments)
        assert str(values.shape) in str(caught.value)
        assert str(values.dtype) in str(caught.value)


def test_objects_are_refused(tmp_path):
    values = np.array([[1, None], [2, 3]], dtype=object)
    with pytest.raises(MapShapeError, match=r"real numbers.*\(2, 2\) and dtype object"):
        open_maps(values)
    path = tmp_path / "objects.npy"
    np.save(path, values, allow_pickle=True)
    with pytest.raises(MapSourceError, match=r"objects\.npy.*not a complete \.npy file"):
        open_maps(path)


def test_strings_and_booleans_are_refused():
    for values in (np.full((2, 3), "a"), np.ones((2, 3), dtype=bool)):
        with pytest.raises(MapShapeError, match="real numbers"):
            open_maps(values)


def test_masked_values_are_refused():
    values = np.ma.masked_greater(np.arange(12.0).reshape(2, 6), 9)
    with pytest.raises(ValueError, match=r"no masked values.*maps\.filled"):
        open_maps(values)
    unmasked = np.ma.MaskedArray(np.ones((2, 6)))
    assert type(np.asarray(open_maps(unmasked)[:1])) is np.ndarray


def test_lists_and_tensors_are_arrays():
    np.testing.assert_array_equal(np.asarray(open_maps([[1, 2], [3, 4]])[1]), [3, 4])
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(np.asarray(open_maps(torch.ones(2, 3))), np.ones((2, 3)))


@pytest.mark.parametrize("kind", [str, os.fspath, lambda path: path])
def test_kinds_of_path(path, kind):
    assert open_maps(kind(write(path, np.ones((2, 3))))).shape == (2, 3)


def test_relative_path_survives_a_change_of_folder(path, tmp_path, monkeypatch):
    write(path, np.ones((2, 3)))
    monkeypatch.chdir(tmp_path)
    maps = open_maps(path.name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert np.asarray(maps).sum() == 6


def test_dataset_in_a_group(tmp_path):
    path = write(tmp_path / "maps.hdf5", np.ones((2, 3, 4)), name="snapshot_1/density")
    assert open_maps(path).shape == (2, 3, 4)
    assert open_maps(path, "snapshot_1/density").shape == (2, 3, 4)
    assert "snapshot_1/density" in repr(open_maps(path))


def test_only_datasets_with_two_axes_count(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((2, 3, 4)))
    with h5py.File(path, "a") as file:
        file["redshift"] = [6.0, 7.0]
        file["box_size"] = 200.0
        file["nothing"] = h5py.Empty("f4")
    assert open_maps(path).shape == (2, 3, 4)


def test_several_datasets_have_to_be_named(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((2, 3)))
    with h5py.File(path, "a") as file:
        file["velocity"] = np.ones((2, 3, 4))
    with pytest.raises(ValueError, match=r"'dataset' must name one.*'density', 'velocity'"):
        open_maps(path)
    assert open_maps(path, "velocity").shape == (2, 3, 4)


def test_file_without_maps(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones(3))
    with pytest.raises(ValueError, match=r"maps\.h5; it has none with two or more axes"):
        open_maps(path)


def test_missing_dataset(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((2, 3)))
    with pytest.raises(MapSourceError, match=r"cannot open dataset 'pressure' of .*maps\.h5"):
        open_maps(path, "pressure")


def test_group_and_empty_dataset_are_no_arrays(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((2, 3)), name="group/density")
    with h5py.File(path, "a") as file:
        file["nothing"] = h5py.Empty("f4")
    for name in ("group", "nothing"):
        with pytest.raises(MapSourceError, match=rf"'{name}' of .*maps\.h5 is no array"):
            open_maps(path, name)


def test_open_dataset_is_not_read(tmp_path):
    path = write(tmp_path / "maps.h5", np.arange(6.0).reshape(2, 3), name="a/b")
    with h5py.File(path, "r") as file:
        maps = open_maps(file["a/b"])
        assert "array in memory" not in repr(maps)
    np.testing.assert_array_equal(np.asarray(maps), [[0, 1, 2], [3, 4, 5]])


def test_dataset_goes_with_hdf5_alone(tmp_path):
    path = write(tmp_path / "maps.npy", np.ones((2, 3)))
    for source in (path, np.ones((2, 3))):
        with pytest.raises(ValueError, match="'dataset' goes with an HDF5 file"):
            open_maps(source, "density")


def test_absent_file(path):
    with pytest.raises(MapSourceError, match=f"no file .*{path.name}"):
        open_maps(path)
    with pytest.raises(MapSourceError, match="no file"):
        open_maps(path.parent)


def test_text_in_the_name_of_maps(path):
    path.write_text("x, y\n1, 2\n")
    with pytest.raises(MapSourceError, match=path.name) as caught:
        open_maps(path)
    assert "npy" in str(caught.value)


def test_truncated_file(path):
    write(path, np.random.default_rng(0).normal(size=(50, 7, 8)))
    content = path.read_bytes()
    for n_bytes in (len(content) - 2000, 60, 0):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(MapSourceError, match=path.name):
            open_maps(path)


def test_archive_in_the_name_of_an_array(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", b"")
    path = tmp_path / "maps.npy"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(MapSourceError, match=r"not a complete \.npy"):
        open_maps(path)


def test_damaged_chunk_names_the_file(tmp_path):
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        data = np.random.default_rng(0).normal(size=(4, 30, 30))
        dataset = file.create_dataset("x", data=data, chunks=(1, 30, 30), compression="gzip")
        offset = dataset.id.get_chunk_info(2).byte_offset
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\0" * 500)
    maps = open_maps(path)
    np.testing.assert_array_equal(np.asarray(maps[:2]), data[:2].astype(np.float32))
    with pytest.raises(MapSourceError, match=r"cannot read .*maps\.h5::"):
        np.asarray(maps)


def test_file_deleted_before_it_is_read(path):
    maps = open_maps(write(path, np.ones((4, 3))))
    path.unlink()
    with pytest.raises(MapSourceError, match=rf"{path.name}.* has gone.*open_maps"):
        np.asarray(maps)


@pytest.mark.parametrize("other", [np.ones((4, 5)), np.ones((4, 3), dtype=np.int16)])
def test_file_replaced_before_it_is_read(path, other):
    maps = open_maps(write(path, np.ones((4, 3))))
    path.unlink()
    write(path, other)
    with pytest.raises(MapSourceError, match="has changed") as caught:
        np.asarray(maps)
    for said in (path.name, "(4, 3)", "float64", str(other.shape), str(other.dtype)):
        assert said in str(caught.value)


def test_dataset_gone_before_it_is_read(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((4, 3)))
    maps = open_maps(path)
    write(path, np.ones((4, 3)), name="pressure")
    with pytest.raises(MapSourceError, match="cannot open dataset 'density'"):
        np.asarray(maps)


@pytest.mark.parametrize("n_samples", [0, 1])
def test_few_samples(path, n_samples):
    maps = open_maps(write(path, np.ones((n_samples, 3, 4))))
    assert np.asarray(maps).shape == (n_samples, 3, 4)
    assert np.asarray(maps[[]]).shape == (0, 3, 4)


def test_opening_leaves_the_file_closed(tmp_path):
    path = write(tmp_path / "maps.h5", np.ones((4, 3)))
    maps = open_maps(path)
    with h5py.File(path, "a") as file:
        file.attrs["redshift"] = 6.0
    assert np.asarray(maps).sum() == 12
