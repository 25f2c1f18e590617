"""What conformal estimators set aside, hand on, take and refuse."""

import re

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skastro.ensemble import (
    ConformalClassifier,
    ConformalRegressor,
    DeepEnsembleRegressor,
    RecalibratedRegressor,
)
from skastro.nets import ConvNet
from skastro.neural_network import CNNRegressor
from skastro.preprocessing import FieldScaler

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(40), 3)
X = RNG.normal(size=(120, 4))
Y = X @ RNG.normal(size=(4, 2)) * [1, 100] + RNG.normal(size=(40, 2))[GROUPS] * [1, 100]
LABELS = np.array(list("xyz"))[RNG.integers(0, 3, 120)]


def half_width(model, X, **params):
    """Half the widths of intervals."""
    lower, upper = model.predict_interval(X, **params)
    np.testing.assert_allclose((lower + upper) / 2, model.predict(X))
    return (upper - lower) / 2


@pytest.mark.parametrize("conformal", [ConformalRegressor, ConformalClassifier])
def test_whole_groups_are_set_aside(conformal, recording):
    """The estimator sees the other groups, with their weights, and nothing else."""
    is_regressor = conformal is ConformalRegressor
    inner = recording.regressor() if is_regressor else recording.classifier()
    y, weight = (Y if is_regressor else LABELS), np.arange(120.0)
    names = np.array([f"simulation {i}" for i in GROUPS])
    model = conformal(inner, calibration_fraction=0.3, random_state=3)
    model.fit(X, y, groups=names, sample_weight=weight)
    aside = model.calibration_indices_
    rest = np.setdiff1d(np.arange(120), aside)
    assert model.n_calibration_groups_ == 12 == len(set(GROUPS[aside]))
    assert not set(GROUPS[aside]) & set(GROUPS[rest])
    np.testing.assert_array_equal(model.estimator_.X_, X[rest])
    np.testing.assert_array_equal(model.estimator_.y_, y[rest])
    np.testing.assert_array_equal(model.estimator_.groups_, names[rest])
    np.testing.assert_array_equal(model.estimator_.sample_weight_, rest)
    again = clone(model).fit(X, y, groups=names)
    np.testing.assert_array_equal(again.calibration_indices_, aside)
    other = clone(model).set_params(random_state=4).fit(X, y, groups=names)
    assert not np.array_equal(other.calibration_indices_, aside)


def test_quantile_by_hand():
    """The least score with the mass of the level at or below it, group by group."""
    model = ConformalRegressor(Ridge(), random_state=0).fit(X, Y, groups=GROUPS)
    aside = model.calibration_indices_
    errors = np.abs(Y[aside] - model.estimator_.predict(X[aside]))
    np.testing.assert_allclose(model.scores_, errors)
    for level in (0.3, 0.9, 10 / 11):
        found = half_width(model, X, confidence_level=level)
        assert np.ptp(found, axis=0) == pytest.approx(0, abs=1e-9)
        for target in range(2):
            masses = [
                np.mean(
                    [(of_group <= score).mean() for of_group in errors[:, target].reshape(-1, 3)]
                )
                * 10
                / 11
                for score in np.sort(errors[:, target])
            ]
            rank = np.argmax(np.array(masses) >= level - 1e-12)
            assert found[0, target] == pytest.approx(np.sort(errors[:, target])[rank])
    np.testing.assert_array_equal(model.predict_interval(X), model.predict_interval(X, 0.9))


