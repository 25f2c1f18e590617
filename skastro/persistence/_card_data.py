"""What a model makes of data that were held out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score

from ..metrics import field_r2_score
from ..utils import as_numpy

N_TARGETS = 12  # most targets that have scores and a panel each


class HeldOut(NamedTuple):
    """Data that were held out, and predictions for them.

    Attributes
    ----------
    data : Bunch
        What was given.
    y_true, y_pred : ndarray or None
        Targets and predictions; None where there are no targets or no predictions.
    kind : {"classes", "numbers", "fields", None}
        What they are.
    """

    data: Mapping[str, Any]
    y_true: np.ndarray | None = None
    y_pred: np.ndarray | None = None
    kind: str | None = None


def predictions(model: Any, record: Any, data: Any) -> HeldOut:
    """Predict for data, after checks of what they say of themselves.

    Parameters
    ----------
    model : estimator
        The fitted model.
    record : TrainingRecord
        What it was trained on.
    data : Bunch
        Held-out data.

    Returns
    -------
    HeldOut
        Data, truths and predictions.

    Raises
    ------
    TypeError
        If `data` is no Bunch with maps.
    """
    if not isinstance(data, Mapping) or data.get("maps") is None:
        raise TypeError(
            f"The 'data' parameter of card must be a Bunch of held-out data, with 'maps'. Got "
            f"{type(data).__name__} instead. Make one: sklearn.utils.Bunch(maps=X, target=y)."
        )
    record.check_data(data)
    if data.get("groups") is not None:
        record.check_groups(data["groups"])
    supervised = is_classifier(model) or is_regressor(model)
    if data.get("target") is None or not supervised:
        return HeldOut(data)
    y_true = np.asarray(as_numpy(data["target"]))
    y_pred = np.asarray(model.predict(data["maps"]))
    kind = "classes" if is_classifier(model) else "fields" if y_true.ndim > 2 else "numbers"
    if kind == "numbers":
        y_pred = y_pred.reshape(y_true.shape)
    return HeldOut(data, y_true, y_pred, kind)


def held_out_scores(found: HeldOut, record: Any) -> dict[str, Any] | None:
    """Scores of predictions, beside those of the best constant.

    Parameters
    ----------
    found : HeldOut
        Truths and predictions.
    record : TrainingRecord
        Has the names of the targets.

    Returns
    -------
    dict or None
        Scores by name; None where there is nothing to score.
    """
    truth, pred = found.y_true, found.y_pred
    if truth is None or pred is None:
        return None
    if found.kind == "classes":
        values, counts = np.unique(truth, return_counts=True)
        constant = np.full(truth.shape, values[counts.argmax()])
        return {
            name: {
                "accuracy": accuracy_score(truth, guess),
                "balanced accuracy": balanced_accuracy_score(truth, guess),
            }
            for name, guess in (("model", pred), ("most frequent class", constant))
        }
    if found.kind == "fields":
        rmse = {
            name: float(np.sqrt(np.mean((guess - truth) ** 2)))
            for name, guess in (("model", pred), ("mean", truth.mean()))
        }
        return {
            "model": {"r2 of cells": field_r2_score(truth, pred), "RMSE": rmse["model"]},
            "predicting the mean": {"r2 of cells": 0.0, "RMSE": rmse["mean"]},
        }
    return _of_numbers(truth.reshape(len(truth), -1), pred.reshape(len(pred), -1), record)


def _of_numbers(truth: np.ndarray, pred: np.ndarray, record: Any) -> dict[str, Any]:
    """Scores of each target, or of all together where there are many."""
    n_targets = truth.shape[1]
    names = record.target_names
    if names is None or len(names) != n_targets:
        names = [f"target {i}" for i in range(n_targets)] if n_targets > 1 else ["target"]
    columns = [[i] for i in range(n_targets)]
    if n_targets > N_TARGETS:
        names, columns = [f"{n_targets} targets, mean"], [list(range(n_targets))]
    return {
        name: {
            "r2": r2_score(truth[:, which], pred[:, which]),
            "RMSE": np.sqrt(np.mean((truth[:, which] - pred[:, which]) ** 2)),
            "RMSE of predicting the mean": np.sqrt(np.mean(truth[:, which].var(axis=0))),
        }
        for name, which in zip(names, columns, strict=True)
    }
