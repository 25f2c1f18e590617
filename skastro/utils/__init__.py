"""Validation of shapes and values, and helpers shared by the whole library."""

from ._allocator import keep_freed_memory, reuse_freed_blocks
from ._backend import as_numpy, contiguous, is_torch, like, namespace
from ._discovery import all_estimators
from ._fingerprint import fingerprint
from ._finite import check_finite
from ._groups import check_groups
from ._pandas import import_pandas
from ._progress_bar import progress_bar
from ._replacing import replacing
from ._routing import final_fit_params, inner_fit_params
from ._shapes import MapLayout, map_layout

__all__ = [
    "MapLayout",
    "all_estimators",
    "as_numpy",
    "check_finite",
    "check_groups",
    "contiguous",
    "final_fit_params",
    "fingerprint",
    "import_pandas",
    "inner_fit_params",
    "is_torch",
    "keep_freed_memory",
    "like",
    "map_layout",
    "namespace",
    "progress_bar",
    "replacing",
    "reuse_freed_blocks",
]
