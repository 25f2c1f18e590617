"""Cubes of C2-Ray and pyC2Ray: values, axes, units and frames."""

import os
import pickle

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from numpy.testing import assert_allclose, assert_array_equal

from skastro.datasets import load_c2ray

SHAPE = (7, 8, 9)
H, OM, OB = 0.67, 0.31, 0.049
CRITICAL = FlatLambdaCDM(H0=100 * H, Om0=OM).critical_density0
FRACTION = np.random.default_rng(1).random(SHAPE)
DELTA = np.random.default_rng(2).random(SHAPE) - 0.5


def mesh(shape=SHAPE):
    return np.array(shape, "<i4").tobytes()


def record(content, piece=None):
    """A record of Fortran, in pieces of some length if it is longer than that."""
    pieces = [content[i : i + (piece or len(content))] for i in range(0, len(content), piece or 1)]
    out = b""
    for i, part in enumerate(pieces if piece else [content]):
        is_last = not piece or i == len(pieces) - 1
        head = len(part) if is_last else -len(part)
        tail = -len(part) if i else len(part)
        out += np.int32(head).tobytes() + part + np.int32(tail).tobytes()
    return out


def fortran(values, dtype):
    return values.astype(dtype).tobytes(order="F")


def write_xfrac(folder, z=7.5, values=FRACTION, dtype="<f8"):
    path = folder / f"xfrac3d_{z:.3f}.bin"
    path.write_bytes(record(mesh()) + record(fortran(values, dtype)))
    return path


def write_density(folder, z=7.5, n_fine=80, values=DELTA):
    path = folder / f"{z:.3f}n_all.dat"
    mass = (1 + values) * (n_fine / SHAPE[0]) ** 3
    path.write_bytes(mesh() + fortran(mass, "<f4"))
    return path


def write_sources(folder, rows, z=7.5):
    path = folder / f"{z:.3f}-coarsest_wsubgrid_sources.dat"
    lines = [str(len(rows)), *(" ".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("dtype", ["<f8", "<f4"])
def test_records_of_fortran(tmp_path, dtype):
    write_xfrac(tmp_path, dtype=dtype)
    data = load_c2ray(tmp_path, fields="xHII", target=None)
    assert data.maps.shape == (1, 1, *SHAPE)
    assert_array_equal(np.asarray(data.maps)[0, 0], FRACTION.astype(np.float32))
    assert data.target is None
    assert data.redshift.tolist() == [7.5]


def test_records_in_pieces(tmp_path):
    """A value may lie across two pieces, as those of 2 GiB less 9 bytes make it."""
    content = fortran(FRACTION, "<f8")
    (tmp_path / "xfrac3d_7.500.bin").write_bytes(record(mesh()) + record(content, 1003))
    data = load_c2ray(tmp_path, fields="xHII", target=None)
    assert_array_equal(np.asarray(data.maps)[0, 0], FRACTION.astype(np.float32))


@pytest.mark.parametrize("name", ["xfrac_z7.500.dat", "xfrac_7.500.dat"])
@pytest.mark.parametrize("dtype", ["<f8", "<f4"])
def test_mesh_and_values(tmp_path, name, dtype):
    (tmp_path / name).write_bytes(mesh() + fortran(FRACTION, dtype))
    data = load_c2ray(tmp_path / name, fields="xHII", target=None)
    assert_array_equal(np.asarray(data.maps)[0, 0], FRACTION.astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_files_of_numpy(tmp_path, order, suffix):
    path = tmp_path / f"xfrac_z7.500.{suffix}"
    values = np.asarray(FRACTION, order=order)
    if suffix == "npy":
        np.save(path, values)
    else:
        np.savez_compressed(path, xfrac=values, other=np.ones(3))
    data = load_c2ray(path, fields="xHII", target=None)
    assert_array_equal(np.asarray(data.maps)[0, 0], FRACTION.astype(np.float32))


@pytest.mark.parametrize("n_fine", [None, 80])
def test_density_contrast(tmp_path, n_fine):
    """Over the mean of the cube, or over that of all matter where n_fine tells it."""
    write_density(tmp_path)
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path, n_fine=n_fine)
    expected = DELTA if n_fine else (1 + DELTA) / (1 + DELTA).mean() - 1
    assert data.field_names == ["density"]
    assert data.units == [u.dimensionless_unscaled]
    assert data.frames == [None]
    assert_allclose(np.asarray(data.maps)[0, 0], expected, rtol=0, atol=2e-7)
    assert_array_equal(np.asarray(data.target)[0], FRACTION.astype(np.float32))
    assert (data.box_size, data.cell_size) == (None, None)


def test_density_of_the_gas_is_proper(tmp_path):
    write_density(tmp_path)
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path, hubble=H, omega_b=OB, n_fine=80, box_size=14)
    expected = (CRITICAL * OB * 8.5**3).to_value("g/cm3") * (1 + DELTA)
    assert data.field_names == ["n_igm"]
    assert data.units == [u.g / u.cm**3]
    assert data.frames == ["proper"]
    assert_allclose(np.asarray(data.maps)[0, 0], expected, rtol=1e-6)
    assert (data.box_size, data.cell_size) == (14.0, 2.0)


@pytest.mark.parametrize(
    ("kind", "contrast"),
    [("contrast", DELTA), ("relative", DELTA - 1), ("grid_mass", DELTA / DELTA.mean() - 1)],
)
def test_kinds_of_density_of_numpy(tmp_path, kind, contrast):
    np.save(tmp_path / "density_z7.500.npy", DELTA if kind != "grid_mass" else DELTA + 1)
    write_xfrac(tmp_path)
    if kind == "grid_mass":
        contrast = (1 + DELTA) / (1 + DELTA).mean() - 1
    data = load_c2ray(tmp_path, density_kind=kind)
    assert_allclose(np.asarray(data.maps)[0, 0], contrast, atol=1e-6)
    gas = load_c2ray(tmp_path, density_kind=kind, hubble=H, omega_b=OB)
    mean = (CRITICAL * OB * 8.5**3).to_value("g/cm3")
    assert_allclose(np.asarray(gas.maps)[0, 0] / mean, 1 + contrast, atol=1e-6)


ROWS = [(1, 1, 1, 2.0, 0.5), (7, 8, 9, 3.0, 0.0), (2, 5, 3, 1.5, 0.25), (2, 5, 3, 0.5, 0.25)]


def on_mesh(column, unit=1.0):
    cube = np.zeros(SHAPE)
    for row in ROWS:
        cube[row[0] - 1, row[1] - 1, row[2] - 1] += unit * row[3 + column]
    return cube


@pytest.mark.parametrize("column", [0, 1])
def test_sources_on_the_mesh(tmp_path, column):
    write_sources(tmp_path, ROWS)
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path, source_mass=column)
    assert data.field_names == ["src_mass"]
    assert data.units == [u.dimensionless_unscaled]
    assert_array_equal(np.asarray(data.maps)[0, 0], on_mesh(column))
    assert on_mesh(0)[1, 4, 2] == 2


