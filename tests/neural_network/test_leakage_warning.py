"""Early stopping warns where it validates on simulations that it trains on."""

import warnings

import numpy as np
import pytest

from skastro.exceptions import LeakageWarning
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor

GROUPS = np.arange(24) // 4
MAPS = np.random.default_rng(0).normal(size=(24, 6, 7)).astype("float32")
PARAMETERS = np.random.default_rng(1).uniform(size=(6, 2))[GROUPS]
OPTIONS = {"net": ConvNet(n_layers=1, n_filters=2), "max_epochs": 1, "random_state": 0}
STOPPING = OPTIONS | {"early_stopping": True, "validation_fraction": 0.3}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_repeated_targets_without_groups(dtype):
    y = PARAMETERS.astype(dtype)
    with pytest.warns(LeakageWarning, match="24 samples have only 6 different targets") as caught:
        CNNRegressor(**STOPPING).fit(MAPS, y)
    assert caught[0].filename == __file__
    assert "groups=groups" in str(caught[0].message)


def test_nothing_to_warn_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CNNRegressor(**STOPPING).fit(MAPS, PARAMETERS, groups=GROUPS)
        CNNRegressor(**OPTIONS).fit(MAPS, PARAMETERS)
        for y in (GROUPS, GROUPS / 8, np.float32(0.1) * GROUPS, np.linspace(0.1234, 1, 24)):
            CNNRegressor(**STOPPING).fit(MAPS, y)
        CNNClassifier(**STOPPING).fit(MAPS, GROUPS % 2)
