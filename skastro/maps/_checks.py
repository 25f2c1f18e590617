"""The check that every estimator puts its maps through."""

from collections.abc import Iterator

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from ..exceptions import MapShapeError
from ..utils import check_finite, is_torch, map_layout
from ..utils._training_record import drop_records, record_of
from ..utils._typing import Array, Maps, MapsLike
from ._lazy import LazyMaps
from ._sources import CHUNK_BYTES


def check_maps(
    estimator: BaseEstimator,
    X: MapsLike,
    *,
    reset: bool,
    dim: int | None = None,
    free_size: bool = False,
    min_samples: int = 1,
    compare: bool = True,
) -> Maps:
    """Check the maps that were given to an estimator.

    The shape of a sample is compared with that of the fit, and values must be finite. Lazy
    maps are not read, so of them only the shape is checked; their values are checked when
    they are read, see `checked_chunks`. A model that was loaded from a file knows what it was
    trained on, and compares: of lazy maps it reads a few rows for this.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator; ``sample_shape_`` and ``n_features_in_`` are set on it when `reset`.
    X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        The maps.
    reset : bool
        True in fit; False where the shape must be that of the fit.
    dim : int, default=None
        Number of spatial axes, see `map_layout`.
    free_size : bool, default=False
        Whether the spatial sizes may differ from those of the fit. Maps of two axes keep
        theirs in any case: to scikit-learn these are features.
    min_samples : int, default=1
        The least number of samples.
    compare : bool, default=True
        Whether values are compared with those of the training, where these are known.

    Returns
    -------
    ndarray, torch.Tensor or LazyMaps
        The maps in native float32; lazy maps as they are.

    Raises
    ------
    MapShapeError
        If the shape of a sample is not that of the fit, or no shape of maps.
    ValueError
        If values are not finite, complex or masked, or samples are too few.

    Warns
    -----
    TrainingRangeWarning
        If the estimator was loaded from a file and the maps are unlike those of its training.
    """
    owner = type(estimator).__name__
    if isinstance(X, np.ma.MaskedArray) and X.mask.any():
        raise ValueError(
            f"{owner} takes no masked values, and the mask of X would be lost. Fill them first: "
            f"X.filled(value)."
        )
    if isinstance(X, LazyMaps) or is_torch(X):
        _forget_names(estimator, reset)
        _check_shape(estimator, X.shape, reset, dim, free_size)
        if len(X) < min_samples:
            raise ValueError(
                f"{owner} needs at least {min_samples} samples; got n_samples = {len(X)}."
            )
        if is_torch(X):
            if X.is_complex():
                raise ValueError(f"{owner} takes real maps; got a tensor of {X.dtype}.")
            X = X.float()
    else:
        X = X if hasattr(X, "shape") else np.asarray(X)
        with np.errstate(over="ignore"):
            X = _check_array(estimator, X, reset, dim, free_size, min_samples)
    if reset:
        estimator.sample_shape_ = tuple(X.shape[1:])
        estimator.n_features_in_ = X.shape[1]
        drop_records(estimator)
    if not isinstance(X, LazyMaps):
        check_finite(X, owner, dim=dim)
    record = record_of(estimator)
    if compare and record is not None:
        record.check_maps(X)
    return X


def _check_array(estimator, X, reset, dim, free_size, min_samples):
    """Cast an array-like; two axes are scikit-learn's own case, with names of features."""
    options = {
        "dtype": np.float32,
        "order": "C",
        "allow_nd": True,
        "ensure_all_finite": False,
        "ensure_min_samples": min_samples,
    }
    of_features = len(X.shape) == 2 and (reset or len(estimator.sample_shape_) == 1)
    if of_features or len(X.shape) < 2:
        X = validate_data(estimator, X, reset=reset, **options)
        map_layout(X.shape, dim, type(estimator).__name__)
        return X
    _forget_names(estimator, reset)
    _check_shape(estimator, X.shape, reset, dim, free_size)
    return check_array(X, input_name="X", estimator=estimator, **options)


def _forget_names(estimator, reset):
    if reset:
        vars(estimator).pop("feature_names_in_", None)


def _check_shape(estimator, shape, reset, dim, free_size):
    owner = type(estimator).__name__
    layout = map_layout(shape, dim, owner)
    if 0 in layout.map_shape:
        raise MapShapeError(f"{owner} takes maps that have cells; got shape {tuple(shape)}.")
    if reset:
        return
    fitted = estimator.sample_shape_
    if tuple(shape[1:]) == fitted:
        return
    same_axes = free_size and 2 < len(shape) == len(fitted) + 1
    if same_axes and map_layout((1, *fitted), dim, owner).n_channels == layout.n_channels:
        return
    remedy = (
        "To give one sample, add the axis of samples: X[None]."
        if tuple(shape) == fitted
        else "Cut, pool or reorder the axes of the maps, or fit anew."
    )
    raise MapShapeError(
        f"{owner} was fitted on samples of shape {fitted} and cannot take samples of shape "
        f"{tuple(shape[1:])}. {remedy}"
    )


def checked_chunks(X: Maps, owner: str, dim: int | None = None) -> Iterator[Array]:
    """Go through maps a chunk at a time, in memory or not, and check lazy ones.

    Parameters
    ----------
    X : ndarray or LazyMaps
        Maps that went through `check_maps`.
    owner : str
        Who asks, named in errors.
    dim : int, default=None
        Number of spatial axes, see `map_layout`.

    Yields
    ------
    ndarray
        Consecutive samples, finite float32.

    Raises
    ------
    ValueError
        If a value that is read is not finite.
    """
    if not isinstance(X, LazyMaps):
        size = max(1, CHUNK_BYTES // max(1, X[0].nbytes))
        for start in range(0, len(X), size):
            yield X[start : start + size]
        return
    first = 0
    for chunk in X.chunks():
        check_finite(chunk, owner, dim=dim, samples=range(first, first + len(chunk)))
        first += len(chunk)
        yield chunk
