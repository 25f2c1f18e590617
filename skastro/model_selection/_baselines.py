"""What every comparison has beside its candidates: a mean, and summary statistics."""

from typing import Literal

import numpy as np
from astropy.units import Quantity
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from ..ensemble import VoxelRegressor
from ..exceptions import MapShapeError
from ..metrics._field_sums import chunk_slices
from ..preprocessing import SignedLog, SmoothedCopies
from ..statistics import Moments, PowerSpectrum
from ..utils import map_layout
from ..utils._typing import ArrayLike, MapsLike
from ._ridge_by_group import RidgeByGroup

_ALPHAS = np.logspace(-4, 5, 19)
_FEW_CHANNELS = 4
_FLOOR = 1e-30  # of powers: that of an empty map
_SCALES = (1.0, 2.0, 4.0, 8.0)
_DIMS = {2: 1, 3: 2, 4: 2, 5: 3}  # spatial axes by the number of axes, where nobody says so


def summary_baseline(
    X: MapsLike,
    y: MapsLike,
    *,
    classifier: bool | None = None,
    box_size: ArrayLike | Quantity | None = None,
    dim: Literal[1, 2, 3] | None = None,
) -> BaseEstimator:
    """What a network has to beat: a linear model of summary statistics.

    It follows from what `X` and `y` are:

    - maps and numbers: the logarithms of the power spectra of each channel, of the field itself
      and of its `SignedLog`, with the correlation coefficients of the channels where these are
      at most four, and mean, standard deviation, skewness and kurtosis of each channel after
      `SignedLog`; standardized, with a ridge whose penalty is chosen for each target, on
      simulations left out where ``fit`` of the last step is given `groups`, as `compare` does;
    - maps and classes: the same statistics, with logistic regression;
    - a table (n_samples, n_features): the standardized columns with either;
    - maps and fields: averages over discs or spheres around each cell, of the field and of its
      `SignedLog`, as a linear filter that is the same for all cells.

    The spectrum of the field is that of the literature. Where values span decades, as gas
    density does, it is that of a few peaks, and the logarithm has the spectrum of the rest;
    where both signs occur and are small, as in noise, `SignedLog` leaves the field as it is.

    Parameters
    ----------
    X : array-like or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Maps, of which only the shape matters.
    y : array-like or LazyMaps of shape (n_samples,), (n_samples, n_targets) or of fields
        Targets, of which only shape and dtype matter.
    classifier : bool, default=None
        Whether `y` are classes. None takes strings, integers and booleans for classes.
    box_size : float, array-like of shape (dim,) or astropy Quantity, default=None
        Length of the box, for `PowerSpectrum`. Of boxes with equal sides it changes only the
        names of the features.
    dim : {1, 2, 3}, default=None
        Number of spatial axes. By default it follows from the number of axes, so that
        (n, d, h, w) are 2D maps of d channels.

    Returns
    -------
    estimator
        An unfitted pipeline.

    Raises
    ------
    MapShapeError
        If fields have not the cells of the maps.

    See Also
    --------
    compare : Puts it beside candidates.

    Notes
    -----
    Empty maps have a power of 1e-30 at all k. They pass, but are far outliers that spoil the
    linear model: leave them out.

    Without groups the penalty is chosen by leaving out one sample at a time. Other maps of its
    simulation stay, so that with many maps of few simulations it is too small. The penalty of
    logistic regression is that of scikit-learn. What is not linear in these statistics is not
    found. A better model of them may exist, so to beat this one is necessary, not sufficient.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.model_selection import summary_baseline
    >>> rng = np.random.default_rng(0)
    >>> amplitude = rng.uniform(1, 2, size=60)
    >>> maps = amplitude[:, None, None] * rng.normal(size=(60, 16, 16))
    >>> model = summary_baseline(maps, amplitude).fit(maps[:40], amplitude[:40])
    >>> bool(model.score(maps[40:], amplitude[40:]) > 0.8)
    True
    """
    shape, y_shape = np.shape(X), np.shape(y)
    if classifier is None:
        classifier = (y if hasattr(y, "dtype") else np.asarray(y)).dtype.kind in "iubUSO"
    if len(y_shape) > 2:
        field_dim, _ = _field_axes(shape, y_shape, dim)
        largest = min(shape[-field_dim:]) / 2
        scales = [scale for scale in _SCALES if scale <= max(1.0, largest)]
        copies = SmoothedCopies(scales, boundary="reflect", dim=field_dim)
        cells = make_pipeline(StandardScaler(), RidgeCV(_ALPHAS, alpha_per_target=True))
        return make_pipeline(copies, VoxelRegressor(cells, dim=field_dim, random_state=0))
    model = LogisticRegression(max_iter=1000)
    if not classifier:
        model = RidgeByGroup(_ALPHAS)
    if len(shape) == 2:
        return make_pipeline(StandardScaler(), model)
    spectrum = PowerSpectrum(
        log=True,
        cross=1 < map_layout(shape, dim, "summary_baseline").n_channels <= _FEW_CHANNELS,
        floor=_FLOOR,
        box_size=box_size,
        dim=dim,
    )
    of_logarithm = make_pipeline(SignedLog(dim=dim), make_union(spectrum, Moments(dim=dim)))
    return make_pipeline(make_union(spectrum, of_logarithm), StandardScaler(), model)


