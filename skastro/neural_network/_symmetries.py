"""Augmentation of maps by the symmetries of the square and the cube."""

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral
from typing import Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator

from ..utils._params import StrOptions
from ._symmetry_group import element_tables, orders

_DIM = {"line": 1, "square": 2, "cube": 3}
_SIZES_OF_FIELDS = {"line": (1,), "square": (2, 3), "cube": (3,)}
_VALUES_AT_ONCE = 2**20


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
    vectors : list of tuple of int, default=None
        Polar vectors such as velocities, momenta and gradients: for each field the channels
        of its components along the spatial axes, in the order of the axes of the array.
        Components are exchanged as the axes are, and change sign where their axis is
        mirrored. None: all channels are scalars. See Notes.
    pseudovectors : list of tuple of int, default=None
        The same for magnetic fields, angular momenta and vorticities. They turn as vectors do
        and change sign in addition under each element that is not a pure rotation.

    See Also
    --------
    CNNClassifier : Takes it as `augmentation`.

    Notes
    -----
    An element is an orthogonal matrix R with one entry of 1 or -1 in each row. A scalar s, a
    polar vector v and a pseudovector b become

    ``s(R⁻¹x)``, ``R v(R⁻¹x)`` and ``det(R) R b(R⁻¹x)``.

    Fields on a square have 2 components, in the plane of the map, or 3, where the third is
    that along the line of sight. An element acts on the space around the map and leaves the
    line of sight as it is. So the third component of a polar vector never changes its sign,
    and that of a pseudovector is multiplied by det(R). Fields on a line have the component
    along it; that of a pseudovector never changes its sign.

    Other fields, such as the Stokes parameters Q and U or tensors, turn in other ways and must
    not be among the channels; make scalars of them first.

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

    A map with the channels density, v_0, v_1, mirrored along the first axis:

    >>> density, v_0, v_1 = torch.tensor([[1.0, 2.0]]).T, torch.ones(2, 1), torch.ones(2, 1)
    >>> batch = torch.stack([density, v_0, v_1])[None]
    >>> Symmetries("square", vectors=[(1, 2)]).apply(batch, [[1, 0, 0]]).flatten(2)
    tensor([[[ 2.,  1.],
             [-1., -1.],
             [ 1.,  1.]]])
    """

    _parameter_constraints = {
        "group": [StrOptions(set(_DIM))],
        "shift": ["boolean"],
        "vectors": [list, tuple, None],
        "pseudovectors": [list, tuple, None],
    }

    def __init__(
        self,
        group: Literal["line", "square", "cube"] = "square",
        *,
        shift: bool = False,
        vectors: Sequence[Sequence[int]] | None = None,
        pseudovectors: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.group = group
        self.shift = shift
        self.vectors = vectors
        self.pseudovectors = pseudovectors

    def n_elements(self, spatial: Sequence[int]) -> int:
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
            fitting = [group for group, dim in _DIM.items() if dim == len(spatial)]
            raise ValueError(
                f"Symmetries(group={self.group!r}) acts on maps with {_DIM[self.group]} spatial "
                f"axes; got {len(spatial)} of sizes {tuple(spatial)}. "
                + (f"Take group={fitting[0]!r}." if fitting else "No group has that many.")
            )
        return len(orders(spatial)) * 2 ** len(spatial)

    def check(self, map_shape: Sequence[int]) -> None:
        """Check that the parameters fit the maps.

        Parameters
        ----------
        map_shape : tuple of int
            ``(n_channels, *spatial)``, the shape of a map.

        Raises
        ------
        ValueError
            If the number of axes does not fit `group`, or if `vectors` or `pseudovectors`
            have a wrong number of components, name a channel that there is not, or name one
            twice.
        """
        self.n_elements(map_shape[1:])
        self._fields(map_shape[0])

    def elements(self, spatial: Sequence[int]) -> np.ndarray:
        """All elements without a shift, such as to average predictions over the group.

        Parameters
        ----------
        spatial : tuple of int
            Sizes of the spatial axes.

        Returns
        -------
        ndarray of int, shape (n_elements, 1 + n_axes)
            Rows as `draw` returns them, that of the identity first.

        Raises
        ------
        ValueError
            If the number of axes does not fit `group`.
        """
        rows = np.zeros((self.n_elements(spatial), 1 + len(spatial)), dtype=np.int64)
        rows[:, 0] = np.arange(len(rows))
        return rows

    def draw(self, rng: np.random.Generator, n_samples: int, spatial: Sequence[int]) -> np.ndarray:
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

        Raises
        ------
        ValueError
            If the number of axes does not fit `group`.
        """
        limits = [self.n_elements(spatial), *(spatial if self.shift else (1,) * len(spatial))]
        return rng.integers(limits, size=(n_samples, len(limits)))

    def apply(
        self, batch: torch.Tensor, draws: np.ndarray | torch.Tensor, turn_vectors: bool = True
    ) -> torch.Tensor:
        """Transform each sample of a batch by its own element.

        Maps on the processor that are not shifted are copied one by one. All others are
        gathered on their device, 2**20 values or one sample at a time, and nothing waits for
        what a GPU still computes. Gradients do not pass.

        Parameters
        ----------
        batch : torch.Tensor of shape (n, n_channels, *spatial)
            Maps.
        draws : ndarray or torch.Tensor of int, shape (n, 1 + n_axes)
            Rows that `draw` or `elements` returned, on the processor.
        turn_vectors : bool, default=True
            Whether `vectors` and `pseudovectors` hold for the channels of the batch. Where
            not, as for maps of a target put through the same draws, all channels are scalars.

        Returns
        -------
        torch.Tensor of the same shape, type and memory format
            Transformed maps.

        Raises
        ------
        ValueError
            If `vectors` or `pseudovectors` do not fit the channels.
        """
        spatial = tuple(batch.shape[2:])
        draws = np.asarray(draws)
        maps = batch.detach().flatten(2)
        result = torch.empty_like(maps)
        fields = self._fields(batch.shape[1]) if turn_vectors else []
        if fields:
            source, factor = _turned_channels(draws[:, 0], spatial, fields, batch.shape[1])
            source, factor = _to_device(source, maps), _to_device(factor, maps)
            maps = maps.flatten(0, 1).index_select(0, source.flatten()).view(maps.shape)
        by_strides = maps.device.type == "cpu" and maps.dtype != torch.bfloat16
        if by_strides and not draws[:, 1:].any():
            _copy_turned(maps, result, draws[:, 0], spatial)
        else:
            _gather_turned(maps, result, draws, spatial)
        if fields:
            result *= factor[:, :, None]
        return result.unflatten(2, spatial)

    def _fields(self, n_channels):
        """Checked fields: pairs of channels and of whether it is a pseudovector."""
        fields, seen = [], set()
        for name in ("vectors", "pseudovectors"):
            for channels in getattr(self, name) or ():
                self._check_field(name, channels, n_channels, seen)
                fields.append((np.array(channels), name == "pseudovectors"))
                seen.update(channels)
        return fields

    def _check_field(self, name, channels, n_channels, seen):
        """Refuse what are not the channels of one field."""
        sizes = _SIZES_OF_FIELDS[self.group]
        if not isinstance(channels, (tuple, list)):
            remedy = "Put the channels of each field into a tuple"
        elif len(channels) not in sizes:
            remedy = "Name one channel for each component"
        elif not all(isinstance(c, Integral) and not isinstance(c, bool) for c in channels):
            remedy = "Name channels by integers"
        elif not all(0 <= c < n_channels for c in channels):
            remedy = f"The maps have n_channels={n_channels}: count from 0 to {n_channels - 1}"
        elif len(seen.union(channels)) < len(seen) + len(channels):
            remedy = "Let each channel be a component of one field, in one of the parameters"
        else:
            return
        example = [tuple(range(sizes[0])), tuple(range(sizes[0], 2 * sizes[0]))]
        raise ValueError(
            f"The {name!r} parameter of Symmetries(group={self.group!r}) must be None or a list of "
            f"tuples of {' or '.join(map(str, sizes))} different channels, one tuple for each "
            f"field, such as {example}. Got {channels!r} in {getattr(self, name)!r}. {remedy}."
        )


