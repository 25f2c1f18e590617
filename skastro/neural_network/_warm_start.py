"""Whether a regression can go on from the net that is there."""

from ._targets import regression_loss


def check_warm_start(estimator, n_targets, output):
    """Refuse targets, their order and a loss that do not fit the net that is there.

    Parameters
    ----------
    estimator : CNNRegressor
        A fitted estimator, with the parameters of the fit that is to come.
    n_targets : int
        Number of targets of that fit.
    output : {"free", "increasing", "decreasing"}
        Their order.

    Raises
    ------
    ValueError
        If they do not fit.
    """
    name = type(estimator).__name__
    fitted_loss, fitted_output = estimator._fitted_loss, estimator._fitted_output
    old, new = regression_loss(fitted_loss), regression_loss(estimator.loss)
    n_fitted = estimator._architecture[2][0] // old.outputs_per_target
    if n_fitted != n_targets:
        raise ValueError(
            f"{name}(warm_start=True) was fitted on {n_fitted} targets and cannot go on "
            f"with {n_targets}. Set warm_start=False."
        )
    if (old.outputs_per_target, old.link) != (new.outputs_per_target, new.link):
        raise ValueError(
            f"{name}(warm_start=True) was fitted with loss={fitted_loss!r} and cannot go on with "
            f"loss={estimator.loss!r}, for which the outputs of the net mean something else. Set "
            f"warm_start=False."
        )
    if output != fitted_output:
        raise ValueError(
            f"{name}(warm_start=True) was fitted with output={fitted_output!r} and cannot go on "
            f"with output={output!r}. Set warm_start=False."
        )
