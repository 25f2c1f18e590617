"""All formats of 21cmFAST against files that its own versions wrote."""

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skastro.datasets import load_21cmfast
from skastro.exceptions import DatasetNotFoundError

REDSHIFTS = (7.5, 9.0)
N, SIDE, SEED = 16, 24.0, 77


@pytest.fixture(scope="module")
def formats(data_dir):
    """Folder with one small run in the formats of several codes."""
    folder = data_dir / "reionization" / "formats"
    if not folder.is_dir():
        pytest.skip(f"The files in the formats of 21cmFAST are not at {str(folder)!r}.")
    return folder


@pytest.fixture(scope="module")
def truth(formats):
    """Values of the run by field, one cube for each redshift."""
    files = [np.load(formats / f"truth_z{z:.3f}.npz") for z in REDSHIFTS]
    return {
        name: np.stack([file[name] for file in files]).astype(np.float32)
        for name in ("density", "xHI", "brightness_temp")
    }


def check(data, n_samples=2):
    assert data.field_names == ["density", "xHI", "brightness_temp"]
    assert data.maps.shape == (n_samples, 3, N, N, N)
    assert data.redshift.tolist() == list(REDSHIFTS[:n_samples])
    assert data.target.tolist() == [0, 1][:n_samples]
    assert data.target_names.tolist() == ["z=7.5", "z=9.0"][:n_samples]
    assert data.f_esc.tolist() == [0.1] * n_samples
    assert (data.box_size, data.cell_size) == (SIDE, SIDE / N)
    return np.asarray(data.maps)


def test_raw_files(formats, truth):
    data = load_21cmfast(formats / "21cmfast_v2", f_esc=0.1, seed=SEED)
    maps = check(data)
    for channel, name in enumerate(data.field_names):
        assert_array_equal(maps[:, channel], truth[name])
    np.testing.assert_allclose(data.mean_xHI, truth["xHI"].mean(axis=(1, 2, 3)), rtol=0, atol=1e-6)
    assert data.groups.tolist() == data.seed.tolist() == [SEED, SEED]
    assert data.velocity_corrected is True
    assert data.parameters[0]["Mturn"] == 5e8


def test_raw_files_of_older_names(formats, truth):
    paths = [
        path
        for pattern in ("*eff30*", "delta_T*", "updated*")
        for path in (formats / "21cmfast_v2").glob(pattern)
    ]
    data = load_21cmfast(paths, f_esc=0.1)
    assert_array_equal(check(data)[:, 1], truth["xHI"])
    assert data.parameters[1]["eff"] == 30


def test_cache_of_version_4(formats, truth):
    data = load_21cmfast(formats / "cache_v4")
    maps = check(data)
    assert_array_equal(maps[:, 0], truth["density"])
    assert_array_equal(maps[:, 1], truth["xHI"])
    assert data.groups.tolist() == [SEED, SEED]


def test_coeval_file_of_version_4_equals_the_cache(formats):
    data = load_21cmfast(formats / "coeval_v4_z7.500.h5")
    assert_array_equal(
        check(data, 1), np.asarray(load_21cmfast(formats / "cache_v4", redshift=7.5).maps)
    )
    assert len(data.filenames) == 1


def test_version_4_has_no_correction_for_velocities(formats, truth):
    """Its brightness temperature is the product of the fields, unlike that of the raw files."""
    data = load_21cmfast(formats / "cache_v4")
    assert data.velocity_corrected is False
    density, xHI, brightness_temp = np.asarray(data.maps).swapaxes(0, 1)
    h, Om, Ob = 0.6766, 0.30964144, 0.04897468
    scale = 27 * (Ob * h**2 / 0.023) * np.sqrt(0.15 / (Om * h**2) * (1 + data.redshift) / 10)
    product = scale[:, None, None, None] * xHI * (1 + density)
    np.testing.assert_allclose(brightness_temp, product, rtol=0, atol=1e-3)
    assert np.abs(brightness_temp - truth["brightness_temp"]).max() > 10


def test_cache_of_version_3(formats):
    """These are of a run of their own: each field equals the file read by hand."""
    data = load_21cmfast(formats / "21cmfast_v3")
    maps = check(data)
    assert data.velocity_corrected is True
    names = ["PerturbedField/density", "IonizedBox/xH_box", "BrightnessTemp/brightness_temp"]
    n_seen = 0
    for path in (formats / "21cmfast_v3").iterdir():
        with h5py.File(path) as file:
            row = REDSHIFTS.index(file.attrs["redshift"])
            for channel, name in enumerate(names):
                if name in file:
                    assert_array_equal(maps[row, channel], file[name][()])
                    n_seen += 1
    assert n_seen == 6


def test_other_codes_are_not_read(formats):
    with pytest.raises(DatasetNotFoundError, match="no box of 21cmFAST"):
        load_21cmfast(formats / "c2ray")
