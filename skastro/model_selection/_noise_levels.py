"""Levels of noise: what may be given, what they are called, and what adds them to maps."""

from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
from astropy.units import Quantity
from sklearn.base import clone

from ..instrument import WhiteNoise

_ALLOWED = (
    "None or 0 for no noise, a standard deviation greater than 0, a pair (low, high) of them, an "
    "astropy Quantity of one or two, or a transformer"
)


class NoiseLevel(NamedTuple):
    """A level of noise.

    Attributes
    ----------
    name : str
        What rows and columns are called.
    noise : transformer or None
        What adds it to maps; None adds nothing.
    """

    name: str
    noise: object


def noise_levels(parameter, levels, unit):
    """Bring levels of noise to transformers with names.

    Parameters
    ----------
    parameter : str
        Parameter of `noise_matrix` to name in errors.
    levels : sequence or mapping of str to level
        Levels; a mapping names them.
    unit : str, astropy.units.Unit or None
        Unit of the maps.

    Returns
    -------
    list of NoiseLevel
        The levels, in order.

    Raises
    ------
    TypeError
        If `levels` is no sequence or mapping, or one of them is no level.
    ValueError
        If there are none, one is out of its range, or two have one name.
    """
    if isinstance(levels, Mapping):
        found = [NoiseLevel(str(name), _noise(parameter, levels[name], unit)) for name in levels]
    elif isinstance(levels, list | tuple) or getattr(levels, "ndim", 0) > 0:
        found = [NoiseLevel(_name(level), _noise(parameter, level, unit)) for level in levels]
    else:
        raise TypeError(
            f"The {parameter!r} parameter of noise_matrix must be a list of levels, or a dict of "
            f"name to level. Got {levels!r} instead; put a single level into a list."
        )
    names = [level.name for level in found]
    if not names:
        raise ValueError(
            f"The {parameter!r} parameter of noise_matrix must hold at least one level. Got "
            f"{levels!r} instead."
        )
    if len(set(names)) < len(names):
        raise ValueError(
            f"The levels of the {parameter!r} parameter of noise_matrix need different names; got "
            f"{names}. Leave out what is there twice, or name them by a dict of name to level."
        )
    return found


def adds_noise(noise, seed):
    """Copy what adds noise, to be used on training and test maps alike, with its seeds set.

    Equal seeds of levels that differ in strength give the same draws, scaled.

    Parameters
    ----------
    noise : transformer
        The noise, or a pipeline with it.
    seed : sequence of int
        Whence the seeds of all parameters `random_state` come.

    Returns
    -------
    transformer
        An unfitted copy.
    """
    params = noise.get_params() if hasattr(noise, "get_params") else {}
    seeded = sorted(name for name in params if name.rpartition("__")[2] == "random_state")
    seeds = np.random.SeedSequence(seed).generate_state(len(seeded)).tolist()
    chosen = dict(zip(seeded, seeds, strict=True))
    for name, value in params.items():
        # Which side gets the noise is up to the matrix.
        if name.rpartition("__")[2] == "when" and value in ("fit", "predict"):
            chosen[name] = "both"
    copy = clone(noise)
    return copy.set_params(**chosen) if chosen else copy


def _is_pair(level):
    is_sequence = isinstance(level, list | tuple) or getattr(level, "ndim", 0) == 1
    return is_sequence and len(level) == 2


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _noise(parameter, level, unit):
    """The transformer of a level; None where it adds nothing."""
    if level is None:
        return None
    if not isinstance(level, Quantity) and hasattr(level, "fit") and hasattr(level, "transform"):
        return level
    values = list(level) if _is_pair(level) else [level]
    if any(isinstance(value, Quantity) for value in values):
        if unit is None:
            raise ValueError(
                f"The {parameter!r} parameter of noise_matrix holds {level}, whose unit has to be "
                f"brought to that of the maps. Give that as well: noise_matrix(..., unit=...)."
            )
        sizes = [getattr(value, "value", value) for value in values]
    else:
        sizes = values
    if not all(map(_is_number, sizes)):
        raise TypeError(
            f"A level of the {parameter!r} parameter of noise_matrix must be {_ALLOWED}. Got "
            f"{level!r} instead."
        )
    low, high = sizes[0], sizes[-1]
    if not 0 <= low <= high < np.inf:
        raise ValueError(
            f"A level of the {parameter!r} parameter of noise_matrix must be {_ALLOWED}, the lower "
            f"one first and all of them finite. Got {level!r} instead."
        )
    if high == 0:
        return None
    if isinstance(level, Quantity):
        return WhiteNoise(level, unit=unit)
    return WhiteNoise(tuple(values) if len(values) == 2 else level, unit=unit)


def _name(level):
    """What a level is called without a name of its own."""
    if level is None:
        return "none"
    if _is_pair(level):
        return "-".join(map(_name, level))
    if isinstance(level, Quantity):
        return f"{level.value:g} {level.unit}".strip()
    return f"{level:g}" if _is_number(level) else str(level)
