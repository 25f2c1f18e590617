"""Summary statistics: transformers from maps to features."""

from ._bispectrum import Bispectrum
from ._minkowski import MinkowskiFunctionals
from ._moments import Moments
from ._power_spectrum import PowerSpectrum
from ._scattering import WaveletScattering
from ._voxel_histogram import VoxelHistogram

__all__ = [
    "Bispectrum",
    "MinkowskiFunctionals",
    "Moments",
    "PowerSpectrum",
    "VoxelHistogram",
    "WaveletScattering",
]
