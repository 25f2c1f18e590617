"""How values of a kind are taken apart and put together."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..exceptions import ModelFileError


class Refusal(Exception):
    """Why a value cannot be saved, and what can be done about it."""


@dataclass(frozen=True)
class Raw:
    """An array without objects, contiguous in C's order, that is kept aside."""

    array: np.ndarray


@dataclass(frozen=True)
class Kind:
    """Values of a kind.

    Attributes
    ----------
    name : str
        The "type" of their nodes.
    pack : callable
        Takes the value and the encoder, returns its parts by name.
    unpack : callable
        Takes the parts by name, and returns the value.
    parts, optional : frozenset of str
        Names of the parts that must and may be there.
    shared : bool
        Whether one that is met twice stays one.
    """

    name: str
    pack: Callable[..., dict[str, Any]]
    unpack: Callable[..., Any]
    parts: frozenset[str]
    optional: frozenset[str] = field(default=frozenset())
    shared: bool = False

    @property
    def raw(self) -> frozenset[str]:
        """Names of the parts that are arrays kept aside."""
        return frozenset({"data"}) if self.name in ("array", "tensor") else frozenset()

    def place(self, place: str, part: str) -> str:
        """The place of a part, where the value has a place."""
        return place if part in ("items", "state", "values") else f"{place}.{part}"


def kind(
    name: str,
    parts: str,
    pack: Callable,
    unpack: Callable,
    *,
    optional: str = "",
    shared: bool = False,
) -> Kind:
    """A kind, with the names of its parts as one string."""
    return Kind(name, pack, unpack, frozenset(parts.split()), frozenset(optional.split()), shared)


def expect(value: Any, types: Any, what: str) -> Any:
    """A value that is of one of some types; True is no integer."""
    if not isinstance(value, types) or (isinstance(value, bool) and types is int):
        raise ModelFileError(f"{what} cannot be a {type(value).__name__}")
    return value


def expect_shape(value: Any) -> tuple[int, ...]:
    """The shape of an array."""
    sizes = expect(value, (list, tuple), "a shape")
    for size in sizes:
        if expect(size, int, "a length") < 0:
            raise ModelFileError("a length is negative")
    if len(sizes) > 32:
        raise ModelFileError(f"an array has {len(sizes)} axes")
    return tuple(sizes)
