"""Intervals and words of a comparison, against simulated truths."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import RepeatedKFold

from skastro.model_selection import Comparison, compare

RNG = np.random.default_rng(0)


class Column(RegressorMixin, BaseEstimator):
    """Predicts a column of the table, so that errors are known."""

    def __init__(self, column=0):
        self.column = column

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return X[:, self.column]


def simulated(n_groups, rng, per_group=4):
    """Targets, and a table with two predictions whose errors share a part in each group."""
    groups = np.repeat(np.arange(n_groups), per_group)
    y = rng.normal(size=n_groups)[groups]
    shared = rng.normal(size=n_groups)[groups] + 0.5 * rng.normal(size=groups.size)
    return groups, y, np.column_stack([y + shared, y + 1.1 * shared])


def compared(X, y, groups, **parameters):
    parameters = {
        "dummy": False,
        "summary": False,
        "scoring": "neg_mean_squared_error",
    } | parameters
    return compare({"a": Column(0), "b": Column(1)}, X, y, groups=groups, **parameters)


def test_coverage():
    """Intervals over groups hold the true score in most repeats, those over samples do not."""
    inside = np.zeros((2, 60), dtype=bool)
    for i in range(60):
        groups, y, X = simulated(30, np.random.default_rng(i))
        for j, given in enumerate((groups, None)):
            found = compared(X, y, given, n_bootstrap=200, cv=2, confidence_level=0.9)
            low, high = found.interval("a")
            inside[j, i] = low <= -1.25 <= high
    assert inside[0].mean() > 0.7
    assert inside[1].mean() < inside[0].mean() - 0.1


def test_resamples_are_of_groups():
    """Standard errors are those of the groups' sums, and repeats of folds add nothing."""
    groups, y, X = simulated(40, RNG)
    found = compared(X, y, groups, n_bootstrap=2000)
    loss = ((X[:, 0] - y) ** 2).reshape(40, 4).mean(axis=1)
    expected = loss.std() / np.sqrt(40)
    assert found.bootstrap_scores["a"].std() == pytest.approx(expected, rel=0.06)
    assert found.score("a") == pytest.approx(-loss.mean())
    repeated = compared(X, y, None, n_bootstrap=2000, cv=RepeatedKFold(n_splits=4, n_repeats=3))
    single = compared(X, y, None, n_bootstrap=2000, cv=4)
    np.testing.assert_allclose(repeated.bootstrap_scores["a"], single.bootstrap_scores["a"])
    assert len(repeated.out_of_fold("a")[0]) == 3 * len(y)


def test_differences_are_paired():
    """Their interval is much narrower than those of the scores would make it."""
    groups, y, X = simulated(40, RNG)
    found = compared(X, y, groups)
    value, low, high, better = found.difference("a", "b")
    one, two = (np.ptp(found.interval(name)) for name in "ab")
    assert 0 < low < value < high
    assert better == 1
    assert high - low < 0.5 * np.hypot(one, two)
    assert found.interval("a")[0] < found.interval("b")[1]
    assert found.difference("b", "a")[:3] == pytest.approx((-value, -high, -low))
    text = found.verdict()
    assert "Best of 2 candidates: 'a'" in text
    assert "It is separated from the second, 'b'" in text
    assert "chosen as the best of 2 by these very scores" in text


def test_nothing_was_learned():
    """A model that predicts about the mean is not called better than the mean."""
    groups = np.repeat(np.arange(30), 5)
    X, y = RNG.normal(size=(150, 2)), RNG.uniform(size=30)[groups]
    found = compare([LinearRegression()], X, y, groups=groups, scoring="neg_mean_squared_error")
    assert abs(found.difference("LinearRegression", "dummy").value) < 0.01
    text = found.verdict()
    assert "'LinearRegression' is not separated from 'dummy'" in text
    assert "Nothing shows that it learned anything." in text
    assert "150 test samples of 30 groups in 5 folds" in text
    assert "better than" not in text
    table = np.column_stack([X, y + 0.1 * RNG.normal(size=150)])
    learned = compare([LinearRegression()], table, y, groups=groups)
    assert "'LinearRegression' is better than 'dummy'" in learned.verdict()
    assert "is worse than 'summary'" not in learned.verdict()
    exact = compare([LinearRegression()], np.column_stack([X, y]), y, groups=groups)
    same = compare([LinearRegression()], table, y, groups=groups, summary=LinearRegression())
    assert "not separated from 'summary'" in same.verdict()
    assert "is better than 'dummy'" in exact.verdict()


def test_words_of_errors_and_of_broken_baselines():
    """Negated errors are said to be such, and to beat what is worse than the mean is little."""
    groups, y, X = simulated(20, np.random.default_rng(1))
    noise = DummyRegressor(strategy="constant", constant=9.0)
    found = compared(X, y, groups, dummy=True, summary=noise)
    text = found.verdict()
    assert text.startswith("Score: minus the mean squared error, so that greater, which is nearer")
    assert "'a' is better than 'summary'" in text
    assert "'summary' is itself no better than 'dummy', so that to beat it means little" in text
    own = make_scorer(mean_squared_error, greater_is_better=False)
    again = compared(X, y, groups, scoring=own)
    assert again.scoring == found.scoring
    np.testing.assert_allclose(again.bootstrap_scores["a"], found.bootstrap_scores["a"])
    X = y[:, None] + 0.2 * (X - y[:, None])
    again = compared(X, y, groups, dummy=True, summary=Column(1))
    assert "'a' is better than 'summary'" in again.verdict()
    assert "means little" not in again.verdict()
    assert "greater is better, of" in compared(X, y, groups, scoring="r2").verdict()


def test_few_groups_make_no_claim():
    groups, y, X = simulated(9, RNG)
    text = compared(X, y, groups, dummy=True).verdict()
    assert "No claim can be made: 9 groups are too few" in text
    assert "is better than" not in text
    assert "Beside 'dummy', what looks at no map: the difference is" in text


def test_tables():
    pd = pytest.importorskip("pandas")
    groups, y, X = simulated(12, RNG)
    found = compared(X[:, ::-1], y, groups, dummy=True)
    table = found.table()
    assert table.index.tolist() == ["a", "b", "dummy"]
    columns = ["mean", "std", "pooled", "low", "high", "fit_time", "n_effective"]
    assert table.columns.tolist() == columns
    assert found.table(best_first=True).index.tolist() == ["b", "a", "dummy"] or y.var() < 1.5
    np.testing.assert_allclose(table["std"]["a"], found.scores["a"].std())
    tidy = found.table(tidy=True)
    assert len(tidy) == 15
    means = tidy.groupby("candidate")[found.scoring].mean()
    pd.testing.assert_series_equal(means, table["mean"], check_names=False)
    differences = found.differences("b")
    assert differences.index.tolist() == ["a", "dummy"]
    assert differences.loc["a", "difference"] == pytest.approx(found.score("a") - found.score("b"))
    with pytest.raises(ValueError, match="no candidate 'c'; it has a, b, dummy"):
        found.differences("c")


def test_texts_and_pickles():
    groups, y, X = simulated(12, RNG)
    found = compared(X, y, groups)
    assert repr(found) == (
        "Comparison(2 candidates, 5 folds, 12 groups, scoring='neg_mean_squared_error')"
    )
    assert str(found).endswith(found.verdict())
    sent = pickle.loads(pickle.dumps(found))
    assert isinstance(sent, Comparison)
    assert str(sent) == str(found)
