"""Boxes of 21cmFAST in made-up files: which belong together, and what they are said to be."""

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy import units
from numpy.testing import assert_array_equal

from skastro.datasets import load_21cmfast
from skastro.datasets._21cmfast_names import same_nf
from skastro.utils import fingerprint

DENSITY = "updated_smoothed_deltax_z{z}_6_9Mpc"
XHI = "xH_nohalos_z{z}_nf{nf}_Fstar0.0500_Fesc{f}_Mturn5.00e+08_RHIImax8_6_9Mpc"
OLD_XHI = "xH_nohalos_z{z}_nf{nf}_eff30.0_effPLindex0_HIIfilter1_Mmin1.0e+08_RHIImax8_6_9Mpc"
BRIGHT = "delta_T_v3_z{z}_nf{nf}_useTs0_6_9Mpc"


@pytest.fixture
def raw_run(write_raw, tmp_path):
    """Two redshifts and two escape fractions in one folder; values by redshift, f_esc, field."""
    values = {}
    for i, z in enumerate(("007.00", "008.50")):
        density = write_raw(tmp_path, DENSITY.format(z=z), seed=i)
        for j, f in enumerate(("0.0600", "0.1600")):
            nf = f"0.{2 + 3 * i + j}00000"
            xHI = write_raw(tmp_path, XHI.format(z=z, nf=nf, f=f), seed=10 + 2 * i + j)
            bright = write_raw(tmp_path, BRIGHT.format(z=z, nf=nf), seed=20 + 2 * i + j)
            values[float(z), float(f)] = [density, xHI, bright], float(nf)
    return values


def test_raw_boxes_by_escape_fraction(raw_run, tmp_path):
    data = load_21cmfast(tmp_path, target="f_esc")
    assert data.maps.shape == (4, 3, 6, 6, 6)
    order = [(7.0, 0.06), (8.5, 0.06), (7.0, 0.16), (8.5, 0.16)]
    assert list(zip(data.redshift.tolist(), data.f_esc.tolist(), strict=True)) == order
    for row, key in enumerate(order):
        expected, nf = raw_run[key]
        assert_array_equal(data.maps[row], np.stack(expected))
        assert data.mean_xHI[row] == nf
    assert data.target.dtype == data.groups.dtype == np.int64
    assert data.target.tolist() == [0, 0, 1, 1]
    assert data.target_names.tolist() == ["f_esc=0.06", "f_esc=0.16"]
    assert data.units == [units.dimensionless_unscaled, units.dimensionless_unscaled, units.mK]
    assert (data.box_size, data.cell_size) == (9.0, 1.5)
    assert data.parameters[2] == {"Fstar": 0.05, "Fesc": 0.16, "Mturn": 5e8, "RHIImax": 8.0}
    assert len(data.filenames) == 10
    assert data.DESCR.startswith(".. _21cmfast_dataset:")
    assert data.DESCR.isascii()


def test_selection_and_order_of_fields(raw_run, tmp_path):
    fields = ["brightness_temp", "density"]
    data = load_21cmfast(tmp_path, fields=fields, redshift=8.5, f_esc=[0.16])
    (density, _, bright), nf = raw_run[8.5, 0.16]
    assert data.field_names == fields
    assert_array_equal(np.asarray(data.maps), np.stack([bright, density])[None])
    assert data.mean_xHI.tolist() == [nf]
    assert data.target_names.tolist() == ["z=8.5"]
    maps, target = load_21cmfast(tmp_path, redshift=[8.5, 7], f_esc=0.06, return_X_y=True)
    assert target.tolist() == [0, 1]
    assert_array_equal(maps[1], np.stack(raw_run[8.5, 0.06][0]))


def test_density_is_one_sample_for_all_sources(raw_run, tmp_path):
    data = load_21cmfast(tmp_path, fields="density")
    assert data.maps.shape == (2, 1, 6, 6, 6)
    assert np.isnan(data.f_esc).all()
    assert np.isnan(data.mean_xHI).all()
    assert data.velocity_corrected is None


