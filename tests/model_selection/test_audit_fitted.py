"""Transformers that saw the test are found within whatever holds them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skastro.model_selection import audit
from skastro.preprocessing import TargetScaler


def test_fitted_parts_are_found_wherever_they_are():
    pd = pytest.importorskip("pandas")
    rng, train = np.random.default_rng(0), np.arange(20)
    X = pd.DataFrame(3 + rng.lognormal(size=(30, 4)), columns=list("abcd"))
    y = rng.lognormal(size=30)
    columns = ColumnTransformer([("some", StandardScaler(), ["a", "b"]), ("rest", "drop", ["c"])])
    union = FeatureUnion([("one", StandardScaler()), ("other", MinMaxScaler())])
    chain = make_pipeline(StandardScaler(), Ridge())
    search = GridSearchCV(chain, {"ridge__alpha": [0.1, 1]}, cv=2)
    targets = TransformedTargetRegressor(Ridge(), transformer=StandardScaler())
    unsteady = PCA(2, svd_solver="randomized", iterated_power=0, n_oversamples=1)
    for model, steps in (
        (columns, {"some"}),
        (union, {"one", "other"}),
        (search, {"standardscaler"}),
        (make_pipeline(columns, GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2)), None),
        (targets, {"transformer"}),
        (unsteady, {"PCA"}),
    ):
        wrong = audit(X, y, train=train, pipeline=clone(model).fit(X, y)).findings
        assert {f.kind for f in wrong} == {"fitted_on_all_rows"}
        assert {f.details["step"] for f in wrong} == (steps or {"columntransformer.some"})
        right = clone(model).fit(X.iloc[train], y[train])
        assert audit(X, y, train=train, pipeline=right).findings == []
        with pytest.raises(ValueError, match="takes what is fitted"):
            audit(X, y, train=train, pipeline=model)
    for shape in ((30,), (30, 1)):
        scaler = TargetScaler().fit(y.reshape(shape))
        [finding] = audit(X, y, train=train, pipeline=scaler).findings
        assert finding.details["step"] == "TargetScaler"
        scaler = TargetScaler().fit(y[train].reshape(-1, *shape[1:]))
        assert audit(X, y, train=train, pipeline=scaler).findings == []
