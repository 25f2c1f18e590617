"""The example scripts run, in a short form."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_reionization_slices(tmp_path):
    """The demo prints its table, draws, and finds equal predictions in a new process."""
    pytest.importorskip("matplotlib")
    script = EXAMPLES / "plot_reionization_slices.py"
    options = ["--folds", "2", "--dense-epochs", "1", "--cnn-epochs", "1", "--output", tmp_path]
    run = subprocess.run(
        [sys.executable, "-W", "error", script, *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    for name in ("most frequent class", "trees", "dense 2500-350-17", "CNN"):
        assert f"{name}" in run.stdout
    assert "equal, bit by bit" in run.stdout
    for picture in ("loss_curves.png", "confusion_matrix.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_camels_parameters(tmp_path):
    """All three parts run on mocks, draw, and a second run finds its fits again."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("colossus")
    script = EXAMPLES / "plot_camels_parameters.py"
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
    options += ["--leak-simulations", "10", "--splits", "1", "--output", tmp_path]
    outputs = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-W", "error", script, *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
        )
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
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
    assert (tmp_path / "parameter_recovery.png").read_bytes().startswith(b"\x89PNG")
