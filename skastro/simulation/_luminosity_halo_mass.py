"""Luminosities of lines as functions of the mass of the halo and redshift."""

import numpy as np

from ..datasets._checks import message
from ..utils._typing import QuantityLike
from ._luminosity_base import FINITE, LINE, NON_NEGATIVE, POSITIVE, LuminosityModel
from ._vector_math import evaluate


class PowerLaw(LuminosityModel):
    """Luminosity as a power of the mass of the halo.

    ``L = A (M / Msun)^b`` in Lsun, the form of Breysse et al. (2014) [1]_, whose fiducial model A
    of CO(1-0) is the default, with log-normal scatter about the mean.

    Parameters
    ----------
    A : float, default=2e-6
        Luminosity at 1 Msun, in Lsun.
    b : float, default=1.0
        Power of the mass.
    sigma : float, default=0.0
        Scatter in dex.

    References
    ----------
    .. [1] P. C. Breysse, E. D. Kovetz and M. Kamionkowski, "Carbon Monoxide Intensity Mapping at
       Moderate Redshifts", MNRAS 443, 3506 (2014), arXiv:1405.0489.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skastro.simulation import PowerLaw
    >>> PowerLaw().luminosity(SimpleNamespace(M=[1e11, 1e12], zhalo=[2.8, 3.0]))
    array([ 200000., 2000000.])
    """

    _parameter_constraints = {"A": POSITIVE, "b": FINITE, "sigma": NON_NEGATIVE}

    def __init__(self, A: float = 2e-6, b: float = 1.0, sigma: float = 0.0) -> None:
        self.A = A
        self.b = b
        self.sigma = sigma

    def _log_luminosity(self, mass, redshift):
        return np.log(self.A) + self.b * evaluate("log", mass)


class Padmanabhan18(LuminosityModel):
    r"""Double power law of the halo mass that evolves with redshift.

    Equations 4 to 6 of [1]_, fitted to luminosity functions and intensity maps of CO(1-0)
    from redshift 0 to 3:

    .. math::

        L' = \frac{2 N M}{(M / M_1)^{-b} + (M / M_1)^{y}}, \qquad
        \log_{10} M_1 = \log_{10} m_{10} + m_{11} \frac{z}{1 + z}, \quad
        N = n_{10} + n_{11} \frac{z}{1 + z}

    and b and y as N.

    Parameters
    ----------
    m10, m11 : float, default=4.17e12, -1.17
        Characteristic mass in Msun at redshift 0, and the evolution of its logarithm.
    n10, n11 : float, default=0.0033, 0.04
        Normalization in K km/s pc^2 / Msun, and its evolution.
    b10, b11 : float, default=0.95, 0.48
        Slope at low masses, and its evolution.
    y10, y11 : float, default=0.66, -0.33
        Slope at high masses, and its evolution.
    sigma : float, default=0.0
        Scatter in dex, of which the paper has none.
    line : str, float or Quantity, default="CO(1-0)"
        Line, by its name or rest frequency, in GHz where it is a number. That of another line
        has the same luminosity in K km/s pc^2, as of thermalized gas.
    conversion : float, default=None
        Luminosity in Lsun of 1 K km/s pc^2. None takes ``8 pi k nu^3 / c^3``: 4.907e-5 for CO(1-0).

    Notes
    -----
    `priors` are independent Gaussians about the fit, with about half of each value as the standard
    deviation of those at redshift 0 and more for the evolution. They stand for the uncertainty of
    the fit, and are no substitute for the errors that the paper states.

    References
    ----------
    .. [1] H. Padmanabhan, "Constraining the CO intensity mapping power spectrum at intermediate
       redshifts", MNRAS 475, 1477 (2018), arXiv:1706.01471.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skastro.simulation import Padmanabhan18
    >>> haloes = SimpleNamespace(M=[1e11, 1e12], zhalo=[3.0, 3.0])
    >>> Padmanabhan18(conversion=4.9e-5).luminosity(haloes).round(-2)
    array([  33000., 1878700.])
    """

    _parameter_constraints = {
        "m10": POSITIVE,
        **dict.fromkeys(("m11", "n10", "n11", "b10", "b11", "y10", "y11"), FINITE),
        "sigma": NON_NEGATIVE,
        **LINE,
    }
    _priors = {
        "m10": (4.17e12, 2.03e12, 0.0),
        "m11": (-1.17, 0.85, None),
        "n10": (0.0033, 0.0016, 0.0),
        "n11": (0.04, 0.03, 0.0),
        "b10": (0.95, 0.46, 0.0),
        "b11": (0.48, 0.35, None),
        "y10": (0.66, 0.32, 0.0),
        "y11": (-0.33, 0.24, None),
    }

    def __init__(
        self,
        m10: float = 4.17e12,
        m11: float = -1.17,
        n10: float = 0.0033,
        n11: float = 0.04,
        b10: float = 0.95,
        b11: float = 0.48,
        y10: float = 0.66,
        y11: float = -0.33,
        sigma: float = 0.0,
        line: str | QuantityLike = "CO(1-0)",
        conversion: float | None = None,
    ) -> None:
        self.m10 = m10
        self.m11 = m11
        self.n10 = n10
        self.n11 = n11
        self.b10 = b10
        self.b11 = b11
        self.y10 = y10
        self.y11 = y11
        self.sigma = sigma
        self.line = line
        self.conversion = conversion

    def _log_luminosity(self, mass, redshift):
        evolution = redshift / (1 + redshift)
        log_mass = evaluate("log", mass)
        log_ratio = log_mass - np.log(self.m10) - np.log(10) * self.m11 * evolution
        low = evaluate("exp", -(self.b10 + self.b11 * evolution) * log_ratio)
        high = evaluate("exp", (self.y10 + self.y11 * evolution) * log_ratio)
        normalization = self.n10 + self.n11 * evolution
        if normalization.size and normalization.min() < 0:
            allowed = "such that n10 + n11 z / (1 + z) is at least 0 for all haloes"
            raise ValueError(message(type(self).__name__, "n11", allowed, self.n11))
        per_mass = 2 * normalization / (low + high)
        return self._log_factor() + log_mass + evaluate("log", per_mass)


