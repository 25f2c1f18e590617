"""Predicted luminosity functions beside true ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ..datasets._checks import check_choice, message
from ..metrics._checks import check_floor, check_targets
from ..preprocessing._luminosity_function import check_edges, density_unit
from ..utils._luminosity import sources_above
from ..utils._typing import MapsLike
from ._looks import COLOURS, COLUMN, STYLES
from ._panels import AxesLike, make_panels

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D

_LABELS = {
    "dn": r"Sources per bin $\Delta N$",
    "cumulative": r"Sources $N(>L)$",
    "dn_dlogl": r"$\mathrm{d}n/\mathrm{d}\log_{10}L$ [Mpc$^{-3}$ dex$^{-1}$]",
    "phi": r"$\phi(L)$ [Mpc$^{-3}$ $L_\odot^{-1}$]",
}
_LEVELS = (0.95, 0.68)
_QUANTILES = {0.95: (0.025, 0.975), 0.68: (0.16, 0.84)}
_ALPHAS = {0.95: 0.12, 0.68: 0.18}
_FEW = 5
_RATIOS = np.array([0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000])


class LuminosityFunctionDisplay:
    r"""Predicted and true luminosity functions, and their ratio.

    Made by `from_predictions` or `from_estimator`; the numbers are kept, and `plot` draws
    them. Of many maps the median and the central 68% and 95% are drawn, bin by bin: of the truth
    as shades, of predictions as thin lines, of several methods without the 95%. Of five maps or
    fewer each curve is drawn, in a colour of its own if there is one method. The ratio is taken
    map by map, before its median.

    Parameters
    ----------
    y_true : array-like of shape (n_maps, n_bins) or (n_bins,)
        True counts of sources in bins of luminosity.
    y_pred : array-like of the same shape, or dict of str to array-like
        Predicted counts, or those of several methods by name.
    edges : array-like of shape (n_bins + 1,), default=None
        Edges of the bins in Lsun; None is ``np.logspace(3.5, 7, 50)``.
    kind : {"dn", "cumulative", "dn_dlogl", "phi"}, default="dn"
        What is drawn of the counts: themselves, the sources above the lower edge of each bin,
        or densities per dex or per Lsun; see
        `skastro.preprocessing.LuminosityFunctionTransformer`.
    volume : float, default=None
        Comoving Mpc^3 of a map, which "dn_dlogl" and "phi" need.
    floor : float, default=1.0
        Number of sources; fewer, or less than none, are drawn and divided as this number.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, of shape (2,)
        The panel of luminosity functions and that of ratios.
    figure_ : matplotlib.figure.Figure
        Figure with the panels.
    curves_ : dict of str to list of matplotlib.lines.Line2D
        Medians, or curves of the maps, of "truth" and of each method.
    ratios_ : dict of str to list of matplotlib.lines.Line2D
        The same of the ratio of each method to the truth.
    bands_ : dict of str to list of matplotlib.artist.Artist
        Shades of the truth, 95% and 68%, and lower and upper ends of each method, those of 68%
        last; empty for few maps.
    ratio_bands_ : dict of str to list of matplotlib.artist.Artist
        The same of the ratios: shades of one method, ends of several.

    See Also
    --------
    skastro.metrics.mean_squared_log10_error : The error as a number.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.inspection import LuminosityFunctionDisplay
    >>> rng = np.random.default_rng(0)
    >>> edges = np.logspace(4, 7, 16)
    >>> mean = 1e4 * rng.uniform(0.5, 2, size=(40, 1)) * (edges[:-1] / 1e4) ** -1.2
    >>> display = LuminosityFunctionDisplay.from_predictions(
    ...     rng.poisson(mean), mean, edges=edges, kind="cumulative"
    ... )
    >>> print(display.axes_[0].get_ylabel())
    Sources $N(>L)$
    """

    def __init__(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike | Mapping[str, ArrayLike],
        *,
        edges: ArrayLike | None = None,
        kind: str = "dn",
        volume: float | None = None,
        floor: float = 1.0,
    ) -> None:
        self.y_true = y_true
        self.y_pred = y_pred
        self.edges = edges
        self.kind = kind
        self.volume = volume
        self.floor = floor

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_pred: ArrayLike | Mapping[str, ArrayLike],
        *,
        edges: ArrayLike | None = None,
        kind: str = "dn",
        volume: float | None = None,
        floor: float = 1.0,
        ax: AxesLike = None,
    ) -> LuminosityFunctionDisplay:
        """Draw predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_maps, n_bins) or (n_bins,)
            True counts.
        y_pred : array-like of the same shape, or dict of str to array-like
            Predicted counts, or those of several methods by name.
        edges : array-like of shape (n_bins + 1,), default=None
            Edges of the bins in Lsun.
        kind : {"dn", "cumulative", "dn_dlogl", "phi"}, default="dn"
            What is drawn.
        volume : float, default=None
            Comoving Mpc^3 of a map.
        floor : float, default=1.0
            Number of sources below which this number is drawn.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for luminosity functions and ratios; None makes a figure.

        Returns
        -------
        LuminosityFunctionDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, edges, the floor or axes do not fit, or the volume is missing.
        """
        display = cls(y_true, y_pred, edges=edges, kind=kind, volume=volume, floor=floor)
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        X: MapsLike,
        y: ArrayLike,
        *,
        edges: ArrayLike | None = None,
        kind: str = "dn",
        volume: float | None = None,
        floor: float = 1.0,
        ax: AxesLike = None,
    ) -> LuminosityFunctionDisplay:
        """Draw what fitted regressors predict.

        Parameters
        ----------
        estimator : estimator, or dict of str to estimator
            A fitted regressor that predicts counts, such as scikit-learn's
            ``TransformedTargetRegressor`` around a network; or several by name.
        X : array-like or LazyMaps of shape (n_maps, [n_channels,] *spatial)
            Maps, best those of a test set.
        y : array-like of shape (n_maps, n_bins)
            True counts.
        edges : array-like of shape (n_bins + 1,), default=None
            Edges of the bins in Lsun.
        kind : {"dn", "cumulative", "dn_dlogl", "phi"}, default="dn"
            What is drawn.
        volume : float, default=None
            Comoving Mpc^3 of a map.
        floor : float, default=1.0
            Number of sources below which this number is drawn.
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for luminosity functions and ratios; None makes a figure.

        Returns
        -------
        LuminosityFunctionDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, edges, the floor or axes do not fit, or the volume is missing.
        """
        y_pred: Any
        if isinstance(estimator, Mapping):
            y_pred = {name: one.predict(X) for name, one in estimator.items()}
        else:
            y_pred = estimator.predict(X)
        return cls.from_predictions(
            y, y_pred, edges=edges, kind=kind, volume=volume, floor=floor, ax=ax
        )

    def plot(self, ax: AxesLike = None) -> LuminosityFunctionDisplay:
        """Draw the panels.

        Parameters
        ----------
        ax : array-like of two matplotlib.axes.Axes, default=None
            Axes for luminosity functions and ratios; None makes a figure.

        Returns
        -------
        LuminosityFunctionDisplay
            The display.

        Raises
        ------
        ValueError
            If shapes, edges, the floor or axes do not fit, or the volume is missing.
        """
        x, truth, predictions, unit = self._numbers()
        upper, lower = self._panels(ax)
        few, one = len(truth) <= _FEW, len(predictions) == 1
        each = COLOURS[: len(truth)] if few and one else ()
        self.curves_: dict[str, list[Line2D]] = {}
        self.bands_: dict[str, list[Artist]] = {}
        self.ratios_: dict[str, list[Line2D]] = {}
        self.ratio_bands_: dict[str, list[Artist]] = {}
        self.curves_["truth"], self.bands_["truth"] = _draw(
            upper, x, truth * unit, each or ("black",), "-", _LEVELS, shaded=True
        )
        levels = _LEVELS if one else _LEVELS[1:]
        for i, (name, values) in enumerate(predictions.items()):
            colours = each or (COLOURS[i % len(COLOURS)],)
            look = colours, STYLES[i % len(STYLES)], levels
            self.curves_[name], self.bands_[name] = _draw(
                upper, x, values * unit, *look, shaded=False
            )
            self.ratios_[name], self.ratio_bands_[name] = _draw(
                lower, x, values / truth, *look, shaded=one
            )
        (floor,) = upper.plot(x, self.floor * unit, color="0.5", lw=0.7, ls=":", zorder=1)
        lower.axhline(1, color="black", lw=0.8, zorder=1)
        self._label(upper, lower, few, bool(each), floor)
        return self

    def _numbers(self):
        """Luminosities, sources of the truth and of each method, and what one source is."""
        owner = type(self).__name__
        check_choice(owner, "kind", self.kind, _LABELS)
        check_floor(owner, self.floor)
        named = self.y_pred if isinstance(self.y_pred, Mapping) else {"prediction": self.y_pred}
        if not named or "truth" in named:
            words = "predictions, or a dict of some by names other than 'truth'"
            raise ValueError(message(owner, "y_pred", words, self.y_pred))
        predictions = {}
        for name, values in named.items():
            truth, predictions[name] = check_targets(
                owner, np.atleast_2d(self.y_true), np.atleast_2d(values)
            )
        edges = check_edges(owner, self.edges, truth.shape[1])
        unit = density_unit(owner, truth.shape[1], self.kind, edges, self.volume)
        cumulative = self.kind == "cumulative"
        x = edges[:-1] if cumulative else np.sqrt(edges[:-1] * edges[1:])

        def floored(counts):
            counts = np.maximum(counts, 0)
            return np.maximum(sources_above(counts) if cumulative else counts, self.floor)

        return x, floored(truth), {k: floored(v) for k, v in predictions.items()}, unit

    def _panels(self, ax):
        """The two axes, those given or those of a new figure."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(
                2,
                1,
                figsize=(COLUMN, 4.2),
                sharex=True,
                height_ratios=(2, 1),
                layout="constrained",
            )
        self.axes_ = make_panels(ax, 2, 1, None, type(self).__name__, "panel")
        self.figure_ = self.axes_[0].figure
        return self.axes_

    def _label(self, upper, lower, few, by_map, floor):
        """Scales, names and units of the axes, and the legend."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        handles = {}
        for name, (curve, *_) in self.curves_.items():
            handles[name] = curve
            if by_map:
                style = "-" if name == "truth" else STYLES[0]
                handles[name] = Line2D([], [], color="black", ls=style, lw=1.0)
            if name == "truth" and not few:
                for level in (0.68, 0.95):
                    shade = sum(alpha for of, alpha in _ALPHAS.items() if of >= level)
                    handles[f"truth, {level:.0%} of maps"] = Patch(fc="black", alpha=shade, lw=0)
        handles[f"floor, {self.floor:g} source{'s' * (self.floor != 1)}"] = floor
        upper.legend(
            handles.values(),
            handles.keys(),
            fontsize=7,
            loc="lower left",
            bbox_to_anchor=(0, 0.06),
            edgecolor="none",
            framealpha=0.3,
        )
        for panel in (upper, lower):
            panel.set(xscale="log", yscale="log")
            panel.tick_params(labelsize=8)
        upper.set_ylabel(_LABELS[self.kind], fontsize=9)
        lower.set_xlabel(r"Luminosity $L$ [$L_\odot$]", fontsize=9)
        lower.set_ylabel("Predicted / true", fontsize=9)
        reach = max(2.2, 1.1 * self._reach(few))
        lower.set_ylim(1 / reach, reach)
        lower.yaxis.set_major_locator(FixedLocator(_RATIOS))
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        lower.yaxis.set_minor_locator(NullLocator())

    def _reach(self, few):
        """Greatest factor between prediction and truth, that of most maps where they are many."""
        shown = [line for lines in self.ratios_.values() for line in lines]
        ratios = [line.get_ydata() for line in shown]
        if not few:
            for bands in self.ratio_bands_.values():
                ratios += _ends(bands)
        return np.exp(np.abs(np.log(np.concatenate(ratios))).max())


def _ends(bands):
    """Values at the ends of the innermost band."""
    if hasattr(bands[-1], "get_paths"):
        return [path.vertices[:, 1] for path in bands[-1].get_paths()]
    return [line.get_ydata() for line in bands[-2:]]


def _draw(panel, x, values, colours, style, levels, *, shaded):
    """Curves of few maps, or the median of many and the bands around it."""
    if len(values) <= _FEW:
        colours = [colours[i % len(colours)] for i in range(len(values))]
        return [
            panel.plot(x, each, color=colour, ls=style, lw=1.0, zorder=3)[0]
            for each, colour in zip(values, colours, strict=True)
        ], []
    (colour,) = colours
    bands = []
    for level in levels:
        low, high = np.quantile(values, _QUANTILES[level], axis=0)
        if shaded:
            alpha = _ALPHAS[level]
            bands.append(panel.fill_between(x, low, high, color=colour, alpha=alpha, lw=0))
        else:
            width = 0.8 if level == 0.68 else 0.5
            bands += panel.plot(x, low, x, high, color=colour, ls=style, lw=width, zorder=3)
    median = np.median(values, axis=0)
    return panel.plot(x, median, color=colour, ls=style, lw=1.6, zorder=4), bands
