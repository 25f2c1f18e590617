"""Tensors and modules of torch, which is imported only where a model has some."""

from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import Kind, Raw, Refusal, expect, expect_shape, kind
from ._objects import check_names, class_of, name_of
from ._raw import as_array, check_values

# Numbers that NumPy has, by torch's name; others are kept as integers of the same size.
_DTYPES = {
    "bfloat16": "<u2",
    "bool": "|b1",
    "complex128": "<c16",
    "complex64": "<c8",
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "int8": "|i1",
    "uint8": "|u1",
}


_COMPILED = "_compiled_call_impl"  # is called in place of a module where it has one


def _pack_tensor(value: Any, encoder: Any) -> dict[str, Any]:
    import torch

    name = str(value.dtype).removeprefix("torch.")
    is_parameter = type(value) is torch.nn.Parameter
    plain = is_parameter or type(value) is torch.Tensor
    if not plain or name not in _DTYPES or value.layout != torch.strided or value.is_meta:
        raise Refusal("a tensor that is not a plain one; convert it to a dense tensor of floats")
    held = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    held = held.view(torch.int16) if name == "bfloat16" else held
    return {
        "dtype": name,
        "shape": list(value.shape),
        "data": Raw(held.numpy()),
        "is_parameter": is_parameter,
        "requires_grad": value.requires_grad,
    }


def _unpack_tensor(dtype: Any, shape: Any, data: Any, is_parameter: Any, requires_grad: Any) -> Any:
    import torch

    if dtype not in _DTYPES:
        raise ModelFileError(f"{dtype!r} is no dtype of a tensor")
    raw = expect(data, Raw, "the data of a tensor").array
    array = as_array(raw, np.dtype(_DTYPES[dtype]), expect_shape(shape))
    check_values(array)
    made = torch.from_numpy(array.view(np.int16) if dtype == "bfloat16" else array)
    made = made.view(torch.bfloat16) if dtype == "bfloat16" else made
    if is_parameter:
        return torch.nn.Parameter(made, requires_grad=bool(requires_grad))
    return made.requires_grad_(bool(requires_grad))


def _base_names() -> set[str]:
    """Attributes of every module of torch, but the mode that it is in."""
    from torch import nn

    return set(vars(nn.Module())) - {"training"}


def _pack_module(value: Any, encoder: Any) -> dict[str, Any]:
    state, own = dict(value.__getstate__()), {}
    for name in _base_names():
        own[name] = state.pop(name, None)
    kept = {name: own.pop(name) for name in ("_parameters", "_buffers", "_modules")}
    temporary = own.pop("_non_persistent_buffers_set")
    name = name_of(type(value))
    if any(own[key] for key in own if isinstance(own[key], dict)):
        raise Refusal("a module with hooks; take them off")
    from torch import nn

    if isinstance(value, nn.RNNBase):
        raise Refusal("a recurrent module, which cannot be made anew safely; use other layers")
    check_names(type(value), state, save=True)
    return {
        "class": name,
        "state": state,
        "parameters": dict(kept["_parameters"]),
        "buffers": dict(kept["_buffers"]),
        "temporary": sorted(temporary),
        "modules": dict(kept["_modules"]),
    }


def _unpack_module(
    state: Any, parameters: Any, buffers: Any, temporary: Any, modules: Any, **names: Any
) -> Any:
    from torch import Tensor, nn

    cls = class_of(names["class"])
    if not issubclass(cls, nn.Module) or issubclass(cls, nn.RNNBase):
        raise ModelFileError(f"{names['class']!r} is no module that a file may hold")
    check_names(cls, expect(state, dict, "the state of a module"))
    expect(temporary, list, "names of buffers")
    if (_base_names() | {_COMPILED}) & set(state):
        raise ModelFileError("a module has hooks")
    made = cls.__new__(cls)
    nn.Module.__init__(made)
    vars(made).update(state)
    for name, part in expect(parameters, dict, "parameters").items():
        made.register_parameter(name, expect(part, (nn.Parameter, type(None)), "a parameter"))
    for name, part in expect(buffers, dict, "buffers").items():
        expect(part, (Tensor, type(None)), "a buffer")
        made.register_buffer(name, part, persistent=name not in temporary)
    for name, part in expect(modules, dict, "modules").items():
        made.add_module(name, expect(part, (nn.Module, type(None)), "a module"))
    return made


def _unpack_dtype(name: Any) -> Any:
    import torch

    if name not in _DTYPES:
        raise ModelFileError(f"{name!r} is no dtype of a tensor")
    return getattr(torch, name)


def _pack_dtype(value: Any, encoder: Any) -> dict[str, Any]:
    name = str(value).removeprefix("torch.")
    if name not in _DTYPES:
        raise Refusal("a dtype that is not kept; use another")
    return {"name": name}


def _unpack_device(name: Any) -> Any:
    import torch

    return torch.device(expect(name, str, "a device"))


def _unpack_size(items: Any) -> Any:
    import torch

    return torch.Size(expect_shape(items))


EXACT: dict[str, Kind] = {
    "torch.dtype": kind("torch dtype", "name", _pack_dtype, _unpack_dtype),
    "torch.device": kind(
        "torch device", "name", lambda value, encoder: {"name": str(value)}, _unpack_device
    ),
    "torch.Size": kind(
        "torch size", "items", lambda value, encoder: {"items": list(value)}, _unpack_size
    ),
}
FAMILIES: dict[str, Kind] = {
    "torch.Tensor": kind(
        "tensor",
        "dtype shape data is_parameter requires_grad",
        _pack_tensor,
        _unpack_tensor,
        shared=True,
    ),
    "torch.nn.modules.module.Module": kind(
        "module",
        "class state parameters buffers temporary modules",
        _pack_module,
        _unpack_module,
        shared=True,
    ),
}
