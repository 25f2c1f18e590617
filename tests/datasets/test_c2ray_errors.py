"""Files of C2-Ray that are damaged, and parameters that are wrong."""

import re
import tracemalloc

import h5py
import numpy as np
import pytest

from skastro.datasets import load_c2ray
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError, MapSourceError

SHAPE = (7, 8, 9)
N = 7 * 8 * 9
BIN, DAT, DENSITY = "xfrac3d_7.500.bin", "xfrac_z7.500.dat", "7.500n_all.dat"
SOURCES = "7.500-coarsest_wsubgrid_sources.dat"
HALF = np.full(N, 0.5)


def ints(*numbers, dtype="<i4"):
    return np.array(numbers, dtype).tobytes()


def record(content, dtype="<i4"):
    return ints(len(content), dtype=dtype) + content + ints(len(content), dtype=dtype)


MESH = ints(*SHAPE)
XFRAC = record(MESH) + record(HALF.tobytes())


@pytest.fixture
def xfrac(tmp_path):
    (tmp_path / BIN).write_bytes(XFRAC)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            XFRAC[:-5],
            "cut short .* of 4032 bytes at byte 20 expects at least 4060 .* 4055",
        ),
        (XFRAC[:-500], "is cut short or is no unformatted file of Fortran"),
        (XFRAC[:22], "is cut short or is no unformatted file"),
        (b"", "2 records of Fortran; found 0 in 0 bytes"),
        (XFRAC[:20], "2 records of Fortran; found 1 in 20 bytes"),
        (XFRAC + record(b"more"), "2 records of Fortran; found more than 2"),
        (XFRAC[:-4] + ints(7), "found 4032 before and 7 after the record at byte 20"),
        (record(MESH, ">i4") + record(HALF.tobytes(), ">i4"), "is byte-swapped: .* length of 12"),
        (record(MESH, "<i8") + record(HALF.tobytes(), "<i8"), "seem to have 8 bytes: write"),
        (record(MESH[:8]) + record(HALF.tobytes()), "first record of 12 bytes, .* found 8 bytes"),
        (
            record(MESH) + record(HALF[1:].tobytes()),
            r"mesh of \(7, 8, 9\), .* 4032 \(float64\) or 2016 \(float32\) bytes; found 4024",
        ),
        (record(ints(0, 8, 9)) + record(b""), r"from 1 to 100000; found \(0, 8, 9\)"),
        (record(ints(7, -8, 9)) + record(b"1"), r"from 1 to 100000; found \(7, -8, 9\)"),
        (record(ints(7, 8, 200000)) + record(b"1"), "three numbers from 1 to 100000"),
        (record(ints(*SHAPE, dtype=">i4")) + record(HALF.tobytes()), "its mesh is .7, 8, 9. if"),
        (MESH + HALF.tobytes(), "no records at all|is no unformatted file"),
    ],
)
def test_damaged_records(tmp_path, content, message):
    path = tmp_path / BIN
    path.write_bytes(content)
    with pytest.raises(DatasetFormatError, match=message) as error:
        load_c2ray(path, fields="xHII", target=None)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (DAT, MESH + HALF.tobytes()[:-8], r"4032 \(float64\) or 2016 \(float32\) .* found 4024"),
        (DAT, MESH[:5], "a mesh of 12 bytes; found 5"),
        (DAT, ints(*SHAPE, dtype=">i4") + HALF.tobytes(), "is byte-swapped: its mesh is"),
        (DAT, XFRAC, r"mesh of \(12, 7, 8\)"),
        (DENSITY, MESH + HALF.tobytes(), r"must have 2016 \(float32\) bytes; found 4032"),
        (DENSITY, HALF.tobytes(), "three numbers from 1 to 100000"),
    ],
)
def test_damaged_meshes(xfrac, name, content, message):
    path = xfrac / name
    path.write_bytes(content)
    is_density = name == DENSITY
    with pytest.raises(DatasetFormatError, match=message):
        load_c2ray(
            [path, xfrac / BIN] if is_density else path,
            fields="density" if is_density else "xHII",
            target=None,
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 1.5, 1e300])
@pytest.mark.parametrize("name", [BIN, DAT])
def test_fractions_that_are_none(tmp_path, name, value):
    values = HALF.copy()
    values[np.ravel_multi_index((3, 4, 5), SHAPE, order="F")] = value
    head = record(MESH) if name == BIN else MESH
    content = values.tobytes()
    (tmp_path / name).write_bytes(head + (record(content) if name == BIN else content))
    maps = load_c2ray(tmp_path, fields="xHII", target=None).maps
    message = "values from -0.001 to 1.001" if np.isfinite(value) else r"finite .* at \(3, 4, 5\)"
    with pytest.raises(DatasetFormatError, match=message):
        np.asarray(maps)


