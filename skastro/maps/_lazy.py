"""LazyMaps: rows of a source and the transforms that are still to be applied."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import DTypeLike

from ..utils._training_record import drop_records
from ..utils._typing import Array, MapsLike, PathLike
from ._html import maps_html
from ._sources import CHUNK_BYTES, Hdf5Source, held_source, make_source

if TYPE_CHECKING:
    from ._transformer import MapTransformer


class Step(NamedTuple):
    """A fitted transformer to apply to each batch that is read.

    Attributes
    ----------
    transformer : MapTransformer
        The transformer as it was fitted when it was appended.
    inverse : bool
        Whether its inverse is applied.
    """

    transformer: MapTransformer
    inverse: bool = False

    def sample_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample behind this step."""
        if self.inverse:
            return self.transformer._inverse_sample_shape(shape)
        return self.transformer._sample_shape(shape)

    def apply(self, batch: Array, samples: np.ndarray, epoch: int) -> Array:
        """Transform a batch, an array or a tensor."""
        if self.inverse:
            return self.transformer._apply_inverse(batch)
        if self.transformer._random:
            return self.transformer._apply_random(batch, samples, epoch)
        return self.transformer._apply(batch)


class LazyMaps:
    """Maps that are read and transformed when they are needed.

    An array-like of three parts: a source (a dataset of an HDF5 file, a ``.npy`` file or an
    array), the rows chosen from it, and the fitted transforms still to be applied. It has
    what scikit-learn asks of an array, so that splitters, pipelines and searches take it;
    indexing chooses rows and reads nothing, ``numpy.asarray`` reads. It is pickled as a path
    and row numbers, and files are opened anew in each process.

    Made by `open_maps`, and by every transformer of the library that is given one.

    Parameters
    ----------
    source : object
        Has ``shape``, ``dtype`` and ``read(rows)`` returning float32.
    rows : ndarray of int, default=None
        Rows of the source, in this order; None takes all.
    steps : tuple of Step, default=()
        Transforms to apply to what is read.
    epoch : int, default=0
        Which realization random transforms give.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, [n_channels,] *spatial)`` behind all transforms.
    dtype : numpy.dtype
        float32, whatever the source holds.

    See Also
    --------
    open_maps : Make lazy maps from a file or an array.

    Examples
    --------
    >>> import numpy as np
    >>> from skastro.maps import open_maps
    >>> maps = open_maps(np.arange(24.0).reshape(6, 2, 2))
    >>> maps[[4, 1]]
    LazyMaps(shape=(2, 2, 2), source=array in memory)
    >>> np.asarray(maps[[4, 1]])[:, 0, 0]
    array([16.,  4.], dtype=float32)
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        source: Any,
        rows: np.ndarray | None = None,
        steps: tuple[Step, ...] = (),
        epoch: int = 0,
    ) -> None:
        self.source = source
        self.rows = np.arange(source.shape[0]) if rows is None else rows
        self.steps = steps
        self.epoch = epoch
        sample_shape = tuple(source.shape[1:])
        for step in steps:
            sample_shape = step.sample_shape(sample_shape)
        self.shape = (len(self.rows), *sample_shape)

    @property
    def ndim(self) -> int:
        """Number of axes, that of the samples included."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the array would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, key: int | np.integer) -> np.ndarray: ...

    @overload
    def __getitem__(
        self, key: slice | list[int] | list[bool] | np.ndarray | tuple[Any, ...]
    ) -> LazyMaps: ...

    def __getitem__(self, key):
        if isinstance(key, tuple):
            key = self._row_key(key)
        rows = self.rows[key]
        if rows.ndim == 0:
            return self._read(rows.reshape(1))[0]
        if rows.ndim > 1:
            raise IndexError(
                f"LazyMaps is indexed by rows along one axis; got an index of shape {rows.shape}. "
                f"Read it first: numpy.asarray(maps)[...]."
            )
        return LazyMaps(self.source, rows, self.steps, self.epoch)

    def _row_key(self, key):
        rest = [k for k in key[1:] if k is not Ellipsis]
        whole = all(isinstance(k, slice) and k == slice(None) for k in rest)
        if not whole or len(rest) >= self.ndim:
            raise IndexError(
                f"LazyMaps is indexed by rows alone; got {key!r}. Read the rows first: "
                f"numpy.asarray(maps[rows])[:, ...]."
            )
        return key[0] if key else Ellipsis

    def __iter__(self) -> Iterator[np.ndarray]:
        for chunk in self.chunks():
            yield from chunk

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("LazyMaps has to be read: numpy.asarray(maps, copy=False) cannot be.")
        return self._read(self.rows).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        names = [
            f"{type(step.transformer).__name__}{'.inverse' if step.inverse else ''}"
            for step in self.steps
        ]
        steps = f", steps=[{', '.join(names)}]" if names else ""
        return f"LazyMaps(shape={self.shape}, source={self.source}{steps})"

    def _repr_html_(self):
        return maps_html(self)

    def __getstate__(self):
        return self.__dict__ | {"rows": _packed(self.rows)}

    def __setstate__(self, state):
        rows = state["rows"]
        rows = np.arange(rows.start, rows.stop, rows.step) if isinstance(rows, range) else rows
        self.__dict__.update(state | {"rows": rows.astype(np.intp, copy=False)})

    def with_step(self, transformer: MapTransformer, inverse: bool = False) -> LazyMaps:
        """Append a fitted transformer.

        Parameters
        ----------
        transformer : MapTransformer
            The fitted transformer. A shallow copy of it is kept, since fit replaces attributes,
            without what a pipeline of scikit-learn ties to it while it runs.
        inverse : bool, default=False
            Append its inverse.

        Returns
        -------
        LazyMaps
            The same rows, transformed when they are read.
        """
        transformer = copy.copy(transformer)
        transformer.__dict__.pop("_parent_callback_ctx", None)
        drop_records(transformer)
        return LazyMaps(
            self.source, self.rows, (*self.steps, Step(transformer, inverse)), self.epoch
        )

    def realization(self, epoch: int) -> LazyMaps:
        """The same maps with another draw of the random transforms.

        Parameters
        ----------
        epoch : int
            Number of the draw. Draws depend on the seed of the transform, this number and
            the row in the source, not on the order of reading.

        Returns
        -------
        LazyMaps
            Lazy maps that read that draw.
        """
        source = self.source
        if hasattr(source, "realization"):
            source = source.realization(epoch)
        return LazyMaps(source, self.rows, self.steps, epoch)

    @property
    def sample_bytes(self) -> int:
        """Bytes that a sample takes in memory, before the transforms or behind them."""
        sizes = math.prod(self.shape[1:]), math.prod(self.source.shape[1:])
        return max(*sizes, 1) * self.dtype.itemsize

    @property
    def held_bytes(self) -> int:
        """Bytes that a sample takes where it is `preloaded`, or behind the transforms."""
        return max(self.sample_bytes, getattr(self.source, "held_bytes", 0))

    @property
    def rows_per_chunk(self) -> int:
        """Rows of the source of which all are decompressed to read one; 1 where it is so."""
        return _rows_per_chunk(self.source)

    def preloaded(self, samples: np.ndarray) -> LazyMaps:
        """The same maps, some of which are held in memory as the source has them.

        Parameters
        ----------
        samples : ndarray of int
            Numbers of the samples to read, all at once and in the order of the source. No
            others can be read from what is returned.

        Returns
        -------
        LazyMaps
            Lazy maps with the same rows and transforms, those of members included, which are
            applied to each batch as without this; what is in memory already is not copied.
        """
        source = held_source(self.source, np.unique(self.rows[samples]))
        return LazyMaps(source, self.rows, self.steps, self.epoch)

    def read_raw(self) -> np.ndarray:
        """Read without the transforms.

        Returns
        -------
        ndarray of shape (n_samples, ...)
            The maps as the source has them, in float32.
        """
        return self.source.read(self.rows)

    def apply_steps(self, batch: Array) -> Array:
        """Apply the transforms to what `read_raw` returned.

        Parameters
        ----------
        batch : ndarray or torch.Tensor of shape (n_samples, ...)
            The maps as the source has them, on any device.

        Returns
        -------
        ndarray or torch.Tensor of shape (n_samples, [n_channels,] *spatial)
            The transformed maps, where the batch is.
        """
        return self._stepped(batch, self.rows)

    def chunks(self, n_bytes: int = CHUNK_BYTES) -> Iterator[np.ndarray]:
        """Read in order, a few samples at a time.

        Parameters
        ----------
        n_bytes : int, default=33554432
            Memory that a chunk may take; one sample is read in any case.

        Yields
        ------
        ndarray of shape (n, [n_channels,] *spatial)
            Consecutive samples.
        """
        size = max(1, int(n_bytes // self.sample_bytes))
        for start in range(0, len(self), size):
            yield self._transformed(self.rows[start : start + size])

    def _transformed(self, rows):
        return self._stepped(self.source.read(rows), rows)

    def _stepped(self, batch, rows):
        for step in self.steps:
            batch = step.apply(batch, rows, self.epoch)
        return batch

    def _read(self, rows):
        """Read rows of the source in ascending order, a chunk at a time."""
        if 0 < len(rows) <= max(1, CHUNK_BYTES // self.sample_bytes) and (np.diff(rows) >= 0).all():
            return np.ascontiguousarray(self._transformed(rows), dtype=np.float32)
        ascending = LazyMaps(self.source, np.sort(rows), self.steps, self.epoch)
        out = np.empty(ascending.shape, dtype=np.float32)
        order = np.argsort(rows, kind="stable")
        start = 0
        for chunk in ascending.chunks():
            out[order[start : start + len(chunk)]] = chunk
            start += len(chunk)
        return out


def _rows_per_chunk(source):
    if not isinstance(source, Hdf5Source):
        members = getattr(source, "members", ())
        return max((member.rows_per_chunk for member in members), default=1)
    array = source._array()
    filters = array.id.get_create_plist().get_nfilters()
    return array.chunks[0] if array.chunks and filters else 1


def _packed(rows):
    """Rows as few bytes: a range where they have one step, else the smallest integers."""
    if len(rows) == 0:
        return range(0)
    first, step = int(rows[0]), int(rows[1] - rows[0]) if len(rows) > 1 else 1
    if step and (np.diff(rows) == step).all():
        return range(first, first + step * len(rows), step)
    return rows.astype(np.min_scalar_type(int(rows.max())))


def open_maps(maps: PathLike | MapsLike, dataset: str | None = None) -> LazyMaps:
    """Open maps without reading them.

    Parameters
    ----------
    maps : path-like, h5py.Dataset, array-like or LazyMaps
        A ``.npy`` file, an HDF5 file, a dataset of one, or an array of shape
        ``(n_samples, [n_channels,] *spatial)``. Lazy maps are returned as they are.
    dataset : str, default=None
        Name of the dataset in an HDF5 file. It may be left out where the file has but one
        dataset with two or more axes.

    Returns
    -------
    LazyMaps
        All rows of the source.

    Raises
    ------
    MapSourceError
        If the file is absent or unreadable.
    ValueError
        If the dataset has to be named, or values are masked.
    MapShapeError
        If there are fewer than two axes or the values are not real numbers.

    Examples
    --------
    >>> import h5py, numpy as np, tempfile, os
    >>> from skastro.maps import open_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "maps.h5")
    ...     with h5py.File(path, "w") as file:
    ...         file["density"] = np.ones((10, 2, 7, 8), dtype="float16")
    ...     maps = open_maps(path)
    ...     print(maps.shape, maps.dtype, np.asarray(maps[3:5]).mean())
    (10, 2, 7, 8) float32 1.0
    """
    if isinstance(maps, LazyMaps):
        return maps
    return LazyMaps(make_source(maps, dataset))


def open_members(maps, owner):
    """Open each of a list of maps.

    Parameters
    ----------
    maps : list or tuple
        What `open_maps` takes, at least one.
    owner : str
        Function that is named in errors.

    Returns
    -------
    list of LazyMaps
        The maps.

    Raises
    ------
    ValueError
        If there are no maps.
    TypeError
        If `maps` is neither a list nor a tuple.
    """
    if not isinstance(maps, list | tuple):
        raise TypeError(
            f"{owner} takes a list of maps; got a {type(maps).__name__}. Put it in a list, or "
            f"open a single one with open_maps."
        )
    if not maps:
        raise ValueError(f"{owner} takes at least one map; got an empty list.")
    return [open_maps(item) for item in maps]
