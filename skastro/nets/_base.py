"""The parameter object behind every architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from ..exceptions import MapShapeError

if TYPE_CHECKING:
    from torch import nn


class Net(ABC, BaseEstimator):
    """Base class of architectures.

    A net is to an estimator what a kernel is to a Gaussian process: an object with
    parameters that scikit-learn can get, set, clone and search over, and a method `build`
    that makes the torch module once the shape of the maps is known. Subclasses state their
    parameters in ``__init__``, of which `dim`, the number of spatial axes, is one.

    See Also
    --------
    ConvNet : Convolutional network.
    DenseNet : Fully connected network.
    """

    dim: int | None = None
    _parameter_constraints: dict = {}  # those of a subclass may go without

    def build(self, map_shape: Sequence[int], n_outputs: int) -> nn.Module:
        """Make the torch module.

        Parameters
        ----------
        map_shape : tuple of int
            Shape of one sample with its channels, ``(n_channels, *spatial)``.
        n_outputs : int
            Number of outputs: targets of a regression, classes of a classification, channels of
            a field.

        Returns
        -------
        torch.nn.Module
            Takes a batch ``(n, n_channels, *spatial)`` and returns ``(n, n_outputs)``, or
            ``(n, n_outputs, *spatial)`` where the net makes fields. Its weights are drawn from
            torch's global generator.

        Raises
        ------
        MapShapeError
            If the maps have not the number of axes that `dim` asks for, or are too small.
        InvalidParameterError
            If a parameter is out of its range.
        """
        self._validate_params()
        map_shape = tuple(map_shape)
        if len(map_shape) not in (2, 3, 4) or self.dim not in (None, len(map_shape) - 1):
            wanted = "one to three" if self.dim is None else self.dim
            raise MapShapeError(
                f"{type(self).__name__}(dim={self.dim}) takes maps of shape (n_channels, *spatial) "
                f"with {wanted} spatial axes; got {map_shape}. Set `dim` or reshape the maps."
            )
        return self._build(map_shape, n_outputs)

    def _check_sizes(self, name, sizes):
        """Refuse numbers of units or filters that are no positive integers."""
        if not all(
            isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in sizes
        ):
            raise ValueError(
                f"The '{name}' parameter of {type(self).__name__} must hold integers of at least "
                f"1. Got {sizes!r} instead."
            )

    @abstractmethod
    def _build(self, map_shape, n_outputs):
        """Make the module for a checked shape."""
