"""Maps and grids of CAMELS are opened, stacked and labelled, and nothing is read."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.cosmology.units import littleh, with_H0

from skastro.datasets import load_cmd
from skastro.exceptions import DatasetNotFoundError
from skastro.maps import LazyMaps
from skastro.maps._sources import NpySource
from skastro.preprocessing import FieldScaler

NAMES = ["Omega_m", "sigma_8", "A_SN1", "A_AGN1", "A_SN2", "A_AGN2"]
LH_1 = "LH_0 0.3 0.8 1 1 1 1 41\nLH_1 0.2 0.7 2 3 1.5 0.5 43\n"


def test_fields_are_channels_in_the_order_asked_for(write_cmd, tmp_path):
    arrays, table = write_cmd(("Mgas", "HI", "T"))
    data = load_cmd(tmp_path, ["T", "Mgas"])
    assert isinstance(data.maps, LazyMaps)
    assert data.maps.shape == (90, 2, 8, 8)
    np.testing.assert_array_equal(np.asarray(data.maps[[77, 3]])[:, 0], arrays["T"][[77, 3]])
    np.testing.assert_array_equal(np.asarray(data.maps)[:, 1], arrays["Mgas"])
    np.testing.assert_array_equal(data.target, table[np.arange(90) // 15])
    assert data.field_names == ["T", "Mgas"]
    assert data.target_names.tolist() == NAMES


def test_one_field_keeps_its_channel_axis(write_cmd, tmp_path):
    arrays, _ = write_cmd()
    maps = load_cmd(str(tmp_path), "HI").maps
    assert maps.shape == (90, 1, 8, 8)
    np.testing.assert_array_equal(np.asarray(maps[4:6])[:, 0], arrays["HI"][4:6])


def test_groups_are_simulations(write_cmd, tmp_path):
    write_cmd(n=16)
    data = load_cmd(tmp_path, ["Mgas", "HI"])
    assert data.groups.dtype == np.int64
    assert data.groups.tolist() == [i // 15 for i in range(90)]
    assert data.map_index.tolist() == [i % 15 for i in range(90)]
    assert (data.suite, data.set, data.redshift) == ("IllustrisTNG", "LH", 0.0)
    assert data.hubble == 0.6711
    assert data.box_size == pytest.approx(37.2523, abs=1e-4)
    assert data.cell_size == pytest.approx(37.2523 / 16, abs=1e-4)
    assert [name.rsplit("/")[-1] for name in data.filenames] == [
        "Maps_Mgas_IllustrisTNG_LH_z=0.00.npy",
        "Maps_HI_IllustrisTNG_LH_z=0.00.npy",
        "params_LH_IllustrisTNG.txt",
    ]
    assert data.DESCR.startswith(".. _cmd_dataset:")
    assert data.field_descriptions == ["gas density", "neutral hydrogen density"]
    assert data.seeds_known is False
    narrow, wide = [0.5, 2.0], [0.25, 4.0]
    expected = [[0.1, 0.5], [0.6, 1.0], wide, wide, narrow, narrow]
    assert data.target_ranges.tolist() == expected


def test_return_X_y(write_cmd, tmp_path):
    arrays, table = write_cmd()
    maps, target = load_cmd(tmp_path, "Mgas", return_X_y=True)
    np.testing.assert_array_equal(np.asarray(maps)[:, 0], arrays["Mgas"])
    np.testing.assert_array_equal(target, np.repeat(table, 15, axis=0))


@pytest.mark.parametrize("return_X_y", [False, True])
def test_chosen_simulations_keep_their_numbers(write_cmd, tmp_path, return_X_y):
    arrays, table = write_cmd()
    data = load_cmd(tmp_path, "HI", simulations=[4, 1], return_X_y=return_X_y)
    maps, target = data if return_X_y else (data.maps, data.target)
    rows = [*range(60, 75), *range(15, 30)]
    assert isinstance(maps, LazyMaps)
    np.testing.assert_array_equal(np.asarray(maps)[:, 0], arrays["HI"][rows])
    np.testing.assert_array_equal(target, np.repeat(table[[4, 1]], 15, axis=0))
    if not return_X_y:
        np.testing.assert_array_equal(data.all_parameters, target)
        assert data.groups.tolist() == [4] * 15 + [1] * 15
        assert data.initial_conditions.tolist() == [4] * 15 + [1] * 15
        assert data.map_index.tolist() == [*range(15)] * 2


def test_loading_reads_no_maps(write_cmd, tmp_path, monkeypatch):
    write_cmd()
    with monkeypatch.context() as patch:
        patch.setattr(NpySource, "read", None)
        patch.setattr(NpySource, "_array", None)
        maps = load_cmd(tmp_path, ["Mgas", "HI"], simulations=[2, 0]).maps[::2]
    assert np.asarray(maps).shape == (15, 2, 8, 8)


def test_pickle_is_paths_and_rows(write_cmd, tmp_path):
    arrays, _ = write_cmd(n=32)
    maps = load_cmd(tmp_path, ["Mgas", "HI"]).maps
    pickled = pickle.dumps(maps)
    assert len(pickled) < 0.02 * maps.nbytes
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickled))[:, 1], arrays["HI"])


def test_scaler_fits_lazy_maps_as_it_does_arrays(write_cmd, tmp_path):
    arrays, _ = write_cmd()
    maps = load_cmd(tmp_path, ["Mgas", "HI"]).maps
    whole = np.stack([arrays["Mgas"], arrays["HI"]], axis=1)
    lazy, eager = FieldScaler().fit(maps), FieldScaler().fit(whole)
    np.testing.assert_allclose(
        np.asarray(lazy.transform(maps)), eager.transform(whole), rtol=0, atol=1e-6
    )


def test_units():
    from skastro.datasets._cmd_format import FIELDS

    areal = units.Msun / littleh / (units.Mpc / littleh) ** 2
    volume = units.Msun / littleh / (units.Mpc / littleh) ** 3
    pressure = littleh**2 * units.Msun * (units.km / units.s) ** 2 / units.kpc**3
    electrons = littleh**2 / units.cm**3
    none, speed = units.dimensionless_unscaled, units.km / units.s
    expected = {
        **dict.fromkeys(("Mgas", "HI", "Mcdm", "Mstar", "Mtot"), (areal, volume)),
        **dict.fromkeys(("Vgas", "Vcdm"), (speed, speed)),
        **dict.fromkeys(("Z", "MgFe"), (none, none)),
        "T": (units.K, units.K),
        "P": (pressure, pressure),
        "ne": (electrons * units.Mpc / littleh, electrons),
        "B": (units.Gauss, units.Gauss),
    }
    assert {name: (f.unit2d, f.unit3d) for name, f in FIELDS.items()} == expected


def test_units_of_the_channels(write_cmd, tmp_path):
    write_cmd(("Mgas", "T"))
    data = load_cmd(tmp_path, ["T", "Mgas"])
    assert data.units[0] == units.K
    density = (3.0 * data.units[1]).to(
        units.Msun / units.Mpc**2, with_H0(67.11 * units.km / units.s / units.Mpc)
    )
    assert density.value == pytest.approx(3 * 0.6711)


@pytest.mark.parametrize("spelling", ["1.0", "1.00"])
def test_grids(tmp_path, spelling):
    values = np.random.default_rng(0).random((2, 4, 4, 4), dtype=np.float32)
    for field, factor in (("Mgas", 1), ("ne", 2)):
        np.save(tmp_path / f"Grids_{field}_SIMBA_LH_4_z={spelling}.npy", factor * values)
    (tmp_path / "params_LH_SIMBA.txt").write_text("0.3 0.8 1 1 1 1\n0.2 0.7 2 3 1.5 0.5\n")
    data = load_cmd(
        tmp_path, ["Mgas", "ne"], "SIMBA", kind="grids", n_cells=4, redshift=1.0, simulations=[1, 0]
    )
    assert data.maps.shape == (2, 2, 4, 4, 4)
    np.testing.assert_array_equal(np.asarray(data.maps)[:, 1], 2 * values[::-1])
    assert data.groups.tolist() == [1, 0]
    assert data.map_index.tolist() == [0, 0]
    assert data.redshift == 1.0
    assert data.units[1] == littleh**2 / units.cm**3
    assert data.cell_size == pytest.approx(37.2523 / 4, abs=1e-4)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "# Om sigma8 SN1 AGN1 SN2 AGN2\n",
        "Om sigma8 SN1 AGN1 SN2 AGN2\n",
        "\ufeff",
        "\ufeff# Om sigma8 SN1 AGN1 SN2 AGN2\n",
        "# parameters of the LH simulations sorted\n",
    ],
)
def test_table_with_and_without_header(write_cmd, tmp_path, header):
    _, table = write_cmd()
    path = tmp_path / "params_LH_IllustrisTNG.txt"
    path.write_text(header + path.read_text(), encoding="utf-8")
    np.testing.assert_array_equal(load_cmd(tmp_path, "HI").target[::15], table)


def test_columns_follow_the_header(write_cmd, tmp_path):
    _, table = write_cmd()
    np.savetxt(
        tmp_path / "params_LH_IllustrisTNG.txt",
        table[:, [0, 1, 2, 4, 3, 5]],
        header="Omega_m sigma_8 A_SN1 A_SN2 A_AGN1 A_AGN2",
    )
    np.testing.assert_array_equal(load_cmd(tmp_path, "HI").target[::15], table)


@pytest.mark.parametrize("where", ["IllustrisTNG", "2D_maps/data", "2D_maps/data/IllustrisTNG"])
def test_folders_of_the_archive(write_cmd, tmp_path, where):
    arrays, table = write_cmd()
    (tmp_path / where).mkdir(parents=True)
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        path.rename(tmp_path / where / path.name)
    data = load_cmd(tmp_path, "HI")
    np.testing.assert_array_equal(np.asarray(data.maps)[:, 0], arrays["HI"])
    np.testing.assert_array_equal(data.target[::15], table)


def test_table_beside_the_maps_is_preferred(write_cmd, tmp_path):
    _, table = write_cmd()
    inner = tmp_path / "2D_maps" / "data"
    inner.mkdir(parents=True)
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        path.rename(inner / path.name)
    np.savetxt(tmp_path / "params_LH_IllustrisTNG.txt", table[::-1])
    np.testing.assert_array_equal(load_cmd(tmp_path, "HI").target[::15], table)


@pytest.mark.parametrize("name", ["params_LH_Nbody_SIMBA.txt", "params_LH_Nbody.txt"])
@pytest.mark.parametrize("n_columns", [2, 6])
def test_nbody_has_two_parameters(tmp_path, name, n_columns):
    np.save(tmp_path / "Maps_Mtot_Nbody_SIMBA_LH_z=0.00.npy", np.ones((30, 8, 8), np.float32))
    rows = np.array([[0.3, 0.8, 9, 9, 9, 9], [0.2, 0.7, 0, 0, 0, 0]])[:, :n_columns]
    np.savetxt(tmp_path / name, rows)
    data = load_cmd(tmp_path, "Mtot", "Nbody_SIMBA")
    assert data.target_names.tolist() == NAMES[:2]
    np.testing.assert_array_equal(data.target, np.repeat(rows[:, :2], 15, axis=0))


@pytest.mark.parametrize("name", ["params_LH_SIMBA.txt", "params_SIMBA.txt"])
@pytest.mark.parametrize("where", [".", "SIMBA", "2D_maps/data/SIMBA"])
def test_nbody_takes_the_table_of_its_twin(tmp_path, name, where):
    np.save(tmp_path / "Maps_Mtot_Nbody_SIMBA_LH_z=0.00.npy", np.ones((30, 8, 8), np.float32))
    rows = np.array([[0.3, 0.8, 1, 1, 1, 1], [0.2, 0.7, 2, 2, 2, 2]])
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    np.savetxt(tmp_path / where / name, rows)
    data = load_cmd(tmp_path, "Mtot", "Nbody_SIMBA")
    np.testing.assert_array_equal(data.target[::15], rows[:, :2])
    assert data.target_ranges.tolist() == [[0.1, 0.5], [0.6, 1.0]]


@pytest.mark.parametrize("suite", ["IllustrisTNG", "Nbody_IllustrisTNG"])
def test_name_of_the_table_of_the_first_release(write_cmd, tmp_path, suite):
    _, table = write_cmd(("Mtot",), suite=suite)
    newer, older = tmp_path / f"params_LH_{suite}.txt", tmp_path / f"params_{suite}.txt"
    np.savetxt(older, table[::-1], fmt="%.5f")
    n = 2 if "Nbody" in suite else 6
    np.testing.assert_array_equal(load_cmd(tmp_path, "Mtot", suite).target[::15], table[:, :n])
    newer.unlink()
    older_first = load_cmd(tmp_path, "Mtot", suite)
    np.testing.assert_array_equal(older_first.target[::15], table[::-1, :n])
    assert older_first.filenames[-1] == str(older)


def test_table_of_the_first_release_is_of_LH_alone(write_cmd, tmp_path):
    write_cmd(set_name="SB28")
    (tmp_path / "params_SB28_IllustrisTNG.txt").rename(tmp_path / "params_IllustrisTNG.txt")
    with pytest.raises(DatasetNotFoundError, match="params_SB28_IllustrisTNG"):
        load_cmd(tmp_path, "HI", set="SB28")


@pytest.mark.parametrize("as_type", [str, Path])
def test_params_file(write_cmd, tmp_path, as_type):
    _, table = write_cmd()
    path = tmp_path / "elsewhere" / "mine.txt"
    path.parent.mkdir()
    np.savetxt(path, table[::-1], fmt="%.5f")
    data = load_cmd(tmp_path, "HI", params_file=as_type(path))
    np.testing.assert_array_equal(data.target[::15], table[::-1])
    assert data.filenames[-1] == str(path)


def test_ranges_that_are_unknown(write_cmd, tmp_path):
    write_cmd(suite="Obsidian", set_name="CV")
    np.savetxt(tmp_path / "params_CV_Obsidian.txt", [[0.3, 0.8, 1, 1, 1, 1]] * 6)
    assert load_cmd(tmp_path, "HI", "Obsidian", "CV").target_ranges is None


@pytest.mark.parametrize("spelling", ["EAGLE", "SwiftEAGLE"])
@pytest.mark.parametrize("asked", ["EAGLE", "SwiftEAGLE"])
def test_both_names_of_eagle(write_cmd, tmp_path, spelling, asked):
    arrays, table = write_cmd(suite=spelling)
    data = load_cmd(tmp_path, "HI", asked)
    assert data.suite == "EAGLE"
    np.testing.assert_array_equal(np.asarray(data.maps)[:, 0], arrays["HI"])
    np.testing.assert_array_equal(data.target[::15], table)


def test_seeds_of_a_table_with_seeds(write_cmd, tmp_path):
    write_cmd(n_simulations=2)
    (tmp_path / "params_LH_IllustrisTNG.txt").unlink()
    path = tmp_path / "CosmoAstroSeed_IllustrisTNG_L25n256_LH.txt"
    path.write_text("#Name Omega_m sigma_8 A_SN1 A_AGN1 A_SN2 A_AGN2 seed\n" + LH_1)
    data = load_cmd(tmp_path, "HI")
    assert data.initial_conditions.tolist() == [41] * 15 + [43] * 15
    assert data.seeds_known is True
    assert data.target[15].tolist() == [0.2, 0.7, 2, 3, 1.5, 0.5]
    assert data.all_parameter_names == NAMES
    assert data.filenames[-1] == str(path)


@pytest.mark.parametrize(
    ("set_name", "expected"), [("1P", [0, 0, 0]), ("EX", [0, 0, 0]), ("LH", [0, 1, 2])]
)
def test_initial_conditions(write_cmd, tmp_path, set_name, expected):
    write_cmd(n_simulations=3, set_name=set_name)
    np.savetxt(tmp_path / f"params_{set_name}_IllustrisTNG.txt", [[0.3, 0.8, 1, 1, 1, 1]] * 3)
    data = load_cmd(tmp_path, "HI", set=set_name)
    assert data.initial_conditions[::15].tolist() == expected


def test_extreme_feedback_is_taken_in_its_own_set_only(write_cmd, tmp_path):
    write_cmd(n_simulations=2, set_name="EX")
    rows = [[0.3, 0.8, 100, 1, 1, 1], [0.3, 0.8, 0, 0, 0, 0]]
    np.savetxt(tmp_path / "params_EX_IllustrisTNG.txt", rows)
    np.testing.assert_array_equal(load_cmd(tmp_path, "HI", set="EX").target[::15], rows)


def test_mocks_are_loaded_under_their_own_name(write_cmd, tmp_path):
    write_cmd(("Mgas", "B"), suite="Mock")
    assert load_cmd(tmp_path, ["B", "Mgas"], "Mock").suite == "Mock"


@pytest.mark.parametrize("dtype", [">f4", "<f8", "f2"])
def test_other_floats_are_taken(write_cmd, tmp_path, dtype):
    arrays, _ = write_cmd()
    np.save(tmp_path / "Maps_HI_IllustrisTNG_LH_z=0.00.npy", arrays["HI"].astype(dtype))
    maps = np.asarray(load_cmd(tmp_path, ["HI", "Mgas"]).maps)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps[:, 0], arrays["HI"].astype(dtype).astype(np.float32))


def test_zeros_in_the_stars_are_no_error(write_cmd, tmp_path):
    write_cmd()
    np.save(tmp_path / "Maps_Mstar_IllustrisTNG_LH_z=0.00.npy", np.zeros((90, 8, 8), np.float32))
    assert not np.asarray(load_cmd(tmp_path, "Mstar").maps).any()
