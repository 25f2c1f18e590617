"""Parameters that are numbers or astropy quantities."""

import numpy as np

from ..datasets._checks import message
from ..exceptions import UnitMismatchError


def parse_unit(owner, unit):
    """Bring the parameter `unit`, None, a string or a unit, to a unit of astropy or None."""
    from astropy import units

    try:
        return None if unit is None else units.Unit(unit)
    except (ValueError, TypeError):
        allowed = "None, an astropy unit or the name of one, such as 'uK'"
        raise ValueError(message(owner, "unit", allowed, unit)) from None


def in_unit(owner, parameter, value, unit):
    """Turn numbers or quantities into numbers in a unit.

    Parameters
    ----------
    owner, parameter : str
        Class and parameter to name in errors.
    value : float, Quantity, or sequence of these
        What was given; numbers are in `unit` already.
    unit : str, astropy unit or None
        The unit wanted; None takes numbers alone.

    Returns
    -------
    ndarray of float64
        The numbers, finite; of no axes for a single one.

    Raises
    ------
    UnitMismatchError
        If a quantity cannot be converted.
    ValueError
        If values are no finite real numbers.
    """
    if hasattr(value, "to_value"):
        if unit is None:
            raise UnitMismatchError(
                f"The '{parameter}' parameter of {owner} is {value!r}, and nothing says what the "
                f"maps are in. Give their unit, such as unit='uK', or a number in place of the "
                f"quantity."
            )
        value = _converted(owner, parameter, value, unit)
    elif isinstance(value, list | tuple):
        value = [in_unit(owner, parameter, item, unit) for item in value]
    try:
        numbers = np.asarray(value)
        numbers = numbers if numbers.dtype.kind in "iuf" else None
    except ValueError:  # rows of unequal lengths
        numbers = None
    if numbers is None or not np.isfinite(numbers).all():
        raise ValueError(message(owner, parameter, "finite numbers or quantities", value))
    return numbers.astype(np.float64)


def _converted(owner, parameter, value, unit):
    from astropy.units import UnitConversionError

    try:
        return value.to_value(unit)
    except UnitConversionError:
        raise UnitMismatchError(
            f"The '{parameter}' parameter of {owner} is {value!r}, which cannot be converted to "
            f"'{unit}'. Give it, or the unit of the maps, in units of the same kind; between "
            f"brightness temperature and intensity, convert it first: "
            f"quantity.to(unit, equivalencies=astropy.units.brightness_temperature(frequency))."
        ) from None


def one_number(owner, parameter, value, unit, *, zero=False):
    """A single number in a unit, greater than zero, or from zero on."""
    number = in_unit(owner, parameter, value, unit)
    if number.ndim or number < 0 or (number == 0 and not zero):
        least = "of at least zero" if zero else "greater than zero"
        raise ValueError(message(owner, parameter, f"one number or quantity {least}", value))
    return float(number)


def without_units(value):
    """Numbers and names that tell quantities and units apart, equal in every process."""
    if isinstance(value, list | tuple):
        return [without_units(item) for item in value]
    if hasattr(value, "to_value"):
        return np.asarray(value.value), value.unit.to_string()
    return value.to_string() if hasattr(value, "physical_type") else value
