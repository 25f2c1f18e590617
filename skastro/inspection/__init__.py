"""Pictures of what was learned."""

from ._components import ComponentsDisplay
from ._loss_curve import LossCurveDisplay
from ._parameter_recovery import ParameterRecoveryDisplay
from ._reconstruction import ReconstructionDisplay

__all__ = [
    "ComponentsDisplay",
    "LossCurveDisplay",
    "ParameterRecoveryDisplay",
    "ReconstructionDisplay",
]
