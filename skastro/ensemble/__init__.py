"""Estimators around others: averages over slices and seeds, and calibrated errors."""

from ._conformal_classifier import ConformalClassifier
from ._conformal_regressor import ConformalRegressor
from ._deep_ensemble import DeepEnsembleRegressor
from ._recalibrated import RecalibratedRegressor
from ._slices import SliceClassifier, SliceRegressor
from ._voxels import VoxelRegressor

__all__ = [
    "ConformalClassifier",
    "ConformalRegressor",
    "DeepEnsembleRegressor",
    "RecalibratedRegressor",
    "SliceClassifier",
    "SliceRegressor",
    "VoxelRegressor",
]
