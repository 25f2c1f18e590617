"""Bring the channels of maps to comparable values."""

from collections.abc import Sequence
from numbers import Real
from typing import Literal, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from ..maps import InvertibleMixin, MapTransformer, check_maps
from ..utils import as_numpy, like
from ..utils._params import DIM, StrOptions
from ..utils._training_record import drop_records
from ..utils._typing import MapsLike
from ._moments import RunningMoments
from ._quantiles import exact_quantiles


def _has_partial_fit(scaler):
    if scaler.method == "robust":
        raise AttributeError(
            "FieldScaler(method='robust') has no partial_fit: exact quantiles need all maps at "
            "once. Call fit, with lazy maps (open_maps) if need be, or take method='standard'."
        )
    return True


class FieldScaler(InvertibleMixin, MapTransformer):
    """Shift and scale each channel by statistics of all its cells.

    The statistics are taken over all samples and all cells of a channel, so that differences
    between samples, which often carry the signal, are kept. Lazy maps are read in chunks;
    sums are accumulated in float64, so that 1e10 cells of float32 lose nothing.

    Parameters
    ----------
    method : {"standard", "minmax", "robust"}, default="standard"
        "standard": mean 0 and standard deviation 1; "minmax": the least and greatest value
        go to `feature_range`; "robust": median 0 and distance between two quantiles 1, both
        exact. "robust" reads lazy maps twice.
    feature_range : tuple of float, default=(0, 1)
        Range for "minmax".
    quantile_range : tuple of float, default=(25.0, 75.0)
        Percentages of the quantiles for "robust".
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the shape: ``(n, h, w)`` has one
        channel, ``(n, c, h, w)`` and ``(n, c, d, h, w)`` have c.

    Attributes
    ----------
    center_ : ndarray of shape (n_channels,)
        What is subtracted, float64.
    scale_ : ndarray of shape (n_channels,)
        What is divided by, float64; 1 where a channel is constant.
    n_samples_seen_ : int
        Number of samples behind the statistics.
    sample_shape_ : tuple of int
        Shape of a sample in fit. Spatial sizes may differ in transform, channels may not.
    n_features_in_ : int
        Length of the first axis of a sample.

    See Also
    --------
    SignedLog : Compress a long tail first.
    TargetScaler : The same for targets.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.preprocessing import FieldScaler
    >>> rng = np.random.default_rng(0)
    >>> mean, std = np.array([[[3.0]], [[-5.0]]]), np.array([[[0.1]], [[20.0]]])
    >>> maps = rng.normal(mean, std, size=(10, 2, 64, 64))
    >>> scaler = FieldScaler().fit(maps)
    >>> scaler.scale_.round(1)
    array([ 0.1, 20. ])
    >>> scaler.transform(maps).std(axis=(0, 2, 3)).round(3)
    array([1., 1.], dtype=float32)
    """

    _parameter_constraints = {
        "method": [StrOptions({"standard", "minmax", "robust"})],
        "feature_range": [tuple, list],
        "quantile_range": [tuple, list],
        "dim": DIM,
    }

    def __init__(
        self,
        method: Literal["standard", "minmax", "robust"] = "standard",
        *,
        feature_range: Sequence[float] = (0, 1),
        quantile_range: Sequence[float] = (25.0, 75.0),
        dim: Literal[1, 2, 3] | None = None,
    ) -> None:
        self.method = method
        self.feature_range = feature_range
        self.quantile_range = quantile_range
        self.dim = dim

    def _fit(self, X):
        self._check_ranges()
        self._forget()
        self._learn(X)

    @available_if(_has_partial_fit)
    def partial_fit(self, X: MapsLike, y: object = None) -> Self:
        """Learn from more maps; not with ``method="robust"``, which needs all at once.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Further training maps.
        y : None
            Ignored.

        Returns
        -------
        self
            The scaler, fitted on all maps so far.

        Raises
        ------
        MapShapeError
            If samples have not the channels of the earlier ones.
        ValueError
            If a value of `X` is not finite, or a parameter is out of its range.
        """
        self._validate_params()
        self._check_ranges()
        reset = getattr(self, "_moments", None) is None
        drop_records(self)
        X = as_numpy(check_maps(self, X, reset=reset, dim=self.dim, free_size=True))
        if reset:
            self._forget()
        self._learn(X)
        return self

    def _forget(self):
        self.n_samples_seen_, self._moments = 0, None

    def _learn(self, X):
        layout = self._layout(X)

        def read_chunks():
            for chunk in self._chunks(X):
                yield chunk.reshape(len(chunk), layout.n_channels, -1)

        if self.method == "robust":
            low, center, high = exact_quantiles(
                read_chunks, [self.quantile_range[0], 50, self.quantile_range[1]]
            )
            scale = high - low
        else:
            moments = self._moments
            for chunk in read_chunks():
                new = RunningMoments.of(chunk)
                moments = new if moments is None else moments.merged(new)
            self._moments = moments
            if self.method == "standard":
                center, scale = moments.mean, moments.std
            else:
                low, high = self.feature_range
                minimum = moments.minimum.astype(np.float64)
                scale = (moments.maximum - minimum) / (high - low)
                center = minimum - low * np.where(scale, scale, 1.0)
        constant = scale <= 1e-10 * np.abs(center)
        self.center_ = center
        self.scale_ = np.where(constant, 1.0, scale)
        self.n_samples_seen_ += len(X)

    def _check_ranges(self):
        if not _is_increasing_pair(self.feature_range):
            raise ValueError(
                f"The 'feature_range' parameter of FieldScaler must be an increasing pair. "
                f"Got {self.feature_range!r} instead."
            )
        if not _is_increasing_pair(self.quantile_range, 0, 100):
            raise ValueError(
                f"The 'quantile_range' parameter of FieldScaler must be an increasing pair "
                f"between 0 and 100. Got {self.quantile_range!r} instead."
            )

    def _per_channel(self, X):
        shape = self._layout(X).per_channel_shape()
        return like(self.center_, X).reshape(shape), like(self.scale_, X).reshape(shape)

    def _apply(self, batch):
        center, scale = self._per_channel(batch)
        return (batch - center) / scale

    def _apply_inverse(self, batch):
        center, scale = self._per_channel(batch)
        return batch * scale + center


def _is_increasing_pair(pair, least=-np.inf, most=np.inf):
    return (
        len(pair) == 2
        and all(isinstance(number, Real) for number in pair)
        and least <= pair[0] < pair[1] <= most
    )
