"""Sections of a model card."""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import Bunch

import skastro

from ._markdown import bullets, scores_table, table
from ._walk import components

_PACKAGES = ("numpy", "scikit-learn", "torch")
_TRAINING = (
    "loss optimizer lr weight_decay schedule batch_size max_epochs early_stopping patience "
    "validation_fraction augmentation average_symmetries precision normalize_y random_state"
)
TITLE = "# Model card"
_LENGTH = 4000  # letters of a model's text
_N_CANDIDATES = 5
_TITLES = {
    "loss": "Losses",
    "maps": "Maps of the held-out data",
    "recovery": "Predictions against truths of the held-out data",
    "confusion": "Confusion of the held-out data",
    "fields": "A predicted field of the held-out data",
}


def sections(
    model: Any,
    record: Any,
    name: str,
    measured: dict[str, Any] | None,
    shown: Mapping[str, str],
) -> str:
    """Put the card together.

    Parameters
    ----------
    model : estimator
        The fitted model.
    record : TrainingRecord
        What it was trained on.
    name : str
        Name of the file that has the model, without its ending.
    measured : dict or None
        Scores on held-out data.
    shown : dict of str to str
        Names of pictures by what they show.

    Returns
    -------
    str
        Markdown.
    """
    found: dict[str, list[str | None]] = {
        "Model": [*_model(model)],
        "Training data": _training_data(record),
        "Training": [*_training(model, record), *_shown(shown, "loss")],
        "Scores": [
            *_scores(record, measured),
            *_shown(shown, "recovery", "confusion", "fields"),
        ],
        "Limits": [*_limits(model, record)],
        "Use": [*_use(model, record, name), *_shown(shown, "maps")],
        "Notes": [record.notes],
    }
    parts = [f"{TITLE}: {name}"]
    for title, texts in found.items():
        kept = [text for text in texts if text]
        if kept:
            parts += [f"## {title}", *kept]
    return "\n\n".join(parts) + "\n"


def _shown(shown: Mapping[str, str], *which: str) -> list[str]:
    return [f"![{_TITLES[one]}]({shown[one]})" for one in which if one in shown]


