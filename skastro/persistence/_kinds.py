"""Which kind a value is of."""

import inspect
import types
from typing import Any

from ..exceptions import ModelFileError
from . import _kinds_numpy, _kinds_objects, _kinds_others, _kinds_python, _kinds_torch
from ._kind import Kind

_EXACT: dict[str, Kind] = {
    **_kinds_python.EXACT,
    **_kinds_numpy.EXACT,
    **_kinds_others.EXACT,
    **_kinds_torch.EXACT,
}
_FAMILIES: dict[str, Kind] = {
    **_kinds_numpy.FAMILIES,
    **_kinds_others.FAMILIES,
    **_kinds_torch.FAMILIES,
    "numpy.ufunc": _kinds_objects.FUNCTION,
}
_OBJECTS = {kind.name: kind for kind in _kinds_objects.KINDS}
_BY_NAME = {kind.name: kind for kind in (*_EXACT.values(), *_FAMILIES.values())} | _OBJECTS
_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
)


def find_kind(value: Any) -> Kind:
    """The kind of a value; what is none of the known ones is an object."""
    cls = type(value)
    found = _EXACT.get(_full_name(cls))
    if found is not None:
        return found
    for base in cls.__mro__:
        found = _FAMILIES.get(_full_name(base))
        if found is not None:
            return found
    if inspect.isclass(value):
        return _OBJECTS["class"]
    if isinstance(value, _FUNCTIONS):
        return _OBJECTS["function"]
    if isinstance(value, tuple):
        return _OBJECTS["named tuple"]
    return _OBJECTS["object"]


def kind_named(name: Any) -> Kind:
    """The kind of a node."""
    found = _BY_NAME.get(name) if isinstance(name, str) else None
    if found is None:
        raise ModelFileError(f"it holds a value of type {name!r}, which is unknown")
    return found


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
