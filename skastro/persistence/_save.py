"""Write a fitted model to a file."""

import datetime as dt
import json
import platform
import warnings
from collections.abc import Mapping
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import skastro

from ..exceptions import ModelFileError
from ._card import write_card
from ._card_text import TITLE, sections
from ._codec import Encoder, is_model
from ._container import ARRAYS, MODEL, write_container
from ._record import TrainingRecord

SUFFIX = ".skastro"
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "skorch")


def save(
    model: Any,
    path: str | PathLike[str],
    *,
    data: Mapping[str, Any] | None = None,
    scores: Any = None,
    notes: str | None = None,
    with_card: bool = True,
) -> Path:
    """Write a fitted model, and what it was trained on, to one file.

    Unlike a pickle, the file is data alone: `load` makes of it objects of known classes, and runs
    nothing that comes with it. It holds parameters and what was fitted, of nets the
    weights, and the versions of the libraries. Predictions of the model that is loaded are equal
    bit by bit on the same machine with the same versions.

    Parameters
    ----------
    model : estimator
        The fitted model: any estimator of this library, most of scikit-learn, pipelines,
        searches and ensembles of these, and classes that were given to `register`.
    path : path-like
        The file, with the ending ``.skastro``. One that is there is replaced once the new one is
        complete.
    data : Bunch, default=None
        The training data with ``maps`` and what the loaders and mocks of this library give: units,
        fields, redshifts, groups. The record of the training is made of it, by which
        predictions on other data are checked. The data themselves are not written.
    scores : mapping, Comparison or DataFrame, default=None
        Scores by name, for the record.
    notes : str, default=None
        What is to be remembered, for the record.
    with_card : bool, default=True
        Whether the model `card` is written beside the file, as Markdown with a picture of the
        losses where matplotlib is installed. Its text is in the file as well, see `describe`.
        A card of that name is replaced, any other text stays.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ModelFileError
        If a part of the model cannot be saved, such as a lambda; the error says which.
    OSError
        If the file cannot be written. What was there before stays.
    ValueError
        If `path` has another ending.

    Warns
    -----
    UserWarning
        If something is left out that predictions do not need, such as callbacks, if maps of
        `data` are not finite, or if the card cannot be written.

    See Also
    --------
    load : Read it.
    describe : See what is in a file.

    Notes
    -----
    The file is a zip archive without compression, of ``manifest.json`` with versions and
    checksums, ``model.json`` with the parameters as a tree, and ``arrays.safetensors``.
    Search trees of nearest neighbours and random draws to come are as they were.

    Pickle and joblib are for what is read soon, on the same machine and by the same versions: for
    other processes, and for what cannot be saved here, such as lambdas and callbacks. A pickle
    is as small, as nets leave the optimizer out of it, but it runs code when it is
    read, breaks with other versions, and knows what the model was trained on only if the
    model was loaded. A file of this function is for what is kept, shared or published.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skastro.persistence import load, save
    >>> from skastro.statistics import PowerSpectrum
    >>> maps = np.random.default_rng(0).normal(size=(20, 8, 8))
    >>> model = make_pipeline(PowerSpectrum(n_bins=3), Ridge()).fit(maps, maps.std((1, 2)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, os.path.join(folder, "std.skastro"), notes="white noise")
    ...     again = load(path)
    >>> bool((again.predict(maps) == model.predict(maps)).all())
    True
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(
            f"The 'path' parameter of save must end in {SUFFIX!r}. Got {str(path)!r} instead."
        )
    encoder = Encoder()
    tree = encoder.encode(model, type(model).__name__)
    if not is_model(tree):
        raise ModelFileError(
            f"save takes a fitted estimator. Got {model!r} instead. Put what belongs to a model "
            f"into its parameters or attributes, and save the model."
        )
    record = TrainingRecord.make(model, data=data, scores=scores, notes=notes)
    content = {
        "model": tree,
        "text": repr(model),
        "n_weights": encoder.n_weights,
        "record": record.to_json(),
        "card": sections(model, record, path.stem, None, {}) if _is_fitted(model) else None,
    }
    for left_out in dict.fromkeys(encoder.left_out):
        warnings.warn(
            f"save: {left_out} is not written to {path}, since predictions do not need it.",
            UserWarning,
            stacklevel=2,
        )
    try:
        text = json.dumps(content, allow_nan=False)
    except (RecursionError, ValueError) as error:
        raise ModelFileError(f"save: the model cannot be written as JSON ({error}).") from error
    parts = {MODEL: text.encode(), ARRAYS: encoder.arrays.to_bytes()}
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    write_container(path, {"created": created, "versions": versions()}, parts)
    if with_card and _is_fitted(model):
        _write_card_beside(model, record, path)
    return path


def _write_card_beside(model: Any, record: TrainingRecord, path: Path) -> None:
    """Write the card of a model that is saved, or warn why there is none."""
    beside = path.with_suffix(".md")
    try:
        if beside.exists() and not beside.read_text("utf-8", "replace").startswith(TITLE):
            raise FileExistsError("there is another text of that name, which stays")
        write_card(model, record, beside)
    except Exception as error:
        warnings.warn(
            f"save: the model is written to {path}, but its card {beside.name} is not: {error}. "
            f"Write it to another place by card(load({str(path)!r}), '....md').",
            UserWarning,
            stacklevel=3,
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a model depends on."""
    found = {"skastro": skastro.__version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in _LIBRARIES}


def _is_fitted(model: Any) -> bool:
    """Whether there is something to write a card of."""
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError):
        return False
    return True
