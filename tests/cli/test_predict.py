"""``skastro predict`` as a user types it."""

import h5py
import numpy as np
import pytest

from skastro._cli import main
from skastro.persistence import load

MAPS = "Maps_Mtot_IllustrisTNG_LH_z=0.00.npy"


@pytest.fixture
def predict(trained, tmp_path):
    """Run ``skastro predict`` with the model that was trained; returns its status."""

    def run(data, *words):
        model = str(trained / "out" / "model.skastro")
        return main(["predict", model, str(data), "-o", str(tmp_path / "y.h5"), *words])

    return run


def test_folder_of_maps(trained, predict, tmp_path, capsys):
    """A folder is opened by its loader, and predictions are those of the model."""
    assert predict(trained / "CMD", "--std") == 0
    assert "Omega_m, sigma_8" in capsys.readouterr().out
    maps = np.load(trained / "CMD" / MAPS)[:, np.newaxis]
    mean, std = load(trained / "out" / "model.skastro").predict(maps, return_std=True)
    with h5py.File(tmp_path / "y.h5") as file:
        assert np.array_equal(file["predictions"], mean)
        assert np.array_equal(file["predictions_std"], std)
        assert list(file["predictions"].attrs["target_names"]) == ["Omega_m", "sigma_8"]


def test_hdf5_dataset(predict, tmp_path, capsys):
    """A dataset is chosen where there are several, and near names are offered."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["mass"] = np.ones((3, 1, 8, 8))
        file["gas"] = np.ones((3, 1, 8, 8))
    assert predict(tmp_path / "x.h5") == 2
    assert "--dataset: gas, mass" in capsys.readouterr().err
    assert predict(tmp_path / "x.h5", "--dataset", "mas") == 2
    assert "Did you mean 'mass'" in capsys.readouterr().err
    assert predict(tmp_path / "x.h5", "--dataset", "mass") == 0


def test_unlike_data_are_warned_of(predict, tmp_path, capsys):
    """Maps a million times brighter: a warning on standard error, and predictions."""
    np.save(tmp_path / "x.npy", np.full((6, 1, 8, 8), 1e9, dtype=np.float32))
    assert predict(tmp_path / "x.npy") == 0
    captured = capsys.readouterr()
    assert "warning: " in captured.err
    assert "TrainingRangeWarning" in captured.err
    assert "warning" not in captured.out


def test_goes_on_and_overwrites_only_when_told(trained, predict, tmp_path, capsys):
    """The same again is nothing to do; other maps need --force; other files are never replaced."""
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", rng.lognormal(size=(6, 1, 8, 8)).astype(np.float32))
    assert predict(tmp_path / "a.npy") == 0
    first = (tmp_path / "y.h5").read_bytes()
    assert predict(tmp_path / "a.npy") == 0
    assert (tmp_path / "y.h5").read_bytes() == first
    capsys.readouterr()
    assert predict(tmp_path / "b.npy") == 1
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "y.h5").read_bytes() == first
    assert predict(tmp_path / "b.npy", "--force") == 0
    assert (tmp_path / "y.h5").read_bytes() != first
    (tmp_path / "y.h5").write_text("my thesis", encoding="utf-8")
    assert predict(tmp_path / "a.npy", "--force") == 1
    assert (tmp_path / "y.h5").read_text(encoding="utf-8") == "my thesis"


def test_unfinished_predictions_go_on(predict, tmp_path, capsys):
    """What a killed run left is finished, and is the file of one run."""
    maps = np.random.default_rng(1).lognormal(size=(6, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", maps)
    assert predict(tmp_path / "x.npy") == 0
    with h5py.File(tmp_path / "y.h5", "r+") as file:
        whole = file["predictions"][()]
        file["n_predicted"][()] = 2
        file["predictions"][2:] = 0
        del file.attrs["model"], file.attrs["data"]
    capsys.readouterr()
    assert predict(tmp_path / "x.npy") == 0
    assert "has 2 of 6 predictions" in capsys.readouterr().err
    with h5py.File(tmp_path / "y.h5") as file:
        assert np.array_equal(file["predictions"], whole)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--loader", "load_cdm"], 2, "Did you mean 'load_cmd'"),
        (["--loader", "load_cmd", "--set", "suit=SIMBA"], 2, "Did you mean 'suite'"),
        (["--set", "suite"], 2, "KEY=VALUE"),
        (["--loader", "load_cmd", "--set", "suite=SIMBA"], 1, "Maps_Mtot_SIMBA_LH_z=0.00.npy"),
        (["--method", "predict_proba"], 2, "no method 'predict_proba'"),
        (["--interval", "0.9"], 2, "ConformalRegressor"),
        (["--interval", "2"], 2, "between 0 and 1"),
    ],
)
def test_wrong_words(words, status, said, trained, predict, tmp_path, capsys):
    """What is wrong is named with what is allowed, and nothing is written."""
    assert predict(trained / "CMD", *words) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "y.h5").exists()


def test_missing_files(trained, tmp_path, capsys):
    """No model, no data, no folder for the output."""
    model, maps = str(trained / "out" / "model.skastro"), str(trained / "CMD")
    out = str(tmp_path / "y.h5")
    assert main(["predict", model + "x", maps, "-o", out]) == 1
    assert main(["predict", model, maps + "x", "-o", out]) == 1
    assert main(["predict", model, maps, "-o", str(tmp_path / "no" / "y.h5")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_model_that_is_no_net(config, tmp_path, capsys):
    """A ridge on power spectra predicts in the same way, without error bars."""
    path = config(
        ('class = "SignedLog"', 'class = "PowerSpectrum"\nlog = true'),
        ('class = "CNNRegressor"\n', 'class = "RidgeCV"\n'),
        ('net = {class = "ConvNet", n_layers = 1, n_filters = 2, readout = "mean"}\n', ""),
        ('loss = "gaussian_nll"\nmax_epochs = 2\nn_threads = 1\n', ""),
        ('folder = "out"', 'folder = "out"\nfigures = false'),
    )
    assert main(["train", str(path)]) == 0
    words = ["predict", str(tmp_path / "out" / "model.skastro"), str(tmp_path / "CMD")]
    assert main([*words, "-o", str(tmp_path / "y.h5")]) == 0
    with h5py.File(tmp_path / "y.h5") as file:
        assert file["predictions"].shape == (120, 2)
    assert main([*words, "-o", str(tmp_path / "z.h5"), "--std"]) == 1
    assert "return_std" in capsys.readouterr().err
