"""The ridge of the summary baseline chooses its penalty on simulations left out."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold

from skastro.model_selection import compare, summary_baseline
from skastro.model_selection._ridge_by_group import RidgeByGroup

ALPHAS = np.logspace(-3, 5, 9)
GROUPS = np.repeat(np.arange(12), 15)
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(12, 2))[GROUPS]
# What simulations have in common besides the parameters: by it they can be told apart.
FEATURES = np.concatenate([TRUTH, RNG.normal(size=(12, 30))[GROUPS]], axis=1)
FEATURES = FEATURES + RNG.normal(size=FEATURES.shape)


@pytest.mark.parametrize("n_targets", [None, 1, 2])
def test_a_search_finds_the_same(n_targets):
    """Each target has the penalty that a search over folds of groups finds for it alone."""
    y = TRUTH[:, 0] if n_targets is None else TRUTH[:, :n_targets]
    found = RidgeByGroup(ALPHAS).fit(FEATURES, y, groups=GROUPS)
    wanted = []
    for target in y.reshape(len(y), -1).T:
        search = GridSearchCV(
            Ridge(), {"alpha": ALPHAS}, scoring="neg_mean_squared_error", cv=GroupKFold(5)
        )
        wanted.append(search.fit(FEATURES, target, groups=GROUPS).best_params_["alpha"])
    assert np.ravel(found.alpha_).tolist() == wanted
    np.testing.assert_allclose(
        found.predict(FEATURES), Ridge(found.alpha_).fit(FEATURES, y).predict(FEATURES)
    )


def test_penalty_of_few_simulations():
    """Leaving out single maps would choose a penalty that is too small for new simulations."""
    by_map = RidgeByGroup(ALPHAS).fit(FEATURES, TRUTH)
    assert isinstance(by_map.model_, RidgeCV)
    by_group = RidgeByGroup(ALPHAS).fit(FEATURES, TRUTH, groups=GROUPS)
    assert (by_group.alpha_ >= by_map.alpha_).all()
    assert (by_group.alpha_ > by_map.alpha_).any()
    two = GROUPS > 5
    assert isinstance(
        RidgeByGroup(ALPHAS).fit(FEATURES, TRUTH, groups=two).model_, RidgeCV
    )  # too few to leave any out


def test_groups_reach_it():
    """`compare` hands the groups on."""
    maps = FEATURES[:, :1, None] * RNG.normal(size=(180, 8, 9))
    result = compare(
        {"net": summary_baseline(maps, TRUTH)},
        maps,
        TRUTH,
        groups=GROUPS,
        cv=GroupKFold(2),
        return_estimator=True,
        n_bootstrap=10,
    )
    for model in (*result.estimators["net"], *result.estimators["summary"]):
        assert isinstance(model[-1].model_, Ridge)
