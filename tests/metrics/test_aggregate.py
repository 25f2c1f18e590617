"""One estimate for each simulation."""

import numpy as np
import pytest

from skastro.metrics import aggregate_by_group

GROUPS = np.array([5, 2, 5, 9, 5, 2])
TRUTH = np.array([0.3, 0.1, 0.3, 0.2, 0.3, 0.1])
PREDICTION = np.array([0.2, 0.1, 0.3, 0.25, 0.7, 0.3])
STD = np.array([0.1, 0.3, 0.2, 0.5, 0.3, 0.4])


def test_rows():
    """Groups come in order, each with its truth and the mean of its predictions."""
    found = aggregate_by_group(GROUPS, TRUTH, PREDICTION)
    np.testing.assert_array_equal(found.groups, [2, 5, 9])
    np.testing.assert_array_equal(found.counts, [2, 3, 1])
    np.testing.assert_array_equal(found.y_true, [0.1, 0.3, 0.2])
    np.testing.assert_allclose(found.y_pred, [0.2, 0.4, 0.25])
    assert found.y_std is None


@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_standard_deviation(correlation):
    """The formula, and its ends: independent errors, and no gain at all."""
    found = aggregate_by_group(GROUPS, TRUTH, PREDICTION, STD, correlation=correlation).y_std
    for row, group in enumerate([2, 5, 9]):
        squares = STD[group == GROUPS] ** 2
        n = len(squares)
        variance = squares.mean() * (correlation + (1 - correlation) / n)
        assert found[row] == pytest.approx(np.sqrt(variance))
        if correlation == 0:
            assert found[row] == pytest.approx(np.sqrt(squares.sum()) / n)
    if correlation == 1:
        np.testing.assert_array_equal(
            found, aggregate_by_group(GROUPS, TRUTH, PREDICTION, STD).y_std
        )


def test_standard_deviation_of_correlated_errors():
    """Errors drawn with a correlation scatter as the formula says."""
    rng = np.random.default_rng(0)
    n_groups, n, rho = 4000, 15, 0.4
    errors = np.sqrt(rho) * rng.normal(size=(n_groups, 1))
    errors = 2 * (errors + np.sqrt(1 - rho) * rng.normal(size=(n_groups, n)))
    groups = np.repeat(np.arange(n_groups), n)
    zero, std = np.zeros(groups.size), np.full(groups.size, 2.0)
    found = aggregate_by_group(groups, zero, errors.ravel(), std, correlation=rho)
    assert found.y_pred.std() == pytest.approx(found.y_std[0], rel=0.05)


def test_several_outputs_and_names():
    """Outputs stay apart, and groups may be names."""
    names = np.array(["b", "a", "b", "c", "b", "a"])
    two = aggregate_by_group(
        names, np.c_[TRUTH, 2 * TRUTH], np.c_[PREDICTION, -PREDICTION], np.c_[STD, 3 * STD]
    )
    one = aggregate_by_group(GROUPS, TRUTH, PREDICTION, STD)
    assert list(two.groups) == ["a", "b", "c"]
    np.testing.assert_allclose(two.y_true, np.c_[one.y_true, 2 * one.y_true])
    np.testing.assert_allclose(two.y_pred, np.c_[one.y_pred, -one.y_pred])
    np.testing.assert_allclose(two.y_std, np.c_[one.y_std, 3 * one.y_std])


def test_truths_that_differ():
    """A simulation has one truth."""
    truth = TRUTH.copy()
    truth[4] = 0.31
    with pytest.raises(ValueError, match="in group 5, samples 0 and 4"):
        aggregate_by_group(GROUPS, truth, PREDICTION)


@pytest.mark.parametrize("correlation", [-0.1, 1.1, None, np.nan])
def test_wrong_correlation(correlation):
    """A correlation is from 0 to 1."""
    with pytest.raises(ValueError, match="correlation"):
        aggregate_by_group(GROUPS, TRUTH, PREDICTION, correlation=correlation)


def test_wrong_groups():
    """Each sample has a group."""
    with pytest.raises(ValueError, match="5 groups and 6 samples"):
        aggregate_by_group(GROUPS[:5], TRUTH, PREDICTION)


@pytest.mark.parametrize(
    "groups",
    [
        None,
        GROUPS[:, None],
        np.c_[GROUPS, GROUPS],
        np.array(["a", 1, "a", 2, "a", 1], dtype=object),
        ["a", None, "a", "b", "a", None],
        np.full(6, 1j),
    ],
)
def test_kinds_of_groups(groups):
    """Groups are numbers or strings on one axis."""
    with pytest.raises(ValueError, match="'groups' of aggregate_by_group must be one number or"):
        aggregate_by_group(groups, TRUTH, PREDICTION)


def test_groups_of_python_objects():
    """Strings and numbers in an array of objects are groups like others."""
    found = aggregate_by_group(GROUPS.astype(object), TRUTH, PREDICTION)
    np.testing.assert_array_equal(found.groups, [2, 5, 9])
    names = np.array(list("baccab"), dtype=object)
    assert list(aggregate_by_group(names, np.ones(6), PREDICTION).groups) == list("abc")


def test_values_that_are_not_finite():
    """The function and the argument are named."""
    truth = np.where(np.arange(6) == 2, np.nan, TRUTH)
    with pytest.raises(ValueError, match=r"y_true.* NaN") as error:
        aggregate_by_group(GROUPS, truth, PREDICTION)
    assert "aggregate_by_group" in str(error.value)


def test_no_samples():
    """Of no samples there is no mean."""
    with pytest.raises(ValueError, match=r"aggregate_by_group: .*0 sample\(s\)"):
        aggregate_by_group([], [], [])
