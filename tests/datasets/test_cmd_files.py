"""What to download from CAMELS, and what it weighs."""

import re

import numpy as np
import pytest

from skastro.datasets import cmd_files


def test_size_is_that_of_a_file(tmp_path):
    path = tmp_path / "maps.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(60, 256, 256))
    files = cmd_files("T", "SIMBA", "EX")
    assert files[0].n_bytes == path.stat().st_size
    assert files[0].n_simulations == 4


def test_size_of_grids(tmp_path):
    path = tmp_path / "grids.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(4, 128, 128, 128))
    files = cmd_files(["T", "P"], "SIMBA", "EX", kind="grids", n_cells=128, redshift=0.5)
    assert files[0].n_bytes == path.stat().st_size
    assert files.n_bytes == 2 * path.stat().st_size


def test_records():
    files = cmd_files(["Mgas", "B"])
    assert len(files) == 3
    assert [file.name for file in files] == [
        "Maps_Mgas_IllustrisTNG_LH_z=0.00.npy",
        "Maps_B_IllustrisTNG_LH_z=0.00.npy",
        "params_LH_IllustrisTNG.txt",
    ]
    assert {file.folder for file in files} == {"2D_maps/data/IllustrisTNG"}
    assert files.n_bytes == 2 * (128 + 15_000 * 256 * 256 * 4)


def test_nbody_lies_in_a_folder_of_its_own():
    files = cmd_files("Mtot", "Nbody_Astrid", kind="grids", n_cells=512, redshift=2)
    assert files[0].name == "Grids_Mtot_Nbody_Astrid_LH_512_z=2.0.npy"
    assert files[0].folder == "3D_grids/data/Nbody"
    assert files[0].n_bytes == 128 + 1000 * 512**3 * 4
    assert files[1].name == "params_LH_Nbody_Astrid.txt"


@pytest.mark.parametrize(
    ("suite", "set_name", "n"),
    [("Magneticum", "LH", 50), ("SwiftEAGLE", "CV", 27), ("IllustrisTNG", "SB28", 2048)],
)
def test_number_of_simulations(suite, set_name, n):
    assert cmd_files("HI", suite, set_name)[0].n_simulations == n


@pytest.mark.parametrize("suite", ["IllustrisTNG", "SIMBA", "Astrid", "Nbody_SIMBA"])
def test_unknown_sizes_are_said_to_be_so(suite):
    files = cmd_files("Mtot", suite, "1P")
    assert files[0].n_simulations is None
    assert files[0].n_bytes is None
    assert files.n_bytes is None
    assert repr(files).splitlines()[-1] == "   unknown  in all"


@pytest.mark.parametrize(
    ("suite", "set_name", "n"),
    [
        ("Ramses", "SB5", 256),
        ("CROCODILE", "CV", 27),
        ("EAGLE", "LH", 1000),
        ("Magneticum", "LH", 50),
        ("Obsidian", "CV", 27),
        ("Nbody_EAGLE", "CV", 27),
        ("Astrid", "BE", 27),
    ],
)
def test_sizes_of_files_that_are_not_documented(suite, set_name, n):
    files = cmd_files("Mtot", suite, set_name)
    assert files[0].n_simulations == n
    assert files[0].n_bytes is None
    assert files.n_bytes is None


def test_sizes_of_documented_files():
    for suite, set_name, n in [
        ("IllustrisTNG", "BE", 27),
        ("Astrid", "SB7", 1024),
        ("Nbody_SIMBA", "EX", 4),
    ]:
        assert cmd_files("Mtot", suite, set_name).n_bytes == 128 + n * 15 * 256 * 256 * 4


def test_repr_of_small_files():
    lines = repr(cmd_files("T", "SIMBA", "EX")).splitlines()
    assert lines[0] == "   15.7 MB  2D_maps/data/SIMBA/Maps_T_SIMBA_EX_z=0.00.npy"
    assert lines[-1] == "   15.7 MB  in all"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"fields": "Mdust"}, "'fields' parameter of cmd_files must be one of"),
        ({"suite": "Mock"}, "'suite' parameter of cmd_files .* made-up maps"),
        ({"suite": "EAGLE", "set": "BE"}, "'set' parameter of cmd_files must be one of"),
        ({"redshift": 0.5}, r"'redshift' parameter of cmd_files must be one of \[0.0\], those of"),
        ({"kind": "grids", "n_cells": 64}, r"'n_cells' .* \[128, 256, 512\].* Got 64"),
        ({"kind": "grids", "n_cells": 128, "redshift": 3}, r"\[0.0, 0.5, 1.0, 1.5, 2.0\]"),
    ],
)
def test_bad_parameter(parameters, message):
    with pytest.raises(ValueError, match=message):
        cmd_files(**{"fields": "HI"} | parameters)


def test_names_are_those_that_the_loader_finds(write_cmd, tmp_path):
    write_cmd(("HI", "ne"), suite="Astrid")
    names = {file.name for file in cmd_files(["HI", "ne"], "Astrid")}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert all(re.fullmatch(r"[\w=.]+", name) for name in names)
