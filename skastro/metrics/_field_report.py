"""Scores of predicted fields, over all cells and by redshift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..utils import import_pandas
from ..utils._typing import ArrayLike, MapsLike
from ._field_sums import (
    check_fields,
    check_threshold,
    field_sums,
    matthews,
    rows_by,
    weighted_mean,
)

if TYPE_CHECKING:
    from pandas import DataFrame


@overload
def field_r2_score(
    y_true: MapsLike,
    y_pred: MapsLike,
    *,
    by: None = None,
    sample_weight: ArrayLike | None = None,
) -> float: ...


@overload
def field_r2_score(
    y_true: MapsLike,
    y_pred: MapsLike,
    *,
    by: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> dict[Any, float]: ...


def field_r2_score(
    y_true: MapsLike,
    y_pred: MapsLike,
    *,
    by: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float | dict[Any, float]:
    r"""Coefficient of determination over all cells of all fields.

    :math:`R^2 = 1 - \sum (y_{pred} - y_{true})^2 / \sum (y_{true} - \bar y_{true})^2`, with
    sums and the mean over the cells of all samples, and of all channels where there are some.
    Predicting the mean of these cells scores 0. Samples of several redshifts have several means,
    so that telling the redshifts apart alone scores more than 0: `by` gives each its own score.

    Parameters
    ----------
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields, read a few samples at a time.
    by : array-like of shape (n_samples,), default=None
        What to score samples apart by, such as their redshifts.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples, none negative.

    Returns
    -------
    float or dict
        The score, NaN where all truths are equal. With `by` a dict of its distinct values, in
        ascending order, and their scores; values whose samples all weigh zero are left out.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, `by` is not one value for each sample, or a
        weight is negative or all are zero.

    See Also
    --------
    field_report : This and other scores as a table.

    Notes
    -----
    Sums are in float64 and of differences from the mean, so that an offset of the fields costs
    no digits.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import field_r2_score
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(size=(4, 7, 8, 9)) + np.array([0, 0, 5, 5])[:, None, None, None]
    >>> y_pred = y_true + rng.normal(scale=0.1, size=y_true.shape)
    >>> round(field_r2_score(y_true, y_pred), 3)
    0.998
    >>> scores = field_r2_score(y_true, y_pred, by=[8.0, 8.0, 6.5, 6.5])
    >>> {redshift: round(score, 3) for redshift, score in scores.items()}
    {6.5: 0.882, 8.0: 0.882}
    """
    owner = "field_r2_score"
    y_true, y_pred = check_fields(owner, y_true, y_pred)
    weight = _checked_weight(owner, sample_weight, len(y_true))
    if by is None:
        return float(field_sums(owner, y_true, y_pred).r2(weight[None])[0])
    values, rows = rows_by(owner, by, len(y_true))
    seen = (rows & (weight > 0)).any(axis=1)
    scores = field_sums(owner, y_true, y_pred).r2(rows[seen] * weight)
    return dict(zip(values[seen].tolist(), scores.tolist(), strict=True))


def _checked_weight(owner, sample_weight, n_samples):
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    is_weight = weight.shape == (n_samples,) and (weight >= 0).all()
    if not is_weight or not 0 < weight.sum() < np.inf:
        raise ValueError(
            f"The 'sample_weight' parameter of {owner} must hold {n_samples} finite weights, none "
            f"negative and not all zero. Got {sample_weight!r} instead."
        )
    return weight


@overload
def matthews_at(
    y_true: MapsLike, y_pred: MapsLike, *, threshold: float = 0.5, by: None = None
) -> float: ...


@overload
def matthews_at(
    y_true: MapsLike, y_pred: MapsLike, *, threshold: float = 0.5, by: ArrayLike
) -> dict[Any, float]: ...


def matthews_at(
    y_true: MapsLike, y_pred: MapsLike, *, threshold: float = 0.5, by: ArrayLike | None = None
) -> float | dict[Any, float]:
    """Matthews correlation of the cells above a threshold.

    Of an ionized fraction with a threshold of 0.5 this says how well ionized and neutral cells
    are told apart, also where nearly all are of one kind: 1 for a perfect map, 0 for one that
    is no better than chance [1]_.

    Parameters
    ----------
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields, read a few samples at a time.
    threshold : float, default=0.5
        Cells with a value greater than this are of one class, the others of the other.
    by : array-like of shape (n_samples,), default=None
        What to score samples apart by, such as their redshifts.

    Returns
    -------
    float or dict
        The coefficient of all cells, from -1 to 1; as in scikit-learn's
        ``matthews_corrcoef``, 0 where all truths or all predictions are of one class. With `by`
        a dict of its distinct values, in ascending order, and their coefficients.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or `by` is not one value for each sample.

    See Also
    --------
    sklearn.metrics.matthews_corrcoef : The coefficient, of arrays of classes.

    References
    ----------
    .. [1] Matthews, B. W. 1975, Biochim. Biophys. Acta 405, 442.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import matthews_at
    >>> y_true = np.array([[0.0, 0.2, 0.9, 1.0]])
    >>> matthews_at(y_true, [[0.1, 0.6, 0.8, 1.0]]).__round__(3)
    0.577
    """
    owner = "matthews_at"
    check_threshold(owner, threshold)
    y_true, y_pred = check_fields(owner, y_true, y_pred)
    if by is not None:
        values, rows = rows_by(owner, by, len(y_true))
    counts = field_sums(owner, y_true, y_pred, threshold).counts
    if by is None:
        return matthews(counts.sum(axis=0))
    return {
        value: matthews(counts[row].sum(axis=0))
        for value, row in zip(values.tolist(), rows, strict=True)
    }


def field_report(
    y_true: MapsLike, y_pred: MapsLike, *, by: ArrayLike | None = None, threshold: float = 0.5
) -> DataFrame:
    """Tabulate how well fields are predicted, beside predicting their mean.

    Parameters
    ----------
    y_true, y_pred : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True and predicted fields, read a few samples at a time.
    by : array-like of shape (n_samples,), default=None
        What to score samples apart by, such as their redshifts.
    threshold : float, default=0.5
        Of the Matthews correlation, see `matthews_at`.

    Returns
    -------
    pandas.DataFrame
        A row for each distinct value of `by`, in ascending order, and one named "all", with
        the columns

        n_samples : int
            Number of samples.
        r2 : float
            Coefficient of determination over all cells of the row, see `field_r2_score`; NaN
            where all truths are equal.
        rmse : float
            Root mean squared error of a cell, in the units of the field.
        rmse_of_mean : float
            That of predicting the mean truth of the row for every cell, the best constant.
        mean_true, mean_pred : float
            Means over all cells, such as the history of reionization.
        matthews : float
            Matthews correlation of the cells above the threshold, see `matthews_at`.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or `by` is not one value for each sample.
    ImportError
        If pandas is not installed.

    See Also
    --------
    recovery_report : The same of parameters.
    cross_correlation_coefficient : How well structures of each size are placed.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.metrics import field_report
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(size=(4, 7, 8, 9)) ** np.array([2, 2, 1, 1])[:, None, None, None]
    >>> y_pred = y_true + rng.normal(scale=0.1, size=y_true.shape)
    >>> field_report(y_true, y_pred, by=[8.0, 8.0, 6.5, 6.5]).round(2)
         n_samples    r2  rmse  rmse_of_mean  mean_true  mean_pred  matthews
    6.5          2  0.88   0.1           0.3       0.48       0.48      0.86
    8.0          2  0.89   0.1           0.3       0.35       0.34      0.86
    all          4  0.89   0.1           0.3       0.41       0.41      0.86
    """
    owner = "field_report"
    pd = import_pandas(owner)
    check_threshold(owner, threshold)
    y_true, y_pred = check_fields(owner, y_true, y_pred)
    names, rows = [], np.ones((1, len(y_true)), bool)
    if by is not None:
        values, apart = rows_by(owner, by, len(y_true))
        names, rows = values.tolist(), np.concatenate([apart, rows])
    sums = field_sums(owner, y_true, y_pred, threshold)
    weight = rows.astype(np.float64)
    n_samples = rows.sum(axis=1)
    n_cells = n_samples * sums.n_cells
    columns = {
        "n_samples": n_samples,
        "r2": sums.r2(weight),
        "rmse": np.sqrt(weight @ sums.error / n_cells),
        "rmse_of_mean": np.sqrt(sums.pooled_spread(weight) / n_cells),
        "mean_true": sums.origin + weighted_mean(sums.mean_true, weight),
        "mean_pred": sums.origin + weighted_mean(sums.mean_pred, weight),
        "matthews": [matthews(sums.counts[row].sum(axis=0)) for row in rows],
    }
    return pd.DataFrame(columns, index=pd.Index([*names, "all"], name=getattr(by, "name", None)))