def test_sources_of_grid_masses_in_a_comoving_volume(tmp_path):
    write_sources(tmp_path, ROWS)
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path, hubble=H, omega_m=OM, n_fine=70)
    box = 14 * u.Mpc
    grid_mass = CRITICAL * OM * (box / 70) ** 3
    expected = (on_mesh(0) * grid_mass / (box / 7) ** 3).to_value("Msun/Mpc3")
    assert data.field_names == ["n_src"]
    assert data.units == [u.Msun / u.Mpc**3]
    assert data.frames == ["comoving"]
    assert_allclose(np.asarray(data.maps)[0, 0], expected, rtol=1e-6)


def test_sources_in_solar_masses(tmp_path):
    write_sources(tmp_path, ROWS)
    write_xfrac(tmp_path)
    plain = load_c2ray(tmp_path, source_unit="Msun")
    assert plain.field_names == ["src_mass"]
    assert plain.units == [u.Msun]
    data = load_c2ray(tmp_path, source_unit="Msun", box_size=14)
    assert_allclose(np.asarray(data.maps)[0, 0], on_mesh(0) / 8, rtol=1e-6)


def test_sources_in_hdf5(tmp_path):
    write_xfrac(tmp_path)
    with h5py.File(tmp_path / "7.500-coarsest_wsubgrid_sources.hdf5", "w") as file:
        file["sources_positions"] = np.array([row[:3] for row in ROWS], dtype=float) - 1
        file["sources_mass"] = np.array([row[3] for row in ROWS])
    data = load_c2ray(tmp_path, box_size=14)
    assert data.field_names == ["n_src"]
    assert_allclose(np.asarray(data.maps)[0, 0], on_mesh(0) / 8, rtol=1e-6)


