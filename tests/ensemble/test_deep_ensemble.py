"""Deep ensembles: members, seeds, and the mixture against formulas written out."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import ExtraTreeRegressor

from skastro.ensemble import DeepEnsembleRegressor, SliceRegressor
from skastro.exceptions import MapShapeError
from skastro.nets import ConvNet
from skastro.neural_network import CNNClassifier, CNNRegressor
from skastro.preprocessing import CubeSlicer, FieldScaler

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.linspace(1, 3, 24))
X = (Y[:, None, None] * RNG.normal(size=(24, 8, 9))).astype("float32")
TARGETS = {"one": Y, "two": np.column_stack([Y, 100 * Y**2])}


def cnn(**parameters):
    """A short fit of a tiny network."""
    defaults = {"loss": "gaussian_nll", "max_epochs": 2, "n_threads": 1, "batch_size": 8}
    return CNNRegressor(**{"net": ConvNet(1, 2, readout="mean")} | defaults | parameters)


def ensemble(estimator=None, **parameters):
    """Three members from a seed."""
    estimator = cnn() if estimator is None else estimator
    return DeepEnsembleRegressor(estimator, **{"n_estimators": 3, "random_state": 0} | parameters)


def flatten(maps):
    """Maps as rows."""
    return np.asarray(maps).reshape(len(maps), -1)


def rows(estimator):
    """An estimator of rows behind maps."""
    return make_pipeline(FunctionTransformer(flatten), estimator)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("target", ["one", "two"])
@pytest.mark.parametrize("n_pipelines", [0, 1, 2])
def test_mixture(n_pipelines, target, routing):
    """Mean and variance of samples drawn from all members, in and out of pipelines."""
    inner, y = cnn(), TARGETS[target]
    for _ in range(n_pipelines):
        inner = make_pipeline(FieldScaler(), inner)
    with config_context(enable_metadata_routing=routing):
        model = ensemble(inner).fit(X, y)
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(model.predict(X), mean)
        aleatoric, epistemic = model.predict_variances(X)
        members = model.predict_members(X)
    with config_context(enable_metadata_routing=False):
        each = [member.predict(X, return_std=True) for member in model.estimators_]
    np.testing.assert_array_equal(members, [of_one for of_one, _ in each])
    assert members.shape == (3, *y.shape)
    assert mean.shape == std.shape == aleatoric.shape == epistemic.shape == y.shape
    # E[t^2] - E[t]^2 of the mixture, where E[t^2] of a member is mean^2 + std^2.
    second = np.mean([m**2 + s**2 for m, s in each], axis=0)
    first = np.mean([m for m, _ in each], axis=0)
    np.testing.assert_allclose(mean, first, rtol=1e-12)
    np.testing.assert_allclose(std, np.sqrt(second - first**2), rtol=1e-7)
    np.testing.assert_allclose(aleatoric + epistemic, std**2, rtol=1e-12)
    np.testing.assert_allclose(epistemic, np.var(members, axis=0), rtol=1e-7)
    assert (epistemic > 0).all()
    normal = np.random.default_rng(0).normal(size=(100_000, *y[7].shape))
    draws = np.concatenate([m[7] + s[7] * normal for m, s in each])
    np.testing.assert_allclose(draws.std(axis=0), std[7], rtol=0.01)


@pytest.mark.parametrize(
    "inner",
    [
        cnn(loss="squared_error"),
        make_pipeline(FieldScaler(), cnn(loss="huber")),
        rows(ExtraTreeRegressor()),
        SliceRegressor(cnn(loss="huber"), slicer=CubeSlicer(patch_size=4)),
        GridSearchCV(cnn(), {"lr": [0.01]}, cv=2),
    ],
    ids=["net", "pipeline", "tree", "slices", "search"],
)
def test_spread_alone(inner):
    """Where members know no variance, the spread of their means is all there is."""
    model = ensemble(inner).fit(X, Y)
    mean, std = model.predict(X, return_std=True)
    each = [member.predict(X) for member in model.estimators_]
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-7, atol=1e-12)
    with pytest.raises(ValueError, match=r"predict_variances needs members that have variances"):
        model.predict_variances(X)


@pytest.mark.parametrize("loss", ["moments", "gaussian_nll"])
def test_every_loss_that_learns_variances(loss):
    """Both are known to be there."""
    aleatoric, _ = ensemble(cnn(loss=loss)).fit(X, Y).predict_variances(X)
    assert (aleatoric > 0).all()


def test_slices_with_variances():
    """What slices say of their errors counts as the noise of the members."""
    model = ensemble(SliceRegressor(cnn(), slicer=CubeSlicer(patch_size=4))).fit(X, Y)
    aleatoric, epistemic = model.predict_variances(X)
    stds = [member.predict(X, return_std=True)[1] for member in model.estimators_]
    np.testing.assert_allclose(aleatoric, np.mean(np.square(stds), axis=0), rtol=1e-12)
    assert (aleatoric > 0).all()
    assert (epistemic > 0).all()


def test_other_regressors_with_standard_deviations():
    """A Gaussian process has a predictive variance; all of it is aleatoric to the mixture."""
    inner = rows(GaussianProcessRegressor(alpha=0.1))
    model = ensemble(inner).fit(X, Y)
    mean, std = inner.fit(X, Y).predict(X[::2] + 1, return_std=True)
    got_mean, got_std = model.predict(X[::2] + 1, return_std=True)
    np.testing.assert_allclose(got_mean, mean)
    np.testing.assert_allclose(got_std, std)
    np.testing.assert_allclose(model.predict_variances(X[::2] + 1)[1], 0, atol=1e-20)


def test_errors_of_members_are_not_swallowed(monkeypatch):
    """An error of predict is not taken for a net without variances."""
    model = ensemble().fit(X, Y)

    def broken(self, X, return_std=False):
        raise ValueError("from within")

    monkeypatch.setattr(CNNRegressor, "predict", broken)
    with pytest.raises(ValueError, match="from within"):
        model.predict(X, return_std=True)


def test_members_differ_in_their_seeds():
    """Each random state of a member is set, and from the number of the member alone."""
    inner = rows(ExtraTreeRegressor(random_state=1))
    seeds = [member[-1].random_state for member in ensemble(inner).fit(X, Y).estimators_]
    assert len(set(seeds)) == 3
    assert inner[-1].random_state == 1
    nets = ensemble().fit(X, Y)
    members = nets.predict_members(X)
    assert all(np.abs(members[i] - members[j]).max() > 1e-3 for i, j in [(0, 1), (0, 2), (1, 2)])
    larger = ensemble(n_estimators=4).fit(X, Y)
    np.testing.assert_array_equal(larger.predict_members(X)[:3], members)
    other = ensemble(random_state=1).fit(X, Y).predict_members(X)
    assert not (other == members).any()


def test_nested_random_states():
    """A search has none, what is in it has one; two in one member differ."""
    inner = rows(GridSearchCV(ExtraTreeRegressor(random_state=1), {"max_depth": [2]}, cv=2))
    for member in ensemble(inner).fit(X, Y).estimators_:
        assert member[-1].estimator.random_state == member[-1].best_estimator_.random_state != 1
    twice = ensemble(DeepEnsembleRegressor(cnn(), n_estimators=2), n_estimators=2).fit(X, Y)
    seeds = {member.random_state for member in twice.estimators_}
    seeds |= {member.estimator.random_state for member in twice.estimators_}
    assert len(seeds) == 4


def test_without_a_seed():
    """Members differ, and so do fits."""
    one, other = (ensemble(random_state=None).fit(X, Y).predict_members(X) for _ in range(2))
    assert len(np.unique(np.concatenate([one, other]), axis=0)) == 6


def test_random_state_object():
    """Each fit draws from it anew."""
    model = ensemble(random_state=np.random.RandomState(3))
    one, other = (model.fit(X, Y).predict(X) for _ in range(2))
    assert (one != other).any()
    again = ensemble(random_state=np.random.RandomState(3)).fit(X, Y)
    np.testing.assert_array_equal(again.predict(X), one)


def test_predictions_do_not_depend_on_other_samples():
    """Sums over many members are taken in one order, also for a single map."""
    model = ensemble(rows(ExtraTreeRegressor()), n_estimators=20).fit(X, Y)
    together = np.column_stack(model.predict(X - 1, return_std=True))
    alone = [np.column_stack(model.predict(one[None] - 1, return_std=True)) for one in X]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def test_weights():
    """Weights reach the last step."""
    model = ensemble(rows(DummyRegressor())).fit(X, Y, sample_weight=Y**2)
    np.testing.assert_allclose(model.predict(X), np.average(Y, weights=Y**2))
    plain, weighted = ensemble().fit(X, Y), ensemble().fit(X, Y, sample_weight=Y**4)
    assert np.abs(plain.predict_members(X) - weighted.predict_members(X)).min() > 0
    half = np.arange(24) < 12
    left_out = ensemble().fit(np.where(half[:, None, None], X, 9), Y, sample_weight=half)
    again = ensemble().fit(X, np.where(half, Y, 9), sample_weight=half)
    np.testing.assert_array_equal(left_out.predict(X), again.predict(X))


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_early_stopping_by_group(in_pipeline, monkeypatch):
    """Groups reach every member, each of which sets other ones aside."""
    split, seen = CNNRegressor._split, []

    def spy(self, rows, groups):
        parts = split(self, rows, groups)
        seen.append([groups[part] for part in parts])
        return parts

    monkeypatch.setattr(CNNRegressor, "_split", spy)
    inner = cnn(early_stopping=True, validation_fraction=0.4)
    groups = np.array(list("abcdefgh")).repeat(3)
    model = ensemble(make_pipeline(FieldScaler(), inner) if in_pipeline else inner)
    model.fit(X, Y, groups=groups)
    assert len(seen) == 3
    for train, valid in seen:
        assert not set(train) & set(valid)
        assert set(train) | set(valid) == set(groups)
    assert len({frozenset(valid) for _, valid in seen}) > 1


def test_groups_that_nobody_takes():
    """A member without groups is fitted without them."""
    ensemble(rows(DummyRegressor())).fit(X, Y, groups=np.arange(24) // 2)


@pytest.mark.parametrize("routing", [False, True])
def test_in_a_search(routing):
    """Parameters of the net inside are searched, and groups and weights find their way."""
    with config_context(enable_metadata_routing=routing):
        model, params = ensemble(n_estimators=2), {"groups": np.arange(24) // 3}
        if routing:
            model.set_fit_request(groups=True, sample_weight=True)
            model.set_score_request(sample_weight=False)
            params["sample_weight"] = np.ones(24)
        grid = {"estimator__net__n_filters": [2, 3], "n_estimators": [1, 2]}
        search = GridSearchCV(model, grid, cv=GroupKFold(2)).fit(X, Y, **params)
        assert len(search.cv_results_["params"]) == 4
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        best = search.best_estimator_
        assert len(best.estimators_) == search.best_params_["n_estimators"]
        for member in best.estimators_:
            assert member.net.n_filters == search.best_params_["estimator__net__n_filters"]


def test_learns():
    """R2 of a signal that is there, and error bars of the right size."""
    rng = np.random.default_rng(1)
    y = rng.uniform(1, 3, size=300)
    maps = y[:, None, None] * rng.normal(size=(300, 8, 9))
    inner = cnn(net=ConvNet(1, 8, readout="mean"), lr=0.05, max_epochs=40, batch_size=32)
    model = ensemble(inner).fit(maps[:200], y[:200])
    mean, std = model.predict(maps[200:], return_std=True)
    assert model.score(maps[200:], y[200:]) > 0.8
    assert 0.7 < np.std((mean - y[200:]) / std) < 1.4


def test_pickle_and_clone():
    """A copy predicts the same; a clone has no members."""
    model = ensemble(make_pipeline(FieldScaler(), cnn())).fit(X, Y)
    want = model.predict(X, return_std=True)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X, return_std=True), want)
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    assert repr(clone(model)) == repr(model)


def test_defaults():
    """Five nets that learn their errors."""
    model = DeepEnsembleRegressor()
    nothing = dict.fromkeys(("estimator", "n_jobs", "random_state")) | {"batched": False}
    assert model.get_params() == nothing | {"n_estimators": 5}
    model.set_params(n_estimators=1).fit(X[:4, :4, :4], Y[:4])
    assert model.estimator is None
    assert model.estimators_[0].loss == "gaussian_nll"
    assert model.sample_shape_ == (4, 4)
    assert model.n_features_in_ == 4


def test_errors():
    """What is missing or does not fit is named."""
    for n_estimators in (0, -1, 2.0, None):
        with pytest.raises(ValueError, match="'n_estimators' parameter of DeepEnsembleRegressor"):
            ensemble(n_estimators=n_estimators).fit(X, Y)
    for wrong in (CNNClassifier(), rows(DummyClassifier())):
        with pytest.raises(ValueError, match=r"'estimator' parameter .* must be a regressor"):
            ensemble(wrong).fit(X, Y)
    with pytest.raises(ValueError, match="'estimator' parameter of DeepEnsembleRegressor"):
        ensemble("CNN").fit(X, Y)
    with pytest.raises(ValueError, match=r"KNeighborsRegressor.*takes no sample_weight"):
        ensemble(rows(KNeighborsRegressor(1))).fit(X, Y, sample_weight=Y)
    with pytest.raises(NotFittedError):
        ensemble().predict(X)
    with pytest.raises(NotFittedError):
        ensemble().predict_members(X)
    with pytest.raises(ValueError, match="requires y"):
        ensemble().fit(X, None)
    with pytest.raises(ValueError, match="inconsistent"):
        ensemble().fit(X, Y[:5])
    with pytest.raises(ValueError, match="inconsistent"):
        ensemble().fit(X, Y, groups=[1, 2])
    model = ensemble(rows(DummyRegressor())).fit(X, Y)
    for method in (model.predict, model.predict_members, model.predict_variances):
        with pytest.raises(MapShapeError, match=r"DeepEnsembleRegressor .*\(8, 9\).*\(9, 8\)"):
            method(X.swapaxes(1, 2))


def test_loss_set_after_fit():
    """What members learned counts, not a loss that was set since."""
    model = ensemble().fit(X, Y)
    before = model.predict(X, return_std=True)[1]
    for member in model.estimators_:
        member.set_params(loss="squared_error")
    np.testing.assert_array_equal(model.predict(X, return_std=True)[1], before)


def test_ensemble_of_ensembles_without_variances():
    """A spread of inner members is no variance of the noise."""
    model = ensemble(ensemble(cnn(loss="squared_error"), n_estimators=2)).fit(X, Y)
    assert (model.predict(X, return_std=True)[1] > 0).all()
    with pytest.raises(ValueError, match="needs members that have variances"):
        model.predict_variances(X)


def test_failed_fit_after_a_good_one():
    """The old members do not stay behind under the shape of the new maps."""
    model = ensemble(cnn(batch_size=8)).fit(X, Y)
    with pytest.raises(ValueError, match="loss"):
        model.set_params(estimator__loss="none such").fit(X[:, :6], Y)
    with pytest.raises(NotFittedError):
        model.predict(X)
