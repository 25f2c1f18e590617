"""A stock search that is killed picks up where it was.

Run as a script, this file is the search that is killed: its arguments are the folder of the
checkpoints and the number of jobs.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, Symmetries
from skastro.preprocessing import FieldScaler

N_EPOCHS = 6
N_FITS = 9  # four candidates on two folds, and the best one on all data


class Slow(Callback):
    """Makes each epoch last, and notes it in a file that outlives the process."""

    def on_epoch_end(self, net, **kwargs):
        """Note the epoch, then wait."""
        with open(os.environ["SKASTRO_TEST_LOG"], "a") as file:
            file.write(f"{len(net.history)}\n")
        time.sleep(float(os.environ["SKASTRO_TEST_SLEEP"]))


def search(folder=None, n_jobs=1):
    """Fit the search."""
    rng = np.random.default_rng(0)
    y = np.arange(48) % 2
    X = ((1.0 + y[:, None, None]) * rng.normal(size=(48, 8, 9))).astype("float32")
    model = CNNClassifier(
        ConvNet(1, 2, dropout=0.2),
        lr=0.02,
        max_epochs=N_EPOCHS,
        batch_size=8,
        early_stopping=True,
        patience=N_EPOCHS,
        augmentation=Symmetries(shift=True),
        callbacks=None if folder is None else [Slow()],
        checkpoint=folder,
        n_threads=1,
        random_state=0,
    )
    grid = {"cnnclassifier__net__n_filters": [2, 3], "cnnclassifier__lr": [0.01, 0.02]}
    pipeline = make_pipeline(FieldScaler(), model)
    cv = GroupKFold(2)
    return X, GridSearchCV(pipeline, grid, cv=cv, n_jobs=n_jobs, error_score="raise").fit(
        X, y, groups=np.arange(48) // 4
    )


def start(folder, n_jobs, log, sleep):
    """Start the search in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(n_jobs)],
        env=os.environ
        | {"SKASTRO_TEST_LOG": str(log), "SKASTRO_TEST_SLEEP": str(sleep), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def n_lines(path):
    """Number of epochs in a log."""
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_is_killed(n_jobs, tmp_path):
    """Finished fits are not run again, the broken one goes on, and the scores are the same."""
    X, whole = search()
    folder, first, second = tmp_path / "fits", tmp_path / "first.log", tmp_path / "second.log"
    process = start(folder, n_jobs, first, sleep=0.2)
    deadline = time.monotonic() + 120
    while n_lines(first) < 2 * N_EPOCHS + 3 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    n_before = n_lines(first)
    assert 2 * N_EPOCHS + 3 <= n_before < N_FITS * N_EPOCHS

    process = start(folder, n_jobs, second, sleep=0)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    result = json.loads(output.splitlines()[-1])
    again = N_FITS * N_EPOCHS - n_before
    assert again <= n_lines(second) <= again + n_jobs
    np.testing.assert_array_equal(result["scores"], whole.cv_results_["mean_test_score"])
    for fold in (0, 1):
        np.testing.assert_array_equal(
            result[f"split{fold}"], whole.cv_results_[f"split{fold}_test_score"]
        )
    best = pickle.loads(Path(result["best"]).read_bytes())
    np.testing.assert_array_equal(best.predict_proba(X), whole.predict_proba(X))
    assert len(list(folder.iterdir())) == N_FITS


if __name__ == "__main__":
    checkpoints = Path(sys.argv[1])
    _, fitted = search(checkpoints, int(sys.argv[2]))
    fitted.best_estimator_[-1].set_params(callbacks=None)
    best_path = checkpoints.parent / "best.pickle"
    best_path.write_bytes(pickle.dumps(fitted.best_estimator_))
    results = fitted.cv_results_
    print(  # noqa: T201
        json.dumps(
            {
                "scores": results["mean_test_score"].tolist(),
                "split0": results["split0_test_score"].tolist(),
                "split1": results["split1_test_score"].tolist(),
                "best": str(best_path),
            }
        )
    )
