"""Objects with attributes, classes and functions."""

import inspect
from typing import Any

from ..exceptions import ModelFileError
from ..utils._training_record import RECORD_NAMES
from ._estimator_checks import check_estimator
from ._homes import type_at, type_name
from ._kind import Kind, Refusal, expect, kind
from ._net_checks import check_net, count_weights
from ._objects import check_names, class_of, function_of, name_of, name_of_function
from ._registry import registered, registered_name

# What a fit was watched or sped up by; predictions do not need it.
_NOT_KEPT = {"_parent_callback_ctx", "_skl_callbacks"}
_NOT_KEPT_PARAMS = {"callbacks", "memory"}
_REQUESTS = "sklearn.utils._metadata_requests."


def _pack_object(value: Any, encoder: Any) -> dict[str, Any]:
    cls: Any = type(value)
    name = name_of(cls)
    if _is_made_otherwise(cls):
        raise Refusal("whose class is made in a way of its own; use a class without it")
    try:
        check_estimator(value)
    except ModelFileError as error:
        raise Refusal(
            f"of which {error} what can be checked when it is read; fit it on dense maps or "
            f"tables of numbers, without categories"
        ) from error
    state, slots = value.__getstate__(), {}
    if isinstance(state, tuple) and not hasattr(value, "__setstate__"):
        state, slots = state
    if state is not None and not isinstance(state, dict):
        raise Refusal("whose state is no dictionary; use another class")
    state = {key: part for key, part in (state or {}).items() if key not in RECORD_NAMES}
    if name.startswith(_REQUESTS) and not isinstance(state.get("owner"), str):
        # The estimator that holds the request, or one that it is a clone of: named in errors only.
        state["owner"] = type(state.get("owner")).__name__
    _leave_out(value, state, encoder)
    encoder.n_weights += count_weights(state)
    check_names(cls, [*state, *slots], save=True)
    return {"class": name, "state": state} | ({"slots": slots} if slots else {})


def _leave_out(value: Any, state: dict[str, Any], encoder: Any) -> None:
    """Take out of a state what predictions do not need and a file should not hold."""
    for key in _NOT_KEPT & set(state):
        if state.pop(key) and not key.startswith("_parent"):
            encoder.left_out.append(f"the callbacks of {type(value).__name__}")
    if not hasattr(value, "get_params"):
        return
    for key in _NOT_KEPT_PARAMS & set(state):
        if _is_not_kept(state[key]):
            encoder.left_out.append(f"the parameter {key!r} of {type(value).__name__}")
            state[key] = None


def _is_not_kept(param: Any) -> bool:
    """Whether a parameter holds callbacks, or a folder of joblib, which are pickles."""
    return not isinstance(param, (int, float)) and bool(param)


def _unpack_object(state: Any, slots: Any = None, **names: Any) -> Any:
    cls = class_of(names["class"])
    state = expect(state, dict, "the state of an object")
    slots = {} if slots is None else expect(slots, dict, "the state of an object")
    if _is_made_otherwise(cls):
        raise ModelFileError(f"{names['class']!r} is no class whose objects a file may hold")
    check_names(cls, [*state, *slots])
    for key in slots:
        if not inspect.ismemberdescriptor(inspect.getattr_static(cls, key, None)):
            raise ModelFileError(f"an object of {cls.__name__} has no slot {key!r}")
    if set(RECORD_NAMES) & set(state):
        raise ModelFileError(f"an object of {cls.__name__} has a record of its own")
    if _NOT_KEPT & set(state) or (
        hasattr(cls, "get_params") and any(_is_not_kept(state.get(key)) for key in _NOT_KEPT_PARAMS)
    ):
        raise ModelFileError(f"an object of {cls.__name__} has callbacks or a memory on the disk")
    if "_sklearn_version" in state:
        import sklearn

        state["_sklearn_version"] = sklearn.__version__  # `load` warns of other versions, once
    check_net(cls, state)
    made = cls.__new__(cls)
    if hasattr(cls, "__setstate__"):
        made.__setstate__(state)
    elif state:
        vars(made).update(state)
    for key, part in slots.items():
        object.__setattr__(made, key, part)
    check_estimator(made)
    return made


def _is_made_otherwise(cls: Any) -> bool:
    """Whether objects of a class are more than their attributes, as modules of torch are."""
    return (
        cls.__new__ is not object.__new__
        or cls.__reduce__ is not object.__reduce__
        or any(base.__module__ == "torch.nn.modules.module" for base in cls.__mro__)
    )


def _pack_named(value: Any, encoder: Any) -> dict[str, Any]:
    if not hasattr(type(value), "_fields"):
        raise Refusal("a tuple of a class of its own; use a plain one")
    return {"class": name_of(type(value)), "items": list(value)}


def _unpack_named(items: Any, **names: Any) -> Any:
    cls = class_of(names["class"])
    fields = getattr(cls, "_fields", None)
    if (
        not issubclass(cls, tuple)
        or fields is None
        or len(expect(items, list, "items")) != len(fields)
    ):
        raise ModelFileError(f"{names['class']!r} is no tuple with so many names")
    return tuple.__new__(cls, items)


def _pack_class(value: type, encoder: Any) -> dict[str, Any]:
    name = registered_name(value) or type_name(value)
    return {"name": name_of(value) if name is None else name}


def _unpack_class(name: Any) -> type:
    found = registered(expect(name, str, "a class")) or type_at(name)
    return class_of(name) if found is None else expect(found, type, "a class")


def _pack_function(value: Any, encoder: Any) -> dict[str, Any]:
    return {"name": name_of_function(value)}


OBJECT = "object"
FUNCTION = kind("function", "name", _pack_function, function_of)
KINDS: tuple[Kind, ...] = (
    kind(OBJECT, "class state", _pack_object, _unpack_object, optional="slots", shared=True),
    kind("named tuple", "class items", _pack_named, _unpack_named),
    kind("class", "name", _pack_class, _unpack_class),
    FUNCTION,
)
