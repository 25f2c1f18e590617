"""Candidates on the same folds, against scikit-learn's own scores."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss, make_scorer, mean_squared_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skastro.ensemble import VoxelRegressor
from skastro.exceptions import LeakageWarning
from skastro.maps import LazyMaps, open_maps
from skastro.metrics import effective_sample_size, field_r2_score
from skastro.model_selection import compare, summary_baseline
from skastro.statistics import Moments

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(20), 3)
AMPLITUDE = RNG.uniform(1, 2, size=20)[GROUPS]
MAPS = (AMPLITUDE[:, None, None] * RNG.normal(size=(60, 7, 9))).astype(np.float32)
CLASSES = np.where(AMPLITUDE > 1.5, "loud", "quiet")
SPREAD = make_pipeline(Moments(orders=[2]), LinearRegression())
NOTHING = make_pipeline(Moments(orders=[1]), LinearRegression())
CLASSIFIER = make_pipeline(Moments(), LogisticRegression(max_iter=1000))
PLAIN = {"groups": GROUPS, "dummy": False, "summary": False}


class Recorder(RegressorMixin, BaseEstimator):
    """Notes the maps and groups it is given; predicts zeros."""

    seen = []

    def fit(self, X, y, groups=None):
        self.seen.append((type(X), groups))
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


class Sign(ClassifierMixin, BaseEstimator):
    """Classifies each cell by its sign."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (np.asarray(X) > 0).astype(int)


class Picky(Ridge):
    """Fails where one sample is in training."""

    def fit(self, X, y):
        if (y == y_of_failure).any():
            raise RuntimeError("too hard")
        return super().fit(X, y)


y_of_failure = AMPLITUDE[0]


@pytest.mark.parametrize(
    ("model", "targets", "scoring"),
    [
        (SPREAD, AMPLITUDE, None),
        (SPREAD, np.column_stack([AMPLITUDE, AMPLITUDE**2]), "r2"),
        (SPREAD, AMPLITUDE, "neg_root_mean_squared_error"),
        (SPREAD, AMPLITUDE, "neg_median_absolute_error"),
        (CLASSIFIER, CLASSES, None),
        (CLASSIFIER, CLASSES, "neg_log_loss"),
        (CLASSIFIER, CLASSES, "roc_auc_ovr"),
    ],
)
def test_scores_are_those_of_scikit_learn(model, targets, scoring):
    cv = GroupKFold(2)
    found = compare(
        {"it": model}, MAPS, targets, groups=GROUPS, cv=2, scoring=scoring, n_bootstrap=40
    )
    expected = cross_validate(model, MAPS, targets, groups=GROUPS, cv=cv, scoring=scoring)
    np.testing.assert_allclose(found.scores["it"], expected["test_score"])
    assert found.names == ["it", "summary", "dummy"]
    assert found.scores["it"].mean() > found.scores["dummy"].mean()
    low, high = found.interval("it")
    assert low < found.score("it") < high
    assert found.difference("it", "dummy").low > 0


def test_pooled_scores():
    """They are those of all test samples, also where folds are of one group or one class."""
    cv = LeaveOneGroupOut()
    found = compare({"it": SPREAD}, MAPS, AMPLITUDE, **PLAIN, cv=cv, scoring="r2", n_bootstrap=10)
    rows, pred = found.out_of_fold("it")
    np.testing.assert_array_equal(rows, np.arange(60))
    assert found.score("it") == pytest.approx(r2_score(AMPLITUDE, pred))
    own = make_scorer(r2_score)
    again = compare({"it": SPREAD}, MAPS, AMPLITUDE, **PLAIN, cv=cv, scoring=own, n_bootstrap=10)
    np.testing.assert_allclose(again.bootstrap_scores["it"], found.bootstrap_scores["it"])
    assert again.scoring == "r2_score"
    names = np.where(AMPLITUDE > 1.8, "very loud", CLASSES)
    with pytest.warns(FitFailedWarning, match="log_loss|number of classes"):
        found = compare(
            [CLASSIFIER], MAPS, names, groups=GROUPS, scoring="neg_log_loss", n_bootstrap=20, cv=6
        )
    rows = np.concatenate([test for _, test in found.folds])
    assert np.isnan(found.scores["LogisticRegression"]).any()
    proba = [
        clone(CLASSIFIER).fit(MAPS[train], names[train]).predict_proba(MAPS[test])
        for train, test in found.folds
    ]
    expected = -log_loss(names[rows], np.concatenate(proba))
    assert found.score("LogisticRegression") == pytest.approx(expected)
    assert "better than 'dummy'" in found.verdict()


