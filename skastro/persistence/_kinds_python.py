"""Values of Python itself."""

import collections
import functools
import math
import pathlib
from typing import Any

from ..exceptions import ModelFileError
from ._kind import Kind, Refusal, expect, kind

_LONGEST = 100_000  # hexadecimal digits of an integer
_MOST_KEYS = 10_000  # of one set or dictionary, whose hashes a file could choose to be equal
_FLOATS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _items(value: Any, encoder: Any) -> dict[str, Any]:
    return {"items": list(value)}


def _pack_set(value: Any, encoder: Any) -> dict[str, Any]:
    _check_hashes(value, Refusal)
    return _items(value, encoder)


def _unpack_set(items: Any) -> set:
    _check_hashes(expect(items, list, "the items of a set"), ModelFileError)
    return set(items)


def _unpack_frozenset(items: Any) -> frozenset:
    return frozenset(_unpack_set(items))


def _check_hashes(keys: Any, error: type[Exception]) -> None:
    """Refuse very many keys, but strings, whose hashes no file can foresee, and small integers."""
    if len(keys) <= _MOST_KEYS:
        return
    n_others = sum(type(key) is not str and not _is_small(key) for key in keys)
    if n_others > _MOST_KEYS:
        raise error(f"which has {n_others} keys that are no strings; use an array or strings")


def _is_small(key: Any) -> bool:
    return type(key) is int and abs(key) < 1 << 60


def _unpack_tuple(items: Any) -> tuple:
    return tuple(expect(items, list, "the items of a tuple"))


def _pack_pairs(value: dict, encoder: Any) -> dict[str, Any]:
    _check_hashes(value, Refusal)
    return {"keys": list(value.keys()), "values": list(value.values())}


def unpack_pairs(keys: Any, values: Any) -> dict:
    """A dictionary of its keys and values."""
    expect(keys, list, "the keys of a dictionary")
    expect(values, list, "the values of a dictionary")
    _check_hashes(keys, ModelFileError)
    found = dict(zip(keys, values, strict=True))
    if len(found) != len(keys):
        raise ModelFileError("a dictionary has a key twice")
    return found


def _pack_default(value: collections.defaultdict, encoder: Any) -> dict[str, Any]:
    if value.default_factory not in (None, dict, float, int, list, set):
        raise Refusal("whose factory is no simple type; use a dict instead")
    return _pack_pairs(value, encoder) | {"factory": value.default_factory}


def _unpack_default(keys: Any, values: Any, factory: Any) -> collections.defaultdict:
    if factory not in (None, dict, float, int, list, set):
        raise ModelFileError("a dictionary has an unknown factory")
    return collections.defaultdict(factory, unpack_pairs(keys, values))


def _pack_int(value: int, encoder: Any) -> dict[str, Any]:
    digits = f"{value:x}"
    if len(digits) > _LONGEST:
        raise Refusal("an integer that is too long; use a shorter one")
    return {"digits": digits}


def _unpack_int(digits: Any) -> int:
    if len(expect(digits, str, "an integer")) > _LONGEST:
        raise ModelFileError("an integer is too long")
    return int(digits, 16)


def _unpack_float(value: Any) -> float:
    return _FLOATS[expect(value, str, "a float")]


def _unpack_complex(parts: Any) -> complex:
    real, imaginary = (expect(part, float, "a part of a complex number") for part in parts)
    return complex(real, imaginary)


def _unpack_bytes(digits: Any) -> bytes:
    return bytes.fromhex(expect(digits, str, "bytes"))


def _pack_bounds(value: Any, encoder: Any) -> dict[str, Any]:
    return {"bounds": [value.start, value.stop, value.step]}


def _unpack_slice(bounds: Any) -> slice:
    start, stop, step = bounds
    return slice(start, stop, step)


def _unpack_range(bounds: Any) -> range:
    bounds = expect(bounds, list, "the bounds of a range")
    return range(*(expect(bound, int, "a bound of a range") for bound in bounds))


def _unpack_path(path: Any) -> pathlib.Path:
    return pathlib.Path(expect(path, str, "a path"))


def _pack_partial(value: functools.partial, encoder: Any) -> dict[str, Any]:
    return {"function": value.func, "args": list(value.args), "keywords": dict(value.keywords)}


def _unpack_partial(function: Any, args: Any, keywords: Any) -> functools.partial:
    if not callable(function):
        raise ModelFileError("a partial function is of no function")
    return functools.partial(function, *expect(args, list, "arguments"), **keywords)


_PATH = kind("path", "path", lambda value, encoder: {"path": str(value)}, _unpack_path)

EXACT: dict[str, Kind] = {
    "builtins.tuple": kind("tuple", "items", _items, _unpack_tuple),
    "builtins.set": kind("set", "items", _pack_set, _unpack_set),
    "builtins.frozenset": kind("frozenset", "items", _pack_set, _unpack_frozenset),
    "builtins.dict": kind("dict", "keys values", _pack_pairs, unpack_pairs),
    "builtins.int": kind("int", "digits", _pack_int, _unpack_int),
    "builtins.float": kind(
        "float", "value", lambda value, encoder: {"value": str(value)}, _unpack_float
    ),
    "builtins.complex": kind(
        "complex",
        "parts",
        lambda value, encoder: {"parts": [value.real, value.imag]},
        _unpack_complex,
    ),
    "builtins.bytes": kind(
        "bytes", "digits", lambda value, encoder: {"digits": value.hex()}, _unpack_bytes
    ),
    "builtins.slice": kind("slice", "bounds", _pack_bounds, _unpack_slice),
    "builtins.range": kind("range", "bounds", _pack_bounds, _unpack_range),
    "builtins.ellipsis": kind("ellipsis", "", lambda value, encoder: {}, lambda: Ellipsis),
    "collections.OrderedDict": kind(
        "ordered dict",
        "keys values",
        _pack_pairs,
        lambda keys, values: collections.OrderedDict(unpack_pairs(keys, values)),
    ),
    "collections.defaultdict": kind(
        "default dict", "keys values factory", _pack_default, _unpack_default
    ),
    "functools.partial": kind("partial", "function args keywords", _pack_partial, _unpack_partial),
    "pathlib.PosixPath": _PATH,
    "pathlib.WindowsPath": _PATH,
    "pathlib._local.PosixPath": _PATH,
    "pathlib._local.WindowsPath": _PATH,
}
