"""Classes and functions of the user that may be in a file."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, overload

from ._homes import is_reserved

Thing = TypeVar("Thing", bound=Callable[..., Any])

_BY_NAME: dict[str, Any] = {}
_NAMES: dict[int, str] = {}


@overload
def register(cls: Thing, *, name: str | None = None) -> Thing: ...


@overload
def register(cls: None = None, *, name: str | None = None) -> Callable[[Thing], Thing]: ...


def register(
    cls: Thing | None = None, *, name: str | None = None
) -> Thing | Callable[[Thing], Thing]:
    """Let models with classes or functions of your own be saved and loaded.

    A file of a model names its classes and never brings their code, so that code of your own
    must be there, registered by the same name, before the file is loaded. Of an object its
    ``__getstate__`` or its attributes are saved; it is made again without a call of
    ``__init__``, by ``__setstate__`` or by setting the attributes.

    Parameters
    ----------
    cls : type or function
        A class, such as a net, a transformer or a torch module, or a function, such as a loss.
        What it does with the values of a file is up to you.
    name : str, default=None
        The name in files; None takes that of the module and of the class. Give one where the
        class may move, or is defined in a script.

    Returns
    -------
    type or function
        What was given; without `cls`, a decorator.

    Raises
    ------
    TypeError
        If `cls` is neither a class nor a function.
    ValueError
        If something else has the name already, or it is one of this library, of scikit-learn,
        NumPy, SciPy or torch.

    See Also
    --------
    save : Write a model.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.base import BaseEstimator, TransformerMixin
    >>> from skastro.persistence import load, register, save
    >>> @register(name="mystudy.Doubler")
    ... class Doubler(TransformerMixin, BaseEstimator):
    ...     def fit(self, X, y=None):
    ...         return self
    ...     def transform(self, X):
    ...         return 2 * X
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(Doubler(), os.path.join(folder, "doubler.skastro"), with_card=False)
    ...     load(path).transform(21)
    42
    """
    if cls is None:
        return lambda thing: register(thing, name=name)
    if not (inspect.isclass(cls) or inspect.isfunction(cls)):
        raise TypeError(
            f"register takes a class or a function that is defined by def; got {cls!r}. Define "
            f"one, and give what it needs as attributes."
        )
    own = f"{cls.__module__}.{cls.__qualname__}"
    if name is None and "<lambda>" in own:
        raise ValueError(f"register needs a name for {cls!r}. Give one: register(name='...').")
    name = own if name is None else name
    if not isinstance(name, str) or not name or is_reserved(name):
        raise ValueError(
            f"The 'name' parameter of register must be a string that does not begin with the "
            f"name of an installed library such as 'sklearn.'. Got {name!r} instead."
        )
    known = _BY_NAME.get(name)
    if known is not None and _origin(known) != _origin(cls):
        raise ValueError(f"register: {name!r} is {known!r} already. Give another name.")
    _BY_NAME[name] = cls
    _NAMES[id(cls)] = name
    return cls


def registered(name: str) -> Any:
    """What is registered by a name, or None."""
    return _BY_NAME.get(name)


def registered_name(thing: Any) -> str | None:
    """The name by which a class or function is registered, or None."""
    name = _NAMES.get(id(thing))
    return name if name is not None and _BY_NAME.get(name) is thing else None


def _origin(thing: Any) -> tuple[str, str]:
    """Where something was defined, equal for one that was defined anew."""
    return thing.__module__, thing.__qualname__