def test_order_and_jobs_do_not_matter():
    models = {"a": SPREAD, "b": NOTHING}
    one = compare(models, MAPS, AMPLITUDE, groups=GROUPS, n_bootstrap=50)
    turned = dict(reversed(models.items()))
    with parallel_config(backend="threading"):
        two = compare(turned, MAPS, AMPLITUDE, groups=GROUPS, n_bootstrap=50, n_jobs=2)
    assert two.names == ["b", "a", "summary", "dummy"]
    for name in one.names:
        np.testing.assert_array_equal(one.scores[name], two.scores[name])
        np.testing.assert_array_equal(one.bootstrap_scores[name], two.bootstrap_scores[name])
    other = compare(models, MAPS, AMPLITUDE, groups=GROUPS, n_bootstrap=50, random_state=1)
    assert (other.bootstrap_scores["a"] != one.bootstrap_scores["a"]).mean() > 0.9


def test_lazy_maps_and_groups(monkeypatch, tmp_path):
    """Lazy maps reach what takes them, as arrays what does not; the dummy reads none."""
    np.save(tmp_path / "maps.npy", MAPS)
    lazy = open_maps(tmp_path / "maps.npy")
    one = compare({"it": SPREAD}, MAPS, AMPLITUDE, groups=GROUPS)
    two = compare({"it": SPREAD}, lazy, AMPLITUDE, groups=GROUPS)
    for name in one.names:
        np.testing.assert_array_equal(one.scores[name], two.scores[name])
    monkeypatch.setattr(Recorder, "seen", [])
    with monkeypatch.context() as patch:
        compare([Recorder()], lazy, AMPLITUDE, groups=GROUPS, cv=4, summary=False)
        assert [kind for kind, _ in Recorder.seen] == [np.ndarray] * 4
        for (train, _), (_, groups) in zip(
            GroupKFold(4).split(MAPS, groups=GROUPS), Recorder.seen, strict=True
        ):
            np.testing.assert_array_equal(groups, GROUPS[train])
        patch.setattr(LazyMaps, "__array__", None)
        found = compare([DummyRegressor()], lazy, AMPLITUDE, groups=GROUPS, summary=False)
    np.testing.assert_array_equal(found.scores["dummy"], found.scores["DummyRegressor"])


def test_fields():
    """Cells are samples, for the mean, the linear filter and the candidates."""
    maps = RNG.normal(size=(15, 7, 8, 9)).astype(np.float32)
    field = sum(np.roll(maps, shift, axis) for shift in (-1, 1) for axis in (1, 2, 3)) + 5
    cell = VoxelRegressor(LinearRegression(), dim=3)
    found = compare({"cell": cell}, maps, field, cv=3, n_bootstrap=30)
    assert found.score("summary") > 0.6
    assert abs(found.score("dummy")) < 0.02
    assert abs(found.score("cell")) < 0.02
    rows, pred = found.out_of_fold("summary")
    assert pred.shape == field.shape
    assert found.score("summary") == pytest.approx(field_r2_score(field[rows], pred), rel=1e-6)
    expected = cross_validate(cell, maps, field, cv=KFold(3))["test_score"]
    np.testing.assert_allclose(found.scores["cell"], expected, rtol=1e-6)
    lazy = compare({"cell": cell}, open_maps(maps), open_maps(field), cv=3, n_bootstrap=30)
    np.testing.assert_allclose(lazy.scores["summary"], found.scores["summary"], rtol=1e-6)
    own = make_scorer(field_r2_score)
    again = compare({"cell": cell}, maps, field, cv=3, n_bootstrap=30, scoring=own)
    np.testing.assert_allclose(
        again.bootstrap_scores["summary"], found.bootstrap_scores["summary"], rtol=1e-5
    )
    error = compare({"cell": cell}, maps, field, cv=3, scoring="neg_mean_squared_error")
    assert error.score("dummy") == pytest.approx(-field.var(), rel=0.01)
    train, test = error.folds[0]
    expected = -mean_squared_error(
        np.full(field[test].size, field[train].mean()), field[test].ravel()
    )
    assert error.scores["dummy"][0] == pytest.approx(expected, rel=1e-5)


def test_classes_of_columns_cells_and_several_targets():
    """Pooled accuracies are those of scikit-learn, whatever the shape of the classes."""
    parameters = {"groups": GROUPS, "summary": False, "n_bootstrap": 10, "cv": 4}
    flat = compare([CLASSIFIER], MAPS, CLASSES, **parameters)
    column = compare([CLASSIFIER], MAPS, CLASSES[:, None], **parameters)
    for name in flat.names:
        assert column.score(name) == pytest.approx(flat.scores[name].mean())
        np.testing.assert_array_equal(column.scores[name], flat.scores[name])
    cells = (MAPS + RNG.normal(size=MAPS.shape) > 0).astype(int)
    found = compare([Sign()], MAPS, cells, **parameters | {"dummy": False})
    assert found.score("Sign") == pytest.approx(((MAPS > 0) == cells).mean())
    assert found.score("Sign") == pytest.approx(found.scores["Sign"].mean())
    several = np.column_stack([AMPLITUDE > 1.5, np.digitize(AMPLITUDE, [1.3, 1.6])])

    def share(model, X, y):
        return np.mean(model.predict(X) == y)

    trees = make_pipeline(Moments(), DecisionTreeClassifier(random_state=0))
    found = compare({"tree": trees}, MAPS, several, scoring=share, **parameters)
    rows, pred = found.out_of_fold("tree")
    assert found.score("tree") == pytest.approx(np.mean(pred == several[rows]))


