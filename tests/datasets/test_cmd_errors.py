"""The errors of the loader of CAMELS say which file is wrong and what was expected."""

import re

import numpy as np
import pytest

from skastro.datasets import load_cmd
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError

HI = "Maps_HI_IllustrisTNG_LH_z=0.00.npy"
TABLE = "params_LH_IllustrisTNG.txt"
NAMES = "Omega_m sigma_8 A_SN1 A_AGN1 A_SN2 A_AGN2"


@pytest.mark.parametrize(
    ("parameters", "named", "allowed"),
    [
        ({"fields": "Mdust"}, "fields", "one of ['Mgas', 'Vgas', 'T', "),
        ({"fields": []}, "fields", "one of ["),
        ({"fields": ["HI", "HI"]}, "fields", "each once"),
        ({"fields": 3}, "fields", "one of ["),
        ({"fields": "B", "suite": "SIMBA"}, "fields", "the fields of SIMBA"),
        ({"fields": "Mgas", "suite": "Nbody_SIMBA"}, "fields", "one of ['Mtot']"),
        ({"suite": "Illustris"}, "suite", "one of ['IllustrisTNG', 'SIMBA', "),
        ({"suite": None}, "suite", "one of ["),
        ({"set": "SB35"}, "set", "the sets of IllustrisTNG"),
        ({"set": "BE", "suite": "EAGLE"}, "set", "one of ['LH', 'CV', '1P']"),
        ({"set": ["LH"]}, "set", "one of ["),
        ({"kind": "cubes"}, "kind", "one of ['maps', 'grids']"),
        ({"n_cells": 256}, "n_cells", "None with kind='maps'"),
        ({"kind": "grids"}, "n_cells", "the cells along a side of the grids"),
        ({"kind": "grids", "n_cells": 12.5}, "n_cells", "the cells along a side"),
        ({"redshift": -1}, "redshift", "a number of 0 or more"),
        ({"redshift": np.nan}, "redshift", "a number of 0 or more"),
        ({"redshift": "0"}, "redshift", "a number of 0 or more"),
        ({"redshift": 0.004}, "redshift", "of two decimals at most"),
    ],
)
def test_bad_parameter(tmp_path, parameters, named, allowed):
    message = f"The '{named}' parameter of load_cmd must be .*{re.escape(allowed)}.* Got .* instead"
    with pytest.raises(ValueError, match=message):
        load_cmd(tmp_path, **{"fields": "HI"} | parameters)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("folder", 3),
        ("return_X_y", "yes"),
        ("simulations", 3),
        ("simulations", []),
        ("simulations", [1.0]),
        ("simulations", [True, False]),
        ("simulations", [[1]]),
        ("simulations", [[1], [2, 3]]),
        ("params_file", 3),
    ],
)
def test_bad_type(write_cmd, tmp_path, parameter, value):
    write_cmd()
    message = f"The '{parameter}' parameter of load_cmd must be .*Got {re.escape(repr(value))}"
    with pytest.raises(TypeError, match=message):
        load_cmd(**{"folder": tmp_path, "fields": "HI", parameter: value})


@pytest.mark.parametrize("simulations", [[6], [-1], [0, 0]])
def test_simulations_that_are_not_there(write_cmd, tmp_path, simulations):
    write_cmd()
    with pytest.raises(ValueError, match=r"'simulations' .* must hold numbers from 0 to 5"):
        load_cmd(tmp_path, "HI", simulations=simulations)


