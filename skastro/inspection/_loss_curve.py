"""Curves of the loss over the epochs of training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._looks import BLUE, COLOURS, COLUMN, MARKERS
from ._panels import set_log_axis
from ._wrapped import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History: TypeAlias = Sequence[Mapping[str, Any]]

_KINDS = {"train_loss": ("-", "training"), "valid_loss": ("--", "validation")}
_LONG = 22  # letters of a name that has a line of the legend to itself
_N_MARKERS = 8


class LossCurveDisplay:
    """Training and validation loss against epoch, of one run or several.

    Made by `from_estimator` or `from_history`; the curves are kept, and `plot` draws them. Runs
    differ in colour and marker; several of one name, such as the members of an ensemble or the
    fits of several folds, are thin lines that look the same. A run that was interrupted and taken
    up again has one history, and so one curve.

    Parameters
    ----------
    histories : dict of str to list of dict, or to list of such lists
        For each run its name and its history: dictionaries with ``epoch``, ``train_loss``
        and, where there was validation, ``valid_loss``. Several histories have one name as a list.
    loss_name : str, default="loss"
        Label of the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.
    lines_ : list of matplotlib.lines.Line2D
        The curves.
    legend_ : matplotlib.legend.Legend
        Names of the runs, and which lines are of training and of validation.

    See Also
    --------
    skastro.neural_network.CNNClassifier : Keeps its history.

    Examples
    --------
    >>> from skastro.inspection import LossCurveDisplay
    >>> history = [{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.5}]
    >>> display = LossCurveDisplay.from_history({"CNN": history})
    >>> display.ax_.get_xlabel()
    'epoch'
    """

    def __init__(
        self, histories: Mapping[str, History | Sequence[History]], *, loss_name: str = "loss"
    ) -> None:
        self.histories = histories
        self.loss_name = loss_name

    @classmethod
    def from_history(
        cls,
        history: History | Mapping[str, History | Sequence[History]],
        *,
        loss_name: str = "loss",
        ax: Axes | None = None,
        log: bool = False,
    ) -> LossCurveDisplay:
        """Draw histories, such as those that saved models or skorch nets have.

        Parameters
        ----------
        history : list of dict, or dict of str to such a list
            The epochs of a run, or those of several runs by name; see the class.
        loss_name : str, default="loss"
            Label of the vertical axis.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        log : bool, default=False
            Whether the loss is drawn on a logarithmic axis.

        Returns
        -------
        LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If no epoch has a loss, or a loss that is not above zero is to be drawn on a
            logarithmic axis.
        """
        histories = history if isinstance(history, Mapping) else {"": history}
        return cls(histories, loss_name=loss_name).plot(ax=ax, log=log)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator
        | Sequence[BaseEstimator]
        | Mapping[str, BaseEstimator | Sequence[BaseEstimator]],
        *,
        ax: Axes | None = None,
        log: bool = False,
    ) -> LossCurveDisplay:
        """Draw the loss of fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimator, or dict of str to one of these
            A fitted estimator that trains a net, such as `CNNClassifier`, or a pipeline, a search,
            an ensemble or another estimator around some; or a list of them, such as those of
            ``cross_validate(..., return_estimator=True)``; or several by name.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        log : bool, default=False
            Whether the loss is drawn on a logarithmic axis.

        Returns
        -------
        LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If an estimator keeps no history, or a loss that is not above zero is to be drawn on a
            logarithmic axis.
        NotFittedError
            If an estimator is not fitted.
        """
        named = estimator if isinstance(estimator, Mapping) else {"": estimator}
        runs = {name: list(_trained(given)) for name, given in named.items()}
        fitted = [run for of_name in runs.values() for run in of_name]
        losses = {run.loss for run in fitted if isinstance(run.loss, str)}
        name = losses.pop().replace("_", " ") if len(losses) == 1 else "loss"
        if any(getattr(run, "target_scaler_", None) is not None for run in fitted):
            name += " (normalized targets)"
        histories = {
            label: of_name[0].history_ if len(of_name) == 1 else [run.history_ for run in of_name]
            for label, of_name in runs.items()
        }
        return cls(histories, loss_name=name).plot(ax=ax, log=log)

    def plot(self, ax: Axes | None = None, *, log: bool = False) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        log : bool, default=False
            Whether the loss is drawn on a logarithmic axis.

        Returns
        -------
        LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If no epoch has a loss, or a loss that is not above zero is to be drawn on a
            logarithmic axis.
        """
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        curves = self._curves(log)
        given = ax is not None
        if ax is None:
            _, ax = plt.subplots(figsize=(COLUMN, 2.6), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_ = [
            ax.plot(epochs, losses, _KINDS[key][0], **self._look(name, epochs))[0]
            for name, key, epochs, losses in curves
        ]
        ax.set_xlabel("epoch", fontsize=8)
        ax.set_ylabel(self.loss_name, fontsize=8)
        if log:
            set_log_axis(ax, "y")
        ax.tick_params(labelsize=7)
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        self._add_legend({key for _, key, _, _ in curves}, given)
        return self

    def _curves(self, log: bool) -> list[tuple[str, str, list[int], list[float]]]:
        """Name, kind, epochs and losses of each line."""
        curves = []
        for name, history in self.histories.items():
            for run in _several(history):
                for key in _KINDS:
                    recorded = [epoch for epoch in run if key in epoch]
                    losses = [float(epoch[key]) for epoch in recorded]
                    if recorded:
                        curves.append((name, key, [epoch["epoch"] for epoch in recorded], losses))
                    if log and any(loss <= 0 for loss in losses):
                        raise ValueError(
                            f"LossCurveDisplay draws losses above zero on a logarithmic axis; "
                            f"{name or 'the run'} has {min(losses):g}. Set log=False."
                        )
        if not curves:
            raise ValueError(
                f"LossCurveDisplay takes epochs with {' or '.join(_KINDS)}; got "
                f"{self.histories!r}, without any."
            )
        return curves

    def _look(self, name: str, epochs: Sequence[int]) -> dict[str, Any]:
        """Colour, width and markers of a line."""
        at, several = list(self.histories).index(name), len(_several(self.histories[name])) > 1
        look: dict[str, Any] = {"color": COLOURS[at % len(COLOURS)], "lw": 0.8 if several else 1.2}
        look |= {"alpha": 0.7} if several else {}
        if len(self.histories) > 1 or len(epochs) == 1:
            every = max(1, -(-len(epochs) // _N_MARKERS))
            look |= {"marker": MARKERS[at % len(MARKERS)], "ms": 3, "markevery": every}
        return look

    def _add_legend(self, keys: set[str], given: bool) -> None:
        """Colours and markers of runs, and styles of training and validation."""
        from matplotlib.lines import Line2D

        names = [name for name in self.histories if name]
        handles = [Line2D([], [], label=name, **self._look(name, [1])) for name in names]
        colour = BLUE if len(self.histories) == 1 else "black"
        for key, (style, label) in _KINDS.items():
            if key in keys:
                handles.append(Line2D([], [], color=colour, ls=style, lw=1.2, label=label))
        if len(self.histories) == 1:
            for handle in handles:
                handle.set_marker("")
        long = max(map(len, names), default=0) > _LONG
        look = {"handles": handles, "fontsize": 7, "frameon": False}
        if given:
            self.legend_ = self.ax_.legend(**look)
        else:
            look["ncols"] = 1 if long else 2
            self.legend_ = self.figure_.legend(loc="outside upper center", **look)


def _several(history: Any) -> list[History]:
    """Histories of one name, of which there may be one."""
    one = not len(history) or isinstance(history[0], Mapping)
    return [history] if one else list(history)


def _trained(estimator: Any) -> Iterable[Any]:
    """The estimators with a history inside lists, pipelines, ensembles and others."""
    if isinstance(estimator, (list, tuple)):
        for one in estimator:
            yield from _trained(one)
        return
    check_is_fitted(estimator)
    inner = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else wrapped(estimator)
    if inner is None:
        inner = getattr(estimator, "estimators_", None)
    if hasattr(estimator, "history_"):
        yield estimator
    elif inner is None or isinstance(inner, str):
        raise ValueError(
            f"LossCurveDisplay takes estimators that keep a history_, such as CNNClassifier, "
            f"or pipelines, searches and ensembles of them; got {estimator!r}."
        )
    else:
        yield from _trained(inner)
