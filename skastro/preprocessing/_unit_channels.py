"""What the parameters and the Bunch of a `UnitConverter` say of each channel."""

import numpy as np

from ..datasets._checks import message
from ..exceptions import UnitMismatchError
from ._unit_factors import as_unit, length_power, same_unit

FRAMES = ("comoving", "proper")
_OWNER = "UnitConverter"


def _per_channel(name, value, n_channels):
    if value is None or isinstance(value, str) or hasattr(value, "decompose"):
        return [value] * n_channels
    if len(value) != n_channels:
        allowed = f"one value or {n_channels} of them, one for each channel"
        raise ValueError(message(_OWNER, name, allowed, value))
    return list(value)


def channel_units(name, value, n_channels):
    """Unit of each channel.

    Parameters
    ----------
    name : {"from_units", "to_units"}
        The parameter; in ``to_units`` None stands for no change.
    value : str, astropy unit or sequence of these
        What was given.
    n_channels : int
        Number of channels.

    Returns
    -------
    list of astropy units or None
        The units.
    """
    return [
        None if unit is None and name == "to_units" else as_unit(_OWNER, name, unit)
        for unit in _per_channel(name, value, n_channels)
    ]


def channel_frames(name, value, n_channels):
    """Frame of each channel.

    Parameters
    ----------
    name : {"from_frame", "to_frame"}
        The parameter.
    value : str, None or sequence of these
        What was given.
    n_channels : int
        Number of channels.

    Returns
    -------
    list of str or None
        The frames.
    """
    frames = _per_channel(name, value, n_channels)
    if not all(frame is None or frame in FRAMES for frame in frames):
        allowed = "None, 'comoving' or 'proper', or a list of these for the channels"
        raise ValueError(message(_OWNER, name, allowed, value))
    return [None if frame is None else str(frame) for frame in frames]


def frame_change(channel, units, before, wanted):
    """Frame that comes out for a channel, and the power of 1 + z that leads there.

    Parameters
    ----------
    channel : int
        Channel to name in errors.
    units : tuple of astropy units
        Unit before and after.
    before, wanted : str or None
        Frame before, where stated, and the one wanted; None keeps the frame.

    Returns
    -------
    after : str or None
        The frame; None where it was not stated and the unit holds no length.
    power : float
        The power.

    Raises
    ------
    UnitMismatchError
        If lengths have other powers in one unit than in the other.
    ValueError
        If the frame before is needed and not stated.
    """
    source, target = units
    after = before if wanted is None else wanted
    if after is None:
        return None, 0.0
    power, power_after = length_power(source), length_power(target)
    if power != power_after:
        raise UnitMismatchError(
            f"{_OWNER} cannot tell how channel {channel} changes with the frame: lengths stand to "
            f"the power {power:g} in '{source}' and {power_after:g} in '{target}'. Write both "
            f"units with the same lengths, or leave the frames out."
        )
    if not power:
        return before, 0.0
    if before is None:
        raise ValueError(
            f"{_OWNER} is to bring channel {channel} ('{source}') to {after} lengths, and nothing "
            f"says what they are now. Give 'from_frame'."
        )
    return after, 0.0 if before == after else power if after == "comoving" else -power


def check_stated(converter, stated):
    """Raise unless a converter takes its maps for what a Bunch states.

    Parameters
    ----------
    converter, stated : UnitConverter
        Two fitted converters, one with its own parameters and one with those of the Bunch.

    Raises
    ------
    UnitMismatchError
        If the units are not equal.
    ValueError
        If the frames are not equal where both are stated.
    """
    units = zip(converter.from_units_, stated.from_units_, strict=True)
    for i, (own, other) in enumerate(units):
        if not same_unit(own, other):
            raise UnitMismatchError(
                f"The 'from_units' parameter of {_OWNER} says '{own}' for channel {i}, and the "
                f"Bunch says '{other}'. Leave from_units=None to take the units of the Bunch."
            )
    frames = zip(converter.from_frames_, stated.from_frames_, strict=True)
    for i, (own, other) in enumerate(frames):
        if own is not None and other is not None and own != other:
            raise ValueError(
                f"The 'from_frame' parameter of {_OWNER} says {own!r} for channel {i}, and the "
                f"Bunch says {other!r}. Leave from_frame=None to take the frames of the Bunch."
            )


def of_rows(rows, redshifts):
    """Rows of a source, ascending and each once, with their redshifts.

    Parameters
    ----------
    rows : ndarray of int of shape (n_samples,)
        Rows in the source.
    redshifts : ndarray of shape (n_samples,) or (1,)
        Their redshifts.

    Returns
    -------
    unique : ndarray of int of shape (n_rows,)
        The rows.
    found : ndarray of shape (n_rows,)
        Their redshifts.

    Raises
    ------
    ValueError
        If a row is there twice, with two redshifts.
    """
    redshifts = np.broadcast_to(redshifts, rows.shape)
    unique, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    found = redshifts[first]
    unequal = found[inverse] != redshifts
    if unequal.any():
        place = int(unequal.argmax())
        raise ValueError(
            f"{_OWNER} was given the redshifts {found[inverse[place]]} and {redshifts[place]} for "
            f"row {rows[place]} of the maps, which is there twice. Give equal redshifts for equal "
            f"rows, or read the maps first: numpy.asarray(maps)."
        )
    return unique, found


def plain(value):
    """Bring units to their names, which are equal in every process.

    Parameters
    ----------
    value : object
        Units, lists of units, or anything else.

    Returns
    -------
    object
        The names, and anything else as it is.
    """
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.to_string() if hasattr(value, "decompose") else value
