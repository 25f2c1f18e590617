"""Dot plots of comparisons."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from skastro.inspection import ComparisonDisplay
from skastro.model_selection import compare

plt = pytest.importorskip("matplotlib.pyplot")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + RNG.normal(size=60)
MODELS = {"ridge": Ridge(1e3), "line": LinearRegression()}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.mark.parametrize("negate", [False, True])
def test_dots_intervals_and_bands(negate):
    found = compare(MODELS, X, Y, scoring="neg_mean_squared_error")
    display = ComparisonDisplay.from_comparison(found, negate_score=negate, best_first=True)
    sign = -1 if negate else 1
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == ["line", "ridge", "summary", "dummy"]
    for row, name in enumerate(labels):
        (x,), (y,) = display.dots_[name].get_data()
        assert (x, y) == (sign * found.score(name), row)
        ends = np.sort(sign * np.array(found.interval(name)))
        np.testing.assert_allclose(display.intervals_[name].get_xdata(), ends)
        drawn = display.folds_[name].get_xdata()
        assert set(drawn) <= set(sign * found.scores[name])
        low, high = display.ax_.get_xlim()
        assert low < ends[0] < ends[1] < high
    assert set(display.bands_) == {"summary", "dummy"}
    expected = "mean squared error" if negate else "neg mean squared error"
    assert display.ax_.get_xlabel() == f"{expected}, 95% intervals"
    assert display.ax_.get_ylim() == (3.5, -0.5)


def test_from_estimator():
    """One estimator, a list and a dict are compared, and the scores are kept."""
    options = {"cv": 2, "n_bootstrap": 10}
    figure, ax = plt.subplots()
    for estimator, names in (
        (Ridge(), ["Ridge"]),
        ([Ridge(), LinearRegression()], ["Ridge", "LinearRegression"]),
        (MODELS, ["ridge", "line"]),
    ):
        display = ComparisonDisplay.from_estimator(estimator, X, Y, ax=ax, **options)
        assert list(display.dots_)[: len(names)] == names
        assert display.figure_ is figure
        want = compare(estimator if len(names) > 1 else [estimator], X, Y, **options)
        assert display.comparison.score(names[0]) == want.score(names[0])


def test_folds_beyond_the_edge_and_no_intervals():
    """Far folds are triangles; scores that cannot be resampled have dots alone."""
    scores = iter([0.0, 0.1, 0.2, 0.1, -50.0] * 20)
    found = compare(
        MODELS, X, Y, summary=False, scoring=lambda *_: next(scores), confidence_level=0.9
    )
    _, ax = plt.subplots()
    display = ComparisonDisplay(found).plot(ax)
    assert display.ax_ is ax
    assert display.intervals_ == display.bands_ == {}
    assert display.ax_.get_xlabel() == "<lambda>"
    plain = compare(MODELS, X, Y, dummy=False)
    plain.scores["line"][:] = [-80.0, 0.3, 0.4, 0.5, 0.4]
    display = ComparisonDisplay.from_comparison(plain)
    assert len(display.folds_["line"].get_xdata()) == 4
    edges = [line for line in display.ax_.lines if line.get_marker() == "<"]
    assert any(line.get_ydata()[0] == pytest.approx(1.24) for line in edges)
    assert display.ax_.get_xlim()[0] > -10
