"""A predicted field beside the true one."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..datasets._checks import check_switch, message
from ..utils._typing import Maps, MapsLike, QuantityLike, UnitLike
from ._field_arrays import check_cells, check_counts, field_dim, read_channel, shape_of
from ._field_panels import MINUS, draw_cross, draw_slice, scores, words_of
from ._field_slices import AXES, Box, box_lengths, center_of_mass, check_center, check_mass
from ._looks import BLUE, COLUMN
from ._panels import AxesLike, make_panels
from ._pictures import symmetric_limit

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

_SIZES = {1: (COLUMN, 2.8), 2: (COLUMN, 1.95), 3: (COLUMN, 4.9)}  # inches


class FieldDisplay:
    """Truth, prediction and error of a field side by side.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws one
    sample of them. A cube has three rows, the slices across its first, second and third axis
    through its centre of mass; a map has one row; of a signal, truth and prediction are drawn
    over each other, and below them the error. The spatial axes are x, y and z in the order of
    the array, and of the two axes of a slice the earlier one goes to the right. Thin lines
    on the truths are where the other two slices are.

    Truth and prediction have one scale of colours: from 0 to 1 if all drawn values are in that
    range and there is no unit, as of fractions, else from the least to the greatest. That of the
    error, prediction minus truth, is symmetric about zero.

    Parameters
    ----------
    y_true : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        True fields. Of lazy maps only the sample that is drawn is read.
    y_pred : array-like, torch.Tensor or LazyMaps of the same shape, with or without channels
        Predicted fields.
    mass : array-like or LazyMaps of shape (n_samples, [1,] *spatial), default=None
        Masses or densities, such as that of the gas, whose centre cubes are cut through. None
        takes the middle of the box.
    field_name : str, default=None
        What the field is, such as "ionized fraction".
    unit : str or astropy unit, default=None
        Its unit; None for numbers without one.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box in Mpc: one number where all axes have equally many cells, else one for
        each axis. None numbers the cells.
    periodic : bool, default=True
        Whether the box is periodic. The centre of mass along an axis is then the mean direction
        on a circle, which does not depend on where the box begins.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c. Cubes without an axis of
        channels need ``dim=3``.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        The panels, of shape (3, 3) for cubes, (1, 3) for maps: columns are truth, prediction and
        error. Of shape (2, 1) for signals.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The pictures, row by row; empty for signals.
    lines_ : list of matplotlib.lines.Line2D
        The curves of truth, prediction and error; empty for maps and cubes.
    marks_ : list of matplotlib.lines.Line2D
        Where a cube is cut: two lines for each truth, first the upright one.
    colorbars_ : list of matplotlib.colorbar.Colorbar
        Scales of values and of errors, in a figure that `plot` made; empty for signals.
    center_ : tuple of int or None
        The cell through which a cube is cut.
    r2_, rmse_ : ndarray of shape (n_rows,)
        Coefficient of determination and root-mean-square error over the cells of each row; the
        former is NaN where the truth is constant.
    field_r2_, field_rmse_ : float
        The same over all cells of the field, those of a cube that are not drawn among them.

    See Also
    --------
    IonizationHistoryDisplay : The mean of fields against redshift.
    FieldSpectraDisplay : Agreement by scale.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import FieldDisplay
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(size=(2, 8, 8, 8))
    >>> display = FieldDisplay.from_predictions(y_true, 0.5 * y_true, box_size=20.0, dim=3)
    >>> display.axes_.shape, display.center_
    ((3, 3), (4, 4, 4))
    """

    def __init__(
        self,
        y_true: MapsLike,
        y_pred: MapsLike,
        *,
        mass: MapsLike | None = None,
        field_name: str | None = None,
        unit: UnitLike | None = None,
        box_size: ArrayLike | QuantityLike | None = None,
        periodic: bool = True,
        dim: int | None = None,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.mass = mass
        self.field_name = field_name
        self.unit = unit
        self.box_size = box_size
        self.periodic = periodic
        self.dim = dim

    @classmethod
    def from_predictions(
        cls,
        y_true: MapsLike,
        y_pred: MapsLike,
        *,
        sample: int = 0,
        channel: int | None = None,
        center: Sequence[int] | None = None,
        cmap: str = "viridis",
        ax: AxesLike = None,
        **of: Any,
    ) -> FieldDisplay:
        """Draw one sample of predictions.

        Parameters
        ----------
        y_true : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            True fields.
        y_pred : array-like, torch.Tensor or LazyMaps of the same shape, with or without channels
            Predicted fields.
        sample : int, default=0
            Which sample; negative numbers count from the end.
        channel : int, default=None
            Which channel of the fields; None takes the only one.
        center : tuple of int, default=None
            Cell through which a cube is cut, in place of the centre of mass.
        cmap : str, default="viridis"
            Colours of truth and prediction.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, nine for cubes, three for maps and two for signals, row by row;
            None makes a figure.
        **of : object
            Further parameters of the class: `mass`, `field_name`, `unit`, `box_size`, `periodic`
            and `dim`.

        Returns
        -------
        FieldDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, or fields hold NaN.
        """
        display = cls(y_true, y_pred, **of)
        return display.plot(ax, sample=sample, channel=channel, center=center, cmap=cmap)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Maps,
        y: Maps,
        *,
        sample: int = 0,
        mass: int | Maps | None = None,
        channel: int | None = None,
        center: Sequence[int] | None = None,
        cmap: str = "viridis",
        ax: AxesLike = None,
        **of: Any,
    ) -> FieldDisplay:
        """Draw what a fitted regressor of fields makes of one sample.

        Parameters
        ----------
        estimator : estimator
            A fitted regressor that predicts fields, or a pipeline or search that ends in one.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best those of a test set. Only the sample that is drawn is predicted.
        y : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            True fields.
        sample : int, default=0
            Which sample; negative numbers count from the end.
        mass : int, or array-like or LazyMaps of shape (n_samples, [1,] *spatial), default=None
            Masses or densities whose centre cubes are cut through, or the number of the channel
            of `X` that has them. None takes the middle of the box.
        channel : int, default=None
            Which channel of the fields; None takes the only one.
        center : tuple of int, default=None
            Cell through which a cube is cut, in place of the centre of mass.
        cmap : str, default="viridis"
            Colours of truth and prediction.
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into; None makes a figure.
        **of : object
            Further parameters of the class: `field_name`, `unit`, `box_size`, `periodic` and
            `dim`. By default `dim` is that of the estimator, or 3 where `X` has five axes.

        Returns
        -------
        FieldDisplay
            The display, of this one sample.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, or fields hold NaN.
        """
        sample = _check_sample(cls.__name__, sample, shape_of(X)[0])
        one = slice(sample, sample + 1)
        if of.get("dim") is None:
            of["dim"] = field_dim(estimator, X)
        X = X[one]
        if isinstance(mass, Integral) and not isinstance(mass, bool):
            mass = read_channel(cls.__name__, "X", X, slice(0, 1), mass, of["dim"])
        elif mass is not None:
            mass = cast(Maps, mass)[one]
        return cls.from_predictions(
            y[one],
            estimator.predict(X),
            mass=mass,
            channel=channel,
            center=center,
            cmap=cmap,
            ax=ax,
            **of,
        )

    def plot(
        self,
        ax: AxesLike = None,
        *,
        sample: int = 0,
        channel: int | None = None,
        center: Sequence[int] | None = None,
        cmap: str = "viridis",
    ) -> FieldDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of matplotlib.axes.Axes, default=None
            Axes to draw into, nine for cubes, three for maps and two for signals, row by row;
            None makes a figure.
        sample : int, default=0
            Which sample; negative numbers count from the end.
        channel : int, default=None
            Which channel of the fields; None takes the only one.
        center : tuple of int, default=None
            Cell through which a cube is cut, in place of the centre of mass.
        cmap : str, default="viridis"
            Colours of truth and prediction.

        Returns
        -------
        FieldDisplay
            The display.

        Raises
        ------
        MapShapeError
            If shapes are none of fields, or do not fit each other.
        ValueError
            If a parameter is out of its range, or fields hold NaN.
        """
        owner = type(self).__name__
        check_counts(owner, self.y_true, self.y_pred)
        sample = _check_sample(owner, sample, shape_of(self.y_true)[0])
        row = slice(sample, sample + 1)
        truth, prediction = (
            read_channel(owner, name, getattr(self, name), row, channel, self.dim)[0]
            for name in ("y_true", "y_pred")
        )
        check_cells(owner, truth.shape, prediction.shape)
        box = Box(truth.shape, box_lengths(owner, self.box_size, truth.shape))
        self.center_ = self._cut(truth.shape, row, center)
        self.images_: list[AxesImage] = []
        self.lines_: list[Line2D] = []
        self.marks_: list[Line2D] = []
        self.colorbars_: list[Colorbar] = []
        self.field_r2_, self.field_rmse_ = scores(truth, prediction)
        shape = {1: (2, 1), 2: (1, 3), 3: (3, 3)}[truth.ndim]
        size = _SIZES[truth.ndim]
        panels = make_panels(ax, shape[0] * shape[1], shape[1], lambda *_: size, owner, "panel")
        self.axes_, self.figure_ = panels.reshape(shape), panels[0].figure
        if truth.ndim == 1:
            self.r2_, self.rmse_ = np.array([self.field_r2_]), np.array([self.field_rmse_])
            self._draw_curves(truth, prediction, box)
            return self
        cuts = [(None, (0, 1))] if truth.ndim == 2 else [(0, (1, 2)), (1, (0, 2)), (2, (0, 1))]
        slices = [
            [field if cut is None else field.take(self.center_[cut], axis=cut) for cut, _ in cuts]
            for field in (truth, prediction)
        ]
        self.r2_, self.rmse_ = np.transpose([scores(*pair) for pair in zip(*slices, strict=True)])
        self._draw_pictures(slices, cuts, box, cmap)
        if ax is None:
            self._add_scales()
            if truth.ndim == 3:
                words = "   ".join(words_of(self.field_r2_, self.field_rmse_))
                self.figure_.suptitle(f"whole cube: {words}", fontsize=8)
        return self

    def _cut(self, spatial, row, center):
        """Cell through which a cube is cut; None for what is no cube."""
        owner = type(self).__name__
        check_switch(owner, "periodic", self.periodic)
        if len(spatial) != 3:
            if center is not None:
                words = f"None for fields of {len(spatial)} axes, which are drawn whole"
                raise ValueError(message(owner, "center", words, center))
            return None
        if center is not None:
            return check_center(owner, center, spatial)
        if self.mass is None:
            return tuple(size // 2 for size in spatial)
        mass = read_channel(owner, "mass", self.mass, row, None, 3)
        if not len(mass):
            words = "one field for each truth"
            raise ValueError(message(owner, "mass", words, shape_of(self.mass)))
        check_mass(owner, mass[0], spatial)
        return center_of_mass(mass[0], self.periodic)

    def _draw_pictures(self, slices, cuts, box, cmap):
        """Draw the slices, with their axes, scores and marks."""
        low, high = self._range(slices)
        errors = [prediction - truth for truth, prediction in zip(*slices, strict=True)]
        limit = symmetric_limit(np.concatenate([error.ravel() for error in errors]))
        scales = (cmap, low, high), (cmap, low, high), ("RdBu_r", -limit, limit)
        for row, (cut, across) in enumerate(cuts):
            place = " " if cut is None else f"{AXES[cut]} = {box.place(cut, self.center_[cut])}"
            heads = [place, *words_of(self.r2_[row], self.rmse_[row])]
            if row == 0:
                names = "truth", "prediction", "error"
                heads = [f"{name}\n{head}" for name, head in zip(names, heads, strict=True)]
            for column, values in enumerate((slices[0][row], slices[1][row], errors[row])):
                panel = self.axes_[row, column]
                self.images_.append(draw_slice(panel, values, box, across, *scales[column]))
                panel.set_title(heads[column], fontsize=7, pad=3)
                panel.tick_params(labelleft=column == 0)
            label = f"{AXES[across[1]]} [{box.unit}]"
            self.axes_[row, 0].set_ylabel(label, fontsize=7, labelpad=1)
            if cut is not None:
                at = [box.middle(axis, self.center_[axis]) for axis in across]
                self.marks_ += draw_cross(self.axes_[row, 0], *at)

    def _draw_curves(self, truth, prediction, box):
        """Draw a signal, and its error below."""
        upper, lower = self.axes_[:, 0]
        at = box.middle(0, np.arange(truth.size))
        self.lines_ += upper.plot(at, truth, color="black", lw=1.2, label="truth")
        self.lines_ += upper.plot(at, prediction, color=BLUE, lw=1.2, ls="--", label="prediction")
        self.lines_ += lower.plot(at, prediction - truth, color=BLUE, lw=1.0)
        lower.axhline(0, color="black", lw=0.8, zorder=1)
        limit = 1.08 * symmetric_limit(prediction - truth)
        lower.set_ylim(-limit, limit)
        upper.legend(fontsize=7, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
        words = words_of(self.field_r2_, self.field_rmse_)
        upper.set_title("\n".join(words), fontsize=7, loc="right")
        upper.set_ylabel(self._label("value"), fontsize=8)
        lower.set_ylabel(f"prediction {MINUS} truth", fontsize=8)
        lower.set_xlabel(f"x [{box.unit}]", fontsize=8)
        upper.tick_params(labelsize=7, labelbottom=False)
        lower.tick_params(labelsize=7)

    def _range(self, slices):
        """Scale of truth and prediction."""
        values = np.concatenate([part.ravel() for field in slices for part in field])
        low, high = float(values.min()), float(values.max())
        return (0.0, 1.0) if not self._unit() and low >= 0 and high <= 1 else (low, high)

    def _unit(self):
        """Unit of the field as text, empty for numbers without one."""
        return "" if self.unit is None else str(self.unit)

    def _label(self, default=None):
        """Name and unit of the field."""
        unit = self._unit()
        words = [self.field_name or default, f"[{unit}]" if unit else None]
        return " ".join(filter(None, words)) or None

    def _add_scales(self):
        """A bar below truth and prediction, and one below the error."""
        unit = self._unit()
        error = f"prediction {MINUS} truth" + (f"\n[{unit}]" if unit else "")
        for columns, label in ((slice(0, 2), self._label()), (slice(2, 3), error)):
            bar = self.figure_.colorbar(
                self.images_[columns.start],
                ax=self.axes_[:, columns].ravel().tolist(),
                location="bottom",
                aspect=30 if columns.start == 0 else 15,
                pad=0.02,
                shrink=0.95,
            )
            bar.ax.tick_params(labelsize=6, pad=2, length=2)
            bar.ax.locator_params(axis="x", nbins=6 if columns.start == 0 else 2)
            bar.ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", MINUS))
            if label is not None:
                bar.set_label(label, fontsize=7, labelpad=1)
            self.colorbars_.append(bar)


def _check_sample(owner, sample, n_samples):
    """Number of a sample, counted from the first."""
    whole = isinstance(sample, Integral) and not isinstance(sample, bool)
    if not whole or not -n_samples <= sample < n_samples:
        allowed = f"an int from {-n_samples} to {n_samples - 1}, for {n_samples} samples"
        raise ValueError(message(owner, "sample", allowed, sample))
    return int(sample) % n_samples
