"""The example scripts run, in a short form."""

import os
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
