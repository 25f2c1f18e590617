"""Codes of maps: principal components and autoencoders."""

from ._conv_autoencoder import ConvAutoencoder
from ._map_pca import MapPCA

__all__ = ["ConvAutoencoder", "MapPCA"]
