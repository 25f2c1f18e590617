"""What a telescope does to maps: noise, beam, foregrounds, and what is subtracted again."""

from ._beam import GaussianBeam
from ._channel_mean import ChannelMeanSubtraction
from ._point_sources import PointSources
from ._power_law import PowerLawForeground
from ._radiometer import RadiometerNoise
from ._telescopes import TELESCOPES, Telescope
from ._white_noise import WhiteNoise

__all__ = [
    "TELESCOPES",
    "ChannelMeanSubtraction",
    "GaussianBeam",
    "PointSources",
    "PowerLawForeground",
    "RadiometerNoise",
    "Telescope",
    "WhiteNoise",
]
