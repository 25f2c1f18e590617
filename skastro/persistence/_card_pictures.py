"""Pictures beside a model card."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..utils import as_numpy, replacing
from ._card_data import N_TARGETS, HeldOut
from ._record_made import channels_of
from ._statistics import sampled
from ._walk import first_component

_DPI, _N_BYTES = 150, 1 << 27
_N_MAPS, _N_CHANNELS, _N_CLASSES = 3, 4, 40
_SKEWED = 10.0


def pictures(model: Any, record: Any, path: Path, found: HeldOut | None) -> dict[str, str]:
    """Draw what a card shows, and write it beside the card.

    Parameters
    ----------
    model : estimator
        The fitted model.
    record : TrainingRecord
        What it was trained on.
    path : pathlib.Path
        The card.
    found : HeldOut or None
        Held-out data, and predictions for them.

    Returns
    -------
    dict of str to str
        Names of the files by what they show; none without matplotlib.
    """
    if find_spec("matplotlib") is None:
        return {}
    from matplotlib import pyplot as plt

    drawn = {"loss": _losses(record)}
    if found is not None:
        drawn |= {"maps": _maps(model, record, found), _name(found): _predictions(record, found)}
    names = {}
    for what, figure in drawn.items():
        if figure is not None:
            names[what] = f"{path.stem}_{what}.png"
            try:
                with replacing(path.with_name(names[what])) as file:
                    figure.savefig(file, dpi=_DPI, format="png")
            finally:
                plt.close(figure)
    return names


def _losses(record: Any) -> Any:
    """Losses of the nets, those of an ensemble in one figure."""
    from ..inspection import LossCurveDisplay

    histories = {name: epochs for name, epochs in (record.history or {}).items() if epochs}
    if not any(len(epochs) > 1 for epochs in histories.values()):
        return None
    members = list(histories.values())
    runs = {"": members[0] if len(members) == 1 else members}
    return LossCurveDisplay.from_history(runs).figure_


def _name(found: HeldOut) -> str:
    return {"classes": "confusion", "fields": "fields"}.get(found.kind or "", "recovery")


def _predictions(record: Any, found: HeldOut) -> Any:
    """Predictions against truths."""
    from ..inspection import ConfusionDisplay, FieldDisplay, ParameterRecoveryDisplay

    truth, pred = found.y_true, found.y_pred
    if truth is None or pred is None:
        return None
    if found.kind == "classes":
        if len(np.unique(truth)) > _N_CLASSES:
            return None
        names = dict(zip(record.classes or (), record.target_names or (), strict=False))
        classes = np.unique([truth, pred]).tolist()
        labels = [names[one] for one in classes] if names.keys() >= set(classes) else None
        return ConfusionDisplay.from_predictions(truth, pred, display_labels=labels).figure_
    if found.kind == "fields":
        channels = truth.ndim - 1 > len(found.data["maps"].shape) - 2
        dim = truth.ndim - 1 - (channels and truth.ndim > 3)
        return FieldDisplay.from_predictions(truth, pred, dim=min(dim, 3)).figure_
    truth, pred = (one.reshape(len(one), -1) for one in (truth, pred))
    if truth.shape[1] > N_TARGETS:
        return None
    names = record.target_names
    names = names if names and len(names) == truth.shape[1] else None
    return ParameterRecoveryDisplay.from_predictions(truth, pred, target_names=names).figure_


def _maps(model: Any, record: Any, found: HeldOut) -> Any:
    """The first, the middle and the last map, a row for each channel."""
    from ..inspection._panels import make_panels
    from ..inspection._pictures import add_colorbar, draw_picture, picture

    rows = sampled(found.data["maps"], _N_BYTES, most=_N_MAPS)
    some = np.asarray(as_numpy(found.data["maps"][rows]))
    n_channels = channels_of(first_component(model), some.shape[1:], record.field_names)
    has_channels = n_channels > 1 or (some.ndim > 3 and some.shape[1] == 1)
    channels = some if has_channels else some[:, None]
    if channels.ndim - 2 not in (1, 2, 3):
        return None
    n_rows, n_columns = min(n_channels, _N_CHANNELS), len(some)
    panels = make_panels(
        None, n_rows * n_columns, n_columns, lambda r, c: (1.9 * c + 0.8, 1.8 * r), "card", "map"
    ).reshape(n_rows, n_columns)
    for i in range(n_rows):
        label = record.field_names[i] if record.field_names else f"channel {i}"
        unit = record.units[i % len(record.units)] if record.units else None
        values = channels[:, i]
        low, high = np.quantile(values, [0.01, 0.99])
        if values.min() > 0 and high > _SKEWED * low:
            values, (low, high), label = np.log10(values), np.log10([low, high]), f"log10 {label}"
        for panel, one in zip(panels[i], values, strict=True):
            image = draw_picture(panel, picture(one), "viridis", low, high)
        if channels.ndim > 3:
            label = f"{label}\n[{unit}]" if unit else label
            bar = add_colorbar(image, panels[i], label, shrink=0.9)
            bar.ax.yaxis.get_offset_text().set_size(7)
    return panels[0, 0].figure
