"""Foregrounds of single sources."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal

import numpy as np

from ..utils._params import HasMethods, Interval
from ..utils._typing import ArrayLike, QuantityLike, RandomState, UnitLike
from ._random import RandomTransformer
from ._sky import FREQUENCY_CONSTRAINTS, FrequencyAxis, check_pair, n_frequencies, sky_shape
from ._units import in_unit, parse_unit


class PointSources(RandomTransformer):
    """Add point sources to each map, such as active galaxies.

    Their number in a map is Poisson distributed, their place is uniform on the sky, the last two
    axes, and each falls into one pixel: put a `GaussianBeam` behind them. Their brightness at
    the reference frequency follows ``dN/dS ~ S**-count_slope`` between two limits, and each is
    a power law in frequency, the axis before the sky. Each map is given others, fresh in each
    epoch of training and fixed in prediction, as in `WhiteNoise`.

    Parameters
    ----------
    n_sources : float, default=10.0
        Mean number of sources in a map, at least 0. At 31 GHz there are 16.7 in a square degree
        above 1 mJy [1]_.
    limits : pair of float or Quantity, default=(1.0, 100.0)
        Least and greatest brightness of a source, as a value of its pixel.
    unit : str or astropy unit, default=None
        What the maps are in; needed where `limits` are quantities.
    count_slope : float, default=1.8
        Slope of the differential counts. The default is that of 1 to 4 mJy at 31 GHz in [1]_,
        where counts above S fall as ``S**-0.80``.
    frequencies : array-like of float or Quantity, default=None
        Centre of each frequency channel in GHz; needed where maps have more than one.
    reference_frequency : float or Quantity, default=None
        Frequency of `limits`, in GHz. None is the mean of `frequencies`.
    spectral_index : float, default=-2.71
        Mean power of frequency. The default is that of a brightness temperature where flux
        densities have -0.71, the mean of [1]_; for intensities it is greater by 2.
    index_spread : float, default=0.0
        Standard deviation of the spectral index from source to source, at least 0.
    when : {"both", "fit", "predict"}, default="both"
        Which side gets sources: training maps, maps to predict, or both.
    random_state : int, RandomState instance or None, default=None
        Seed. None draws a new one in each fit.

    Attributes
    ----------
    limits_ : tuple of float
        Limits in the unit of the maps.
    seed_ : int
        Seed in use.
    sample_shape_ : tuple of int
        Shape of a sample in fit. The sizes of the sky may differ in transform.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PowerLawForeground : Foregrounds that are smooth on the sky.

    References
    ----------
    .. [1] Mason, B. S., et al. 2009, ApJ 704, 1433 (arXiv:0901.4330).

    Examples
    --------
    A flux density of 1 mJy in a pixel of 2 arcmin, in microkelvin:

    >>> import numpy as np
    >>> from astropy import units as u
    >>> from skastro.instrument import PointSources
    >>> flux, pixel = [1.0, 4.0] * u.mJy, (2 * u.arcmin) ** 2
    >>> to_kelvin = u.brightness_temperature(31 * u.GHz)
    >>> limits = (flux / pixel).to("uK", equivalencies=to_kelvin)
    >>> limits.round()
    <Quantity [100., 400.] uK>

    >>> sources = PointSources(9.0, limits=limits, unit="uK", random_state=0)
    >>> maps = np.arange(100.0).reshape(100, 1, 1) + np.zeros((100, 42, 42))
    >>> added = sources.fit(maps).transform(maps) - maps
    >>> round(float((added > 1).sum(axis=(1, 2)).mean()))
    9
    """

    _parameter_constraints = (
        RandomTransformer._parameter_constraints
        | FREQUENCY_CONSTRAINTS
        | {
            "n_sources": [Interval(Real, 0, None, closed="left")],
            "limits": [tuple, list, HasMethods(["to_value"])],
            "unit": [str, HasMethods(["to_string"]), None],
            "count_slope": [Interval(Real, None, None, closed="neither")],
        }
    )

    def __init__(
        self,
        n_sources: float = 10.0,
        *,
        limits: Sequence[QuantityLike] = (1.0, 100.0),
        unit: UnitLike | None = None,
        count_slope: float = 1.8,
        frequencies: ArrayLike | None = None,
        reference_frequency: QuantityLike | None = None,
        spectral_index: float = -2.71,
        index_spread: float = 0.0,
        when: Literal["both", "fit", "predict"] = "both",
        random_state: RandomState = None,
    ) -> None:
        self.n_sources = n_sources
        self.limits = limits
        self.unit = unit
        self.count_slope = count_slope
        self.frequencies = frequencies
        self.reference_frequency = reference_frequency
        self.spectral_index = spectral_index
        self.index_spread = index_spread
        self.when = when
        self.random_state = random_state

    def _prepare(self, shape):
        owner = type(self).__name__
        limits = in_unit(owner, "limits", self.limits, parse_unit(owner, self.unit))
        check_pair(owner, "limits", self.limits, limits, 0)
        self.limits_ = tuple(limits.tolist())

    def _drawer(self, shape):
        n_channels, n_pixels = n_frequencies(shape), int(np.prod(sky_shape(shape)))
        axis = FrequencyAxis(
            type(self).__name__, self.frequencies, self.reference_frequency, n_channels
        )

        def draw(generator, out):
            n_sources = generator.poisson(self.n_sources)
            pixels = generator.integers(n_pixels, size=n_sources)
            brightness = self._brightness(generator.random(n_sources))
            index = generator.normal(self.spectral_index, self.index_spread, n_sources)
            channels = np.zeros((n_channels, n_pixels), dtype=np.float32)
            np.add.at(channels.T, pixels, (brightness * axis.power(index, 1)).T)
            out[...] = channels.reshape(shape[-3:])

        return draw

    def _brightness(self, uniform):
        """Brightness at quantiles of its distribution."""
        low, high = self.limits_
        power = 1.0 - self.count_slope
        if abs(power) < 1e-9:
            return low * (high / low) ** uniform
        ratio = (high / low) ** power
        return low * (1.0 + uniform * (ratio - 1.0)) ** (1.0 / power)
