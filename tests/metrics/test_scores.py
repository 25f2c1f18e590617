"""Errors, reduced chi squared and coverage against numbers worked out by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import (
    make_scorer,
    mean_absolute_percentage_error,
    mean_squared_error,
)
from sklearn.model_selection import cross_val_score

from skastro import metrics
from skastro.metrics import coverage, mean_squared_log10_error, reduced_chi2, relative_error

TRUTH = np.array([[1.0, -2.0], [2.0, 4.0], [4.0, 5.0]])
PREDICTION = np.array([[1.5, -1.0], [2.0, 4.0], [3.0, 6.0]])
STD = np.array([[0.5, 2.0], [1.0, 1.0], [0.25, 0.5]])
COUNTS = np.array([[1000.0, 0.0], [10.0, 3.0], [1.0, 200.0]])
COUNTED = np.array([[10.0, 0.7], [100.0, -5.0], [0.1, 2.0]])
LOG3 = np.log10(3)
SCORES = {
    "mean_squared_log10_error": (
        lambda **kw: mean_squared_log10_error(COUNTS, COUNTED, **kw),
        [5 / 3, (LOG3**2 + 4) / 3],
    ),
    "relative_error": (lambda **kw: relative_error(TRUTH, PREDICTION, **kw), [0.25, 0.7 / 3]),
    "reduced_chi2": (lambda **kw: reduced_chi2(TRUTH, PREDICTION, STD, **kw), [17 / 3, 4.25 / 3]),
    "coverage": (lambda **kw: coverage(TRUTH, PREDICTION, STD * 1.001, **kw), [2 / 3, 2 / 3]),
}
# What each sample contributes.
TERMS = {
    "mean_squared_log10_error": [[4, 0], [1, LOG3**2], [0, 4]],
    "relative_error": [[0.5, 0.5], [0, 0], [0.25, 0.2]],
    "reduced_chi2": [[1, 0.25], [0, 0], [16, 4]],
    "coverage": [[1, 1], [1, 1], [0, 0]],
}
all_scores = pytest.mark.parametrize("name", SCORES)


@all_scores
def test_values(name):
    """One number for each output, and their mean with and without weights."""
    score, expected = SCORES[name]
    np.testing.assert_allclose(score(multioutput="raw_values"), expected)
    assert score() == pytest.approx(np.mean(expected))
    assert isinstance(score(), float)
    weighted = score(multioutput=[3, 1])
    assert weighted == pytest.approx(np.average(expected, weights=[3, 1]))


@all_scores
def test_sample_weight(name):
    """A weight counts a sample so often."""
    score, _ = SCORES[name]
    weights = [3.0, 1.0, 0.5]
    expected = np.average(TERMS[name], axis=0, weights=weights)
    found = score(sample_weight=weights, multioutput="raw_values")
    np.testing.assert_allclose(found, expected)


@all_scores
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"multioutput": "mean"}, "multioutput"),
        ({"multioutput": [1.0]}, "2 finite weights"),
        ({"multioutput": [[1.0, 2.0]]}, "2 finite weights"),
        ({"multioutput": [0.0, 0.0]}, "not all zero"),
        ({"multioutput": [1, -1]}, r"none negative.*\[1, -1\]"),
        ({"multioutput": [2, -1]}, r"none negative.*\[2, -1\]"),
        ({"multioutput": [1, np.nan]}, r"finite weights.*nan"),
        ({"multioutput": [2, np.inf]}, r"finite weights.*inf"),
        ({"multioutput": ["a", "b"]}, "2 finite weights"),
        ({"sample_weight": [1.0, 2.0]}, "hold 3 weights"),
        ({"sample_weight": [1.0, -2.0, 1.0]}, "negative"),
        ({"sample_weight": [0.0, 0.0, 0.0]}, "all zero"),
    ],
)
def test_wrong_averages(name, parameters, message):
    """Averages that cannot be taken are refused by the score's name."""
    with pytest.raises(ValueError, match=message) as error:
        SCORES[name][0](**parameters)
    assert name in str(error.value)


def test_one_output():
    """One axis is one output."""
    assert relative_error([1.0, 2.0], [2.0, 2.0]) == 0.5
    assert reduced_chi2([1.0, 2.0], [2.0, 2.0], [0.5, 0.5]) == 2
    found = coverage([1.0, 2.0], [2.0, 2.0], [0.5, 0.5], multioutput="raw_values")
    np.testing.assert_array_equal(found, [0.5])


def test_relative_error_agrees_with_scikit_learn():
    """Where truths are not zero, it is scikit-learn's percentage error."""
    assert relative_error(TRUTH, PREDICTION) == pytest.approx(
        mean_absolute_percentage_error(TRUTH, PREDICTION)
    )
    with pytest.raises(ValueError, match="zero, as in output 1"):
        relative_error([[1.0, 0.0]], [[1.0, 1.0]])


