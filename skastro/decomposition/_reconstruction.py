"""How much of a map is lost on the way to its code and back."""

from abc import abstractmethod

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..maps import MapTransformer, check_maps
from ..utils import as_numpy
from ..utils._typing import MapsLike


class ReconstructionMixin(MapTransformer):
    """Gives a `MapTransformer` with ``_apply_inverse`` the method `reconstruction_error`."""

    @abstractmethod
    def _apply_inverse(self, batch):
        """Turn a float32 batch of codes back into maps."""

    def reconstruction_error(self, X: MapsLike) -> np.ndarray:
        """Mean squared difference between each map and what its code gives back.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps. Lazy maps are read once, in chunks.

        Returns
        -------
        ndarray of shape (n_samples,)
            Mean over all cells and channels of each map, float64, in squared units of it.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If a value of `X` is not finite.
        DivergenceError
            If a net makes NaN or infinity of the maps.
        """
        check_is_fitted(self)
        X = as_numpy(check_maps(self, X, reset=False, dim=self.dim, free_size=self._free_size))
        errors = []
        for chunk in self._chunks(X):
            rest = chunk.astype(np.float64) - self._apply_inverse(self._apply(chunk))
            errors.append(np.square(rest).reshape(len(rest), -1).mean(axis=1))
        return np.concatenate(errors)
