"""Scores across suites of simulations, against cases that can be computed."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skastro.exceptions import LeakageWarning
from skastro.maps import open_maps
from skastro.model_selection import CrossSuite, cross_suite
from skastro.preprocessing import FieldScaler
from skastro.statistics import Moments

RNG = np.random.default_rng(0)
N = 60
Y = RNG.uniform(-1, 1, size=(N, 2))
GROUPS = np.arange(N) // 3
A = (Y @ [[1, 0, 1], [0, 1, 1]], Y, GROUPS)
B = (2 * A[0][::-1], Y[::-1], GROUPS)


def test_slopes():
    """A feature of twice the size is taken for twice the target; half of it the other way."""
    result = cross_suite(LinearRegression(), {"A": A, "B": B}, cv=GroupKFold(4))
    assert result.scores.shape == (2, 2, 4)
    np.testing.assert_allclose(result.scores[[0, 1], [0, 1]], 1)
    for fold, (train, test) in enumerate(GroupKFold(4).split(Y, groups=GROUPS)):
        truth = Y[::-1][test]
        twice = r2_score(truth, 2 * truth, multioutput="raw_values")
        np.testing.assert_allclose(result.target_scores[0, 1, fold], twice)
        np.testing.assert_allclose(result.scores[0, 1, fold], twice.mean())
        half = r2_score(Y[test], Y[test] / 2)
        np.testing.assert_allclose(result.scores[1, 0, fold], half)
        mean = np.broadcast_to(Y[train].mean(axis=0), truth.shape)
        of_mean = r2_score(truth, mean, multioutput="raw_values")
        np.testing.assert_allclose(result.dummy_target_scores[0, 1, fold], of_mean)
        np.testing.assert_allclose(result.dummy_scores[0, 1, fold], of_mean.mean())
    np.testing.assert_allclose(result.loss[0, 1], 1 - result.scores[0, 1])
    assert (result.loss[0, 0] == 0).all()


def test_diagonal_is_a_cross_validation():
    model = make_pipeline(StandardScaler(), LinearRegression())
    X, y = A[0] + RNG.normal(size=A[0].shape), Y[:, 0]
    result = cross_suite(model, {"A": (X, y), "B": (3 * X, y)}, cv=3, scoring="neg_max_error")
    expected = cross_val_score(model, X, y, cv=KFold(3), scoring="neg_max_error")
    np.testing.assert_allclose(result.scores[0, 0], expected)
    assert result.scoring == "neg_max_error"
    assert result.target_scores.shape == (2, 2, 3, 1)


def test_what_is_seen(recorder):
    """Fits see training rows of their suite alone; all models see the same test rows."""
    cross_suite(recorder, {"A": A, "B": B}, cv=3)
    fits = [call for call in recorder.seen if call[0] == "fit"]
    tests = [call[1] for call in recorder.seen if call[0] == "predict"]
    folds = list(GroupKFold(3).split(Y, groups=GROUPS))
    assert len(fits) == 6
    for i, (X, y, _) in enumerate((A, B)):
        for fold, (train, test) in enumerate(folds):
            _, maps, targets, groups = fits[3 * i + fold]
            np.testing.assert_array_equal(maps, X[train])
            np.testing.assert_array_equal(targets, y[train])
            np.testing.assert_array_equal(groups, GROUPS[train])
            # Once for the score and once for that of each target, in each suite.
            of_fit = tests[4 * (3 * i + fold) : 4 * (3 * i + fold + 1)]
            for j in range(2):
                for maps in of_fit[2 * j : 2 * j + 2]:
                    np.testing.assert_array_equal(maps, (A, B)[j][0][test])


def test_bunches_and_lazy_maps():
    """Bunches of loaders, whose names are kept; statistics are those of the source."""
    maps = RNG.normal(size=(20, 7, 9)).astype(np.float32)
    maps *= np.linspace(1, 2, 20, dtype=np.float32)[:, None, None]
    y = (maps**2).mean(axis=(1, 2))
    suites = {
        name: Bunch(maps=open_maps(scale * maps), target=y[:, None], target_names=["power"])
        for name, scale in (("A", 1), ("B", 3))
    }
    model = make_pipeline(FieldScaler(), Moments(), LinearRegression())
    result = cross_suite(model, suites, cv=2, return_estimator=True)
    assert result.target_names == ["power"]
    scales = [[float(np.ravel(m[0].scale_)[0]) for m in row] for row in result.estimators]
    np.testing.assert_allclose(scales[1], np.multiply(3, scales[0]), rtol=1e-4)
    arrays = {name: (np.asarray(bunch.maps), y) for name, bunch in suites.items()}
    np.testing.assert_allclose(cross_suite(model, arrays, cv=2).scores, result.scores, rtol=1e-5)


def test_shared_groups():
    """Twins of test simulations are not trained on where groups are said to be shared."""
    rows = RNG.permutation(N)
    shuffled = tuple(part[rows] for part in A)
    seen = Bunch(maps=A[0], target=A[1], groups=GROUPS, initial_conditions=GROUPS, seeds_known=True)
    other = Bunch(
        maps=shuffled[0],
        target=shuffled[1],
        groups=rows,
        initial_conditions=shuffled[2],
        seeds_known=True,
    )
    with pytest.warns(LeakageWarning, match=r"initial conditions .* A to B, B to A"):
        cross_suite(LinearRegression(), {"A": seen, "B": other}, cv=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cross_suite(LinearRegression(), {"A": A, "B": shuffled}, cv=4)
        shared = cross_suite(
            Memory(), {"A": A, "B": shuffled}, cv=4, shared_groups=True, scoring=_knows
        )
    assert (shared.scores == 0).all()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        known = cross_suite(
            Memory(),
            {"A": A, "B": shuffled},
            cv=KFold(4),
            shared_groups=True,
            scoring=_knows,
        )
    assert any(issubclass(w.category, LeakageWarning) for w in caught)
    assert known.scores[0, 1].max() > 0


class Memory(RegressorMixin, BaseEstimator):
    """Knows its rows by heart."""

    def fit(self, X, y):
        """Keep the rows."""
        self.rows_ = {tuple(row) for row in X}
        return self

    def predict(self, X):
        """Predict zeros."""
        return np.zeros((len(X), 2))


def _knows(estimator, X, y):
    """Share of rows that were trained on."""
    rows = getattr(estimator, "rows_", set())
    return np.mean([tuple(row) in rows for row in X])


def test_differences_are_told():
    narrow = (A[0], Y / 2, GROUPS)
    with pytest.warns(UserWarning, match=r"target 0 ranges from -0.\d+ to 0.\d+ in 'A'"):
        cross_suite(LinearRegression(), {"A": A, "narrow": narrow})
    first = Bunch(maps=A[0], target=Y, target_names=["a", "b"], units=["K"])
    second = Bunch(maps=A[0], target=Y, target_names=["b", "a"], units=["mK"])
    with pytest.warns(UserWarning, match=r"target_names are \['a', 'b'\] .*units are \['K'\]"):
        cross_suite(LinearRegression(), {"A": first, "B": second})
    half = np.where(Y[:, 0] > 0.5, 2, 0)
    whole = np.where(abs(Y[:, 0]) < 0.5, 1, half)
    with pytest.warns(UserWarning, match=r"'B' has no class \[1\] of 'A'"):
        cross_suite(LogisticRegression(), {"A": (A[0], whole), "B": (A[0], half)})
    few = Y[:, 0] > 0, np.where(Y[:, 0] > 0.5, 2, Y[:, 0] > 0)
    texts = [np.array(["no", "yes", "very"])[labels.astype(int)] for labels in few]
    with pytest.warns(UserWarning, match=r"'A' has no class \['very'\] of 'B'"):
        result = cross_suite(LogisticRegression(), {"A": (A[0], texts[0]), "B": (A[0], texts[1])})
    assert result.scoring == "accuracy"
    assert result.target_scores is None
    with pytest.raises(ValueError, match=r"CrossSuite.target_table needs r2"):
        result.target_table()


def test_tables_and_words():
    pytest.importorskip("pandas")
    result = cross_suite(LinearRegression(), {"A": A, "B": B}, cv=3)
    table = result.table(digits=2)
    assert table.index.tolist() == ["A", "B", "A, dummy", "B, dummy"]
    assert table.loc["A", "A"] == "1.00 +- 0.00"
    tidy = result.table(tidy=True)
    assert len(tidy) == 4 * 2 * 3
    one = tidy[(tidy.trained == "A, dummy") & (tidy.tested == "B")]
    np.testing.assert_allclose(one.r2, result.dummy_scores[0, 1])
    targets = result.target_table()
    mean = f"{result.target_scores[1, 0, :, 1].mean():.2f}"
    assert targets.loc[("B", "A", "model"), "target 1"].startswith(mean)
    assert targets.shape == (8, 2)
    text = str(result)
    assert "Trained on B and tested on A: r2 0.7" in text
    assert "Part of it transfers" in text.splitlines()[1]
    scores = np.array([[[1.0, 1.0], [-1.0, -2.0]], [[1.0, 2.0], [1.0, 1.0]]])
    verdict = CrossSuite(scores, np.zeros((2, 2, 2)), ["A", "B"]).verdict()
    assert "worse than looking at no map, in all 2 folds" in verdict.splitlines()[0]
    assert "not always below its own" in verdict.splitlines()[1]
    dummies = np.array([[[0.0, 0.0], [-9.0, -9.0]], [[-9.0, -9.0], [-0.5, -0.5]]])
    verdict = CrossSuite(scores, dummies, ["A", "B"]).verdict().splitlines()
    assert "above what A says without maps, in all 2 folds, but not above what B" in verdict[0]
    assert "without maps (-0.50 +- 0.00): little that is of use transfers" in verdict[0]
    assert "It transfers" in verdict[1]


def test_dummies_that_fail_are_told():
    """Nothing is compared with what has no score."""
    fields = RNG.normal(size=(9, 4, 5))

    def error(model, X, y):
        return -np.mean((model.predict(X) - y) ** 2)

    suites = {"A": (fields, fields), "B": (fields, fields)}
    with pytest.raises(ValueError, match=r"could not score the dummy(?s:.*)Found array with dim 3"):
        cross_suite(Same(), suites, cv=3, scoring=error)
    result = cross_suite(Same(), suites, cv=3, scoring=error, dummy=Same(0.0))
    np.testing.assert_allclose(result.scores, 0)
    assert (result.dummy_scores < -0.5).all()


class Same(RegressorMixin, BaseEstimator):
    """Predicts its maps, times a factor."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y):
        """Do nothing."""
        self.fitted_ = True
        return self

    def predict(self, X):
        """Predict the maps."""
        return self.factor * X


