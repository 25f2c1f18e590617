"""Windows of boxes, and the same windows of their targets, a batch at a time."""

import numpy as np
import torch

from ..maps import LazyMaps
from ..utils import check_finite
from ._batches import MapDataset, share_memory
from ._torch import derive_seed
from ._windows import cut, turned_offset

_INPUTS = {"maps": "X", "y": "y"}
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
        self.y = y if isinstance(y, LazyMaps) else share_memory(y)
        self.windows = windows
        self.target_range = target_range
        self.target_scaler = target_scaler
        self._target_shape = (-1, *map_shape[1:])
        self._core, self._window = windows.training_shape(map_shape[1:])
        self._grid = windows.grid(map_shape[1:]) if n_patches is None else None
        self._per_sample = len(self._grid) if n_patches is None else n_patches
        self.rows = torch.arange(len(self.samples) * self._per_sample)
        self._held = {}

    def start_epoch(self):
        """Draw the random numbers of the epoch.

        Returns
        -------
        torch.Tensor of int
            Windows in random order, those of a sample one after the other.
        """
        for name in ("maps", "y"):
            fields = getattr(self, name)
            if isinstance(fields, LazyMaps):
                setattr(self, name, fields.realization(self.epoch))
        self._held = {}
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
        rng = np.random.default_rng(derive_seed(self.seed, 0, self.epoch))
        order = rng.permutation(len(self.samples))[:, None] * self._per_sample
        return torch.from_numpy((order + np.arange(self._per_sample)).ravel())

    def batch(self, rows):
        """Read some windows.

        Parameters
        ----------
        rows : torch.Tensor of int
            Numbers of windows.

        Returns
        -------
        maps : torch.Tensor of shape (n, n_channels, *window)
            Windows of the maps, on the device.
        target : tuple
            Windows of the targets ``(n, n_targets, *core)``, first cells of the cores in the
            windows ``(n, n_axes)``, and weights where there are any.
        """
        rows = rows.numpy()
        samples, number = self.samples.numpy()[rows // self._per_sample], rows % self._per_sample
        if self._grid is None:
            places = samples * self._per_sample + number
            starts, draws = self._starts[places], self._draws
            draws = None if draws is None else draws[places]
        else:
            starts, draws = self._grid[number], None
        begin, offset = self.windows.place(starts, self.map_shape[1:])
        maps = self._cut("maps", self.map_shape, samples, begin).to(self.device)
        y = self._cut("y", self._target_shape, samples, begin)
        if self.target_range is not None and isinstance(self.y, LazyMaps):
            check_range(*y.aminmax(), self.target_range, self.owner)
        y = y.to(self.device)
        if draws is not None:
            maps = self.augmentation.apply(maps, draws)
            y = self.augmentation.apply(y, draws, turn_vectors=False)
            offset = turned_offset(draws[:, 0], offset, self._core, self._window)
        y = crop(y, offset, self._core)
        if self.target_scaler is not None:
            y = self.target_scaler._apply(y)
        target = y, torch.from_numpy(offset)
        if self.weight is not None:
            target += (self.weight[samples].to(self.device),)
        return maps, target

    def _cut(self, name, shape, samples, begin):
        """Windows of maps or targets."""
        fields = getattr(self, name)
        if isinstance(fields, LazyMaps):
            fields = self._read(name, samples, len(shape) - 1)
        windows = zip(samples.tolist(), begin.tolist(), strict=True)
        return torch.stack([cut(fields[i].reshape(shape), at, self._window) for i, at in windows])

    def _read(self, name, samples, dim):
        """Samples of lazy fields by their numbers; the last one is held for the next batch."""
        fields = {i: field for i, field in self._held.pop(name, {}).items() if i in samples}
        rows = np.setdiff1d(samples, list(fields))
        if len(rows):
            found = np.asarray(getattr(self, name)[rows])
            check_finite(found, self.owner, dim=dim, samples=rows, input_name=_INPUTS[name])
            fields |= zip(rows.tolist(), torch.from_numpy(found), strict=True)
        if self._per_sample > 1:
            last = int(samples[-1])
            self._held[name] = {last: fields[last].clone()}
        return fields


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
