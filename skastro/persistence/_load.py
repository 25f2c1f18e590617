"""Read a fitted model from a file."""

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

from ..exceptions import ModelFileError, ModelVersionWarning
from ._codec import Decoder, is_model
from ._container import ARRAYS, MANIFEST, MODEL, read_container, read_json
from ._guard import attach
from ._raw import read_raw
from ._record import TrainingRecord
from ._save import versions

_REMEDY = "Copy or save the model again, or fit it anew."


def load(path: str | PathLike[str]) -> Any:
    """Read a model that `save` wrote.

    No code of the file is run: it can name classes of this library, of scikit-learn and those
    that were given to `register`, and nothing else is made of it. Lengths, shapes and
    checksums are checked before memory is taken.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    estimator
        The model, on the processor or the GPU as its parameter `device` says. What it was trained
        on is its attribute ``training_record_``, by which it warns of maps that are unlike
        those of its training.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file is damaged, of another format, or holds what no file may hold.

    Warns
    -----
    ModelVersionWarning
        If it was saved with another version of this library or of scikit-learn.

    See Also
    --------
    save : Write a model.
    describe : See what is in a file without reading the model.

    Notes
    -----
    Whom a model comes from still matters: its predictions can be wrong on purpose.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from skastro.persistence import load, save
    >>> from skastro.preprocessing import FieldScaler
    >>> maps = np.random.default_rng(0).normal(size=(20, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(FieldScaler().fit(maps), os.path.join(folder, "scaler.skastro"))
    ...     scaler = load(path)
    >>> scaler.transform(maps).shape, scaler.training_record_.sample_shape
    ((20, 8, 8), (8, 8))
    """
    path = Path(path)
    try:
        found = read_container(path, "load")
        content = read_json(found[MODEL], MODEL)
        decoder = Decoder(read_raw(found[ARRAYS]))
        check_content(content)
        model = decoder.decode(content["model"])
        decoder.finish()
        attach(model, TrainingRecord.from_json(content["record"]))
    except OSError:
        raise
    except Exception as error:
        raise told("load", path, error) from error
    _warn_of_versions(path, found[MANIFEST]["versions"])
    return model


def check_content(content: Any) -> None:
    """Refuse a tree that is not that of a model."""
    wanted: dict[str, Any] = {
        "model": dict,
        "text": str,
        "n_weights": int,
        "record": dict,
        "card": (str, type(None)),
    }
    if not isinstance(content, dict) or not set(wanted) <= set(content):
        raise ModelFileError(f"{MODEL} is not complete")
    for name, types in wanted.items():
        if not isinstance(content[name], types):
            raise ModelFileError(f"{MODEL} has a {name} that is none")
    if not is_model(content["model"]):
        raise ModelFileError("what it holds is no estimator")


def told(owner: str, path: Path, error: Exception) -> ModelFileError:
    """What is wrong with a file, and what can be done."""
    why = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, RecursionError):
        why = "it is nested too deeply"
    elif not isinstance(error, ModelFileError):
        why = f"its parts do not fit together ({type(error).__name__}: {why})"
    return ModelFileError(f"{owner}: {path} is no model that can be read: {why}. {_REMEDY}")


def _warn_of_versions(path: Path, saved: dict[str, str]) -> None:
    """Warn of a file of other versions of this library or of scikit-learn."""
    here = versions()
    differ = [
        f"{name} {saved.get(name)} (here {here[name]})"
        for name, n_parts in (("skastro", None), ("scikit-learn", 2))
        if _start(saved.get(name), n_parts) != _start(here[name], n_parts)
    ]
    if differ:
        warnings.warn(
            f"load: {path} was saved with {' and '.join(differ)}. Predictions may differ: check "
            f"them on maps whose results are known, or fit the model anew.",
            ModelVersionWarning,
            stacklevel=3,
        )


def _start(version: str | None, n_parts: int | None) -> list[str]:
    """The first parts of a version."""
    return (version or "").split(".")[:n_parts]
