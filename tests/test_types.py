"""Public functions, methods and properties say the types of what they take and give."""

import functools
import importlib
import inspect
from pathlib import Path

import pytest

import skastro

SUBPACKAGES = [name for name in skastro.__all__ if name != "__version__"]


def function_of(member):
    """The function behind a method, property or conditional method; None where there is none."""
    if isinstance(member, classmethod | staticmethod):
        member = member.__func__
    elif isinstance(member, property):
        member = member.fget
    elif isinstance(member, functools.cached_property):
        member = member.func
    elif isinstance(inspect.getattr_static(member, "fn", None), type(lambda: None)):
        member = member.fn  # scikit-learn's available_if
    member = inspect.unwrap(member) if callable(member) else member
    return member if inspect.isfunction(member) else None


def public_functions(module):
    """Pairs of name and function: those of a subpackage, and the members of its classes."""
    for name in module.__all__:
        thing = getattr(module, name)
        if not inspect.isclass(thing):
            if (function := function_of(thing)) is not None:
                yield name, function
            continue
        for member in dir(thing):
            if member.startswith("_") and member not in ("__init__", "__call__"):
                continue
            function = function_of(inspect.getattr_static(thing, member))
            if function is not None and function.__module__.startswith("skastro."):
                yield f"{name}.{member}", function


def unannotated(name, function):
    """Names of the parameters of a function that have no type, and of the function without one."""
    parameters = list(inspect.signature(function).parameters.values())
    if "." in name and not isinstance(function, staticmethod):
        parameters = [p for p in parameters if p.name not in ("self", "cls")]
    lacking = [f"{name}({p.name})" for p in parameters if p.annotation is p.empty]
    has_return = "return" in function.__annotations__ or function.__name__ == "__init__"
    return lacking if has_return else [*lacking, f"{name} ->"]


@pytest.mark.parametrize("subpackage", SUBPACKAGES)
def test_public_names_are_annotated(subpackage):
    """Whoever checks their own code against the library finds a type for each public name."""
    module = importlib.import_module(f"skastro.{subpackage}")
    lacking = []
    for name, function in public_functions(module):
        lacking += unannotated(name, function)
    assert lacking == []


def test_types_are_announced():
    """Type checkers read annotations of an installed package only if it has this file."""
    assert (Path(skastro.__file__).parent / "py.typed").is_file()