def test_searches_are_given_groups():
    """Whole simulations are left out within the training data too, with routing or without."""
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 1e3]}, cv=GroupKFold(3))
    table = np.column_stack([AMPLITUDE, AMPLITUDE**2])
    parameters = {"groups": GROUPS, "cv": 2, "n_bootstrap": 10, "summary": False}
    found = compare({"it": search}, table, AMPLITUDE, return_estimator=True, **parameters)
    for (train, _), fitted in zip(found.folds, found.estimators["it"], strict=True):
        again = clone(search).fit(table[train], AMPLITUDE[train], groups=GROUPS[train])
        np.testing.assert_array_equal(
            fitted.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"]
        )
    with config_context(enable_metadata_routing=True):
        routed = compare({"it": search}, table, AMPLITUDE, **parameters)
    np.testing.assert_array_equal(routed.scores["it"], found.scores["it"])


def test_scores_that_read_more_than_predictions():
    """They have scores of folds alone, and no claim is made."""
    for own in (
        lambda model, X, y: model.score(X, y) + 0 * np.mean(X),
        lambda model, X, y: r2_score(y, model.predict(X)) + 0 * model[-1].coef_[0],
        lambda model, X, y: r2_score(y, model.predict(X)) + 0 * X.sum(),
    ):
        found = compare({"it": SPREAD}, MAPS, AMPLITUDE, **PLAIN, scoring=own)
        assert np.isnan(found.interval("it")).all()
        assert found.score("it") == pytest.approx(found.scores["it"].mean())
        assert "No claim can be made: the score reads the maps" in found.verdict()


def test_baselines_replaced_and_declined():
    constant = DummyRegressor(strategy="constant", constant=0.0)
    found = compare([SPREAD], MAPS, AMPLITUDE, groups=GROUPS, dummy=constant, summary=NOTHING)
    nothing = compare({"it": NOTHING}, MAPS, AMPLITUDE, **PLAIN)
    np.testing.assert_array_equal(found.scores["summary"], nothing.scores["it"])
    assert found.score("dummy") < -5
    assert found.names == ["LinearRegression", "summary", "dummy"]
    assert (nothing.dummy, nothing.summary) == (None, None)
    assert nothing.verdict().count("not known, as it was declined") == 2


def test_failures():
    """What fails is scored as such, and told; no candidate at all is an error."""
    table = np.column_stack([AMPLITUDE, AMPLITUDE**2])
    models = {"picky": Picky(), "ridge": Ridge()}
    with pytest.warns(FitFailedWarning, match=r"4 of 20 fits of compare failed(?s:.*)too hard"):
        found = compare(models, table, AMPLITUDE, groups=GROUPS)
    assert np.isnan(found.scores["picky"]).sum() == 4
    assert np.isfinite(found.scores["ridge"]).all()
    assert "Best of 2 candidates: 'ridge'" in found.verdict()
    assert "1 of them has no score" in found.verdict()
    with pytest.raises(ValueError, match="a fold of 'picky' failed"):
        found.out_of_fold("picky")
    with pytest.warns(FitFailedWarning, match="scores are 5"):
        found = compare(models, table, AMPLITUDE, groups=GROUPS, error_score=5.0)
    assert "Best of 2 candidates: 'picky'" in found.verdict()
    assert "No claim can be made: fits or predictions of 'picky' failed" in found.verdict()
    with pytest.raises(RuntimeError, match="too hard"):
        compare(models, table, AMPLITUDE, groups=GROUPS, error_score="raise")
    with pytest.raises(ValueError, match="could not score the dummy on any fold"):
        compare(models, table, AMPLITUDE, groups=GROUPS, scoring="neg_log_loss")


def test_leaking_splits_are_told_once():
    with (
        pytest.warns(UserWarning, match="ignored by KFold"),
        pytest.warns(LeakageWarning, match="both sides of a split") as told,
    ):
        found = compare(
            [SPREAD], MAPS, AMPLITUDE, groups=GROUPS, cv=KFold(5, shuffle=True, random_state=0)
        )
    assert sum(warning.category is LeakageWarning for warning in told) == 1
    assert found.leaks
    assert "No claim can be made: samples of one group are in training" in found.verdict()
    assert "better" not in found.verdict().partition("\n")[2]


