"""The values of the loader of reionization slices, on the shipped files and on made-up ones."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy import units
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold

import skastro.datasets
from skastro.datasets import load_reionization_slices

SHIPPED = Path(skastro.datasets.__file__).parent / "data" / "reionization_slices"
SEEDS = [1001, 1002, 1003, 1004, 1005, 1006]
REDSHIFTS = [6 + 0.5 * i for i in range(17)]
F_ESC = [0.06, 0.16]


@pytest.fixture(scope="module")
def shipped():
    return load_reionization_slices()


def test_shipped_shapes_and_types(shipped):
    assert shipped.maps.shape == (6 * 2 * 17 * 3, 2, 64, 64)
    assert shipped.maps.dtype == np.float32
    assert shipped.maps.flags.c_contiguous
    for name in ("target", "groups", "cube", "slice_index"):
        assert shipped[name].shape == (612,)
        assert shipped[name].dtype == np.int64
    for name in ("redshift", "f_esc", "mean_xHI"):
        assert shipped[name].shape == (612,)
        assert shipped[name].dtype == np.float64
    assert np.isfinite(shipped.maps).all()


def test_shipped_metadata(shipped):
    assert shipped.field_names == ["density", "brightness_temp"]
    assert shipped.units == [units.dimensionless_unscaled, units.mK]
    assert shipped.box_size == 96.0
    assert shipped.cell_size == 1.5
    assert [Path(name).name for name in shipped.filenames] == [
        f"reion_slices_seed{seed}.h5" for seed in SEEDS
    ]
    assert shipped.DESCR.startswith(".. _reionization_slices_dataset:")
    assert shipped.DESCR.isascii()


def test_shipped_axes_and_order(shipped):
    assert np.unique(shipped.groups).tolist() == SEEDS
    assert np.unique(shipped.redshift).tolist() == REDSHIFTS
    assert np.unique(shipped.f_esc).tolist() == F_ESC
    assert np.unique(shipped.slice_index).tolist() == [0, 24, 40]
    order = np.lexsort((shipped.slice_index, shipped.redshift, shipped.f_esc, shipped.groups))
    assert_array_equal(order, np.arange(612))


def test_maps_equal_the_file_read_by_hand(shipped):
    with h5py.File(SHIPPED / "reion_slices_seed1004.h5") as file:
        for i_f, i_z, i_s in [(0, 0, 0), (1, 5, 1), (1, 16, 2)]:
            row = np.flatnonzero(
                (shipped.groups == 1004)
                & (shipped.f_esc == file["f_esc"][i_f])
                & (shipped.redshift == file["redshift"][i_z])
                & (shipped.slice_index == file["slice_index"][i_s])
            ).item()
            assert_array_equal(shipped.maps[row, 0], file["density"][i_z, i_s])
            assert_array_equal(shipped.maps[row, 1], file["brightness_temp"][i_f, i_z, i_s])
            assert shipped.mean_xHI[row] == file["mean_xHI"][i_f, i_z]


def test_physics_of_the_shipped_maps(shipped):
    density, brightness_temp = shipped.maps[:, 0], shipped.maps[:, 1]
    assert density.min() >= -1
    assert brightness_temp.min() >= 0
    ionized = shipped.mean_xHI == 0
    assert len(np.unique(shipped.cube[ionized])) == 14
    assert not brightness_temp[ionized].any()
    assert np.all(shipped.redshift[ionized] <= 7)
    one_box = (shipped.groups == 1001) & (shipped.slice_index == 24)
    at_006, at_016 = (density[one_box & (shipped.f_esc == value)] for value in (0.06, 0.16))
    assert np.all(np.diff(at_006.std(axis=(1, 2))) < 0)
    assert_array_equal(at_006, at_016)


@pytest.mark.parametrize(("target", "prefix"), [("redshift", "z"), ("f_esc", "f_esc")])
def test_codes_and_names_of_classes_agree(target, prefix):
    data = load_reionization_slices(target=target, seed=1002)
    names = [f"{prefix}={value}" for value in data[target].tolist()]
    assert data.target_names[data.target].tolist() == names
    assert np.unique(data.target).tolist() == list(range(len(data.target_names)))
    assert np.all(np.diff(data[target][np.argsort(data.target, kind="stable")]) >= 0)


def test_groups_split_simulations(shipped):
    for train, test in GroupKFold(3).split(shipped.maps, shipped.target, shipped.groups):
        assert not set(shipped.groups[train]) & set(shipped.groups[test])
        assert np.unique(shipped.target[test]).size == 17


def test_cubes_are_the_slices_stacked(shipped):
    cubes = load_reionization_slices(sample="cube")
    assert cubes.maps.shape == (204, 2, 3, 64, 64)
    assert cubes.maps.flags.c_contiguous
    assert cubes.cube.tolist() == list(range(204))
    assert cubes.slice_index.shape == (204, 3)
    for cube in (0, 17, 135, 203):
        rows = np.flatnonzero(shipped.cube == cube)
        assert_array_equal(cubes.maps[cube], np.stack(shipped.maps[rows], axis=1))
        assert_array_equal(cubes.slice_index[cube], shipped.slice_index[rows])
    for name in ("target", "groups", "redshift", "f_esc", "mean_xHI", "cube"):
        assert_array_equal(cubes[name][shipped.cube], shipped[name])


def test_return_X_y(shipped):
    maps, target = load_reionization_slices(return_X_y=True)
    assert_array_equal(maps, shipped.maps)
    assert_array_equal(target, shipped.target)


def test_order_of_channels(shipped):
    swapped = load_reionization_slices(fields=["brightness_temp", "density"], seed=1001)
    assert_array_equal(swapped.maps[:, ::-1], shipped.maps[shipped.groups == 1001])
    assert swapped.units == [units.mK, units.dimensionless_unscaled]
    assert swapped.field_names == ["brightness_temp", "density"]
    single = load_reionization_slices(fields="brightness_temp", seed=1001)
    assert single.maps.shape == (102, 1, 64, 64)
    assert_array_equal(single.maps[:, 0], swapped.maps[:, 0])


@pytest.mark.parametrize("sample", ["slice", "cube"])
def test_selection_is_a_selection_of_all(sample):
    every = load_reionization_slices(sample=sample)
    few = load_reionization_slices(
        sample=sample, seed=[1005, 1002], redshift=(9.5, 7), f_esc=np.array([0.16])
    )
    rows = (
        np.isin(every.groups, [1002, 1005])
        & np.isin(every.redshift, [7.0, 9.5])
        & (every.f_esc == 0.16)
    )
    for name in ("maps", "groups", "redshift", "f_esc", "mean_xHI", "slice_index"):
        assert_array_equal(few[name], every[name][rows])
    assert few.target_names.tolist() == ["z=7.0", "z=9.5"]
    assert_array_equal(few.target, (few.redshift == 9.5).astype(int))
    assert np.unique(few.cube).tolist() == [0, 1, 2, 3]
    assert len(few.filenames) == 2


def test_other_folder_with_unequal_axes(fake_folder):
    data = load_reionization_slices(str(fake_folder), fields=["xHI", "density"], target="f_esc")
    assert data.maps.shape == (2 * 2 * 3 * 4, 2, 5, 5)
    assert data.target_names.tolist() == ["f_esc=0.1", "f_esc=0.3"]
    assert np.unique(data.groups).tolist() == [7, 12]
    row = np.ravel_multi_index((1, 0, 2, 3), (2, 2, 3, 4))
    with h5py.File(fake_folder / "reion_slices_seed0012.h5") as file:
        assert_array_equal(data.maps[row, 0], file["xHI"][0, 2, 3])
        assert_array_equal(data.maps[row, 1], file["density"][2, 3])
    assert (data.groups[row], data.redshift[row], data.slice_index[row]) == (12, 9.0, 6)
    assert (data.box_size, data.cell_size) == (10.0, 2.0)
    cubes = load_reionization_slices(fake_folder, fields=["xHI", "density"], sample="cube")
    assert cubes.maps.shape == (12, 2, 4, 5, 5)
    assert_array_equal(cubes.maps[row // 4, :, 3], data.maps[row])


def test_files_of_unkept_seeds_are_not_read(fake_folder):
    (fake_folder / "reion_slices_seed0012.h5").write_bytes(b"not HDF5")
    (fake_folder / "reion_slices_seed0012.h5.tmp").write_bytes(b"not HDF5")
    assert load_reionization_slices(fake_folder, seed=7).groups.tolist() == [7] * 24


def test_shipped_files_are_small():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir() if path.is_file()) < 4e6


def test_shipped_values_equal_the_originals(data_dir):
    for seed in SEEDS:
        name = f"reion_slices_seed{seed}.h5"
        with (
            h5py.File(data_dir / "reionization" / "slices" / name) as full,
            h5py.File(SHIPPED / name) as part,
        ):
            f_rows = [full["f_esc"][:].tolist().index(value) for value in part["f_esc"]]
            s_rows = [full["slice_index"][:].tolist().index(value) for value in part["slice_index"]]
            assert set(full) - set(part) == {"xHI"}
            assert set(part.attrs) - set(full.attrs) == {"subset_of"}
            by_f_esc = ("brightness_temp", "mean_xHI", "mean_brightness_temp", "f_esc")
            for field in part:
                expected = full[field][:]
                if field in by_f_esc:
                    expected = expected[f_rows]
                if field == "slice_index":
                    expected = expected[s_rows]
                if field in ("density", "brightness_temp"):
                    expected = expected[..., s_rows, :, :]
                    assert part[field].chunks == (*(1,) * (expected.ndim - 4), 17, 3, 64, 64)
                    assert (part[field].compression, part[field].compression_opts) == ("gzip", 9)
                    assert part[field].shuffle
                    assert dict(part[field].attrs) == dict(full[field].attrs)
                assert part[field].dtype == expected.dtype
                assert part[field][:].tobytes() == expected.tobytes()
            for key in set(full.attrs) - {"parameters_json"}:
                assert part.attrs[key] == full.attrs[key]
            assert part.attrs["parameters_json"].tolist() == [
                full.attrs["parameters_json"][i] for i in f_rows
            ]


def test_full_files_give_the_same_maps(data_dir, shipped):
    folder = data_dir / "reionization" / "slices"
    full = load_reionization_slices(folder, seed=1003, f_esc=F_ESC, fields=["xHI", "density"])
    kept = np.isin(full.slice_index, [0, 24, 40])
    assert_array_equal(full.maps[kept, 1], shipped.maps[shipped.groups == 1003, 0])
    assert full.maps[:, 0].min() >= 0
    assert full.maps[:, 0].max() <= 1
    boxes = full.maps[:, 0].reshape(-1, 8 * 64 * 64).mean(axis=1)
    assert np.abs(boxes - full.mean_xHI[::8]).max() < 0.1


def test_script_makes_the_shipped_files_again(data_dir, tmp_path):
    folder = data_dir / "reionization" / "slices"
    subprocess.run(
        [sys.executable, str(SHIPPED / "make_subset.py"), str(folder), str(tmp_path)], check=True
    )
    again, kept = (load_reionization_slices(home) for home in (tmp_path, None))
    assert_array_equal(again.maps, kept.maps)
    assert_array_equal(again.mean_xHI, kept.mean_xHI)


def test_neither_torch_nor_astropy_is_loaded_on_import():
    code = (
        "import sys, skastro.datasets; "
        "assert not {'torch', 'astropy', 'matplotlib'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
