"""See what is in a file of a model."""

from os import PathLike
from pathlib import Path

from sklearn.utils import Bunch

from ._container import FORMAT, MANIFEST, MODEL, read_container, read_json
from ._load import check_content, told
from ._record import TrainingRecord


def describe(path: str | PathLike[str]) -> Bunch:
    """Say what is in a file that `save` wrote, without making the model.

    Neither torch nor classes of the user are needed.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Bunch
        With the attributes

        ``path`` : pathlib.Path
            The file.
        ``n_bytes`` : int
            Its size; ``sizes`` has those of its parts by name.
        ``format``, ``format_version`` : str, int
            The format.
        ``versions`` : dict of str to str
            Versions of Python and of the libraries that saved it.
        ``created`` : str
            When, in ISO 8601, UTC.
        ``model`` : str
            Representation of the model.
        ``n_weights`` : int
            Weights of all its nets.
        ``record`` : TrainingRecord
            What it was trained on.
        ``notes`` : str or None
            Notes of whom saved it.
        ``card`` : str or None
            Its model card in Markdown.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is damaged or of another format.

    See Also
    --------
    load : Read the model.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skastro.persistence import describe, save
    >>> from skastro.preprocessing import SignedLog
    >>> maps = np.ones((5, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(SignedLog().fit(maps), os.path.join(folder, "log.skastro"), notes="by hand")
    ...     found = describe(path)
    >>> found.model, found.n_weights, found.notes
    ('SignedLog()', 0, 'by hand')
    """
    path = Path(path)
    try:
        found = read_container(path, "describe", with_arrays=False)
        content = read_json(found[MODEL], MODEL)
        check_content(content)
        record = TrainingRecord.from_json(content["record"])
    except OSError:
        raise
    except Exception as error:
        raise told("describe", path, error) from error
    manifest = found[MANIFEST]
    return Bunch(
        path=path,
        n_bytes=path.stat().st_size,
        sizes=found["sizes"],
        format=FORMAT,
        format_version=manifest["format_version"],
        versions=manifest["versions"],
        created=manifest["created"],
        model=content["text"],
        n_weights=content["n_weights"],
        record=record,
        notes=record.notes,
        card=content["card"],
    )
