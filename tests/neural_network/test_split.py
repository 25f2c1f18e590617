"""What is set aside for validation: by hash, whatever else there is."""

import subprocess
import sys

import numpy as np
import pytest

from skastro.neural_network._split import split_rows, validation_units


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1])
def test_share_is_met_on_average(fraction, seed):
    """Of many units, the share that was asked for, within what chance allows."""
    chosen = validation_units(range(20_000), fraction, seed)
    assert abs(chosen.mean() - fraction) < 4 * np.sqrt(fraction * (1 - fraction) / 20_000)
    neighbours = np.corrcoef(chosen[:-1], chosen[1:])[0, 1]
    assert abs(neighbours) < 0.03


def test_units_are_judged_by_themselves():
    """Neither order nor company matters, nor whether a number is Python's or NumPy's."""
    units = np.arange(100)
    chosen = validation_units(units, 0.3, 5)
    assert 10 < chosen.sum() < 50
    np.testing.assert_array_equal(validation_units(units[::-1], 0.3, 5), chosen[::-1])
    np.testing.assert_array_equal(validation_units(units[20:60].tolist(), 0.3, 5), chosen[20:60])
    assert (validation_units(units, 0.3, 6) != chosen).any()


def test_greater_share_contains_the_less():
    """What is set aside for a small share is among what is for a great one."""
    few, many = (validation_units(range(100), fraction, 0) for fraction in (0.2, 0.4))
    assert few.sum() < many.sum()
    assert not (few & ~many).any()


@pytest.mark.parametrize("fraction", [1e-12, 1 - 1e-12])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_neither_side_is_empty(n, fraction):
    """Of two units or more, each side has one."""
    assert 0 < validation_units(range(n), fraction, 0).sum() < n


def test_groups_are_whole():
    """Rows of a group are on one side, rows that are left out on none."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, size=300)
    rows = np.flatnonzero(rng.uniform(size=300) < 0.8)
    train, valid, n_units = split_rows(rows, groups, 0.4, 0)
    assert n_units == len(set(groups[rows]))
    assert sorted([*train, *valid]) == rows.tolist()
    assert not set(groups[train]) & set(groups[valid])
    assert len(train) > 0 < len(valid)
    names = np.array([f"box {group}" for group in groups])
    by_name = split_rows(rows, names, 0.4, 0)[1]
    assert len(set(names[by_name])) == len(set(groups[by_name]))


def test_rows_that_are_left_out_do_not_shift_the_others():
    """A sample is judged by its position in what was given, not among those that count."""
    _, valid, _ = split_rows(np.arange(100), None, 0.3, 0)
    _, some, _ = split_rows(np.arange(50, 100), None, 0.3, 0)
    assert some.tolist() == [row for row in valid if row >= 50]


def test_equal_in_another_process():
    """Python's own salted hashes play no part."""
    code = (
        "from skastro.neural_network._split import validation_units as v;"
        "print(v([f'seed {i}' for i in range(40)], 0.3, 7).astype(int).tolist())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt},
        ).stdout.strip()
        for salt in ("1", "2")
    }
    here = validation_units([f"seed {i}" for i in range(40)], 0.3, 7).astype(int).tolist()
    assert printed == {str(here)}