@pytest.mark.parametrize("grouped", [False, True])
def test_too_few_groups(grouped):
    """The number that is needed is said before a long fit, and intervals are infinite."""
    units, rows = ("groups", slice(108)) if grouped else ("samples", slice(36))
    params = {"groups": GROUPS[rows]} if grouped else {}
    ConformalRegressor(Ridge()).fit(X[rows], Y[rows], **params)
    model = ConformalRegressor(Ridge(), confidence_level=0.95)
    message = f"0.95 needs at least 19 calibration {units}, and there are 9, .* at most 0[.]9[.]$"
    with pytest.warns(UserWarning, match=message) as of_fit:
        model.fit(X[rows], Y[rows], **params)
    with pytest.warns(
        UserWarning, match=r"ConformalRegressor\.predict_interval: .* at least 19"
    ) as of_interval:
        lower, upper = model.predict_interval(X)
    assert of_fit[0].filename == of_interval[0].filename == __file__
    assert (lower == -np.inf).all()
    assert (upper == np.inf).all()
    assert np.isfinite(half_width(model, X, confidence_level=0.9)).all()
    classifier = ConformalClassifier(LogisticRegression()).fit(X[rows], LABELS[rows], **params)
    with pytest.warns(UserWarning, match=r"predict_set: .* needs at least 99 .* hold all classes"):
        assert classifier.predict_set(X, confidence_level=0.99).all()


@pytest.mark.parametrize(
    ("inner", "follows"),
    [
        (Ridge(), False),
        (BayesianRidge(), True),
        (GaussianProcessRegressor(alpha=0.3, optimizer=None), True),
        (make_pipeline(StandardScaler(), BayesianRidge()), True),
        (FrozenEstimator(make_pipeline(StandardScaler(), BayesianRidge()).fit(X, Y[:, 0])), True),
        (FrozenEstimator(Ridge().fit(X, Y[:, 0])), False),
        (DeepEnsembleRegressor(Ridge(), n_estimators=2), False),
    ],
    ids=["ridge", "bayes", "process", "pipeline", "frozen pipeline", "frozen", "ensemble"],
)
def test_normalize(inner, follows):
    """Widths follow the errors that an estimator has learned."""
    model = ConformalRegressor(inner, random_state=0).fit(X, Y[:, 0], groups=GROUPS)
    width = half_width(model, X)
    if follows:
        std = model.estimator_.predict(X, return_std=True)[1]
        assert np.ptp(width) > 0
        np.testing.assert_allclose(width / std, (width / std)[0])
        model.set_params(normalize=False).fit(X, Y[:, 0], groups=GROUPS)
    assert np.ptp(half_width(model, X)) == pytest.approx(0, abs=1e-9)


def test_nets():
    """Losses decide, also of frozen nets and ensembles, and lazy X is that of the others."""
    maps = RNG.normal(size=(40, 8, 9)).astype("float32")
    y = maps.mean(axis=(1, 2))
    params = {"net": ConvNet(1, 2), "max_epochs": 1, "n_threads": 1, "random_state": 0}
    for loss, follows in (("gaussian_nll", True), ("squared_error", False)):
        net = CNNRegressor(**params, loss=loss)
        for inner in (
            net,
            make_pipeline(FieldScaler(), net),
            FrozenEstimator(clone(net).fit(maps, y)),
            DeepEnsembleRegressor(net, n_estimators=2, random_state=0),
        ):
            model = ConformalRegressor(inner, random_state=0).fit(maps, y)
            assert (np.ptp(half_width(model, maps)) > 1e-6) == follows
    spread = ConformalRegressor(inner, normalize=True, random_state=0).fit(maps, y)
    assert np.ptp(half_width(spread, maps)) > 1e-6


def test_boxes_are_in_proportion_to_residuals():
    """Sides of a box follow residuals of the samples that do not calibrate."""
    model = ConformalRegressor(Ridge(), joint=True, random_state=0).fit(X, Y, groups=GROUPS)
    rest = np.setdiff1d(np.arange(120), model.calibration_indices_)
    residuals = Y[rest] - model.estimator_.predict(X[rest])
    np.testing.assert_allclose(model.scale_, np.sqrt((residuals**2).mean(axis=0)))
    width = half_width(model, X)
    np.testing.assert_allclose(width / model.scale_, width[0, 0] / model.scale_[0])
    one = ConformalRegressor(Ridge(), joint=True, random_state=0).fit(X, Y[:, 0], groups=GROUPS)
    marginal = clone(one).set_params(joint=False).fit(X, Y[:, 0], groups=GROUPS)
    np.testing.assert_array_equal(one.predict_interval(X), marginal.predict_interval(X))


