"""Pictures of what was learned."""

from ._components import ComponentsDisplay
from ._feature_maps import FeatureMapDisplay
from ._filters import FilterDisplay
from ._gradients import input_gradients
from ._layers import feature_maps, layer_names
from ._loss_curve import LossCurveDisplay
from ._luminosity_function import LuminosityFunctionDisplay
from ._noise_matrix import NoiseMatrixDisplay
from ._parameter_recovery import ParameterRecoveryDisplay
from ._reconstruction import ReconstructionDisplay
from ._saliency import SaliencyDisplay

__all__ = [
    "ComponentsDisplay",
    "FeatureMapDisplay",
    "FilterDisplay",
    "LossCurveDisplay",
    "LuminosityFunctionDisplay",
    "NoiseMatrixDisplay",
    "ParameterRecoveryDisplay",
    "ReconstructionDisplay",
    "SaliencyDisplay",
    "feature_maps",
    "input_gradients",
    "layer_names",
]
