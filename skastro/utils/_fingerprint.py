"""A short name for values, the same in every process."""

import dis
import functools
import hashlib
import inspect
import logging
import pickle
import sys
import sysconfig
import types
from numbers import Number

import numpy as np

from ._backend import is_torch
from ._training_record import without_records

_BLOCK = 1 << 24
_INSTALLED = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "purelib", "platlib"))
_BUILTIN = (
    types.BuiltinFunctionType,
    types.ClassMethodDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
)
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_ANNOTATE = ("__annotate__", "__annotate_func__")
_PACKAGE = __name__.partition(".")[0]


def fingerprint(*values: object) -> str:
    """Hash values by what they hold.

    Numbers, strings, arrays, tensors and containers count by value. Functions and classes of
    installed packages count by name, those of the user by their code and by the globals that it
    names; other objects by class and attributes, or by their pickle. Maps in files count by name,
    size and time of change of the file and by a few of its rows; the rest is not read.

    Parameters
    ----------
    *values : object
        What is hashed.

    Returns
    -------
    str
        Hexadecimal digits, 32 of them.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.utils import fingerprint
    >>> fingerprint([1, 2.0], np.arange(3)) == fingerprint([1, 2.0], np.arange(3))
    True
    >>> fingerprint([1, 2.0], np.arange(3)) == fingerprint([1, 2.0], np.arange(4))
    False
    """
    return _hashed(values, frozenset())


class _Digest:
    """A hash, with the functions and classes that were added to it, so that each is added once."""

    def __init__(self):
        self.hash = hashlib.sha256()
        self.update = self.hash.update
        self.codes = {}

    def is_new(self, code):
        """Write the number of a function or class; whether it comes for the first time."""
        is_new = id(code) not in self.codes
        number, _ = self.codes.setdefault(id(code), (len(self.codes), code))
        _write(self, f"code {number}")
        return is_new


def _hashed(value, above):
    digest = _Digest()
    _update(digest, value, above)
    return digest.hash.hexdigest()[:32]


def _update(digest, value, above):
    """Add a value; `above` are the objects that it is part of."""
    if id(value) in above:
        return _write(digest, "within itself")
    above = above | {id(value)}
    value = value.item() if isinstance(value, np.number | np.bool_ | np.str_) else value
    if value is None or value is Ellipsis or isinstance(value, (str, bytes, Number)):
        return _write(digest, f"{type(value).__name__} {value!r}")
    if isinstance(value, types.ModuleType | logging.Logger):
        name = value.name if isinstance(value, logging.Logger) else value.__name__
        return _write(digest, f"{type(value).__name__} {name}")
    if isinstance(value, (np.ndarray, np.generic)):
        return _update_array(digest, np.asanyarray(value), above)
    if isinstance(value, dict):
        _write(digest, f"dict {len(value)}")
        return _update_all(digest, [part for item in value.items() for part in item], above)
    if isinstance(value, (list, tuple)):
        _write(digest, f"{type(value).__name__} {len(value)}")
        return _update_all(digest, value, above)
    if isinstance(value, (set, frozenset)):
        return _update(digest, sorted(_hashed(item, above) for item in value), above)
    if is_torch(value):
        array = value.detach().cpu().contiguous()
        content = array.flatten().view(sys.modules["torch"].uint8).numpy()
        return _update_all(digest, ("tensor", str(array.dtype), tuple(array.shape), content), above)
    return _update_code_or_object(digest, value, above)


def _update_all(digest, values, above):
    for value in values:
        _update(digest, value, above)


def _update_array(digest, array, above):
    _write(digest, f"array {array.dtype.str} {array.shape}")
    if isinstance(array, np.ma.MaskedArray):
        _update(digest, np.ma.getmaskarray(array), above)
        array = array.filled()
    if array.dtype.hasobject:
        return _update(digest, array.tolist(), above)
    if array.ndim == 0:
        return digest.update(array.tobytes())
    rows = max(1, _BLOCK * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), rows):
        block = np.ascontiguousarray(array[start : start + rows])
        digest.update(block.reshape(-1).view(np.uint8) if block.size else b"")
    return None


