"""Load maps from files: each ``load_*`` function returns a Bunch of maps, targets and groups."""

from ._21cmfast import load_21cmfast
from ._c2ray import load_c2ray
from ._camels_sfrh import load_camels_sfrh
from ._cmd import load_cmd
from ._cmd_files import cmd_files
from ._limlam import load_limlam
from ._pinion import load_pinion
from ._reionization import load_reionization_slices
from ._reionization_cubes import load_reionization_cubes

__all__ = [
    "cmd_files",
    "load_21cmfast",
    "load_c2ray",
    "load_camels_sfrh",
    "load_cmd",
    "load_limlam",
    "load_pinion",
    "load_reionization_cubes",
    "load_reionization_slices",
]
