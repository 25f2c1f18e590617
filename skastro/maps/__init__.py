"""Maps in files larger than memory, read and transformed when they are needed."""

from ._bunch import MapBunch
from ._checks import check_maps, checked_chunks
from ._concatenate import concatenate
from ._constant import constant_channels
from ._lazy import LazyMaps, open_maps
from ._rechunk import rechunk
from ._stack import stack_channels
from ._transformer import InvertibleMixin, MapTransformer

__all__ = [
    "InvertibleMixin",
    "LazyMaps",
    "MapBunch",
    "MapTransformer",
    "check_maps",
    "checked_chunks",
    "concatenate",
    "constant_channels",
    "open_maps",
    "rechunk",
    "stack_channels",
]
