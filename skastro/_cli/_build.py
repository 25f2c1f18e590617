"""Make estimators from the tables of a configuration."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import FeatureUnion, Pipeline

from ._classes import known_classes, parameters_of
from ._config import Table
from ._errors import UsageError, near

_GROUPS = {"Pipeline": "steps", "FeatureUnion": "parts"}


def build_pipeline(tables: list[Table], seed: int) -> Any:
    """Pipeline of the steps in tables; a single step stays by itself."""
    model = _pipeline([_step(table) for table in tables])
    seed_all(model, seed)
    return model


def build_value(value: Any, where: Table) -> Any:
    """What a value of a configuration stands for, with the classes in it made."""
    if value == "None":
        return None
    if isinstance(value, list):
        parts = [
            Table(where.file, f"{where.name}[{i}]", {"": item}) for i, item in enumerate(value)
        ]
        return [build_value(part.content[""], part) for part in parts]
    if not isinstance(value, dict):
        return value
    if "class" in value:
        return _instance(Table(where.file, where.name, value))
    if set(value) == {"quantity"}:
        return _quantity(value["quantity"], where)
    return {
        key: build_value(item, Table(where.file, f"{where.name}.{key}", {}))
        for key, item in value.items()
    }


def seed_all(model: Any, seed: int) -> None:
    """Seed everything in a model that has no seed of its own."""
    for name, value in model.get_params(deep=True).items():
        if name.rpartition("__")[2] == "random_state" and value is None:
            model.set_params(**{name: seed})


def _step(table: Table) -> tuple[str, Any]:
    """Name and instance of a step."""
    content = dict(table.content)
    name = content.pop("name", None)
    if name is not None and (not isinstance(name, str) or "__" in name or not name):
        raise UsageError(f"{table.where('name')} must be a word without '__'. Got {name!r}.")
    made = _instance(Table(table.file, table.name, content))
    return name or type(made).__name__.lower(), made


def _pipeline(steps: list[tuple[str, Any]]) -> Any:
    if len(steps) == 1:
        return steps[0][1]
    return Pipeline(_numbered(steps))


def _numbered(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Steps with names that differ, as scikit-learn numbers them."""
    names = [name for name, _ in steps]
    numbered = []
    for i, (name, made) in enumerate(steps):
        repeated = f"{name}-{names[: i + 1].count(name)}" if names.count(name) > 1 else name
        numbered.append((repeated, made))
    return numbered


def _instance(table: Table) -> Any:
    """An instance of the class that a table names, its other keys the parameters."""
    classes = known_classes()
    name = table.take("class", str)
    if name in _GROUPS:
        inner = _numbered([_step(one) for one in table.tables(_GROUPS[name])])
        table.finish()
        return Pipeline(inner) if name == "Pipeline" else FeatureUnion(inner)
    if name not in classes:
        raise UsageError(
            f"{table.where('class')} is {name!r}, which is no class that a configuration may name."
            f"{near(name, [*classes, *_GROUPS])} Allowed are the public classes of skastro and "
            f"common ones of scikit-learn: {', '.join(sorted([*classes, *_GROUPS]))}."
        )
    cls = classes[name]
    known = parameters_of(cls)
    given = table.rest()
    for key in given:
        if key not in known:
            raise UsageError(
                f"{table.where(key)}: {name} has no parameter {key!r}.{near(key, known)} "
                f"Parameters: {', '.join(known) or 'none'}."
            )
    parameters = {
        key: build_value(value, Table(table.file, f"{table.name}.{key}", {}))
        for key, value in given.items()
    }
    try:
        made = cls(**parameters)
        if hasattr(made, "_validate_params"):
            made._validate_params()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{table.file}: {table.name}: {error}") from error
    return made


def _quantity(text: Any, where: Table) -> Any:
    """A number with a unit."""
    from astropy.units import Quantity

    try:
        return Quantity(text)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where.file}: {where.name}.quantity must be a number with a unit of astropy, such as "
            f"'5 uK'. Got {text!r} instead: {error}"
        ) from error
