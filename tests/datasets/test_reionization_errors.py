"""The errors of the loader of reionization slices say what is wrong and where."""

import re

import h5py
import numpy as np
import pytest

from skastro.datasets import load_reionization_slices
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError

SECOND = "reion_slices_seed0012.h5"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("target", "xHI"),
        ("target", ["redshift"]),
        ("sample", "box"),
        ("sample", None),
        ("fields", "temperature"),
        ("fields", []),
        ("fields", ["density", "density"]),
        ("fields", [["density"]]),
        ("fields", 3),
    ],
)
def test_bad_choice(parameter, value):
    message = f"The '{parameter}' parameter of load_reionization_slices must be one of .*Got "
    with pytest.raises(ValueError, match=message + re.escape(repr(value))):
        load_reionization_slices(**{parameter: value})


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("redshift", "6.0"),
        ("f_esc", []),
        ("seed", [[1001]]),
        ("seed", True),
        ("return_X_y", "yes"),
        ("data_home", 3),
    ],
)
def test_bad_type(parameter, value):
    message = f"The '{parameter}' parameter of load_reionization_slices must be .*Got "
    with pytest.raises(TypeError, match=message + re.escape(repr(value))):
        load_reionization_slices(**{parameter: value})


@pytest.mark.parametrize(
    ("parameter", "value", "got", "available"),
    [
        ("redshift", [6, 6.25], "[6.25]", "[6.0, 6.5,"),
        ("redshift", np.nan, "[nan]", "[6.0, 6.5,"),
        ("f_esc", 0.25, "[0.25]", "[0.06, 0.16]"),
        ("seed", [7, 1001], "[7]", "[1001, 1002, 1003, 1004, 1005, 1006]"),
    ],
)
def test_unavailable_value_lists_the_available_ones(parameter, value, got, available):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of") as caught:
        load_reionization_slices(**{parameter: value})
    assert f"must be among {available}" in str(caught.value)
    assert f"Got {got}" in str(caught.value)
    assert "data_home" in str(caught.value)


def test_shipped_files_have_no_xHI():
    with pytest.raises(ValueError, match=r"'xHI'.*data_home a folder with the full") as caught:
        load_reionization_slices(fields=["xHI"])
    assert not isinstance(caught.value, DatasetFormatError)
    assert "['density', 'brightness_temp']" in str(caught.value)


def test_absent_folder(tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(DatasetNotFoundError, match=re.escape(str(folder))) as caught:
        load_reionization_slices(folder)
    assert "reion_slices_seed*.h5" in str(caught.value)
    assert "data_home=None" in str(caught.value)


def test_folder_without_files(tmp_path):
    (tmp_path / "cubes_seed1001.h5").touch()
    with pytest.raises(DatasetNotFoundError, match=re.escape(str(tmp_path))) as caught:
        load_reionization_slices(tmp_path)
    assert "reion_slices_seed*.h5" in str(caught.value)


def test_home_directory_is_expanded(fake_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(fake_folder.parent))
    monkeypatch.setenv("USERPROFILE", str(fake_folder.parent))
    data = load_reionization_slices(f"~/{fake_folder.name}")
    assert data.filenames[0] == str(fake_folder / "reion_slices_seed0007.h5")


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_damaged_file(fake_folder, damage):
    path = fake_folder / SECOND
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"z,x,y", "empty": b""}[damage])
    with pytest.raises(DatasetFormatError, match="cannot be read as HDF5") as caught:
        load_reionization_slices(fake_folder)
    assert str(path) in str(caught.value)


def test_damaged_chunk(fake_folder):
    path = fake_folder / SECOND
    with h5py.File(path, "a") as file:
        values = file["xHI"][:]
        del file["xHI"]
        dataset = file.create_dataset("xHI", data=values, chunks=(1, 1, 4, 5, 5), compression=9)
        dataset.attrs["units"] = "dimensionless"
        chunk = dataset.id.get_chunk_info(4)
        offset, size = chunk.byte_offset, chunk.size
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = b"\x11" * size
    path.write_bytes(content)
    with pytest.raises(DatasetFormatError, match=re.escape(str(path))):
        load_reionization_slices(fake_folder, fields="xHI")


