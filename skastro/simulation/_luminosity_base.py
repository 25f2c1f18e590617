"""The parameter object behind every relation of haloes and luminosities."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Self, TypeAlias

import numpy as np
from astropy import units
from scipy import stats
from sklearn.base import BaseEstimator, clone

from ..datasets._checks import message
from ..utils._params import Interval
from ..utils._typing import ArrayLike
from ._halo_catalog import HaloCatalog
from ._luminosity_scatter import Seed, log_factors, scatter_seeds
from ._spectral_lines import rest_frequency, solar_luminosity_per_prime
from ._vector_math import evaluate

FINITE = [Interval(Real, None, None, closed="neither")]
POSITIVE = [Interval(Real, 0, None, closed="neither")]
NON_NEGATIVE = [Interval(Real, 0, None, closed="left")]
LINE = {
    "line": [str, Interval(Real, 0, None, closed="neither"), units.Quantity],
    "conversion": [None, Interval(Real, 0, None, closed="neither")],
}


class LuminosityModel(ABC, BaseEstimator):
    """Base class of relations between haloes and the luminosities of a line.

    A model is to a catalogue what a kernel is to a Gaussian process: an object with parameters that
    scikit-learn can get, set, clone and search over, and a method `luminosity`. Subclasses state
    their parameters in ``__init__`` and write ``_log_luminosity(M, z)``, and ``_scatters()``
    unless their only scatter is a parameter ``sigma``.

    See Also
    --------
    Li16 : Star-formation rate, infrared and CO luminosity.
    Silva15 : Star-formation rate and [CII] luminosity.
    Chung22 : Double power law of the COMAP early science.
    Padmanabhan18 : Double power law that evolves.
    PowerLaw : Power law of the mass.
    """

    _priors: dict[str, tuple] = {}

    @property
    def priors(self) -> dict[str, Any]:
        """Distributions of the parameters.

        Returns
        -------
        dict of str to scipy.stats distribution
            Frozen distributions by the names of the parameters, those that the documentation of
            the model names, whatever the values of this object; empty where it names none. A
            Gaussian whose parameter must be positive is cut off at zero.
        """
        return {name: _gaussian(*prior) for name, prior in self._priors.items()}

    def priors_about(self, width: float = 1.0) -> dict[str, Any]:
        """Distributions about the parameters of this object.

        Parameters
        ----------
        width : float, default=1.0
            Standard deviations, in those of `priors`.

        Returns
        -------
        dict of str to scipy.stats distribution
            Gaussians with this object's values as their means.

        Raises
        ------
        ValueError
            If `width` is not positive.

        Examples
        --------
        A tenth of the width of the priors about the fiducial values, narrow enough for maps that
        resemble each other:

        >>> from skastro.simulation import Li16
        >>> priors = Li16().priors_about(0.1)
        >>> print(f"{priors['alpha'].mean():.2f} +- {priors['alpha'].std():.3f}")
        1.37 +- 0.037
        """
        if isinstance(width, bool) or not isinstance(width, Real) or not 0 < width < np.inf:
            owner = f"{type(self).__name__}.priors_about"
            raise ValueError(message(owner, "width", "a positive number", width))
        return {
            name: _gaussian(getattr(self, name), width * deviation, low)
            for name, (_, deviation, low) in self._priors.items()
        }

    def draw(self, random_state: Seed = None, priors: Mapping[str, Any] | None = None) -> Self:
        """Draw the parameters.

        Parameters
        ----------
        random_state : int, RandomState, Generator or None, default=None
            Seed of the draws.
        priors : dict of str to scipy.stats distribution, default=None
            Distributions to draw from, by the names of the parameters; others stay. None takes
            `priors`.

        Returns
        -------
        LuminosityModel
            A clone with the parameters drawn.

        Raises
        ------
        ValueError
            If there are no priors, or one is no distribution or of no parameter of this model.
        """
        own = self.get_params(deep=False)
        priors = self.priors if priors is None else priors
        owner = f"{type(self).__name__}.draw"
        are_drawn = all(hasattr(prior, "rvs") for prior in priors.values())
        if not priors or set(priors) - set(own) or not are_drawn:
            allowed = (
                f"a dict of distributions of scipy.stats for some of the parameters {sorted(own)}"
            )
            raise ValueError(message(owner, "priors", allowed, priors))
        generator = scatter_seeds(owner, random_state, 1)[0]
        if not isinstance(random_state, np.random.Generator):
            # A stream apart from that of the scatter by the same seed.
            generator = generator.spawn(1)[0]
        drawn = {name: float(priors[name].rvs(random_state=generator)) for name in sorted(priors)}
        return clone(self).set_params(**drawn)

    def luminosity(
        self, catalog: HaloCatalog, random_state: Seed | Sequence[Seed] = None
    ) -> np.ndarray:
        """Compute the luminosities of the haloes of a catalogue.

        Parameters
        ----------
        catalog : HaloCatalog
            Haloes, of which ``M`` [Msun] and ``zhalo`` are read; any object with the two will do.
        random_state : int, RandomState, Generator, None or sequence, default=None
            Seed of the scatter. Equal seeds give equal draws to the haloes of each rank
            in mass, so that a cut in mass does not change those of heavier haloes. A sequence
            has one seed for each scatter of the model; else one Gaussian is drawn for their sum.

        Returns
        -------
        ndarray of shape (n,)
            Luminosities in Lsun, float64.

        Raises
        ------
        InvalidParameterError
            If a parameter is out of its range.
        ValueError
            If there is no such line, `random_state` is no seed, masses are not positive and finite,
            or redshifts not finite and above -1.

        Notes
        -----
        Haloes that are in the order of falling mass are not sorted, which saves a quarter of the
        time.
        """
        self._validate_params()
        mass = np.asarray(catalog.M, dtype=np.float64)
        redshift = np.asarray(catalog.zhalo, dtype=np.float64)
        _check_haloes(type(self).__name__, mass, redshift)
        scatters = self._scatters()
        generators = scatter_seeds(type(self).__name__, random_state, len(scatters))
        logs = self._log_luminosities(catalog, mass, redshift)
        logs += log_factors(mass.size, scatters, generators, mass)
        return evaluate("exp", logs)

    def _log_luminosities(self, catalog, mass, redshift):
        """Those of a catalogue; a model may keep what does not depend on its parameters."""
        return self._log_luminosity(mass, redshift)

    @abstractmethod
    def _log_luminosity(self, mass, redshift):
        """Natural logarithms of luminosities in Lsun without scatter, a new array."""

    def _scatters(self):
        """Scatter in dex and power of the luminosity of each quantity that is scattered."""
        return [(self.sigma, 1.0)]

    def _log_factor(self):
        """Natural logarithm of the luminosity in Lsun of one K km/s pc^2."""
        frequency = rest_frequency(type(self).__name__, self.line)
        if self.conversion is None:
            return np.log(solar_luminosity_per_prime(frequency))
        return np.log(self.conversion)


Luminosities: TypeAlias = LuminosityModel | Callable[[HaloCatalog], ArrayLike]


def check_line(owner, model, frequency):
    """Raise if a model makes luminosities of another line than the one to be mapped.

    Parameters
    ----------
    owner : str
        Class or function to name in errors.
    model : LuminosityModel or object
        The model. One without a line, or with a conversion of its own, is of any line.
    frequency : float
        Rest frequency of the line to be mapped, in GHz.

    Raises
    ------
    ValueError
        If the rest frequencies differ by more than a thousandth.
    """
    line = getattr(model, "line", None)
    if not isinstance(model, LuminosityModel) or line is None:
        return
    is_converted = getattr(model, "conversion", None) is None
    own = rest_frequency(type(model).__name__, line)
    if is_converted and abs(own / frequency - 1) > 1e-3:
        allowed = (
            f"of the line of the mapper, at rest at {frequency:g} GHz; this one is at {own:g} GHz, "
            "which parameter 'line' changes"
        )
        raise ValueError(message(owner, "luminosity", allowed, model))


def _check_haloes(owner, mass, redshift):
    if mass.ndim != 1 or mass.shape != redshift.shape:
        allowed = "haloes with M and zhalo of one shape (n,)"
        raise ValueError(message(owner, "catalog", allowed, (mass.shape, redshift.shape)))
    if not mass.size:
        return
    if not (mass.min() > 0 and mass.max() < np.inf):
        allowed = "haloes with positive and finite M, in Msun"
        raise ValueError(message(owner, "catalog", allowed, mass))
    if not (redshift.min() > -1 and redshift.max() < np.inf):
        allowed = "haloes with finite zhalo above -1"
        raise ValueError(message(owner, "catalog", allowed, redshift))


def _gaussian(mean, deviation, low):
    """Gaussian, cut off below `low` unless that is None."""
    if low is None:
        return stats.norm(mean, deviation)
    return stats.truncnorm((low - mean) / deviation, np.inf, loc=mean, scale=deviation)