def test_floor_of_logarithms():
    """What is below the floor is at the floor; far above it the logarithms alone count."""
    assert mean_squared_log10_error([0.0, 100.0], [3.0, -7.0], floor=10) == 0.5
    assert mean_squared_log10_error([0.0, 1e-3], [1e-4, 1e-4], floor=1e-4) == pytest.approx(0.5)
    assert mean_squared_log10_error([0.0], [0.9]) == 0
    rng = np.random.default_rng(0)
    truth, pred = 10 ** rng.uniform(1, 5, size=(2, 40, 3))
    found = mean_squared_log10_error(truth, pred, floor=0.1, multioutput="raw_values")
    want = mean_squared_error(np.log10(truth), np.log10(pred), multioutput="raw_values")
    np.testing.assert_allclose(found, want, rtol=1e-12)


@pytest.mark.parametrize("floor", [0, -1.0, np.nan, np.inf, "low", True, None])
def test_wrong_floor(floor):
    """A floor is a number above zero."""
    with pytest.raises(ValueError, match=r"'floor' parameter of mean_squared_log10_error .* Got"):
        mean_squared_log10_error(COUNTS, COUNTED, floor=floor)


def test_right_errors():
    """Where errors are Gaussian and of the size that was said, chi squared is 1."""
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 10, size=(40_000, 2))
    truth = rng.normal(size=std.shape)
    pred = truth + std * rng.normal(size=std.shape)
    chi2 = reduced_chi2(truth, pred, std, multioutput="raw_values")
    np.testing.assert_allclose(chi2, 1, atol=0.03)
    np.testing.assert_allclose(reduced_chi2(truth, pred, std / 2), 4 * chi2.mean())
    for level in (0.1, 0.6827, 0.95):
        found = coverage(truth, pred, std, level=level, multioutput="raw_values")
        np.testing.assert_allclose(found, level, atol=0.01)


@pytest.mark.parametrize("level", [0.5, 0.6827, 0.95])
def test_interval_of_a_level(level):
    """The interval ends where the quantile of a Gaussian is."""
    z = stats.norm.ppf(0.5 + level / 2)
    truth = np.array([z * 0.999, -z * 0.999, z * 1.001, -z * 1.001]) * 3 + 7
    assert coverage(truth, np.full(4, 7.0), np.full(4, 3.0), level=level) == 0.5


@pytest.mark.parametrize("level", [0, 1, 1.5, "high", np.nan])
def test_wrong_level(level):
    """A level is a share."""
    with pytest.raises(ValueError, match="level"):
        coverage(TRUTH, PREDICTION, STD, level=level)


@pytest.mark.parametrize("score", [reduced_chi2, coverage])
def test_wrong_errors(score):
    """Standard deviations are positive, one for each prediction."""
    std = STD.copy()
    std[1, 0] = 0
    with pytest.raises(ValueError, match="that of sample 1, output 0 is 0"):
        score(TRUTH, PREDICTION, std)
    with pytest.raises(ValueError, match=r"y_std has \(3,\)"):
        score(TRUTH, PREDICTION, STD[:, 0])


def test_wrong_targets():
    """Shapes that differ and values that are not finite are named."""
    with pytest.raises(ValueError, match=r"\(3, 2\) and y_pred has \(2, 2\)"):
        relative_error(TRUTH, PREDICTION[:2])
    with pytest.raises(ValueError, match="y_pred contains NaN"):
        relative_error([1.0], [np.nan])
    with pytest.raises(ValueError, match="dim 3"):
        relative_error(TRUTH[None], PREDICTION[None])


@all_scores
@pytest.mark.parametrize("argument", ["y_true", "y_pred"])
def test_nan_is_traced(name, argument):
    """The function and the argument are named."""
    score = getattr(metrics, name)
    values = {"y_true": TRUTH, "y_pred": PREDICTION}
    if name in ("reduced_chi2", "coverage"):
        values["y_std"] = STD
    values[argument] = values[argument].copy()
    values[argument][1, 1] = np.nan
    with pytest.raises(ValueError, match=f"{argument}.* NaN") as error:
        score(**values)
    assert name in str(error.value)


@pytest.mark.parametrize("score", [relative_error, lambda y, z: coverage(y, z, z)])
def test_no_samples(score):
    """Of no samples there is no mean."""
    with pytest.raises(ValueError, match=r"(relative_error|coverage): .*0 sample\(s\)"):
        score([], [])


@pytest.mark.parametrize("score", [relative_error, mean_squared_log10_error])
def test_scorer(score):
    """It serves as a scorer in scikit-learn's cross-validation."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    scorer = make_scorer(score, greater_is_better=False)
    scores = cross_val_score(Ridge(alpha=1e-6), X, X @ [[1.0, 2], [3, 4]] + 50, scoring=scorer)
    assert (np.abs(scores) < 1e-6).all()
    assert (scores < 0).all()
