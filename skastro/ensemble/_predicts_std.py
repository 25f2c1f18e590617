"""Whether a fitted regressor knows its errors."""

from inspect import signature

from sklearn.pipeline import Pipeline

from ..neural_network import CNNRegressor
from ..neural_network._targets import regression_loss


def predicts_std(regressor):
    """Whether a fitted regressor predicts standard deviations that it has learned.

    Parameters
    ----------
    regressor : regressor
        A fitted regressor. A pipeline is asked for its last step, and an estimator of
        this package, which says ``_fitted_member``, for what it wraps.

    Returns
    -------
    bool
        True where ``predict`` takes `return_std`, and a net was trained with a loss that
        learns variances.
    """
    if isinstance(regressor, Pipeline):
        return predicts_std(regressor.steps[-1][1])
    if hasattr(regressor, "_fitted_member"):
        return predicts_std(regressor._fitted_member)
    if isinstance(regressor, CNNRegressor):
        return regression_loss(regressor._fitted_loss).outputs_per_target == 2
    return "return_std" in signature(regressor.predict).parameters
