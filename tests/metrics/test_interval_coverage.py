"""Share of truths within intervals."""

import numpy as np
import pytest

from skastro.metrics import coverage, interval_coverage

TRUTH = np.array([[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [0.0, 0.0]])
LOWER, UPPER = np.full((4, 2), -1.0), np.full((4, 2), 1.0)


def test_each_output_and_all():
    """Outputs by themselves, their mean, and all at once."""
    by_output = interval_coverage(TRUTH, LOWER, UPPER, multioutput="raw_values")
    np.testing.assert_allclose(by_output, [0.75, 0.5])
    assert interval_coverage(TRUTH, LOWER, UPPER) == 0.625
    assert interval_coverage(TRUTH, LOWER, UPPER, multioutput=[1, 0]) == 0.75
    assert interval_coverage(TRUTH, LOWER, UPPER, joint=True) == 0.5
    assert interval_coverage(TRUTH[:, 1], LOWER[:, 1], UPPER[:, 1]) == 0.5


def test_groups_and_weights():
    """Groups count the same; weights count within them."""
    y, lower, upper = TRUTH[:, 1], LOWER[:, 1], UPPER[:, 1]
    assert interval_coverage(y, lower, upper, groups=list("abbb")) == pytest.approx((1 + 1 / 3) / 2)
    weighted = {"groups": list("abbb"), "sample_weight": [9, 1, 0, 3]}
    assert interval_coverage(y, lower, upper, **weighted) == pytest.approx((1 + 3 / 4) / 2)
    assert interval_coverage(y, lower, upper, sample_weight=[9, 1, 0, 3]) == 12 / 13


def test_gaussian_intervals_and_infinite_ones():
    """The same as `coverage`, and infinite bounds hold all."""
    rng = np.random.default_rng(0)
    y, pred = rng.normal(size=(2, 50))
    found = interval_coverage(y, pred - 1.959964, pred + 1.959964)
    assert found == coverage(y, pred, np.ones(50), level=0.95)
    assert interval_coverage(y, np.full(50, -np.inf), np.full(50, np.inf)) == 1
    assert interval_coverage([1.0], [1.0], [1.0]) == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lower": LOWER[:3]}, r"y_true has \(4, 2\) and lower has \(3, 2\)"),
        ({"upper": UPPER - 3}, "8 of 8 are"),
        ({"upper": np.full((4, 2), np.nan)}, "8 of upper are NaN"),
        ({"y_true": TRUTH + np.inf}, "interval_coverage: Input y_true contains"),
        ({"groups": [1, 2]}, "2 groups and 4 samples"),
        ({"sample_weight": [1, 2], "groups": [1, 1, 2, 2]}, "must hold 4 weights"),
        ({"sample_weight": [-1, 1, 1, 1]}, "must hold 4 weights"),
    ],
)
def test_errors(parameters, message):
    """What does not fit is named."""
    with pytest.raises(ValueError, match=message):
        interval_coverage(**{"y_true": TRUTH, "lower": LOWER, "upper": UPPER} | parameters)
