"""Read the tables of parameters of CAMELS, and bring them to the six parameters of its maps."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..exceptions import DatasetFormatError
from ._cmd_format import FIDUCIAL, PARAMETER_NAMES, PARAMETER_RANGES, hydrodynamic

_SYNONYMS = {
    "Omega0": "Omega_m",
    "Om": "Omega_m",
    "sigma8": "sigma_8",
    **{name.replace("_", "", 1): name for name in PARAMETER_NAMES[2:]},
    **{name.removeprefix("A_"): name for name in PARAMETER_NAMES[2:]},
}

_CODE_UNITS = {
    "IllustrisTNG": {
        "WindEnergyIn1e51erg": ("A_SN1", 3.6),
        "RadioFeedbackFactor": ("A_AGN1", 1.0),
        "VariableWindVelFactor": ("A_SN2", 7.4),
        "RadioFeedbackReorientationFactor": ("A_AGN2", 20.0),
        "RadioFeedbackReiorientationFactor": ("A_AGN2", 20.0),
    },
    "SIMBA": {
        "GALSF_SUBGRID_DAA_LOADFACTOR": ("A_SN1", 1.0),
        "BH_BAL_KICK_MOMENTUM_FLUX": ("A_AGN1", 20.0),
        "GALSF_SUBGRID_FIREVEL": ("A_SN2", 1.6),
        "BH_QUENCH_JET": ("A_AGN2", 7000.0),
    },
    "CROCODILE": {
        "SNMomentumBoostFactor": ("A_SN1", 1.0),
        "BondiAccretionBoostFactor": ("A_AGN1", 1.0),
        "TwindMassLoadingBoostFactor": ("A_SN2", 1.0),
        "AGNFeedbackTemperature": ("A_AGN2", 3.16e8),
    },
    "Ramses": {
        "ASN1": ("A_SN1", 1.0),
        "AAGN1": ("A_AGN1", 4.0),
        "ASN2": ("A_SN2", 0.5),
        "AAGN2": ("A_AGN2", 2.0),
    },
}
"""Columns in the units of a code, with the parameter and its value in the fiducial simulation."""

_TNG_COLUMNS = (
    "Omega0 sigma8 WindEnergyIn1e51erg RadioFeedbackFactor VariableWindVelFactor "
    "RadioFeedbackReorientationFactor OmegaBaryon HubbleParam n_s MaxSfrTimescale "
    "FactorForSofterEQS IMFslope SNII_MinMass_Msun ThermalWindFraction VariableWindSpecMomentum "
    "WindFreeTravelDensFac MinWindVel WindEnergyReductionFactor WindEnergyReductionMetallicity "
    "WindEnergyReductionExponent WindDumpFactor SeedBlackHoleMass BlackHoleAccretionFactor "
    "BlackHoleEddingtonFactor BlackHoleFeedbackFactor BlackHoleRadiativeEfficiency "
    "QuasarThreshold QuasarThresholdPower"
)
_SIMBA_COLUMNS = (
    "Omega0 sigma8 GALSF_SUBGRID_DAA_LOADFACTOR BH_BAL_KICK_MOMENTUM_FLUX GALSF_SUBGRID_FIREVEL "
    "BH_QUENCH_JET OmegaBaryon HubbleParam ns CritPhysDensity SfEffPerFreeFall TempClouds "
    "WindFreeTravelMaxTime WindFreeTravelDensFac SeedBlackHoleMass BlackHoleAccretionFactor "
    "BlackHoleRadiativeEfficiency BlackHoleEddingtonFactor BlackHoleNgbFactor "
    "BlackHoleMaxAccretionRadius GALSF_JEANS_MIN_T GALSF_SUBGRID_FIREVEL_SLOPE "
    "GALSF_SUBGRID_HOTWIND GALSF_AGBWINDHEATING BH_HOST_TO_SEED_RATIO BH_QUENCH_JET_HOTWIND "
    "BH_BONDI_HOT MBH_JET_MIN"
)
_CROCODILE_COLUMNS = (
    "Omega0 sigma8 SNMomentumBoostFactor TwindMassLoadingBoostFactor BondiAccretionBoostFactor "
    "AGNFeedbackTemperature OmegaBaryon HubbleParam n_s SFEfficiency CritPhysDensity Nspawn "
    "SNIIEnergyBoostFactor SNIaEnergyBoostFactor HNfrac ZHN SNIIEventNumber DesNumNgbFB "
    "TwindCsndBoostFactor TwindVwindBoostFactor EddingtonAccretionBoostFactor Cvisc "
    "BHRadiativeEfficiency AGNFeedbackEfficiency SeedBlackHoleMass MinFoFMassForNewSeed"
)
_WITHOUT_HEADER = {
    **{
        (suite, 6): PARAMETER_NAMES
        for suite in ("IllustrisTNG", "SIMBA", "Astrid", "EAGLE", "Magneticum", "Obsidian", "Mock")
    },
    ("Astrid", 7): (*PARAMETER_NAMES, "Omega_b"),
    ("IllustrisTNG", 28): tuple(_TNG_COLUMNS.split()),
    ("SIMBA", 28): tuple(_SIMBA_COLUMNS.split()),
    ("CROCODILE", 26): tuple(_CROCODILE_COLUMNS.split()),
}
_ROUNDING = 1e-3


class SimulationTable(NamedTuple):
    """Parameters of the simulations of a set, as a file holds them.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    names : tuple of str
        Names of the columns.
    values : ndarray of float64, of shape (n_simulations, n_columns)
        The columns.
    seeds : ndarray of int64, of shape (n_simulations,), or None
        Seeds of the initial conditions, where the file has them.
    """

    path: Path
    names: tuple
    values: np.ndarray
    seeds: np.ndarray | None


def read_table(path, suite, set_name):
    """Read a table of parameters, with or without header, names of simulations and seeds.

    Parameters
    ----------
    path : pathlib.Path
        A file ``params_*.txt`` or ``CosmoAstroSeed_*.txt``.
    suite, set_name : str
        What it is the table of.

    Returns
    -------
    SimulationTable
        Its columns but for the names of the simulations, which are only checked.

    Raises
    ------
    DatasetFormatError
        If it is no table of numbers, or its columns are in an unknown order.
    """
    headers, simulations, rows = _parse(path)
    _check_simulations(path, simulations, set_name)
    header = _matching(headers, len(rows[0]), bool(simulations))
    values = np.array(rows)
    seeds = None
    is_seed = np.zeros(values.shape[1], dtype=bool)
    if header:
        is_seed = np.array([name.lower() == "seed" for name in header])
    elif simulations:
        is_seed[-1] = True
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = bad[0].tolist()
        raise DatasetFormatError(
            f"'{path}' holds {values[row, column]} in row {row}, column {column}; expected finite "
            f"numbers. {_REMEDY}"
        )
    if is_seed.any():
        seeds = values[:, is_seed][:, 0].astype(np.int64)
        values = values[:, ~is_seed]
        header = [name for name in header if name.lower() != "seed"]
    names = tuple(header) or _columns(suite, values.shape[1])
    if not names:
        known = sorted(n for name, n in _WITHOUT_HEADER if name == hydrodynamic(suite))
        raise DatasetFormatError(
            f"'{path}' has {values.shape[1]} columns and no header that names them, and the order "
            f"of so many is not known for the suite {suite}; expected "
            f"{f'{known} columns or ' if known else ''}a first line such as "
            f"'# {' '.join(PARAMETER_NAMES)}'. Take the table with a header from the "
            "documentation of CAMELS, or write the header."
        )
    return SimulationTable(path, names, values, seeds)


def six_parameters(table, suite, set_name):
    """Choose the parameters of CAMELS from a table and bring them to relative units.

    Parameters
    ----------
    table : SimulationTable
        The table.
    suite, set_name : str
        What it is the table of.

    Returns
    -------
    ndarray of float64, of shape (n_simulations, 6) or (n_simulations, 2)
        Columns as `PARAMETER_NAMES`, of which N-body suites have the first two.

    Raises
    ------
    DatasetFormatError
        If a column is not there, or values are not those of the suite and set.
    """
    twin = hydrodynamic(suite)
    wanted = PARAMETER_NAMES if twin == suite else PARAMETER_NAMES[:2]
    found = {}
    for column, name in enumerate(table.names):
        parameter, fiducial = _CODE_UNITS.get(twin, {}).get(name, (_SYNONYMS.get(name, name), 1.0))
        if parameter in wanted:
            found.setdefault(parameter, table.values[:, column] / fiducial)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DatasetFormatError(
            f"'{table.path}' has no column for {missing} of the suite {suite}; it names the "
            f"columns {list(table.names)}. Take the table of this suite, or correct its header."
        )
    target = np.stack([found[name] for name in wanted], axis=1)
    _check_values(table.path, target, twin, set_name)
    return target


_REMEDY = "Copy the file again from the archive."
_OMEGA_M = frozenset({"omega_m", "omegam", "omega0", "om"})  # a comment with one is the header


def _parse(path):
    """Lines that may be headers, names of the simulations (or none), and rows of numbers."""
    headers, simulations, rows = [], [], []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DatasetFormatError(
            f"'{path}' is not a text file; expected a table of numbers. {_REMEDY}"
        ) from error
    for number, line in enumerate(lines, start=1):
        tokens = line.replace("#", " ").split()
        if not tokens:
            continue
        if line.lstrip().startswith("#"):
            if not _OMEGA_M.isdisjoint(token.lower() for token in tokens):
                headers.append(tokens)
            continue
        if not (rows or any(map(_is_number, tokens))):
            headers.append(tokens)
            continue
        if not _is_number(tokens[0]):
            simulations.append(tokens.pop(0))
        if not all(map(_is_number, tokens)):
            raise DatasetFormatError(
                f"'{path}' has no row of numbers in line {number}: {line[:60]!r}. {_REMEDY}"
            )
        rows.append([float(token) for token in tokens])
        if len(rows[-1]) != len(rows[0]) or len(simulations) not in (0, len(rows)):
            raise DatasetFormatError(
                f"'{path}' has {len(rows[-1])} numbers in line {number}; expected "
                f"{len(rows[0])}, as in the rows before. It may be cut short. {_REMEDY}"
            )
    if not rows or len(rows[0]) < 2:
        raise DatasetFormatError(
            f"'{path}' has no rows of at least two numbers; expected one row for each simulation. "
            f"{_REMEDY}"
        )
    return headers, simulations, rows


def _is_number(token):
    try:
        float(token)
    except ValueError:
        return False
    return True


def _matching(headers, n_columns, named):
    """The last line that has a name for each column; the first of these may be that of names."""
    matching = [header for header in headers if len(header) == n_columns + named]
    return matching[-1][named:] if matching else []


def _columns(suite, n_columns):
    names = _WITHOUT_HEADER.get((hydrodynamic(suite), n_columns), ())
    if not names and suite != hydrodynamic(suite):
        return (*PARAMETER_NAMES[:2], *(f"column {i}" for i in range(2, n_columns)))
    return names


def _check_simulations(path, simulations, set_name):
    """Names such as LH_7 must be of this set and, but for 1P, stand in their rows."""
    for row, name in enumerate(simulations):
        found, _, number = name.partition("_")
        if found != set_name or (set_name != "1P" and number != str(row)):
            expected = f"{set_name}_{'p..._...' if set_name == '1P' else row}"
            raise DatasetFormatError(
                f"'{path}' has the simulation {name!r} in row {row}; expected {expected!r}. Each "
                "row must be of the simulation of its maps: take the table of this set, in its "
                "own order."
            )


def _check_values(path, target, twin, set_name):
    names = PARAMETER_NAMES[: target.shape[1]]
    if set_name in ("CV", "BE"):
        ranges = [(value, value) for value in FIDUCIAL]
    elif set_name == "EX":
        ranges = [(value, value) for value in FIDUCIAL[:2]] + [(0.0, np.inf)] * 4
    else:
        ranges = PARAMETER_RANGES.get(twin, [(-np.inf, np.inf)] * 6)
    for column, (name, (low, high)) in enumerate(zip(names, ranges, strict=False)):
        values = target[:, column]
        outside = np.flatnonzero(
            (values < low * (1 - _ROUNDING)) | (values > high * (1 + _ROUNDING))
        )
        if outside.size:
            row = outside[0]
            raise DatasetFormatError(
                f"'{path}' has {name} = {values[row]:g} in row {row}; expected "
                f"{f'{low:g}' if low == high else f'{low:g} to {high:g}'} in the set {set_name} "
                f"of {twin}. The table seems to be of another suite or set, or its columns to be "
                "in another order or unit."
            )
