"""Mock data of the field: each ``make_*`` function returns a Bunch like that of a loader."""

from ._camels import make_camels_like
from ._ionized_boxes import make_ionized_boxes

__all__ = ["make_camels_like", "make_ionized_boxes"]
