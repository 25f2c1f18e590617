"""scikit-learn's own checks, on every public estimator."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from skastro.nets import ConvNet, FieldResNet
from skastro.neural_network import CNNRegressor, FieldRegressor
from skastro.utils import all_estimators

# A map of the checks has few and odd numbers of cells, which default blocks do not divide. The
# checks have few samples as well, and are to meet more than one batch.
TRAINING = {"batch_size": 16, "n_threads": 1, "random_state": 0}
SMALL = TRAINING | {"net": ConvNet(1, 4), "lr": 0.02, "max_epochs": 20}
PARAMETERS = {
    "BlockPool": {"remainder": "partial"},
    "CNNClassifier": SMALL,
    "CNNRegressor": SMALL,
    "ConvAutoencoder": TRAINING | {"max_epochs": 5},
    "FieldRegressor": TRAINING
    | {"net": FieldResNet(1, 8, kernel_size=9), "lr": 0.02, "max_epochs": 20},
    "SmoothedCopies": {"boundary": "reflect"},
    "UnitConverter": {"from_units": "cm", "to_units": "m"},
    "VoxelRegressor": {"estimator": HistGradientBoostingRegressor(max_iter=20)},
}

# The few samples of the checks calibrate a level of a half, not the usual ones.
CALIBRATED = {
    "ConformalClassifier": LogisticRegression(),
    "ConformalRegressor": Ridge(),
    "RecalibratedRegressor": BayesianRidge(),
}
PARAMETERS |= {name: {"estimator": inner, "random_state": 0} for name, inner in CALIBRATED.items()}
for name in ("ConformalClassifier", "ConformalRegressor"):
    PARAMETERS[name]["confidence_level"] = 0.5

MINI_BATCHES = (
    "a network is trained on mini-batches drawn at random: a sample of weight 2 and a sample "
    "that is there twice fall into different batches"
)
SET_ASIDE = (
    "samples are set aside for calibration by their positions, and each of them counts there: a "
    "sample that is there twice is another case than one of weight 2"
)
ONE_TARGET = "targets of one number for each sample have one axis, as y has in scikit-learn"
DRAWN_ANEW = (
    "training maps, of fit_transform, are drawn anew for each epoch, and maps to predict, of "
    "transform, have one draw for each map: the two never coincide"
)
EXPECTED_FAILURES = {
    name: {"check_sample_weight_equivalence_on_dense_data": MINI_BATCHES}
    for name in (
        "CNNClassifier",
        "CNNRegressor",
        "ConvAutoencoder",
        "DeepEnsembleRegressor",
        "FieldRegressor",
        "SliceClassifier",
        "SliceRegressor",
    )
} | {"TargetScaler": {"check_fit1d": ONE_TARGET}}
EXPECTED_FAILURES |= {
    name: {"check_sample_weight_equivalence_on_dense_data": SET_ASIDE} for name in CALIBRATED
}
EXPECTED_FAILURES |= {
    name: {
        "check_transformer_data_not_an_array": DRAWN_ANEW,
        "check_transformer_general": DRAWN_ANEW,
    }
    for name in ("PointSources", "PowerLawForeground", "RadiometerNoise", "WhiteNoise")
}


class OfNumbers(FieldRegressor):
    """A `FieldRegressor` for targets of the checks: fields that are the same in every cell."""

    def fit(self, X, y=None, **params):
        """Make a field of each number."""
        if y is not None:
            y, width = np.asarray(y), (X if hasattr(X, "shape") else np.asarray(X)).shape[-1]
            y = np.broadcast_to(y[..., None], (*y.shape, width))
        return super().fit(X, y, **params)

    def predict(self, X):
        """The mean of each field."""
        return super().predict(X).mean(-1, dtype=float)

    def score(self, X, y, sample_weight=None):
        """As for numbers."""
        return r2_score(y, self.predict(X), sample_weight=sample_weight)


OfNumbers.__name__ = "FieldRegressor"


def make(name, estimator_class):
    """The estimator to check; those that hold a net hold one that is seeded."""
    if name in ("SliceClassifier", "SliceRegressor"):
        inner = f"CNN{name.removeprefix('Slice')}"
        return estimator_class(dict(all_estimators())[inner](**SMALL))
    if name == "DeepEnsembleRegressor":
        net = CNNRegressor(**SMALL, loss="gaussian_nll")
        return estimator_class(net, n_estimators=2, random_state=0)
    estimator_class = OfNumbers if name == "FieldRegressor" else estimator_class
    return estimator_class(**PARAMETERS.get(name, {}))


ESTIMATORS = [make(name, estimator_class) for name, estimator_class in all_estimators()]


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_scikit_learn_checks(estimator, check):
    """Each estimator does what scikit-learn expects of any estimator."""
    check(estimator)


def test_every_estimator_is_found():
    """The list that the checks go through holds what the library offers."""
    names = {name for name, _ in all_estimators()}
    assert {"CNNClassifier", "CNNRegressor", "FieldScaler", "SliceClassifier"} <= names
    assert EXPECTED_FAILURES.keys() <= names
    assert PARAMETERS.keys() <= names


@pytest.mark.parametrize("kind", ["classifier", "regressor", "transformer"])
def test_filter(kind):
    """Filtered lists are parts of the whole list."""
    assert set(all_estimators(kind)) < set(all_estimators())


def test_filter_is_checked():
    """An unknown kind is refused."""
    with pytest.raises(ValueError, match="type_filter"):
        all_estimators("cluster")


def test_nets_do_not_count():
    """What cannot be fitted is not listed."""
    assert ConvNet not in [found for _, found in all_estimators()]
