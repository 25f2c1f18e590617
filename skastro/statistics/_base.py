"""What all summary statistics share."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from ..maps import check_maps, checked_chunks
from ..utils import is_torch, map_layout, namespace
from ..utils._typing import Array, ArrayLike, MapsLike


class MapStatistic(ABC, TransformerMixin, BaseEstimator):
    """Base class of transformers from maps to features.

    A subclass implements ``_prepare(layout)``, which learns from the shape of the maps, and where
    values are learned from as well ``_learn(X)``; ``_extractor()``, which returns a function from
    a batch of shape ``(n, c, *spatial)``, NumPy array or torch tensor, to features of shape
    ``(n, n_features)``; and ``_names()``, the names of these. The batch is float64 so that sums
    keep their digits, but of float32 values, as maps are everywhere in the library. Features are
    few, so lazy maps are read in chunks and give an array.
    """

    dim: int | None = None

    def fit(self, X: MapsLike, y: object = None) -> Self:
        """Learn the shape of the maps, and where parameters leave it open, the range of values.

        Lazy maps are read for that alone.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Training maps.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer. Where fit fails, it stays what it was before.

        Raises
        ------
        MapShapeError
            If `X` has no shape of maps.
        ValueError
            If a value of an array is not finite, or a parameter is out of its range.
        """
        self._validate_params()
        before = self.__dict__.copy()
        try:
            X = check_maps(self, X, reset=True, dim=self.dim)
            self._prepare(self._layout(X))
            self._learn(X)
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def transform(self, X: MapsLike) -> Array:
        """Compute the features of each map.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted, rounded to float32. Lazy maps are read in
            chunks.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples, n_features)
            Features, float64; a tensor, on the device of `X`, where `X` is one.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If a value of `X` is not finite.
        """
        check_is_fitted(self)
        X = check_maps(self, X, reset=False, dim=self.dim)
        extract, map_shape = self._extractor(), self._layout(X).map_shape
        parts = [
            extract(_to_float64(chunk).reshape(len(chunk), *map_shape))
            for chunk in checked_chunks(X, type(self).__name__, self.dim)
        ]
        return namespace(parts[0]).concatenate(parts)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Names of the features.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only compared with the names seen in fit, as scikit-learn asks.

        Returns
        -------
        ndarray of str objects, of shape (n_features,)
            One name for each column that `transform` returns.
        """
        check_is_fitted(self)
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.asarray(self._names(), dtype=object)

    @abstractmethod
    def _prepare(self, layout):
        """Learn from the shape of the maps."""

    def _learn(self, X):
        """Learn from the values of checked maps; most statistics have nothing to learn."""

    @abstractmethod
    def _extractor(self):
        """Function from a batch of maps to features."""

    @abstractmethod
    def _names(self):
        """Name of each feature."""

    def _layout(self, X):
        return map_layout(X.shape, self.dim, type(self).__name__)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64"]
        return tags


def _to_float64(batch):
    return batch.double() if is_torch(batch) else batch.astype(np.float64)