def _update_code_or_object(digest, value, above):
    if isinstance(value, functools.partial):
        keywords = sorted(value.keywords.items())
        return _update_all(digest, ("partial", value.func, value.args, keywords), above)
    if inspect.ismethod(value):
        return _update_all(digest, ("method", value.__func__, value.__self__), above)
    if isinstance(value, type):
        return _update_class(digest, value, above - {id(value)})
    if inspect.isfunction(value):
        return _update_function(digest, value, above)
    if isinstance(value, (property, staticmethod, classmethod)):
        parts = [getattr(value, name, None) for name in ("fget", "fset", "fdel", "__func__")]
        return _update(digest, parts, above)
    if isinstance(value, _BUILTIN):
        _write(digest, value.__qualname__)
        return _update(digest, getattr(value, "__self__", None), above)
    _update_class(digest, type(value), above)
    if hasattr(value, "_identity"):
        return _update(digest, value._identity(), above)
    attributes = _attributes(value)
    if attributes is not None:
        return _update(digest, attributes, above)
    try:
        return _write(digest, pickle.dumps(value, protocol=5))
    except Exception:  # a lock, a socket: there is nothing to tell it by
        return None


def _attributes(value):
    """Attributes of an object, those in slots included; None where it can have none."""
    slots = [
        name
        for cls in type(value).__mro__
        if "__slots__" in vars(cls)
        for name, member in vars(cls).items()
        if inspect.ismemberdescriptor(member)
    ]
    if not slots and not hasattr(value, "__dict__"):
        return None
    found = {name: getattr(value, name) for name in sorted(slots) if hasattr(value, name)}
    return found | without_records(getattr(value, "__dict__", {}))


def _update_class(digest, cls, above):
    """Add a class: its name and, where it is the user's, its functions and constants."""
    _write(digest, _name(cls))
    if _is_installed(cls) or not digest.is_new(cls):
        return
    for name, member in sorted(vars(cls).items()):
        # From Python 3.14 on, a function makes the annotations.
        if not name.startswith("__") or (inspect.isfunction(member) and name not in _ANNOTATE):
            _write(digest, name)
            if not inspect.isdatadescriptor(member) or isinstance(member, property):
                _update(digest, member, above)
    for base in cls.__bases__:
        _update_class(digest, base, above)


def _update_function(digest, function, above):
    """Add a function: its name and, where it is the user's, what it does and with what."""
    _write(digest, _name(function))
    if not digest.is_new(function):
        return
    for cell in function.__closure__ or ():
        try:
            _update(digest, cell.cell_contents, above)
        except ValueError:
            _write(digest, "empty")
    _update_all(digest, (function.__defaults__, function.__kwdefaults__), above)
    if _is_installed(function):
        return
    _update_code(digest, function.__code__, above)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            _write(digest, name)
            _update(digest, function.__globals__[name], above)


def _update_code(digest, code, above):
    """Add what a function does; line numbers do not count."""
    _write(digest, code.co_code)
    n_arguments = code.co_argcount + code.co_kwonlyargcount
    arguments = code.co_varnames[:n_arguments], code.co_argcount, code.co_flags
    _write(digest, repr((code.co_names, arguments)))
    for constant in code.co_consts:
        if inspect.iscode(constant):
            _update_code(digest, constant, above)
        else:
            _update(digest, constant, above)


def _names(code):
    """Names of globals that a function and those within it look up."""
    own = {step.argval for step in dis.get_instructions(code) if step.opname in _GLOBAL}
    inner = (_names(constant) for constant in code.co_consts if inspect.iscode(constant))
    return own.union(*inner)


def _is_installed(thing):
    """Whether a class or function is of Python, of this library or of an installed package."""
    name = getattr(thing, "__module__", None) or "builtins"
    module = sys.modules.get(name)
    path = getattr(module, "__file__", None)
    if name.partition(".")[0] == _PACKAGE or (module is not None and path is None):
        return name != "__main__"
    return path is not None and path.startswith(_INSTALLED)


def _name(value):
    return f"{value.__module__}.{value.__qualname__}"


def _write(digest, content):
    content = content.encode() if isinstance(content, str) else content
    digest.update(len(content).to_bytes(8, "big") + content)
