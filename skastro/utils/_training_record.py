"""Names under which a fitted model carries the record of what it was trained on."""

from collections.abc import Mapping
from typing import Any

RECORD_NAMES = ("training_record_", "_training_record")


def record_of(estimator: object) -> Any:
    """Record that checks the maps which an estimator is given.

    Parameters
    ----------
    estimator : object
        Any estimator.

    Returns
    -------
    TrainingRecord or None
        The record; None where the estimator was not loaded from a file, or fitted since.
    """
    return vars(estimator).get(RECORD_NAMES[1])


def drop_records(estimator: object) -> None:
    """Take the record off an estimator, to which it no longer applies.

    Parameters
    ----------
    estimator : object
        An estimator that is fitted anew, or a copy of one.
    """
    for name in RECORD_NAMES:
        vars(estimator).pop(name, None)


def without_records(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that decide what an estimator does.

    Parameters
    ----------
    attributes : dict of str to object
        All attributes of an object.

    Returns
    -------
    dict of str to object
        Those that are no record of the training.
    """
    return {name: value for name, value in attributes.items() if name not in RECORD_NAMES}
