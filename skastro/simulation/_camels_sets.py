"""Parameters and seeds of the simulations of each set of CAMELS."""

import numpy as np

from ..datasets._cmd_format import FIDUCIAL, PARAMETER_RANGES

DEFAULT_SIZES = {"LH": 100, "CV": 27, "1P": 66, "EX": 4}
"""Simulations of a set by default; of 1P and EX there are no more and no fewer."""
FIXED_SETS = ("1P", "EX")
"""Sets of a fixed size, whose simulations all have the same phases."""

_RANGES = PARAMETER_RANGES["Mock"]
_LOGARITHMIC = (False, False, True, True, True, True)
_N_VALUES = 11
_EXTREME = (
    FIDUCIAL,
    (*FIDUCIAL[:2], 1.0, 100.0, 1.0, 1.0),
    (*FIDUCIAL[:2], 100.0, 1.0, 1.0, 1.0),
    (*FIDUCIAL[:2], 0.0, 0.0, 0.0, 0.0),
)


def parameter_table(set_name, n_simulations, entropy):
    """Parameters of the simulations of a set.

    Parameters
    ----------
    set_name : {"LH", "CV", "1P", "EX"}
        The set.
    n_simulations : int
        Number of simulations.
    entropy : int
        Seed of the latin hypercube.

    Returns
    -------
    ndarray of float64, of shape (n_simulations, 6)
        Omega_m, sigma_8, A_SN1, A_AGN1, A_SN2, A_AGN2, rounded to five decimals as in the
        tables of CAMELS.
    """
    if set_name == "LH":
        rng = np.random.default_rng(_sequence(entropy, set_name, "table"))
        places = np.stack([rng.permutation(n_simulations) for _ in _RANGES], axis=1)
        table = _at((places + 0.5) / n_simulations)
    elif set_name == "1P":
        varied = _at(np.repeat(np.linspace(0, 1, _N_VALUES)[:, np.newaxis], len(_RANGES), axis=1))
        table = np.tile(FIDUCIAL, (len(_RANGES) * _N_VALUES, 1))
        for column in range(len(_RANGES)):
            table[column * _N_VALUES : (column + 1) * _N_VALUES, column] = varied[:, column]
    elif set_name == "EX":
        table = np.array(_EXTREME)
    else:
        table = np.tile(FIDUCIAL, (n_simulations, 1))
    return np.round(table, 5)


def simulation_streams(set_name, simulation, entropy):
    """Seeds of one simulation, which depend on nothing but the arguments.

    Parameters
    ----------
    set_name : {"LH", "CV", "1P", "EX"}
        The set.
    simulation : int
        Number of the simulation in the set. Those of 1P and EX all have the same seeds.
    entropy : int
        Seed of all simulations.

    Returns
    -------
    phases, scatter : numpy.random.SeedSequence
        Seeds of the initial conditions, and of the scatter of stars and active nuclei.
    """
    number = 0 if set_name in FIXED_SETS else simulation
    return _sequence(entropy, set_name, "simulations", number).spawn(2)


def _at(fraction):
    """Parameters at a fraction, 0 to 1, of their ranges."""
    table = np.empty_like(fraction)
    for column, ((low, high), logarithmic) in enumerate(zip(_RANGES, _LOGARITHMIC, strict=True)):
        part = fraction[:, column]
        table[:, column] = low * (high / low) ** part if logarithmic else low + (high - low) * part
    return table


def _sequence(entropy, set_name, purpose, *numbers):
    key = (list(DEFAULT_SIZES).index(set_name), ("table", "simulations").index(purpose), *numbers)
    return np.random.SeedSequence(entropy, spawn_key=key)
