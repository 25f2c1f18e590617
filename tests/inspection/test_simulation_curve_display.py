"""Displays of scores across suites and against the number of simulations."""

import io

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skastro.inspection import CrossSuiteDisplay, SimulationCurveDisplay
from skastro.model_selection import CrossSuite, SimulationCurve, cross_suite, simulation_curve

plt = pytest.importorskip("matplotlib.pyplot")

N = np.array([10, 20, 40, 80, 160])
SCORES = (0.9 - 4 / N)[:, None] + 0.01 * np.array([-2, -1, 0, 1, 2])
CURVE = SimulationCurve(N, SCORES, np.full(5, -0.1), "r2")


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def test_curve():
    """Points, law, extrapolation and dummy stand where the numbers are."""
    display = SimulationCurveDisplay.from_curve(CURVE, beyond=3)
    points = display.points_[0].lines[0]
    np.testing.assert_allclose(points.get_xdata(), N)
    np.testing.assert_allclose(points.get_ydata(), 0.9 - 4 / N)
    np.testing.assert_allclose(display.lines_[0].get_ydata()[[0, -1]], [0.5, 0.875], atol=2e-3)
    [beyond] = display.extrapolations_
    np.testing.assert_allclose(beyond.get_xdata()[[0, -1]], [160, 480])
    assert beyond.get_ydata()[-1] == pytest.approx(0.9 - 4 / 480, abs=2e-3)
    assert beyond.get_linestyle() == "--"
    assert display.dummy_line_.get_ydata()[0] == pytest.approx(-0.1)
    assert len(display.bands_) == 1
    assert display.ax_.get_xscale() == "log"
    assert display.figure_.get_size_inches()[0] == pytest.approx(3.4)
    display.figure_.savefig(io.BytesIO())


def test_several_curves_and_untrusted_laws():
    """A law that is not to be trusted ends with the data; one that is absent is not drawn."""
    flat = SimulationCurve(N, 0.01 * np.random.default_rng(0).normal(size=(5, 5)), [0, 0], "r2")
    assert flat.law.problems
    short = SimulationCurve(N[:2], SCORES[:2], [0, 0], "r2")
    _, ax = plt.subplots()
    curves = {"good": CURVE, "flat": flat, "short": short}
    display = SimulationCurveDisplay.from_curve(curves, ax=ax)
    assert display.ax_ is ax
    counts = map(len, (display.points_, display.lines_, display.extrapolations_, display.bands_))
    assert list(counts) == [3, 2, 1, 1]
    assert [text.get_text() for text in ax.get_legend().get_texts()][-3:] == list(curves)
    other = SimulationCurve(N, SCORES - 1, [0, 0], "neg_mean_squared_error")
    negated = SimulationCurveDisplay(other).plot(negate_score=True)
    np.testing.assert_allclose(negated.points_[0].lines[0].get_ydata(), 0.1 + 4 / N)
    assert negated.ax_.get_ylabel() == "mean squared error"
    assert SimulationCurveDisplay(other).plot().ax_.get_ylabel() == "neg mean squared error"
    with pytest.raises(ValueError, match="curves of one score"):
        SimulationCurveDisplay.from_curve({"a": CURVE, "b": other})
    with pytest.raises(ValueError, match=r"'beyond' .* from 1 to 10"):
        SimulationCurveDisplay.from_curve(CURVE, beyond=50)


def test_from_estimator():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 2)
    y = rng.normal(size=40)
    X = y[:, None] + rng.normal(size=(40, 3))
    parameters = {"groups": groups, "sizes": [2, 4, 8, 16]}
    display = SimulationCurveDisplay.from_estimator(Ridge(), X, y, **parameters)
    expected = simulation_curve(Ridge(), X, y, **parameters)
    np.testing.assert_array_equal(display.curves.scores, expected.scores)
    several = SimulationCurveDisplay.from_estimator(
        {"a": Ridge()}, X, y, negate_score=True, **parameters
    )
    assert several.ax_.get_ylabel() == "\N{MINUS SIGN}r2"
    np.testing.assert_array_equal(several.curves["a"].scores, expected.scores)


def test_across_suites():
    """Rows are suites of training, columns suites of testing, each with its dummy."""
    mean = np.array([[0.6, -5.0], [0.2, 0.7]])
    dummy = np.array([[0.0, -0.5], [-0.4, 0.1]])
    spread = np.array([-0.1, 0.0, 0.1])
    result = CrossSuite(mean[..., None] + spread, dummy[..., None] + spread, ["A", "B"], "r2")
    display = CrossSuiteDisplay.from_result(result)
    np.testing.assert_allclose(display.image_.get_array(), mean)
    minus = "\N{MINUS SIGN}"
    lines = display.texts_[0, 1].get_text().splitlines()
    assert lines == [f"{minus}5.00", "\N{PLUS-MINUS SIGN}0.08", f"[{minus}0.50]"]
    assert display.texts_[0, 1].get_position() == (1, 0)
    assert display.ax_.get_ylabel() == "trained on"
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["A", "B"]
    # As far below the mean dummy, -0.2, as the best score is above it.
    np.testing.assert_allclose(display.image_.get_clim(), (-1.1, 0.7))
    negated = CrossSuiteDisplay.from_result(result, negate_score=True)
    assert negated.texts_[0, 1].get_text().splitlines()[2] == "[0.50]"
    assert negated.colorbar_.ax.get_ylabel() == f"{minus}r2"
    assert display.colorbar_.ax.get_ylabel() == "r2"
    display.figure_.savefig(io.BytesIO())
    rng = np.random.default_rng(0)
    y = rng.normal(size=20)
    suites = {"A": (y[:, None], y), "B": (2 * y[:, None], y)}
    made = CrossSuiteDisplay.from_estimator(Ridge(), suites, cv=2, negate_score=True)
    assert made.colorbar_.ax.get_ylabel() == f"{minus}r2"
    np.testing.assert_array_equal(made.result.scores, cross_suite(Ridge(), suites, cv=2).scores)