def test_no_folder(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no folder '.*absent' .*cmd_files"):
        load_cmd(tmp_path / "absent", "HI")


def test_missing_files_are_named_with_the_way_to_list_them(write_cmd, tmp_path):
    write_cmd(("HI",))
    (tmp_path / TABLE).unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        load_cmd(tmp_path, ["T", "HI", "Z"])
    message = str(caught.value)
    assert "'Maps_T_IllustrisTNG_LH_z=0.00.npy', 'Maps_Z_IllustrisTNG_LH_z=0.00.npy'" in message
    assert TABLE in message
    assert HI not in message
    assert "2D_maps/data/IllustrisTNG" in message
    assert "skastro.datasets.cmd_files(['T', 'HI', 'Z'], 'IllustrisTNG', 'LH')" in message
    assert "https://camels-multifield-dataset.readthedocs.io" in message


def test_missing_grids(tmp_path):
    call = r"cmd_files\(\['HI'\], 'SIMBA', 'CV', kind='grids', n_cells=128, redshift=0.5\)"
    with pytest.raises(DatasetNotFoundError, match=rf"Grids_HI_SIMBA_CV_128_z=0\.5\.npy.*{call}"):
        load_cmd(tmp_path, "HI", "SIMBA", "CV", kind="grids", n_cells=128, redshift=0.5)


@pytest.mark.parametrize(
    ("parameters", "name", "archive"),
    [
        ({"redshift": 0.5}, "Maps_HI_SIMBA_LH_z=0.50.npy", "maps of the redshifts [0.0] only"),
        (
            {"kind": "grids", "n_cells": 64},
            "Grids_HI_SIMBA_LH_64_z=0.0.npy",
            "grids of [128, 256, 512] cells a side only",
        ),
    ],
)
def test_what_the_archive_lacks_is_not_said_to_be_listed(tmp_path, parameters, name, archive):
    with pytest.raises(DatasetNotFoundError) as caught:
        load_cmd(tmp_path, "HI", "SIMBA", **parameters)
    assert name in str(caught.value)
    assert archive in str(caught.value)
    assert "cmd_files" not in str(caught.value)


def test_redshift_is_not_rounded(tmp_path):
    for name in ("Grids_HI_SIMBA_LH_4_z=0.5.npy", "Grids_HI_SIMBA_LH_4_z=0.0.npy"):
        np.save(tmp_path / name, np.ones((1, 4, 4, 4), np.float32))
    (tmp_path / "params_LH_SIMBA.txt").write_text("0.3 0.8 1 1 1 1")
    options = {"fields": "HI", "suite": "SIMBA", "kind": "grids", "n_cells": 4}
    with pytest.raises(DatasetNotFoundError, match=r"Grids_HI_SIMBA_LH_4_z=0\.54\.npy"):
        load_cmd(tmp_path, redshift=0.54, **options)
    np.save(tmp_path / "Grids_HI_SIMBA_LH_4_z=0.54.npy", np.full((1, 4, 4, 4), 2, np.float32))
    data = load_cmd(tmp_path, redshift=0.54, **options)
    assert data.redshift == 0.54
    assert np.asarray(data.maps).max() == 2


@pytest.mark.parametrize("fields", [["Mgas", "HI"], ["HI", "Mgas"]])
def test_fields_beside_tables_that_differ(write_cmd, tmp_path, fields):
    _, table = write_cmd()
    inner = tmp_path / "IllustrisTNG"
    inner.mkdir()
    (tmp_path / HI).rename(inner / HI)
    (inner / TABLE).write_bytes((tmp_path / TABLE).read_bytes())
    np.testing.assert_array_equal(load_cmd(tmp_path, fields).target[::15], table)
    np.savetxt(inner / TABLE, table[::-1], fmt="%.5f")
    message = rf"tables of parameters that differ: .*{TABLE}.*{TABLE}.*params_file"
    with pytest.raises(DatasetFormatError, match=message):
        load_cmd(tmp_path, fields)
    chosen = load_cmd(tmp_path, fields, params_file=inner / TABLE)
    np.testing.assert_array_equal(chosen.target[::15], table[::-1])


def test_no_params_file(write_cmd, tmp_path):
    write_cmd()
    with pytest.raises(DatasetNotFoundError, match=r"no file '.*absent\.txt' .*params_file"):
        load_cmd(tmp_path, "HI", params_file=tmp_path / "absent.txt")


def test_missing_mocks(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="make_camels_like"):
        load_cmd(tmp_path, "HI", "Mock")


def test_simulations_are_not_taken_for_mocks(write_cmd, tmp_path):
    write_cmd(suite="Mock")
    with pytest.raises(DatasetNotFoundError):
        load_cmd(tmp_path, "HI")


@pytest.mark.parametrize("kept", [0, 60, 400, 23_000])
def test_file_cut_short(write_cmd, tmp_path, kept):
    write_cmd()
    whole = (tmp_path / HI).read_bytes()
    (tmp_path / HI).write_bytes(whole[:kept])
    message = rf"{re.escape(HI)}' cannot be read .* cut short at {kept} bytes: .*shape \(n, h, h\)"
    with pytest.raises(DatasetFormatError, match=message):
        load_cmd(tmp_path, ["Mgas", "HI"])


def test_web_page_in_place_of_maps(write_cmd, tmp_path):
    write_cmd()
    (tmp_path / HI).write_text("<!DOCTYPE html><title>404</title>")
    with pytest.raises(DatasetFormatError, match=re.escape(HI)):
        load_cmd(tmp_path, "HI")


@pytest.mark.parametrize(
    "array",
    [
        np.ones((90, 8, 8), dtype=np.int32),
        np.ones((90, 8, 8), dtype=np.complex64),
        np.ones((90, 8, 9), dtype=np.float32),
        np.ones((90, 8, 8, 8), dtype=np.float32),
        np.ones((90, 8), dtype=np.float32),
        np.ones(90, dtype=np.float32),
        np.ones((90, 0, 0), dtype=np.float32),
    ],
)
def test_other_arrays(write_cmd, tmp_path, array):
    write_cmd()
    np.save(tmp_path / HI, array)
    shape = re.escape(f"shape {array.shape} and dtype {array.dtype}")
    with pytest.raises(DatasetFormatError, match=rf"{HI}'.*{shape}.*[Ee]xpected float32 maps of"):
        load_cmd(tmp_path, "HI")


def test_grids_of_another_size(write_cmd, tmp_path):
    write_cmd()
    np.save(tmp_path / "Grids_HI_IllustrisTNG_LH_8_z=0.0.npy", np.ones((6, 4, 4, 4), np.float32))
    with pytest.raises(DatasetFormatError, match=r"\(6, 4, 4, 4\).* grids of shape \(n, 8, 8, 8\)"):
        load_cmd(tmp_path, "HI", kind="grids", n_cells=8)


def test_fields_of_different_sizes(write_cmd, tmp_path):
    write_cmd()
    np.save(tmp_path / HI, np.ones((90, 16, 16), dtype=np.float32))
    with pytest.raises(DatasetFormatError, match=r"\(16, 16\) cells and '.*Mgas.*' of \(8, 8\)"):
        load_cmd(tmp_path, ["Mgas", "HI"])


@pytest.mark.parametrize("n_maps", [75, 89, 105])
def test_maps_and_rows_that_do_not_match(write_cmd, tmp_path, n_maps):
    write_cmd()
    np.save(tmp_path / HI, np.ones((n_maps, 8, 8), dtype=np.float32))
    message = rf"{HI}' holds {n_maps} maps; expected 90, 15 for each of the 6 rows of '.*{TABLE}'"
    with pytest.raises(DatasetFormatError, match=message):
        load_cmd(tmp_path, ["Mgas", "HI"])


def test_grids_and_rows_that_do_not_match(write_cmd, tmp_path):
    write_cmd()
    np.save(tmp_path / "Grids_HI_IllustrisTNG_LH_4_z=0.0.npy", np.ones((90, 4, 4, 4), np.float32))
    with pytest.raises(DatasetFormatError, match="holds 90 grids; expected 6, 1 for each of"):
        load_cmd(tmp_path, "HI", kind="grids", n_cells=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no rows of at least two numbers"),
        ("# " + NAMES, "no rows of at least two numbers"),
        ("0.3\n0.2", "no rows of at least two numbers"),
        ("0.3 0.8 1 1 1 1\n0.3 0.8 1 1", "has 4 numbers in line 2; expected 6.*cut short"),
        ("LH_0 0.3 0.8 1 1 1 1 5\n0.3 0.8 1 1 1 1 5", "has 7 numbers in line 2"),
        ("0.3 0.8 1 1 1 one", r"no row of numbers in line 1: '0\.3 0\.8"),
        ("0.3 0.8 1 nan 1 1", "holds nan in row 0, column 3; expected finite"),
        ("0.3 0.8 1 inf 1 1", "holds inf in row 0, column 3; expected finite"),
        ("0.3 0.8 1 1 1", r"5 columns and no header .* expected \[6, 28\] columns"),
        ("a b c d e f\n0.3 0.8 1 1 1 1", r"no column for \['Omega_m', .*\['a', 'b'"),
        ("CV_0 0.3 0.8 1 1 1 1 5", "simulation 'CV_0' in row 0; expected 'LH_0'"),
        ("LH_1 0.3 0.8 1 1 1 1 5", "simulation 'LH_1' in row 0; expected 'LH_0'"),
        ("0.3 0.8 1 1 1 3.5", r"A_AGN2 = 3\.5 in row 0; expected 0\.5 to 2 in the set LH"),
        ("0.3 0.8 100 1 1 1", "A_SN1 = 100 in row 0; .* of another suite or set"),
        ("0.3 0.8 0 1 1 1", r"A_SN1 = 0 in row 0; expected 0\.25 to 4"),
        ("0.6 0.8 1 1 1 1", r"Omega_m = 0\.6 in row 0; expected 0\.1 to 0\.5"),
    ],
)
def test_bad_table(write_cmd, tmp_path, content, message):
    write_cmd()
    (tmp_path / TABLE).write_text(content)
    with pytest.raises(DatasetFormatError, match=rf"{TABLE}' .*{message}"):
        load_cmd(tmp_path, "HI")