def test_failures():
    class Picky(LinearRegression):
        def predict(self, X):
            if np.abs(X).max() > 2.5:
                raise RuntimeError("too large")
            return super().predict(X)

    with pytest.warns(FitFailedWarning, match="too large"):
        result = cross_suite(Picky(), {"A": A, "B": B}, cv=3)
    assert np.isfinite(result.scores[:, 0]).all()
    assert np.isnan(result.scores[:, 1]).any()
    assert np.isnan(result.target_scores[:, 1]).any()
    assert "Some fits failed" in result.verdict()
    with pytest.raises(RuntimeError, match="too large"):
        cross_suite(Picky(), {"A": A, "B": B}, cv=3, error_score="raise")


@pytest.mark.parametrize(
    ("suites", "parameters", "error", "message"),
    [
        ([A, B], {}, TypeError, "'suites' .* must be a dict .* Got list"),
        ({"A": A}, {}, ValueError, "at least two suites"),
        ({"A": A, "B": B[0]}, {}, TypeError, "Suite 'B' .* Got ndarray"),
        ({"A": A, "B": (B[0], Y[:, 0])}, {}, ValueError, r"needs equal targets"),
        ({"A": A, "B": (B[0], Y[1:])}, {}, ValueError, "suite 'B'.* inconsistent numbers"),
        ({"A": A, "B": B[:2]}, {"shared_groups": True}, ValueError, "needs groups of all suites"),
        ({"A": A, "B": B}, {"cv": 30}, ValueError, "number of groups is 20"),
        ({"A": A, "B": B}, {"cv": 50, "shared_groups": True}, ValueError, "together have 20"),
        ({"A": A, "B": B}, {"scoring": ["r2"]}, TypeError, "'scoring' parameter of cross_suite"),
        ({"A": A, "B": B}, {"error_score": None}, ValueError, "'error_score' .* cross_suite"),
    ],
)
def test_errors(suites, parameters, error, message):
    with pytest.raises(error, match=message):
        cross_suite(DummyRegressor(), suites, **parameters)
