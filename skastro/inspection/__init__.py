"""Pictures of what was learned.

A display of one panel has ``ax_``, one of several has ``axes_``, an array of them; both have
``figure_``. ``plot(ax=None)`` takes as many axes as there are panels, or makes a figure.
"""

from ._bubble_sizes import BubbleSizeDisplay
from ._calibration import CalibrationDisplay
from ._comparison import ComparisonDisplay
from ._components import ComponentsDisplay
from ._confusion import ConfusionDisplay
from ._cross_suite import CrossSuiteDisplay
from ._feature_maps import FeatureMapDisplay
from ._field_display import FieldDisplay
from ._field_spectra import FieldSpectraDisplay
from ._filters import FilterDisplay
from ._gradients import input_gradients
from ._ionization_history import IonizationHistoryDisplay
from ._layers import feature_maps, layer_names
from ._loss_curve import LossCurveDisplay
from ._luminosity_function import LuminosityFunctionDisplay
from ._noise_matrix import NoiseMatrixDisplay
from ._parameter_recovery import ParameterRecoveryDisplay
from ._reconstruction import ReconstructionDisplay
from ._saliency import SaliencyDisplay
from ._simulation_curve import SimulationCurveDisplay

__all__ = [
    "BubbleSizeDisplay",
    "CalibrationDisplay",
    "ComparisonDisplay",
    "ComponentsDisplay",
    "ConfusionDisplay",
    "CrossSuiteDisplay",
    "FeatureMapDisplay",
    "FieldDisplay",
    "FieldSpectraDisplay",
    "FilterDisplay",
    "IonizationHistoryDisplay",
    "LossCurveDisplay",
    "LuminosityFunctionDisplay",
    "NoiseMatrixDisplay",
    "ParameterRecoveryDisplay",
    "ReconstructionDisplay",
    "SaliencyDisplay",
    "SimulationCurveDisplay",
    "feature_maps",
    "input_gradients",
    "layer_names",
]
