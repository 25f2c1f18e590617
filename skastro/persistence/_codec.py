"""Values as a tree of JSON, and back.

A node is a JSON value, or an object with a "type", the name of a `Kind`; its other entries are
nodes. Objects that were met before are named by their number.
"""

import math
from typing import Any

import numpy as np

from ..exceptions import ModelFileError
from ._kind import Kind, Raw, Refusal
from ._kinds import find_kind, kind_named
from ._kinds_objects import OBJECT
from ._raw import RawArrays

_MOST_NODES = 20_000_000
_DEEPEST = 250
_SMALL = 1 << 63


def is_model(tree: Any) -> bool:
    """Whether a node is that of an object, which can have a record, and no class or function."""
    return isinstance(tree, dict) and tree.get("type") == OBJECT


class Encoder:
    """Turns values into nodes, and keeps their arrays aside.

    Attributes
    ----------
    arrays : RawArrays
        The arrays.
    left_out : list of str
        What was left out, since predictions do not need it.
    n_weights : int
        Weights of all nets.
    """

    def __init__(self) -> None:
        self.arrays = RawArrays()
        self.left_out: list[str] = []
        self.n_weights = 0
        self._nodes: dict[int, dict[str, Any]] = {}
        self._alive: list[Any] = []
        self._above: set[int] = set()
        self._n_shared = 0

    def encode(self, value: Any, place: str) -> Any:
        """A value as a node; `place` says where in the model it is."""
        if value is None or isinstance(value, bool) or type(value) is str:
            return value
        if type(value) is int and -_SMALL <= value < _SMALL:
            return value
        if type(value) is float and math.isfinite(value):
            return value
        if type(value) is Raw:
            return {"type": "raw", "number": self.arrays.add(value.array)}
        known = self._nodes.get(id(value))
        if known is not None:
            if "id" not in known:
                known["id"] = self._n_shared
                self._n_shared += 1
            return {"type": "same", "as": known["id"]}
        if id(value) in self._above or len(self._above) > _DEEPEST:
            how = "contains itself" if id(value) in self._above else "is nested too deeply"
            raise ModelFileError(
                f"save: {place} {how}, and cannot be saved. Take it out of the model, or use "
                f"joblib.dump, whose files run code when they are read."
            )
        self._above.add(id(value))
        node = self._node(value, place)
        self._above.discard(id(value))
        return node

    def _node(self, value: Any, place: str) -> Any:
        if type(value) is list:
            return [self.encode(item, f"{place}[{i}]") for i, item in enumerate(value)]
        kind = find_kind(value)
        try:
            parts = kind.pack(value, self)
        except Refusal as refusal:
            raise ModelFileError(
                f"save: {place} is {_short(value)}, {refusal}, or keep the model with joblib.dump, "
                f"whose files run code when they are read."
            ) from refusal
        node: dict[str, Any] = {"type": kind.name}
        if kind.shared:
            self._alive.append(value)
        for key, part in parts.items():
            if key == "values" and "keys" in parts:
                node[key] = [
                    self.encode(
                        item, f"{place}.{name}" if type(name) is str else f"{place}[{name}]"
                    )
                    for name, item in zip(parts["keys"], part, strict=True)
                ]
            else:
                node[key] = self.encode(part, kind.place(place, key))
        if kind.shared:
            self._nodes[id(value)] = node
        return node


class Decoder:
    """Turns nodes into values.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Arrays by number; each is used once.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = dict(arrays)
        self._shared: dict[int, Any] = {}
        self._n_nodes = 0
        self._depth = 0

    def decode(self, node: Any) -> Any:
        """A node as a value."""
        self._n_nodes += 1
        if node is None or isinstance(node, bool | str):
            return node
        if isinstance(node, int):
            if not -_SMALL <= node < _SMALL:
                raise ModelFileError("a number has more than 64 bits")
            return node
        if isinstance(node, float):
            if not math.isfinite(node):
                raise ModelFileError("a number is not finite")
            return node
        self._depth += 1
        if self._depth > 2 * _DEEPEST or self._n_nodes > _MOST_NODES:
            raise ModelFileError("its tree of values is too deep or too large")
        if isinstance(node, list):
            value = [self.decode(item) for item in node]
        else:
            value = self._value(dict(node))
        self._depth -= 1
        return value

    def finish(self) -> None:
        """Refuse arrays that nothing uses."""
        if self._arrays:
            raise ModelFileError(f"{len(self._arrays)} of its arrays belong to nothing")

    def _value(self, node: dict[str, Any]) -> Any:
        name, number = node.pop("type", None), node.pop("id", None)
        if name == "same":
            if set(node) != {"as"} or node["as"] not in self._shared:
                raise ModelFileError("a value is said to be another that is not there")
            return self._shared[node["as"]]
        kind = kind_named(name)
        parts = {}
        for key, part in node.items():
            is_raw = isinstance(part, dict) and part.get("type") == "raw"
            parts[key] = self._raw(kind, key, part) if is_raw else self.decode(part)
        value = self._unpacked(kind, parts)
        if number is not None:
            if not kind.shared or type(number) is not int or number in self._shared:
                raise ModelFileError("a value has the number of another")
            self._shared[number] = value
        return value

    def _raw(self, kind: Kind, key: str, node: dict[str, Any]) -> Raw:
        """An array that was kept aside, which is part of a value of some kinds alone."""
        number = node.get("number")
        if key not in kind.raw or set(node) != {"type", "number"} or number not in self._arrays:
            raise ModelFileError("an array is not there")
        return Raw(self._arrays.pop(number))

    def _unpacked(self, kind: Kind, parts: dict[str, Any]) -> Any:
        if set(parts) - kind.optional != kind.parts:
            raise ModelFileError(
                f"a value of type {kind.name!r} must have the parts {sorted(kind.parts)}; it has "
                f"{sorted(parts)}"
            )
        return kind.unpack(**parts)


def _short(value: Any) -> str:
    """The representation of a value, cut off where it is long."""
    try:
        text = repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 120 else f"{text[:117]}..."
