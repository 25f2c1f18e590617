"""Luminosities of lines as functions of the star-formation rate of the halo."""

from abc import abstractmethod
from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from ..datasets._checks import message
from ..utils._typing import QuantityLike
from ._halo_catalog import HaloCatalog
from ._luminosity_base import FINITE, LINE, NON_NEGATIVE, POSITIVE, LuminosityModel
from ._star_formation import SFRTable, star_formation_rate
from ._vector_math import evaluate

# Logarithms of mean rates by catalogue and relation, kept as long as the catalogue: of many draws
# of one catalogue they take a third of the time.
_LOG_RATES: WeakKeyDictionary = WeakKeyDictionary()


class _StarFormationModel(LuminosityModel):
    """Models that begin with a star-formation rate and its scatter."""

    def _log_luminosities(self, catalog, mass, redshift):
        relation = star_formation_rate if self.sfr is None else self.sfr
        is_fixed = relation is star_formation_rate or isinstance(relation, SFRTable)
        if not (is_fixed and isinstance(catalog, HaloCatalog)):
            return self._log_luminosity(mass, redshift)
        kept = _LOG_RATES.setdefault(catalog, {})
        if relation not in kept:
            kept[relation] = self._log_rate(mass, redshift)
        return self._log_line(kept[relation])

    def _log_luminosity(self, mass, redshift):
        return self._log_line(self._log_rate(mass, redshift))

    @abstractmethod
    def _log_line(self, log_rate):
        """Natural logarithms of luminosities in Lsun by those of rates, a new array."""

    def _log_rate(self, mass, redshift):
        """Natural logarithms of mean star-formation rates in Msun / yr."""
        relation = star_formation_rate if self.sfr is None else self.sfr
        rate = np.asarray(relation(mass, redshift), dtype=np.float64)
        if rate.shape != mass.shape or (rate.size and not rate.min() >= 0):
            allowed = f"a function of masses and redshifts to rates >= 0 of shape {mass.shape}"
            raise ValueError(message(type(self).__name__, "sfr", allowed, self.sfr))
        return evaluate("log", rate)


class Li16(_StarFormationModel):
    r"""CO luminosity from the infrared luminosity of star formation.

    Equations 1 to 3 of [1]_: the mean star-formation rate of the halo is scattered log-normally,
    makes an infrared luminosity, and that a CO luminosity, which is scattered in its turn:

    .. math::

        \frac{L_\mathrm{IR}}{L_\odot} = \frac{10^{10}}{\delta_\mathrm{MF}}
        \frac{\mathrm{SFR}}{M_\odot\,\mathrm{yr}^{-1}}, \qquad
        \log_{10} L_\mathrm{IR} = \alpha \log_{10} L'_\mathrm{CO} + \beta

    Each scatter keeps the mean of the quantity that it scatters.

    Parameters
    ----------
    log_delta_mf : float, default=0.0
        Base-ten logarithm of delta_MF, the normalization by the initial mass function.
    alpha, beta : float, default=1.37, -1.74
        Slope and intercept of the relation of infrared and CO luminosity.
    sigma_sfr : float, default=0.3
        Scatter of the star-formation rate in dex.
    sigma_lco : float, default=0.3
        Scatter of the CO luminosity in dex.
    sfr : callable, default=None
        Mean star-formation rates ``sfr(M, z)`` in Msun / yr, such as an `SFRTable`. None takes
        `star_formation_rate`.
    line : str, float or Quantity, default="CO(1-0)"
        Line, by its name or rest frequency, in GHz where it is a number. That of another line
        has the same luminosity in K km/s pc^2, as of thermalized gas; `beta` can hold the ratio.
    conversion : float, default=None
        Luminosity in Lsun of 1 K km/s pc^2. None takes ``8 pi k nu^3 / c^3``: 4.907e-5 for CO(1-0).

    Notes
    -----
    `priors` are the Gaussians of the paper: 0 +- 0.3, 1.17 +- 0.37, 0.21 +- 3.74, 0.3 +- 0.1 and
    0.3 +- 0.1, in the order of the parameters. They are not centred on the fiducial values, and as
    alpha and beta are drawn independently, draws spread over many orders of magnitude.
    ``priors_about(0.1)`` gives Gaussians of a tenth of their width about the fiducial model, as
    training sets have.

    The random states ``(13579, 27158)`` are those of limlam_mocker [2]_.

    References
    ----------
    .. [1] T. Y. Li, R. H. Wechsler, K. Devaraj and S. E. Church, "Connecting CO Intensity Mapping
       to Molecular Gas and Star Formation in the Epoch of Galaxy Assembly", ApJ 817, 169 (2016),
       arXiv:1503.08833.
    .. [2] G. Stein, D. Chung and others, limlam_mocker,
       https://github.com/georgestein/limlam_mocker.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skastro.simulation import Li16
    >>> haloes = SimpleNamespace(M=[1e11, 1e12], zhalo=[3.0, 3.0])
    >>> Li16(sigma_sfr=0.0, sigma_lco=0.0).luminosity(haloes).round(-2)
    array([ 13800., 425900.])
    """

    _parameter_constraints = {
        "log_delta_mf": FINITE,
        "alpha": POSITIVE,
        "beta": FINITE,
        "sigma_sfr": NON_NEGATIVE,
        "sigma_lco": NON_NEGATIVE,
        "sfr": [callable, None],
        **LINE,
    }
    _priors = {
        "log_delta_mf": (0.0, 0.3, None),
        "alpha": (1.17, 0.37, 0.0),
        "beta": (0.21, 3.74, None),
        "sigma_sfr": (0.3, 0.1, 0.0),
        "sigma_lco": (0.3, 0.1, 0.0),
    }

    def __init__(
        self,
        log_delta_mf: float = 0.0,
        alpha: float = 1.37,
        beta: float = -1.74,
        sigma_sfr: float = 0.3,
        sigma_lco: float = 0.3,
        sfr: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
        line: str | QuantityLike = "CO(1-0)",
        conversion: float | None = None,
    ) -> None:
        self.log_delta_mf = log_delta_mf
        self.alpha = alpha
        self.beta = beta
        self.sigma_sfr = sigma_sfr
        self.sigma_lco = sigma_lco
        self.sfr = sfr
        self.line = line
        self.conversion = conversion

    def _log_line(self, log_rate):
        logs = log_rate + np.log(10) * (10 - self.log_delta_mf - self.beta)
        logs /= self.alpha
        logs += self._log_factor()
        return logs

    def _scatters(self):
        return [(self.sigma_sfr, 1 / self.alpha), (self.sigma_lco, 1.0)]


