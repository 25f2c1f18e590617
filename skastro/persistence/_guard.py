"""Put the record of the training where predictions ask for it."""

from typing import Any

from ..utils._training_record import RECORD_NAMES
from ._walk import first_component

_ON_MODEL, _ON_COMPONENT = RECORD_NAMES


def attach(model: Any, record: Any) -> Any:
    """Put a record on a fitted model.

    The model has it as ``training_record_``. The part of this library that sees the maps as they
    are given has it as ``_training_record``: `skastro.maps.check_maps` asks it whether maps
    are like those of the training. Where another step comes first, such as one of scikit-learn,
    only `skastro.persistence.predict` checks values.

    Parameters
    ----------
    model : estimator
        The fitted model.
    record : TrainingRecord or None
        What it was trained on; None takes off what is there.

    Returns
    -------
    estimator
        The model.
    """
    component = first_component(model)
    for part, name in ((model, _ON_MODEL), (component, _ON_COMPONENT)):
        if part is None:
            continue
        if record is None:
            vars(part).pop(name, None)
        else:
            setattr(part, name, record)
    return model


def record_on(model: Any) -> Any:
    """Give the record that a model was loaded with, if it was not fitted since.

    Parameters
    ----------
    model : estimator
        Any fitted estimator.

    Returns
    -------
    TrainingRecord or None
        The record.
    """
    record, component = getattr(model, _ON_MODEL, None), first_component(model)
    if component is None or getattr(component, _ON_COMPONENT, None) is record:
        return record
    return None
