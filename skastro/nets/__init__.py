"""Architectures: objects with parameters that build a torch module for a shape of maps."""

from ._alex import AlexNet
from ._autoencoder import Autoencoder
from ._base import Net
from ._cmd import CMDNet
from ._conv import ConvNet
from ._dense import DenseNet
from ._histogram import HistogramNet
from ._inception import Inception
from ._layers import Dropout
from ._pretrained import Pretrained
from ._res import ResNet

__all__ = [
    "AlexNet",
    "Autoencoder",
    "CMDNet",
    "ConvNet",
    "DenseNet",
    "Dropout",
    "HistogramNet",
    "Inception",
    "Net",
    "Pretrained",
    "ResNet",
]