def test_two_names_of_one_neutral_fraction(write_raw, tmp_path):
    """Without the brightness temperature both are samples; with it one has to be chosen."""
    z, nf = "007.50", "0.619588"
    density = write_raw(tmp_path, DENSITY.format(z=z), seed=1)
    new = write_raw(tmp_path, XHI.format(z=z, nf=nf, f="0.1000"), seed=2)
    old = write_raw(tmp_path, OLD_XHI.format(z=z, nf=nf), seed=3)
    bright = write_raw(tmp_path, BRIGHT.format(z=z, nf=nf), seed=4)
    both = load_21cmfast(tmp_path, fields=["density", "xHI"])
    assert_array_equal(np.asarray(both.maps), [[density, new], [density, old]])
    assert_array_equal(both.f_esc, [0.1, np.nan])
    with pytest.raises(ValueError, match=r"to which parameters .*delta_T.* f_esc, where"):
        load_21cmfast(tmp_path)
    chosen = load_21cmfast(tmp_path, f_esc=0.1)
    assert_array_equal(chosen.maps[0], [density, new, bright])
    paths = [path for path in tmp_path.iterdir() if "Fesc" not in path.name]
    assert_array_equal(load_21cmfast(paths).maps[0], [density, old, bright])
    assert np.isnan(load_21cmfast(paths).f_esc[0])
    assert load_21cmfast(tmp_path, fields="brightness_temp").f_esc.tolist() == [0.1]


@pytest.mark.parametrize(
    ("name", "field", "redshift", "side"),
    [
        ("delta_T_v3_no_halos_z012.34_nf1.000000_useTs1_zetaX1.0e+57_Pop2_6_300Mpc", 2, 12.34, 300),
        ("delta_T_z006.00_nf0.011322_useTs0_6_9Mpc", 2, 6.0, 9.0),
        ("sphere_xH_z007.00_nf0.5_eff30.0_effPLindex0_6_24.5Mpc", 1, 7.0, 24.5),
        ("xH_z007.00_nf0.500000_Fstar0.05_Fesc0.1_Mdrop5.00e+08_6_9Mpc", 1, 7.0, 9.0),
        ("updated_vz_z021.00_6_9Mpc", 3, 21.0, 9.0),
    ],
)
def test_variants_of_names(write_raw, tmp_path, name, field, redshift, side):
    names = ["density", "xHI", "brightness_temp", "velocity_z"]
    values = write_raw(tmp_path, name)
    data = load_21cmfast(tmp_path / name, fields=names[field])
    assert_array_equal(data.maps[0], values[None])
    assert data.redshift.tolist() == [redshift]
    assert data.box_size == side
    assert data.units[0] == [1, 1, units.mK, units.Mpc / units.s][field]
    corrected = "_v3_" in name if field == 2 else None
    assert data.velocity_corrected is corrected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.619588", "0.619588", True),
        ("0.619588", "0.619589", True),
        ("0.619588", "0.619591", False),
        ("0.62", "0.619588", True),
        ("0.62", "0.625588", False),
        ("0.62", "0.63", False),
    ],
)
def test_neutral_fractions_in_names(one, other, same):
    assert same_nf(one, other) is same_nf(other, one) is same


def test_folders_tell_seed_and_escape_fraction(write_raw, tmp_path):
    for seed in (1001, 7):
        for f in ("fesc0.10", "Fesc_0.06"):
            write_raw(tmp_path / f"seed{seed}" / f, OLD_XHI.format(z="007.00", nf="0.5"), seed=seed)
    data = load_21cmfast(tmp_path)
    assert data.seed.tolist() == data.groups.tolist() == [7, 7, 1001, 1001]
    assert data.f_esc.tolist() == [0.06, 0.1, 0.06, 0.1]
    assert load_21cmfast(tmp_path, seed=1001, f_esc=0.1).seed.tolist() == [1001]


