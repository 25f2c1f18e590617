"""Mock data of the field: each ``make_*`` function returns a Bunch like that of a loader."""

from ._camels import make_camels_like

__all__ = ["make_camels_like"]
