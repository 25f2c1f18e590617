"""Pair cubes by their redshifts, and make lazy maps of them."""

import numpy as np

from ..maps import LazyMaps, stack_channels
from ._cbin_source import CubeSource
from ._checks import check_values, message, rows_of_values

PLACES = 4


def pair_by_redshift(owner, files, remedy):
    """Put files of equal redshift together.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    files : iterable of (str, float, object)
        Field, redshift and file.
    remedy : str
        What to do where a field is found twice.

    Returns
    -------
    dict of float to dict of str to object
        The files of each redshift by field, with redshifts in ascending order.

    Raises
    ------
    ValueError
        If a field is found twice at a redshift.
    """
    pairs = {}
    for field, redshift, file in files:
        at_redshift = pairs.setdefault(round(redshift, PLACES), {})
        other = at_redshift.setdefault(field, file)
        if other is not file:
            raise ValueError(
                f"{owner} found {field} at redshift {redshift:g} twice: '{other}' and '{file}'. "
                f"{remedy}"
            )
    return dict(sorted(pairs.items()))


def choose_redshifts(owner, pairs, redshift):
    """Keep the redshifts that are asked for.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    pairs : dict
        What `pair_by_redshift` made.
    redshift : float, sequence of float or None
        Values to keep; None keeps all.

    Returns
    -------
    dict
        Some of the pairs.

    Raises
    ------
    ValueError
        If there is no such redshift.
    TypeError
        If they are not numbers.
    """
    available = list(pairs)
    rows, missing = rows_of_values(check_values(owner, "redshift", redshift), available)
    if missing:
        allowed = f"among {available}, which is what the files have"
        raise ValueError(message(owner, "redshift", allowed, redshift))
    return {available[row]: pairs[available[row]] for row in rows}


def check_complete(owner, pairs, needs):
    """Raise unless each redshift has the files of each field.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    pairs : dict
        What `pair_by_redshift` made.
    needs : dict of str to str
        For each field that is loaded, the one whose file it is made of.

    Raises
    ------
    ValueError
        If a file is missing.
    """
    complete = [z for z, held in pairs.items() if all(name in held for name in needs.values())]
    for redshift, held in pairs.items():
        for field, name in needs.items():
            if name not in held:
                remedy = (
                    f"Give redshift={complete}, where all files are, or add the file."
                    if complete
                    else "Choose other fields or another target, or add the file."
                )
                raise ValueError(
                    f"{owner} found no file of {name} for {field!r} at redshift {redshift:g}; "
                    f"there are files of {sorted(held)}. {remedy}"
                )


def make_maps(owner, samples, fields, target):
    """Make lazy maps of cubes.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    samples : list of dict of str to Cube
        Cubes of each sample by field.
    fields : list of str
        Channels.
    target : str or None
        Field of the target.

    Returns
    -------
    maps : LazyMaps of shape (n, n_fields, d, h, w)
        The channels.
    target : LazyMaps of shape (n, d, h, w) or None
        The target.

    Raises
    ------
    ValueError
        If the cubes differ in shape.
    """
    first = samples[0][fields[0]]
    for sample in samples:
        for name in fields if target is None else [*fields, target]:
            if sample[name].form.shape != first.form.shape:
                raise ValueError(
                    f"{owner} found cubes of different shapes: {first.form.shape} in "
                    f"'{first.path}' and {sample[name].form.shape} in '{sample[name].path}'. Load "
                    "each by itself, or leave one out."
                )
    by_field = {
        name: LazyMaps(CubeSource([sample[name] for sample in samples], owner))
        for name in (*fields, *([] if target is None else [target]))
    }
    maps = stack_channels([by_field[name] for name in fields], dim=3)
    return maps, None if target is None else by_field[target]


def filenames(samples, fields, target):
    """Paths of the files that are read, each once.

    Parameters
    ----------
    samples : list of dict of str to Cube
        Cubes of each sample by field.
    fields : list of str
        Channels.
    target : str or None
        Field of the target.

    Returns
    -------
    list of str
        Absolute paths.
    """
    names = fields if target is None else [*fields, target]
    return list(dict.fromkeys(str(sample[name].path) for sample in samples for name in names))


def sides(maps, box_size):
    """Side of the box and of a cell in comoving Mpc.

    Parameters
    ----------
    maps : LazyMaps
        The maps.
    box_size : float or None
        Side along the first axis.

    Returns
    -------
    tuple of two float or None
        None where it is not known.
    """
    return box_size, None if box_size is None else box_size / maps.shape[2]


def unknown_or(seed, n_samples):
    """The seed of each sample.

    Parameters
    ----------
    seed : int or None
        Seed of all, None where it is not known.
    n_samples : int
        How many.

    Returns
    -------
    ndarray of int64
        The seed, or -1.
    """
    return np.full(n_samples, -1 if seed is None else seed, dtype=np.int64)
