"""Checks of parameters shared by the mocks."""

from numbers import Integral

from ..datasets._checks import message


def check_count(owner, parameter, value, low):
    """Raise unless a parameter is an integer of at least `low`."""
    allowed = f"an integer of at least {low}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(message(owner, parameter, allowed, value))
    if value < low:
        raise ValueError(message(owner, parameter, allowed, value))
