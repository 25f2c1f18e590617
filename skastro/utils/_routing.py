"""Hand sample weights and groups to the estimator at the end of a pipeline."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from ._typing import ArrayLike


def final_fit_params(estimator: BaseEstimator, **params: ArrayLike | None) -> dict[str, Any]:
    """Spell fit parameters as the last step of a possibly nested pipeline takes them.

    Parameters
    ----------
    estimator : estimator
        A pipeline, a ``TransformedTargetRegressor``, one in the other, or any other estimator.
    **params : array-like
        Parameters of ``fit``, such as ``sample_weight`` and ``groups``. None is left out, and
        so is what the ``fit`` of the last step does not accept. A search takes ``groups``,
        which it hands to its splitter alone.

    Returns
    -------
    dict
        Parameters for ``estimator.fit``.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skastro.utils import final_fit_params
    >>> final_fit_params(make_pipeline(StandardScaler(), Ridge()), sample_weight=[1], groups=[0])
    {'ridge__sample_weight': [1]}
    """
    prefix = ""
    while isinstance(estimator, Pipeline | TransformedTargetRegressor):
        if isinstance(estimator, TransformedTargetRegressor):
            estimator = estimator.regressor
        else:
            name, estimator = estimator.steps[-1]
            prefix += f"{name}__"
    return {
        f"{prefix}{name}": value
        for name, value in params.items()
        if value is not None and _accepts(estimator, name)
    }


def inner_fit_params(
    owner: str, estimator: BaseEstimator, sample_weight: ArrayLike | None, groups: ArrayLike | None
) -> dict[str, Any]:
    """Spell weights and groups for the estimator inside another one, where it takes them.

    Parameters
    ----------
    owner : str
        The estimator around it, named in the error.
    estimator : estimator
        The parameter `estimator` of the owner.
    sample_weight, groups : array-like or None
        What the owner's ``fit`` was given.

    Returns
    -------
    dict
        Parameters for ``estimator.fit``, see `final_fit_params`.

    Raises
    ------
    ValueError
        If weights are given that the estimator cannot use.
    """
    weights = final_fit_params(estimator, sample_weight=sample_weight)
    if sample_weight is not None and not weights:
        raise ValueError(
            f"The 'estimator' parameter of {owner} is {estimator!r}, whose fit takes no "
            f"sample_weight. Leave sample_weight out, or take another estimator."
        )
    return weights | final_fit_params(estimator, groups=groups)


def _accepts(estimator, name):
    is_search = hasattr(estimator, "refit") and hasattr(estimator, "cv")
    return has_fit_parameter(estimator, name) or (is_search and name == "groups")