class Chung22(LuminosityModel):
    r"""Double power law of the halo mass of the COMAP early science.

    Equation 8 of [1]_, with the parameters of its fiducial model "UM+COLDz+COPSS", which joins an
    empirical model of galaxies with observations of CO(1-0) at redshifts about 2.5:

    .. math::

        \frac{L'}{\mathrm{K\,km\,s^{-1}\,pc^2}} = \frac{C}{(M / M_1)^A + (M / M_1)^B}

    and log-normal scatter about this mean.

    Parameters
    ----------
    A : float, default=-2.85
        Slope at low masses.
    B : float, default=-0.42
        Slope at high masses.
    log_C : float, default=10.63
        Base-ten logarithm of the normalization in K km/s pc^2.
    log_M1 : float, default=12.3
        Base-ten logarithm of the characteristic mass in Msun.
    sigma : float, default=0.42
        Scatter in dex.
    line : str, float or Quantity, default="CO(1-0)"
        Line, by its name or rest frequency, in GHz where it is a number. That of another line
        has the same luminosity in K km/s pc^2, as of thermalized gas.
    conversion : float, default=None
        Luminosity in Lsun of 1 K km/s pc^2. None takes ``8 pi k nu^3 / c^3``: 4.907e-5 for CO(1-0).

    Notes
    -----
    `priors` are the wide Gaussians "UM" that the authors begin with, before COLDz and COPSS; most
    draws from them are unlike any observation. The data-driven model above is narrower, and its
    parameters depend on each other.

    References
    ----------
    .. [1] D. T. Chung et al., "COMAP Early Science. V. Constraints and Forecasts at z ~ 3",
       ApJ 933, 186 (2022), arXiv:2111.05931.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from skastro.simulation import Chung22
    >>> haloes = SimpleNamespace(M=[1e11, 1e12], zhalo=[3.0, 3.0])
    >>> Chung22(sigma=0.0, conversion=4.9e-5).luminosity(haloes).round(-2)
    array([   400., 246000.])
    """

    _parameter_constraints = {
        **dict.fromkeys(("A", "B", "log_C", "log_M1"), FINITE),
        "sigma": NON_NEGATIVE,
        **LINE,
    }
    _priors = {
        "A": (-1.66, 2.33, None),
        "B": (0.04, 1.26, None),
        "log_C": (10.25, 5.29, None),
        "log_M1": (12.41, 1.77, None),
        "sigma": (0.4, 0.1, 0.0),
    }

    def __init__(
        self,
        A: float = -2.85,
        B: float = -0.42,
        log_C: float = 10.63,
        log_M1: float = 12.3,
        sigma: float = 0.42,
        line: str | QuantityLike = "CO(1-0)",
        conversion: float | None = None,
    ) -> None:
        self.A = A
        self.B = B
        self.log_C = log_C
        self.log_M1 = log_M1
        self.sigma = sigma
        self.line = line
        self.conversion = conversion

    def _log_luminosity(self, mass, redshift):
        log_ratio = evaluate("log", mass) - np.log(10) * self.log_M1
        terms = evaluate("exp", self.A * log_ratio) + evaluate("exp", self.B * log_ratio)
        return self._log_factor() + np.log(10) * self.log_C - evaluate("log", terms)
