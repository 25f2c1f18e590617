"""The cosmology of a halo catalogue."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TypeAlias

import numpy as np

from ..datasets._checks import message


@dataclass(frozen=True, init=False)
class HaloCosmology:
    """Parameters of the cosmology that a halo catalogue was made in.

    The defaults are those of the catalogues that forecasts of CO intensity maps were made from
    [1]_.

    Parameters
    ----------
    omega_m : float, default=0.286
        Density of matter, in critical densities.
    omega_b : float, default=0.047
        Density of baryons, in critical densities.
    omega_l : float, default=None
        Density of dark energy, in critical densities. None takes ``1 - omega_m``: a flat universe.
    h : float, default=0.7
        H0 / (100 km/s/Mpc).
    ns : float, default=0.96
        Slope of the primordial power.
    sigma8 : float, default=0.82
        Rms of the linear density contrast in spheres of 8 Mpc/h.

    Raises
    ------
    ValueError
        If a parameter is not finite, is negative, or is zero though not a density.

    References
    ----------
    .. [1] T. Y. Li, R. H. Wechsler, K. Devaraj and S. E. Church, "Connecting CO intensity mapping
       to molecular gas and star formation in the epoch of galaxy assembly", ApJ 817, 169 (2016).

    Examples
    --------
    >>> from skastro.simulation import HaloCosmology
    >>> HaloCosmology(omega_m=0.25).omega_l
    0.75
    """

    omega_m: float
    omega_b: float
    omega_l: float
    h: float
    ns: float
    sigma8: float

    def __init__(
        self,
        *,
        omega_m: float = 0.286,
        omega_b: float = 0.047,
        omega_l: float | None = None,
        h: float = 0.7,
        ns: float = 0.96,
        sigma8: float = 0.82,
    ) -> None:
        given = {"omega_m": omega_m, "omega_b": omega_b, "h": h, "ns": ns, "sigma8": sigma8}
        given = {name: _positive(name, value) for name, value in given.items()}
        given["omega_l"] = 1 - given["omega_m"] if omega_l is None else omega_l
        given["omega_l"] = _positive("omega_l", given["omega_l"])
        for name, value in given.items():
            object.__setattr__(self, name, value)


CosmologyLike: TypeAlias = HaloCosmology | Mapping[str, float]


def _positive(name, value):
    zero_allowed = name in ("omega_b", "omega_l")
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and 0 <= value < np.inf and (value or zero_allowed)):
        allowed = f"a finite number {'of at least' if zero_allowed else 'above'} 0"
        raise ValueError(message("HaloCosmology", name, allowed, value))
    return float(value)


def check_cosmology(owner, value):
    """Bring a parameter to a cosmology.

    Parameters
    ----------
    owner : str
        Class or function to name in errors.
    value : HaloCosmology, mapping or None
        What was given; None for the default, a mapping for the parameters by name.

    Returns
    -------
    HaloCosmology
        The cosmology.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If a mapping has other names, or values that are not allowed.
    """
    if value is None:
        return HaloCosmology()
    if isinstance(value, HaloCosmology):
        return value
    names = list(asdict(HaloCosmology()))
    if not isinstance(value, Mapping):
        allowed = f"a HaloCosmology, or a mapping of some of {names} to numbers"
        raise TypeError(message(owner, "cosmology", allowed, value))
    if not set(value) <= set(names):
        raise ValueError(message(owner, "cosmology", f"a mapping of some of {names}", dict(value)))
    return HaloCosmology(**value)
