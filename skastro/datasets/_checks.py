"""Checks of parameters that loaders and mocks have in common."""

from pathlib import Path

import numpy as np


def message(owner, parameter, allowed, given):
    """Sentence that says what a parameter may be and what it is."""
    return f"The '{parameter}' parameter of {owner} must be {allowed}. Got {given!r} instead."


def check_choice(owner, parameter, value, allowed):
    """Raise unless a parameter is one of the allowed values."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(message(owner, parameter, f"one of {list(allowed)}", value))


def check_switch(owner, parameter, value):
    """Raise unless a parameter is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(message(owner, parameter, "True or False", value))


def check_fields(owner, fields, allowed, others=""):
    """Bring a choice of fields to a list of names, or raise; `others` may be given as well."""
    names = chosen_fields(fields, allowed)
    if not names:
        words = f"{others}one of {list(allowed)} or a sequence of some of them, each once"
        raise ValueError(message(owner, "fields", words, fields))
    return names


def check_values(owner, parameter, wanted):
    """Bring values to keep, a number or a sequence of numbers, to an array; None stays None."""
    if wanted is None:
        return None
    values = np.atleast_1d(np.asarray(wanted))
    if values.dtype.kind not in "iuf" or values.ndim != 1 or values.size == 0:
        allowed = "None, a number or a sequence of at least one number"
        raise TypeError(message(owner, parameter, allowed, wanted))
    return values


def rows_of_values(values, available):
    """Find the values to keep among those that there are.

    Parameters
    ----------
    values : ndarray of shape (n_values,) or None
        Values to keep; None keeps all.
    available : array-like of shape (n_rows,)
        Those that there are.

    Returns
    -------
    rows : ndarray of int
        Rows of `available` that have one of the values.
    missing : list
        Values that no row has.
    """
    available = np.asarray(available)
    if values is None:
        return np.arange(available.size), []
    same = np.isclose(available[:, np.newaxis], values, rtol=0, atol=1e-6)
    return np.flatnonzero(same.any(axis=1)), values[~same.any(axis=0)].tolist()


def chosen_fields(fields, allowed):
    """Bring a choice of fields to a list.

    Parameters
    ----------
    fields : object
        Name of a field, or a sequence of names.
    allowed : sequence of str
        Names to choose from.

    Returns
    -------
    list of str
        The names, or an empty list if they are not some of the allowed ones, each once.
    """
    names = [fields] if isinstance(fields, str) else fields
    names = list(names) if np.iterable(names) else []
    if sorted(map(str, names)) != sorted(name for name in allowed if name in names):
        return []
    return [str(name) for name in names]


def check_path(owner, parameter, value, allowed="a str or a path"):
    """Turn a parameter into a path.

    Parameters
    ----------
    owner, parameter : str
        Function and parameter to name in errors.
    value : object
        What was given.
    allowed : str, default="a str or a path"
        What may be given, for errors.

    Returns
    -------
    pathlib.Path
        The path, with the home folder in place of ``~``.

    Raises
    ------
    TypeError
        If it is no path.
    """
    try:
        return Path(value).expanduser()
    except TypeError:
        raise TypeError(message(owner, parameter, allowed, value)) from None
