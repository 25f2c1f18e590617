"""Curves of the loss over the epochs of training."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


class LossCurveDisplay:
    """Training and validation loss against epoch, of one run or several.

    Made by `from_estimator`; the curves are kept, and `plot` draws them.

    Parameters
    ----------
    histories : dict of str to list of dict
        For each run its name and its history: dictionaries with ``epoch``, ``train_loss``
        and, where there was validation, ``valid_loss``.
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

    See Also
    --------
    skastro.neural_network.CNNClassifier : Keeps its history.

    Examples
    --------
    >>> from skastro.inspection import LossCurveDisplay
    >>> history = [{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.5}]
    >>> display = LossCurveDisplay({"CNN": history}).plot()
    >>> display.ax_.get_xlabel()
    'epoch'
    """

    def __init__(self, histories, *, loss_name="loss"):
        self.histories = histories
        self.loss_name = loss_name

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, log=False):
        """Draw the loss of fitted estimators.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            A fitted `CNNClassifier` or `CNNRegressor`, or a pipeline or slice estimator
            around one; or several by name.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure.
        log : bool, default=False
            Whether the loss is drawn on a logarithmic axis.

        Returns
        -------
        LossCurveDisplay
            The display.

        Raises
        ------
        ValueError
            If an estimator keeps no history.
        NotFittedError
            If an estimator is not fitted.
        """
        runs = estimator if isinstance(estimator, dict) else {"": estimator}
        fitted = {name: _trained(run) for name, run in runs.items()}
        losses = {run.loss for run in fitted.values() if isinstance(run.loss, str)}
        name = losses.pop().replace("_", " ") if len(losses) == 1 else "loss"
        if any(getattr(run, "target_scaler_", None) is not None for run in fitted.values()):
            name += " (normalized targets)"
        histories = {label: run.history_ for label, run in fitted.items()}
        return cls(histories, loss_name=name).plot(ax=ax, log=log)

    def plot(self, ax=None, *, log=False):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure.
        log : bool, default=False
            Whether the loss is drawn on a logarithmic axis.

        Returns
        -------
        LossCurveDisplay
            The display.
        """
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.lines_ = []
        for i, (name, history) in enumerate(self.histories.items()):
            for key, style, label in (
                ("train_loss", "-", "training"),
                ("valid_loss", "--", "validation"),
            ):
                recorded = [epoch for epoch in history if key in epoch]
                if not recorded:
                    continue
                self.lines_ += ax.plot(
                    [epoch["epoch"] for epoch in recorded],
                    [epoch[key] for epoch in recorded],
                    style,
                    color=f"C{i}",
                    label=f"{name}, {label}" if name else label,
                )
        ax.set(xlabel="epoch", ylabel=self.loss_name, yscale="log" if log else "linear")
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if len(self.histories) > 1:
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        else:
            ax.legend(frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _trained(estimator):
    """The estimator with a history inside pipelines and slice estimators."""
    check_is_fitted(estimator)
    while not hasattr(estimator, "history_"):
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "estimator_"):
            estimator = estimator.estimator_
        else:
            raise ValueError(
                f"LossCurveDisplay takes estimators that keep a history_, such as CNNClassifier, "
                f"or pipelines around them; got {estimator!r}."
            )
    return estimator
