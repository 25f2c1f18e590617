"""Load maps from files: each ``load_*`` function returns a Bunch of maps, targets and groups."""

from ._21cmfast import load_21cmfast
from ._cmd import load_cmd
from ._cmd_files import cmd_files
from ._limlam import load_limlam
from ._reionization import load_reionization_slices

__all__ = ["cmd_files", "load_21cmfast", "load_cmd", "load_limlam", "load_reionization_slices"]
