"""A short name for values, the same in every process."""

import functools
import hashlib
import inspect
import pickle
from numbers import Number

import numpy as np

from ._backend import is_torch

_BLOCK = 1 << 24


def fingerprint(*values):
    """Hash values by what they hold.

    Numbers, strings, arrays, tensors and containers count by value, functions by name and
    code, other objects by class and attributes, of estimators parameters and what they have
    learned. Maps in files count by name, size and time of change of the file, which is not
    read.

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
    digest = hashlib.sha256()
    _update(digest, values, frozenset())
    return digest.hexdigest()[:32]


def _update(digest, value, above):
    """Add a value; `above` are the objects that it is part of."""
    if id(value) in above:
        return _write(digest, "within itself")
    above = above | {id(value)}
    if hasattr(value, "_identity"):
        _write(digest, _name(type(value)))
        return _update(digest, value._identity(), above)
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (str, bytes, Number)):
        return _write(digest, f"{type(value).__name__} {value!r}")
    if isinstance(value, np.ndarray):
        return _update_array(digest, value, above)
    if isinstance(value, dict):
        _write(digest, f"dict {len(value)}")
        return [_update(digest, item, above) for item in value.items()]
    if isinstance(value, (list, tuple)):
        _write(digest, f"{type(value).__name__} {len(value)}")
        return [_update(digest, item, above) for item in value]
    if isinstance(value, (set, frozenset)):
        return _update(digest, sorted(fingerprint(item) for item in value), above)
    return _update_object(digest, value, above)


def _update_array(digest, array, above):
    _write(digest, f"array {array.dtype.str} {array.shape}")
    if array.dtype.hasobject:
        return _update(digest, array.tolist(), above)
    if array.ndim == 0 or array.flags.c_contiguous:
        return digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    rows = max(1, _BLOCK * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return None


def _update_object(digest, value, above):
    if isinstance(value, type):
        return _write(digest, _name(value))
    if isinstance(value, functools.partial):
        return _update(digest, ("partial", value.func, value.args, value.keywords), above)
    if inspect.ismethod(value):
        return _update(digest, ("method", value.__func__, value.__self__), above)
    if inspect.isfunction(value):
        _write(digest, _name(value))
        _update_code(digest, value.__code__)
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return _update(digest, (cells, value.__defaults__, value.__kwdefaults__), above)
    if inspect.isbuiltin(value):
        return _write(digest, _name(value))
    if is_torch(value):
        return _update(digest, ("tensor", value.detach().cpu().contiguous().numpy()), above)
    _write(digest, _name(type(value)))
    if hasattr(value, "__dict__"):
        return _update(digest, vars(value), above)
    try:
        return _write(digest, pickle.dumps(value, protocol=5))
    except Exception:  # what cannot be pickled counts by its class alone
        return None


def _update_code(digest, code):
    """Add what a function does; line numbers do not count."""
    _write(digest, code.co_code)
    _write(digest, repr(code.co_names))
    for constant in code.co_consts:
        if inspect.iscode(constant):
            _update_code(digest, constant)
        else:
            _write(digest, repr(constant))


def _name(value):
    return f"{value.__module__}.{value.__qualname__}"


def _write(digest, content):
    content = content.encode() if isinstance(content, str) else content
    digest.update(len(content).to_bytes(8, "big") + content)
