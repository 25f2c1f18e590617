"""Runs of a module without memory, stopped where its feature maps would be absurdly large."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..exceptions import ModelFileError


class SmallMaps(TorchDispatchMode):
    """Refuses results of absurdly many values.

    Parameters
    ----------
    most : int
        The most values that a tensor may have.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for part in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(part, torch.Tensor) and part.numel() > self._most:
                raise ModelFileError("the net would make feature maps of an absurd size")
        return out
