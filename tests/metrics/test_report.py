"""The table of recovered parameters."""

import sys

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.metrics import r2_score, root_mean_squared_error

from skastro.metrics import coverage, recovery_report, reduced_chi2, relative_error

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(10), 15)
TRUTH = RNG.uniform(0.1, 0.5, size=(10, 3))[GROUPS]
STD = RNG.uniform(0.01, 0.1, size=TRUTH.shape)
PREDICTION = TRUTH + STD * RNG.normal(size=TRUTH.shape)


def test_columns():
    """Every column holds the score of its name."""
    table = recovery_report(TRUTH, PREDICTION, STD, groups=GROUPS)
    assert list(table.index) == ["target 0", "target 1", "target 2"]
    raw = {"multioutput": "raw_values"}
    means = PREDICTION.reshape(10, 15, 3).mean(1)
    dummy = DummyRegressor().fit(TRUTH, TRUTH).predict(TRUTH)
    expected = {
        "r2": r2_score(TRUTH, PREDICTION, **raw),
        "rmse": root_mean_squared_error(TRUTH, PREDICTION, **raw),
        "rmse_of_mean": root_mean_squared_error(TRUTH, dummy, **raw),
        "relative_error": relative_error(TRUTH, PREDICTION, **raw),
        "reduced_chi2": reduced_chi2(TRUTH, PREDICTION, STD, **raw),
        "coverage": coverage(TRUTH, PREDICTION, STD, **raw),
        "group_r2": r2_score(TRUTH[::15], means, **raw),
        "group_rmse": root_mean_squared_error(TRUTH[::15], means, **raw),
    }
    assert list(table.columns) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(table[name], values)


def test_without_errors_and_groups():
    """Columns that need what was not given are left out; one axis is one row."""
    table = recovery_report(TRUTH[:, 0], PREDICTION[:, 0])
    assert list(table.columns) == ["r2", "rmse", "rmse_of_mean", "relative_error"]
    assert table.shape == (1, 4)


def test_scores_without_a_value():
    """Equal truths have no r2, and a truth of zero no relative error."""
    truth = TRUTH.copy()
    truth[:, 1], truth[3, 2] = 0.3, 0
    table = recovery_report(truth, PREDICTION)
    np.testing.assert_array_equal(table["r2"].isna(), [False, True, False])
    np.testing.assert_array_equal(table["relative_error"].isna(), [False, False, True])
    assert table["rmse_of_mean"].iloc[1] == pytest.approx(0)
    expected = (abs(PREDICTION - truth)[:, :2] / truth[:, :2]).mean(axis=0)
    np.testing.assert_allclose(table["relative_error"][:2], expected)
    assert recovery_report(truth[:1], PREDICTION[:1])["r2"].isna().all()
    assert recovery_report(0 * truth, PREDICTION)["relative_error"].isna().all()


def test_names():
    """Names are given, or those of a DataFrame."""
    names = ["Omega_m", "sigma_8", "A_SN1"]
    frame = pd.DataFrame(TRUTH, columns=names)
    assert list(recovery_report(frame, PREDICTION).index) == names
    assert list(recovery_report(TRUTH, PREDICTION, target_names=names).index) == names
    assert list(recovery_report(TRUTH[:, 0], PREDICTION[:, 0], target_names="h").index) == ["h"]
    series = pd.Series(TRUTH[:, 0], name="sigma_8")
    assert list(recovery_report(series, PREDICTION[:, 0]).index) == ["sigma_8"]
    assert list(recovery_report(series, PREDICTION[:, 0], target_names=["h"]).index) == ["h"]
    assert list(recovery_report(series.rename(None), PREDICTION[:, 0]).index) == ["target 0"]
    with pytest.raises(ValueError, match="hold 3 names"):
        recovery_report(TRUTH, PREDICTION, target_names=names[:2])


def test_wrong_shapes():
    """Shapes that differ are named."""
    with pytest.raises(ValueError, match="recovery_report takes"):
        recovery_report(TRUTH, PREDICTION[:, :2])


def test_values_that_are_not_finite():
    """The function and the argument are named."""
    truth = TRUTH.copy()
    truth[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"y_true.* NaN") as error:
        recovery_report(truth, PREDICTION)
    assert "recovery_report" in str(error.value)


def test_no_samples():
    """Of no samples there is no table."""
    with pytest.raises(ValueError, match=r"recovery_report: .*0 sample\(s\)"):
        recovery_report([], [])


def test_without_pandas(monkeypatch):
    """Where pandas is missing, the error says how to install it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"skastro\[plot\]"):
        recovery_report(TRUTH, PREDICTION)
