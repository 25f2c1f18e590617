"""Checks of what a halo catalogue is made of."""

from numbers import Integral

import numpy as np

from ..datasets._checks import message

OWNER = "HaloCatalog"


def check_array(name, values, shape, above=-np.inf):
    """Bring numbers to a float32 or float64 array with contiguous columns.

    Parameters
    ----------
    name : str
        Parameter to name in errors.
    values : array-like
        What was given. float32 stays, other numbers become float64.
    shape : tuple of int
        What its shape must be.
    above : float, default=-inf
        What all values must be above.

    Returns
    -------
    ndarray
        The numbers.

    Raises
    ------
    ValueError
        If the shape is another, or values are not finite or not above the limit.
    TypeError
        If they are not numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(message(OWNER, name, "made of numbers", values))
    kept = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize == 4 else np.float64
    array = np.asarray(array, kept, order="F")
    if array.shape != shape:
        what = f"of shape {shape}, as M has {shape[0]} haloes"
        raise ValueError(message(OWNER, name, what, f"shape {array.shape}"))
    allowed = "finite" if above == -np.inf else f"finite and above {above}"
    if array.size and not (array.min() > above and array.max() < np.inf):
        bad = ~(np.isfinite(array) & (array > above))
        first = tuple(np.argwhere(bad)[0].tolist())
        given = f"{array[first]} at {list(first)}, and {bad.sum() - 1} more"
        raise ValueError(f"The '{name}' parameter of {OWNER} must be {allowed}. Got {given}.")
    return array


def check_pair(name, values, owner=OWNER):
    """Bring two finite numbers to a tuple of floats, or raise."""
    pair = np.asarray(values)
    if pair.shape != (2,) or pair.dtype.kind not in "iuf":
        raise TypeError(message(owner, name, "two numbers", values))
    if not np.isfinite(pair).all():
        raise ValueError(message(owner, name, "two finite numbers", values))
    return tuple(pair.astype(float).tolist())


def check_group(group):
    """Bring a group to an integer of 64 bits, a text or nothing, or raise."""
    is_integer = isinstance(group, Integral) and not isinstance(group, bool)
    if group is not None and not is_integer and not isinstance(group, str):
        raise TypeError(message(OWNER, "group", "an integer, a str or None", group))
    if is_integer and not -(2**63) <= group < 2**63:
        raise ValueError(message(OWNER, "group", "an integer of 64 bits", group))
    return int(group) if is_integer else group