def mean_baseline(X, y, classifier, dim=None):
    """What looks at no map: the mean, of fields over all cells, or the shares of classes.

    Parameters
    ----------
    X : ndarray or LazyMaps of shape (n_samples, ...)
        Maps, of which only the shape matters.
    y : ndarray or LazyMaps of shape (n_samples, ...)
        Targets, of which only the shape matters.
    classifier : bool
        Whether they are classes.
    dim : {1, 2, 3}, default=None
        Number of spatial axes.

    Returns
    -------
    estimator
        Unfitted.
    """
    if np.ndim(y) > 2:
        return FieldMean(_field_axes(np.shape(X), np.shape(y), dim)[1])
    return DummyClassifier() if classifier else DummyRegressor()


class FieldMean(RegressorMixin, BaseEstimator):
    """Predict everywhere the mean over all cells of all training fields.

    Parameters
    ----------
    has_channels : bool, default=False
        Whether axis 1 of the fields is one of channels, which have means of their own.

    Attributes
    ----------
    mean_ : ndarray
        The means, which broadcast against a field.
    shape_ : tuple of int
        Shape of a field.
    """

    def __init__(self, has_channels=False):
        self.has_channels = has_channels

    def fit(self, X, y):
        """Learn the means.

        Parameters
        ----------
        X : object
            Ignored.
        y : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Fields, read a few at a time.

        Returns
        -------
        self
            The fitted estimator.
        """
        axes = tuple(range(2 if self.has_channels else 1, y.ndim))
        total = 0.0
        for start, stop in chunk_slices(y):
            fields = np.asarray(y[start:stop])
            total = total + fields.mean(axis=axes, keepdims=True, dtype=np.float64).sum(axis=0)
        self.mean_, self.shape_ = total / len(y), tuple(y.shape[1:])
        return self

    def predict(self, X):
        """Predict the means.

        Parameters
        ----------
        X : object
            Of which only the length matters.

        Returns
        -------
        ndarray of shape (n_samples, [n_channels,] *spatial)
            Fields in float32.
        """
        return np.broadcast_to(self.mean_.astype(np.float32), (len(X), *self.shape_))


def _field_axes(shape, y_shape, dim=None):
    """Number of spatial axes, and whether fields have an axis of channels."""
    dims = [_DIMS.get(len(shape)), 3, 2, 1] if dim is None else [dim]
    for d in dims:
        of_maps = d is not None and len(shape) in (d + 1, d + 2)
        if of_maps and len(y_shape) in (d + 1, d + 2) and shape[-d:] == y_shape[-d:]:
            return d, len(y_shape) == d + 2
    raise MapShapeError(
        f"compare and summary_baseline take fields y of shape (n_samples, [n_targets,] *spatial) "
        f"with the cells of X; X has shape {tuple(shape)} and y has shape {tuple(y_shape)}. "
        f"Decline the baselines (dummy=False, summary=False), or give estimators in their place."
    )
