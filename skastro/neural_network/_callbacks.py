"""The user's callbacks: copied for a run, and named in its fingerprint."""

import copy
from contextlib import suppress
from functools import partial
from numbers import Number
from types import BuiltinFunctionType, FunctionType

import numpy as np
from skorch.callbacks import BatchScoring, Callback, EpochScoring

from ._checkpoint import pack


def own_callback(callback):
    """Copy a callback for one run.

    Parameters
    ----------
    callback : skorch.callbacks.Callback, callable, or tuple of str and one of these
        The user's. A callable, such as the class, is called without arguments and returns
        the callback.

    Returns
    -------
    skorch.callbacks.Callback, or tuple of str and callback
        A deep copy, or a shallow one of what cannot be copied in depth, such as the writer of
        ``skorch.callbacks.TensorBoard``.

    Raises
    ------
    TypeError
        If it is no callback.
    """
    if isinstance(callback, tuple):
        name, callback = callback
        return name, own_callback(callback)
    given = isinstance(callback, Callback)
    made = callback() if callable(callback) and not given else callback
    if isinstance(made, (BatchScoring, EpochScoring)):
        raise TypeError(
            f"The 'callbacks' parameter holds {made!r}, which scores with predictions of its "
            f"own. Losses are in history_; for other scores use sklearn.callback.ScoringMonitor "
            f"with set_callbacks."
        )
    if given:
        try:
            return copy.deepcopy(callback)
        except TypeError:
            return copy.copy(callback)
    if not isinstance(made, Callback):
        raise TypeError(
            f"The 'callbacks' parameter must hold callbacks of skorch, or functions without "
            f"arguments that return one. Got {made!r} instead."
        )
    return made


def describe_callback(callback):
    """What of a callback counts for the fingerprint of a run.

    Parameters
    ----------
    callback : skorch.callbacks.Callback, callable, or tuple of str and one of these
        The user's.

    Returns
    -------
    object
        Its class, and its parameters. Of a parameter that is neither value nor function, such
        as a writer or a file, the class alone: it would not be the same twice.
    """
    if isinstance(callback, tuple):
        return describe_callback(callback[1])
    if isinstance(callback, partial):
        return callback.func, _stable(list(callback.args)), _stable(callback.keywords)
    if isinstance(callback, Callback):
        return type(callback), _stable(callback.get_params(deep=False))
    return callback


def _stable(value):
    """Values and functions as they are, of other objects the class."""
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple, set)):
        return [_stable(item) for item in value]
    known = (str, bytes, Number, type, np.ndarray, partial, FunctionType, BuiltinFunctionType)
    return value if value is None or isinstance(value, known) else type(value)


def callback_states(callbacks):
    """What callbacks remember, as far as a checkpoint can hold it.

    Parameters
    ----------
    callbacks : list of tuple of str and skorch.callbacks.Callback
        Callbacks of a run, with their names.

    Returns
    -------
    dict of str to dict
        For each callback its attributes that end with an underscore: values, tensors, and of
        objects with a ``state_dict`` that.
    """
    states = {}
    for name, callback in callbacks:
        states[name] = {}
        for key in (key for key in vars(callback) if key.endswith("_")):
            value = getattr(callback, key)
            is_stateful = hasattr(value, "load_state_dict") and not isinstance(value, type)
            state = value.state_dict() if is_stateful else value
            with suppress(TypeError):
                pack(state, {})
                states[name][key] = state
    return states


def restore_callbacks(callbacks, states):
    """Let callbacks remember what `callback_states` returned.

    Parameters
    ----------
    callbacks : list of tuple of str and skorch.callbacks.Callback
        Callbacks of a run, after its begin.
    states : dict of str to dict
        What they are to remember.
    """
    for name, callback in callbacks:
        for key, value in states.get(name, {}).items():
            present = getattr(callback, key, None)
            if hasattr(present, "load_state_dict"):
                present.load_state_dict(value)
            else:
                setattr(callback, key, value)
