"""Names of classes and functions in a file, and which attributes an object may have."""

import functools
import inspect
from collections.abc import Iterable
from typing import Any

from ..exceptions import ModelFileError
from ._homes import class_at, class_name, function_at, function_name
from ._kind import Refusal
from ._registry import registered, registered_name

_REGISTER = (
    "is none that a file may hold; register it (skastro.persistence.register) if it is yours"
)


def name_of(cls: type) -> str:
    """The name of a class in a file."""
    name = registered_name(cls) or class_name(cls)
    if name is None:
        raise Refusal(f"of the class {cls.__module__}.{cls.__qualname__}, which {_REGISTER}")
    return name


def class_of(name: Any) -> Any:
    """The class that a file means by a name."""
    found = (registered(name) or class_at(name)) if isinstance(name, str) else None
    if not inspect.isclass(found):
        raise _unknown(name, "class")
    return found


def name_of_function(function: Any) -> str:
    """The name of a function in a file."""
    name = registered_name(function) or function_name(function)
    if name is None:
        raise Refusal(f"a function which {_REGISTER}")
    return name


def function_of(name: Any) -> Any:
    """The function that a file means by a name."""
    found = (registered(name) or function_at(name)) if isinstance(name, str) else None
    if found is None or inspect.isclass(found):
        raise _unknown(name, "function")
    return found


def check_names(cls: type, names: Iterable[Any], *, save: bool = False) -> None:
    """Refuse attributes that would take the place of methods and properties of a class."""
    for name in names:
        if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
            words = f"with the attribute {name!r}, which is no plain one; remove it"
        elif _is_code(inspect.getattr_static(cls, name, None)):
            words = f"with the attribute {name!r} in place of a method of its class; remove it"
        else:
            continue
        if save:
            raise Refusal(words)
        raise ModelFileError(f"an object of {cls.__name__} comes {words}")


def _is_code(found: Any) -> bool:
    """Whether an attribute of a class is more than a value."""
    if inspect.ismemberdescriptor(found):
        return False
    return (
        callable(found)
        or isinstance(found, (property, classmethod, staticmethod, functools.cached_property))
        or hasattr(type(found), "__get__")
    )


def _unknown(name: Any, what: str) -> ModelFileError:
    return ModelFileError(
        f"it holds the {what} {name!r}, which is none that a file may hold. If it is of your own "
        f"code, import what registers it (skastro.persistence.register) before load"
    )
