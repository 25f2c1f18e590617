"""Checks of a net before memory is taken for it."""

import copy
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._registry import registered_name

_MOST_AXES = 4
_MOST_VALUES = 1 << 31  # of a map
_MOST_LAYERS = 1000
_REPEATS = ("depth", "n_blocks", "n_convolutions", "n_layers", "n_levels", "n_modules")


def count_weights(state: dict[str, Any]) -> int:
    """Weights in the state of an estimator with a net."""
    return sum(math.prod(np.shape(weights)) for weights in state.get("_weights", {}).values())


def check_net(cls: type, state: dict[str, Any]) -> None:
    """Refuse an estimator whose net, built without memory, has not the weights of the file."""
    if not {"_weights", "net_"} & set(state):
        return
    from ..neural_network._base import NetEstimator

    if "_weights" not in state:
        if issubclass(cls, NetEstimator):
            raise ModelFileError(f"an object of {cls.__name__} has a net instead of its weights")
        return
    if not issubclass(cls, NetEstimator):
        raise ModelFileError(f"an object of {cls.__name__} has the weights of a net")
    shapes = _stored_shapes(state["_weights"])
    spec, map_shape, output_shape = state["_architecture"]
    _check_sizes(spec, map_shape, output_shape)
    built = _built_shapes(cls, state, spec, map_shape, output_shape, shapes)
    if built != shapes:
        raise ModelFileError(
            f"the weights of {cls.__name__} are not those of its net {type(spec).__name__}"
        )


def _stored_shapes(weights: Any) -> dict[str, tuple]:
    """Shapes and dtypes of the weights that are in the file."""
    import torch

    if not isinstance(weights, dict):
        raise ModelFileError("the weights of a net have no names")
    found = {}
    for name, value in weights.items():
        is_array = isinstance(value, np.ndarray) and value.dtype.kind in "biufc"
        tensor = torch.from_numpy(value) if is_array else value
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ModelFileError("a weight of a net is no array of numbers")
        found[name] = tuple(tensor.shape), tensor.dtype
    return found


def _check_sizes(spec: Any, map_shape: Any, output_shape: Any) -> None:
    """Refuse shapes that are none, and nets of absurdly many layers."""
    from ..nets import Net

    is_own = registered_name(spec) or registered_name(type(spec))
    if not isinstance(spec, Net) and not is_own:
        raise ModelFileError(f"{spec!r} is no net")
    for shape, most in ((map_shape, _MOST_AXES), (output_shape, _MOST_AXES)):
        sizes: list[Any] = list(shape) if isinstance(shape, (tuple, list)) else [None]
        is_shape = all(type(size) is int or isinstance(size, np.integer) for size in sizes)
        if not is_shape or not 1 <= len(sizes) <= most or min(sizes) < 0:
            raise ModelFileError(f"the net has an impossible shape: {shape!r}")
        if math.prod(int(size) for size in sizes) > _MOST_VALUES:
            raise ModelFileError(f"the net has the absurd shape {shape!r}")
    params = spec.get_params() if hasattr(spec, "get_params") else {}
    for name in _REPEATS:
        number = params.get(name)
        if isinstance(number, (int, np.integer)) and number > _MOST_LAYERS:
            raise ModelFileError(f"the net has {name}={number}")


def _built_shapes(
    cls: Any, state: dict, spec: Any, map_shape: Any, output_shape: Any, shapes: dict
) -> dict[str, tuple]:
    """Shapes and dtypes of the weights that a net would have."""
    import torch

    from ..nets import Pretrained
    from ._meta_maps import SmallMaps

    shell = cls.__new__(cls)
    vars(shell).update({key: value for key, value in state.items() if key != "_weights"})
    if isinstance(spec, Pretrained):
        spec = copy.copy(spec)
        spec.module = copy.deepcopy(spec.module).to("meta")
    with _counted(shapes), torch.device("meta"), SmallMaps(_MOST_VALUES):
        build: Any = getattr(spec, "build", spec)
        module = shell._finish_module(build(map_shape, output_shape[0]))
    if not isinstance(module, torch.nn.Module):
        raise ModelFileError(f"the net {spec!r} builds no module")
    return {
        name: (tuple(value.shape), value.dtype)
        for name, value in module.state_dict().items()
        if isinstance(value, torch.Tensor)
    }


@contextmanager
def _counted(shapes: dict[str, tuple]) -> Iterator[None]:
    """Stop a net that has more weights than there are, while it is built."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    thread = threading.get_ident()
    left = [len(shapes) * 4 + 64, sum(math.prod(shape) for shape, _ in shapes.values()) * 4 + 64]

    def count(module: Any, name: str, parameter: Any) -> None:
        if threading.get_ident() != thread:
            return
        left[0] -= 1
        left[1] -= 0 if parameter is None else parameter.numel()
        if min(left) < 0:
            raise ModelFileError("the net would have more weights than there are in the file")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
