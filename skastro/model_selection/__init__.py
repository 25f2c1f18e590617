"""Splits by simulation, and what goes wrong without them."""

from ._per_group import PerGroupSplit

__all__ = ["PerGroupSplit"]
