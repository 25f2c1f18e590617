"""Samples and batches: one gather for each batch, or one coalesced read for several."""

from contextlib import closing
from itertools import pairwise

import numpy as np
import torch

from ..maps import LazyMaps
from ..utils import check_finite
from ._reader import read_ahead, windows_of
from ._streaming import Streaming
from ._torch import derive_seed
from ._transfer import as_stored, beside_training, claim, taken, to_device

_LARGE_MAP = 100_000  # bytes


class MapDataset(torch.utils.data.Dataset):
    """Maps, targets and weights, read a batch at a time.

    Parameters
    ----------
    X : ndarray, torch.Tensor or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Checked maps; a tensor may be on the device already.
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
    streaming : Streaming, default=None
        How lazy maps are shuffled and read ahead; None is ``Streaming()``.

    Attributes
    ----------
    epoch : int
        Number of the epoch in training, from 1; 0 is what predictions see.
    memory_format : torch.memory_format or None
        Channels last, where the net wants its batches so.
    steps_on_device : bool
        Whether transforms of lazy maps are applied where the net is, which is so on a GPU.
    """

    _inputs = {"maps": "X"}

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
        streaming=None,
    ):
        self.maps = as_stored(X)
        self.map_shape = map_shape
        self.y = y
        self.weight = weight
        self.rows = torch.arange(len(X)) if rows is None else rows
        self.augmentation = augmentation
        self.seed = seed
        self.device = torch.device("cpu") if device is None else device
        self.owner = owner
        self.epoch = 0
        self.streaming = Streaming() if streaming is None else streaming
        self.memory_format = None
        self.steps_on_device = self.device.type == "cuda"
        self._draws = None

    def __len__(self):
        return len(self.rows)

    @property
    def lazy_fields(self):
        """The lazy maps that batches are read from, by name."""
        fields = {name: getattr(self, name) for name in self._inputs}
        return {name: field for name, field in fields.items() if isinstance(field, LazyMaps)}

    @property
    def item_bytes(self):
        """Bytes of lazy maps that are held for an item."""
        return sum(field.held_bytes for field in self.lazy_fields.values())

    def samples_of(self, rows):
        """Numbers of the samples of a batch.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of items.

        Returns
        -------
        ndarray of int
            The samples.
        """
        return rows.numpy()

    def start_epoch(self, n_at_once=1):
        """Draw the random numbers of the epoch.

        Parameters
        ----------
        n_at_once : int, default=1
            Items that are read, and shuffled, at once where blocks are shuffled.

        Returns
        -------
        torch.Tensor of int
            Samples of this data set in random order.
        """
        self._next_realization()
        if self.augmentation is not None:
            rng = np.random.default_rng(derive_seed(self.seed, 1, self.epoch))
            draws = self.augmentation.draw(rng, len(self.maps), self.map_shape[1:])
            self._draws = torch.from_numpy(draws)
        return self.rows[torch.from_numpy(self._shuffled(self.rows, n_at_once))]

    def _next_realization(self):
        for name, field in self.lazy_fields.items():
            setattr(self, name, field.realization(self.epoch))

    def _shuffled(self, samples, n_at_once):
        """Random order of some samples in this epoch."""
        rng = np.random.default_rng(derive_seed(self.seed, 0, self.epoch))
        for field in self.lazy_fields.values():
            return self.streaming._order(rng, field.rows[samples.numpy()], n_at_once)
        return rng.permutation(len(samples))

    def load(self, rows, fields, held):
        """Read what a batch takes from lazy maps; in a thread beside that of training.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of items.
        fields : dict of str to LazyMaps
            Where the samples are read from, by the names of `lazy_fields`.
        held : dict
            What is left from the batch before, and is kept for the next.

        Returns
        -------
        dict of str to ndarray or torch.Tensor
            What was read, by the same names.
        """
        samples = rows.numpy()
        return {name: self._read(name, field, samples) for name, field in fields.items()}

    def _read(self, name, field, samples):
        """Samples of a lazy field, an array or a tensor on the device, with no bad value."""
        found, dim = field[samples], len(self.map_shape) - 1
        if self.steps_on_device:
            raw = torch.from_numpy(found.read_raw())
            found = found.apply_steps(to_device(raw, self.device))
        else:
            found = np.asarray(found)
        check_finite(found, self.owner, dim=dim, samples=samples, input_name=self._inputs[name])
        return found

    def batch(self, rows, loaded=None):
        """Read some samples.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of samples.
        loaded : dict, default=None
            What `load` returned for them; None reads it now.

        Returns
        -------
        tuple
            Maps ``(n, n_channels, *spatial)`` on the device, and what the loss takes: targets,
            targets and weights, or an empty tensor where there are none. Targets that are
            fields of the shape of the maps turn with them, as scalars.
        """
        loaded = self.load(rows, self.lazy_fields, {}) if loaded is None else loaded
        maps = claim(loaded["maps"]) if "maps" in loaded else self._gather(rows)
        maps = to_device(maps.reshape(len(rows), *self.map_shape), self.device)
        draws = None if self._draws is None else self._draws[rows]
        if draws is not None:
            maps = self.augmentation.apply(maps, draws)
        maps, y = self._with_target(maps, rows, draws)
        if y is None:
            return maps, torch.empty(0)
        return maps, y if self.weight is None else (y, taken(self.weight, rows))

    def _with_target(self, maps, rows, draws):
        """What the net is given of a batch of maps, and targets; None where there are none."""
        if self.y is None:
            return maps, None
        y = taken(self.y, rows).to(self.device)
        if draws is not None and y.ndim == maps.ndim:
            y = self.augmentation.apply(y, draws, turn_vectors=False)
        return maps, y

    def _gather(self, rows):
        """Maps in memory; large ones go into the order that the net wants as they are copied."""
        maps = self.maps
        reorders = (
            self.memory_format is not None
            and self._draws is None
            and maps.device.type == "cpu"
            and self.map_shape[0] > 1
            and maps[0].nbytes > _LARGE_MAP
        )
        if not reorders:
            return taken(maps, rows)
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
        self._batch_size = batch_size
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
        dataset = self.dataset
        n_ahead = dataset.streaming._n_ahead(self._batch_size * dataset.item_bytes)
        n_at_once = n_ahead * self._batch_size
        order = dataset.start_epoch(n_at_once) if self.shuffle else dataset.rows
        batches = [order[start:stop] for start, stop in pairwise(self._edges)]
        if not dataset.lazy_fields:
            for rows in batches[first:]:
                yield dataset.batch(rows)
            return
        windows = windows_of(batches, dataset.samples_of, n_ahead, first)
        with closing(read_ahead(_loaded(dataset, dataset.lazy_fields, windows), n_ahead)) as found:
            for rows in batches[first:]:
                yield dataset.batch(rows, next(found))


def _loaded(dataset, fields, windows):
    """What batches take from lazy maps; the samples of a window are read at once."""
    held = {}
    with beside_training(dataset.device) as finish:
        for batches, samples in windows:
            window = fields
            if len(batches) > 1:
                needed = np.setdiff1d(np.concatenate(samples), list(held))
                window = {name: field.preloaded(needed) for name, field in fields.items()}
            for rows in batches:
                loaded = dataset.load(rows, window, held)
                finish()
                yield loaded
                del loaded
            del window
