"""The user's callbacks: copied for a run, and named in its fingerprint."""

import copy
from functools import partial
from numbers import Number

from skorch.callbacks import Callback


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
    if isinstance(callback, Callback):
        try:
            return copy.deepcopy(callback)
        except TypeError:
            return copy.copy(callback)
    made = callback() if callable(callback) else callback
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
        Its class, and parameters that are plain values; a writer or a file would not be the
        same twice.
    """
    if isinstance(callback, tuple):
        return describe_callback(callback[1])
    if isinstance(callback, partial):
        return callback.func, _plain(dict(enumerate(callback.args)) | callback.keywords)
    if isinstance(callback, Callback):
        return type(callback), _plain(callback.get_params(deep=False))
    return callback


def _plain(params):
    return {
        name: value
        for name, value in params.items()
        if value is None or isinstance(value, (str, Number, type))
    }
