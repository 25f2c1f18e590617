"""Star-formation rate histories: made-up files, errors, and the real ones where they are."""

import numpy as np
import pytest
from astropy import units as u
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skastro.datasets import load_camels_sfrh
from skastro.exceptions import DatasetFormatError, DatasetNotFoundError
from skastro.maps import LazyMaps

NAMES = ["Omega_m", "sigma_8", "A_SN1", "A_AGN1", "A_SN2", "A_AGN2"]
TABLE = np.array([[0.3, 0.9, 1.5, 1, 1, 1], [0.2, 0.7, 1, 3, 0.6, 2], [0.4, 0.8, 4, 1, 2, 0.5]])


@pytest.fixture
def histories(tmp_path):
    """Histories of three simulations of SIMBA, written to a folder."""
    values = np.random.default_rng(0).random((3, 100), dtype=np.float32)
    np.save(tmp_path / "SFRH_SIMBA.npy", values)
    np.savetxt(tmp_path / "params_SIMBA.txt", TABLE)
    return values


def test_bunch(tmp_path, histories):
    data = load_camels_sfrh(tmp_path, suite="SIMBA")
    assert isinstance(data.maps, LazyMaps)
    np.testing.assert_array_equal(np.asarray(data.maps), histories)
    np.testing.assert_array_equal(data.target, TABLE)
    assert data.target_names.tolist() == NAMES
    assert data.target_ranges[3].tolist() == [0.25, 4.0]
    assert data.groups.tolist() == data.initial_conditions.tolist() == [0, 1, 2]
    assert not data.seeds_known
    np.testing.assert_allclose(np.diff(data.redshift_bins), 7 / 99)
    assert data.units == [u.Msun / u.yr / u.Mpc**3]
    assert data.box_size == pytest.approx(25 / 0.6711)
    assert (data.suite, data.set) == ("SIMBA", "LH")
    assert [name.rpartition("/")[2] for name in data.filenames] == [
        "SFRH_SIMBA.npy",
        "params_SIMBA.txt",
    ]
    assert "1,000 simulations" in data.DESCR
    maps, target = load_camels_sfrh(str(tmp_path), suite="SIMBA", return_X_y=True)
    np.testing.assert_array_equal(np.asarray(maps), histories)
    np.testing.assert_array_equal(target, TABLE)


def test_names_and_tables(tmp_path, histories):
    """Names may begin with the same text, and the table of CAMELS has the seeds."""
    for name in ("SFRH_SIMBA.npy", "params_SIMBA.txt"):
        (tmp_path / name).rename(tmp_path / f"lectures_{name}")
    np.testing.assert_array_equal(load_camels_sfrh(tmp_path, suite="SIMBA").target, TABLE)
    (tmp_path / "lectures_params_SIMBA.txt").unlink()
    rows = [f"LH_{i} {' '.join(map(str, row))} {7 + i}" for i, row in enumerate(TABLE)]
    text = "\n".join([f"#Name {' '.join(NAMES)} seed", *rows])
    (tmp_path / "CosmoAstroSeed_SIMBA_L25n256_LH.txt").write_text(text)
    data = load_camels_sfrh(tmp_path, suite="SIMBA")
    assert data.initial_conditions.tolist() == [7, 8, 9]
    assert data.seeds_known
    np.testing.assert_array_equal(data.target, TABLE)


def test_errors(tmp_path, histories):
    def load():
        return load_camels_sfrh(tmp_path, suite="SIMBA")

    with pytest.raises(DatasetNotFoundError, match=r"no 'SFRH_IllustrisTNG\.npy'"):
        load_camels_sfrh(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="no folder"):
        load_camels_sfrh(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"'suite' .* Got 'Astrid'"):
        load_camels_sfrh(tmp_path, suite="Astrid")
    with pytest.raises(TypeError, match="'path'"):
        load_camels_sfrh(3)
    with pytest.raises(TypeError, match="'return_X_y'"):
        load_camels_sfrh(tmp_path, return_X_y="yes")

    path, table = tmp_path / "SFRH_SIMBA.npy", tmp_path / "params_SIMBA.txt"
    for bad in (np.nan, -1.0):
        values = histories.copy()
        values[1, 7] = bad
        np.save(path, values)
        with pytest.raises(DatasetFormatError, match="row 1, column 7"):
            load()
    for wrong in (histories[:, :99], histories.astype(int), histories[..., None]):
        np.save(path, wrong)
        with pytest.raises(DatasetFormatError, match=r"expected float32 histories"):
            load()
    np.save(path, histories[:2])
    with pytest.raises(DatasetFormatError, match="holds 2 histories; expected 3"):
        load()
    np.save(path, histories)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatasetFormatError, match="cut short"):
        load()
    np.save(path, histories)
    np.savetxt(table, TABLE * [10, 1, 1, 1, 1, 1])
    with pytest.raises(DatasetFormatError, match="Omega_m = 3 in row 0"):
        load()
    table.unlink()
    with pytest.raises(DatasetNotFoundError, match="no table of its parameters"):
        load()
    np.save(tmp_path / "other_SFRH_SIMBA.npy", histories)
    with pytest.raises(DatasetFormatError, match="several files"):
        load()


@pytest.fixture
def camels(data_dir):
    folder = data_dir / "camels"
    if not folder.is_dir():
        pytest.skip(f"No histories of CAMELS in {str(data_dir)!r}.")
    return folder


@pytest.mark.parametrize("suite", ["IllustrisTNG", "SIMBA"])
def test_columns_and_rows_of_the_real_tables(camels, suite):
    """Columns, and the simulation of each row, are those of the tables of CAMELS."""
    data = load_camels_sfrh(camels / "SFRH", suite=suite)
    path = camels / "CosmoAstroSeed" / f"CosmoAstroSeed_{suite}_L25n256_LH.txt"
    lines = [line.split() for line in path.read_text().splitlines()]
    assert lines[0][1:7] == data.target_names.tolist() == NAMES
    assert [line[0] for line in lines[1:]] == [f"LH_{i}" for i in data.groups]
    np.testing.assert_array_equal(
        data.target, [[float(v) for v in line[1:7]] for line in lines[1:]]
    )
    assert (np.asarray(data.maps) == 0).any(axis=1).sum() == (suite == "SIMBA")


def test_seeds_of_the_two_suites_differ(camels):
    seeds = [
        np.loadtxt(camels / "CosmoAstroSeed" / f"CosmoAstroSeed_{suite}_L25n256_LH.txt", usecols=7)
        for suite in ("IllustrisTNG", "SIMBA")
    ]
    assert len(np.unique(np.concatenate(seeds))) == 2000


def test_ridge_finds_what_is_known(camels):
    """Ridge on logarithms of the histories of IllustrisTNG; nothing of the black holes."""
    maps, target = load_camels_sfrh(camels / "SFRH", return_X_y=True)
    model = make_pipeline(FunctionTransformer(np.log10), Ridge())
    folds = KFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(model, np.asarray(maps), target, cv=folds)
    r2 = r2_score(target, found, multioutput="raw_values")
    np.testing.assert_allclose(r2, [0.60, 0.49, 0.60, -0.09, 0.69, -0.02], atol=0.08)
