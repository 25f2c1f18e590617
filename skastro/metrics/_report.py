"""A table of how well each parameter is recovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import r2_score, root_mean_squared_error

from ..utils import import_pandas
from ..utils._typing import ArrayLike
from ._aggregate import aggregate_by_group
from ._checks import check_targets
from ._coverage import coverage
from ._reduced_chi2 import reduced_chi2
from ._relative_error import relative_error

if TYPE_CHECKING:
    from pandas import DataFrame


def recovery_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    y_std: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    target_names: Sequence[str] | None = None,
) -> DataFrame:
    """Tabulate how well each parameter is recovered, beside predicting the mean.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    y_pred : array-like of the same shape
        Predictions.
    y_std : array-like of the same shape, default=None
        Predicted standard deviations, greater than zero.
    groups : array-like of shape (n_samples,), default=None
        Simulation of each sample. With it, `aggregate_by_group` averages the predictions of
        each simulation, and these are scored as well.
    target_names : sequence of str, default=None
        Names of the outputs; by default those of a pandas `y_true`, or
        "target 0", "target 1", ....

    Returns
    -------
    pandas.DataFrame
        A row for each output, with the columns

        r2 : float
            Coefficient of determination; NaN where all truths are equal.
        rmse : float
            Root mean squared error, in the units of the output.
        rmse_of_mean : float
            That of predicting the mean of `y_true` for every sample, the best constant.
        relative_error : float
            Mean of ``|y_pred - y_true| / |y_true|``; NaN where a truth is zero.
        reduced_chi2, coverage : float
            With `y_std`: see `reduced_chi2` and `coverage`, at a level of 0.6827.
        group_r2, group_rmse : float
            With `groups`: the scores of the mean predictions of the simulations.

    Raises
    ------
    ValueError
        If shapes differ, a standard deviation is not greater than zero, or truths differ
        within a group.
    ImportError
        If pandas is not installed.

    See Also
    --------
    skastro.inspection.ParameterRecoveryDisplay : The same as a picture.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import recovery_report
    >>> y_true = np.array([[0.1, 0.6], [0.3, 0.8], [0.5, 1.0]])
    >>> y_pred = y_true + [[0.02, 0.1], [-0.02, 0.1], [0.02, -0.1]]
    >>> recovery_report(y_true, y_pred, target_names=["Omega_m", "sigma_8"]).round(3)
                r2  rmse  rmse_of_mean  relative_error
    Omega_m  0.985  0.02         0.163           0.102
    sigma_8  0.625  0.10         0.163           0.131
    """
    pd = import_pandas("recovery_report")
    names = named_targets("recovery_report", y_true, target_names)
    truth, pred, *std = check_targets("recovery_report", y_true, y_pred, y_std)
    relative = np.full(truth.shape[1], np.nan)
    defined = truth.all(axis=0)
    if defined.any():
        relative[defined] = relative_error(
            truth[:, defined], pred[:, defined], multioutput="raw_values"
        )
    columns = {
        "r2": r2(truth, pred),
        "rmse": root_mean_squared_error(truth, pred, multioutput="raw_values"),
        "rmse_of_mean": truth.std(axis=0),
        "relative_error": relative,
    }
    if std:
        for score in (reduced_chi2, coverage):
            columns[score.__name__] = score(truth, pred, *std, multioutput="raw_values")
    if groups is not None:
        whole = aggregate_by_group(groups, truth, pred)
        columns["group_r2"] = r2(whole.y_true, whole.y_pred)
        columns["group_rmse"] = root_mean_squared_error(
            whole.y_true, whole.y_pred, multioutput="raw_values"
        )
    return pd.DataFrame(columns, index=names)


def r2(y_true, y_pred):
    """Coefficient of determination of each output; NaN where all truths are equal.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples, n_outputs)
        Truths and predictions.

    Returns
    -------
    ndarray of shape (n_outputs,)
        The coefficients.
    """
    varies = (y_true != y_true[:1]).any(axis=0)
    found = np.full(len(varies), np.nan)
    if varies.any():
        found[varies] = r2_score(y_true[:, varies], y_pred[:, varies], multioutput="raw_values")
    return found


def named_targets(owner, y_true, target_names=None):
    """Names of the outputs: those given, the columns of a DataFrame, or numbers.

    Parameters
    ----------
    owner : str
        Who asks, named in the error.
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths.
    target_names : sequence of str, default=None
        Names to use.

    Returns
    -------
    list of str
        A name for each output.

    Raises
    ------
    ValueError
        If there are not as many names as outputs.
    """
    shape = np.shape(y_true)
    n_outputs = shape[1] if len(shape) == 2 else 1
    if target_names is None:
        target_names = _own_names(y_true, n_outputs)
    names = [target_names] if isinstance(target_names, str) else [str(n) for n in target_names]
    if len(names) != n_outputs:
        raise ValueError(
            f"The 'target_names' parameter of {owner} must hold {n_outputs} names, one for each "
            f"output. Got {target_names!r} instead."
        )
    return names


def _own_names(y_true, n_outputs):
    """Names that a DataFrame or a Series carries, or numbers."""
    if hasattr(y_true, "columns"):
        return y_true.columns
    if getattr(y_true, "name", None) is not None:
        return [y_true.name]
    return [f"target {i}" for i in range(n_outputs)]
