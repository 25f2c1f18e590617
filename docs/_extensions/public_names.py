"""What is public, by the ``__all__`` of every subpackage, and pages for all of it."""

import inspect
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import skastro

OURS = "skastro."


def subpackages():
    """Names of the public subpackages, ``maps`` and so on."""
    return [name for name in skastro.__all__ if not name.startswith("__")]


@cache
def public_names():
    """Public short names, such as ``LazyMaps``, to their dotted names and objects."""
    return {
        name: (f"skastro.{package}.{name}", getattr(module, name))
        for package in subpackages()
        for module in [import_module(f"skastro.{package}")]
        for name in module.__all__
    }


@cache
def member_names():
    """Names of methods and attributes of public classes."""
    classes = [thing for _, thing in public_names().values() if inspect.isclass(thing)]
    return frozenset(name for cls in classes for name in dir(cls) if not name.startswith("_"))


@cache
def spoken_names():
    """Names of parameters, methods and attributes, which stand in backticks without a link."""
    names = set(member_names())
    for _, thing in public_names().values():
        # Attributes, and what a returned Bunch has, stand in docstrings.
        names.update(re.findall(r"^ *(\w+) : ", inspect.getdoc(thing) or "", re.MULTILINE))
        if callable(thing):
            parts = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
            for part in filter(inspect.isroutine, parts[1:]):
                names.update(parameters(part))
            names.update(parameters(thing))
    return frozenset(names)


def parameters(thing):
    """Names of the parameters of a callable."""
    try:
        return list(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return []


def own_members(dotted):
    """Public methods and properties of a class that skastro itself defines, by their kind."""
    module, name = dotted.rsplit(".", 1)
    found = {"methods": [], "properties": [], "inherited": []}
    cls = getattr(import_module(module), name)
    listed = inspect.getdoc(cls) or ""
    for member in dir(cls):
        if member.startswith("_"):
            continue
        owner = next((base for base in cls.__mro__ if member in vars(base)), None)
        value = vars(owner).get(member)
        ours = owner.__module__.startswith(OURS) and not re.fullmatch("set_.*_request", member)
        if isinstance(value, property) or not callable(getattr(cls, member)):
            documented = isinstance(value, property) and value.__doc__
            if ours and documented and f"\n{member} : " not in listed:
                found["properties"].append(member)
        elif ours:
            found["methods"].append(member)
        elif owner is not object and not issubclass(cls, BaseException):
            found["inherited"].append(member)
    return found


def write_pages(folder):
    """Write a page for each subpackage, whose tables have autosummary make those of its names."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = {f"skastro.{package}" for package in subpackages()}
    names |= {name for name, thing in public_names().values() if kind(thing) != "Data"}
    for path in folder.glob("*.rst"):
        if path.stem not in names:
            path.unlink()
    for package in subpackages():
        text = page(package)
        path = folder / f"skastro.{package}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page(package):
    """reStructuredText of the page of one subpackage."""
    module = import_module(f"skastro.{package}")
    kinds = {"Classes": [], "Functions": [], "Exceptions": [], "Warnings": [], "Data": []}
    for name in sorted(module.__all__):
        kinds[kind(getattr(module, name))].append(name)
    title = f"skastro.{package}"
    lines = [title, "=" * len(title), "", f".. automodule:: {title}", "   :no-members:", ""]
    lines += [f".. currentmodule:: {title}", ""]
    for heading, names in kinds.items():
        if heading == "Data":
            for name in names:
                lines += [f".. py:data:: {name}", "", f"   {comment_on(name)}", ""]
        elif names:
            lines += [f".. rubric:: {heading}", "", ".. autosummary::", "   :toctree: .", ""]
            lines += [*(f"   {name}" for name in names), ""]
    return "\n".join(lines)


def comment_on(name):
    """What the comment ``#:`` above the definition of a public constant says."""
    defined = re.compile(rf"((?:^#: .*\n)+){name}\b.* = ", re.MULTILINE)
    for path in sorted(Path(skastro.__file__).parent.rglob("*.py")):
        if found := defined.search(path.read_text(encoding="utf-8")):
            return " ".join(line.removeprefix("#: ") for line in found[1].splitlines())
    raise LookupError(f"There is no comment '#: ...' above the definition of {name}.")


def kind(thing):
    """Heading under which a public object stands."""
    if inspect.isclass(thing):
        if issubclass(thing, Warning):
            return "Warnings"
        return "Exceptions" if issubclass(thing, BaseException) else "Classes"
    return "Functions" if callable(thing) else "Data"