def test_links_share_a_density_among_folders(write_raw, tmp_path):
    density = write_raw(tmp_path / "matter", DENSITY.format(z="007.00"))
    xHI = []
    for i, f in enumerate(("fesc0.06", "fesc0.10")):
        xHI.append(write_raw(tmp_path / f, OLD_XHI.format(z="007.00", nf="0.5"), seed=i))
        name = DENSITY.format(z="007.00")
        (tmp_path / f / name).symlink_to(tmp_path / "matter" / name)
    for path in (tmp_path, [tmp_path / "fesc0.06", tmp_path / "fesc0.10"]):
        data = load_21cmfast(path)
        assert_array_equal(np.asarray(data.maps), [[density, xHI[0]], [density, xHI[1]]])
        assert len(load_21cmfast(path, fields="density").maps) == 1


@pytest.mark.parametrize("kind", ["raw", "hdf5"])
def test_a_file_is_taken_once(write_raw, write_v3, tmp_path, kind):
    """However often it is named, and through whatever links to its folder."""
    folder, link = tmp_path / "run", tmp_path / "link"
    if kind == "raw":
        write_raw(folder, OLD_XHI.format(z="007.00", nf="0.5"))
    else:
        write_v3(folder / "a.h5")
    link.symlink_to(folder)
    (file,) = folder.iterdir()
    assert len(load_21cmfast([folder, file, str(link), link / file.name]).maps) == 1
    assert len(load_21cmfast(tmp_path).maps) == 1


def test_hidden_files_are_passed_over(write_v3, tmp_path):
    """Such as macOS leaves beside copies of others."""
    write_v3(tmp_path / "a.h5")
    (tmp_path / "._a.h5").write_bytes(b"\0\5\x16\7")
    assert len(load_21cmfast(tmp_path).maps) == 1


@pytest.mark.parametrize("kind", [str, Path])
def test_relative_path_survives_a_change_of_folder(write_raw, tmp_path, monkeypatch, kind):
    values = write_raw(tmp_path / "seed7" / "run", OLD_XHI.format(z="007.00", nf="0.5"))
    monkeypatch.chdir(tmp_path / "seed7")
    data = load_21cmfast(kind("run"))
    monkeypatch.chdir(tmp_path)
    assert_array_equal(data.maps[0], values[None])
    assert data.seed.tolist() == [7]
    assert data.filenames == [str(next((tmp_path / "seed7" / "run").iterdir()))]


def test_words_that_begin_like_numbers(write_raw, tmp_path):
    write_raw(tmp_path, "xH_z007.00_nf0.5_Fesc0.1_tag1.2.3_Mmin1.0e+08_6_9Mpc")
    assert load_21cmfast(tmp_path).parameters == [{"Fesc": 0.1, "Mmin": 1e8}]


def test_unknown_seeds_are_grouped_by_folder(write_raw, tmp_path):
    for run in ("b", "a"):
        for folder in ("fesc0.10/z7.00", "fesc0.06/z8.00"):
            z = f"00{folder[-4:]}"
            write_raw(tmp_path / run / folder, OLD_XHI.format(z=z, nf="0.5"))
    data = load_21cmfast(tmp_path)
    assert (data.seed == -1).all()
    by_run = {"a": set(), "b": set()}
    for name, group in zip(data.filenames, data.groups.tolist(), strict=True):
        by_run["a" if "/a/" in name else "b"].add(group)
    assert sorted(map(len, by_run.values())) == [1, 1]
    assert by_run["a"] != by_run["b"]
    assert (data.groups < 0).all()
    given = load_21cmfast(tmp_path, seed=5)
    assert given.groups.tolist() == given.seed.tolist() == [5] * 4


