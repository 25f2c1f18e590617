"""Networks learn from real simulations: star-formation rate histories of CAMELS."""

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.nets import DenseNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler, SignedLog


@pytest.mark.parametrize("suite", ["IllustrisTNG", "SIMBA"])
def test_dense_net_beats_ridge(data_dir, suite):
    """One signal of 100 redshifts for each of 1000 simulations, tested on 200 unseen ones."""
    folder = data_dir / "camels" / "SFRH"
    X = np.load(folder / f"ML_lectures_SFRH_{suite}.npy")
    y = np.loadtxt(folder / f"ML_lectures_params_{suite}.txt")
    net = CNNRegressor(
        DenseNet((64, 64), activation="gelu"), lr=3e-3, max_epochs=40, n_threads=1, random_state=0
    )
    ridge = make_pipeline(SignedLog(mode="floor"), StandardScaler(), RidgeCV(np.geomspace(1e-3, 1)))
    scores = [
        r2_score(y[800:], model.fit(X[:800], y[:800]).predict(X[800:]), multioutput="raw_values")
        for model in (make_pipeline(SignedLog(mode="floor"), FieldScaler(), net), ridge)
    ]
    recoverable = [0, 1, 2, 4]  # the history says little of black holes
    assert (scores[0] > scores[1])[recoverable].all()
    assert scores[0][2] > 0.7
