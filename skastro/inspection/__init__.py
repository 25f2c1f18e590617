"""Pictures of what was learned."""

from ._loss_curve import LossCurveDisplay

__all__ = ["LossCurveDisplay"]
