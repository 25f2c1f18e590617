"""What tells a fitted estimator from others in every process that loads it."""

from sklearn.base import BaseEstimator

from ..maps import LazyMaps
from ..utils._training_record import without_records
from ._base import NetEstimator
from ._torch import weights_to_arrays

# Of a net, what no prediction depends on; the mean over symmetric views is one of parameters.
_IRRELEVANT = NetEstimator._not_in_fingerprint - {"average_symmetries"} | {
    "callbacks",
    "history_",
    "net_",
    "random_state",
    "streaming",
}


def fitted_identity(value):
    """Values that predictions of a fitted estimator depend on, for a fingerprint.

    Parameters
    ----------
    value : object
        An estimator, lazy maps whose transforms are estimators, or a list, tuple or dict of
        these. Others are returned as they are.

    Returns
    -------
    object
        Classes and attributes in place of estimators; weights in place of nets, without what
        says how these were trained, and on which device.
    """
    if isinstance(value, LazyMaps):
        steps = [(fitted_identity(step.transformer), step.inverse) for step in value.steps]
        return "LazyMaps", value.source, value.rows, steps, value.epoch
    if isinstance(value, NetEstimator):
        found = without_records(vars(value))
        found = {key: item for key, item in found.items() if key not in _IRRELEVANT}
        weights = weights_to_arrays(value.net_.module_) if hasattr(value, "net_") else None
        return type(value), {key: fitted_identity(found[key]) for key in sorted(found)}, weights
    if isinstance(value, BaseEstimator) and not hasattr(value, "_identity"):
        found = without_records(vars(value))
        found = {key: item for key, item in found.items() if not key.startswith("_parent")}
        return type(value), {key: fitted_identity(found[key]) for key in sorted(found)}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(fitted_identity, value)]
    if isinstance(value, dict):
        return {key: fitted_identity(item) for key, item in value.items()}
    return value
