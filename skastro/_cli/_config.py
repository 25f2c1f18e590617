"""Read a configuration, one table at a time, and name what is wrong in it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ._errors import CommandError, UsageError, near

_WORDS = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a table",
}
_REQUIRED = object()


def read_config(path: Path) -> Table:
    """Read a TOML file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CommandError(
            f"There is no configuration '{path}'. 'skastro train --example reionization' prints "
            f"one to start from."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"'{path}' cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is no TOML: {error}") from error
    return Table(path, "", content)


class Table:
    """A table of a configuration, from which keys are taken until none is left.

    Parameters
    ----------
    file : pathlib.Path
        The configuration, to name in errors.
    name : str
        Name of the table, empty for the whole configuration.
    content : dict
        What is in it.
    """

    def __init__(self, file: Path, name: str, content: dict[str, Any]) -> None:
        self.file = file
        self.name = name
        self.content = content
        self._known: list[str] = []

    def where(self, key: str) -> str:
        """File and full name of a key."""
        return f"{self.file}: {self.name}.{key}" if self.name else f"{self.file}: {key}"

    def take(
        self,
        key: str,
        *kinds: type,
        default: Any = _REQUIRED,
        allowed: Sequence[str] = (),
    ) -> Any:
        """Value of a key, which is of one of some types and among the allowed words."""
        self._known.append(key)
        if key not in self.content:
            if default is _REQUIRED:
                words = " or ".join(_WORDS[kind] for kind in kinds)
                raise UsageError(
                    f"{self.where(key)} is missing. It must be {words}."
                    f"{self._typo_of(key)}{_listed(allowed)}"
                )
            return default
        value = self.content[key]
        if not any(_is_of(value, kind) for kind in kinds):
            words = " or ".join(_WORDS[kind] for kind in kinds)
            raise UsageError(f"{self.where(key)} must be {words}. Got {value!r} instead.")
        if allowed and isinstance(value, str) and value not in allowed:
            raise UsageError(
                f"{self.where(key)} is {value!r}.{near(value, allowed)}{_listed(allowed)}"
            )
        return value

    def number(self, key: str, default: Any, low: float, high: float, *kinds: type) -> Any:
        """Number between two others."""
        value = self.take(key, *kinds, default=default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not low <= value <= high:
            raise UsageError(
                f"{self.where(key)} must be from {low:g} to {high:g}. Got {value!r} instead."
            )
        return value

    def table(self, key: str, required: bool = False) -> Table:
        """The table under a key, empty where there is none."""
        options: dict[str, Any] = {} if required else {"default": {}}
        content = self.take(key, dict, **options)
        return Table(self.file, f"{self.name}.{key}" if self.name else key, content)

    def tables(self, key: str) -> list[Table]:
        """The tables of a list, at least one."""
        name = f"{self.name}.{key}" if self.name else key
        found = self.take(key, list)
        if not found or not all(isinstance(item, dict) for item in found):
            raise UsageError(
                f"{self.where(key)} must be a list of tables, one for each step. Got {found!r} "
                f"instead."
            )
        return [Table(self.file, f"{name}[{i}]", item) for i, item in enumerate(found)]

    def rest(self) -> dict[str, Any]:
        """All keys that were not taken."""
        left = {key: value for key, value in self.content.items() if key not in self._known}
        self._known += left
        return left

    def finish(self) -> None:
        """Refuse keys that nothing has asked for."""
        for key in self.content:
            if key not in self._known:
                raise UsageError(
                    f"{self.where(key)} is not known.{near(key, self._known)} "
                    f"{f'[{self.name}]' if self.name else 'A configuration'} may hold: "
                    f"{', '.join(self._known)}."
                )

    def _typo_of(self, key: str) -> str:
        meant = near(key, [name for name in self.content if name not in self._known])
        return meant.replace("Did you mean", "Is it") if meant else ""


def _is_of(value: Any, kind: type) -> bool:
    """Whether a value is of a type; integers are numbers, and true and false are not."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def _listed(allowed: Sequence[str]) -> str:
    return f" Allowed: {', '.join(allowed)}." if allowed else ""