@lru_cache
def _source_cells(spatial):
    """What the cells along each axis of the result add to the flat index of their source.

    Parameters
    ----------
    spatial : tuple of int
        Sizes of the spatial axes.

    Returns
    -------
    list of ndarray of int, shape (n_elements, size + 1, size)
        For each axis those of every element, from each cell of the result on, periodically.
    """
    order, sign, _ = element_tables(spatial)
    strides = np.array([int(np.prod(spatial[k + 1 :])) for k in range(len(spatial))])
    terms = []
    for axis, size in enumerate(spatial):
        cells = np.arange(size)
        cells = np.where(sign[:, axis, None] > 0, cells, cells[::-1])
        period = np.tile(cells * strides[order[:, axis], None], 2)
        terms.append(np.lib.stride_tricks.sliding_window_view(period, size, axis=1))
    return terms


def _copy_turned(maps, result, element, spatial):
    """Copy ``(n, n_channels, n_cells)`` maps under their elements, sample by sample."""
    order, sign, _ = element_tables(spatial)
    axes = [(0, *(1 + axis for axis in row)) for row in order.tolist()]
    steps = [(slice(None), *(slice(None, None, step) for step in row)) for row in sign.tolist()]
    sources, targets = (array.unflatten(2, spatial).numpy() for array in (maps, result))
    for number, source, target in zip(element.tolist(), sources, targets, strict=True):
        target[steps[number]] = source.transpose(axes[number])


def _gather_turned(maps, result, draws, spatial):
    """Gather ``(n, n_channels, n_cells)`` maps under their elements and shifts."""
    element, *shift = draws.T
    sign = element_tables(spatial)[1][element]
    terms = [
        cells[element, shift[axis] * sign[:, axis] % size]
        for axis, (size, cells) in enumerate(zip(spatial, _source_cells(spatial), strict=True))
    ]
    terms = _to_device(np.concatenate(terms, axis=1), maps).split(spatial, dim=1)
    step = max(1, _VALUES_AT_ONCE // maps.shape[1:].numel())
    for first in range(0, len(maps), step):
        some = slice(first, first + step)
        index = terms[0][some]
        for cells in terms[1:]:
            index = (index[:, :, None] + cells[some, None]).flatten(1)
        index = index[:, None].expand_as(maps[some])
        torch.gather(maps[some], 2, index, out=result[some])


def _turned_channels(element, spatial, fields, n_channels):
    """Rows of ``(n * n_channels, ...)`` that become the channels of each map, and their signs."""
    order, sign, determinant = (table[element] for table in element_tables(spatial))
    source = np.tile(np.arange(n_channels), (len(element), 1))
    factor = np.ones_like(source)
    for channels, is_pseudovector in fields:
        along_axes = channels[: len(spatial)]
        source[:, along_axes] = along_axes[order]
        factor[:, along_axes] = sign
        if is_pseudovector:
            factor[:, channels] *= determinant[:, None]
    return source + n_channels * np.arange(len(element))[:, None], factor


def _to_device(array, like):
    """Send an array to the device of a tensor without waiting for what is computed there."""
    return torch.from_numpy(array).to(like.device, non_blocking=like.is_cuda)
