"""Where fields are cut, and how long their boxes are."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from ..datasets._checks import message
from ..exceptions import UnitMismatchError
from ..utils._modes import box_lengths as numbers_of_lengths

AXES = ("x", "y", "z")
_NO_DIRECTION = 1e-9


class Box(NamedTuple):
    """Where the cells of a field are.

    Attributes
    ----------
    spatial : tuple of int
        Cells along each axis.
    lengths : ndarray of shape (dim,) or None
        Lengths in Mpc; None numbers the cells.
    """

    spatial: tuple
    lengths: np.ndarray | None

    @property
    def unit(self):
        """What the axes count."""
        return "cell" if self.lengths is None else "Mpc"

    def edges(self, axis):
        """Where an axis begins and ends."""
        return (-0.5, self.spatial[axis] - 0.5) if self.lengths is None else (0, self.lengths[axis])

    def middle(self, axis, cell):
        """Place of the middle of a cell along an axis."""
        if self.lengths is None:
            return cell
        return (cell + 0.5) * self.lengths[axis] / self.spatial[axis]

    def place(self, axis, cell):
        """Place of a cell along an axis, as text."""
        if self.lengths is None:
            return f"cell {cell}"
        return f"{self.middle(axis, cell):.3g} Mpc"


def box_lengths(owner, box_size, spatial):
    """Length of a box along each axis.

    Parameters
    ----------
    owner : str
        Display to name in the error.
    box_size : float, array-like of shape (dim,), astropy Quantity or None
        Mpc, or a quantity: one length where all axes have equally many cells, else one each.
    spatial : tuple of int
        Cells along each axis.

    Returns
    -------
    ndarray of shape (dim,) or None
        Lengths in Mpc; None where none are given.

    Raises
    ------
    UnitMismatchError
        If a quantity is no length.
    ValueError
        If there is neither one length nor one for each axis, or they are not greater than zero.
    """
    if box_size is None:
        return None
    if hasattr(box_size, "to_value"):
        from astropy.units import UnitConversionError

        try:
            box_size = box_size.to_value("Mpc")
        except UnitConversionError as error:
            words = "lengths, which can be converted to Mpc"
            raise UnitMismatchError(message(owner, "box_size", words, box_size)) from error
    return numbers_of_lengths(owner, box_size, spatial)


def center_of_mass(mass, periodic):
    """Cell that holds the centre of mass.

    Parameters
    ----------
    mass : ndarray of shape spatial
        Masses, none negative.
    periodic : bool
        Whether the mean along an axis is that of angles around a circle.

    Returns
    -------
    tuple of int
        The cell. Where no direction stands out along an axis, as of an even field, its middle.
    """
    total = mass.sum()
    cell = []
    for axis, size in enumerate(mass.shape):
        profile = mass.sum(axis=tuple(i for i in range(mass.ndim) if i != axis)) / total
        if periodic:
            mean = (profile * np.exp(2j * np.pi * np.arange(size) / size)).sum()
            if abs(mean) < _NO_DIRECTION:
                cell.append(size // 2)
                continue
            position = np.angle(mean) / (2 * np.pi) * size
        else:
            position = (profile * np.arange(size)).sum()
        cell.append(round(position) % size)
    return tuple(cell)


def check_mass(owner, mass, spatial):
    """Refuse masses that have no centre."""
    if mass.shape != spatial:
        raise ValueError(
            f"The 'mass' parameter of {owner} must have the cells of y_true, {spatial}, without "
            f"channels or with one. Got {mass.shape} instead."
        )
    if mass.min() < 0 or mass.sum() == 0:
        raise ValueError(
            f"The 'mass' parameter of {owner} must hold masses or densities, none negative and "
            f"not all zero. Got values from {mass.min():g} to {mass.max():g}; add 1 to a density "
            f"contrast."
        )


def check_center(owner, center, spatial):
    """Refuse what is no cell of a box."""
    cells = tuple(np.atleast_1d(np.asarray(center, dtype=object)))
    whole = all(isinstance(i, Integral) and not isinstance(i, bool) for i in cells)
    inside = len(cells) == len(spatial) and whole
    if not inside or not all(0 <= i < size for i, size in zip(cells, spatial, strict=True)):
        allowed = f"a cell of the box, {len(spatial)} ints from 0 to below {spatial}"
        raise ValueError(message(owner, "center", allowed, center))
    return tuple(int(i) for i in cells)
