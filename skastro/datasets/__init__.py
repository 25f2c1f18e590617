"""Load maps from files: each ``load_*`` function returns a Bunch of maps, targets and groups."""

from ._reionization import load_reionization_slices

__all__ = ["load_reionization_slices"]
