"""What all transformers of maps share."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils import as_numpy, map_layout
from ..utils._typing import Maps, MapsLike
from ._checks import check_maps, checked_chunks
from ._lazy import LazyMaps


class MapTransformer(ABC, TransformerMixin, BaseEstimator):
    """Base class of transformers from maps to maps.

    A subclass implements ``_apply(batch)``, which turns a float32 batch, NumPy array or torch
    tensor, into another; where the shape of a sample changes, also ``_sample_shape``; where
    something is learned, ``_fit(X)``, which goes through ``self._chunks(X)``.
    Given lazy maps, `transform` appends the transformer to them and reads nothing.
    """

    _random = False
    _free_size = True
    dim: int | None = None

    def fit(self, X: MapsLike, y: object = None) -> Self:
        """Learn from maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Training maps.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        MapShapeError
            If `X` has no shape of maps.
        ValueError
            If a value of `X` is not finite, or a parameter is out of its range.
        """
        self._validate_params()
        self._fit(as_numpy(check_maps(self, X, reset=True, dim=self.dim)))
        return self

    def _fit(self, X):
        """Learn from checked maps; what needs no learning only checks the shape."""
        self._sample_shape(tuple(X.shape[1:]))

    def transform(self, X: MapsLike) -> Maps:
        """Transform maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps
            What was given, transformed, float32. Lazy maps are transformed when they are read.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If a value of `X` is not finite.
        """
        check_is_fitted(self)
        X = check_maps(self, X, reset=False, dim=self.dim, free_size=self._free_size)
        if isinstance(X, LazyMaps):
            return X.with_step(self)
        return self._apply(X)

    @abstractmethod
    def _apply(self, batch):
        """Transform a float32 batch, NumPy array or torch tensor."""

    def _sample_shape(self, shape):
        """Shape of a transformed sample."""
        return shape

    def _layout(self, X):
        return map_layout(X.shape, self.dim, type(self).__name__)

    def _chunks(self, X):
        return checked_chunks(X, type(self).__name__, self.dim)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


if TYPE_CHECKING:
    _Mixed = MapTransformer  # what the mixin is mixed into
else:
    _Mixed = object


class InvertibleMixin(_Mixed):
    """Gives a `MapTransformer` with ``_apply_inverse`` the method `inverse_transform`."""

    def inverse_transform(self, X: MapsLike) -> Maps:
        """Undo the transform.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps
            Transformed maps.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps
            Maps in the original values, float32.
        """
        check_is_fitted(self)
        X = check_maps(self, X, reset=False, dim=self.dim, free_size=self._free_size, compare=False)
        if isinstance(X, LazyMaps):
            return X.with_step(self, inverse=True)
        return self._apply_inverse(X)

    def _inverse_sample_shape(self, shape):
        return shape