def test_byte_swapped_values_behind_a_good_header(tmp_path):
    values = np.random.default_rng(0).random(N)
    (tmp_path / DAT).write_bytes(MESH + values.astype(">f8").tobytes())
    with pytest.raises(DatasetFormatError, match="must hold"):
        np.asarray(load_c2ray(tmp_path, fields="xHII", target=None).maps)


def test_density_without_mass(xfrac):
    (xfrac / DENSITY).write_bytes(MESH + np.zeros(N, "<f4").tobytes())
    with pytest.raises(DatasetFormatError, match=r"7\.500n_all\.dat.* of a mean above 0"):
        np.asarray(load_c2ray(xfrac).maps)


def test_density_that_does_not_fit_its_grid_masses(xfrac):
    (xfrac / DENSITY).write_bytes(MESH + np.full(N, 1000.0, "<f4").tobytes())
    assert not np.asarray(load_c2ray(xfrac, n_fine=70).maps).any()
    with pytest.raises(DatasetFormatError, match=r"mean near 8000, .* found 1000\. Correct n_fine"):
        np.asarray(load_c2ray(xfrac, n_fine=140).maps)


def test_density_beyond_float32(xfrac):
    np.save(xfrac / "density_z7.500.npy", np.full(SHAPE, 1e39))
    with pytest.raises(DatasetFormatError, match="found 1e\\+39 to 1e\\+39"):
        np.asarray(load_c2ray(xfrac, density_kind="contrast").maps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begin with the number of sources; found b''"),
        ("many\n", "begin with the number of sources; found b'many"),
        ("-1\n", "begin with the number of sources"),
        ("2.5\n", "begin with the number of sources"),
    ],
)
def test_heads_of_sources(xfrac, text, message):
    (xfrac / SOURCES).write_text(text)
    with pytest.raises(DatasetFormatError, match=message):
        load_c2ray(xfrac)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3\n1 1 1 2.0 0\n2 2 2 1.0 0\n", "3 sources of equally many .* found 2 lines"),
        ("2\n1 1 1 2.0 0\n2 2 2 1.0\n", r"found 2 lines of \[4, 5\] numbers"),
        ("0\n1 1 1 2.0 0\n", "must hold 0 sources"),
        ("1\n1 1 1\n", "at least 1 masses of each source; found 3 numbers"),
        ("1\n1 1 1 x\n", "must hold numbers"),
        ("1\n1 1 1 nan\n", "finite masses of 0 or more; found nan of source 1"),
        ("1\n1 1 1 -2\n", "finite masses of 0 or more; found -2.0"),
        ("1\n1 1 10 2\n", r"from 1 to \(7, 8, 9\); found \[1.0, 1.0, 10.0\] of source 1"),
        ("2\n1 1 1 2\n0 1 1 2\n", "of source 2. Give first_index"),
        ("1\n1 1.5 1 2\n", "whole numbers"),
        ("1\n1 nan 1 2\n", "whole numbers"),
    ],
)
def test_damaged_sources(xfrac, text, message):
    (xfrac / SOURCES).write_text(text)
    maps = load_c2ray(xfrac).maps
    with pytest.raises(DatasetFormatError, match=message):
        np.asarray(maps)


def test_words_of_any_length_take_no_more_memory_than_the_file(xfrac):
    """An array of bytes would give each word the length of the longest: here 0.3 GB."""
    rows = ["1 1 1 " + "0" * 100_000 + "2", *["1 1 1 2"] * 999]
    (xfrac / SOURCES).write_text("1000\n" + "\n".join(rows))
    maps = load_c2ray(xfrac).maps
    tracemalloc.start()
    assert np.asarray(maps)[0, 0, 0, 0, 0] == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


