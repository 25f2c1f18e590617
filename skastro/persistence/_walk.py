"""The fitted parts of a model, whatever is wrapped around them."""

from sklearn.pipeline import Pipeline

# What holds the fitted part in estimators of scikit-learn and of this library, in the order in
# which they are asked for; `estimator` is that of a FrozenEstimator.
_HOLDERS = ("best_estimator_", "regressor_", "estimator_", "classifier_")
_LISTS = ("estimators_", "calibrated_classifiers_", "transformer_list", "transformers_")


def members(model):
    """Fitted parts directly within a model.

    Parameters
    ----------
    model : estimator
        Any fitted estimator.

    Returns
    -------
    list of tuple of (str, estimator)
        Name and part, in the order in which data go through them; none for what wraps nothing.
    """
    if isinstance(model, Pipeline):
        return [(name, step) for name, step in model.steps if not _is_absent(step)]
    for name in _HOLDERS:
        if hasattr(model, name):
            return [(name, getattr(model, name))]
    for name in _LISTS:
        found = getattr(model, name, None)
        if found is not None:
            return _listed(name, found)
    if type(model).__name__ == "FrozenEstimator" or _is_calibrated(model):
        return [("estimator", model.estimator)]
    return []


def components(model, name=""):
    """All fitted parts of a model, itself first.

    Parameters
    ----------
    model : estimator
        Any fitted estimator.
    name : str, default=""
        Name of the model, put before those of its parts.

    Yields
    ------
    name : str
        Where the part is, such as "best_estimator_.cnnregressor"; "" is the model.
    component : estimator
        The part.
    """
    yield name, model
    for part, inner in members(model):
        yield from components(inner, f"{name}.{part}" if name else part)


def first_component(model):
    """The part of this library that sees the maps as they are given to the model.

    Parameters
    ----------
    model : estimator
        Any fitted estimator.

    Returns
    -------
    estimator or None
        The part; None where something else comes before it, such as a step of scikit-learn.
    """
    while not is_own(model):
        inner = members(model)
        if not inner:
            return None
        model = inner[0][1]
    return model


def is_own(estimator):
    """Whether an estimator is of this library, or of a class derived from one, and takes maps.

    Parameters
    ----------
    estimator : object
        What is asked about.

    Returns
    -------
    bool
        True where fit noted the shape of the maps.
    """
    package = __name__.partition(".")[0]
    return hasattr(estimator, "sample_shape_") and any(
        cls.__module__.partition(".")[0] == package for cls in type(estimator).__mro__
    )


def _listed(name, found):
    """Parts of a list, which scikit-learn has in several forms, maybe in rows of an array."""
    items = found.ravel().tolist() if hasattr(found, "ravel") else list(found)
    pairs = [
        item[:2] if isinstance(item, tuple) else (f"{name}[{i}]", item)
        for i, item in enumerate(items)
    ]
    return [(part, inner) for part, inner in pairs if not _is_absent(inner)]


def _is_absent(step):
    return step is None or isinstance(step, str)


def _is_calibrated(model):
    return type(model).__name__ == "_CalibratedClassifier"
