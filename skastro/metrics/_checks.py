"""Checks of truths, predictions and errors, and averages over them."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array

_AVERAGES = ("raw_values", "uniform_average")


def check_targets(owner, y_true, y_pred, y_std=None):
    """Check truths, predictions and, where given, standard deviations.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Truths and predictions.
    y_std : array-like of the same shape, default=None
        Standard deviations, greater than zero.

    Returns
    -------
    tuple of ndarray of shape (n_samples, n_outputs)
        The two or three arrays in float64.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, or a standard deviation is not positive.
    """
    named = {"y_true": y_true, "y_pred": y_pred}
    if y_std is not None:
        named["y_std"] = y_std
    checked = []
    for name, values in named.items():
        array = _check_numbers(owner, name, values)
        checked.append(array[:, None] if array.ndim == 1 else array)
    for name, array in zip(named, checked, strict=True):
        if array.shape != checked[0].shape:
            raise ValueError(
                f"{owner} takes {', '.join(named)} of one shape; y_true has "
                f"{np.shape(y_true)} and {name} has {np.shape(named[name])}."
            )
    if y_std is not None and not (checked[2] > 0).all():
        row, output = np.argwhere(~(checked[2] > 0))[0]
        raise ValueError(
            f"{owner} takes standard deviations y_std greater than zero; that of sample {row}, "
            f"output {output} is {checked[2][row, output]:g}."
        )
    return tuple(checked)


def check_floor(owner, floor):
    """Refuse what cannot be a floor of counts.

    Parameters
    ----------
    owner : str
        Who asks, named in the error.
    floor : float
        What was given.

    Raises
    ------
    ValueError
        If it is no finite number greater than zero.
    """
    is_number = isinstance(floor, Real) and not isinstance(floor, bool)
    if not is_number or not 0 < floor < np.inf:
        raise ValueError(
            f"The 'floor' parameter of {owner} must be a finite number greater than zero, in the "
            f"units of y_true. Got {floor!r} instead."
        )


def average(owner, values, sample_weight, multioutput):
    """Average over samples, then over outputs as asked.

    Parameters
    ----------
    owner : str
        Who asks, named in errors.
    values : ndarray of shape (n_samples, n_outputs)
        Value of each sample and output.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the samples.
    multioutput : {"raw_values", "uniform_average"} or array-like of shape (n_outputs,)
        What to do with several outputs.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        The average, or with "raw_values" one for each output.

    Raises
    ------
    ValueError
        If `multioutput` is none of these, or weights do not fit the samples.
    """
    if sample_weight is not None:
        sample_weight = _check_numbers(owner, "sample_weight", sample_weight)
        is_weight = sample_weight.shape == values.shape[:1] and (sample_weight >= 0).all()
        if not is_weight or sample_weight.sum() == 0:
            raise ValueError(
                f"The 'sample_weight' parameter of {owner} must hold {len(values)} weights, none "
                f"negative and not all zero. Got shape {sample_weight.shape}, least weight "
                f"{sample_weight.min():g}."
            )
    outputs = np.average(values, axis=0, weights=sample_weight)
    if isinstance(multioutput, str) and multioutput in _AVERAGES:
        return outputs if multioutput == "raw_values" else float(outputs.mean())
    weights = np.asarray(multioutput)
    numbers = weights.dtype.kind in "fiu" and weights.shape == outputs.shape
    if not numbers or not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(
            f"The 'multioutput' parameter of {owner} must be one of {', '.join(_AVERAGES)} or "
            f"{len(outputs)} finite weights, none negative and not all zero. Got "
            f"{multioutput!r} instead."
        )
    return float(np.average(outputs, weights=weights))


def _check_numbers(owner, name, values):
    """Numbers in float64, with an error that says whose they are."""
    try:
        return check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
    except ValueError as error:
        raise ValueError(f"{owner}: {error}") from error