@pytest.mark.parametrize("dtype", ["S3", "f8"])
def test_sources_in_hdf5_without_numbers(xfrac, dtype):
    """Words in place of numbers, and numbers that were never written, of which there are none."""
    with h5py.File(xfrac / SOURCES.replace(".dat", ".hdf5"), "w") as file:
        file.create_dataset("sources_positions", (10**9, 3), dtype)
        file.create_dataset("sources_mass", (10**9,), dtype)
    with pytest.raises(DatasetFormatError, match=r"'sources_positions' of shape \(n, 3\)"):
        load_c2ray(xfrac, box_size=14)


def test_mesh_of_the_sources_is_that_of_what_is_loaded(xfrac):
    """A density on another mesh that is not loaded does not matter."""
    (xfrac / DENSITY).write_bytes(ints(9, 8, 7) + np.ones(N, "<f4").tobytes())
    (xfrac / SOURCES).write_text("1\n7 8 9 2\n")
    data = load_c2ray(xfrac, fields="src_mass")
    assert data.maps.shape == (1, 1, *SHAPE)
    assert np.asarray(data.maps)[0, 0, 6, 7, 8] == 2


@pytest.mark.parametrize("content", [{}, {"sources_mass": (4,)}, {"sources_positions": (3, 4)}])
def test_damaged_sources_in_hdf5(xfrac, content):
    path = xfrac / SOURCES.replace(".dat", ".hdf5")
    with h5py.File(path, "w") as file:
        for name, shape in content.items():
            file[name] = np.ones(shape)
    with pytest.raises(DatasetFormatError, match=r"'sources_positions' of shape \(n, 3\)"):
        load_c2ray(xfrac, box_size=14)
    path.write_bytes(b"no HDF5")
    with pytest.raises(DatasetFormatError, match="cannot be read as HDF5"):
        load_c2ray(xfrac, box_size=14)


def test_paths(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no file or folder"):
        load_c2ray(tmp_path / "none")
    with pytest.raises(DatasetNotFoundError, match="Expected names such as xfrac3d_7"):
        load_c2ray(tmp_path)
    with pytest.raises(TypeError, match="'path' parameter of load_c2ray"):
        load_c2ray(3)
    with pytest.raises(TypeError, match="'path' parameter of load_c2ray"):
        load_c2ray([])
    (tmp_path / "7.500-coarsest_sources_used_wfgamma.dat").write_text("1\n1 1 1 1\n")
    with pytest.raises(DatasetNotFoundError, match="no file of its"):
        load_c2ray(tmp_path)
    with pytest.raises(DatasetFormatError, match="does not know the name"):
        load_c2ray(tmp_path / "7.500-coarsest_sources_used_wfgamma.dat")
    (tmp_path / BIN).symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetNotFoundError, match="link to no file"):
        load_c2ray(tmp_path)


def test_fields_that_are_not_there(xfrac):
    with pytest.raises(ValueError, match=r"no densities or sources .* fields='xHII'"):
        load_c2ray(xfrac)
    with pytest.raises(ValueError, match=r"no file of density .*\['xfrac'\]. Choose other fields"):
        load_c2ray(xfrac, fields="density")
    (xfrac / DENSITY).write_bytes(MESH + np.ones(N, "<f4").tobytes())
    (xfrac / "xfrac3d_8.000.bin").write_bytes(XFRAC)
    with pytest.raises(ValueError, match=r"no file of density .* at redshift 8; .*=\[7.5\]"):
        load_c2ray(xfrac)
    assert len(load_c2ray(xfrac, redshift=7.5).maps) == 1
    with pytest.raises(ValueError, match=r"'redshift' .* among \[7.5, 8.0\]"):
        load_c2ray(xfrac, redshift=9)


def test_sources_without_a_mesh(tmp_path):
    (tmp_path / SOURCES).write_text("1\n1 1 1 1\n")
    with pytest.raises(DatasetFormatError, match="does not tell the mesh"):
        load_c2ray(tmp_path, target=None)