class Silva15(_StarFormationModel):
    r"""[CII] luminosity as a power of the star-formation rate.

    Table 1 and equation 7 of [1]_, whose model m1 is the default:

    .. math::

        \log_{10} \frac{L_\mathrm{[CII]}}{L_\odot} = a \log_{10}
        \frac{\mathrm{SFR}}{M_\odot\,\mathrm{yr}^{-1}} + b

    Parameters
    ----------
    a, b : float, default=0.8475, 7.2203
        Slope and intercept. The models m2, m3 and m4 have (1.0000, 6.9647), (0.8727, 6.7250) and
        (0.9231, 6.5234).
    sigma_sfr, sigma_line : float, default=0.0, 0.0
        Scatter in dex of the star-formation rate and of the luminosity.
    sfr : callable, default=None
        Mean star-formation rates ``sfr(M, z)`` in Msun / yr, such as an `SFRTable`. None takes
        `star_formation_rate`, which is not that of the paper.

    References
    ----------
    .. [1] M. Silva, M. G. Santos, A. Cooray and Y. Gong, "Prospects for Detecting [CII] Emission
       during the Epoch of Reionization", ApJ 806, 209 (2015), arXiv:1410.4808.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skastro.simulation import Silva15
    >>> haloes = SimpleNamespace(M=[1e11, 1e12], zhalo=[6.0, 6.0])
    >>> Silva15(sfr=lambda M, z: M / 1e11).luminosity(haloes).round(-6)
    array([1.70e+07, 1.17e+08])
    """

    _parameter_constraints = {
        "a": POSITIVE,
        "b": FINITE,
        "sigma_sfr": NON_NEGATIVE,
        "sigma_line": NON_NEGATIVE,
        "sfr": [callable, None],
    }

    line = "[CII]"

    def __init__(
        self,
        a: float = 0.8475,
        b: float = 7.2203,
        sigma_sfr: float = 0.0,
        sigma_line: float = 0.0,
        sfr: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.a = a
        self.b = b
        self.sigma_sfr = sigma_sfr
        self.sigma_line = sigma_line
        self.sfr = sfr

    def _log_line(self, log_rate):
        return self.a * log_rate + np.log(10) * self.b

    def _scatters(self):
        return [(self.sigma_sfr, self.a), (self.sigma_line, 1.0)]
