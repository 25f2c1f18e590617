"""What astropy units say: factors between them, powers of h, and lengths that expand."""

import math

from ..datasets._checks import message
from ..exceptions import UnitMismatchError

_HUBBLE = "littleh"


def as_unit(owner, parameter, value):
    """Bring a name or a unit to a unit of astropy.

    Parameters
    ----------
    owner, parameter : str
        Class and parameter to name in errors.
    value : str or astropy unit
        What was given; ``littleh`` is known in names.

    Returns
    -------
    astropy.units.UnitBase
        The unit.

    Raises
    ------
    ValueError
        If it is no unit that multiplies, or none that astropy knows.
    """
    from astropy import units
    from astropy.cosmology.units import littleh

    unit = value
    if isinstance(value, str):
        try:
            with units.add_enabled_units([littleh]):
                unit = units.Unit(value)
        except ValueError:
            unit = None
    if not isinstance(unit, units.UnitBase):
        allowed = (
            "an astropy unit or the name of one, such as 'g / cm3' or 'Mpc / littleh' (comoving "
            "or proper is said by the frame, not by the unit)"
        )
        raise ValueError(message(owner, parameter, allowed, value))
    return unit


def unit_factor(owner, channel, source, target, hubble):
    """Number that a value in one unit is multiplied by to be in another.

    Parameters
    ----------
    owner : str
        Class to name in errors.
    channel : int
        Channel to name in errors.
    source, target : astropy.units.UnitBase
        The units.
    hubble : float or None
        H0 / (100 km/s/Mpc), needed where the two differ in their power of h.

    Returns
    -------
    float
        The factor.

    Raises
    ------
    UnitMismatchError
        If the units are of different dimensions.
    ValueError
        If h is needed, or float64 cannot hold the factor.
    """
    too_far = (
        f"{owner} converts channel {channel} from '{source}' to '{target}' by a factor that "
        f"float64 cannot hold. Give units that are closer to each other."
    )
    try:
        ratio = (source / target).decompose()
    except OverflowError:
        raise ValueError(too_far) from None
    powers = {}
    for base, power in zip(ratio.bases, ratio.powers, strict=True):
        powers[base.name] = powers.get(base.name, 0.0) + float(power)
    hubble_power = powers.pop(_HUBBLE, 0.0)
    if any(powers.values()):
        raise UnitMismatchError(
            f"{owner} cannot convert channel {channel} from '{source}' ({_kind(source)}) to "
            f"'{target}' ({_kind(target)}). Give units of the same kind in 'from_units' and "
            f"'to_units'; 'h' is an hour, the Hubble parameter is 'littleh'."
        )
    if hubble_power and hubble is None:
        raise ValueError(
            f"{owner} converts channel {channel} from '{source}' to '{target}', which differ in "
            f"their power of h. Give 'hubble', which is H0 / (100 km/s/Mpc), such as hubble=0.7."
        )
    factor = float(ratio.scale) * (hubble**hubble_power if hubble_power else 1.0)
    if not 0 < factor < math.inf:
        raise ValueError(too_far)
    return factor


def same_unit(first, second):
    """Whether two units are equal, those of h from another process included.

    Parameters
    ----------
    first, second : astropy.units.UnitBase
        The units.

    Returns
    -------
    bool
        True where a number means the same in both.
    """
    try:
        return math.isclose(unit_factor("", 0, first, second, None), 1.0, rel_tol=1e-12)
    except ValueError:
        return False


def length_power(unit):
    """Power in which lengths stand in a unit, as it is written.

    Parameters
    ----------
    unit : astropy.units.UnitBase
        The unit. Units of length, area and volume count; what is defined through lengths and
        has a name of its own, such as erg, Jy or solLum, does not.

    Returns
    -------
    float
        The power, such as -3 for g / cm3.
    """
    from astropy.units import m

    total = 0.0
    for base, power in zip(unit.bases, unit.powers, strict=True):
        inner = base.decompose()
        if inner.bases == [m]:
            total += float(power) * float(inner.powers[0])
    return total


def _kind(unit):
    kind = str(unit.physical_type)
    return "dimension unknown" if kind == "unknown" else kind
