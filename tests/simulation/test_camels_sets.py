import numpy as np
import pytest

from skastro.simulation._camels_sets import parameter_table, simulation_streams

# Values of each parameter in the table params_1P_IllustrisTNG.txt of CMD, of 66 simulations.
BY_4 = [0.25, 0.32988, 0.43528, 0.57435, 0.75786, 1, 1.31951, 1.7411, 2.2974, 3.03143, 4]
BY_2 = [0.5, 0.57435, 0.65975, 0.75786, 0.87055, 1, 1.1487, 1.31951, 1.51572, 1.7411, 2]
OMEGA_M = [0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.34, 0.38, 0.42, 0.46, 0.5]
SIGMA_8 = [0.6, 0.64, 0.68, 0.72, 0.76, 0.8, 0.84, 0.88, 0.92, 0.96, 1]
FIDUCIAL = [0.3, 0.8, 1, 1, 1, 1]
# Rows of the table params_LH_IllustrisTNG.txt of CMD, of 1000 simulations.
LATIN = [
    [0.30900, 0.97900, 3.11234, 1.12194, 0.66850, 0.53182],
    [0.30260, 0.93940, 3.42001, 3.96137, 1.03311, 1.16070],
    [0.42820, 0.75300, 0.70613, 0.37423, 1.96292, 0.62720],
]


def test_1p_is_the_published_table():
    table = parameter_table("1P", 66, 0)
    columns = [OMEGA_M, SIGMA_8, BY_4, BY_4, BY_2, BY_2]
    rows = [
        [*FIDUCIAL[:column], value, *FIDUCIAL[column + 1 :]]
        for column, values in enumerate(columns)
        for value in values
    ]
    np.testing.assert_array_equal(table, rows)


def test_latin_hypercube_has_the_published_strata():
    table = parameter_table("LH", 1000, 5)
    for column in range(6):
        assert len(np.unique(table[:, column])) == 1000
        for row in LATIN:
            assert row[column] in table[:, column]


@pytest.mark.parametrize("n", [1, 7, 40])
def test_latin_hypercube_has_one_simulation_in_each_stratum(n):
    table = parameter_table("LH", n, 3)
    low = np.array([0.1, 0.6, 0.25, 0.25, 0.5, 0.5])
    high = np.array([0.5, 1.0, 4, 4, 2, 2])
    fraction = (table - low) / (high - low)
    fraction[:, 2:] = np.log(table[:, 2:] / low[2:]) / np.log(high[2:] / low[2:])
    strata = np.sort(np.floor(fraction * n), axis=0)
    np.testing.assert_array_equal(strata, np.repeat(np.arange(n)[:, np.newaxis], 6, axis=1))


def test_latin_hypercube_is_shuffled_by_the_seed():
    first, second = parameter_table("LH", 30, 3), parameter_table("LH", 30, 4)
    assert not np.array_equal(first, second)
    correlation = np.corrcoef(parameter_table("LH", 1000, 3), rowvar=False)
    assert np.abs(correlation - np.eye(6)).max() < 0.15


def test_fiducial_and_extreme_sets():
    np.testing.assert_array_equal(parameter_table("CV", 3, 0), [FIDUCIAL] * 3)
    expected = [
        [0.3, 0.8, 1, 1, 1, 1],
        [0.3, 0.8, 1, 100, 1, 1],
        [0.3, 0.8, 100, 1, 1, 1],
        [0.3, 0.8, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(parameter_table("EX", 4, 0), expected)


def test_streams_differ_where_they_should():
    def numbers(set_name, simulation, entropy=7):
        streams = simulation_streams(set_name, simulation, entropy)
        return [tuple(stream.generate_state(2).tolist()) for stream in streams]

    distinct = [
        pair
        for key in [("LH", 0), ("LH", 1), ("CV", 0), ("CV", 1), ("1P", 0), ("EX", 0), ("LH", 0, 8)]
        for pair in numbers(*key)
    ]
    assert len(set(distinct)) == len(distinct)
    assert numbers("1P", 0) == numbers("1P", 65)
    assert numbers("EX", 0) == numbers("EX", 3)
