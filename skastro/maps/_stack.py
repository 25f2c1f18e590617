"""Several maps of the same samples as the channels of one."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np

from ..exceptions import MapShapeError
from ..utils._typing import MapsLike, PathLike
from ._lazy import LazyMaps, open_members
from ._sources import ArraySource


class StackedSource:
    """Channels of several lazy maps, one after the other.

    Parameters
    ----------
    members : sequence of LazyMaps
        Equally many samples of equal spatial shape.
    dim : int
        Number of spatial axes; a member with as many axes in a sample has one channel.
    """

    dtype = LazyMaps.dtype

    def __init__(self, members, dim):
        self.members = tuple(members)
        self.dim = dim
        ends = np.cumsum([_n_channels(member, dim) for member in members]).tolist()
        self.channels = tuple(slice(*pair) for pair in zip([0, *ends[:-1]], ends, strict=True))
        self.shape = (len(members[0]), ends[-1], *members[0].shape[-dim:])

    def _identity(self):
        return self.members, self.dim

    def realization(self, epoch):
        """The same channels with another draw of the random transforms.

        Parameters
        ----------
        epoch : int
            Number of the draw.

        Returns
        -------
        StackedSource
            The source that reads that draw.
        """
        return StackedSource([member.realization(epoch) for member in self.members], self.dim)

    @property
    def held_bytes(self):
        """Bytes that a sample takes where it is preloaded."""
        return sum(member.held_bytes for member in self.members)

    def preloaded(self, rows):
        """The same channels of some samples, held as the files of the members have them.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers to read, ascending.

        Returns
        -------
        StackedSource
            The source, from which no others can be read.
        """
        return StackedSource([member.preloaded(rows) for member in self.members], self.dim)

    def read(self, rows):
        """Rows as a new array, see `ArraySource.read`.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), n_channels, *spatial)
            The rows in native float32.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        for member, channels in zip(self.members, self.channels, strict=True):
            _read_into(out[:, channels], member, member.rows[rows])
        return out

    def __repr__(self):
        return f"stack of [{', '.join(repr(member.source) for member in self.members)}]"


def stack_channels(maps: Sequence[PathLike | MapsLike], *, dim: int = 2) -> LazyMaps:
    """Put several maps of the same samples together as channels, reading nothing.

    Parameters
    ----------
    maps : list or tuple of path-like, h5py.Dataset, array-like or LazyMaps
        Maps as `open_maps` takes them, of shape ``(n_samples, [n_channels,] *spatial)``, with
        equally many samples and equal spatial axes. Row i of each is of the same sample.
    dim : int, default=2
        Number of spatial axes. Maps of shape ``(n, d, h, w)`` are d channels with ``dim=2`` and
        one channel with ``dim=3``.

    Returns
    -------
    LazyMaps of shape (n_samples, n_channels, *spatial)
        The channels of all maps, one after the other. Transforms that lazy maps carry are
        applied to their own channels when these are read.

    Raises
    ------
    ValueError
        If there are no maps, or `dim` is not a positive integer.
    TypeError
        If `maps` is neither a list nor a tuple.
    MapShapeError
        If the maps differ in their samples or spatial axes, or have too few or too many axes.
    MapSourceError
        If a file is absent or unreadable.

    See Also
    --------
    open_maps : Make lazy maps from one file or array.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.maps import stack_channels
    >>> gas, stars = np.ones((6, 7, 8)), np.zeros((6, 7, 8))
    >>> maps = stack_channels([gas, stars])
    >>> maps.shape
    (6, 2, 7, 8)
    >>> np.asarray(maps[2:4])[:, :, 0, 0].tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    if isinstance(dim, bool) or not isinstance(dim, Integral) or dim < 1:
        raise ValueError(f"The 'dim' parameter of stack_channels must be 1 or more; got {dim!r}.")
    members = open_members(maps, "stack_channels")
    for i, member in enumerate(members):
        if member.ndim not in (dim + 1, dim + 2):
            raise MapShapeError(
                f"stack_channels with dim={dim} takes maps of shape (n_samples, [n_channels,] "
                f"*spatial) with {dim} spatial axes; maps[{i}] has shape {member.shape} "
                f"({member.source}). Set dim to the number of spatial axes."
            )
        if (len(member), member.shape[-dim:]) != (len(members[0]), members[0].shape[-dim:]):
            raise MapShapeError(
                f"stack_channels takes maps with equally many samples and equal spatial axes; "
                f"maps[0] has shape {members[0].shape} ({members[0].source}) and maps[{i}] has "
                f"shape {member.shape} ({member.source})."
            )
    return LazyMaps(StackedSource(members, int(dim)))


def _n_channels(member, dim):
    return 1 if member.ndim == dim + 1 else member.shape[1]


def _read_into(out, member, rows):
    """Fill the channels of one member; an array is copied row by row, without a buffer."""
    source = member.source
    if member.steps or not isinstance(source, ArraySource):
        start = 0  # in chunks of the member, as steps may shrink samples that are large before
        for chunk in LazyMaps(source, rows, member.steps, member.epoch).chunks():
            part = out[start : start + len(chunk)]
            part[...] = chunk.reshape(part.shape)
            start += len(chunk)
        return
    array = np.asarray(source.array)
    for sample, row in zip(out, rows.tolist(), strict=True):
        sample[...] = array[row]
