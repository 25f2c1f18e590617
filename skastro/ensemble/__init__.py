"""Estimators that average: over the slices of a cube, over nets from several seeds."""

from ._deep_ensemble import DeepEnsembleRegressor
from ._slices import SliceClassifier, SliceRegressor
from ._voxels import VoxelRegressor

__all__ = ["DeepEnsembleRegressor", "SliceClassifier", "SliceRegressor", "VoxelRegressor"]
