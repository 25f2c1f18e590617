"""Standard deviations that are scaled to the errors of simulations set aside."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.ensemble import ConformalRegressor, RecalibratedRegressor
from skastro.metrics import reduced_chi2

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(200), RNG.integers(1, 6, 200))
N = len(GROUPS)
X = RNG.normal(size=(N, 2))
NOISE = (RNG.normal(size=(200, 2))[GROUPS] + RNG.normal(size=(N, 2))) * [0.5, 3]
Y = X @ [[1, 2], [3, 4]] + NOISE


def process():
    """A Gaussian process that takes its errors for smaller ones than they are."""
    return GaussianProcessRegressor(alpha=0.01, optimizer=None)


@pytest.mark.parametrize("inner", [process(), make_pipeline(StandardScaler(), process())])
def test_factor_by_hand(inner):
    """Root mean over groups of the mean squared error in units of the predicted one."""
    model = RecalibratedRegressor(inner, random_state=0).fit(X, Y, groups=GROUPS)
    aside = model.calibration_indices_
    assert model.n_calibration_groups_ == 50 == len(set(GROUPS[aside]))
    mean, std = model.estimator_.predict(X[aside], return_std=True)
    squares = ((Y[aside] - mean) / std) ** 2
    each = [squares[GROUPS[aside] == group].mean(axis=0) for group in np.unique(GROUPS[aside])]
    np.testing.assert_allclose(model.factor_, np.sqrt(np.mean(each, axis=0)))
    found_mean, found_std = model.predict(X, return_std=True)
    mean, std = model.estimator_.predict(X, return_std=True)
    np.testing.assert_array_equal(found_mean, mean)
    np.testing.assert_array_equal(found_std, std * model.factor_)
    np.testing.assert_array_equal(model.predict(X), model.estimator_.predict(X))


def test_new_simulations():
    """Errors of simulations that nobody saw have the right size."""
    train = GROUPS < 120
    model = RecalibratedRegressor(process(), calibration_fraction=0.5, random_state=0)
    model.fit(X[train], Y[train], groups=GROUPS[train])
    test = X[~train], Y[~train]
    raw = reduced_chi2(test[1], *model.estimator_.predict(test[0], return_std=True))
    assert raw > 3
    scaled = reduced_chi2(
        test[1], *model.predict(test[0], return_std=True), multioutput="raw_values"
    )
    assert ((scaled > 0.6) & (scaled < 1.6)).all()


def test_one_target_and_frozen():
    """Targets of one axis; all samples calibrate what is fitted already."""
    rows = np.arange(N) < 100
    frozen = FrozenEstimator(BayesianRidge().fit(X[rows], Y[rows, 0]))
    model = RecalibratedRegressor(frozen).fit(X[~rows], Y[~rows, 0])
    assert model.n_calibration_groups_ == N - 100
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (N,)
    assert model.factor_.shape == (1,)
    assert reduced_chi2(Y[~rows, 0], mean[~rows], std[~rows]) == pytest.approx(1)


def test_inside_a_conformal_regressor():
    """Its errors are learned ones."""
    model = ConformalRegressor(RecalibratedRegressor(process(), random_state=0), random_state=0)
    lower, upper = model.fit(X, Y, groups=GROUPS).predict_interval(X)
    std = model.estimator_.predict(X, return_std=True)[1]
    np.testing.assert_allclose((upper - lower) / std, ((upper - lower) / std)[:1].repeat(N, axis=0))


def test_no_errors():
    """Standard deviations of zero cannot be scaled."""
    inner = BayesianRidge().fit(X, Y[:, 0])
    inner.predict = lambda X, return_std=False: (X[:, 0], 0 * X[:, 0])
    with pytest.raises(ValueError, match=r"RecalibratedRegressor multiplies .* predicts 0 for"):
        RecalibratedRegressor(FrozenEstimator(inner)).fit(X, Y[:, 0])
