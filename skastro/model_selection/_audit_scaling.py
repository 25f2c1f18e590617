"""Findings about maps and targets that were scaled with the rows of the test."""

import numpy as np
from sklearn.model_selection import KFold

from ._audit_report import Finding
from ._audit_survey import cell_statistics

_CLOSE = 1e-5  # far closer than any mean or standard deviation is by chance
_LEAST = 8  # samples
_ROUNDING = 1e-6
_RANGE = "minimum 0 and maximum 1"


def scaling_findings(survey, y, splits, seed):
    """Find maps and targets that have mean 0 and deviation 1, or reach from 0 to 1, over all rows.

    Parameters
    ----------
    survey : Survey
        What is known of the maps.
    y : ndarray or None
        Targets.
    splits : list
        Folds; shuffled ones are taken where there are none.
    seed : int
        Seed of these.

    Returns
    -------
    list of Finding
        What was found.
    """
    n = len(survey.maps)
    if n < _LEAST:
        return []
    if not splits:
        splits = list(KFold(5, shuffle=True, random_state=seed).split(np.zeros(n)))
    trains = [train for train, _ in splits if len(train) < n]
    n_cells = int(np.prod(survey.layout.spatial))

    def of_channels(rows):
        return (
            survey.sums[rows].sum(axis=0),
            survey.squares[rows].sum(axis=0),
            survey.lows[rows].min(axis=0),
            survey.highs[rows].max(axis=0),
            len(rows) * n_cells,
        )

    def of_cells(rows):
        if len(rows) == n:
            whole = survey.cell_sums, survey.cell_squares, survey.cell_lows, survey.cell_highs
            return (*whole, n)
        statistics = None
        for chunk in survey.maps[rows].chunks():
            maps = chunk.reshape(-1, *survey.layout.map_shape)
            statistics = cell_statistics(maps, statistics)
        return (*statistics, len(rows))

    findings = []
    for unit, statistics in (("channel", of_channels), ("cell", of_cells)):
        how = _how_scaled(
            statistics, trains, n, extremes=unit == "channel" or survey.maps.ndim == 2
        )
        if how == _RANGE and not _is_attained_once(survey, unit):
            continue
        if how:
            findings.append(_finding("X", "leak", how, unit, n))
            break
    if y is not None and y.ndim <= 2 and y.dtype.kind == "f":
        columns = y.reshape(n, -1).astype(np.float64)
        how = _how_scaled(lambda rows: (*cell_statistics(columns[rows]), len(rows)), trains, n)
        if how and not (how == _RANGE and _is_grid(columns)):
            findings.append(_finding("y", "warning", how, "column", n))
    return findings


def _how_scaled(statistics, trains, n, extremes=True):
    """In which way all rows are scaled while no training rows are; None for neither."""
    whole = statistics(np.arange(n))
    if not trains:
        return None
    if _standard(*whole) and not any(_standard(*statistics(rows)) for rows in trains):
        return "mean 0 and standard deviation 1"
    # Most folds hold the extremes in training.
    if (
        extremes
        and _unit_range(*whole)
        and not all(_unit_range(*statistics(rows)) for rows in trains)
    ):
        return _RANGE
    return None


def _is_attained_once(survey, unit):
    """Whether a channel or cell is 1 only once: bounded quantities have many such cells."""
    axes = (0, *range(2, 2 + len(survey.layout.spatial))) if unit == "channel" else 0
    number = 0
    for chunk in survey.maps.chunks():
        maps = chunk.reshape(-1, *survey.layout.map_shape)
        number += (np.abs(maps - 1) < _ROUNDING).sum(axis=axes)
    return bool((number == 1).any())


def _is_grid(columns):
    """Whether the values of each column are evenly spaced, as people choose them."""
    gaps = (np.diff(np.unique(column)) for column in columns.T)
    return all(gap.size == 0 or np.ptp(gap) < 1e-4 * gap.mean() for gap in gaps)


def _standard(sums, squares, lows, highs, count):
    varies = highs > lows
    if not varies.any():
        return False
    mean = sums[varies] / count
    std = np.sqrt(np.maximum(squares[varies] / count - mean**2, 0))
    samples_std = std * np.sqrt(count / max(count - 1, 1))
    off = np.minimum(np.abs(std - 1), np.abs(samples_std - 1))
    return bool((np.abs(mean) < _CLOSE).all() and (off < _CLOSE).all())


def _unit_range(sums, squares, lows, highs, count):
    varies = highs > lows
    near = np.abs(highs[varies] - 1) < _ROUNDING
    return bool(varies.any() and (lows[varies] == 0).all() and near.all())


def _finding(name, severity, how, unit, n):
    message = (
        f"{name} has {how} for each {unit} over all {n} rows, and not over the training rows of "
        f"a fold: it was scaled with all rows, those of the test included."
    )
    remedy = "scale inside a pipeline, so that each fold is scaled by its training rows alone."
    details = {"unit": unit, "how": how}
    return Finding("scaled_with_all_rows", severity, message, tuple(range(n)), remedy, details)
