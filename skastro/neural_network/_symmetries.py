"""Augmentation of maps by the symmetries of the square and the cube."""

from itertools import permutations

import numpy as np
import torch
from sklearn.base import BaseEstimator

from ..utils._params import StrOptions

_DIM = {"line": 1, "square": 2, "cube": 3}


class Symmetries(BaseEstimator):
    """Turns, mirrors and shifts training maps at random.

    A map on which no direction and no place is distinguished stays as probable when it is
    turned, mirrored or, in a periodic box, shifted. Each sample of each epoch is put through
    one element of the group, drawn uniformly. Validation and prediction see maps as they are.

    Parameters
    ----------
    group : {"line", "square", "cube"}, default="square"
        The 2 symmetries of a line, the 8 of the square or the 48 of the cube, for one, two
        or three spatial axes. Axes of unequal length are mirrored but not exchanged.
    shift : bool, default=False
        Whether maps are shifted periodically as well, by any number of cells along each axis.

    See Also
    --------
    CNNClassifier : Takes it as `augmentation`.

    Examples
    --------
    >>> import torch
    >>> from skastro.neural_network import Symmetries
    >>> symmetries = Symmetries("square")
    >>> symmetries.n_elements((64, 64)), symmetries.n_elements((64, 32))
    (8, 4)
    >>> batch = torch.arange(6.0).reshape(1, 1, 2, 3)
    >>> symmetries.apply(batch, torch.tensor([[3, 0, 0]]))
    tensor([[[[5., 4., 3.],
              [2., 1., 0.]]]])
    """

    _parameter_constraints = {"group": [StrOptions(set(_DIM))], "shift": ["boolean"]}

    def __init__(self, group="square", *, shift=False):
        self.group = group
        self.shift = shift

    def n_elements(self, spatial):
        """Number of symmetries of a map.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the spatial axes.

        Returns
        -------
        int
            Number of elements, shifts not counted.

        Raises
        ------
        ValueError
            If the number of axes does not fit `group`.
        """
        self._validate_params()
        if len(spatial) != _DIM[self.group]:
            raise ValueError(
                f"Symmetries(group={self.group!r}) acts on maps with {_DIM[self.group]} spatial "
                f"axes; got {len(spatial)} of sizes {tuple(spatial)}. Take group="
                f"{next((k for k, v in _DIM.items() if v == len(spatial)), None)!r}."
            )
        return len(self._permutations(spatial)) * 2 ** len(spatial)

    def draw(self, rng, n_samples, spatial):
        """Draw an element and a shift for each sample.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of random numbers.
        n_samples : int
            Number of samples.
        spatial : tuple of int
            Sizes of the spatial axes.

        Returns
        -------
        ndarray of int, shape (n_samples, 1 + n_axes)
            Number of the element, and shift in cells along each axis.
        """
        limits = [self.n_elements(spatial), *(spatial if self.shift else (1,) * len(spatial))]
        return rng.integers(limits, size=(n_samples, len(limits)))

    def apply(self, batch, draws):
        """Transform each sample of a batch by its own element.

        Parameters
        ----------
        batch : torch.Tensor of shape (n, n_channels, *spatial)
            Maps.
        draws : torch.Tensor of int, shape (n, 1 + n_axes)
            Rows that `draw` returned.

        Returns
        -------
        torch.Tensor of the same shape
            Transformed maps.
        """
        spatial = tuple(batch.shape[2:])
        dim = len(spatial)
        orders = torch.tensor(self._permutations(spatial), device=batch.device)
        element = draws[:, 0].to(batch.device)
        order = orders[element // 2**dim]
        sizes = torch.tensor(spatial, device=batch.device)
        strides = torch.tensor(
            [int(np.prod(spatial[k + 1 :])) for k in range(dim)], device=batch.device
        )
        index = 0
        for axis in range(dim):
            cells = torch.arange(spatial[axis], device=batch.device)
            mirrored = (element >> axis & 1)[:, None]
            cells = torch.where(mirrored.bool(), spatial[axis] - 1 - cells, cells)
            source = order[:, axis]
            cells = (cells + draws[:, 1 + axis, None].to(batch.device)) % sizes[source, None]
            shape = [len(batch)] + [1] * dim
            shape[1 + axis] = spatial[axis]
            index = index + (cells * strides[source, None]).reshape(shape)
        flat = batch.flatten(2)
        index = index.reshape(len(batch), 1, -1).expand_as(flat)
        return flat.gather(2, index).reshape(batch.shape)

    @staticmethod
    def _permutations(spatial):
        """Orders of the axes that leave the shape of a map as it is."""
        orders = permutations(range(len(spatial)))
        return [order for order in orders if tuple(spatial[k] for k in order) == tuple(spatial)]
