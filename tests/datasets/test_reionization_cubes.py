"""Cubes of gas, sources and ionized fraction in HDF5 files."""

import pickle

import h5py
import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_array_equal

from skastro.datasets import load_reionization_cubes
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError, MapSourceError

SHAPE = (7, 8, 9)
UNITS = {"n_igm": "g cm^-3 (proper)", "n_src": "Msun Mpc^-3 (comoving)", "xHII": "dimensionless"}
NAME = "reion_cubes_seed0007_fesc0.100.h5"


@pytest.fixture
def write(tmp_path):
    """Write a file of cubes; returns the values by redshift and field."""

    def write(name=NAME, seed=7, f_esc=0.1, redshifts=(7.0, 8.5), box_size=14.0, units=UNITS):
        rng, values = np.random.default_rng([seed, int(1000 * f_esc)]), {}
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs.update(random_seed=seed, f_esc=f_esc, box_len_Mpc=box_size)
            for z in redshifts:
                group = file.create_group(f"z{z:06.3f}")
                group.attrs.update(redshift=z, mean_xHII=z / 10)
                for field, unit in units.items():
                    values[z, field] = rng.random(SHAPE).astype("f2" if field == "xHII" else "f4")
                    group.create_dataset(field, data=values[z, field], compression="gzip")
                    group[field].attrs["units"] = unit
        return values

    return write


def test_values_units_and_frames(write, tmp_path):
    values = write()
    data = load_reionization_cubes(tmp_path)
    assert data.maps.shape == (2, 2, *SHAPE)
    assert data.field_names == ["n_igm", "n_src"]
    assert data.units == [u.g / u.cm**3, u.Msun / u.Mpc**3]
    assert data.frames == ["proper", "comoving"]
    assert data.target_unit == u.dimensionless_unscaled
    assert (data.box_size, data.cell_size) == (14.0, 2.0)
    assert data.redshift.tolist() == [7.0, 8.5]
    assert data.mean_xHII.tolist() == [0.7, 0.85]
    assert data.groups.tolist() == data.seed.tolist() == [7, 7]
    assert data.f_esc.tolist() == [0.1, 0.1]
    assert data.filenames == [str(tmp_path / NAME)]
    assert "21cmFAST" in data.DESCR
    for row, z in enumerate(data.redshift):
        expected = [values[z, "n_igm"], values[z, "n_src"]]
        assert_array_equal(np.asarray(data.maps[row]), expected)
        assert_array_equal(np.asarray(data.target[row]), values[z, "xHII"].astype(np.float32))
    maps, target = pickle.loads(pickle.dumps((data.maps, data.target)))
    assert_array_equal(np.asarray(maps), np.asarray(data.maps))
    assert_array_equal(np.asarray(target), np.asarray(data.target))


def test_order_and_choice(write, tmp_path):
    write("reion_cubes_a.h5", seed=9)
    write("reion_cubes_b.h5", seed=7, f_esc=0.3, redshifts=(9.0, 7.0))
    write("reion_cubes_c.hdf5", seed=7)
    (tmp_path / "other.h5").write_bytes(b"other")
    data = load_reionization_cubes(tmp_path)
    keys = list(zip(data.seed.tolist(), data.f_esc.tolist(), data.redshift.tolist(), strict=True))
    assert keys == sorted(keys)
    assert len(keys) == 6
    chosen = load_reionization_cubes(tmp_path, seed=[7], f_esc=0.1, redshift=[7, 8.5])
    assert chosen.groups.tolist() == [7, 7]
    assert chosen.filenames == [str(tmp_path / "reion_cubes_c.hdf5")]
    one = load_reionization_cubes(tmp_path / "reion_cubes_a.h5", fields="xHII", target="n_src")
    assert one.field_names == ["xHII"]
    assert one.target_unit == u.Msun / u.Mpc**3
    maps, target = load_reionization_cubes(tmp_path, target=None, return_X_y=True)
    assert (maps.shape, target) == ((6, 2, *SHAPE), None)


def test_real_files(data_dir):
    folder = data_dir / "reionization" / "cubes"
    if not folder.is_dir():
        pytest.skip(f"There is no folder {str(folder)!r}; see SKASTRO_DATA.")
    data = load_reionization_cubes(folder)
    assert data.maps.shape == (21, 2, 48, 48, 48)
    assert np.unique(data.groups).tolist() == [2001, 2002, 2003]
    assert data.frames == ["proper", "comoving"]
    assert data.cell_size == pytest.approx(1.2)
    row = 9
    assert (data.seed[row], data.redshift[row]) == (2002, 7.0)
    with h5py.File(folder / "reion_cubes_seed2002_fesc0.120.h5") as file:
        for channel, name in enumerate(data.field_names):
            assert_array_equal(np.asarray(data.maps[row])[channel], file[f"z07.000/{name}"][()])
        density = file.attrs["rho_b0_g_cm3"] * 8.0**3
    assert np.asarray(data.maps[row])[0].mean() == pytest.approx(density, rel=1e-2)
    assert np.asarray(data.target[row]).mean() == pytest.approx(data.mean_xHII[row], abs=1e-3)


