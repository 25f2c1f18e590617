"""What an encoder and a decoder that were trained do with maps and codes."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from ..exceptions import DivergenceError, MapShapeError
from ..maps import LazyMaps
from ..neural_network._precision import computing_in
from ..neural_network._torch import thread_count, weights_to_arrays
from ..utils import check_finite, is_torch
from ..utils._typing import Maps, MapsLike
from ._reconstruction import ReconstructionMixin


def _makes_features(estimator):
    if not estimator.flatten:
        raise AttributeError(
            "ConvAutoencoder(flatten=False) makes maps, whose values have no names of features. "
            "Set flatten=True."
        )
    return True


class Coder(ReconstructionMixin):
    """Codes by the parts ``encoder`` and ``decoder`` of a module; the rest of `ConvAutoencoder`.

    A batch is filled up to the size of those in training, so that the code of a map does not
    depend on the maps beside it.
    """

    _free_size = False

    def transform(self, X: MapsLike) -> Maps:
        """Encode maps.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps of shape (n_samples, *code_shape_)
            Codes, float32, of the kind that was given; lazy maps are encoded when they are read.
            With ``flatten=True`` the shape is ``(n_samples, n_features)``.

        Raises
        ------
        MapShapeError
            If samples have not the shape that was fitted.
        ValueError
            If a value of `X` is not finite.
        DivergenceError
            If the net makes NaN or infinity of the maps.
        """
        return super().transform(X)

    def inverse_transform(self, X: MapsLike) -> Maps:
        """Decode codes.

        Parameters
        ----------
        X : array-like, torch.Tensor or LazyMaps
            Codes of the shape that `transform` returns.

        Returns
        -------
        ndarray, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
            Maps of the shape that was fitted, float32, of the kind that was given.

        Raises
        ------
        MapShapeError
            If the codes have another shape.
        ValueError
            If a value of `X` is not finite.
        DivergenceError
            If the net makes NaN or infinity of the codes.
        """
        check_is_fitted(self)
        codes: Any = X
        if is_torch(codes):
            check_finite(codes, type(self).__name__)
            codes = codes.float()
        elif not isinstance(codes, LazyMaps):
            codes = check_array(codes, dtype=np.float32, order="C", allow_nd=True, estimator=self)
        wanted = self._sample_shape(self.sample_shape_)
        if tuple(codes.shape[1:]) != wanted:
            raise MapShapeError(
                f"{type(self).__name__}(flatten={self.flatten}) has codes of shape {wanted} and "
                f"cannot decode those of shape {tuple(codes.shape[1:])}. Give what transform "
                f"returns."
            )
        if isinstance(codes, LazyMaps):
            return codes.with_step(self, inverse=True)
        return self._apply_inverse(codes)

    @available_if(_makes_features)
    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns that `transform` returns, only with ``flatten=True``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str, shape (n_features,)
            "convautoencoder0", "convautoencoder1", ....
        """
        check_is_fitted(self)
        names = [f"convautoencoder{i}" for i in range(math.prod(self.code_shape_))]
        return np.asarray(names, dtype=object)

    @property
    def dim(self) -> int | None:  # type: ignore[override]
        """Number of spatial axes that the fitted net asks for; None leaves it to the maps."""
        return getattr(self._architecture[0], "dim", None)

    def _find_code_shape(self):
        """Shape of the code of one map."""
        map_shape = self._architecture[1]
        return self._put_through("encoder", np.zeros((1, *map_shape), np.float32), map_shape)[
            0
        ].shape

    def _apply(self, batch):
        codes = self._put_through("encoder", batch, self._architecture[1], self.code_shape_)
        return codes.reshape(len(batch), *self._sample_shape(self.sample_shape_))

    def _apply_inverse(self, batch):
        maps = self._put_through("decoder", batch, self.code_shape_, self._architecture[1])
        return maps.reshape(len(batch), *self.sample_shape_)

    def _sample_shape(self, shape):
        return (math.prod(self.code_shape_),) if self.flatten else self.code_shape_

    def _inverse_sample_shape(self, shape):
        return self.sample_shape_

    def _identity(self):
        """What tells its codes from those of others, for a fingerprint of encoded maps."""
        if not self.__sklearn_is_fitted__():
            return self.get_params(deep=False)
        weights = weights_to_arrays(self.net_.module_)
        return self._architecture, self.sample_shape_, self.flatten, self._batch_size, weights

    def _put_through(self, name, batch, shape, output_shape=None):
        """Put maps or codes of a shape through a part of the net, a batch at a time."""
        net = self.net_
        part, device = getattr(net.module_, name), torch.device(net.device)
        net._set_training(False)
        outputs = []
        with thread_count(self.n_threads), computing_in("float32", device), torch.no_grad():
            for start in range(0, len(batch), net.batch_size):
                x = batch[start : start + net.batch_size]
                x = x if is_torch(x) else torch.tensor(x)
                x = x.reshape(len(x), *shape)
                out = net.put_through(part, x, output_shape).contiguous()
                if not torch.isfinite(out).all() and torch.isfinite(x).all():
                    raise DivergenceError(
                        f"{type(self).__name__}: the {name} makes NaN or infinity of finite "
                        f"values. Scale the maps as those of the fit were scaled, or fit anew "
                        f"with a lower lr."
                    )
                outputs.append(out.to(batch.device) if is_torch(batch) else out.cpu().numpy())
        return torch.cat(outputs) if is_torch(batch) else np.concatenate(outputs)
