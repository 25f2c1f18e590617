"""Cubes that limlam_mocker saved."""

import zipfile

import numpy as np
import pytest
from astropy import units
from numpy.testing import assert_array_equal

from skastro.datasets import load_limlam
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError


def content(seed=0, **change):
    generator = np.random.default_rng(seed)
    return {
        "map_cube": generator.random((7, 8, 9)),
        "map_pixel_ra": np.linspace(-0.3, 0.3, 7),
        "map_pixel_dec": np.linspace(-0.4, 0.4, 8),
        "map_frequencies": np.linspace(34, 26, 9),
        "fov_x": 0.7,
        "fov_y": 0.9,
        "npix_x": 7,
    } | change


@pytest.fixture
def save(tmp_path):
    def save(name, **change):
        found = content(**change)
        np.savez(tmp_path / name, **{k: v for k, v in found.items() if v is not None})
        return tmp_path / f"{name}.npz"

    return save


def test_cubes_have_frequency_first(save):
    paths = [save("one"), save("two", seed=1)]
    data = load_limlam(paths)
    assert data.maps.shape == (2, 9, 7, 8)
    assert data.maps.dtype == np.float32
    for maps, seed in zip(data.maps, (0, 1), strict=True):
        cube = content(seed)["map_cube"].astype(np.float32)
        assert_array_equal(maps, np.moveaxis(cube, 2, 0))
    assert_array_equal(data.frequencies, np.linspace(34, 26, 9))
    assert data.fov == (0.7, 0.9)
    assert data.units == units.uK
    assert data.filenames == [str(path) for path in paths]
    assert_array_equal(data.groups, [0, 1])
    assert "limlam_mocker" in data.DESCR
    assert "dN" not in data


def test_one_path_without_its_ending(save):
    path = save("one")
    data = load_limlam(str(path.with_suffix("")), units="Jy/sr")
    assert data.maps.shape == (1, 9, 7, 8)
    assert data.units == units.Jy / units.sr


def test_luminosity_functions(save):
    edges = np.logspace(3.5, 7, 5)
    paths = [save(str(n), seed=n, dN=np.arange(4) + n, L_edges=edges) for n in range(2)]
    data = load_limlam(paths)
    assert_array_equal(data.dN, [[0, 1, 2, 3], [1, 2, 3, 4]])
    assert_array_equal(data.L_edges, edges)
    assert "dN" not in load_limlam([*paths, save("plain")])


def test_maps_of_the_original(data_dir):
    path = data_dir / "lim" / "map_a_li.npz"
    if not path.is_file():
        pytest.skip(f"There is no {str(path)!r}; see SKASTRO_DATA.")
    data = load_limlam(path)
    assert data.maps.shape == (1, 100, 64, 64)
    assert data.dN.shape == (1, 49)
    with np.load(path) as file:
        assert_array_equal(data.maps[0, 3], file["map_cube"][:, :, 3].astype(np.float32))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"map_cube": None}, "no \\['map_cube'\\]"),
        ({"fov_y": None}, "no \\['fov_y'\\]"),
        ({"map_cube": np.zeros((8, 7, 9))}, "shape \\(8, 7, 9\\)"),
        ({"map_cube": np.full((7, 8, 9), np.nan)}, "NaN"),
        ({"map_cube": np.full((7, 8, 9), "x")}, "numbers"),
        ({"map_frequencies": np.array([{}], dtype=object)}, "cannot read"),
        ({"fov_x": np.ones(2)}, "fov"),
        ({"map_cube": np.full((7, 8, 9), 1e39)}, "beyond float32"),
        ({"L_edges": np.array(["a", "b"])}, "numbers"),
    ],
)
def test_bad_files(save, change, match):
    with pytest.raises(DatasetFormatError, match=match):
        load_limlam(save("bad", **change))


def test_damaged_files(save):
    """Wherever a byte is changed, the cubes are whole or the error is ours."""
    path = save("whole")
    with np.load(path) as file:
        np.savez_compressed(path, **file)
    data, usual = path.read_bytes(), load_limlam(path).maps
    refused = 0
    for place in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert_array_equal(load_limlam(path).maps, usual)
        except DatasetFormatError:
            refused += 1
    assert refused > 5


def test_entry_that_is_no_array(save):
    path = save("text", fov_x=None)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("fov_x", "wide")
    with pytest.raises(DatasetFormatError, match="must hold numbers"):
        load_limlam(path)


@pytest.mark.parametrize(
    "change",
    [
        {"fov_x": 0.8},
        {"map_frequencies": np.linspace(33, 26, 9)},
        {"map_cube": np.zeros((7, 8, 10)), "map_frequencies": np.linspace(34, 26, 10)},
        {"L_edges": np.logspace(3, 7, 5)},
        {"dN": np.arange(5)},
    ],
)
def test_files_of_other_geometry(save, change):
    usual = {"L_edges": np.logspace(3.5, 7, 5), "dN": np.arange(4)}
    paths = [save("one", **usual), save("two", **(usual | change))]
    with pytest.raises(DatasetFormatError, match=max(change)):
        load_limlam(paths)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="load_limlam"):
        load_limlam(tmp_path / "none")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DatasetFormatError, match="cannot read"):
        load_limlam(broken)
    np.save(tmp_path / "array.npy", np.ones(3))
    with pytest.raises(DatasetFormatError):
        load_limlam(tmp_path / "array.npy")


def test_wrong_parameters(save):
    with pytest.raises(ValueError, match="'paths'"):
        load_limlam([])
    with pytest.raises(TypeError, match="'paths'"):
        load_limlam(3)
    with pytest.raises(ValueError, match="'units'"):
        load_limlam(save("one"), units="K")