def test_operating_system_error_is_not_disguised(fake_folder):
    path = fake_folder / SECOND
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        load_reionization_slices(fake_folder)


@pytest.mark.parametrize(
    "name", ["density", "brightness_temp", "redshift", "f_esc", "slice_index", "mean_xHI"]
)
def test_missing_dataset(fake_folder, name):
    with h5py.File(fake_folder / SECOND, "a") as file:
        del file[name]
    with pytest.raises(DatasetFormatError, match=f"{SECOND}' has no dataset '{name}'"):
        load_reionization_slices(fake_folder)


@pytest.mark.parametrize("name", ["random_seed", "n_cells", "box_len_Mpc", "cell_Mpc"])
def test_missing_attribute(fake_folder, name):
    with h5py.File(fake_folder / SECOND, "a") as file:
        del file.attrs[name]
    with pytest.raises(DatasetFormatError, match=f"{SECOND}' has no attribute '{name}'"):
        load_reionization_slices(fake_folder)


def test_file_of_another_seed(fake_folder):
    (fake_folder / SECOND).rename(fake_folder / "reion_slices_seed0013.h5")
    with pytest.raises(DatasetFormatError, match="random_seed=12; expected 13"):
        load_reionization_slices(fake_folder)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("density", (3, 4, 5, 6), "(3, 4, 5, 5) (redshift, slice, x, y)"),
        ("brightness_temp", (3, 2, 4, 5, 5), "(2, 3, 4, 5, 5) (f_esc, redshift, slice, x, y)"),
        ("mean_xHI", (3, 2), "(2, 3) (f_esc, redshift)"),
        ("redshift", (), "one axis"),
        ("f_esc", (0,), "one axis"),
    ],
)
def test_mismatched_shape(fake_folder, name, shape, expected):
    with h5py.File(fake_folder / SECOND, "a") as file:
        del file[name]
        file[name] = np.ones(shape)
    with pytest.raises(DatasetFormatError, match=f"'{name}' of '.*{SECOND}' has shape") as caught:
        load_reionization_slices(fake_folder)
    assert f"{shape}; expected {expected}" in str(caught.value)


def test_wrong_unit(fake_folder):
    with h5py.File(fake_folder / SECOND, "a") as file:
        file["brightness_temp"].attrs["units"] = "K"
    with pytest.raises(DatasetFormatError, match=f"{SECOND}' has the attribute units='K'.*'mK'"):
        load_reionization_slices(fake_folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [("redshift", [7.0, 8.0, 9.5]), ("f_esc", [0.1, 0.2]), ("slice_index", [0, 1, 2, 3])],
)
def test_different_grids(fake_folder, name, values):
    with h5py.File(fake_folder / SECOND, "a") as file:
        first = file[name][:].tolist()
        file[name][:] = values
    with pytest.raises(DatasetFormatError, match=f"{SECOND}' has {name}") as caught:
        load_reionization_slices(fake_folder)
    assert f"{values}; expected {first}, as in" in str(caught.value)
    assert "reion_slices_seed0007.h5" in str(caught.value)


def test_different_boxes(fake_folder):
    with h5py.File(fake_folder / SECOND, "a") as file:
        file.attrs["box_len_Mpc"] = 20.0
    with pytest.raises(DatasetFormatError, match=r"has box_size 20\.0; expected 10\.0"):
        load_reionization_slices(fake_folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("name", "position"), [("density", (2, 1, 4, 3)), ("brightness_temp", (1, 2, 3, 0, 4))]
)
def test_value_that_is_not_finite(fake_folder, name, position, value):
    with h5py.File(fake_folder / SECOND, "a") as file:
        file[name][position] = value
    with pytest.raises(DatasetFormatError, match=f"'{name}' of '.*{SECOND}' holds") as caught:
        load_reionization_slices(fake_folder)
    assert f"holds {value} at {position}" in str(caught.value)
    assert load_reionization_slices(fake_folder, redshift=7).maps.shape == (16, 2, 5, 5)


def test_nan_in_the_redshifts(fake_folder):
    with h5py.File(fake_folder / SECOND, "a") as file:
        file["redshift"][1] = np.nan
    with pytest.raises(DatasetFormatError, match=r"'redshift' of .* holds nan at \(1,\)"):
        load_reionization_slices(fake_folder)
