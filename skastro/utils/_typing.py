"""Types that public signatures share; importing this loads neither torch nor astropy."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import torch
    from astropy import units

    from ..maps import LazyMaps

# A string cannot stand beside `|`, and the names in strings are not loaded at runtime.
Array: TypeAlias = Union[np.ndarray, "torch.Tensor"]
Maps: TypeAlias = Union[np.ndarray, "torch.Tensor", "LazyMaps"]
MapsLike: TypeAlias = Union[ArrayLike, "torch.Tensor", "LazyMaps"]
QuantityLike: TypeAlias = Union[float, "units.Quantity"]
UnitLike: TypeAlias = Union[str, "units.UnitBase"]
Floats: TypeAlias = float | Sequence[float] | np.ndarray
RandomState: TypeAlias = int | np.random.RandomState | None
Frame: TypeAlias = Literal["comoving", "proper"]
PathLike: TypeAlias = str | os.PathLike[str]

__all__ = [
    "Array",
    "ArrayLike",
    "Floats",
    "Frame",
    "Maps",
    "MapsLike",
    "PathLike",
    "QuantityLike",
    "RandomState",
    "UnitLike",
]
