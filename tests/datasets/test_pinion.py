"""Cubes in the files of PINION."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from numpy.testing import assert_allclose, assert_array_equal

from skastro.datasets import load_pinion
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError, MapSourceError

SHAPE = (7, 8, 9)


@pytest.fixture
def write(tmp_path):
    """Write a cube by its name, in the format that PINION writes; returns its values."""

    def write(name, zipped=False, order="C"):
        values = np.random.default_rng([*name.encode()]).random(SHAPE, dtype=np.float32)
        values = np.asarray(values, order=order)
        with (tmp_path / name).open("wb") as file:
            np.savez_compressed(file, values) if zipped else np.save(file, values)
        return values

    return write


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_density_and_fraction(write, tmp_path, zipped, order, suffix):
    xHII, rho = (write(f"{name}_test_z7.500.{suffix}", zipped, order) for name in ("xHII", "rho"))
    data = load_pinion(tmp_path, box_size=14)
    assert data.maps.shape == (1, 1, *SHAPE)
    assert_array_equal(np.asarray(data.maps)[0, 0], rho)
    assert_array_equal(np.asarray(data.target)[0], xHII)
    assert data.field_names == ["density"]
    assert data.units == [u.dimensionless_unscaled]
    assert data.frames == [None]
    assert data.target_unit == u.dimensionless_unscaled
    assert (data.box_size, data.cell_size) == (14.0, 2.0)
    assert "PINION" in data.DESCR


def test_all_fields_in_order_of_redshift(write, tmp_path):
    kinds = ("rho", "nsrc", "mask", "irate", "xHII")
    values = {(kind, z): write(f"{kind}_z{z}.npz") for kind in kinds for z in ("12.048", "6.354")}
    write("other_z7.000.npz")
    data = load_pinion(tmp_path, fields=["mask", "n_src", "density"], target="irate", seed=3)
    assert data.redshift.tolist() == [6.354, 12.048]
    assert data.groups.tolist() == data.seed.tolist() == [3, 3]
    assert data.field_names == ["mask", "n_src", "density"]
    assert data.target_unit == 1 / u.s
    assert len(data.filenames) == 8
    for row, z in enumerate(("6.354", "12.048")):
        for channel, kind in enumerate(("mask", "nsrc", "rho")):
            assert_array_equal(np.asarray(data.maps[row])[channel], values[kind, z])
        assert_array_equal(np.asarray(data.target[row]), values["irate", z])
    assert load_pinion(tmp_path).field_names == ["density", "n_src"]
    maps, target = load_pinion(tmp_path, redshift=6.354, target=None, return_X_y=True)
    assert (maps.shape, target) == ((1, 2, *SHAPE), None)


def test_density_of_the_gas_is_made_of_the_contrast(write, tmp_path):
    write("xHII_z9.000.npz")
    rho = write("rho_z9.000.npz")
    data = load_pinion(tmp_path, hubble=0.67, omega_b=0.05)
    critical = FlatLambdaCDM(H0=67, Om0=0.3).critical_density0.to_value("g/cm3")
    assert data.field_names == ["n_igm"]
    assert data.units == [u.g / u.cm**3]
    assert data.frames == ["proper"]
    expected = 0.05 * critical * 1e3 * (1 + rho.astype(float))
    assert_allclose(np.asarray(data.maps)[0, 0], expected, rtol=1e-6)


def test_units_that_files_do_not_tell(write, tmp_path):
    write("xHII_z9.000.npz")
    n_igm, n_src = write("n_igm_z9.000.npz"), write("n_src_z9.000.npz")
    with pytest.raises(ValueError, match=r"'units' .* must tell the unit of 'n_igm'"):
        load_pinion(tmp_path)
    with pytest.raises(ValueError, match=r"'frames' .*that of 'n_igm' is g / cm3"):
        load_pinion(tmp_path, units={"n_igm": "g/cm3", "n_src": ""})
    data = load_pinion(
        tmp_path,
        units={"n_igm": "g/cm3", "n_src": "Msun/Mpc3"},
        frames={"n_igm": "proper", "n_src": "comoving"},
    )
    assert data.units == [u.g / u.cm**3, u.Msun / u.Mpc**3]
    assert data.frames == ["proper", "comoving"]
    assert_array_equal(np.asarray(data.maps)[0], [n_igm, n_src])


def test_tags(write, tmp_path):
    write("rho_z9.000.npz")
    values = {tag: write(f"xHII_{tag}_z9.000.npz") for tag in ("LD", "a_b")}
    with pytest.raises(ValueError, match=r"xHII at redshift 9 twice: .* Choose one tag"):
        load_pinion(tmp_path)
    for tag, expected in values.items():
        assert_array_equal(np.asarray(load_pinion(tmp_path, tag=tag).target)[0], expected)
    with pytest.raises(ValueError, match=r"'tag' .* among \['LD', 'None', 'a_b'\]"):
        load_pinion(tmp_path, tag="c")


def test_pickled_maps(write, tmp_path):
    rho = write("rho_z9.000.npz", zipped=True)
    maps = pickle.loads(pickle.dumps(load_pinion(tmp_path, target=None).maps))
    assert_array_equal(np.asarray(maps)[0, 0], rho)


def test_files_of_a_real_run(data_dir):
    formats = data_dir / "reionization" / "formats"
    if not formats.is_dir():
        pytest.skip(f"There is no folder {str(formats)!r}; see SKASTRO_DATA.")
    data = load_pinion(formats / "pinion")
    assert data.redshift.tolist() == [7.5, 9.0]
    for row, z in enumerate(data.redshift):
        with np.load(formats / f"truth_z{z:.3f}.npz") as truth:
            assert_array_equal(np.asarray(data.target[row]), 1 - truth["xHI"])
            assert_array_equal(np.asarray(data.maps[row])[0], truth["density"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must begin as a .npy or .npz file"),
        (b"garbage and more", "must begin as a .npy or .npz file of NumPy does; found b'garba"),
        (b"\x93NUMPY\x01\x00", "no readable header"),
        (b"\x93NUMPY\x09\x00\x10\x00", "no readable header"),
        (b"PK\x03\x04 and no more", "cannot be read as .npz"),
    ],
)
def test_damaged_heads(tmp_path, content, message):
    (tmp_path / "rho_z9.000.npz").write_bytes(content)
    with pytest.raises(DatasetFormatError, match=message):
        load_pinion(tmp_path, target=None)


@pytest.mark.parametrize(
    "values", [np.ones((7, 8)), np.ones((7, 0, 9)), np.full(SHAPE, "x"), np.full(SHAPE, None)]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_arrays_that_are_no_cubes(tmp_path, values, zipped):
    with (tmp_path / "rho_z9.000.npz").open("wb") as file:
        np.savez(file, values) if zipped else np.save(file, values)
    with pytest.raises(DatasetFormatError, match="a cube of real numbers, with 3 axes"):
        load_pinion(tmp_path, target=None)


def test_files_cut_short_or_too_long(write, tmp_path):
    write("rho_z9.000.npz")
    path = tmp_path / "rho_z9.000.npz"
    whole = path.read_bytes()
    for content, found in ((whole[:-4], 2012), (whole + b"more", 2020)):
        path.write_bytes(content)
        with pytest.raises(DatasetFormatError, match=f"must have 2016 bytes .* found {found}"):
            load_pinion(tmp_path, target=None)


def test_damaged_archives(write, tmp_path):
    """Wherever a byte is changed, the cube is whole or the error is ours."""
    values = write("rho_z9.000.npz", zipped=True)
    path = tmp_path / "rho_z9.000.npz"
    whole, refused = path.read_bytes(), 0
    for place in range(0, len(whole), 31):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert_array_equal(np.asarray(load_pinion(tmp_path, target=None).maps)[0, 0], values)
        except (DatasetFormatError, MapSourceError):
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((7, 8, 10), "must have 2240 bytes behind its header, .* found 2016"),
        ((7, 8, 8), "must have 1792 bytes behind its header, .* found 2016"),
        ((90000, 90000, 90000), "behind its header, .* found 2016"),
        ((-7, -8, 9), r"with 3 axes; found shape \(-7, -8, 9\)"),
    ],
)
def test_headers_in_archives_that_promise_other_sizes(tmp_path, shape, message):
    """They are refused at once, before there is memory for what they promise."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(tmp_path / "rho_z9.000.npz", "w") as archive:
        archive.writestr("rho.npy", head.getvalue() + np.ones(SHAPE, "<f4").tobytes())
    with pytest.raises(DatasetFormatError, match=message):
        load_pinion(tmp_path, target=None)


