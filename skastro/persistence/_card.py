"""A model card: what a model is, what it was trained on, and what it is not for."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from ..utils import replacing
from ._card_data import HeldOut, held_out_scores, predictions
from ._card_pictures import pictures
from ._card_text import sections
from ._plain import plain_scores
from ._record import TrainingRecord


def card(
    model: Any,
    path: str | PathLike[str] | None = None,
    *,
    data: Mapping[str, Any] | None = None,
    scores: Any = None,
    notes: str | None = None,
) -> str:
    """Write a model card: what a model is, what it was trained on, how well it does, its limits.

    The sections follow model cards [1]_, in the words of the field: the steps of the model, the
    training data with fields, units, redshifts and ranges, the training, scores, limits, and code
    that loads the model and predicts. What the training data were, a model knows that was saved
    with them, see `skastro.persistence.save`.

    Parameters
    ----------
    model : estimator
        The fitted model, best one that `skastro.persistence.load` gave.
    path : path-like, default=None
        Markdown file to write, such as ``model.md`` beside ``model.skastro``. Pictures are
        written beside it as PNG where matplotlib is installed: losses, and with `data` maps of
        it and predictions against truths.
    data : Bunch, default=None
        Held-out data with ``maps`` and, for scores, ``target``; other simulations than those
        that were trained on.
    scores : mapping, Comparison or DataFrame, default=None
        Scores by name: numbers, one for each fold, or again scores by name. By default those
        that the model was saved with.
    notes : str, default=None
        What is added at the end. By default the notes that the model was saved with.

    Returns
    -------
    str
        The card in Markdown.

    Raises
    ------
    ValueError
        If `path` does not end in ".md".
    NotFittedError
        If the model is not fitted.
    TypeError
        If `data` is no Bunch with maps, or `scores` are no scores.

    Warns
    -----
    LeakageWarning
        If `data` has simulations that the model was trained on.
    TrainingRangeWarning
        If `data` is unlike what the model was trained on.

    References
    ----------
    .. [1] M. Mitchell et al., "Model Cards for Model Reporting", FAT* (2019), arXiv:1810.03993.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.persistence import card
    >>> from skastro.statistics import PowerSpectrum
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> maps = np.random.default_rng(0).normal(size=(20, 8, 8))
    >>> model = make_pipeline(PowerSpectrum(), Ridge()).fit(maps, maps.std(axis=(1, 2)))
    >>> text = card(model, scores={"r2": [0.91, 0.94], "r2 of the mean": [0.0, -0.1]})
    >>> print(text[text.index("## Scores") : text.index("## Limits")])
    ## Scores
    <BLANKLINE>
    | score | value |
    | --- | --- |
    | r2 | 0.925 ± 0.015 (2 folds) |
    | r2 of the mean | -0.05 ± 0.05 (2 folds) |
    <BLANKLINE>
    """
    check_is_fitted(model)
    if path is not None and Path(path).suffix != ".md":
        raise ValueError(
            f"The 'path' parameter of card must end in '.md', as a card is Markdown. Got "
            f"{str(path)!r} instead."
        )
    record = TrainingRecord.make(model, scores=scores, notes=notes)
    found = None if data is None else predictions(model, record, data)
    if path is not None:
        return write_card(model, record, Path(path), found)
    return sections(model, record, "model", _measured(found, record), {})


def write_card(model: Any, record: TrainingRecord, path: Path, found: HeldOut | None = None) -> str:
    """Write a card and its pictures, and return its text."""
    shown = pictures(model, record, path, found)
    text = sections(model, record, path.stem, _measured(found, record), shown)
    with replacing(path) as file:
        file.write(text.encode())
    return text


def _measured(found: HeldOut | None, record: TrainingRecord) -> dict[str, Any] | None:
    return plain_scores(None if found is None else held_out_scores(found, record))
