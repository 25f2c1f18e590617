"""The example scripts run, in a short form."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ENVIRONMENT = {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}


@pytest.fixture(scope="module")
def run():
    """Run a script with options, its pictures going to a folder, and return what it prints.

    To import what scripts need takes longer than most of them: they are forks of one process.
    """
    pytest.importorskip("matplotlib")
    if not hasattr(os, "fork"):
        pytest.skip("The examples run as forks, which this system has not.")
    command = [sys.executable, "-W", "error", Path(__file__).with_name("run_scripts.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}

    def run_in_fork(script, folder, *options):
        printed, errors = (folder.with_name(f"{folder.name}.{kind}") for kind in ("out", "err"))
        words = [EXAMPLES / script, printed, errors, "--output", folder, *options]
        server.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        server.stdin.flush()
        assert server.stdout.readline() == "0\n", errors.read_text()
        return printed.read_text()

    with subprocess.Popen(command, env=os.environ | ENVIRONMENT, **pipes) as server:
        yield run_in_fork
        server.stdin.close()


def check_pictures(folder, *names):
    """Pictures of these names were drawn."""
    for name in names:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_reionization_slices(tmp_path, run):
    """The demo prints its table, draws, and finds equal predictions in a new process."""
    options = ["--folds", "2", "--dense-epochs", "1", "--cnn-epochs", "1"]
    printed = run("plot_reionization_slices.py", tmp_path, *options)
    for name in ("most frequent class", "trees", "dense 2500-350-17", "CNN"):
        assert f"{name}" in printed
    assert "equal, bit by bit" in printed
    check_pictures(tmp_path, "loss_curves", "confusion_matrix")


def test_reionization_redshift(tmp_path, run):
    """Every encoder has its row, and the regression its errors."""
    pytest.importorskip("colossus")
    options = ["--folds", "2", "--epochs", "1", "--code-epochs", "1", "--trees", "20"]
    options += ["--redshifts", "6.5", "7", "7.5", "8", "9", "11"]
    printed = run("plot_reionization_redshift.py", tmp_path, *options)
    for name in ("most frequent class", "trees", "discriminant", "components", "codes", "CNN"):
        assert printed.count(f"│ {name}") or f" {name} " in printed
    assert "reduced chi2" in printed
    check_pictures(tmp_path, "components", "reconstructions", "redshift")


def test_reionization_escape_fraction(tmp_path, run):
    """Slices, boxes and mocks have their rows."""
    pytest.importorskip("colossus")
    options = ["--folds", "2", "--epochs", "1", "--mocks", "3", "--mock-epochs", "1"]
    options += ["--tune-epochs", "1", "--trees", "20", "--redshifts", "7", "8", "10"]
    printed = run("plot_reionization_escape_fraction.py", tmp_path, *options)
    for title in ("Escape fraction, z = 8.0", "Escape fraction and redshift at once"):
        assert title in printed
    assert "with mocks" in printed
    check_pictures(tmp_path, "escape_fraction")


def test_ionized_boxes(tmp_path, run):
    """Mocks stand beside 21cmFAST."""
    pytest.importorskip("colossus")
    printed = run("plot_ionized_boxes.py", tmp_path, "--boxes", "1")
    assert printed.count("Mean neutral fraction, f_esc") == 2
    check_pictures(tmp_path, "ionized_boxes")


def test_camels_parameters(tmp_path, run):
    """All three parts run on mocks, draw, and a second run finds its fits again."""
    pytest.importorskip("colossus")
    options = [
        "--cells",
        "16",
        "--simulations",
        "40",
        "--fields",
        "Mstar",
        "Mtot",
        "--filters",
        "4",
    ]
    options += ["--epochs", "1", "--published-epochs", "1", "--leak-epochs", "1", "--members", "2"]
    options += ["--leak-simulations", "10", "--splits", "1"]
    outputs = [run("plot_camels_parameters.py", tmp_path, *options) for _ in range(2)]
    trained = ["epochs in" in output for output in outputs]
    assert trained == [True, False]
    results = [
        [re.sub(r"\(\d+ s\)", "", line) for line in output.splitlines() if "epochs in" not in line]
        for output in outputs
    ]
    assert results[0] == results[1]
    for name in ("predicting the mean", "AlexNet", "ridge", "ensemble of 2, all fields"):
        assert name in outputs[0]
    assert "Variance of the targets 0.0980" in outputs[0]
    assert "make 86 % of it" in outputs[0]
    check_pictures(tmp_path, "parameter_recovery")


def test_luminosity_function(tmp_path, run):
    """Every variation, number of maps and luminosity model has its row."""
    pytest.importorskip("colossus")
    options = ["--fields", "4", "--draws", "2", "--folds", "2", "--more-draws", "3", "--sizes", "6"]
    options += ["--min-mass", "1e12", "--epochs", "1", "--histogram-epochs", "1", "--filters", "2"]
    options += ["--longest", "1", "--checkpoint", tmp_path / "fits"]
    printed = run("plot_luminosity_function.py", tmp_path, *options)
    for name in ("mean", "ridge on", "3D", "6 layers", "strides", "linear maps", "N(>L)", "phi"):
        assert f"│ {name}" in printed
    assert "net on the histogram of voxels, 12 maps" in printed
    assert "Li, parameters drawn: ridge" in printed
    check_pictures(tmp_path, "luminosity_function", "learning_curve", "filters", "saliency")


def test_architecture_search(tmp_path, run):
    """Epochs are counted as trained, and a search that is run again finds what it found."""
    pytest.importorskip("colossus")
    pytest.importorskip("optuna")
    options = ["--fields", "4", "--draws", "2", "--folds", "2", "--min-mass", "1e12"]
    options += ["--epochs", "8", "--seeds", "1", "--test-fields", "2"]
    options += ["--kinds", "3D", "histogram"]
    outputs = [run("plot_architecture_search.py", tmp_path, *options) for _ in range(2)]
    assert re.sub(r"Searching.*", "", outputs[0]) == re.sub(r"Searching.*", "", outputs[1])
    # Eight nets, two folds; rounds of 1, 2, 4 and 8 epochs for 8, 4, 2 and 1 of the nets.
    for name, epochs in {
        "no search": 0,
        "full grid": 2 * 8 * 8,
        "third of the grid": 2 * 2 * 8,
        "halving ": 2 * (8 * 1 + 4 * 1 + 2 * 2 + 1 * 4),
        "halving, one cycle": 2 * (8 * 1 + 4 * 2 + 2 * 4 + 1 * 8),
    }.items():
        assert re.search(rf"│ {name}[^│]*│ {epochs} +│", outputs[0])
    (epochs,) = re.findall(r"│ Optuna +│ (\d+) ", outputs[0])
    assert 2 * 8 <= int(epochs) <= 2 * 8 * 8 / 3
    check_pictures(tmp_path, "architecture_search")


def test_noise_matrix(tmp_path, run):
    """Each method has its matrix of levels."""
    pytest.importorskip("colossus")
    options = ["--fields", "4", "--draws", "2", "--folds", "2", "--min-mass", "1e12"]
    options += ["--epochs", "1", "--histogram-epochs", "1", "--filters", "2"]
    printed = run("plot_noise_matrix.py", tmp_path, *options)
    assert printed.count("trained with 0 to 20 uK") == 3
    check_pictures(tmp_path, "noise_matrix")


def test_ionized_fraction(tmp_path, run):
    """Each candidate, redshift and change of the U-Net has its row."""
    pytest.importorskip("colossus")
    options = ["--cells", "12", "--redshifts", "7", "9", "--voxels", "500", "--filters", "2"]
    options += ["--epochs", "1", "--unet-epochs", "1", "--search-epochs", "1"]
    printed = run("plot_ionized_fraction.py", tmp_path, *options)
    for name in ("mean at each", "boosting, with", "U-Net, with", "excursion net"):
        assert printed.count(f"│ {name}") == 2
    for name in ("boosting, cell", "net on 7", "augmentation=None", "loss=dice", "log=passthrough"):
        assert f"│ {name}" in printed
    assert "matthews" in printed
    pictures = ("ionized_fraction", "ionization_history", "spectra", "bubble_sizes")
    check_pictures(tmp_path, *pictures)


def test_density_to_brightness(tmp_path, run):
    """The mean and both methods have a score at each redshift."""
    options = ["--redshifts", "8", "10", "--epochs", "1", "--filters", "2"]
    printed = run("plot_density_to_brightness.py", tmp_path, *options)
    for name in ("mean", "boosting", "U-Net"):
        assert re.search(rf"{name}.*z = 8.0: .* ± .*z = 10.0: .*all slices", printed)
    check_pictures(tmp_path, "density_to_brightness")


def test_star_formation_transfer(tmp_path, run):
    """Each model has its scores across suites, and the curve its picture; all need data."""
    assert "needs real data" in run("plot_star_formation_transfer.py", tmp_path / "none")
    rng = np.random.default_rng(0)
    low, high = [0.1, 0.6, 0.25, 0.25, 0.5, 0.5], [0.5, 1, 4, 4, 2, 2]
    for suite in ("IllustrisTNG", "SIMBA"):
        target = rng.uniform(low, high, size=(60, 6))
        rates = target[:, :1] * np.exp(rng.normal(size=(60, 100)))
        np.save(tmp_path / f"SFRH_{suite}.npy", rates.astype(np.float32))
        np.savetxt(tmp_path / f"params_{suite}.txt", target)
    options = ["--data", tmp_path, "--folds", "3", "--epochs", "1", "--trees", "3"]
    options += ["--repeats", "1", "--filters", "2", "--members", "2"]
    printed = run("plot_star_formation_transfer.py", tmp_path, *options)
    for name in ("ridge", "trees", "CNN", "2 dense nets"):
        assert f"{name}: R2, 3 folds" in printed
    assert printed.count("│ IllustrisTNG to SIMBA, mean") == 4
    assert printed.count("With 40 simulations r2 is") == 2
    check_pictures(tmp_path, "across_suites", "simulation_curve")


def test_comparison(tmp_path, run):
    """Each study is audited, compared and put into words."""
    pytest.importorskip("colossus")
    options = [
        "--folds",
        "2",
        "--simulations",
        "12",
        "--camels-cells",
        "16",
        "--camels-epochs",
        "1",
    ]
    options += ["--fields", "Mstar", "Mtot", "--light-cones", "4", "--min-mass", "1e12"]
    options += ["--intensity-epochs", "1", "--slice-epochs", "1", "--box-cells", "12"]
    options += ["--cube-epochs", "1", "--voxels", "500", "--checkpoint", tmp_path / "fits"]
    options += ["--resamples", "50", "--trees", "20"]
    printed = run("plot_comparison.py", tmp_path, *options)
    assert printed.count("nothing found") == 4
    for name in ("AlexNet as published", "CNN on slices", "net on the histogram", "excursion net"):
        assert f"│ {name}" in printed
    for name in ("summary", "dummy"):
        assert printed.count(f"│ {name}") == 4
    assert printed.count("No claim can be made") == 3
    check_pictures(tmp_path, "comparison")


def test_displays(tmp_path, run):
    """Each display has its picture."""
    run("plot_displays.py", tmp_path, "--epochs", "1", "--fields", "60")
    names = ["loss_curves", "confusion", "filters", "feature_maps", "saliency", "components"]
    names += ["reconstructions", "field", "ionization_history", "field_spectra", "bubble_sizes"]
    names += ["loss_of_members", "parameter_recovery", "calibration", "comparison"]
    names += ["simulation_curve", "noise_matrix", "cross_suite", "luminosity_function"]
    check_pictures(tmp_path, *names, "side_by_side")


def test_error_bars(tmp_path, run):
    """Each kind of interval is counted on known and on new simulations."""
    options = ["--splits", "1", "--epochs", "1", "--members", "2", "--maps", "160"]
    printed = run("plot_error_bars.py", tmp_path, *options)
    for slopes in ("-3 to -1", "-4 to -3"):
        for way in ("net", "recalibrated", "conformal", "conformal box"):
            assert f"│ slopes of {slopes}: {way} " in printed
    check_pictures(tmp_path, "calibration_net", "calibration_recalibrated")
