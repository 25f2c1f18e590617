"""``skastro info`` on what lies about on the disks of astrophysicists."""

import json
import shutil

import h5py
import numpy as np
import pytest

from skastro._cli import main
from skastro.persistence import save
from skastro.preprocessing import FieldScaler


def info(path, capsys):
    """What ``skastro info --json`` prints."""
    assert main(["info", str(path), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_camels_folder(trained, capsys):
    """Fields, units, redshift, simulations and parameters of a folder of maps."""
    about = info(trained / "CMD", capsys)
    assert (about["kind"], about["loader"]) == ("data set", "load_cmd")
    assert about["parameters"]["fields"] == ["Mtot"]
    assert about["shape"] == [120, 1, 8, 8]
    assert about["fields"] == [{"name": "Mtot", "units": "littleh solMass / Mpc2"}]
    assert (about["redshift"], about["simulations"]) == (0.0, 8)
    assert [row["name"] for row in about["targets"]][:2] == ["Omega_m", "sigma_8"]


def test_camels_file(trained, capsys):
    """One file of a set is an array, and of that set."""
    about = info(trained / "CMD" / "Maps_Mtot_IllustrisTNG_LH_z=0.00.npy", capsys)
    assert (about["loader"], about["shape"]) == ("load_cmd", [120, 1, 8, 8])


def test_broken_data_set_is_told(tmp_path, capsys):
    """A set without its table is recognized, and what lacks is named."""
    np.save(tmp_path / "Maps_HI_SIMBA_CV_z=0.50.npy", np.ones((27, 8, 8), dtype=np.float32))
    about = info(tmp_path, capsys)
    assert about["loader"] == "load_cmd"
    assert "params_CV_SIMBA.txt" in about["problem"]


def test_shipped_slices(capsys):
    """The slices of the library, among classes of redshift."""
    from skastro.datasets import _reionization

    about = info(_reionization._SHIPPED, capsys)
    assert about["loader"] == "load_reionization_slices"
    assert (about["redshift"], about["targets"]) == ("6 to 14", "17 classes, z=6.0 to z=14.0")


@pytest.mark.parametrize(
    ("name", "loader"),
    [
        ("xHII_z7.500.npy", "load_pinion"),
        ("xfrac3d_7.500.bin", "load_c2ray"),
        ("reion_cubes_seed1.h5", "load_reionization_cubes"),
    ],
)
def test_names_that_loaders_know(name, loader, tmp_path, capsys):
    """Files are recognized by name, also where their loader wants more of them."""
    (tmp_path / name).write_bytes(b"")
    about = info(tmp_path, capsys)
    assert about["loader"] == loader
    assert about["problem"]


def test_hdf5(tmp_path, capsys):
    """Datasets with shapes, units and attributes."""
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["box/density"] = np.zeros((4, 7, 8, 9), dtype=np.float32)
        file["box/density"].attrs.update({"units": "mK", "beam": 3.0})
        file.attrs["redshift"] = 7.5
    about = info(tmp_path / "maps.h5", capsys)
    (row,) = about["datasets"]
    assert (row["name"], row["shape"], row["units"]) == ("box/density", [4, 7, 8, 9], "mK")
    assert (row["attributes"], about["attributes"]) == ({"beam": "3.0"}, {"redshift": "7.5"})


def test_npz_and_fits(tmp_path, capsys):
    """Arrays of an archive, and parts of a FITS file with their unit."""
    from astropy.io import fits

    np.savez(tmp_path / "a.npz", cube=np.zeros((7, 8, 9)), z=np.zeros(3))
    shapes = {row["name"]: row["shape"] for row in info(tmp_path / "a.npz", capsys)["datasets"]}
    assert shapes == {"cube": [7, 8, 9], "z": [3]}
    part = fits.PrimaryHDU(np.zeros((7, 8)))
    part.header["BUNIT"] = "K"
    part.writeto(tmp_path / "a.fits")
    (row,) = info(tmp_path / "a.fits", capsys)["parts"]
    assert (row["shape"], row["units"]) == ([7, 8], "K")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".fits", ".skastro", ".unknown", ""])
def test_broken_files(suffix, tmp_path, capsys):
    """What is no file of its kind is named, with status 1 and no traceback."""
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"\x93NUMPY no, not really")
    assert main(["info", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert str(path) in captured.err
    assert "Traceback" not in captured.err


def test_file_cut_short(tmp_path, capsys):
    """A .npy file without its end, and a path that is not there."""
    np.save(tmp_path / "maps.npy", np.zeros((10, 8, 8)))
    content = (tmp_path / "maps.npy").read_bytes()
    (tmp_path / "maps.npy").write_bytes(content[:-100])
    assert main(["info", str(tmp_path / "maps.npy")]) == 1
    assert "cut short" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "absent")]) == 1
    assert "no file or folder" in capsys.readouterr().err


def test_model_training_and_checkpoint(trained, capsys):
    """What a training wrote: the model, its folder and its checkpoints."""
    model = info(trained / "out" / "model.skastro", capsys)
    assert (model["kind"], model["epochs"]) == ("model", "2")
    assert model["trained_on"]["simulations"] == 6
    assert model["trained_on"]["fields"] == "Mtot"
    assert [row["name"] for row in model["targets"]] == ["Omega_m", "sigma_8"]
    assert "dummy, r2 on held-out data" in [row["score"] for row in model["scores"]]
    folder = info(trained / "out", capsys)
    assert (folder["kind"], folder["state"]) == ("training", "finished")
    fits = info(trained / "out" / "checkpoint", capsys)
    assert (fits["kind"], fits["fits"]) == ("checkpoint", 3)
    assert {row["epochs"] for row in fits["states"]} == {"2 of 2"}


def test_plain_words_where_nobody_looks(trained, capsys, monkeypatch):
    """Without a terminal there are no escapes, and paths are not broken."""
    monkeypatch.delenv("COLUMNS", raising=False)
    long = trained / ("a_rather_long_name_" * 9)
    shutil.copytree(trained / "CMD", long)
    assert main(["info", str(long)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0] == str(long)
    assert "Omega_m" in out


def test_texts_of_a_file_steer_no_terminal(tmp_path, capsys):
    """What a file says is shown, and what would move a cursor or rename a window is not."""
    model = FieldScaler().fit(np.arange(50.0).reshape(2, 5, 5))
    path = save(model, tmp_path / "a.skastro", notes="é\x1b]0;b\x07\x9b2J", with_card=False)
    assert main(["info", str(path)]) == 0
    assert "é\ufffd]0;b\ufffd\ufffd2J" in capsys.readouterr().out
