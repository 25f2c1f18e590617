"""White noise at the level of the radiometer equation."""

from numbers import Real
from typing import Literal

import numpy as np

from ..datasets._checks import message
from ..exceptions import UnitMismatchError
from ..utils._params import HasMethods, Interval
from ..utils._typing import QuantityLike, RandomState, UnitLike
from ._units import one_number, parse_unit
from ._white_noise import WhiteNoise

_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_QUANTITY = [*_POSITIVE, HasMethods(["to_value"])]


class RadiometerNoise(WhiteNoise):
    r"""Add the white noise of a single-dish survey with total-power receivers.

    Its level is that of the radiometer equation,

    .. math::

        \sigma = T_\mathrm{sys} \, (N_\mathrm{feeds} \, \Delta\nu \, t_\mathrm{pix})^{-1/2}, \qquad
        t_\mathrm{pix} = t_\mathrm{obs} / N_\mathrm{pixels},

    with the observing time spread evenly over the pixels of the field [1]_. All else is as in
    `WhiteNoise`. The defaults are those of the COMAP forecast of [2]_, with 11 microkelvin.

    Parameters
    ----------
    t_sys : float or Quantity, default=40.0
        System temperature in K.
    n_feeds : float, default=19
        Number of receivers, each of which sees the whole field for an equal time.
    dnu : float or Quantity, default=15.6
        Width of a frequency channel of a native voxel, in MHz.
    t_obs : float or Quantity, default=6000.0
        Observing time of the field, in hours.
    n_pixels : float, default=484
        Number of native pixels in the field.
    unit : str or astropy unit, default="uK"
        What the maps are in, a unit of temperature. `UnitMismatchError` is raised for others.
    when : {"both", "fit", "predict"}, default="both"
        Which side gets noise: training maps, maps to predict, or both.
    n_pooled : int, default=1
        Number of native voxels, those of `dnu` and `n_pixels`, in a cell of the maps.
    pooling : {"mean", "sum"}, default="mean"
        Whether the maps are means or sums over `n_pooled` voxels.
    random_state : int, RandomState instance or None, default=None
        Seed. None draws a new one in each fit.

    Attributes
    ----------
    sigma_ : float
        Standard deviation of the noise of a cell of the maps, in their unit.
    seed_ : int
        Seed in use.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    WhiteNoise : Noise of a given level, or of a range of levels.
    Telescope.noise : With the numbers of a survey.

    References
    ----------
    .. [1] Li, T. Y., Wechsler, R. H., Devaraj, K., Church, S. E. 2016, ApJ 817, 169
       (arXiv:1503.08833), Appendix C.
    .. [2] Ihle, H. T., et al. 2019, ApJ 871, 75 (arXiv:1808.07487).

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from skastro.instrument import RadiometerNoise
    >>> noise = RadiometerNoise(40 * u.K, 19, 15.6 * u.MHz, 6000 * u.h, n_pixels=22**2)
    >>> round(noise.fit(np.zeros((1, 10, 64, 64))).sigma_, 2)
    11.0
    """

    _parameter_constraints = {
        key: value for key, value in WhiteNoise._parameter_constraints.items() if key != "sigma"
    } | {
        "t_sys": _QUANTITY,
        "n_feeds": _POSITIVE,
        "dnu": _QUANTITY,
        "t_obs": _QUANTITY,
        "n_pixels": _POSITIVE,
        "unit": [str, HasMethods(["to_string"])],
    }

    def __init__(
        self,
        t_sys: QuantityLike = 40.0,
        n_feeds: float = 19,
        dnu: QuantityLike = 15.6,
        t_obs: QuantityLike = 6000.0,
        n_pixels: float = 484,
        *,
        unit: UnitLike = "uK",
        when: Literal["both", "fit", "predict"] = "both",
        n_pooled: int = 1,
        pooling: Literal["mean", "sum"] = "mean",
        random_state: RandomState = None,
    ) -> None:
        self.t_sys = t_sys
        self.n_feeds = n_feeds
        self.dnu = dnu
        self.t_obs = t_obs
        self.n_pixels = n_pixels
        self.unit = unit
        self.when = when
        self.n_pooled = n_pooled
        self.pooling = pooling
        self.random_state = random_state

    def _native_levels(self):
        from astropy.units import K

        owner = type(self).__name__
        t_sys = one_number(owner, "t_sys", self.t_sys, "K")
        bandwidth = 1e6 * one_number(owner, "dnu", self.dnu, "MHz")
        seconds = 3600 * one_number(owner, "t_obs", self.t_obs, "h") / self.n_pixels
        unit = parse_unit(owner, self.unit)
        if not K.is_equivalent(unit):
            raise UnitMismatchError(message(owner, "unit", "a unit of temperature", self.unit))
        return np.asarray(K.to(unit, t_sys / np.sqrt(self.n_feeds * bandwidth * seconds)))
