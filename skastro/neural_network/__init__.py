"""Estimators that train networks on maps, and their augmentation."""

from ._classifier import CNNClassifier
from ._field_regressor import FieldRegressor
from ._regressor import CNNRegressor
from ._streaming import Streaming
from ._symmetries import Symmetries

__all__ = ["CNNClassifier", "CNNRegressor", "FieldRegressor", "Streaming", "Symmetries"]
