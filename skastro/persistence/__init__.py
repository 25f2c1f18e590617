"""Fitted models in one file each, which is read without running code of it."""

from ._card import card
from ._describe import describe
from ._load import load
from ._predict import predict
from ._record import TrainingRecord
from ._registry import register
from ._save import save

__all__ = ["TrainingRecord", "card", "describe", "load", "predict", "register", "save"]
