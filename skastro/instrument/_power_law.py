"""Smooth foregrounds that hide a line."""

from numbers import Real
from typing import Literal

import numpy as np
from scipy import fft

from ..utils._params import HasMethods, Interval
from ..utils._typing import ArrayLike, QuantityLike, RandomState, UnitLike
from ._random import RandomTransformer
from ._sky import FREQUENCY_CONSTRAINTS, FrequencyAxis, n_frequencies, sky_shape
from ._units import one_number, parse_unit


class PowerLawForeground(RandomTransformer):
    """Add a smooth foreground to each map, such as the synchrotron emission of the Galaxy.

    On the sky, the last two axes, it is a Gaussian random field whose power falls as
    ``k**-slope``; in frequency, the axis before them, it is a power law. Each map is given
    another one, fresh in each epoch of training and fixed in prediction, as in `WhiteNoise`.

    Parameters
    ----------
    rms : float or Quantity, default=1.0
        Standard deviation at the reference frequency, at least 0.
    unit : str or astropy unit, default=None
        What the maps are in; needed where `rms` is a quantity.
    slope : float, default=2.4
        How steeply the angular power falls, at least 0. The default is that of Galactic
        synchrotron emission in [1]_; at 408 and 1420 MHz it is 2.6 to 3.0 [2]_.
    frequencies : array-like of float or Quantity, default=None
        Centre of each frequency channel in GHz; needed where maps have more than one.
    reference_frequency : float or Quantity, default=None
        Frequency of `rms`, in GHz. None is the mean of `frequencies`.
    spectral_index : float, default=-2.8
        Mean power of frequency. The default is that of the brightness temperature of Galactic
        synchrotron emission in [1]_; for intensities it is greater by 2.
    index_spread : float, default=0.0
        Standard deviation of the spectral index over the sky, at least 0, where it is a
        Gaussian field of the same slope. Without it one component would describe all channels.
    when : {"both", "fit", "predict"}, default="both"
        Which side gets foregrounds: training maps, maps to predict, or both.
    random_state : int, RandomState instance or None, default=None
        Seed. None draws a new one in each fit.

    Attributes
    ----------
    rms_ : float
        Standard deviation at the reference frequency, in the unit of the maps.
    seed_ : int
        Seed in use.
    sample_shape_ : tuple of int
        Shape of a sample in fit. The sizes of the sky may differ in transform.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PointSources : Foregrounds that are not smooth on the sky.
    ChannelMeanSubtraction : Take out the mean of each channel.

    Notes
    -----
    The field is periodic on the map and its mean is zero; pixels are taken to be square.

    References
    ----------
    .. [1] Santos, M. G., Cooray, A., Knox, L. 2005, ApJ 625, 575 (astro-ph/0408515), Table 1.
    .. [2] La Porta, L., Burigana, C., Reich, W., Reich, P. 2008, A&A 479, 641
       (arXiv:0801.0547).

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.instrument import PowerLawForeground
    >>> foreground = PowerLawForeground(50.0, frequencies=[27.0, 30.0, 33.0], random_state=0)
    >>> maps = np.zeros((100, 3, 32, 32)) + np.arange(100)[:, None, None, None]
    >>> added = foreground.fit(maps).transform(maps) - maps
    >>> added.std(axis=(0, 2, 3)).round()
    array([67., 50., 38.])
    """

    _parameter_constraints = (
        RandomTransformer._parameter_constraints
        | FREQUENCY_CONSTRAINTS
        | {
            "rms": [Interval(Real, 0, None, closed="left"), HasMethods(["to_value"])],
            "unit": [str, HasMethods(["to_string"]), None],
            "slope": [Interval(Real, 0, None, closed="left")],
        }
    )

    def __init__(
        self,
        rms: QuantityLike = 1.0,
        *,
        unit: UnitLike | None = None,
        slope: float = 2.4,
        frequencies: ArrayLike | None = None,
        reference_frequency: QuantityLike | None = None,
        spectral_index: float = -2.8,
        index_spread: float = 0.0,
        when: Literal["both", "fit", "predict"] = "both",
        random_state: RandomState = None,
    ) -> None:
        self.rms = rms
        self.unit = unit
        self.slope = slope
        self.frequencies = frequencies
        self.reference_frequency = reference_frequency
        self.spectral_index = spectral_index
        self.index_spread = index_spread
        self.when = when
        self.random_state = random_state

    def _prepare(self, shape):
        owner = type(self).__name__
        self.rms_ = one_number(owner, "rms", self.rms, parse_unit(owner, self.unit), zero=True)

    def _drawer(self, shape):
        sky = sky_shape(shape)
        axis = FrequencyAxis(
            type(self).__name__, self.frequencies, self.reference_frequency, n_frequencies(shape)
        )
        amplitudes = _amplitudes(sky, self.slope)
        spectrum = axis.power(self.spectral_index, len(sky))

        def draw(generator, out):
            field = _gaussian_field(generator, sky, amplitudes)
            field *= np.float32(self.rms_)
            ratios = spectrum
            if self.index_spread:
                spread = self.index_spread * _gaussian_field(generator, sky, amplitudes)
                ratios = axis.power(self.spectral_index + spread, len(sky))
            out[...] = field * ratios if out.ndim > len(sky) else field * ratios[0]

        return draw


def _amplitudes(sky, slope):
    """Amplitude of each mode of a real Fourier transform, for a field of variance 1."""
    squares = np.zeros(())
    for size in sky:
        squares = squares[..., None] + np.fft.fftfreq(size) ** 2
    varies = squares > 0
    # Relative to the largest scale, whatever the slope, no power overflows.
    relative = squares / squares.min(where=varies, initial=1.0)
    power = np.where(varies, np.where(varies, relative, 1.0) ** (-slope / 2), 0.0)
    power /= max(power.mean(), np.finfo(np.float64).tiny)
    return np.sqrt(power)[..., : sky[-1] // 2 + 1].astype(np.float32)


def _gaussian_field(generator, sky, amplitudes):
    white = generator.standard_normal(sky, dtype=np.float32)
    return fft.irfftn(fft.rfftn(white) * amplitudes, sky)
