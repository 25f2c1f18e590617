"""What a training leaves in its folder: model, card, figures and tables."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..model_selection import Comparison
from ..utils import replacing
from ._console import complain
from ._plan import Plan
from ._train import MODEL, row_words
from ._train_data import TrainingData


def write_files(
    plan: Plan,
    data: TrainingData,
    model: Any,
    comparison: Comparison,
    held_out: Comparison | None,
    found: dict[str, Any],
) -> None:
    """Write tables and figures, and then the model with its card."""
    from ..persistence import card, load, save

    folder = plan.output
    _write(folder / "scores.csv", _csv(found))
    _write(folder / "scores.md", _markdown(found))
    if plan.settings["figures"]:
        try:
            import matplotlib as mpl
        except ImportError:
            complain("warning", "no figures without Matplotlib: pip install 'skastro[plot]'")
        else:
            with mpl.rc_context({"backend": "agg"}):
                _draw(folder, data, model, comparison, found["chosen"])
    scoring = comparison.scoring
    scores: dict[str, Any] = {
        name: {f"{scoring} on folds": comparison.scores[name]} for name in comparison.names
    }
    if held_out is not None:
        for name in held_out.names:
            scores[name][f"{scoring} on held-out data"] = held_out.score(name)
    path = save(model, folder / MODEL, data=data.part(data.train), scores=scores, with_card=False)
    beside = data.part(data.test) if len(data.test) else None
    card(load(path), path.with_suffix(".md"), data=beside)


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def _csv(found: dict[str, Any]) -> str:
    columns = list(dict.fromkeys(key for row in found["scores"] for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(found["scores"])
    return text.getvalue()


def _markdown(found: dict[str, Any]) -> str:
    lines = [
        f"| {found['scoring']} | {' | '.join(found['columns'])} |",
        f"|---|{'---|' * len(found['columns'])}",
    ]
    lines += [f"| {' | '.join(row_words(row, found['columns']))} |" for row in found["scores"]]
    return "\n".join([*lines, "", found["verdict"], ""])


def _draw(
    folder: Path, data: TrainingData, model: Any, comparison: Comparison, chosen: str
) -> None:
    """Draw the scores, and predictions on the folds against the truth."""
    from ..inspection import ComparisonDisplay

    display = ComparisonDisplay.from_comparison(comparison)
    _save(display.figure_, folder / "comparison.png")
    rows, predicted = comparison.out_of_fold(chosen)
    _draw_predictions(folder, data, data.train[rows], predicted, is_classifier(model))


def _draw_predictions(
    folder: Path, data: TrainingData, rows: np.ndarray, predicted: np.ndarray, classes: bool
) -> None:
    """Draw what was predicted for simulations that were not trained on."""
    names = data.bunch.get("target_names")
    if np.ndim(data.bunch.target) > 2:
        from ..inspection import FieldDisplay

        truth = data.bunch.target[rows[:1]]
        display = FieldDisplay.from_predictions(truth, predicted[:1])
        _save(display.figure_, folder / "fields.png")
        return
    truth = np.asarray(data.bunch.target)[rows]
    if classes:
        _save(_confusion(truth, predicted, names), folder / "confusion.png")
        return
    from ..inspection import ParameterRecoveryDisplay

    groups = None if data.groups is None else data.groups[rows]
    recovery = ParameterRecoveryDisplay.from_predictions(
        truth, predicted, groups=groups, target_names=names
    )
    _save(recovery.figure_, folder / "recovery.png")


def _confusion(truth: np.ndarray, predicted: np.ndarray, names: Any) -> Any:
    """Which class is taken for which."""
    from ..inspection import ConfusionDisplay

    labels = np.unique(np.concatenate([truth, predicted]))
    numbered = names is not None and labels.dtype.kind in "iu" and labels.max() < len(names)
    shown = [str(names[label] if numbered else label) for label in labels]
    return ConfusionDisplay.from_predictions(
        truth, predicted, labels=labels, display_labels=shown
    ).figure_


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=150)
    plt.close(figure)