def _model(model: Any) -> list[str]:
    try:
        text = model.__repr__(N_CHAR_MAX=_LENGTH)
    except TypeError:
        text = repr(model)
    task = "classification" if is_classifier(model) else "regression"
    task = task if is_classifier(model) or is_regressor(model) else "transformation of maps"
    weights = [count for _, part in components(model) if (count := _n_weights(part))]
    versions = {"skastro": skastro.__version__, "Python": platform.python_version()}
    versions |= {package: _version(package) for package in _PACKAGES}
    return [
        f"```python\n{text}\n```",
        bullets(
            [
                ("task", task),
                ("nets", len(weights) if len(weights) > 1 else None),
                ("weights", sum(weights) or None),
                ("card written with", ", ".join(f"{key} {versions[key]}" for key in versions)),
            ]
        ),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def _n_weights(part: Any) -> int:
    net = getattr(part, "net_", None)
    module = getattr(net, "module_", None)
    return 0 if module is None else sum(weight.numel() for weight in module.parameters())


def _training_data(record: Any) -> list[str | None]:
    if record.n_samples is None:
        shape = record.sample_shape
        known = "" if shape is None else f" It takes maps of shape `{shape}`."
        return [f"Not known: the model was saved without its training data.{known}"]
    box, cell = (_lengths(one) for one in (record.box_size, record.cell_size))
    read = f" ({record.n_maps_read:,} of them read for the ranges)"
    partly = record.n_maps_read is not None and record.n_maps_read < record.n_samples
    groups = None if record.n_groups is None else f"{record.n_groups:,}, hash {record.groups_hash}"
    facts = [
        *(record.origin or {}).items(),
        ("maps", f"{record.n_samples:,}{read if partly else ''}"),
        ("simulations", groups),
        ("shape of a map", record.sample_shape and f"`{record.sample_shape}`"),
        ("redshift", record.redshift and _range(record.redshift)),
        ("box", box and f"{box} comoving Mpc"),
        ("cell", cell and f"{cell} comoving Mpc"),
    ]
    targets = [[key, *ends] for key, ends in (record.target_range or {}).items()]
    return [
        bullets(facts),
        table(
            ["field", "unit", "frame", "least", "greatest", "mean of a map", "std within a map"],
            list(_channel_rows(record)),
        ),
        table(["target", "least", "greatest"], targets),
        _classes(record),
    ]


def _classes(record: Any) -> str:
    """The classes, with their names where these are others."""
    if record.classes is None:
        return ""
    classes = [str(one) for one in record.classes]
    if record.target_names and record.target_names != tuple(classes):
        pairs = zip(classes, record.target_names, strict=True)
        classes = [f"{one} ({name})" for one, name in pairs]
    return f"Classes: {', '.join(classes)}"


def _channel_rows(record: Any) -> Iterator[list[Any]]:
    """A row for each channel, the first few where there are many."""
    ranges, statistics = record.value_range or (), record.statistics or {}
    for i in range(min(len(ranges), 16)):
        names, units, frames = (
            _of_channel(values, i, len(ranges))
            for values in (record.field_names, record.units, record.frames)
        )
        of_maps = [_range(statistics[key][i]) for key in ("mean", "std") if key in statistics]
        unit = "dimensionless" if units == "" else units
        yield [names or f"channel {i}", unit, frames, *ranges[i], *of_maps]


def _of_channel(values: Any, i: int, n_channels: int) -> Any:
    if values is None or len(values) not in (1, n_channels):
        return None
    return values[i if len(values) == n_channels else 0]


def _range(ends: Any) -> str:
    low, high = ends
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _lengths(value: Any) -> str | None:
    if value is None:
        return None
    return " x ".join(f"{length:.4g}" for length in np.atleast_1d(value).tolist())


def _training(model: Any, record: Any) -> list[str]:
    nets = [(name, part) for name, part in components(model) if hasattr(part, "history_")]
    rows = []
    for name, part in nets:
        last = part.history_[-1] if part.history_ else {}
        losses = [last.get("train_loss"), last.get("valid_loss")]
        rows.append([name or type(part).__name__, len(part.history_), *losses, _n_weights(part)])
    params: dict[str, Any] = {}
    for _, part in nets:
        given = part.get_params(deep=False)
        for key in _TRAINING.split():
            if given.get(key) is not None and given[key] is not False:
                params.setdefault(key, []).append(_short(given[key]))
    settings = [(key, ", ".join(dict.fromkeys(values))) for key, values in params.items()]
    return [
        table(["net", "epochs", "training loss", "validation loss", "weights"], rows[:16]),
        bullets(settings),
        bullets([("adds or removes", one) for one in record.noise or ()]),
        *_search(model, record),
    ]


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"`{text if len(text) < 200 else text[:200] + '...'}`"


def _search(model: Any, record: Any) -> list[str]:
    """The best candidates of a search, or what the record says of it."""
    results = next(
        (part.cv_results_ for _, part in components(model) if hasattr(part, "cv_results_")), None
    )
    if results is None or not {"params", "rank_test_score"} <= set(results):
        if record.search is None:
            return []
        best = [(key, f"`{value}`") for key, value in record.search["best_params"].items()]
        return [
            "Chosen by a search over its parameters:",
            bullets([*best, ("score", record.search["best_score"])]),
        ]
    order = np.argsort(results["rank_test_score"], kind="stable")[:_N_CANDIDATES]
    rows = [
        [
            ", ".join(f"{key}={value!r}" for key, value in results["params"][i].items()),
            float(results["mean_test_score"][i]),
            float(results["std_test_score"][i]),
        ]
        for i in order
    ]
    n_candidates = len(results["params"])
    return [
        f"Chosen by a search over {n_candidates:,} candidates, the best of which were:",
        table(["parameters", "mean score", "spread over folds"], rows),
    ]


def _scores(record: Any, measured: dict[str, Any] | None) -> list[str]:
    texts = [] if record.scores is None else [scores_table(record.scores)]
    if measured is not None:
        texts += ["On held-out data:", scores_table(measured)]
    return texts


def _limits(model: Any, record: Any) -> list[str]:
    limits = []
    if record.statistics is not None:
        limits.append(
            "Maps of other fields, units, redshifts or cells than those above are not what it "
            "has learned. `load` and `predict` warn of them (`TrainingRangeWarning`); they do not "
            "see every difference, such as a factor of two between units."
        )
    else:
        limits.append(
            "The ranges of its training are not known, so that nothing warns of maps that are "
            "unlike them. Save the model with `data` for this."
        )
    if record.target_range:
        ends = ", ".join(f"{key} {_range(ends)}" for key, ends in record.target_range.items())
        limits.append(
            f"It was trained on targets in these ranges alone: {ends}. Beyond them it extrapolates,"
            f" and near their ends predictions are drawn towards the middle."
        )
    if is_classifier(model):
        limits.append(
            "It answers with one of its classes, also where a map is of none. Its probabilities "
            "need not be calibrated."
        )
    if record.groups is not None:
        limits.append(
            "Scores count only on other simulations than those that it was trained on, which "
            "`model.training_record_.trained_on(groups)` tells."
        )
    if record.noise:
        limits.append(
            "Noise and beams are part of the model, see above: maps are given to it without them "
            "where a step acts in predict, and with their own where it acts in fit alone."
        )
    return ["\n".join(f"- {limit}" for limit in limits)]


def _use(model: Any, record: Any, name: str) -> list[str]:
    shape = record.sample_shape
    what = "maps" if shape is None else f"maps of shape {('n_samples', *shape)}".replace("'", "")
    lines = [f"import {module}" for module in _modules(model)]
    supervised = hasattr(model, "predict")
    lines.append(f"from skastro.persistence import load{', predict' if supervised else ''}")
    lines += ["", f'model = load("{name}.skastro")']
    lines.append(f"# data: a Bunch with maps and what is known of them, or {what}")
    if supervised:
        lines.append("y = predict(model, data)")
    else:
        lines[-1] = f"# {what}"
        lines.append("transformed = model.transform(maps)")
    return ["```python\n" + "\n".join(lines) + "\n```"]


def _modules(model: Any) -> list[str]:
    """Modules of the user that have to be imported before the model is loaded."""
    parts = [part for _, part in components(model)]
    parts += [part.net for part in parts if hasattr(part, "net")]
    modules = {type(part).__module__ for part in parts if not isinstance(part, Bunch)}
    known = {"builtins", "functools", "numpy", "skastro", "sklearn", "__main__"}
    return sorted(module for module in modules if module.partition(".")[0] not in known)
