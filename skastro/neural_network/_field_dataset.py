"""Windows of boxes, and the same windows of their targets, a batch at a time."""

import copy

import numpy as np
import torch

from ._batches import MapDataset
from ._torch import derive_seed
from ._transfer import as_stored, claim, taken, to_device
from ._windows import cut, turned_offset

_ROUNDING = 1e-5


class FieldDataset(MapDataset):
    """Maps and fields of the same size, cut into windows.

    An item is a window: those of a sample are neighbours, also in the random order of an epoch,
    so that a sample in a file is read once for all of them.

    Parameters
    ----------
    X : ndarray or LazyMaps of shape (n_samples, [n_channels,] *spatial)
        Checked maps.
    map_shape : tuple of int
        ``(n_channels, *spatial)``, the shape of a map.
    y : ndarray or LazyMaps of shape (n_samples, [n_targets,] *spatial)
        Targets.
    windows : Windows
        How maps are cut.
    n_patches : int or None
        Windows of a sample in an epoch, each anywhere; None takes those that cover it.
    target_range : tuple of float, default=None
        Least and greatest value that a target may have, checked where targets are read.
    target_scaler : FieldScaler, default=None
        What scales the targets, a batch at a time.
    **options
        As for `MapDataset`.
    """

    _inputs = {"maps": "X", "y": "y"}

    def __init__(
        self,
        X,
        map_shape,
        y,
        *,
        windows,
        n_patches,
        target_range=None,
        target_scaler=None,
        **options,
    ):
        super().__init__(X, map_shape, **options)
        self.samples = self.rows
        self.y = as_stored(y)
        self.windows = windows
        self.target_range = target_range
        self.target_scaler = target_scaler
        self._target_shape = (-1, *map_shape[1:])
        self._core, self._window = windows.training_shape(map_shape[1:])
        self._grid = windows.grid(map_shape[1:]) if n_patches is None else None
        self._per_sample = len(self._grid) if n_patches is None else n_patches
        self.rows = torch.arange(len(self.samples) * self._per_sample)

    @property
    def item_bytes(self):
        """Bytes of lazy fields that are held for an item."""
        return -(-super().item_bytes // self._per_sample)

    def samples_of(self, rows):
        """Numbers of the samples of a batch.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of windows.

        Returns
        -------
        ndarray of int
            The sample of each window.
        """
        return self.samples.numpy()[rows.numpy() // self._per_sample]

    def start_epoch(self, n_at_once=1):
        """Draw the random numbers of the epoch.

        Parameters
        ----------
        n_at_once : int, default=1
            Windows that are read, and shuffled, at once where blocks are shuffled.

        Returns
        -------
        torch.Tensor of int
            Windows in random order, those of a sample one after the other.
        """
        self._next_realization()
        spatial, n_samples = self.map_shape[1:], len(self.maps)
        n_windows = n_samples * self._per_sample
        shift = self.augmentation is not None and self.augmentation.shift
        rng = np.random.default_rng(derive_seed(self.seed, 5, self.epoch))
        self._starts = self.windows.draw(rng, n_windows, spatial, shift)
        if self.augmentation is not None:
            rng = np.random.default_rng(derive_seed(self.seed, 1, self.epoch))
            self._draws = self.augmentation.draw(rng, n_windows, self._window)
            whole = self._core == self._window == spatial
            self._draws[:, 1:] *= whole
            self._starts *= not whole
        order = self._shuffled(self.samples, max(1, n_at_once // self._per_sample))
        order = order[:, None] * self._per_sample
        return torch.from_numpy((order + np.arange(self._per_sample)).ravel())

    def load(self, rows, fields, held):
        """Read the windows of a batch from lazy fields, see `MapDataset.load`.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of windows.
        fields : dict of str to LazyMaps
            Where the samples are read from, by the names of `lazy_fields`.
        held : dict
            The last sample of the batch before; its windows may go on in this one.

        Returns
        -------
        dict of str to ndarray or torch.Tensor
            Windows, by the same names.
        """
        samples, begin = self.samples_of(rows), self._places(rows)[0]
        last, before = int(samples[-1]), dict(held)
        held.clear()
        loaded = {}
        for name, field in fields.items():
            found = {i: boxes[name] for i, boxes in before.items() if i in samples}
            new = np.setdiff1d(samples, list(found))
            if len(new):
                found |= zip(new.tolist(), self._read(name, field, new), strict=True)
            loaded[name] = self._cut(name, found, samples, begin)
            if name == "y" and self.target_range is not None:
                check_range(loaded[name].min(), loaded[name].max(), self.target_range, self.owner)
            if self._per_sample > 1:
                alone = last in before or len(new) == 1  # else part of an array of several samples
                kept = found[last] if alone else copy.deepcopy(found[last])
                held.setdefault(last, {})[name] = kept
        return loaded

    def _places(self, rows):
        """Where windows begin, where their cores do in them, and how they are turned."""
        rows = rows.numpy()
        samples, number = self.samples.numpy()[rows // self._per_sample], rows % self._per_sample
        if self._grid is None:
            places = samples * self._per_sample + number
            starts, draws = self._starts[places], self._draws
            draws = None if draws is None else draws[places]
        else:
            starts, draws = self._grid[number], None
        return *self.windows.place(starts, self.map_shape[1:]), draws

    def _cut(self, name, fields, samples, begin):
        """Windows of maps or targets, arrays or tensors by the numbers of samples."""
        shape = self.map_shape if name == "maps" else self._target_shape
        places = zip(samples.tolist(), begin.tolist(), strict=True)
        windows = [cut(fields[i].reshape(shape), at, self._window) for i, at in places]
        return (torch if isinstance(windows[0], torch.Tensor) else np).stack(windows)

    def batch(self, rows, loaded=None):
        """Read some windows.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of windows.
        loaded : dict, default=None
            What `load` returned for them; None reads it now.

        Returns
        -------
        maps : torch.Tensor of shape (n, n_channels, *window)
            Windows of the maps, on the device.
        target : tuple
            Windows of the targets ``(n, n_targets, *core)``, first cells of the cores in the
            windows ``(n, n_axes)``, and weights where there are any.
        """
        loaded = self.load(rows, self.lazy_fields, {}) if loaded is None else loaded
        samples, (begin, offset, draws) = self.samples_of(rows), self._places(rows)
        maps, y = (
            to_device(
                claim(loaded[name])
                if name in loaded
                else self._cut(name, getattr(self, name), samples, begin),
                self.device,
            )
            for name in self._inputs
        )
        if draws is not None:
            maps = self.augmentation.apply(maps, draws)
            y = self.augmentation.apply(y, draws, turn_vectors=False)
            offset = turned_offset(draws[:, 0], offset, self._core, self._window)
        y = crop(y, offset, self._core)
        if self.target_scaler is not None:
            y = self.target_scaler._apply(y)
        target = y, torch.from_numpy(offset)
        if self.weight is not None:
            target += (taken(self.weight, torch.from_numpy(samples)).to(self.device),)
        return maps, target


def check_range(least, most, target_range, owner):
    """Refuse targets that the net could not make, unless they are off by rounding.

    Parameters
    ----------
    least, most : float
        Least and greatest of the targets.
    target_range : tuple of float
        What they may be.
    owner : str
        Estimator that is named in the error.

    Raises
    ------
    ValueError
        If targets are out of the range.
    """
    low, high = target_range
    if least < low - _ROUNDING or most > high + _ROUNDING:
        raise ValueError(
            f"{owner}(output='fraction') takes targets y from {low:g} to {high:g}; got some from "
            f"{least:.7g} to {most:.7g}. Divide or clip y, or set output='free'."
        )


def crop(fields, offset, core):
    """Cut the cores out of windows.

    Parameters
    ----------
    fields : torch.Tensor of shape (n, n_channels, *window)
        The windows.
    offset : ndarray or torch.Tensor of int, shape (n, n_axes)
        First cell of each core.
    core : tuple of int
        Sizes of the cores.

    Returns
    -------
    torch.Tensor of shape (n, n_channels, *core)
        The cores; a view where all begin at the same cell.
    """
    if tuple(fields.shape[2:]) == tuple(core):
        return fields
    offset = offset.tolist()
    if all(row == offset[0] for row in offset):
        return cut(fields, offset[0], core)
    return torch.stack([cut(field, row, core) for field, row in zip(fields, offset, strict=True)])