def test_sources_broken_into_lines_by_fortran(tmp_path):
    path = write_sources(tmp_path, ROWS)
    text = "  4 \n"
    for i, j, k, *masses in ROWS:
        text += f" {i} {j} {k}\n  " + " ".join(f"{mass}D+00" for mass in masses) + "\n"
    path.write_text(text)
    write_xfrac(tmp_path)
    assert_array_equal(np.asarray(load_c2ray(tmp_path).maps)[0, 0], on_mesh(0))


def test_no_sources_yet(tmp_path):
    write_sources(tmp_path, [])
    write_xfrac(tmp_path)
    assert not np.asarray(load_c2ray(tmp_path).maps).any()


def test_number_of_the_first_cell(tmp_path):
    write_sources(tmp_path, [(0, 7, 8, 1.0)])
    write_xfrac(tmp_path)
    maps = np.asarray(load_c2ray(tmp_path, first_index=0).maps)
    assert maps[0, 0, 0, 7, 8] == 1 == maps.sum()


def test_several_redshifts_and_folders(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "IonRates_z7.500.dat").write_bytes(b"other")
    for z in (10.25, 7.5, 9.0):
        write_density(tmp_path, z, values=DELTA / z)
        write_sources(tmp_path, ROWS, z)
        write_xfrac(tmp_path / "results", z, FRACTION / z)
    data = load_c2ray(tmp_path, n_fine=80, seed=12)
    assert data.redshift.tolist() == [7.5, 9.0, 10.25]
    assert data.groups.tolist() == data.seed.tolist() == [12, 12, 12]
    assert data.field_names == ["density", "src_mass"]
    assert data.maps.shape == (3, 2, *SHAPE)
    assert len(data.filenames) == 9
    for row, z in enumerate(data.redshift):
        assert_allclose(np.asarray(data.maps[row])[0], DELTA / z, atol=2e-7)
        assert_array_equal(np.asarray(data.target[row]), (FRACTION / z).astype(np.float32))
    kept = load_c2ray(tmp_path, redshift=9.0, fields="src_mass")
    assert kept.redshift.tolist() == [9.0]
    assert kept.groups.tolist() == [-1]
    assert "C2-Ray" in kept.DESCR
    maps, target = load_c2ray(tmp_path, return_X_y=True)
    assert (maps.shape, target.shape) == ((3, 2, *SHAPE), (3, *SHAPE))


def test_opening_reads_headers_alone_and_keeps_no_file_open(tmp_path):
    """NaN is found when it is read, and files that are open would be seen among descriptors."""
    write_density(tmp_path, values=np.full(SHAPE, np.nan))
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path)
    assert np.isfinite(np.asarray(data.target)).all()
    open_files = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd")][:-1]
    assert not [name for name in open_files if str(tmp_path) in name]


def test_pickled_maps_are_paths_and_numbers(tmp_path):
    """They hold no cubes, and no units of astropy, which another process would have to load."""
    write_density(tmp_path)
    write_sources(tmp_path, ROWS)
    write_xfrac(tmp_path)
    data = load_c2ray(tmp_path, hubble=H, omega_m=OM, omega_b=OB, n_fine=80)
    pickled = pickle.dumps((data.maps, data.target))
    assert b"astropy" not in pickled
    assert len(pickled) < 4000 < data.target.nbytes * 3
    maps, target = pickle.loads(pickled)
    assert_array_equal(np.asarray(maps), np.asarray(data.maps))
    assert_array_equal(np.asarray(target), np.asarray(data.target))


@pytest.mark.parametrize("xfrac", ["xfrac3d_{z:.3f}.bin", "xfrac_z{z:.3f}.dat"])
def test_files_of_a_real_run(data_dir, xfrac):
    formats = data_dir / "reionization" / "formats"
    if not formats.is_dir():
        pytest.skip(f"There is no folder {str(formats)!r}; see SKASTRO_DATA.")
    folder, redshifts = formats / "c2ray", (7.5, 9.0)
    paths = [folder / name.format(z=z) for z in redshifts for name in ("{z:.3f}n_all.dat", xfrac)]
    data = load_c2ray(paths, n_fine=8000, box_size=24)
    assert data.redshift.tolist() == list(redshifts)
    assert data.cell_size == 1.5
    for row, z in enumerate(redshifts):
        with np.load(formats / f"truth_z{z:.3f}.npz") as truth:
            assert_array_equal(np.asarray(data.target[row]), 1 - truth["xHI"])
            # The file has float32 masses, so that the contrast has the rounding of one plus it.
            rounding = 2.0**-23 * (1 + truth["density"].astype(float))
            difference = np.asarray(data.maps[row])[0] - truth["density"].astype(float)
            assert (np.abs(difference) <= rounding).all()
