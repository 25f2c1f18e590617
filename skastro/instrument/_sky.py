"""Which axes of maps are the sky and which is frequency, and power laws along the latter."""

from numbers import Real

import numpy as np

from ..datasets._checks import message
from ..utils._params import HasMethods, Interval
from ._units import in_unit, one_number

# Of the parameters of what is a power law in frequency.
FREQUENCY_CONSTRAINTS = {
    "frequencies": ["array-like", HasMethods(["to_value"]), None],
    "reference_frequency": [
        Interval(Real, 0, None, closed="neither"),
        HasMethods(["to_value"]),
        None,
    ],
    "spectral_index": [Interval(Real, None, None, closed="neither")],
    "index_spread": [Interval(Real, 0, None, closed="left")],
}


def sky_shape(shape):
    """Sizes of the axes of the sky of a sample: its last two, or the only one of a signal."""
    return tuple(shape[-2:])


def n_frequencies(shape):
    """Number of frequency channels of a sample: the size of the axis before those of the sky."""
    return shape[-3] if len(shape) > 2 else 1


def check_pair(owner, parameter, given, pair, low):
    """Raise unless numbers are an increasing pair above some number."""
    if pair.shape != (2,) or not low < pair[0] < pair[1]:
        allowed = f"an increasing pair of numbers or quantities greater than {low}"
        raise ValueError(message(owner, parameter, allowed, given))


class FrequencyAxis:
    """Channels of a cube relative to a reference frequency.

    Parameters
    ----------
    owner : str
        Class to name in errors.
    frequencies : array-like of float, Quantity or None
        Centre of each channel, in GHz.
    reference : float, Quantity or None
        Reference frequency in GHz; None is the mean of the channels.
    n_channels : int
        Number of channels that the maps have.

    Attributes
    ----------
    log_ratio : ndarray of shape (n_channels,)
        Natural logarithm of frequency over reference frequency.
    """

    def __init__(self, owner, frequencies, reference, n_channels):
        if frequencies is None:
            if n_channels > 1:
                raise ValueError(
                    f"{owner}: the maps have {n_channels} frequency channels, and nothing says "
                    f"where they are. Give 'frequencies', the centre of each in GHz."
                )
            self.log_ratio = np.zeros(1)
            return
        centres = in_unit(owner, "frequencies", frequencies, "GHz")
        if centres.shape != (n_channels,) or (centres <= 0).any():
            allowed = f"{n_channels} numbers or quantities greater than zero, one for each channel"
            raise ValueError(message(owner, "frequencies", allowed, frequencies))
        if reference is None:
            reference = centres.mean()
        self.log_ratio = np.log(
            centres / one_number(owner, "reference_frequency", reference, "GHz")
        )

    def power(self, index, n_sky):
        """Power law in frequency.

        Parameters
        ----------
        index : float or ndarray
            Spectral index; the axes of an array come last.
        n_sky : int
            Number of axes that follow the channels.

        Returns
        -------
        ndarray of float32
            The ratio to the reference frequency to the power of `index`, channels first.
        """
        log_ratio = self.log_ratio.reshape(-1, *(1,) * n_sky)
        return np.exp(log_ratio * index).astype(np.float32)
