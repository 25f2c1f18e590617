"""Estimators that average: over the slices of a cube."""

from ._slices import SliceClassifier, SliceRegressor

__all__ = ["SliceClassifier", "SliceRegressor"]