def test_version_3_shares_density_among_sources(write_v3, tmp_path):
    values = {}
    for seed in (77, 78):
        name = f"PerturbedField_{seed}_r{seed}.h5"
        density = write_v3(tmp_path / name, ("PerturbedField",), seed=seed)["density"]
        for exponent in (-1.0, -0.7958800173440752):
            found = {"density": density}
            for struct in ("IonizedBox", "BrightnessTemp"):
                name = f"{struct}_{exponent}_r{seed}.h5"
                found |= write_v3(
                    tmp_path / name, (struct,), seed=seed, astro={"F_ESC10": exponent}
                )
            values[seed, exponent] = np.stack(list(found.values()))
    data = load_21cmfast(tmp_path)
    assert data.seed.tolist() == data.groups.tolist() == [77, 77, 78, 78]
    assert data.f_esc.tolist() == [0.1, 0.16] * 2
    assert_array_equal(np.asarray(data.maps), list(values.values()))
    assert data.parameters[1] == {"F_ESC10": -0.7958800173440752, "F_STAR10": -1.3}
    assert load_21cmfast(tmp_path, fields="density").seed.tolist() == [77, 78]


@pytest.mark.parametrize("version", [3, 4])
def test_coeval_files_of_several_sources(write_v3, write_v4, tmp_path, version):
    """Each file has the density; that of its own file is taken."""
    name = {3: "F_ESC10", 4: "F_ESC10_ACG"}[version]
    write = {3: write_v3, 4: write_v4}[version]
    values = [
        write(tmp_path / f"coeval_{i}.h5", z=z, astro={name: exponent})
        for i, (exponent, z) in enumerate([(-2.0, 7.0), (-2.0, 8.0), (-1.0, 7.0), (-1.0, 8.0)])
    ]
    data = load_21cmfast(tmp_path, fields=["velocity_z", "density", "xHI", "brightness_temp"])
    expected = [[v[name] for name in data.field_names] for v in values]
    assert_array_equal(np.asarray(data.maps), expected)
    assert data.f_esc.tolist() == [0.01, 0.01, 0.1, 0.1]
    assert data.redshift.tolist() == [7.0, 8.0, 7.0, 8.0]
    assert data.velocity_corrected is (version == 3)


def test_nested_cache_of_version_4(write_v4, tmp_path):
    run = tmp_path / "hash" / "77" / "grid"
    for z in (7.5, 9.0):
        write_v4(run / f"{z:.4f}" / "PerturbedField.h5", ("PerturbedField",), z=z)
        for i in range(2):
            astro, folder = {"F_ESC10_ACG": -1.0 - i}, run / f"{z:.4f}" / f"astro{i}"
            write_v4(folder / "IonizedBox.h5", ("IonizedBox",), z=z, astro=astro)
    with h5py.File(run / "InitialConditions.h5", "w") as file:
        file["InitialConditions/OutputFields/lowres_density"] = np.ones((6, 6, 6))
    data = load_21cmfast(tmp_path)
    assert data.field_names == ["density", "xHI"]
    assert data.f_esc.tolist() == [0.01, 0.01, 0.1, 0.1]
    assert data.redshift.tolist() == [7.5, 9.0] * 2
    maps = np.asarray(data.maps)
    assert_array_equal(maps[0, 0], maps[2, 0])
    assert (maps[0, 0] != maps[1, 0]).any()


def test_numbers_of_threads_do_not_tell_runs_apart(write_v4, tmp_path):
    write_v4(tmp_path / "a.h5", ("PerturbedField",), size={"N_THREADS": 4})
    write_v4(tmp_path / "b.h5", ("IonizedBox",))
    assert load_21cmfast(tmp_path).field_names == ["density", "xHI"]


@pytest.mark.parametrize("difference", [{"seed": 78}, {"size": {"BOX_LEN": 9.5}}, {"z": 7.6}])
def test_other_runs_do_not_share_density(write_v3, tmp_path, difference):
    write_v3(tmp_path / "a.h5", ("PerturbedField",), **difference)
    write_v3(tmp_path / "b.h5", ("IonizedBox",))
    with pytest.raises(ValueError, match="no field that all boxes have"):
        load_21cmfast(tmp_path)


