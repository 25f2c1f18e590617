"""How many cells of a map have which value."""

from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Literal

import numpy as np

from ..maps import checked_chunks
from ..utils import as_numpy, is_torch, like, namespace
from ..utils._params import DIM, Interval, StrOptions
from ..utils._typing import ArrayLike
from ._base import MapStatistic


class VoxelHistogram(MapStatistic):
    """Histogram of the values of the cells of each map: its one-point function.

    In line-intensity maps it is the classical statistic of the luminosity function
    [1]_: unlike a power spectrum it sees how bright the brightest cells are. An arbitrary place
    of a source does not enter it.

    Parameters
    ----------
    bins : int or array-like of shape (n_bins + 1,), default=32
        Number of bins into which `value_range` is cut, or their edges, increasing. Bins hold their
        lower edge; the last one holds its upper edge too, as ``numpy.histogram`` has it.
    value_range : pair of (float or None), default=(None, None)
        Least and greatest value of the bins where `bins` is a number. None takes the least
        and the greatest value of the training maps, with ``binning="log"`` the least one above
        zero; lazy maps are read for that.
    binning : {"linear", "log"}, default="linear"
        Whether bins are equally wide in the value or its logarithm, where `bins` is a number. For
        signal and noise of both signs let `skastro.preprocessing.SignedLog` go before, or give
        edges.
    overflow : bool, default=True
        Whether cells below the first edge and above the last one are counted, in two
        bins more. Else they are in none.
    by_channel : bool, default=True
        Whether each channel has a histogram of its own, rather than one for all cells.
    log : bool, default=False
        Whether to return log10(1 + count), which suits a linear model.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    edges_ : ndarray of shape (n_bins + 1,)
        Edges of the bins.
    n_histograms_ : int
        Histograms of a map: as many as channels, or one.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PowerSpectrum : The two-point function.
    Moments : Mean, standard deviation, skewness and kurtosis.

    References
    ----------
    .. [1] P. C. Breysse, E. D. Kovetz, P. S. Behroozi, L. Dai, M. Kamionkowski, "Insights from
       probability distribution functions of intensity maps", MNRAS 467, 2996 (2017),
       arXiv:1609.01728.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.statistics import VoxelHistogram
    >>> maps = np.array([[[0.0, 1.0], [2.0, 9.0]], [[3.0, 3.0], [4.0, 5.0]]])
    >>> histogram = VoxelHistogram(bins=[0, 2, 4, 5]).fit(maps)
    >>> histogram.transform(maps)
    array([[0., 2., 1., 0., 1.],
           [0., 0., 2., 2., 0.]])
    >>> histogram.get_feature_names_out()
    array(['n(0) < 0', 'n(0) 0..2', 'n(0) 2..4', 'n(0) 4..5', 'n(0) > 5'], dtype=object)
    """

    _parameter_constraints = {
        "bins": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "value_range": ["array-like"],
        "binning": [StrOptions({"linear", "log"})],
        "overflow": ["boolean"],
        "by_channel": ["boolean"],
        "log": ["boolean"],
        "dim": DIM,
    }

    def __init__(
        self,
        bins: ArrayLike = 32,
        *,
        value_range: Sequence[float | None] = (None, None),
        binning: Literal["linear", "log"] = "linear",
        overflow: bool = True,
        by_channel: bool = True,
        log: bool = False,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.bins = bins
        self.value_range = value_range
        self.binning = binning
        self.overflow = overflow
        self.by_channel = by_channel
        self.log = log
        self.dim = dim

    def _prepare(self, layout):
        self.n_histograms_ = layout.n_channels if self.by_channel else 1

    def _learn(self, X):
        if isinstance(self.bins, Integral):
            low, high = self._range(X)
            spaced = np.geomspace if self.binning == "log" else np.linspace
            self.edges_ = spaced(low, high, self.bins + 1)
        else:
            self.edges_ = self._given_edges()

    def _given_edges(self):
        try:
            edges = np.asarray(self.bins, dtype=np.float64)
        except (TypeError, ValueError):
            edges = np.array([np.nan])
        if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
            raise ValueError(
                f"The 'bins' parameter of VoxelHistogram must be an int of at least 1, or two or "
                f"more increasing edges. Got {self.bins!r} instead."
            )
        return edges

    def _range(self, X):
        """Ends of the bins, those given or those of the training maps."""
        given = list(self.value_range)
        numbers = [value for value in given if value is not None]
        is_log = self.binning == "log"
        if (
            len(given) != 2
            or not all(isinstance(v, Real) and np.isfinite(v) for v in numbers)
            or (is_log and any(v <= 0 for v in numbers))
            or (len(numbers) == 2 and numbers[0] >= numbers[1])
        ):
            kind = "above zero, as binning='log' asks, " if is_log else ""
            raise ValueError(
                f"The 'value_range' parameter of VoxelHistogram must be an increasing pair of "
                f"finite numbers, {kind}or None in place of one. Got {self.value_range!r} instead."
            )
        if None not in given:
            return given
        extremes = self._extremes(X)
        pairs = zip(given, extremes, strict=True)
        low, high = (learned if value is None else value for value, learned in pairs)
        if low == high and not numbers:
            return (low / 2, 2 * low) if is_log else (low - 0.5, low + 0.5)
        if not low < high < np.inf:
            raise ValueError(
                f"VoxelHistogram(value_range={self.value_range!r}, binning={self.binning!r}) "
                f"finds no range: the training maps would have it from {low:g} to {high:g}. Give "
                f"both ends, or edges as 'bins'."
            )
        return low, high

    def _extremes(self, X):
        """Least and greatest value of maps; of those above zero where bins are logarithmic."""
        low, high = np.inf, -np.inf
        for chunk in checked_chunks(X, type(self).__name__, self.dim):
            values = as_numpy(chunk)
            counted = values > 0 if self.binning == "log" else True
            low = min(low, float(values.min(where=counted, initial=np.inf)))
            high = max(high, float(values.max(where=counted, initial=-np.inf)))
        return low, high

    def _extractor(self):
        n_bins = len(self.edges_) - 1
        n_histograms = self.n_histograms_

        def extract(batch):
            xp = namespace(batch)
            values = batch.reshape(len(batch), n_histograms, -1)
            edges = like(self.edges_, batch)
            if is_torch(batch):
                found = xp.bucketize(values, edges, right=True)
            else:
                found = np.searchsorted(edges, values, side="right")
            found = found - xp.where(values == edges[-1], 1, 0)
            row = like(np.arange(len(batch) * n_histograms), batch).reshape(len(batch), -1, 1)
            place = (row * (n_bins + 2)).astype(int) if xp is np else (row * (n_bins + 2)).long()
            n_places = len(batch) * n_histograms * (n_bins + 2)
            counts = xp.bincount((found + place).reshape(-1), minlength=n_places)
            counts = counts.reshape(len(batch), n_histograms, n_bins + 2)
            if not self.overflow:
                counts = counts[..., 1:-1]
            counts = counts.reshape(len(batch), -1)
            counts = counts.astype(np.float64) if xp is np else counts.double()
            return xp.log10(1 + counts) if self.log else counts

        return extract

    def _names(self):
        edges = self._labels()
        names = [f"{low}..{high}" for low, high in pairwise(edges)]
        if self.overflow:
            names = [f"< {edges[0]}", *names, f"> {edges[-1]}"]
        kind = "log10(1+n)" if self.log else "n"
        owners = [f"({i})" for i in range(self.n_histograms_)] if self.by_channel else [""]
        return [f"{kind}{owner} {name}" for owner in owners for name in names]

    def _labels(self):
        labels, digits = [], 2
        while len(set(labels)) < len(self.edges_):
            digits += 1
            labels = [f"{edge:.{digits}g}" for edge in self.edges_]
        return labels
