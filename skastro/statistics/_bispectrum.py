"""Bispectra of maps: equilateral and isosceles triangles of wavenumbers."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np

from ..utils import like, namespace
from ..utils._modes import WINDOWS, bin_modes, box_lengths, window_transform
from ..utils._params import DIM, Interval, StrOptions
from ..utils._typing import ArrayLike
from ._base import MapStatistic
from ._shells import (
    bin_edges,
    check_cells,
    fluctuations,
    labels_of,
    no_modes,
    range_without_unit,
)
from ._triangles import TriangleSums, holds_triangles, transform

# Power below this share of the mean power of white noise of the map is rounding.
_ROUNDING = (32 * np.finfo(np.float64).eps) ** 2


class Bispectrum(MapStatistic):
    r"""Binned bispectra of the channels of maps, for equilateral or isosceles triangles.

    The box is periodic. With :math:`\delta_{\bf k}` the discrete Fourier transform of a
    channel, V the volume (area, length) of the box and N its number of cells,
    :math:`B(k_1, k_2, k_3) = \langle\delta_{{\bf k}_1} \delta_{{\bf k}_2}
    \delta_{{\bf k}_3}\rangle\, V^2 / N^3`, averaged over all triangles of modes,
    :math:`{\bf k}_1 + {\bf k}_2 + {\bf k}_3 = 0`, with a side in each of three bins of
    wavenumber. It is zero for a Gaussian field, which the power spectrum tells all about.
    Each channel has its own; bispectra across channels are not there.

    Parameters
    ----------
    n_bins : int, default=8
        Number of bins to cut `k_range` into. A bin that holds no mode is joined to the one
        below it: `k_` tells how many are left.
    configurations : {"isosceles", "equilateral"}, default="isosceles"
        Triangles with two sides in one bin and the third side in any bin that closes the
        triangle, the same one included; or with all sides in one bin.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box: one number where all axes have equally many cells, else one for
        each axis. k is then in 1/unit of it, with k = 2 pi / L, and B in its unit to the
        power 2 `dim` (times the cube of the unit of the maps). None takes cells of side 1.
    binning : {"log", "linear"}, default="log"
        Whether bins are equally wide in log k or in k.
    k_range : pair of (float or None), array-like or astropy Quantity, default=(None, None)
        Least and greatest wavenumber, both included. None takes 2 pi / L of the longest axis,
        and the least Nyquist wavenumber (pi / cell side) of the axes. A Quantity is converted
        to 1/unit of `box_size` where that is a Quantity too.
    reduced : bool, default=False
        Whether to return the reduced bispectrum :math:`Q = B / (P_1 P_2 + P_2 P_3 + P_3 P_1)`,
        with P the mean power of the same map in the bins of the sides. It is 0 where a bin
        holds no power.
    normalize : bool, default=False
        Whether each channel of each map is first divided by its mean, which gives the
        bispectrum of the contrast :math:`x / \bar x - 1`.
    window : {"ngp", "cic", "tsc"}, default=None
        Mass assignment (nearest cell, cloud in cell, triangular cloud) that painted the maps,
        to be divided out of each mode.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    k_ : ndarray of shape (n_k,)
        Mean wavenumber of the modes in each bin.
    k_edges_ : ndarray of shape (n_k + 1,)
        Edges of the bins. Bins hold their lower edge; the last one holds its upper edge too.
    n_modes_ : ndarray of shape (n_k,)
        Modes in each bin, counting k and -k.
    bins_ : ndarray of shape (n_triangles, 3)
        Bins of the three sides of each configuration, of which the first two are equal. The
        features are these, channel after channel.
    triangles_ : ndarray of shape (n_triangles, 3)
        Mean length of the three sides over the triangles of each configuration.
    n_triangles_ : ndarray of shape (n_triangles,)
        Triangles that are averaged: ordered triples of modes, so that one triangle counts for
        each order of its sides that the bins allow, and again with all signs turned.
    n_channels_ : int
        Number of channels in fit.
    lengths_ : ndarray of shape (dim,)
        Length of the box along each axis.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    Raises
    ------
    ValueError
        In fit, if bins are so narrow or `k_range` such that no triangle closes.

    See Also
    --------
    PowerSpectrum : The same for pairs of modes.
    Moments : The skewness, which is an integral of the bispectrum.

    Notes
    -----
    The sums over triangles are products of fields that hold the modes of one bin alone [1]_
    [2]_ [3]_. On the grid of the map such a product also has triples of modes that close
    through its periodic images in Fourier space, where a side is beyond 2/3 of the Nyquist
    wavenumber. Here modes are placed on a grid that exceeds the sum of the three largest wave
    numbers, up to 3/2 the cells of the map along an axis and fewer for bins of low k, on which
    there are none: up to the Nyquist wavenumber the sums are exact. Modes at it, whose sign a
    grid does not tell, are left out, and :math:`{\bf k}=0`, the mean of the map, too.

    For a Gaussian field the variance of B is :math:`s V P_1 P_2 P_3 / n`, with n of
    `n_triangles_` and s = 6 for equilateral and 2 for other triangles.

    Maps are rounded to float32, as everywhere in the library, and transformed in float64, a
    few channels at a time. Tensors are transformed by torch on their device, and gradients
    flow. In one dimension the third side is the sum of the two others, so that narrow bins hold
    few triangles; a signal of fewer than five cells holds none, and has no features. The bins of
    modes are not in a pickle; where they are missing, `transform` sorts modes again.

    References
    ----------
    .. [1] Scoccimarro, R. 2000, ApJ 544, 597, on the estimator.
    .. [2] Sefusatti, E. et al. 2016, MNRAS 460, 3624, on aliasing.
    .. [3] Watkinson, C. A. et al. 2017, MNRAS 472, 2436, on the epoch of reionization.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.statistics import Bispectrum
    >>> maps = np.random.default_rng(0).exponential(size=(100, 48, 48))
    >>> bispectrum = Bispectrum(
    ...     3, configurations="equilateral", box_size=24.0, binning="linear"
    ... ).fit(maps)
    >>> bispectrum.get_feature_names_out()[0]
    'B(0) k=1.53,1.53,1.53'
    >>> bispectrum.n_triangles_
    array([ 33372,  84768, 122952])

    White noise of skewness 2 has B = 2 times the square of the volume of a cell:

    >>> bispectrum.transform(maps).mean(0).round(2), 2 * 0.25**2
    (array([0.12, 0.12, 0.13]), 0.125)
    """

    _parameter_constraints = {
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "configurations": [StrOptions({"isosceles", "equilateral"})],
        "box_size": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "binning": [StrOptions({"log", "linear"})],
        "k_range": ["array-like"],
        "reduced": ["boolean"],
        "normalize": ["boolean"],
        "window": [StrOptions(set(WINDOWS)), None],
        "dim": DIM,
    }

    def __init__(
        self,
        n_bins: int = 8,
        *,
        configurations: Literal["isosceles", "equilateral"] = "isosceles",
        box_size: ArrayLike | None = None,
        binning: Literal["log", "linear"] = "log",
        k_range: Sequence[float | None] | ArrayLike = (None, None),
        reduced: bool = False,
        normalize: bool = False,
        window: Literal["ngp", "cic", "tsc"] | None = None,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.configurations = configurations
        self.box_size = box_size
        self.binning = binning
        self.k_range = k_range
        self.reduced = reduced
        self.normalize = normalize
        self.window = window
        self.dim = dim

    def _prepare(self, layout):
        owner, spatial = "Bispectrum", layout.spatial
        check_cells(owner, spatial)
        self._spatial = spatial
        self.n_channels_ = layout.n_channels
        self.lengths_ = box_lengths(owner, self.box_size, spatial)
        k_range = range_without_unit(owner, self.k_range, self.box_size)
        edges = bin_edges(owner, self.n_bins, self.binning, k_range, spatial, self.lengths_)
        if not holds_triangles(spatial):
            self._leave_empty(edges)
            return
        modes = bin_modes(spatial, self.lengths_, edges, nyquist=False)
        if modes is None:
            raise no_modes(owner, self.k_range, spatial, self.lengths_)
        self.k_, self.k_edges_, self.n_modes_ = modes.k, modes.edges, modes.n_modes
        sums = TriangleSums(spatial, modes)
        self.bins_, self.n_triangles_, self.triangles_ = sums.closing_triangles(
            self.lengths_, equilateral=self.configurations == "equilateral"
        )
        if not len(self.bins_):
            raise ValueError(
                f"Bispectrum(configurations={self.configurations!r}) found no triangle that "
                f"closes, of the {len(modes.k)} bins from k = {edges[0]:g} to {edges[-1]:g} of a "
                f"map of shape {spatial}. Take fewer 'n_bins', a wider 'k_range' or "
                f"configurations='isosceles'."
            )
        self._sums = sums

    def _leave_empty(self, edges):
        """A box too small for triangles has bins, and nothing in them."""
        self.k_, self.n_modes_ = np.empty(0), np.empty(0, dtype=np.int64)
        self.k_edges_ = edges[[0]]
        self.bins_ = np.empty((0, 3), dtype=np.int64)
        self.n_triangles_, self.triangles_ = np.empty(0, dtype=np.int64), np.empty((0, 3))

    def _sorted_modes(self):
        """Those of fit, or after unpickling others."""
        if "_sums" not in vars(self):
            modes = bin_modes(self._spatial, self.lengths_, self.k_edges_, nyquist=False)
            self._sums = TriangleSums(self._spatial, modes)
        return self._sums

    def __getstate__(self):
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_sums"}

    def _extractor(self):
        if not len(self.bins_):
            return lambda batch: batch.reshape(len(batch), -1)[:, :0]
        sums = self._sorted_modes()
        n_cells, volume = float(np.prod(self._spatial)), np.prod(self.lengths_)
        window = 1.0
        if self.window is not None:
            window = window_transform(self._spatial, self.window)[sums.modes.order]

        def extract(batch):
            delta, _ = fluctuations("Bispectrum", batch, self.normalize)
            rows = delta.reshape(-1, *self._spatial)
            xp = namespace(rows)
            found = []
            for start in range(0, len(rows), sums.n_rows):
                some = rows[start : start + sums.n_rows]
                modes = transform(some, sums.modes.order) / like(window, rows)
                B = sums.of(modes, self.bins_) * like(
                    volume**2 / n_cells**3 / self.n_triangles_, rows
                )
                found.append(self._reduced(B, modes, some, sums) if self.reduced else B)
            return xp.concatenate(found).reshape(len(batch), -1)

        return extract

    def _reduced(self, B, modes, rows, sums):
        """B over the sum of the products of spectra."""
        xp = namespace(rows)
        scale = np.prod(self.lengths_) / float(np.prod(self._spatial))
        P = sums.power(modes) * scale / float(np.prod(self._spatial))
        cells = rows.reshape(len(rows), -1)
        noise = _ROUNDING * scale * (cells * cells).mean(-1)[:, None]
        P = xp.where(noise < P, P, xp.zeros_like(P))
        first, third = P[:, self.bins_[:, 0]], P[:, self.bins_[:, 2]]
        product = first * first + 2 * first * third
        has_power = product > 0
        one = xp.ones_like(product)
        return xp.where(has_power, B / xp.where(has_power, product, one), 0 * one)

    def _names(self):
        labels = labels_of(self.k_)
        kind = "Q" if self.reduced else "B"
        return [
            f"{kind}({channel}) k={','.join(labels[side] for side in sides)}"
            for channel in range(self.n_channels_)
            for sides in self.bins_
        ]
