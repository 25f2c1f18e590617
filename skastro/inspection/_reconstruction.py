"""Maps beside what a code keeps of them."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..exceptions import MapShapeError
from ..maps import LazyMaps
from ..utils import as_numpy, map_layout
from ._panels import check_number

_ROWS = ("map", "reconstruction", "difference")
_BLUE = "#0072B2"


class ReconstructionDisplay:
    """Maps, what is made of their codes, and the difference, a column for each sample.

    Made by `from_estimator`; the numbers are kept, and `plot` draws them. Of a cube the central
    slice across its last axis is drawn, and of a signal a curve. Maps and reconstructions have
    one scale of colours, from the least to the greatest value of the maps that are drawn; curves
    have that of both. Differences, reconstruction minus map, have one symmetric about zero.

    Parameters
    ----------
    maps : array-like of shape (n_samples, [n_channels,] *spatial)
        Maps.
    reconstructions : array-like of the same shape
        What their codes give back.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (3, n_samples)
        The panels: maps, reconstructions and differences.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    images_ : list of matplotlib.image.AxesImage
        The pictures, row by row; the first spatial axis goes to the right, the second up. Empty
        for signals.
    lines_ : list of matplotlib.lines.Line2D
        The curves, row by row; empty for maps and cubes.
    colorbars_ : list of matplotlib.colorbar.Colorbar
        The scales of values and of differences; empty for signals.
    errors_ : ndarray of shape (n_samples,)
        Mean squared differences over all cells of the channel, those of a cube that are not
        drawn among them; they are the titles of the columns.

    See Also
    --------
    skastro.decomposition.ConvAutoencoder : Makes codes and gives maps back.
    skastro.decomposition.MapPCA : The same by principal components.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import ReconstructionDisplay
    >>> maps = np.random.default_rng(0).normal(size=(3, 16, 16))
    >>> display = ReconstructionDisplay(maps, 0.5 * maps).plot()
    >>> display.axes_.shape
    (3, 3)
    """

    def __init__(self, maps, reconstructions, *, dim=None):
        self.maps = maps
        self.reconstructions = reconstructions
        self.dim = dim

    @classmethod
    def from_estimator(cls, estimator, X, *, n_samples=4, channel=0, label=None):
        """Draw what a fitted transformer keeps of maps.

        Parameters
        ----------
        estimator : transformer
            A fitted `ConvAutoencoder` or `MapPCA`, a pipeline that ends in one, or whatever has
            ``transform`` and ``inverse_transform`` back to maps.
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps, best such that were not trained on; the first ones are drawn.
        n_samples : int, default=4
            Most samples to draw.
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What is drawn, and its unit, written beside the scales.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        ValueError
            If `n_samples` or `channel` is out of its range.
        MapShapeError
            If what comes back has not the shape of the maps.
        NotFittedError
            If the estimator is not fitted.
        """
        for method in ("transform", "inverse_transform"):
            if not hasattr(estimator, method):
                raise TypeError(
                    f"{cls.__name__} takes a transformer with transform and inverse_transform, "
                    f"such as ConvAutoencoder or MapPCA; got {estimator!r}."
                )
        check_is_fitted(estimator)
        check_number(cls.__name__, "n_samples", n_samples, 1)
        X = np.asarray(X[:n_samples]) if isinstance(X, LazyMaps) else as_numpy(X)
        maps = np.asarray(X)[:n_samples]
        back = np.asarray(estimator.inverse_transform(estimator.transform(maps)))
        display = cls(maps, back, dim=_dim(estimator))
        return display.plot(channel=channel, label=label)

    def plot(self, *, channel=0, label=None):
        """Draw the panels.

        Parameters
        ----------
        channel : int, default=0
            Channel to draw.
        label : str, default=None
            What is drawn, and its unit, written beside the scales.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        ValueError
            If `channel` is out of its range.
        MapShapeError
            If maps and reconstructions have not the same shape, or none of maps.
        """
        import matplotlib.pyplot as plt

        maps, back = self._of_channel(channel)
        n_samples, dim = len(maps), maps.ndim - 1
        errors = ((back - maps) ** 2).reshape(n_samples, -1).mean(axis=1)
        if dim == 3:
            maps, back = (cubes[..., cubes.shape[-1] // 2] for cubes in (maps, back))
        self.errors_, self.images_, self.lines_, self.colorbars_ = errors, [], [], []
        height = 1.6 if dim > 1 else 1.2
        self.figure_, self.axes_ = plt.subplots(
            3,
            n_samples,
            figsize=(1.7 * n_samples + 1.1, 3 * height + 0.5),
            squeeze=False,
            sharex=True,
            layout="constrained",
        )
        differences = back - maps
        limit = np.abs(differences).max() or 1.0
        shown = maps if dim > 1 else np.stack([maps, back])
        low, high = shown.min(), shown.max()
        scales = [("viridis", low, high)] * 2 + [("RdBu_r", -limit, limit)]
        for row, values in enumerate((maps, back, differences)):
            for panel, sample in zip(self.axes_[row], values, strict=True):
                self._draw(panel, sample, *scales[row])
            self.axes_[row, 0].set_ylabel(_ROWS[row], fontsize=9)
        for panel, error in zip(self.axes_[0], errors, strict=True):
            panel.set_title(f"MSE {error:.2g}", fontsize=9)
        if dim > 1:
            for first, last in ((0, 2), (2, 3)):
                image = self.images_[first * n_samples]
                bar = self.figure_.colorbar(image, ax=self.axes_[first:last].ravel().tolist())
                bar.ax.tick_params(labelsize=7)
                if label is not None:
                    bar.set_label(label, fontsize=8)
                self.colorbars_.append(bar)
        elif label is not None:
            self.figure_.supylabel(label, fontsize=9)
        return self

    def _of_channel(self, channel):
        """One channel of maps and reconstructions, in float64."""
        owner = type(self).__name__
        maps, back = (
            np.asarray(values, dtype=np.float64) for values in (self.maps, self.reconstructions)
        )
        if maps.shape != back.shape:
            raise MapShapeError(
                f"{owner} takes reconstructions of the shape of the maps, {maps.shape}; got "
                f"{back.shape}. Let inverse_transform give back maps."
            )
        layout = map_layout(maps.shape, self.dim, owner)
        check_number(owner, "channel", channel, 0, layout.n_channels - 1)
        shape = (len(maps), *layout.map_shape)
        return maps.reshape(shape)[:, channel], back.reshape(shape)[:, channel]

    def _draw(self, panel, values, cmap, low, high):
        """Draw a map, first axis to the right and second axis up, or a curve."""
        if values.ndim == 1:
            self.lines_ += panel.plot(values, color=_BLUE, lw=0.9)
            margin = 0.05 * (high - low) or 1.0
            panel.set_ylim(low - margin, high + margin)
            panel.tick_params(labelsize=7)
            return
        image = panel.imshow(
            values.T, origin="lower", cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
        )
        panel.set(xticks=[], yticks=[])
        self.images_.append(image)


def _dim(estimator):
    """Number of spatial axes that an estimator, or the first step that has one, was told."""
    if hasattr(estimator, "best_estimator_"):
        return _dim(estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        return next((dim for _, step in estimator.steps if (dim := _dim(step)) is not None), None)
    return getattr(estimator, "dim", None)
