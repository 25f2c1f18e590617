"""The steps of a training: compare on folds, fit, score on what was set aside, save, draw."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from ..exceptions import LeakageWarning
from ..model_selection import Comparison, compare
from ..model_selection._protocol import fit_params, takes_lazy_maps
from ._console import is_terminal, say
from ._errors import CommandError
from ._plan import Plan, choice_name
from ._train_data import TrainingData


def train_and_score(plan: Plan, data: TrainingData) -> dict[str, Any]:
    """Do what a plan says, and give the scores; what was finished before is not done again."""
    from ._train_files import write_files

    fits = plan.output.absolute() / "checkpoint"
    candidates = dict(plan.candidates)
    if plan.settings["method"] == "halving" and len(candidates) > 1:
        candidates = _halving(plan, data, fits)
    comparison = _on_folds(plan, data, candidates, fits)
    chosen = max(
        candidates, key=lambda name: np.nan_to_num(comparison.scores[name].mean(), nan=-np.inf)
    )
    say(f"Training {chosen!r} on all {len(data.train)} samples that are not set aside.")
    model = _fit(_kept(candidates[chosen], fits), data)
    held_out = _on_held_out(plan, data, chosen, model) if len(data.test) else None
    found = _results(plan, comparison, held_out, chosen)
    write_files(plan, data, model, comparison, held_out, found)
    return found


def _kept(model: Any, fits: Path) -> Any:
    """A copy of a model whose nets keep checkpoints."""
    model = clone(model)
    for name, value in model.get_params(deep=True).items():
        if name.rpartition("__")[2] == "checkpoint" and value is None:
            model.set_params(**{name: fits})
    return model


def _splitter(plan: Plan, data: TrainingData, y: Any) -> Any:
    """Folds of whole simulations, or of samples where each is one."""
    n_folds = plan.settings["n_folds"]
    if data.groups is not None:
        n_groups = len(np.unique(data.groups[data.train]))
        if n_groups < n_folds:
            raise CommandError(
                f"{plan.config.where('split')}: {n_groups} simulations are left for n_folds = "
                f"{n_folds}. Take fewer folds, or set fewer aside."
            )
        return GroupKFold(n_folds)
    kind = StratifiedKFold if is_classifier(plan.model) and np.ndim(y) == 1 else KFold
    return kind(n_folds, shuffle=True, random_state=plan.seed)


def _rows(values: Any, rows: np.ndarray) -> Any:
    return None if values is None else values[rows]


def _halving(plan: Plan, data: TrainingData, fits: Path) -> dict[str, Any]:
    """The best choice of parameters by successive halving over epochs."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    model = _kept(plan.model, fits)
    epochs = [key for key in model.get_params() if key.rpartition("__")[2] == "max_epochs"]
    if len(epochs) != 1:
        raise CommandError(
            f"{plan.config.where('search')}.method 'halving' gives more epochs to better nets, and "
            f"the pipeline has {len(epochs)} parameters max_epochs. Take method = 'grid'."
        )
    X, y = data.bunch.maps[data.train], data.bunch.target[data.train]
    say(f"Halving {len(plan.candidates)} candidates.")
    search = HalvingGridSearchCV(
        model,
        plan.settings["grid"],
        resource=epochs[0],
        min_resources=plan.settings["min_epochs"],
        max_resources=model.get_params()[epochs[0]],
        cv=list(_splitter(plan, data, y).split(X, y, _rows(data.groups, data.train))),
        scoring=plan.settings["scoring"],
        n_jobs=plan.settings["n_jobs"],
        random_state=plan.seed,
        refit=False,
        error_score="raise",
    )
    search.fit(X, y)
    name = choice_name({k: v for k, v in search.best_params_.items() if k != epochs[0]})
    return {name: plan.candidates[name]}


def _on_folds(plan: Plan, data: TrainingData, candidates: dict[str, Any], fits: Path) -> Comparison:
    """Scores of all candidates on the same folds, beside mean and summary statistics."""
    X, y = data.bunch.maps[data.train], data.bunch.target[data.train]
    n_folds, settings = plan.settings["n_folds"], plan.settings
    named = {name: _kept(one, fits) for name, one in (candidates | plan.others).items()}
    beside = "the mean and summary statistics" if settings["summary"] else "the mean"
    say(f"Comparing {', '.join(named)} with {beside} on {n_folds} folds.")
    try:
        return compare(
            named,
            X,
            y,
            groups=_rows(data.groups, data.train),
            cv=_splitter(plan, data, y),
            scoring=settings["scoring"],
            summary=settings["summary"],
            n_jobs=settings["n_jobs"],
            random_state=plan.seed,
            checkpoint=fits,
            error_score="raise",
            verbose=int(is_terminal()),
        )
    except (ValueError, TypeError, ArithmeticError) as error:
        raise CommandError(f"The comparison failed: {error}") from error


def _fit(model: Any, data: TrainingData) -> Any:
    """The model of all samples that are not set aside."""
    X = data.bunch.maps[data.train]
    if not takes_lazy_maps(model):
        X = np.asarray(X)
    if is_terminal():
        for name in model.get_params(deep=True):
            if name.rpartition("__")[2] == "verbose" and hasattr(_owner(model, name), "net"):
                model.set_params(**{name: 1})
    y = data.bunch.target[data.train]
    model.fit(X, y, **fit_params(model, data.groups, data.train))
    for name in model.get_params(deep=True):
        if name.rpartition("__")[2] == "checkpoint":
            model.set_params(**{name: None})
    return model


def _owner(model: Any, name: str) -> Any:
    """The estimator that has a parameter."""
    path = name.rpartition("__")[0]
    return model.get_params(deep=True)[path] if path else model


def _on_held_out(plan: Plan, data: TrainingData, chosen: str, model: Any) -> Comparison:
    """Scores of the model on what was set aside, beside the baselines fitted on the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        return compare(
            {chosen: FrozenEstimator(model)},
            data.bunch.maps,
            data.bunch.target,
            groups=data.groups,
            cv=[(data.train, data.test)],
            scoring=plan.settings["scoring"],
            summary=plan.settings["summary"],
            random_state=plan.seed,
            error_score="raise",
        )


def _results(
    plan: Plan, comparison: Comparison, held_out: Comparison | None, chosen: str
) -> dict[str, Any]:
    """Scores as JSON has them."""
    columns = [f"{plan.settings['n_folds']} folds"]
    if held_out is not None:
        n = held_out.n_groups
        columns.append(f"held out, {n} group{'s' * (n != 1)}")
    rows = []
    for name in comparison.names:
        folds = comparison.scores[name]
        row: dict[str, Any] = {"candidate": name, columns[0]: _number(folds.mean())}
        row[f"{columns[0]} spread"] = _number(folds.std())
        if held_out is not None and name in held_out.names:
            row[columns[1]] = _number(held_out.score(name))
        rows.append(row)
    words = comparison.verdict()
    if len(plan.candidates) > 1:
        words += f"\n{chosen!r} was chosen by these folds, which flatters it a little" + (
            "; the score on what was held out does not." if held_out is not None else "."
        )
    return {
        "scoring": comparison.scoring,
        "chosen": chosen,
        "columns": columns,
        "scores": rows,
        "verdict": words,
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