def test_frozen_estimators():
    """All samples calibrate, but for those that scale a box."""
    frozen = FrozenEstimator(Ridge().fit(X, Y))
    model = ConformalRegressor(frozen).fit(X[:30], Y[:30], groups=GROUPS[:30])
    assert model.n_calibration_groups_ == 10
    assert model.estimator_ is frozen
    box = ConformalRegressor(frozen, joint=True).fit(X, Y, groups=GROUPS)
    assert box.n_calibration_groups_ == 10
    classifier = FrozenEstimator(LogisticRegression().fit(X, LABELS))
    assert ConformalClassifier(classifier).fit(X, LABELS).n_calibration_groups_ == 120
    with pytest.raises(NotFittedError):
        ConformalRegressor(FrozenEstimator(Ridge())).fit(X, Y)


def test_errors_of_no_size():
    """A standard deviation of zero is right for no error, and for no other."""
    process = GaussianProcessRegressor(optimizer=None).fit(X[:60], Y[:60, 0])
    process.predict = lambda X, return_std=False: (
        (X[:, 0], np.abs(X[:, 1])) if return_std else X[:, 0]
    )
    points = np.array([[0.0, 0], [1, 1], [2, 0], [3, 2]])
    model = ConformalRegressor(FrozenEstimator(process), confidence_level=0.5)
    process.n_features_in_ = 2
    model.fit(points, np.array([0.0, 2, 2, 4]))
    np.testing.assert_array_equal(model.scores_[:, 0], [0, 1, 0, 0.5])
    np.testing.assert_array_equal(half_width(model, points), [0, 0.5, 0, 1])
    model.fit(points, np.array([9.0, 2, 9, 4]))
    lower, upper = model.predict_interval(points, confidence_level=0.75)
    assert (upper - lower == np.inf).all()


def test_sets_do_not_depend_on_their_neighbours():
    """Random parts of "aps" are those of a map, whatever stands beside it."""
    params = {"conformity_score": "aps", "random_state": 0}
    model = ConformalClassifier(LogisticRegression(), **params).fit(X, LABELS, groups=GROUPS)
    together = model.predict_set(X, confidence_level=0.7)
    assert together.dtype == bool
    order = RNG.permutation(120)
    np.testing.assert_array_equal(
        model.predict_set(X[order], confidence_level=0.7), together[order]
    )
    np.testing.assert_array_equal(model.predict_set(X[5:6], confidence_level=0.7), together[5:6])
    # Larger levels have larger sets, and classes come in the order of their probabilities.
    larger = model.predict_set(X, confidence_level=0.9)
    assert (larger >= together).all()
    assert larger.sum() > together.sum()
    probabilities = model.predict_proba(X)
    inside = np.where(larger, probabilities, 1).min(axis=1)
    assert (inside >= np.where(larger, 0, probabilities).max(axis=1)).all()


def test_scores_of_classes():
    """Both scores by hand."""
    model = ConformalClassifier(LogisticRegression(), random_state=0).fit(X, LABELS)
    aside = model.calibration_indices_
    truth = (LABELS[aside][:, None] == model.classes_).argmax(axis=1)
    probabilities = model.predict_proba(X[aside])
    of_truth = probabilities[np.arange(len(aside)), truth]
    np.testing.assert_allclose(model.scores_[:, 0], 1 - of_truth)
    model.set_params(conformity_score="aps").fit(X, LABELS)
    above = np.where(probabilities > of_truth[:, None], probabilities, 0).sum(axis=1)
    part = (model.scores_[:, 0] - above) / of_truth
    assert part.min() > 0
    assert part.max() < 1
    assert 0.3 < part.mean() < 0.7


def test_class_that_is_only_set_aside():
    """It counts among the classes, has no probability, and is in no set but a full one."""
    labels = np.zeros(120, dtype=int)
    labels[GROUPS == 7] = 1
    for seed in range(40):
        model = ConformalClassifier(DummyClassifier(strategy="prior"), random_state=seed)
        model.fit(X, labels, groups=GROUPS)
        if list(model.estimator_.classes_) == [0]:
            break
    np.testing.assert_array_equal(model.classes_, [0, 1])
    np.testing.assert_array_equal(model.predict_proba(X), [[1, 0]] * 120)
    np.testing.assert_array_equal(model.predict_set(X, confidence_level=0.8), [[True, False]] * 120)
    assert model.predict_set(X, confidence_level=10 / 11).all()


