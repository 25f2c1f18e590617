"""Numbers that are given to turn what codes write into physical densities."""

from numbers import Integral, Real

import numpy as np

from ._checks import message

_RANGES = {
    "box_size": (0, np.inf, "a finite number above 0, in comoving Mpc"),
    "hubble": (0, 2, "a number above 0 and at most 2: H0 over 100 km/s/Mpc"),
    "omega_m": (0, 2, "a number above 0 and at most 2"),
    "omega_b": (0, 2, "a number above 0 and at most 2"),
}


def check_physical(owner, **given):
    """Bring numbers to float, or raise.

    Parameters
    ----------
    owner : str
        The function that is named in errors.
    **given : float or None
        Numbers by name: box_size, hubble, omega_m or omega_b; None where one is not known.

    Returns
    -------
    dict of str to float or None
        The numbers.

    Raises
    ------
    TypeError
        If one is no number.
    ValueError
        If one lies outside its range.
    """
    for name, value in given.items():
        low, high, allowed = _RANGES[name]
        if value is None:
            continue
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
            raise TypeError(message(owner, name, f"None or {allowed}", value))
        if not low < value <= high or not np.isfinite(value):
            raise ValueError(message(owner, name, f"None or {allowed}", value))
    return {name: None if value is None else float(value) for name, value in given.items()}


def check_whole(owner, parameter, value, least):
    """Bring a number to int, or raise; None stays None.

    Parameters
    ----------
    owner, parameter : str
        Function and parameter to name in errors.
    value : int or None
        What was given.
    least : int
        The least that it may be.

    Returns
    -------
    int or None
        The number.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is too small.
    """
    allowed = f"None or a whole number of {least} or more"
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(message(owner, parameter, allowed, value))
    if value < least:
        raise ValueError(message(owner, parameter, allowed, value))
    return int(value)


def mean_density(hubble, omega, unit):
    """Mean comoving density of a component today.

    Parameters
    ----------
    hubble : float
        H0 over 100 km/s/Mpc.
    omega : float
        Density parameter of the component.
    unit : str
        Unit of the result.

    Returns
    -------
    float
        Omega times the critical density 3 H0^2 / (8 pi G).
    """
    from astropy import constants, units

    rate = 100 * hubble * units.km / units.s / units.Mpc
    critical = 3 * rate**2 / (8 * np.pi * constants.G)
    return float((omega * critical).to_value(unit))
