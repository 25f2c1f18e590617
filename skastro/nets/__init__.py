"""Architectures: objects with parameters that build a torch module for a shape of maps."""

from ._alex import AlexNet
from ._autoencoder import Autoencoder
from ._base import Net
from ._cmd import CMDNet
from ._conv import ConvNet
from ._dense import DenseNet
from ._excursion import ExcursionNet
from ._field import FieldNet
from ._field_res import FieldResNet
from ._histogram import HistogramNet
from ._inception import Inception
from ._layers import Dropout
from ._neighbourhood import NeighbourhoodNet
from ._pretrained import Pretrained
from ._res import ResNet
from ._unet import UNet

__all__ = [
    "AlexNet",
    "Autoencoder",
    "CMDNet",
    "ConvNet",
    "DenseNet",
    "Dropout",
    "ExcursionNet",
    "FieldNet",
    "FieldResNet",
    "HistogramNet",
    "Inception",
    "NeighbourhoodNet",
    "Net",
    "Pretrained",
    "ResNet",
    "UNet",
]
