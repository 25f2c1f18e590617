"""Spectral lines: rest frequencies, and luminosities in solar units."""

from functools import cache
from numbers import Real

import numpy as np
from astropy import constants, units

from ..datasets._checks import message

REST_FREQUENCIES = {
    "CO(1-0)": 115.2712018,
    "CO(2-1)": 230.5380000,
    "CO(3-2)": 345.7959899,
    "CO(4-3)": 461.0407682,
    "CO(5-4)": 576.2679305,
    "CO(6-5)": 691.4730763,
    "CO(7-6)": 806.6518060,
    "[CI](1-0)": 492.1606510,
    "[CI](2-1)": 809.3419700,
    "[CII]": 1900.5369000,
    "[OIII]88": 3393.0062440,
    "HI": 1.420405751768,
}
"""Rest frequencies of lines, in GHz."""


def in_unit(owner, parameter, value, unit, allowed):
    """Bring a number, a sequence or a Quantity to an array of floats in a unit.

    Parameters
    ----------
    owner, parameter : str
        Class or function and parameter to name in errors.
    value : float, array-like or astropy.units.Quantity
        What was given; numbers are in `unit` already.
    unit : astropy.units.Unit
        The unit.
    allowed : str
        What may be given, for errors.

    Returns
    -------
    ndarray of float64
        The values.

    Raises
    ------
    TypeError
        If there is something that is no number.
    ValueError
        If a Quantity has no such unit, or a value is not finite.
    """
    if isinstance(value, units.Quantity):
        try:
            value = value.to_value(unit)
        except units.UnitConversionError:
            raise ValueError(message(owner, parameter, allowed, value)) from None
    try:
        values = np.asarray(value)
    except (TypeError, ValueError):
        raise TypeError(message(owner, parameter, allowed, value)) from None
    if values.dtype.kind not in "iuf":
        raise TypeError(message(owner, parameter, allowed, value))
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError(message(owner, parameter, allowed, value))
    return values


def rest_frequency(owner, line):
    """Rest frequency of a line.

    Parameters
    ----------
    owner : str
        Class to name in errors.
    line : str, float or astropy.units.Quantity
        Name of a line, or its rest frequency, in GHz where it is a number.

    Returns
    -------
    float
        Rest frequency in GHz.

    Raises
    ------
    ValueError
        If there is no line of that name, or the frequency is not positive.
    TypeError
        If it is neither a name nor a frequency.
    """
    allowed = f"one of {list(REST_FREQUENCIES)}, a rest frequency in GHz or a Quantity"
    if isinstance(line, str):
        if line not in REST_FREQUENCIES:
            raise ValueError(message(owner, "line", allowed, line))
        return REST_FREQUENCIES[line]
    if isinstance(line, bool) or not isinstance(line, (Real, units.Quantity)):
        raise TypeError(message(owner, "line", allowed, line))
    frequency = in_unit(owner, "line", line, units.GHz, allowed)
    if frequency.ndim or frequency <= 0:
        raise ValueError(message(owner, "line", allowed, line))
    return float(frequency)


@cache
def solar_luminosity_per_prime(frequency):
    """Luminosity in Lsun of one K km/s pc^2, ``8 pi k nu^3 / c^3``.

    Parameters
    ----------
    frequency : float
        Rest frequency in GHz.

    Returns
    -------
    float
        The factor: 4.907e-5 for CO(1-0).
    """
    prime = units.K * units.km / units.s * units.pc**2
    nu = frequency * units.GHz
    factor = 8 * np.pi * constants.k_B * nu**3 / constants.c**3 * prime
    return float(factor.to_value(units.L_sun))
