"""Mean, standard deviation, skewness and kurtosis of maps."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal

import numpy as np

from ..exceptions import MapShapeError
from ..utils import namespace
from ..utils._modes import box_lengths, floats, unitless
from ..utils._params import DIM, Interval, StrOptions
from ..utils._smoothing import smoothed, within
from ..utils._typing import ArrayLike
from ._base import MapStatistic
from ._shells import labels_of

_NAMES = {1: "mean", 2: "std", 3: "skewness", 4: "kurtosis"}


class Moments(MapStatistic):
    r"""Mean, standard deviation, skewness and kurtosis of each channel of each map.

    With :math:`m_q` the mean of :math:`(x - \bar x)^q` over the cells of a channel, the
    features are :math:`\bar x`, :math:`\sqrt{m_2}`, :math:`m_3 / m_2^{3/2}` and the excess
    :math:`m_4 / m_2^2 - 3`, which is zero for a Gaussian field. They are what a power spectrum
    does not see, and with it make a baseline for a network.

    Parameters
    ----------
    orders : sequence of int, default=(1, 2, 3, 4)
        Which of them: 1 is the mean, 2 the standard deviation, 3 the skewness and 4 the
        excess kurtosis.
    scales : array-like of shape (n_scales,) or astropy Quantity, default=None
        Radii to smooth the maps to, as averages around each cell, before the moments are taken:
        in cells, or in the unit of `box_size` where this is given, of at most half the box. 0
        leaves maps as they are, and so does None, without a name of a scale.
    window : {"gaussian", "top_hat"}, default="gaussian"
        Weights of the cells around: a Gaussian with the scale as its standard deviation, as far
        as four of them, or equal ones of all cells whose centres are within the scale.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box: one number where all axes have equally many cells, else one for
        each axis. None takes cells of side 1.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    n_channels_ : int
        Number of channels in fit.
    scales_ : ndarray of shape (n_scales,)
        Scales, in the unit of `box_size`; a 0 where `scales` is None.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PowerSpectrum : The variance, scale by scale.
    Bispectrum : What the skewness sums up, triangle by triangle.
    skastro.preprocessing.SmoothedCopies : The smoothed maps themselves.

    Notes
    -----
    A channel whose cells are all equal has skewness and kurtosis 0.

    Maps are smoothed in a periodic box, by Fourier transforms in float64. The features are those
    of the first channel at each scale in turn, then those of the next channel. Smoothing leaves
    the mean as it is.

    Maps are rounded to float32, as everywhere in the library; sums over them are float64. Of
    fluctuations below 1e-7 of the mean nothing is left, so subtract such a mean first.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.statistics import Moments
    >>> maps = np.random.default_rng(0).exponential(size=(5, 2, 256, 256))
    >>> moments = Moments(orders=[1, 2, 3]).fit(maps)
    >>> moments.get_feature_names_out()
    array(['mean(0)', 'std(0)', 'skewness(0)', 'mean(1)', 'std(1)', 'skewness(1)'], dtype=object)
    >>> moments.transform(maps)[0, :3].round(1)
    array([1., 1., 2.])

    Sums of many cells are closer to Gaussian:

    >>> smooth = Moments([3], scales=[0, 1, 4], box_size=[256, 256]).fit(maps)
    >>> smooth.get_feature_names_out()[:3]
    array(['skewness(0) R=0', 'skewness(0) R=1', 'skewness(0) R=4'], dtype=object)
    >>> smooth.transform(maps).mean(axis=0)[:3].round(1)
    array([2. , 0.8, 0.1])
    """

    _parameter_constraints = {
        "orders": ["array-like"],
        "scales": ["array-like", None],
        "window": [StrOptions({"gaussian", "top_hat"})],
        "box_size": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "dim": DIM,
    }

    def __init__(
        self,
        orders: Sequence[int] = (1, 2, 3, 4),
        *,
        scales: ArrayLike | None = None,
        window: Literal["gaussian", "top_hat"] = "gaussian",
        box_size: ArrayLike | None = None,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.orders = orders
        self.scales = scales
        self.window = window
        self.box_size = box_size
        self.dim = dim

    def _prepare(self, layout):
        orders = list(self.orders)
        if not orders or not set(orders) <= _NAMES.keys() or len(set(orders)) < len(orders):
            raise ValueError(
                f"The 'orders' parameter of Moments must be one or more of 1, 2, 3 and 4, each "
                f"once. Got {self.orders!r} instead."
            )
        self.n_channels_ = layout.n_channels
        lengths = box_lengths("Moments", self.box_size, layout.spatial)
        self.scales_ = self._checked_scales()
        half = lengths.min() / 2
        if not within(self.scales_.max(), half):
            raise MapShapeError(
                f"Moments takes scales of at most half the box, {half:g} for maps of spatial "
                f"shape {layout.spatial}; the largest is {self.scales_.max():g}. Leave it out, or "
                f"give the 'box_size' in the unit of the scales."
            )
        sides = lengths / layout.spatial
        above_zero = self.scales_[self.scales_ > 0]
        if self.window == "top_hat" and not all(within(sides.min(), R) for R in above_zero):
            raise ValueError(
                f"The 'scales' parameter of Moments(window='top_hat') must be 0 or at least the "
                f"side of a cell, {sides.min():g}: a smaller sphere holds one cell alone. Got "
                f"{self.scales!r} instead."
            )
        self._scales_in_cells = self.scales_[:, None] / sides

    def _checked_scales(self):
        if self.scales is None:
            return np.zeros(1)
        unit = getattr(self.box_size, "unit", None)
        scales = floats(unitless("Moments", "scales", self.scales, unit))
        allowed = scales.ndim == 1 and scales.size > 0 and (np.isfinite(scales)).all()
        if not allowed or (scales < 0).any() or len(set(scales.tolist())) < len(scales):
            raise ValueError(
                f"The 'scales' parameter of Moments must be one or more finite numbers, zero or "
                f"greater, each once; with units as one Quantity, such as [0, 2] * units.Mpc. "
                f"Got {self.scales!r} instead."
            )
        return scales

    def _extractor(self):
        is_plain = not self.scales_.any()

        def extract(batch):
            xp = namespace(batch)
            if is_plain:
                return self._moments(batch).reshape(len(batch), -1)
            found = [
                self._moments(fields)
                for channel in range(batch.shape[1])
                for fields in self._smoothed(batch[:, channel])
            ]
            return xp.concatenate(found, -1)

        return extract

    def _smoothed(self, fields):
        """Fields of one channel at each scale in turn."""
        wide = self._scales_in_cells[self.scales_ > 0]
        copies = smoothed(fields, wide, self.window, "wrap")
        for scale in self.scales_:
            yield next(copies) if scale > 0 else fields

    def _moments(self, fields):
        """Moments over the spatial axes, of shape (..., n_orders)."""
        xp, orders = namespace(fields), list(self.orders)
        n_leading = fields.ndim - self._scales_in_cells.shape[1]
        values = fields.reshape(*fields.shape[:n_leading], -1)
        mean = values.mean(-1)
        is_flat = (values == values[..., :1]).all(-1)
        zero = xp.zeros_like(mean)
        deviation = values - mean[..., None]
        # No root of zero, whose gradient is infinite.
        spread = xp.sqrt(xp.where(is_flat, zero + 1, (deviation * deviation).mean(-1)))
        std = xp.where(is_flat, zero, spread)
        standard = deviation / spread[..., None]
        squares = standard * standard
        found = {1: mean, 2: std}
        if 3 in orders:
            found[3] = xp.where(is_flat, zero, (squares * standard).mean(-1))
        if 4 in orders:
            found[4] = xp.where(is_flat, zero, (squares * squares).mean(-1) - 3)
        return xp.stack([found[order] for order in orders], -1)

    def _names(self):
        scales = (
            [""] if self.scales is None else [f" R={label}" for label in labels_of(self.scales_)]
        )
        return [
            f"{_NAMES[order]}({channel}){scale}"
            for channel in range(self.n_channels_)
            for scale in scales
            for order in self.orders
        ]
