"""Architectures: objects with parameters that build a torch module for a shape of maps."""

from ._base import Net
from ._conv import ConvNet
from ._dense import DenseNet
from ._layers import Dropout

__all__ = ["ConvNet", "DenseNet", "Dropout", "Net"]
