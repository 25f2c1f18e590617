"""List the public estimators of the library."""

import inspect
import pkgutil
from importlib import import_module
from typing import Literal

from sklearn.base import BaseEstimator, is_classifier, is_regressor

import skastro

_KINDS = {
    "classifier": is_classifier,
    "regressor": is_regressor,
    "transformer": lambda estimator: hasattr(estimator, "transform"),
}


def all_estimators(
    type_filter: Literal["classifier", "regressor", "transformer"] | None = None,
) -> list[tuple[str, type[BaseEstimator]]]:
    """Public classes of skastro that can be fitted.

    A class counts when the ``__all__`` of a subpackage names it, it derives from
    scikit-learn's ``BaseEstimator`` and it has a ``fit`` method. Parameter objects such as
    nets, which are not fitted, do not count.

    Parameters
    ----------
    type_filter : {"classifier", "regressor", "transformer"}, default=None
        Keep one kind; None keeps all.

    Returns
    -------
    list of tuple
        Pairs of name and class, sorted by name.

    Raises
    ------
    ValueError
        If `type_filter` is none of the kinds.

    Examples
    --------
    >>> from skastro.utils import all_estimators
    >>> [name for name, _ in all_estimators("classifier")]
    ['CNNClassifier', 'ConformalClassifier', 'SliceClassifier']
    """
    if type_filter is not None and type_filter not in _KINDS:
        raise ValueError(
            f"The 'type_filter' parameter of all_estimators must be None or one of "
            f"{sorted(_KINDS)}. Got {type_filter!r} instead."
        )
    found = {}
    for module_info in pkgutil.iter_modules(skastro.__path__):
        if module_info.name.startswith("_"):
            continue
        module = import_module(f"skastro.{module_info.name}")
        for name in getattr(module, "__all__", ()):
            candidate = getattr(module, name)
            if (
                inspect.isclass(candidate)
                and issubclass(candidate, BaseEstimator)
                and not inspect.isabstract(candidate)
                and hasattr(candidate, "fit")
                and (type_filter is None or _KINDS[type_filter](candidate()))
            ):
                found[name] = candidate
    return sorted(found.items())
