"""Tables of the symmetries of the line, the square and the cube."""

from functools import lru_cache
from itertools import combinations, permutations

import numpy as np


def orders(spatial):
    """Orders of the axes that leave the shape of a map as it is.

    Parameters
    ----------
    spatial : tuple of int
        Sizes of the spatial axes.

    Returns
    -------
    list of tuple of int
        The orders, that of the map first.
    """
    every = permutations(range(len(spatial)))
    return [order for order in every if tuple(spatial[k] for k in order) == tuple(spatial)]


@lru_cache
def element_tables(spatial):
    """Tables of all elements.

    The number of an element is that of the order of axes times ``2**n_axes``, plus one bit for
    each axis of the result that is mirrored, lowest bit for the first axis.

    Parameters
    ----------
    spatial : tuple of int
        Sizes of the spatial axes.

    Returns
    -------
    order : ndarray of int, shape (n_elements, n_axes)
        Axis of the map that becomes each axis of the result.
    sign : ndarray of int, shape (n_elements, n_axes)
        -1 where an axis of the result is mirrored, else 1.
    determinant : ndarray of int, shape (n_elements,)
        1 for a pure rotation, else -1.
    """
    dim = len(spatial)
    found = orders(spatial)
    parities = [(-1) ** sum(a > b for a, b in combinations(order, 2)) for order in found]
    number, mirrored = np.divmod(np.arange(len(found) * 2**dim), 2**dim)
    sign = 1 - 2 * (mirrored[:, None] >> np.arange(dim) & 1)
    return np.array(found)[number], sign, np.array(parities)[number] * sign.prod(axis=1)


def turned_axes(element, spatial):
    """Which axes of maps become those of the turned ones.

    Parameters
    ----------
    element : ndarray of int, shape (n,)
        Numbers of elements, the first column of what `Symmetries.draw` returns.
    spatial : tuple of int
        Sizes of the spatial axes.

    Returns
    -------
    order : ndarray of int, shape (n, n_axes)
        Axis of the map that becomes each axis of the result.
    sign : ndarray of int, shape (n, n_axes)
        -1 where an axis of the result is mirrored, else 1.
    """
    order, sign, _ = element_tables(tuple(spatial))
    return order[element], sign[element]


def inverse_elements(spatial):
    """The element that undoes each element.

    Parameters
    ----------
    spatial : tuple of int
        Sizes of the spatial axes.

    Returns
    -------
    ndarray of int, shape (n_elements,)
        Numbers of the elements.
    """
    order, sign, _ = element_tables(tuple(spatial))
    back = np.argsort(order, axis=1)
    found = np.concatenate([back, np.take_along_axis(sign, back, axis=1)], axis=1)
    rows = np.concatenate([order, sign], axis=1)
    return (found[:, None] == rows[None]).all(axis=2).argmax(axis=1)
