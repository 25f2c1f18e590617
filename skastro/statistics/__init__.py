"""Summary statistics: transformers from maps to features."""

from ._moments import Moments
from ._power_spectrum import PowerSpectrum
from ._voxel_histogram import VoxelHistogram

__all__ = ["Moments", "PowerSpectrum", "VoxelHistogram"]
