"""Rows of several maps, one after the other."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..exceptions import MapShapeError
from ..utils._typing import MapsLike, PathLike
from ._lazy import LazyMaps, open_members


class ConcatenatedSource:
    """Samples of several lazy maps, one after the other.

    Parameters
    ----------
    members : sequence of LazyMaps
        Samples of equal shape.
    """

    dtype = LazyMaps.dtype

    def __init__(self, members):
        self.members = tuple(members)
        ends = np.cumsum([len(member) for member in self.members])
        self.starts = np.concatenate([[0], ends[:-1]])
        self.shape = (int(ends[-1]), *self.members[0].shape[1:])

    def _identity(self):
        return self.members

    def realization(self, epoch):
        """The same samples with another draw of the random transforms.

        Parameters
        ----------
        epoch : int
            Number of the draw.

        Returns
        -------
        ConcatenatedSource
            The source that reads that draw.
        """
        return ConcatenatedSource([member.realization(epoch) for member in self.members])

    @property
    def held_bytes(self):
        """Bytes that a sample takes where it is preloaded."""
        return max(member.held_bytes for member in self.members)

    def preloaded(self, rows):
        """The same samples, some of which are held as the files of the members have them.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers to read, ascending.

        Returns
        -------
        ConcatenatedSource
            The source, from which no others can be read.
        """
        edges = np.searchsorted(rows, [*self.starts, self.shape[0]])
        return ConcatenatedSource(
            member.preloaded(rows[first:last] - start) if last > first else member
            for member, start, (first, last) in zip(
                self.members, self.starts, pairwise(edges), strict=True
            )
        )

    def read(self, rows):
        """Rows as a new array, see `ArraySource.read`.

        Each member is read once, in the order of its own rows; in chunks where that is much.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), [n_channels,] *spatial)
            The rows in native float32.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        owners = np.searchsorted(self.starts, rows, side="right") - 1
        for i in np.unique(owners):
            places = np.flatnonzero(owners == i)
            out[places] = self.members[i][np.asarray(rows)[places] - self.starts[i]]
        return out

    def __repr__(self):
        return f"concatenation of [{', '.join(repr(member.source) for member in self.members)}]"


def concatenate(maps: Sequence[PathLike | MapsLike]) -> LazyMaps:
    """Put the samples of several maps one after the other, reading nothing.

    Parameters
    ----------
    maps : list or tuple of path-like, h5py.Dataset, array-like or LazyMaps
        Maps as `open_maps` takes them, of shape ``(n_samples, [n_channels,] *spatial)``, with
        samples of equal shape.

    Returns
    -------
    LazyMaps of shape (n_samples, [n_channels,] *spatial)
        The samples of all maps, in this order. Transforms that lazy maps carry are applied to
        their own samples when these are read.

    Raises
    ------
    ValueError
        If there are no maps.
    TypeError
        If `maps` is neither a list nor a tuple.
    MapShapeError
        If the maps differ in the shape of their samples.
    MapSourceError
        If a file is absent or unreadable.

    See Also
    --------
    stack_channels : Put maps of the same samples together as channels.

    Notes
    -----
    Noise depends on the row in the source that it is added to. Add it behind the concatenation:
    one transform of noise before it draws the same noise for row 0 of each of the maps.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.maps import concatenate
    >>> maps = concatenate([np.zeros((3, 7, 8)), np.ones((2, 7, 8))])
    >>> maps.shape
    (5, 7, 8)
    >>> np.asarray(maps[[4, 0]])[:, 0, 0].tolist()
    [1.0, 0.0]
    """
    members = open_members(maps, "concatenate")
    for i, member in enumerate(members):
        if member.shape[1:] != members[0].shape[1:]:
            raise MapShapeError(
                f"concatenate takes maps with samples of equal shape; maps[0] has samples of shape "
                f"{members[0].shape[1:]} ({members[0].source}) and maps[{i}] of shape "
                f"{member.shape[1:]} ({member.source}). Bring them to one shape first, or put "
                f"channels together with stack_channels."
            )
    return LazyMaps(ConcatenatedSource(members))
