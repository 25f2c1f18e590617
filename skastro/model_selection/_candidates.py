"""Candidates of a comparison by name, and the baselines beside them."""

from collections.abc import Mapping
from numbers import Integral

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ._baselines import mean_baseline, summary_baseline

DUMMY, SUMMARY = "dummy", "summary"
_ALLOWED = "a dict of name to estimator, a list of (name, estimator), or a list of estimators"


def named_candidates(estimators):
    """Bring candidates to a dict.

    Parameters
    ----------
    estimators : dict of str to estimator, list of (str, estimator), or list of estimators
        Candidates.

    Returns
    -------
    dict of str to estimator
        The candidates, in order.

    Raises
    ------
    TypeError
        If they are none of these.
    ValueError
        If there are none, two have one name, or regressors stand beside classifiers.
    """
    if isinstance(estimators, Mapping):
        pairs = list(estimators.items())
    elif isinstance(estimators, list | tuple):
        pairs = [item if isinstance(item, tuple) else (None, item) for item in estimators]
    else:
        raise TypeError(
            f"The 'estimators' parameter of compare must be {_ALLOWED}. Got {estimators!r} "
            f"instead; put a single estimator into a list."
        )
    candidates = {}
    for pair in pairs:
        name, estimator = pair if len(pair) == 2 else (None, None)
        if not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
            raise TypeError(
                f"The 'estimators' parameter of compare must be {_ALLOWED}, which fit and "
                f"predict. Got {pair!r} in it."
            )
        name = _class_name(estimator, candidates) if name is None else str(name)
        if name in candidates:
            raise ValueError(
                f"The 'estimators' of compare need different names; got {name!r} twice."
            )
        candidates[name] = estimator
    if not candidates:
        raise ValueError(
            "The 'estimators' parameter of compare must hold at least one candidate; got none."
        )
    if len({is_classifier(estimator) for estimator in candidates.values()}) > 1:
        kinds = {name: is_classifier(estimator) for name, estimator in candidates.items()}
        raise ValueError(
            f"The 'estimators' of compare must all be regressors or all be classifiers, since "
            f"they have one score. Classifiers: {[n for n in kinds if kinds[n]]}, others: "
            f"{[n for n in kinds if not kinds[n]]}."
        )
    return candidates


def baselines(candidates, X, y, dummy, summary):
    """What stands beside the candidates.

    Parameters
    ----------
    candidates : dict of str to estimator
        The candidates.
    X, y : ndarray or LazyMaps of shape (n_samples, ...)
        Maps and targets.
    dummy, summary : bool or estimator
        Whether each is wanted, or what takes its place.

    Returns
    -------
    dict of str to estimator
        The baselines, those that are declined left out.

    Raises
    ------
    TypeError
        If one is neither a bool nor an estimator.
    ValueError
        If a candidate has the name of a baseline.
    """
    classifier = is_classifier(next(iter(candidates.values())))
    dim = _dim(candidates, X.ndim)
    makers = {SUMMARY: summary_baseline, DUMMY: mean_baseline}
    found = {}
    for name, given in ((SUMMARY, summary), (DUMMY, dummy)):
        if given is False:
            continue
        if given is not True and not (hasattr(given, "fit") and hasattr(given, "predict")):
            raise TypeError(
                f"The {name!r} parameter of compare must be True, False or an estimator. Got "
                f"{given!r} instead."
            )
        if name in candidates:
            raise ValueError(
                f"The name {name!r} in the 'estimators' of compare is that of a baseline. Choose "
                f"another one, or set {name}=False."
            )
        found[name] = makers[name](X, y, classifier=classifier, dim=dim) if given is True else given
    return found


def _class_name(estimator, taken):
    """Name of the class, that of the last step of a pipeline, with a number where it is taken."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    name = base = type(estimator).__name__
    number = 1
    while name in taken:
        number += 1
        name = f"{base} {number}"
    return name


def _dim(candidates, n_axes):
    """Number of spatial axes where the candidates agree in saying so."""
    said = {
        value
        for estimator in candidates.values()
        if hasattr(estimator, "get_params")
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] == "dim" and isinstance(value, Integral)
    }
    fitting = {int(dim) for dim in said if n_axes in (dim + 1, dim + 2)}
    return fitting.pop() if len(said) == len(fitting) == 1 else None
