"""Fit parameters reach the estimator at the end of a pipeline."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.utils import final_fit_params


class Grouped(BaseEstimator):
    """Takes groups and no weights."""

    def fit(self, X, y=None, groups=None):
        self.groups_ = groups
        return self


WEIGHT, GROUPS = np.arange(5.0), np.arange(5) % 2


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (Ridge(), {"sample_weight": WEIGHT}),
        (Grouped(), {"groups": GROUPS}),
        (KNeighborsRegressor(), {}),
        (GridSearchCV(Ridge(), {}), {"groups": GROUPS}),
        (make_pipeline(StandardScaler(), Grouped()), {"grouped__groups": GROUPS}),
        (
            Pipeline([("pre", PCA()), ("model", Pipeline([("a", PCA()), ("b", Ridge())]))]),
            {"model__b__sample_weight": WEIGHT},
        ),
        (TransformedTargetRegressor(Ridge()), {"sample_weight": WEIGHT}),
        (TransformedTargetRegressor(), {}),
        (
            make_pipeline(
                PCA(), TransformedTargetRegressor(make_pipeline(StandardScaler(), Grouped()))
            ),
            {"transformedtargetregressor__grouped__groups": GROUPS},
        ),
        (make_pipeline(StandardScaler(), PCA()), {}),
        (make_pipeline(StandardScaler(), "passthrough"), {}),
    ],
)
def test_parameters_are_spelled_for_the_last_step(estimator, expected):
    assert final_fit_params(estimator, sample_weight=WEIGHT, groups=GROUPS) == expected


def test_none_is_left_out():
    assert final_fit_params(Ridge(), sample_weight=None) == {}
    assert final_fit_params(Ridge()) == {}


def test_weights_take_effect_through_nested_pipelines():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(30, 3)), rng.normal(size=30), rng.random(30)
    inner = make_pipeline("passthrough", LinearRegression())
    model = make_pipeline("passthrough", TransformedTargetRegressor(inner))
    model.fit(X, y, **final_fit_params(model, sample_weight=weight, groups=np.arange(30)))
    wanted = LinearRegression().fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model[-1].regressor_[-1].coef_, wanted.coef_)
    assert not np.allclose(wanted.coef_, LinearRegression().fit(X, y).coef_)