@pytest.mark.parametrize(
    "model",
    [
        ConformalRegressor(BayesianRidge(), random_state=0),
        ConformalClassifier(LogisticRegression(), random_state=0),
        RecalibratedRegressor(BayesianRidge(), random_state=0),
    ],
)
def test_tables(model):
    """Columns of a table are named in fit and checked in predict, and warn of nothing else."""
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=list("abcd"))
    labelled = isinstance(model, ConformalClassifier)
    y, method = (LABELS, "predict_proba") if labelled else (Y[:, 0], "predict")
    names = GROUPS.astype(str)
    again = clone(model).fit(X, y, groups=names)
    model.fit(table, pd.Series(y, index=range(5, 125)), groups=pd.Series(names))
    assert list(model.feature_names_in_) == list("abcd")
    np.testing.assert_allclose(getattr(model, method)(table), getattr(again, method)(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[list("dcba")])


def test_routing():
    """Cross-validation hands groups on by metadata routing."""
    params = {"groups": GROUPS}
    with config_context(enable_metadata_routing=True):
        model = ConformalRegressor(Ridge(), confidence_level=0.8).set_fit_request(groups=True)
        found = cross_validate(model, X, Y, cv=GroupKFold(4), params=params, return_estimator=True)
    assert [each.n_calibration_groups_ for each in found["estimator"]] == [8] * 4


@pytest.mark.parametrize(
    ("model", "params", "message"),
    [
        (ConformalRegressor(LogisticRegression()), {}, "'estimator' parameter of ConformalRegr"),
        (ConformalClassifier(Ridge()), {}, "'estimator' parameter of ConformalClassifier"),
        (RecalibratedRegressor(LogisticRegression()), {}, "'estimator' parameter of Recalibrated"),
        (ConformalRegressor(Ridge(), normalize=True), {}, "normalize=True.* standard deviations"),
        (RecalibratedRegressor(Ridge()), {}, "RecalibratedRegressor needs an estimator that pred"),
        (RecalibratedRegressor(CNNRegressor()), {}, "standard deviations"),
        (ConformalRegressor(Ridge(), normalize="yes"), {}, "'normalize' parameter"),
        (ConformalRegressor(Ridge(), confidence_level=1), {}, "'confidence_level' parameter of Co"),
        (ConformalRegressor(Ridge(), confidence_level=True), {}, "'confidence_level' parameter"),
        (ConformalRegressor(Ridge(), calibration_fraction=1.0), {}, "'calibration_fraction'"),
        (ConformalClassifier(LogisticRegression(), conformity_score="x"), {}, "conformity_score"),
        (ConformalRegressor(Ridge()), {"groups": np.zeros(120)}, "at least 2 groups"),
        (ConformalRegressor(Ridge()), {"groups": [1, 2]}, "inconsistent"),
        (
            ConformalRegressor(GaussianProcessRegressor()),
            {"sample_weight": np.ones(120)},
            "takes no sample_weight",
        ),
    ],
)
def test_what_is_refused(model, params, message):
    """Parameters that do not fit are named before anything is fitted."""
    y = LABELS if isinstance(model, ConformalClassifier) else Y[:, 0]
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **params)
    assert not hasattr(model, "estimator_")
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("level", [0, 1, -0.5, 1.2, "0.9", None])
def test_levels_of_predictions(level):
    """Levels are numbers between 0 and 1; None is that of the parameter."""
    model = ConformalRegressor(Ridge()).fit(X, Y)
    if level is None:
        assert np.isfinite(half_width(model, X, confidence_level=None)).all()
        return
    message = "'confidence_level' parameter of ConformalRegressor.predict_interval must be"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.predict_interval(X, confidence_level=level)