def test_binary_table(write_cmd, tmp_path):
    write_cmd()
    (tmp_path / TABLE).write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(DatasetFormatError, match=f"{TABLE}' is not a text file"):
        load_cmd(tmp_path, "HI")


@pytest.mark.parametrize("set_name", ["CV", "BE"])
def test_fiducial_sets_have_fiducial_parameters(write_cmd, tmp_path, set_name):
    write_cmd(set_name=set_name)
    with pytest.raises(DatasetFormatError, match=rf"expected 0\.3 in the set {set_name}"):
        load_cmd(tmp_path, "HI", set=set_name)


def test_wide_range_is_that_of_astrid(write_cmd, tmp_path):
    write_cmd(n_simulations=1, suite="Astrid")
    (tmp_path / "params_LH_Astrid.txt").write_text("0.3 0.8 1 1 1 3.5")
    assert load_cmd(tmp_path, "HI", "Astrid").target[0, 5] == 3.5


@pytest.mark.parametrize(("suite", "set_name"), [("Ramses", "CV"), ("CROCODILE", "CV")])
def test_suites_of_other_orders_need_a_header(write_cmd, tmp_path, suite, set_name):
    write_cmd(suite=suite, set_name=set_name)
    path = tmp_path / f"params_{set_name}_{suite}.txt"
    with pytest.raises(DatasetFormatError, match="6 columns and no header that names them"):
        load_cmd(tmp_path, "HI", suite, set_name)
    row = "0.3 0.8 1 1 1 1\n" if suite == "CROCODILE" else "0.3 0.8 1 0.5 4 2\n"
    names = NAMES if suite == "CROCODILE" else "Omega_m sigma_8 ASN1 ASN2 AAGN1 AAGN2"
    path.write_text(f"# {names}\n" + 6 * row)
    assert load_cmd(tmp_path, "HI", suite, set_name).target[0].tolist() == [0.3, 0.8, 1, 1, 1, 1]