def test_pickles_are_not_unpacked(tmp_path):
    """A file can hold code that unpickling would run."""

    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))

    values = np.full(SHAPE, None)
    values[0, 0, 0] = Hostile()
    for save in (np.save, np.savez):
        with (tmp_path / "rho_z9.000.npz").open("wb") as file:
            save(file, values)
        with pytest.raises(DatasetFormatError, match="dtype object"):
            load_pinion(tmp_path, target=None)
    assert not (tmp_path / "run").exists()


def test_several_arrays_in_one_archive(tmp_path):
    path = tmp_path / "rho_z9.000.npz"
    np.savez(path, a=np.ones(SHAPE), b=np.ones(SHAPE))
    with pytest.raises(DatasetFormatError, match=r"one array, .* found \['a', 'b'\]"):
        load_pinion(tmp_path, target=None)
    np.savez(path, a=np.ones(SHAPE), rho=np.full(SHAPE, 0.25))
    assert np.asarray(load_pinion(tmp_path, target=None).maps).mean() == 0.25


def test_values_that_are_none(tmp_path):
    for name, value in (("rho", np.nan), ("xHII", 1.5)):
        values = np.zeros(SHAPE, dtype=np.float32)
        values[3, 4, 5] = value
        np.save(tmp_path / f"{name}_z9.000.npy", values)
    data = load_pinion(tmp_path)
    with pytest.raises(DatasetFormatError, match=r"finite values; found nan at \(3, 4, 5\)"):
        np.asarray(data.maps)
    with pytest.raises(DatasetFormatError, match=r"found 0\.0 to 1\.5"):
        np.asarray(data.target)


