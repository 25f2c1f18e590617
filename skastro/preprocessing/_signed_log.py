"""Compress values that span many decades."""

import math
from numbers import Real
from typing import Literal

import numpy as np

from ..maps import InvertibleMixin, MapTransformer
from ..utils import like, namespace
from ..utils._params import DIM, Interval, StrOptions
from ..utils._typing import ArrayLike

_FLOAT32 = np.finfo(np.float32)


class SignedLog(InvertibleMixin, MapTransformer):
    r"""Logarithm of maps, for values of either sign or above a floor.

    With ``mode="signed"``, :math:`y = \mathrm{sign}(x) \log_{10}(1 + |x| / s)`: linear for
    :math:`|x| \ll s`, logarithmic beyond, and invertible for every value. With
    ``mode="floor"``, :math:`y = \log_{10}(\max(x, f) / s)`, where the floor :math:`f` is
    given or learned, and recorded, so that zero never turns into minus infinity in silence.

    Parameters
    ----------
    scale : float or array-like of shape (n_channels,), default=1.0
        The value s, in the units of the maps; for "signed" where the logarithm sets in.
    mode : {"signed", "floor"}, default="signed"
        Which of the two.
    floor : float or array-like of shape (n_channels,), default=None
        The value f for "floor", greater than zero. None takes the least positive value of
        each channel of the training maps.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape.

    Attributes
    ----------
    scale_ : ndarray of shape (n_channels,)
        Scale of each channel.
    floor_ : ndarray of shape (n_channels,) or None
        Floor of each channel; None with ``mode="signed"``.
    n_floored_ : ndarray of shape (n_channels,) or None
        Number of training cells below the floor, which `inverse_transform` cannot restore.
    sample_shape_ : tuple of int
        Shape of a sample in fit.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    FieldScaler : Shift and scale, to follow the logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import SignedLog
    >>> maps = np.array([[-99.0, 0.0], [9.0, 999.0]])
    >>> SignedLog().fit_transform(maps)
    array([[-2.,  0.],
           [ 1.,  3.]], dtype=float32)
    >>> log = SignedLog(mode="floor").fit(maps)
    >>> log.floor_, log.n_floored_
    (array([9.]), array([2]))
    """

    _parameter_constraints = {
        "scale": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "mode": [StrOptions({"signed", "floor"})],
        "floor": [Interval(Real, 0, None, closed="neither"), "array-like", None],
        "dim": DIM,
    }

    def __init__(
        self,
        scale: ArrayLike = 1.0,
        *,
        mode: Literal["signed", "floor"] = "signed",
        floor: ArrayLike | None = None,
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.scale = scale
        self.mode = mode
        self.floor = floor
        self.dim = dim

    def _fit(self, X):
        layout = self._layout(X)
        self.scale_ = self._positive("scale", self.scale, layout.n_channels)
        self.floor_ = self.n_floored_ = None
        if self.mode == "floor":
            self._fit_floor(X, layout.n_channels)

    def _fit_floor(self, X, n_channels):
        if self.floor is None:
            floor = np.full(n_channels, np.inf)
            for chunk in self._chunks(X):
                values = chunk.reshape(len(chunk), n_channels, -1)
                positive = np.where(values > 0, values, np.inf)
                floor = np.minimum(floor, positive.min(axis=(0, 2)))
            if np.isinf(floor).any():
                raise ValueError(
                    f"SignedLog(mode='floor') found no value above zero in channel "
                    f"{int(np.isinf(floor).argmax())} of X. Give 'floor', or take mode='signed'."
                )
        else:
            floor = self._positive("floor", self.floor, n_channels)
        below = np.zeros(n_channels, dtype=np.int64)
        for chunk in self._chunks(X):
            values = chunk.reshape(len(chunk), n_channels, -1)
            below += (values < like(floor, values)[:, None]).sum(axis=(0, 2))
        self.floor_, self.n_floored_ = floor, below

    def _positive(self, name, value, n_channels):
        values = np.asarray(value, dtype=np.float64)
        allowed = (values >= _FLOAT32.tiny) & (values <= _FLOAT32.max)
        if values.shape not in ((), (n_channels,)) or not allowed.all():
            raise ValueError(
                f"The '{name}' parameter of SignedLog must be one number greater than zero or "
                f"{n_channels} of them, one for each channel, that float32 can hold (1.2e-38 to "
                f"3.4e38). Got {value!r} instead."
            )
        return np.broadcast_to(values, n_channels).copy()

    def _per_channel(self, values, batch):
        return like(values, batch).reshape(self._layout(batch).per_channel_shape())

    def _apply(self, batch):
        xp = namespace(batch)
        scale = self._per_channel(self.scale_, batch)
        if self.mode == "signed":
            return xp.copysign(xp.log1p(abs(batch) / scale) / math.log(10), batch)
        floor = self._per_channel(self.floor_, batch)
        return xp.log10(xp.maximum(batch, floor)) - xp.log10(scale)

    def _apply_inverse(self, batch):
        xp = namespace(batch)
        scale = self._per_channel(self.scale_, batch)
        if self.mode == "signed":
            return xp.copysign(scale * xp.expm1(abs(batch) * math.log(10)), batch)
        return scale * 10**batch
