"""Paths that a user gives, and the files below a folder."""

import os
from pathlib import Path

from ._checks import message


def check_paths(owner, path):
    """Bring the parameter `path` to a list of absolute paths.

    Parameters
    ----------
    owner : str
        The function that is named in the error.
    path : str, path-like or sequence of these
        Files and folders.

    Returns
    -------
    list of pathlib.Path
        At least one; whether they exist is not looked at.

    Raises
    ------
    TypeError
        If `path` is of another type, or empty.
    """
    items = [path] if isinstance(path, (str, os.PathLike)) else path
    try:
        paths = [Path(os.path.abspath(Path(item).expanduser())) for item in items]
    except TypeError:
        paths = []
    if not paths:
        allowed = "a str or a path, of a file or folder, or a sequence of at least one of these"
        raise TypeError(message(owner, "path", allowed, path))
    return paths


def files_in(folder):
    """Files in a folder and those below, without hidden ones.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; links to folders are not followed.

    Returns
    -------
    list of pathlib.Path
        The files, in the order of their paths.

    Raises
    ------
    OSError
        If a folder cannot be read.
    """
    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=_raise)
        for name in names
        if not name.startswith(".")
    )


def _raise(error):
    raise error
