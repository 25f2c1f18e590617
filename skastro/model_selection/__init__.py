"""Splits by simulation, what goes wrong without them, and scores under noise."""

from ._noise_matrix import noise_matrix
from ._noise_scores import NoiseMatrix
from ._per_group import PerGroupSplit

__all__ = ["NoiseMatrix", "PerGroupSplit", "noise_matrix"]
