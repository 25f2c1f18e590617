"""Find files of reionization codes by their names."""

import os

from skastro.exceptions import DatasetFormatError, DatasetNotFoundError

from ._files import check_paths, files_in


def find_files(owner, path, recognize, known):
    """Find files, and what their names tell.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    path : str, path-like or sequence of these
        Files, of which each must be recognized, and folders, of which other files and hidden ones
        are passed over.
    recognize : callable
        Gives for the name of a file what it tells, or None.
    known : sequence of str
        Examples of names, for errors.

    Returns
    -------
    list of (pathlib.Path, object)
        Absolute paths, each once, and what `recognize` gave; at least one.

    Raises
    ------
    DatasetNotFoundError
        If a file or folder is absent, or nothing is found.
    DatasetFormatError
        If the name of a file is not known.
    OSError
        If a folder cannot be read.
    TypeError
        If `path` is of another type.
    """
    found = {}
    for item in check_paths(owner, path):
        if not item.exists():
            raise DatasetNotFoundError(
                f"{owner} found no file or folder '{item}' (parameter path). Correct path."
            )
        for file in files_in(item) if item.is_dir() else [item]:
            told = recognize(file.name)
            if told is None and not item.is_dir():
                raise DatasetFormatError(
                    f"{owner} does not know the name of '{file}'. Known are names such as "
                    f"{', '.join(known)}. Rename the file, or leave it out."
                )
            if told is not None and not file.is_file():
                raise DatasetNotFoundError(
                    f"{owner} found '{file}', which is a link to no file or no file at all. "
                    "Correct the link, or leave it out."
                )
            if told is not None:
                found.setdefault(os.path.realpath(file), (file, told))
    if not found:
        raise DatasetNotFoundError(
            f"{owner} found no file of its in '{path}' (parameter path) or in the folders below. "
            f"Expected names such as {', '.join(known)}. Correct path."
        )
    return list(found.values())
