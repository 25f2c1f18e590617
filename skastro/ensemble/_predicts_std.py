"""Whether a regressor knows its errors."""

from inspect import signature

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ..neural_network import CNNRegressor
from ..neural_network._targets import regression_loss


def predicts_std(regressor):
    """Whether a fitted regressor predicts standard deviations that it has learned.

    Parameters
    ----------
    regressor : regressor
        A fitted regressor. A pipeline is asked for its last step, a frozen estimator for what
        is frozen, and an estimator of this package, which says ``_fitted_member``, for what it
        wraps.

    Returns
    -------
    bool
        True where ``predict`` takes `return_std`, and a net was trained with a loss that
        learns variances.
    """
    regressor = _last_step(regressor)
    if hasattr(regressor, "_fitted_member"):
        return predicts_std(regressor._fitted_member)
    if isinstance(regressor, CNNRegressor):
        return regression_loss(regressor._fitted_loss).outputs_per_target == 2
    return "return_std" in signature(regressor.predict).parameters


def check_return_std(owner, regressor):
    """Refuse a regressor that cannot predict standard deviations, before it is fitted.

    Parameters
    ----------
    owner : str
        What needs them, named in the error.
    regressor : regressor
        A regressor, fitted or not.

    Raises
    ------
    ValueError
        If its ``predict`` takes no `return_std`, or it is a net whose loss learns no variances.
    """
    last = _last_step(regressor)
    takes = "return_std" in signature(last.predict).parameters
    if isinstance(last, CNNRegressor):
        takes = regression_loss(last.loss).outputs_per_target == 2
    if not takes:
        raise ValueError(
            f"{owner} needs an estimator that predicts standard deviations, "
            f"predict(X, return_std=True), and {last!r} does not. Take "
            f"CNNRegressor(loss='gaussian_nll') or a DeepEnsembleRegressor of several."
        )


def _last_step(regressor):
    """What predicts in a frozen or unfrozen pipeline."""
    while isinstance(regressor, FrozenEstimator | Pipeline):
        frozen = isinstance(regressor, FrozenEstimator)
        regressor = regressor.estimator if frozen else regressor.steps[-1][1]
    return regressor
