"""Confusion of many classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from sklearn.utils.multiclass import unique_labels

from ..datasets._checks import check_choice
from ..utils._typing import MapsLike
from ._looks import COLUMN, text_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCALES = {
    "true": "% of the true class",
    "pred": "% of the predicted class",
    "all": "% of all samples",
    "none": "samples",
}
_NUMBERED = 20  # most classes with a number in each cell, and with a label each
_LONGEST_LINE = 36  # letters of labels that a column has room for
_GREATEST, _LEAST, _LETTER = 7.0, 5.0, 0.68  # size of numbers in points, and width of a digit


class ConfusionDisplay:
    """Confusion of many classes, such as 17 redshifts, at the width of a column.

    Made by `from_predictions` or `from_estimator`; the counts are kept, and `plot` lets
    scikit-learn's ``ConfusionMatrixDisplay`` draw them, with numbers that fit their cells: percent
    without decimals, in the greatest size that has room, and none where they round to zero. Shares
    are of the true class, so that classes of different size compare, and the scale is from 0 to
    100%. The title has the accuracy and, of classes in an order, the share of the predictions that
    are off by one class at most.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Counts, or sums of weights: a row for each true class, a column for each predicted one.
    display_labels : array-like of shape (n_classes,), default=None
        Names of the classes, their numbers by default.
    class_name : str, default="class"
        What the classes are, and their unit, such as "redshift", for the axes.
    ordered : bool, default=False
        Whether classes are in an order, so that the next one is a lesser error.

    Attributes
    ----------
    im_ : matplotlib.image.AxesImage
        The cells.
    text_ : ndarray of shape (n_classes, n_classes), of matplotlib.text.Text, or None
        The numbers, empty where they round to zero; None where there are none at all.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        Their figure.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        Scale of the cells, if it is drawn.
    accuracy_ : float
        Share of the predictions that are right.
    adjacent_accuracy_ : float
        Share of those that are off by one class at most, in the order of the classes.

    See Also
    --------
    skastro.metrics.adjacent_accuracy_score : The share of predictions off by one at most.

    Examples
    --------
    >>> from skastro.inspection import ConfusionDisplay
    >>> display = ConfusionDisplay.from_predictions(
    ...     [6, 6, 7, 8, 8], [6, 7, 7, 8, 6], class_name="redshift", ordered=True
    ... )
    >>> display.ax_.get_title(loc="left")
    'accuracy 60%, within one class 80%\\n% of the true class'
    """

    def __init__(
        self,
        confusion_matrix: np.ndarray,
        *,
        display_labels: ArrayLike | None = None,
        class_name: str = "class",
        ordered: bool = False,
    ) -> None:
        self.confusion_matrix = confusion_matrix
        self.display_labels = display_labels
        self.class_name = class_name
        self.ordered = ordered

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MapsLike,
        y: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        display_labels: Sequence[str] | None = None,
        class_name: str = "class",
        ordered: bool = False,
        **look: Any,
    ) -> ConfusionDisplay:
        """Draw what a fitted classifier confuses.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a pipeline or search that ends in one.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like of shape (n_samples,)
            True classes.
        labels : array-like of shape (n_classes,), default=None
            Classes in their order; by default those of `y` and of the predictions, sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts for.
        display_labels : sequence of str, default=None
            Names of the classes; by default `labels`.
        class_name : str, default="class"
            What the classes are, for the axes.
        ordered : bool, default=False
            Whether classes are in an order.
        **look : object
            Parameters of `plot`, `ax` among them.

        Returns
        -------
        ConfusionDisplay
            The display.

        Raises
        ------
        ValueError
            If labels or parameters do not fit.
        """
        return cls.from_predictions(
            y,
            estimator.predict(X),
            labels=labels,
            sample_weight=sample_weight,
            display_labels=display_labels,
            class_name=class_name,
            ordered=ordered,
            **look,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        *,
        labels: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        display_labels: Sequence[str] | None = None,
        class_name: str = "class",
        ordered: bool = False,
        **look: Any,
    ) -> ConfusionDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True classes.
        y_pred : array-like of shape (n_samples,)
            Predicted classes.
        labels : array-like of shape (n_classes,), default=None
            Classes in their order; by default those that occur, sorted.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts for.
        display_labels : sequence of str, default=None
            Names of the classes; by default `labels`.
        class_name : str, default="class"
            What the classes are, for the axes.
        ordered : bool, default=False
            Whether classes are in an order.
        **look : object
            Parameters of `plot`, `ax` among them.

        Returns
        -------
        ConfusionDisplay
            The display.

        Raises
        ------
        ValueError
            If labels or parameters do not fit.
        """
        counts = confusion_matrix(y_true, y_pred, labels=labels, sample_weight=sample_weight)
        if display_labels is None:
            display_labels = unique_labels(y_true, y_pred) if labels is None else labels
        elif len(display_labels) != len(counts):
            raise ValueError(
                f"The 'display_labels' parameter of {cls.__name__} must be None or a name for each "
                f"of {len(counts)} classes. Got {len(display_labels)} names instead; give all "
                f"classes as 'labels' where some do not occur."
            )
        display = cls(counts, display_labels=display_labels, class_name=class_name, ordered=ordered)
        return display.plot(**look)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        normalize: str = "true",
        include_values: bool | None = None,
        colorbar: bool | None = None,
        cmap: str = "cividis",
    ) -> ConfusionDisplay:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure of the width of a column.
        normalize : {"true", "pred", "all", "none"}, default="true"
            What shares are of: the true class, the predicted one or all samples; "none" shows
            the counts themselves.
        include_values : bool, default=None
            Whether cells have numbers; by default where there are at most 20 classes.
        colorbar : bool, default=None
            Whether a colour bar is drawn; by default where cells have no numbers.
        cmap : str, default="cividis"
            Colours.

        Returns
        -------
        ConfusionDisplay
            The display.

        Raises
        ------
        ValueError
            If `normalize` is none of these, or the matrix is not square.
        """
        import matplotlib.pyplot as plt

        check_choice(type(self).__name__, "normalize", normalize, _SCALES)
        counts = self._counts()
        n_classes = len(counts)
        numbered = n_classes <= _NUMBERED if include_values is None else include_values
        scaled = colorbar if colorbar is not None else not numbered
        if ax is None:
            height = COLUMN - (0.4 if scaled else -0.1)
            _, ax = plt.subplots(figsize=(COLUMN, height), layout="constrained")
        values = _shares(counts, normalize)
        names = range(n_classes) if self.display_labels is None else self.display_labels
        labels = [str(name) for name in np.asarray(names)]
        upright = len(labels) * max(map(len, labels)) > _LONGEST_LINE
        drawn = ConfusionMatrixDisplay(values, display_labels=labels).plot(
            include_values=numbered,
            values_format=".0f",
            cmap=cmap,
            ax=ax,
            colorbar=scaled,
            xticks_rotation=90 if upright else 0,
            im_kw={"vmin": 0, "vmax": values.max() if normalize == "none" else 100},
        )
        self.ax_, self.figure_, self.im_, self.text_ = ax, ax.figure, drawn.im_, drawn.text_
        self.colorbar_ = drawn.im_.colorbar
        self._label(counts, labels, _SCALES[normalize])
        if numbered:
            self._fit_numbers()
        return self

    def _counts(self) -> np.ndarray:
        """The matrix, and the scores that it has."""
        counts = np.asarray(self.confusion_matrix, dtype=float)
        if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.sum() > 0:
            raise ValueError(
                f"The 'confusion_matrix' parameter of {type(self).__name__} must hold counts, not "
                f"all zero, of shape (n_classes, n_classes). Got an array of shape {counts.shape} "
                f"and sum {counts.sum():g} instead."
            )
        shares = [np.trace(counts, offset) / counts.sum() for offset in (-1, 0, 1)]
        self.accuracy_, self.adjacent_accuracy_ = float(shares[1]), float(sum(shares))
        return counts

    def _label(self, counts: np.ndarray, labels: list[str], scale: str) -> None:
        """Names of axes and classes, scores and what the colours are."""
        size = _GREATEST if len(counts) <= 12 else 6.0
        self.ax_.tick_params(labelsize=size, length=2, pad=2)
        every = -(-len(labels) // _NUMBERED)
        for axis in (self.ax_.xaxis, self.ax_.yaxis):
            axis.set_ticks(range(0, len(labels), every), labels[::every])
        self.ax_.set_xlabel(f"predicted {self.class_name}", fontsize=8)
        self.ax_.set_ylabel(f"true {self.class_name}", fontsize=8)
        title = f"accuracy {self.accuracy_:.0%}"
        if self.ordered and len(counts) > 2:
            title += f", within one class {self.adjacent_accuracy_:.0%}"
        if self.colorbar_ is not None:
            self.colorbar_.set_label(scale, fontsize=8)
            self.colorbar_.ax.tick_params(labelsize=7)
        else:
            title += f"\n{scale}"
        self.ax_.set_title(title, fontsize=7, loc="left")

    def _fit_numbers(self) -> None:
        """Take numbers away that round to zero, and let the others fill their cells."""
        self.figure_.draw_without_rendering()  # lays out the axes
        cell = self.ax_.get_window_extent().width / len(self.text_) * 72 / self.figure_.dpi
        for text in self.text_.flat:
            if text.get_text() == "0":
                text.set_text("")
        longest = max(len(text.get_text()) for text in self.text_.flat)
        size = np.clip(cell / (_LETTER * max(longest, 2)), _LEAST, _GREATEST)
        for text, value in zip(self.text_.flat, self.im_.get_array().flat, strict=True):
            text.set(fontsize=size, color=text_colour(self.im_.cmap(self.im_.norm(value))))


def _shares(counts: np.ndarray, normalize: str) -> np.ndarray:
    """Percent of a row, a column or the whole, zero where that is empty, or the counts."""
    if normalize == "none":
        return counts
    axis = {"true": 1, "pred": 0, "all": None}[normalize]
    whole = counts.sum(axis=axis, keepdims=True)
    return np.divide(100 * counts, whole, out=np.zeros_like(counts), where=whole > 0)