def test_summary_baseline():
    """It learns from maps of both signs, of many decades and of empty ones, and from tables."""
    noise = summary_baseline(MAPS, AMPLITUDE).fit(MAPS[:45], AMPLITUDE[:45])
    assert noise.score(MAPS[45:], AMPLITUDE[45:]) > 0.2
    texture = AMPLITUDE[:, None, None] * np.random.default_rng(0).normal(size=(60, 16, 17))
    for maps in (texture, 10 ** (10 + texture)):
        model = summary_baseline(maps, AMPLITUDE).fit(maps[:45], AMPLITUDE[:45])
        assert model.score(maps[45:], AMPLITUDE[45:]) > 0.6
        assert np.isfinite(model.predict(np.zeros_like(maps))).all()
        maps[3] = 0
        assert np.isfinite(model.fit(maps, AMPLITUDE).predict(maps)).all()
    channels = np.stack([MAPS, MAPS + RNG.normal(size=MAPS.shape)], axis=1)
    union = summary_baseline(channels, AMPLITUDE)[0].fit(channels)
    assert [spectrum.pairs_ for _, spectrum in union.transformer_list[:1]] == [
        [(0, 0), (1, 1), (0, 1)]
    ]
    assert hasattr(summary_baseline(MAPS, CLASSES), "predict_proba")
    assert not hasattr(summary_baseline(MAPS, CLASSES == "loud", classifier=False), "predict_proba")
    of_list = [1, *AMPLITUDE[1:]]  # numbers, though the first of them is whole
    assert not hasattr(summary_baseline(MAPS, of_list), "predict_proba")
    table = RNG.normal(size=(60, 4))
    both = table[:, :2]
    assert summary_baseline(table, both).fit(table, both).score(table, both) > 0.99
    cubes = np.zeros((4, 7, 8, 9))
    assert (
        summary_baseline(cubes, AMPLITUDE[:4], dim=3)[0].fit(cubes).transform(cubes).shape[1] < 50
    )


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"estimators": SPREAD}, TypeError, "put a single estimator into a list"),
        ({"estimators": []}, ValueError, "at least one candidate"),
        ({"estimators": ["ridge"]}, TypeError, "Got .*'ridge'"),
        ({"estimators": [("a", SPREAD), ("a", NOTHING)]}, ValueError, "'a' twice"),
        ({"estimators": {"dummy": SPREAD}}, ValueError, "'dummy' .* that of a baseline"),
        ({"estimators": [SPREAD, CLASSIFIER]}, ValueError, "all be regressors or all be class"),
        ({"dummy": "mean"}, TypeError, "'dummy' .* True, False or an estimator"),
        ({"scoring": ["r2"]}, TypeError, "'scoring' parameter of compare must be"),
        ({"n_bootstrap": 1}, ValueError, "'n_bootstrap' .* at least 2"),
        ({"confidence_level": 95}, ValueError, "'confidence_level' .* between 0 and 1"),
        ({"error_score": "ignore"}, ValueError, "'error_score' .* 'raise' or a number"),
        ({"cv": 21}, ValueError, "21 folds, and the number of groups is 20"),
        ({"checkpoint": "x", "return_estimator": True}, ValueError, "Leave one of both out"),
        ({"y": AMPLITUDE[1:]}, ValueError, "inconsistent numbers"),
        ({"y": np.zeros((60, 5, 5))}, ValueError, "fields y of shape"),
    ],
)
def test_errors(parameters, error, message):
    parameters = {"estimators": [SPREAD], "X": MAPS, "y": AMPLITUDE, "groups": GROUPS} | parameters
    with pytest.raises(error, match=message):
        compare(**parameters)


def test_estimators_names_and_times():
    found = compare([SPREAD, NOTHING, Ridge()], MAPS[:, 0], AMPLITUDE, **PLAIN, cv=2)
    assert found.names == ["LinearRegression", "LinearRegression 2", "Ridge"]
    assert found.estimators["Ridge"] == [None, None]
    found = compare([SPREAD], MAPS, AMPLITUDE, **PLAIN, cv=2, return_estimator=True)
    _, test = found.folds[1]
    again = found.estimators["LinearRegression"][1].predict(MAPS[test])
    np.testing.assert_array_equal(again, found.predictions["LinearRegression"][1])
    assert (found.fit_times["LinearRegression"] > 0).all()
    loss = (AMPLITUDE - found.out_of_fold("LinearRegression")[1]) ** 2
    assert 20 <= found.n_effective["LinearRegression"] <= 60
    assert found.n_effective["LinearRegression"] == pytest.approx(
        effective_sample_size(loss, GROUPS), rel=0.05
    )


def test_progress(capsys):
    compare([SPREAD], MAPS, AMPLITUDE, groups=GROUPS, cv=2, verbose=1)
    assert "6/6 fits" in capsys.readouterr().out
