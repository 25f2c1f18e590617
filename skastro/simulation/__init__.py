"""Mock data of the field: each ``make_*`` function returns a Bunch like that of a loader."""

from ..utils._luminosity import LUMINOSITY_EDGES
from ._camels import make_camels_like
from ._halo_catalog import HaloCatalog
from ._halo_cosmology import HaloCosmology
from ._halo_lightcone import make_halo_lightcone
from ._intensity_mapper import IntensityMapper
from ._ionized_boxes import make_ionized_boxes
from ._line_intensity import make_line_intensity_maps
from ._luminosity_base import LuminosityModel
from ._luminosity_function import luminosity_function
from ._luminosity_halo_mass import Chung22, Padmanabhan18, PowerLaw
from ._luminosity_scatter import log_normal_scatter
from ._luminosity_star_formation import Li16, Silva15
from ._random_fields import make_gaussian_fields, make_lognormal_fields
from ._random_fields_posterior import optimal_prediction
from ._star_formation import SFRTable, star_formation_rate

__all__ = [
    "LUMINOSITY_EDGES",
    "Chung22",
    "HaloCatalog",
    "HaloCosmology",
    "IntensityMapper",
    "Li16",
    "LuminosityModel",
    "Padmanabhan18",
    "PowerLaw",
    "SFRTable",
    "Silva15",
    "log_normal_scatter",
    "luminosity_function",
    "make_camels_like",
    "make_gaussian_fields",
    "make_halo_lightcone",
    "make_ionized_boxes",
    "make_line_intensity_maps",
    "make_lognormal_fields",
    "optimal_prediction",
    "star_formation_rate",
]
