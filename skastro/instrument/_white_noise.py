"""Gaussian noise that is independent from cell to cell."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np

from ..datasets._checks import message
from ..utils._params import HasMethods, Interval, StrOptions
from ..utils._typing import QuantityLike, RandomState, UnitLike
from ._random import RandomTransformer
from ._units import in_unit, parse_unit


class WhiteNoise(RandomTransformer):
    """Add white Gaussian noise: fresh in each epoch of training, fixed in prediction.

    `fit_transform`, which a pipeline calls in fit, returns lazy maps whose noise depends on
    the seed, the epoch and the row, so that a net sees no noise twice while neither the order
    of batches nor the number of workers changes a draw. `transform`, which a pipeline calls in
    predict, adds noise that depends on the seed and on the values of the map: predictions are
    reproducible, and are the same for a map alone and among others. Put what comes after the
    receiver of a telescope, such as a logarithm and scaling, behind this transformer.

    Parameters
    ----------
    sigma : float, Quantity, or pair of these, default=1.0
        Standard deviation of the noise of a native cell, at least 0. From a pair
        ``(low, high)`` the level is drawn uniformly, for each map and each epoch anew.
    unit : str or astropy unit, default=None
        What the maps are in, such as "uK"; needed where `sigma` is a quantity.
    when : {"both", "fit", "predict"}, default="both"
        Which side gets noise: training maps, maps to predict, or both. Take "fit" where the
        maps to predict are observed ones and have their noise.
    n_pooled : int, default=1
        Number of native cells in a cell of the maps, whose noise is independent.
    pooling : {"mean", "sum"}, default="mean"
        Whether the maps are means over `n_pooled` cells, with noise smaller by the square root
        of `n_pooled`, or sums, with noise larger by it.
    random_state : int, RandomState instance or None, default=None
        Seed. None draws a new one in each fit. Noise of instances that follow each other in a
        pipeline is independent whatever their seeds; give different ones to those that stand
        side by side, such as one for each field that becomes a channel.

    Attributes
    ----------
    sigma_ : float or tuple of float
        Standard deviation of the noise of a cell of the maps, in their unit, or its range.
    seed_ : int
        Seed in use.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    RadiometerNoise : The level from system temperature, bandwidth and observing time.

    Notes
    -----
    In prediction, maps that are equal in all cells are given equal noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.instrument import WhiteNoise
    >>> maps = np.random.default_rng(0).normal(size=(3, 10, 64, 64))
    >>> noise = WhiteNoise(11.0, random_state=0)
    >>> noisy = noise.fit_transform(maps)
    >>> noisy
    LazyMaps(shape=(3, 10, 64, 64), source=array in memory, steps=[WhiteNoise])
    >>> first, second = (np.asarray(noisy.realization(epoch)) - maps for epoch in (1, 2))
    >>> print(*(round(float(cells.std()), 1) for cells in (first, second, first - second)))
    11.0 11.0 15.6
    >>> alone = noise.transform(maps[1:2])
    >>> np.array_equal(noise.transform(maps)[1], alone[0])
    True

    With units, and for maps of sums over 160 voxels:

    >>> from astropy import units as u
    >>> noise = WhiteNoise(0.011 * u.mK, unit="uK", n_pooled=160, pooling="sum").fit(maps)
    >>> round(noise.sigma_, 2)
    139.14
    """

    _parameter_constraints = RandomTransformer._parameter_constraints | {
        "sigma": [Interval(Real, 0, None, closed="left"), tuple, list, HasMethods(["to_value"])],
        "unit": [str, HasMethods(["to_string"]), None],
        "n_pooled": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"mean", "sum"})],
    }

    def __init__(
        self,
        sigma: QuantityLike | Sequence[QuantityLike] = 1.0,
        *,
        unit: UnitLike | None = None,
        when: Literal["both", "fit", "predict"] = "both",
        n_pooled: int = 1,
        pooling: Literal["mean", "sum"] = "mean",
        random_state: RandomState = None,
    ) -> None:
        self.sigma = sigma
        self.unit = unit
        self.when = when
        self.n_pooled = n_pooled
        self.pooling = pooling
        self.random_state = random_state

    def _prepare(self, shape):
        levels = self._native_levels() * self.n_pooled ** (0.5 if self.pooling == "sum" else -0.5)
        self.sigma_ = float(levels) if levels.ndim == 0 else tuple(levels.tolist())

    def _native_levels(self):
        """Level of a native cell in the unit of the maps, or two of them."""
        owner = type(self).__name__
        levels = in_unit(owner, "sigma", self.sigma, parse_unit(owner, self.unit))
        if (
            levels.shape not in ((), (2,))
            or (levels < 0).any()
            or (np.diff(levels.ravel()) < 0).any()
        ):
            allowed = "a number or quantity of at least 0, or a pair of them in ascending order"
            raise ValueError(message(owner, "sigma", allowed, self.sigma))
        return levels

    def _drawer(self, shape):
        level, ranged = self.sigma_, isinstance(self.sigma_, tuple)

        def draw(generator, out):
            sigma = generator.uniform(*level) if ranged else level
            generator.standard_normal(dtype=np.float32, out=out)
            out *= np.float32(sigma)

        return draw
