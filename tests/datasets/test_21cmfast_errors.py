"""The errors of the loader of 21cmFAST name the file, what was expected and the remedy."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from skastro.datasets import load_21cmfast
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError, MapSourceError

DENSITY = "updated_smoothed_deltax_z007.00_6_9Mpc"
XHI = "xH_nohalos_z007.00_nf0.500000_eff30.0_6_9Mpc"
BRIGHT = "delta_T_v3_z007.00_nf0.500000_useTs0_6_9Mpc"


@pytest.mark.parametrize(
    ("parameters", "named", "allowed"),
    [
        ({"fields": "Mgas"}, "fields", "one of ['density', 'xHI', "),
        ({"fields": []}, "fields", "each once"),
        ({"fields": ["xHI", "xHI"]}, "fields", "each once"),
        ({"fields": 3}, "fields", "None, one of"),
        ({"fields": "brightness_temp"}, "fields", "among ['density', 'xHI']"),
        ({"target": "seed"}, "target", "one of ['redshift', 'f_esc']"),
        ({"target": None}, "target", "one of ['redshift', 'f_esc']"),
        ({"target": "f_esc"}, "target", "where the escape fraction of a box is unknown"),
        ({"redshift": 8}, "redshift", "among [7.0], which is what the files hold"),
        ({"redshift": [7, 7.01]}, "redshift", "among [7.0]"),
        ({"f_esc": 0}, "f_esc", "above 0 and at most 1"),
        ({"f_esc": 1.5}, "f_esc", "above 0 and at most 1"),
        ({"f_esc": [0.1, 0.2]}, "f_esc", "one number where neither the files nor"),
        ({"f_esc": 0.1, "fields": "density"}, "f_esc", "None where only ['density'"),
        ({"seed": -1}, "seed", "an integer of 0 or more"),
        ({"seed": 1.5}, "seed", "an integer of 0 or more"),
        ({"seed": np.inf}, "seed", "an integer of 0 or more"),
        ({"seed": [1, 2]}, "seed", "one number where neither the files nor"),
    ],
)
def test_bad_value(write_raw, tmp_path, parameters, named, allowed):
    write_raw(tmp_path, DENSITY)
    write_raw(tmp_path, XHI)
    message = f"The '{named}' parameter of load_21cmfast must be .*{re.escape(allowed)}.* Got "
    with pytest.raises(ValueError, match=message):
        load_21cmfast(tmp_path, **parameters)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("redshift", "7"),
        ("redshift", []),
        ("redshift", True),
        ("f_esc", [[0.1]]),
        ("seed", "seed7"),
        ("return_X_y", 1),
    ],
)
def test_bad_type(write_raw, tmp_path, parameter, value):
    write_raw(tmp_path, XHI)
    message = (
        rf"The '{parameter}' parameter of load_21cmfast must be .* Got {re.escape(repr(value))}"
    )
    with pytest.raises(TypeError, match=message):
        load_21cmfast(tmp_path, **{parameter: value})


@pytest.mark.parametrize("path", [None, 3, [], [3]])
def test_bad_path(path):
    with pytest.raises(TypeError, match="The 'path' parameter of load_21cmfast must be a str or"):
        load_21cmfast(path)


def test_known_values_are_not_overruled(write_v3, tmp_path):
    write_v3(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"'f_esc' .* among \[0\.1\].* Got \[0\.2\]"):
        load_21cmfast(tmp_path, f_esc=0.2)
    with pytest.raises(ValueError, match=r"'seed' .* among \[77\.0\].* Got \[78\]"):
        load_21cmfast(tmp_path, seed=78)


def test_nothing_there(write_raw, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no file or folder '.*absent'"):
        load_21cmfast(tmp_path / "absent")
    write_raw(tmp_path, "Ts_z007.00_L_X1.0e+40_alphaX1.0_6_9Mpc")
    write_raw(tmp_path, BRIGHT + "_lighttravel")
    write_raw(tmp_path, BRIGHT + "_xindex100.pdf")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["maps"] = np.ones((3, 4))
    with pytest.raises(DatasetNotFoundError, match=r"no box of 21cmFAST .* such as updated_"):
        load_21cmfast(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Ts_z007.00_6_9Mpc", "does not know the name .* Known are names such as updated_smoothed"),
        ("xH_nf0.5_z007.00_6_9Mpc", "does not know the name"),
        ("updated_smoothed_deltax_z007.00_0_9Mpc", "does not know the name"),
        ("delta_T_v3_z007.00_nf0.5_6x6x9_9Mpc", "does not know the name"),
        (BRIGHT + "_lighttravel", "is a lightcone, whose redshift changes"),
        (BRIGHT.replace("v3", "v1"), "has the velocity component 1 .* expects v3, the z axis"),
    ],
)
def test_names_that_are_refused(write_raw, tmp_path, name, message):
    write_raw(tmp_path, name)
    with pytest.raises(DatasetFormatError, match=message):
        load_21cmfast(tmp_path / name)


@pytest.mark.parametrize("name", ["xH_nf0.5_z007.00_6_9Mpc", BRIGHT.replace("v3", "v2")])
def test_nearly_known_names_in_a_folder_are_not_passed_over(write_raw, tmp_path, name):
    write_raw(tmp_path, name)
    write_raw(tmp_path, DENSITY)
    with pytest.raises(DatasetFormatError, match=re.escape(name)):
        load_21cmfast(tmp_path)


@pytest.mark.parametrize(
    ("n_values", "message"),
    [
        (6 * 6 * 8, "has 1152 bytes, which is 6 x 6 x 8 .* padded for a Fourier transform.* 864"),
        (6 * 6 * 5, "has 720 bytes; expected 864, which is 6 x 6 x 6"),
        (0, "has 0 bytes; expected 864"),
    ],
)
def test_sizes_of_raw_files(tmp_path, n_values, message):
    np.zeros(n_values, dtype="<f4").tofile(tmp_path / DENSITY)
    with pytest.raises(DatasetFormatError, match=message):
        load_21cmfast(tmp_path)


@pytest.mark.parametrize("name", [XHI, "a.h5"])
def test_links_to_no_file(tmp_path, name):
    (tmp_path / name).symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetNotFoundError, match=f"link '.*{re.escape(name)}' to no file"):
        load_21cmfast(tmp_path)


def test_folder_that_cannot_be_read(write_raw, tmp_path, monkeypatch):
    """What lies in it is not passed over."""
    write_raw(tmp_path / "a", XHI)
    write_raw(tmp_path / "b", XHI)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*b'"):
        load_21cmfast(tmp_path)


def test_raw_files_of_one_box_in_two_folders(write_raw, tmp_path):
    write_raw(tmp_path / "matter", DENSITY)
    write_raw(tmp_path / "sources", XHI)
    with pytest.raises(ValueError, match=r"no field that all .* in one folder: move or link them"):
        load_21cmfast(tmp_path)


def test_brightness_of_another_neutral_fraction(write_raw, tmp_path):
    write_raw(tmp_path, XHI)
    write_raw(tmp_path, BRIGHT.replace("nf0.5", "nf0.6"))
    with pytest.raises(
        ValueError, match=r"no neutral fraction that belongs to .*nf0\.6.*another nf"
    ):
        load_21cmfast(tmp_path)
    assert len(load_21cmfast(tmp_path, fields="xHI").maps) == 1


def test_two_brightness_temperatures_of_one_box(write_raw, tmp_path):
    for name in (XHI, BRIGHT, BRIGHT.replace("_v3", "")):
        write_raw(tmp_path, name)
    with pytest.raises(ValueError, match="which brightness temperature belongs to redshift 7"):
        load_21cmfast(tmp_path)


def test_missing_field_names_box_and_field(write_raw, tmp_path):
    for name in (XHI, DENSITY, XHI.replace("z007", "z008")):
        write_raw(tmp_path, name)
    message = "asks for 'density', which the box of redshift 8 .*z008.* it has .'xHI'"
    with pytest.raises(ValueError, match=message):
        load_21cmfast(tmp_path, fields=["xHI", "density"])
    assert load_21cmfast(tmp_path).field_names == ["xHI"]
    assert load_21cmfast(tmp_path, redshift=7).field_names == ["density", "xHI"]


@pytest.mark.parametrize(
    ("old", "new", "n", "what"),
    [("9Mpc", "10Mpc", 6, "box_size 9.0"), ("_6_", "_5_", 5, "n_cells 6")],
)
def test_unequal_grids(write_raw, tmp_path, old, new, n, what):
    write_raw(tmp_path, XHI)
    write_raw(tmp_path, XHI.replace("z007", "z008").replace(old, new), n=n)
    with pytest.raises(ValueError, match=f"boxes of {what} at .*; they must be of one size"):
        load_21cmfast(tmp_path)


def test_versions_with_and_without_correction_are_not_mixed(write_v3, write_v4, tmp_path):
    write_v3(tmp_path / "3.h5")
    write_v4(tmp_path / "4.h5", seed=78)
    with pytest.raises(ValueError, match=r"3\.h5' is corrected and .*4\.h5' is not corrected"):
        load_21cmfast(tmp_path)
    assert len(load_21cmfast(tmp_path, fields=["density", "xHI"]).maps) == 2


def test_the_same_box_twice(write_v4, tmp_path):
    for name in ("a.h5", "b.h5"):
        write_v4(tmp_path / name)
    with pytest.raises(ValueError, match=r"xHI of the same box .* twice: .*a\.h5', .*b\.h5'"):
        load_21cmfast(tmp_path)
    assert len(load_21cmfast([tmp_path / "a.h5"] * 2).maps) == 1


@pytest.mark.parametrize("version", [3, 4])
def test_boxes_that_are_no_cubes(write_v3, write_v4, tmp_path, version):
    write = {3: write_v3, 4: write_v4}[version]
    write(tmp_path / "a.h5", size={"NON_CUBIC_FACTOR": 1.5})
    with pytest.raises(DatasetFormatError, match=r"a\.h5' has NON_CUBIC_FACTOR=1\.5; .* cubes"):
        load_21cmfast(tmp_path)


@pytest.mark.parametrize("marker", ["lightcones", "lightcone_redshifts"])
def test_lightcones(write_v3, tmp_path, marker):
    path = tmp_path / "LightCone.h5"
    write_v3(path)
    with h5py.File(path, "a") as file:
        file[marker] = np.ones(3)
    with pytest.raises(DatasetFormatError, match="is a lightcone"):
        load_21cmfast(path)
    with pytest.raises(DatasetNotFoundError, match="no box"):
        load_21cmfast(tmp_path)


def test_other_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["maps"] = np.ones((3, 4))
    with pytest.raises(DatasetFormatError, match=r"none of the groups .* found \['maps'\]"):
        load_21cmfast(tmp_path / "other.h5")


def change(file, what):
    if what == "redshift":
        del file.attrs["redshift"]
    elif what == "seed":
        file.attrs["random_seed"] = "none"
    elif what == "link":
        del file["IonizedBox/xH_box"]
        file["IonizedBox/xH_box"] = h5py.ExternalLink("gone.h5", "xH_box")
    elif what == "size":
        del file["user_params"].attrs["HII_DIM"]
    else:
        del file["IonizedBox/xH_box"]
        file["IonizedBox/xH_box"] = np.ones((6, 6, 5))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("redshift", "no number 'redshift' among the attributes of '/'; found .'random_seed'"),
        ("seed", "no number 'random_seed' among the attributes"),
        ("link", "cannot be read as HDF5"),
        ("size", "no parameter HII_DIM of the box; found"),
        ("shape", r"has shape \(6, 6, 5\) and dtype float64; expected \(6, 6, 6\)"),
    ],
)
def test_damaged_content(write_v3, tmp_path, what, message):
    write_v3(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        change(file, what)
    with pytest.raises(DatasetFormatError, match=message):
        load_21cmfast(tmp_path)


def test_cut_file(write_v3, tmp_path):
    path = tmp_path / "a.h5"
    write_v3(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DatasetFormatError, match=r"a\.h5' cannot be read as HDF5"):
        load_21cmfast(tmp_path)


@pytest.mark.parametrize("kind", ["raw", "hdf5"])
def test_files_that_go_or_change_after_opening(write_raw, write_v3, tmp_path, kind):
    if kind == "raw":
        path = tmp_path / XHI
        write_raw(tmp_path, XHI)
    else:
        path = tmp_path / "a.h5"
        write_v3(path, ("IonizedBox",))
    maps = load_21cmfast(tmp_path).maps
    if kind == "raw":
        path.write_bytes(path.read_bytes()[:-4])
    else:
        write_v3(path, ("IonizedBox",), size={"HII_DIM": 5})
    with pytest.raises(MapSourceError, match=f"{path.name} has changed.*Call load_21cmfast again"):
        np.asarray(maps)
    path.unlink()
    with pytest.raises(MapSourceError, match=f"cannot read .*{path.name}.*Put the file back"):
        np.asarray(maps)
