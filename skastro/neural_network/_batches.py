"""Samples and batches: one gather or one coalesced read for each batch."""

from itertools import pairwise

import numpy as np
import torch

from ..maps import LazyMaps
from ..utils import check_finite
from ._torch import derive_seed

_LARGE_MAP = 100_000  # bytes


class MapDataset(torch.utils.data.Dataset):
    """Maps, targets and weights, read a batch at a time.

    Parameters
    ----------
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Checked maps.
    map_shape : tuple of int
        ``(n_channels, *spatial)``, the shape that the module takes.
    y : torch.Tensor, default=None
        Targets, with one row for each sample.
    weight : torch.Tensor of shape (n_samples,), default=None
        Weights of samples.
    rows : torch.Tensor of int, default=None
        Samples that belong to this data set; None takes all. Nothing is copied.
    augmentation : Symmetries, default=None
        Random symmetries of the maps.
    seed : int, default=0
        Seed of shuffling and augmentation.
    device : torch.device, default=None
        Where maps are augmented; None is the processor.
    owner : str, default="MapDataset"
        Estimator that is named in errors.

    Attributes
    ----------
    epoch : int
        Number of the epoch in training, from 1; 0 is what predictions see.
    memory_format : torch.memory_format or None
        Channels last, where the net wants its batches so.
    """

    def __init__(
        self,
        X,
        map_shape,
        y=None,
        weight=None,
        rows=None,
        augmentation=None,
        seed=0,
        device=None,
        owner="MapDataset",
    ):
        self.maps = X if isinstance(X, LazyMaps) else share_memory(X)
        self.map_shape = map_shape
        self.y = y
        self.weight = weight
        self.rows = torch.arange(len(X)) if rows is None else rows
        self.augmentation = augmentation
        self.seed = seed
        self.device = torch.device("cpu") if device is None else device
        self.owner = owner
        self.epoch = 0
        self.memory_format = None
        self._draws = None

    def __len__(self):
        return len(self.rows)

    def start_epoch(self):
        """Draw the random numbers of the epoch.

        Returns
        -------
        torch.Tensor of int
            Samples of this data set in random order.
        """
        if isinstance(self.maps, LazyMaps):
            self.maps = self.maps.realization(self.epoch)
        if self.augmentation is not None:
            rng = np.random.default_rng(derive_seed(self.seed, 1, self.epoch))
            draws = self.augmentation.draw(rng, len(self.maps), self.map_shape[1:])
            self._draws = torch.from_numpy(draws)
        rng = np.random.default_rng(derive_seed(self.seed, 0, self.epoch))
        return self.rows[torch.from_numpy(rng.permutation(len(self)))]

    def batch(self, rows):
        """Read some samples.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of samples.

        Returns
        -------
        tuple
            Maps ``(n, n_channels, *spatial)`` on the device, and what the loss takes: targets,
            targets and weights, or an empty tensor where there are none. Targets that are
            fields of the shape of the maps turn with them, as scalars.
        """
        if isinstance(self.maps, LazyMaps):
            maps = np.asarray(self.maps[rows.numpy()])
            check_finite(maps, self.owner, dim=len(self.map_shape) - 1, samples=rows)
            maps = torch.from_numpy(maps)
        else:
            maps = self._gather(rows)
        maps = maps.reshape(len(rows), *self.map_shape).to(self.device)
        draws = None if self._draws is None else self._draws[rows]
        if draws is not None:
            maps = self.augmentation.apply(maps, draws)
        maps, y = self._with_target(maps, rows, draws)
        if y is None:
            return maps, torch.empty(0)
        return maps, y if self.weight is None else (y, self.weight.index_select(0, rows))

    def _with_target(self, maps, rows, draws):
        """What the net is given of a batch of maps, and targets; None where there are none."""
        if self.y is None:
            return maps, None
        y = self.y.index_select(0, rows).to(self.device)
        if draws is not None and y.ndim == maps.ndim:
            y = self.augmentation.apply(y, draws, turn_vectors=False)
        return maps, y

    def _gather(self, rows):
        """Maps in memory; large ones go into the order that the net wants as they are copied."""
        maps = self.maps
        reorders = (
            self.memory_format is not None
            and self._draws is None
            and self.map_shape[0] > 1
            and maps[0].nbytes > _LARGE_MAP
        )
        if not reorders:
            return maps.index_select(0, rows)
        channels, *spatial = self.map_shape
        batch = torch.empty(len(rows), *spatial, channels).movedim(-1, 1)
        for out, row in zip(batch, rows.tolist(), strict=True):
            out.copy_(maps[row])
        return batch


class Batches:
    """Batches of a `MapDataset`, in the place of torch's loader.

    Parameters
    ----------
    dataset : MapDataset
        Where samples come from.
    batch_size : int
        Samples in a batch. In training on batches of several, a last one of a single sample
        joins the one before it, since batch normalization cannot do with one value.
    shuffle : bool, default=False
        Whether this is training: samples come in a new random order each epoch, augmented.
    """

    def __init__(self, dataset, batch_size, shuffle=False):
        self.dataset = dataset
        self.shuffle = shuffle
        n = len(dataset)
        edges = list(range(0, n, batch_size))
        if shuffle and len(edges) > 1 and batch_size > 1 and n - edges[-1] == 1:
            edges.pop()
        self._edges = [*edges, n]

    def __len__(self):
        return len(self._edges) - 1

    def __iter__(self):
        return self.starting_at(0)

    def starting_at(self, first):
        """Batches from some place in the epoch on.

        Parameters
        ----------
        first : int
            Number of batches to leave out.

        Yields
        ------
        tuple
            What `MapDataset.batch` returns.
        """
        order = self.dataset.start_epoch() if self.shuffle else self.dataset.rows
        for start, stop in pairwise(self._edges[first:]):
            yield self.dataset.batch(order[start:stop])


class _Writable:
    """The memory of an array, without its flag; torch warns of arrays that are read-only."""

    def __init__(self, array):
        address, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (address, False)}
        self.array = array


def share_memory(array):
    """Share the memory of an array that is only read from.

    Parameters
    ----------
    array : ndarray
        The array, which may be read-only.

    Returns
    -------
    torch.Tensor
        A tensor of the same memory; nothing may be written to it.
    """
    if not array.flags.writeable:
        array = np.asarray(_Writable(array))
    return torch.from_numpy(array)
