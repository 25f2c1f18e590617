"""Pictures of what was learned."""

from ._loss_curve import LossCurveDisplay
from ._parameter_recovery import ParameterRecoveryDisplay

__all__ = ["LossCurveDisplay", "ParameterRecoveryDisplay"]
