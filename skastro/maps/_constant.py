"""Channels that hold one number for each map."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from ..utils._typing import ArrayLike
from ._lazy import LazyMaps


class ConstantSource:
    """Maps whose channels are constant.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_channels)
        The constants, float32.
    spatial : tuple of int
        Sizes of the spatial axes.
    """

    dtype = LazyMaps.dtype

    def __init__(self, values, spatial):
        self.values = values
        self.spatial = spatial
        self.shape = (*values.shape, *spatial)

    def _identity(self):
        return self.values, self.spatial

    def preloaded(self, rows):
        """The source itself, since it is in memory.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers.

        Returns
        -------
        ConstantSource
            The same.
        """
        return self

    def read(self, rows):
        """Rows as a new array, see `ArraySource.read`.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), n_channels, *spatial)
            The rows in native float32.
        """
        chosen = self.values[rows]
        out = np.empty((*chosen.shape, *self.spatial), dtype=np.float32)
        out[...] = chosen.reshape(*chosen.shape, *(1,) * len(self.spatial))
        return out

    def __repr__(self):
        return "constants"


def constant_channels(values: ArrayLike, spatial: Sequence[int]) -> LazyMaps:
    """Make channels that are constant over each map, such as its redshift.

    Nothing but the numbers is kept in memory; cells are filled when maps are read.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_channels)
        The number of each map, or one for each of its channels.
    spatial : sequence of int
        Sizes of the spatial axes, such as ``maps.shape[2:]``.

    Returns
    -------
    LazyMaps of shape (n_samples, n_channels, *spatial)
        The channels, to be put beside others by `stack_channels`.

    Raises
    ------
    ValueError
        If values are no numbers that are finite in float32, or sizes no positive integers.

    See Also
    --------
    stack_channels : Put maps of the same samples together as channels.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.maps import constant_channels, stack_channels
    >>> gas, redshift = np.ones((3, 1, 7, 8, 9)), [6.0, 7.0, 8.0]
    >>> maps = stack_channels([gas, constant_channels(redshift, gas.shape[2:])], dim=3)
    >>> maps.shape
    (3, 2, 7, 8, 9)
    >>> np.asarray(maps)[:, 1, 6, 7, 8]
    array([6., 7., 8.], dtype=float32)
    """
    sizes = tuple(spatial) if np.iterable(spatial) else ()
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n > 0 for n in sizes)
    if not sizes or not whole:
        raise ValueError(
            f"The 'spatial' parameter of constant_channels must be a sequence of sizes of at "
            f"least 1, such as maps.shape[2:]. Got {spatial!r} instead."
        )
    return LazyMaps(ConstantSource(_checked(values), tuple(int(n) for n in sizes)))


def _checked(values):
    """Values as float32 of two axes."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal lengths
        array = np.array(None)
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(
            f"The 'values' parameter of constant_channels must be numbers of shape (n_samples,) "
            f"or (n_samples, n_channels). Got {values!r} instead."
        )
    with np.errstate(over="ignore"):
        array = array.reshape(len(array), -1 if array.size else 1).astype(np.float32)
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise ValueError(
            f"The 'values' parameter of constant_channels must be finite in float32, which ends "
            f"at 3.4e38; row {row} is {np.asarray(values)[row]}. Leave out such maps."
        )
    return array