def change(file, what):
    group = file["z07.000"]
    if what == "seed":
        del file.attrs["random_seed"]
    elif what == "redshift":
        del group.attrs["redshift"]
    elif what == "units":
        del group["n_igm"].attrs["units"]
    elif what == "nonsense":
        group["n_igm"].attrs["units"] = "nonsense (proper)"
    elif what == "frame":
        group["n_igm"].attrs["units"] = "g cm^-3 (both)"
    elif what == "groups":
        del file["z07.000"], file["z08.500"]
    elif what == "shape":
        group["more"] = np.ones((3, 4))
    elif what == "infinite":
        group.attrs["redshift"] = np.inf
    elif what == "no seed":
        file.attrs["random_seed"] = 7.5
    elif what == "no box":
        file.attrs["box_len_Mpc"] = 0.0
    elif what in ("absurd", "unwritten"):
        shape, chunks = ((90000,) * 3, None) if what == "absurd" else (SHAPE, (4, 4, 4))
        del group["n_igm"]
        cube = group.create_dataset("n_igm", shape, "f4", chunks=chunks)
        cube.attrs["units"] = UNITS["n_igm"]
        if what == "unwritten":
            cube[:4] = 1.0


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "seed",
            r"a finite number 'random_seed' .* found None; there are \['box_len_Mpc', 'f_esc'\]",
        ),
        ("redshift", "a finite number 'redshift' among the attributes of '/z07.000'"),
        ("units", "'/z07.000/n_igm' .* attribute 'units' such as .* found None"),
        ("nonsense", "attribute 'units'"),
        ("frame", "attribute 'units'"),
        ("groups", "a group for each redshift"),
        ("infinite", "a finite number 'redshift'"),
        ("no seed", "'random_seed' .* whole number .*7.5"),
        ("no box", "'box_len_Mpc' above 0; .* 0.0"),
        ("absurd", r"'/z07.000/n_igm' .* all its values .*90000"),
        ("unwritten", "'/z07.000/n_igm' .* all its values"),
        ("shape", r"'/z07.000/more' .* cube of real numbers; found shape \(3, 4\)"),
    ],
)
def test_damaged_content(write, tmp_path, what, message):
    write()
    with h5py.File(tmp_path / NAME, "a") as file:
        change(file, what)
    with pytest.raises(DatasetFormatError, match=message):
        load_reionization_cubes(tmp_path)


def test_large_seeds_are_exact(write, tmp_path):
    """Float64 would make one group of these two."""
    seeds = [2**60 + 1, 2**60 + 2]
    for seed in seeds:
        write(f"reion_cubes_{seed}.h5", seed=seed)
    assert np.unique(load_reionization_cubes(tmp_path).groups).tolist() == seeds
    assert len(load_reionization_cubes(tmp_path, seed=seeds[0]).maps) == 4


def test_files_cut_short_absent_or_unknown(write, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="reion_cubes_seed2001"):
        load_reionization_cubes(tmp_path)
    write()
    maps = load_reionization_cubes(tmp_path).maps
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DatasetFormatError, match="cannot be read as HDF5"):
        load_reionization_cubes(tmp_path)
    with pytest.raises(MapSourceError, match=r"has changed.* load_reionization_cubes again"):
        np.asarray(maps)
    path.rename(tmp_path / "a.h5")
    with pytest.raises(DatasetFormatError, match="does not know the name"):
        load_reionization_cubes(tmp_path / "a.h5")


def test_boxes_that_differ(write, tmp_path):
    write()
    write("reion_cubes_b.h5")
    with pytest.raises(ValueError, match="the same seed, f_esc and redshift twice"):
        load_reionization_cubes(tmp_path)
    write("reion_cubes_b.h5", seed=8, box_size=15.0)
    with pytest.raises(ValueError, match=r"a box of 14.0 Mpc in .* and of 15.0 Mpc"):
        load_reionization_cubes(tmp_path)
    write("reion_cubes_b.h5", seed=8, units=UNITS | {"n_igm": "g cm^-3 (comoving)"})
    with pytest.raises(ValueError, match=r"'n_igm' in .*proper.* and in .*comoving"):
        load_reionization_cubes(tmp_path)
    write("reion_cubes_b.h5", seed=8, units={"n_igm": UNITS["n_igm"], "xHII": ""})
    with pytest.raises(ValueError, match=r"no 'n_src' in .*reion_cubes_b.h5' at redshift 7"):
        load_reionization_cubes(tmp_path)
    write("reion_cubes_b.h5", seed=8, f_esc=0.2)
    with pytest.raises(ValueError, match=r"'f_esc' .* must be among \[0\.2\]"):
        load_reionization_cubes(tmp_path, seed=8, f_esc=0.1)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"redshift": 6}, ValueError),
        ({"redshift": "7"}, TypeError),
        ({"seed": 8}, ValueError),
        ({"f_esc": [0.1, 0.2]}, ValueError),
        ({"fields": "density"}, ValueError),
        ({"fields": []}, ValueError),
        ({"target": "n_igm"}, ValueError),
        ({"target": "density"}, ValueError),
        ({"return_X_y": "no"}, TypeError),
    ],
)
def test_wrong_parameters(write, tmp_path, parameters, error):
    write()
    with pytest.raises(error, match=f"'{next(iter(parameters))}' parameter of load_reion"):
        load_reionization_cubes(tmp_path, **parameters)