def test_global_parameters_of_version_3_tell_densities_apart(write_v3, tmp_path):
    for name, linearly in (("a.h5", 0), ("b.h5", 1)):
        more = {"global_params": {"EVOLVE_DENSITY_LINEARLY": linearly}}
        write_v3(tmp_path / name, ("PerturbedField",), more=more)
    assert len(load_21cmfast(tmp_path).maps) == 2


@pytest.mark.parametrize(
    ("flags", "more", "corrected"),
    [
        ({}, {}, True),
        ({"APPLY_RSDS": False}, {"global_params": {"T_USE_VELOCITIES": 1}}, False),
    ],
)
def test_correction_of_version_3(write_v3, tmp_path, flags, more, corrected):
    write_v3(tmp_path / "a.h5", flags=flags, more=more)
    assert load_21cmfast(tmp_path).velocity_corrected is corrected


@pytest.mark.parametrize("group", ["global_params", "_globals"])
@pytest.mark.parametrize(("flag", "corrected"), [(1, True), (0, False), (None, None)])
def test_correction_before_version_3_4(write_v3, tmp_path, group, flag, corrected):
    write_v3(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["flag_options"].attrs["APPLY_RSDS"]
        if flag is not None:
            file.create_group(group).attrs["T_USE_VELOCITIES"] = flag
    assert load_21cmfast(tmp_path).velocity_corrected is corrected


def test_escape_fraction_of_no_effect_is_unknown(write_v3, write_v4, tmp_path):
    write_v3(tmp_path / "3.h5", flags={"USE_MASS_DEPENDENT_ZETA": False})
    write_v4(tmp_path / "4.h5", matter={"SOURCE_MODEL": "CONST-ION-EFF"})
    for name in ("3.h5", "4.h5"):
        assert np.isnan(load_21cmfast(tmp_path / name).f_esc).all()
        assert load_21cmfast(tmp_path / name, f_esc=0.2).f_esc.tolist() == [0.2]


def test_parameters_that_are_lists(write_v3, tmp_path):
    write_v3(tmp_path / "a.h5", astro={"BINS": [1.0, 2.0], "ONE": [3.0], "NAME": "x"})
    (parameters,) = load_21cmfast(tmp_path).parameters
    assert parameters == {
        "F_ESC10": -1.0,
        "F_STAR10": -1.3,
        "BINS": [1.0, 2.0],
        "ONE": 3.0,
        "NAME": "x",
    }


def test_older_name_of_the_velocity(write_v3, tmp_path):
    values = write_v3(tmp_path / "a.h5", ("PerturbedField",))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.move("PerturbedField/velocity_z", "PerturbedField/velocity")
    data = load_21cmfast(tmp_path, fields="velocity_z")
    assert_array_equal(data.maps[0], values["velocity_z"][None])


def test_maps_pickle_and_have_a_fingerprint(raw_run, tmp_path):
    maps = load_21cmfast(tmp_path).maps
    pickled = pickle.dumps(maps)
    assert len(pickled) < 8000
    assert_array_equal(np.asarray(pickle.loads(pickled)[[3, 0]]), np.asarray(maps)[[3, 0]])
    name = fingerprint(maps)
    assert fingerprint(load_21cmfast(tmp_path).maps) == name
    assert fingerprint(load_21cmfast(tmp_path).maps[1:]) != name
    assert fingerprint(load_21cmfast(tmp_path, fields=["density"]).maps) != name
    path = next(tmp_path.glob("updated*"))
    (2 * np.fromfile(path, "<f4")).tofile(path)
    assert fingerprint(load_21cmfast(tmp_path).maps) != name


def test_each_file_is_read_once(raw_run, tmp_path, monkeypatch):
    maps = load_21cmfast(tmp_path).maps
    read, n_read = np.fromfile, []
    monkeypatch.setattr(
        np, "fromfile", lambda path, **how: n_read.append(path) or read(path, **how)
    )
    np.asarray(maps)
    assert len(n_read) == len(set(n_read)) == 10
    n_read.clear()
    np.asarray(maps[[0, 2, 2]])
    assert len(n_read) == 5  # one density for both escape fractions