def test_the_same_field_twice(xfrac):
    (xfrac / DAT).write_bytes(MESH + HALF.tobytes())
    with pytest.raises(ValueError, match=r"xfrac at redshift 7.5 twice: .*bin.*dat"):
        load_c2ray(xfrac, fields="xHII", target=None)
    assert len(load_c2ray([xfrac / BIN] * 2, fields="xHII", target=None).maps) == 1


def test_cubes_of_different_shapes(xfrac):
    (xfrac / DENSITY).write_bytes(ints(9, 8, 7) + np.ones(N, "<f4").tobytes())
    with pytest.raises(ValueError, match=r"different shapes: \(9, 8, 7\) .* \(7, 8, 9\)"):
        load_c2ray(xfrac)


@pytest.mark.parametrize(
    ("parameters", "lacking"),
    [
        ({"fields": "n_igm", "hubble": 0.7}, "['omega_b']"),
        ({"fields": "n_src", "n_fine": 70}, "['hubble', 'omega_m']"),
        ({"fields": "n_src", "source_unit": "Msun"}, "['box_size']"),
    ],
)
def test_what_files_do_not_tell(xfrac, parameters, lacking):
    (xfrac / DENSITY).write_bytes(MESH + np.ones(N, "<f4").tobytes())
    (xfrac / SOURCES).write_text("1\n1 1 1 1\n")
    with pytest.raises(ValueError, match=re.escape(f"where {lacking} are given")):
        load_c2ray(xfrac, **parameters)


def test_kind_of_density_is_not_assumed(xfrac):
    np.save(xfrac / "density_z7.500.npy", HALF.reshape(SHAPE))
    with pytest.raises(ValueError, match="'density_kind'"):
        load_c2ray(xfrac)


def test_masses_of_two_units(xfrac):
    (xfrac / SOURCES).write_text("1\n1 1 1 1\n")
    (xfrac / BIN.replace("7.5", "8.5")).write_bytes(XFRAC)
    with h5py.File(xfrac / SOURCES.replace("7.5", "8.5").replace(".dat", ".hdf5"), "w") as file:
        file["sources_positions"], file["sources_mass"] = np.ones((2, 3)), np.ones(2)
    with pytest.raises(ValueError, match="HDF5 files, with masses in Msun, and in texts"):
        load_c2ray(xfrac)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"fields": "xHI"}, ValueError),
        ({"fields": ["density", "density"]}, ValueError),
        ({"fields": "xHII"}, ValueError),
        ({"target": "density"}, ValueError),
        ({"box_size": 0}, ValueError),
        ({"box_size": "100"}, TypeError),
        ({"hubble": 67.0}, ValueError),
        ({"hubble": True}, TypeError),
        ({"omega_m": -0.3}, ValueError),
        ({"omega_b": np.nan}, ValueError),
        ({"n_fine": 0}, ValueError),
        ({"n_fine": 8000.5}, TypeError),
        ({"density_kind": "mass"}, ValueError),
        ({"source_unit": "kg"}, ValueError),
        ({"source_mass": -1}, ValueError),
        ({"source_mass": None}, TypeError),
        ({"first_index": -1}, ValueError),
        ({"seed": -1}, ValueError),
        ({"redshift": "7.5"}, TypeError),
        ({"return_X_y": 1}, TypeError),
    ],
)
def test_wrong_parameters(xfrac, parameters, error):
    (xfrac / DENSITY).write_bytes(MESH + np.ones(N, "<f4").tobytes())
    with pytest.raises(error, match=f"'{next(iter(parameters))}' parameter of load_c2ray"):
        load_c2ray(xfrac, **parameters)


def test_files_that_go_or_change_after_opening(xfrac):
    maps = load_c2ray(xfrac, fields="xHII", target=None).maps
    (xfrac / BIN).write_bytes(XFRAC[:-4])
    with pytest.raises(MapSourceError, match=r"expected 4060 bytes .* found 4056 .* load_c2ray"):
        np.asarray(maps)
    (xfrac / BIN).unlink()
    with pytest.raises(MapSourceError, match=f"cannot read .*{BIN}.* Put the file back"):
        np.asarray(maps)
