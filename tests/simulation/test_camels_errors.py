import re

import joblib
import numpy as np
import pytest

import skastro.simulation._camels as camels
from skastro.datasets import load_cmd
from skastro.simulation import make_camels_like

SMALL = {"fields": ["Mtot", "HI"], "n_cells": 8, "random_state": 0}


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"set": "SB28"}, ValueError, "'set'.*'LH', 'CV', '1P', 'EX'.*'SB28'"),
        ({"set": ["LH"]}, ValueError, "'set'"),
        ({"fields": "dust"}, ValueError, "'fields'.*'Mgas'.*'dust'"),
        ({"fields": ["HI", "HI"]}, ValueError, "each once"),
        ({"fields": []}, ValueError, "'fields'"),
        ({"fields": 3}, ValueError, "'fields'"),
        ({"n_simulations": 0}, ValueError, "'n_simulations'.*at least 1.*0"),
        ({"n_simulations": 2.0}, TypeError, "'n_simulations'.*integer"),
        ({"n_simulations": True}, TypeError, "'n_simulations'"),
        ({"n_simulations": 10, "set": "1P"}, ValueError, "None or 66 with set='1P'"),
        ({"n_simulations": 5, "set": "EX"}, ValueError, "None or 4 with set='EX'"),
        ({"n_cells": 7}, ValueError, "'n_cells'.*at least 8.*7"),
        ({"n_cells": "64"}, TypeError, "'n_cells'"),
        ({"folder": 3}, TypeError, "'folder'.*path"),
        ({"overwrite": 1}, TypeError, "'overwrite'.*True or False"),
        ({"random_state": -1}, ValueError, "'random_state'"),
        ({"random_state": "seed"}, ValueError, "seed"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        make_camels_like(**parameters)


def test_backend_that_cannot_return_boxes_one_by_one(tmp_path):
    message = "make_camels_like takes .*'loky' and 'threading' .*MultiprocessingBackend"
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.raises(ValueError, match=message),
    ):
        make_camels_like(tmp_path / "new", 2, **SMALL)
    assert contents(tmp_path) == {}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("present", ["Maps_HI_Mock_LH_z=0.00.npy", "params_LH_Mock.txt"])
def test_files_are_not_overwritten_in_silence(tmp_path, present):
    (tmp_path / present).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{re.escape(present)}.*overwrite=True"):
        make_camels_like(tmp_path, 1, **SMALL)
    assert contents(tmp_path) == {present: b"mine"}


def test_overwrite(tmp_path):
    make_camels_like(tmp_path, 2, **SMALL)
    make_camels_like(tmp_path, 1, **SMALL, set="CV")
    made = make_camels_like(tmp_path, 1, **SMALL, overwrite=True)
    assert made.maps.shape == (15, 2, 8, 8)
    assert load_cmd(tmp_path, "HI", suite="Mock", set="CV").maps.shape == (15, 1, 8, 8)


@pytest.mark.parametrize("overwrite", [False, True])
def test_fields_of_other_mocks_are_not_taken_along(tmp_path, overwrite):
    (tmp_path / "Maps_Z_Mock_LH_z=0.00.npy").write_text("old")
    with pytest.raises(FileExistsError, match=r"Maps_Z_Mock_LH_z=0\.00\.npy.*of other mocks"):
        make_camels_like(tmp_path, 1, **SMALL, overwrite=overwrite)
    assert contents(tmp_path) == {"Maps_Z_Mock_LH_z=0.00.npy": b"old"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_run_leaves_no_file(tmp_path, monkeypatch, error):
    calls = []
    simulate = camels.simulate_maps

    def broken(*args):
        calls.append(args)
        if len(calls) == 3:
            raise error
        return simulate(*args)

    monkeypatch.setattr(camels, "simulate_maps", broken)
    with pytest.raises(error):
        make_camels_like(tmp_path, 4, **SMALL)
    assert contents(tmp_path) == {}


def test_full_disk_leaves_the_files_as_they_were(tmp_path):
    resource = pytest.importorskip("resource")
    make_camels_like(tmp_path, 1, **SMALL)
    before = contents(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"0\.1 MB to .*folder.*File too large\. Make room"):
            make_camels_like(tmp_path, 8, **SMALL, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path) == before


def test_descr_has_the_recipes():
    text = make_camels_like(n_simulations=1, **SMALL).DESCR
    for formula in ("12 A_SN1^0.3 / D", "1.2 A_AGN2", "0.6 A_SN2^0.5", "exp(b d)"):
        assert formula in text


def test_seeds_of_numpy_are_taken():
    one, two = (
        make_camels_like(n_simulations=1, **SMALL | {"random_state": seed})
        for seed in (np.int64(3), 3)
    )
    np.testing.assert_array_equal(one.maps, two.maps)
