"""What is set aside for validation, decided by hashing."""

import hashlib
import warnings

import numpy as np

from ..exceptions import LeakageWarning
from ..utils._repeats import repeated_targets


def validation_units(units, fraction, seed):
    """Choose units for validation, each by itself.

    A unit is chosen when its hash, a number between 0 and 1, is less than the fraction. So the
    choice does not depend on the order of units, nor on which others there are: units that are
    added later leave the others on their side. Where no unit or every unit would be chosen, the
    least hash is, or the greatest is not.

    Parameters
    ----------
    units : sequence of int or str
        Distinct units: groups or samples.
    fraction : float
        Share of the units to choose, on average.
    seed : int
        Seed of the hash.

    Returns
    -------
    ndarray of bool, shape (n_units,)
        Which units are chosen; all False or all True with fewer than two.
    """
    hashes = np.array([_hash(unit, seed) for unit in units])
    chosen = hashes < fraction
    if len(hashes) > 1:
        chosen[hashes.argmin()] = True
        chosen[hashes.argmax()] = False
    return chosen


def _hash(unit, seed):
    """A number between 0 and 1 for a unit."""
    unit = unit.item() if isinstance(unit, np.generic) else unit
    digest = hashlib.sha256(f"{seed}:{unit!r}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_rows(rows, groups, fraction, seed):
    """Part rows into some to train on and some to validate on.

    Parameters
    ----------
    rows : ndarray of int
        Positions of samples.
    groups : ndarray of shape (n_samples,) or None
        Group of each sample, at its position. Groups are kept whole.
    fraction : float
        Share of the groups, or of the samples where there are none, to validate on.
    seed : int
        Seed of the hash.

    Returns
    -------
    train, valid : ndarray of int
        Rows of either kind, in order.
    n_units : int
        Number of groups or samples; with fewer than two, one kind is empty.
    """
    if groups is None:
        units, unit_of_row = rows, np.arange(len(rows))
    else:
        units, unit_of_row = np.unique(groups[rows], return_inverse=True)
    valid = validation_units(units, fraction, seed)[unit_of_row]
    return rows[~valid], rows[valid], len(units)


def warn_of_repeats(owner, y, rows):
    """Warn where targets tell that samples, which are set aside one by one, are of few simulations.

    Parameters
    ----------
    owner : str
        Estimator to name.
    y : ndarray or None
        Targets.
    rows : ndarray of int
        Positions of the samples that are parted.

    Warns
    -----
    LeakageWarning
        If continuous targets repeat; see `repeated_targets`.
    """
    if y is None or y.ndim > 2:  # fields, of which no copy is made
        return
    member = repeated_targets(y[rows])
    if member is None:
        return
    warnings.warn(
        f"{owner}(early_stopping=True) sets samples aside for validation one by one, and "
        f"{len(rows)} samples have only {member.max() + 1} different targets, as maps of one "
        f"simulation do. Maps of the simulations that are trained on are then validated on, and "
        f"training stops too late. Pass the simulation of each sample: fit(X, y, groups=groups); "
        f"through a search or cross_validate, by metadata routing: set_fit_request(groups=True).",
        LeakageWarning,
        stacklevel=6,
    )
