"""What estimators around another one hold."""

from typing import Any

_FITTED = ("best_estimator_", "regressor_", "estimator_")


def wrapped(estimator: Any) -> Any:
    """The fitted estimator that a search or another one is around; None if it is around none."""
    found = (getattr(estimator, name) for name in _FITTED if hasattr(estimator, name))
    return next(found, None)
