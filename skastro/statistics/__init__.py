"""Summary statistics: transformers from maps to features."""

from ._moments import Moments
from ._power_spectrum import PowerSpectrum

__all__ = ["Moments", "PowerSpectrum"]
