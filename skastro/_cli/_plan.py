"""What a configuration asks for, checked before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import ParameterGrid

from ._build import build_pipeline, build_value, seed_all
from ._config import Table, read_config
from ._errors import UsageError, near

METHODS = ("grid", "halving")
_MOST_CANDIDATES = 200


class Plan(NamedTuple):
    """A configuration, read.

    Attributes
    ----------
    config : Table
        The whole of it.
    output : pathlib.Path
        Folder of the results.
    seed : int
        Of everything that is random.
    model : estimator
        The pipeline, unfitted.
    candidates : dict of str to estimator
        The model, with each choice of the parameters that are searched.
    others : dict of str to estimator
        What stands beside it.
    settings : dict
        "method", "scoring", "n_jobs", "n_folds", "min_epochs", "summary", "figures".
    """

    config: Table
    output: Path
    seed: int
    model: Any
    candidates: dict[str, Any]
    others: dict[str, Any]
    settings: dict[str, Any]


def read_plan(path: Path, output: Path | None = None) -> Plan:
    """Read a configuration and make the estimators that it names."""
    config = read_config(path)
    seed = config.number("seed", 0, 0, 2**32 - 1, int)
    transformer = config.table("target").content.get("transformer")
    where = Table(path, "target.transformer", {})
    around = None if transformer is None else build_value(transformer, where)
    model = _targeted(build_pipeline(config.tables("pipeline"), seed), around, seed)
    if not hasattr(model, "predict"):
        raise UsageError(
            f"{path}: the last step of pipeline makes no predictions. End it with an estimator, "
            f"such as CNNRegressor, CNNClassifier or RidgeCV."
        )
    settings = _settings(config, model)
    candidates = _candidates(config, model, seed, settings)
    others = _others(config, around, seed, settings)
    folder = config.table("output")
    name = folder.take("folder", str, default=f"{path.stem}_output")
    settings["figures"] = folder.take("figures", bool, default=True)
    folder.finish()
    config.table("data", required=True)
    config.table("split")
    config.finish()
    output = path.parent / Path(name).expanduser() if output is None else output
    return Plan(config, output, seed, model, candidates, others, settings)


def _targeted(model: Any, transformer: Any, seed: int) -> Any:
    """A model that learns transformed targets."""
    if transformer is None:
        return model
    model = TransformedTargetRegressor(model, transformer=clone(transformer), check_inverse=False)
    seed_all(model, seed)
    return model


def _settings(config: Table, model: Any) -> dict[str, Any]:
    """How candidates are scored."""
    search = config.table("search")
    kind = "accuracy" if is_classifier(model) else "r2"
    return {
        "method": search.take("method", str, default="grid", allowed=METHODS),
        "scoring": search.take("scoring", str, default=kind, allowed=get_scorer_names()),
        "n_jobs": search.number("n_jobs", 1, -1, 4096, int),
        "min_epochs": search.number("min_epochs", 1, 1, 10**6, int),
        "n_folds": config.table("split").number("n_folds", 3, 2, 1000, int),
        "summary": config.table("compare").take("summary", bool, default=True),
    }


def _candidates(config: Table, model: Any, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The model with each choice of the searched parameters."""
    search = config.table("search")
    for known in ("method", "scoring", "n_jobs", "min_epochs"):
        search.take(known, str, int, default=None)
    section = search.table("parameters")
    search.finish()
    known = list(model.get_params(deep=True))
    grid: dict[str, list[Any]] = {}
    for key in section.content:
        values = section.take(key, list)
        full = _full_name(section, key, known)
        if not values:
            raise UsageError(f"{section.where(key)} must be a list of values to try, not empty.")
        grid[full] = build_value(values, Table(config.file, f"{section.name}.{key}", {}))
    if len(ParameterGrid(grid)) > _MOST_CANDIDATES:
        raise UsageError(
            f"{config.file}: search.parameters makes {len(ParameterGrid(grid))} candidates, more "
            f"than {_MOST_CANDIDATES}. Take fewer values."
        )
    settings["grid"] = grid
    made = {}
    for choice in ParameterGrid(grid):
        candidate = clone(model)
        for name, value in choice.items():
            candidate.set_params(**{name: clone(value, safe=False)})
        seed_all(candidate, seed)
        made[choice_name(choice) or _short_name(model)] = candidate
    return made


def choice_name(choice: dict[str, Any]) -> str:
    """A choice of parameters in words."""
    return ", ".join(f"{key.rpartition('__')[2]}={_one_line(v)}" for key, v in choice.items())


def _one_line(value: Any) -> str:
    return " ".join(str(value).split())


def _full_name(section: Table, key: str, known: list[str]) -> str:
    """Name of a parameter with the steps that lead to it, which may be left out where it is one."""
    if key in known:
        return key
    ends = [name for name in known if name.endswith(f"__{key}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise UsageError(
            f"{section.where(key)}: several steps have a parameter {key!r}. Write one of "
            f"{', '.join(ends)}."
        )
    names = sorted({name.rpartition("__")[2] for name in known} | set(known))
    raise UsageError(
        f"{section.where(key)}: the pipeline has no parameter {key!r}.{near(key, names)} It has: "
        f"{', '.join(name for name in known if '__' in name)}."
    )


def _short_name(model: Any) -> str:
    """Name of the estimator that predicts."""
    while True:
        if isinstance(model, TransformedTargetRegressor):
            model = model.regressor
        elif hasattr(model, "steps"):
            model = model.steps[-1][1]
        else:
            return type(model).__name__


def _others(config: Table, transformer: Any, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Further models that are trained beside the pipeline."""
    section = config.table("compare")
    section.take("summary", bool, default=True)
    candidates = section.table("candidates")
    section.finish()
    others = {}
    for name in candidates.content:
        one = candidates.table(name)
        others[name] = _targeted(build_pipeline(one.tables("pipeline"), seed), transformer, seed)
        one.finish()
        if name in ("summary", "dummy"):
            raise UsageError(f"{candidates.where(name)}: this is the name of a baseline.")
    return others
