"""Units, logarithms, scales, resolution and cuts of maps, and their targets."""

from ._block_pool import BlockPool
from ._cube_slicer import CubeSlicer, CutGrid
from ._field_scaler import FieldScaler
from ._luminosity_function import LuminosityFunctionTransformer
from ._signed_log import SignedLog
from ._smoothed_copies import SmoothedCopies
from ._target_scaler import TargetScaler
from ._unit_converter import UnitConverter

__all__ = [
    "BlockPool",
    "CubeSlicer",
    "CutGrid",
    "FieldScaler",
    "LuminosityFunctionTransformer",
    "SignedLog",
    "SmoothedCopies",
    "TargetScaler",
    "UnitConverter",
]