def test_files_that_are_none(write, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="load_pinion found no file of its"):
        load_pinion(tmp_path)
    write("xHII_pred_cubesize30.npz")
    with pytest.raises(DatasetFormatError, match="load_pinion does not know the name"):
        load_pinion(tmp_path / "xHII_pred_cubesize30.npz")
    write("rho_z9.000.npz")
    with pytest.raises(ValueError, match=r"no file of xHII .* at redshift 9; .*\['rho'\]"):
        load_pinion(tmp_path)


@pytest.mark.parametrize(
    ("parameters", "error", "name"),
    [
        ({"fields": "rho"}, ValueError, "fields"),
        ({"fields": "xHII"}, ValueError, "fields"),
        ({"fields": "n_igm"}, ValueError, "fields"),
        ({"target": "rho"}, ValueError, "target"),
        ({"redshift": 5}, ValueError, "redshift"),
        ({"tag": 5}, TypeError, "tag"),
        ({"units": "g/cm3"}, ValueError, "units"),
        ({"units": {"rho": "g/cm3"}}, ValueError, "units"),
        ({"units": {"density": "nonsense"}}, ValueError, "units"),
        ({"units": {"density": "m"}, "frames": {"density": "both"}}, ValueError, "frames"),
        ({"units": {"density": "s"}, "frames": {"density": "proper"}}, ValueError, "frames"),
        ({"frames": {"density": "proper"}}, ValueError, "frames"),
        ({"hubble": 70}, ValueError, "hubble"),
        ({"omega_b": "0.05"}, TypeError, "omega_b"),
        ({"box_size": -1}, ValueError, "box_size"),
        ({"seed": 0.5}, TypeError, "seed"),
        ({"return_X_y": None}, TypeError, "return_X_y"),
    ],
)
def test_wrong_parameters(write, tmp_path, parameters, error, name):
    write("rho_z9.000.npz")
    write("xHII_z9.000.npz")
    with pytest.raises(error, match=f"'{name}' parameter of load_pinion"):
        load_pinion(tmp_path, **parameters)


def test_unit_of_what_is_made_is_not_taken(write, tmp_path):
    write("rho_z9.000.npz")
    with pytest.raises(ValueError, match="without 'n_igm' where it is made of files of rho"):
        load_pinion(
            tmp_path,
            fields="n_igm",
            target=None,
            hubble=0.7,
            omega_b=0.05,
            units={"n_igm": "g/cm3"},
            frames={"n_igm": "proper"},
        )
