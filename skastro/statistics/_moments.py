"""Mean, standard deviation, skewness and kurtosis of maps."""

from ..utils import namespace
from ..utils._params import DIM
from ._base import MapStatistic

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
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    n_channels_ : int
        Number of channels in fit.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    PowerSpectrum : The variance, scale by scale.

    Notes
    -----
    A channel whose cells are all equal has skewness and kurtosis 0.

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
    """

    _parameter_constraints = {"orders": ["array-like"], "dim": DIM}

    def __init__(self, orders=(1, 2, 3, 4), *, dim=None):
        self.orders = orders
        self.dim = dim

    def _prepare(self, layout):
        orders = list(self.orders)
        if not orders or not set(orders) <= _NAMES.keys() or len(set(orders)) < len(orders):
            raise ValueError(
                f"The 'orders' parameter of Moments must be one or more of 1, 2, 3 and 4, each "
                f"once. Got {self.orders!r} instead."
            )
        self.n_channels_ = layout.n_channels

    def _extractor(self):
        orders = list(self.orders)

        def extract(batch):
            xp = namespace(batch)
            values = batch.reshape(*batch.shape[:2], -1)
            mean = values.mean(-1)
            is_flat = (values == values[..., :1]).all(-1)
            zero = xp.zeros_like(mean)
            deviation = values - mean[..., None]
            std = xp.where(is_flat, zero, xp.sqrt((deviation * deviation).mean(-1)))
            standard = deviation / xp.where(is_flat, zero + 1, std)[..., None]
            squares = standard * standard
            found = {1: mean, 2: std}
            if 3 in orders:
                found[3] = xp.where(is_flat, zero, (squares * standard).mean(-1))
            if 4 in orders:
                found[4] = xp.where(is_flat, zero, (squares * squares).mean(-1) - 3)
            return xp.stack([found[order] for order in orders], -1).reshape(len(batch), -1)

        return extract

    def _names(self):
        return [
            f"{_NAMES[order]}({channel})"
            for channel in range(self.n_channels_)
            for order in self.orders
        ]
