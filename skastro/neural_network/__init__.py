"""Estimators that train networks on maps, their augmentation, and what comes of them."""

from ._classifier import CNNClassifier
from ._field_regressor import FieldRegressor
from ._onnx import export_onnx
from ._predict_to_file import predict_to_file
from ._regressor import CNNRegressor
from ._streaming import Streaming
from ._symmetries import Symmetries

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "FieldRegressor",
    "Streaming",
    "Symmetries",
    "export_onnx",
    "predict_to_file",
]
