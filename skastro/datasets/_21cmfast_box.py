"""What is known of one field of one box of 21cmFAST before it is read, and how it is read."""

import dataclasses
from dataclasses import dataclass
from math import nan
from pathlib import Path

import h5py
import numpy as np

from skastro.exceptions import MapSourceError

FIELDS = ("density", "xHI", "brightness_temp", "velocity_z")
DEFAULT_FIELDS = FIELDS[:3]
MATTER_FIELDS = ("density", "velocity_z")
UNKNOWN_SEED = -1
_ROWS_TO_TELL_BY = 8


@dataclass(frozen=True)
class Box:
    """One field of one box, in a file.

    Attributes
    ----------
    field : str
        One of `FIELDS`.
    path : pathlib.Path
        The file.
    dataset : str or None
        Dataset of an HDF5 file; None for a raw binary.
    redshift, box_size : float
        Redshift, and side of the box in comoving Mpc.
    n_cells : int
        Cells along a side.
    matter : tuple
        Equal for boxes of one run of the initial conditions.
    origin : str
        Equal for boxes that may share initial conditions, where the seed is unknown.
    model : str or None
        Parameters of the sources; None where the field does not depend on them.
    f_esc : float
        Escape fraction; NaN where unknown.
    seed : int
        Random seed; -1 where unknown.
    nf : str or None
        Mean neutral fraction as it stands in a name.
    parameters : dict
        Parameters of the sources by name.
    velocity_corrected : bool or None
        Whether a brightness temperature has the correction for velocity gradients.
    """

    field: str
    path: Path
    dataset: str | None
    redshift: float
    box_size: float
    n_cells: int
    matter: tuple
    origin: str
    model: str | None = None
    f_esc: float = nan
    seed: int = UNKNOWN_SEED
    nf: str | None = None
    parameters: dict = dataclasses.field(default_factory=dict)
    velocity_corrected: bool | None = None


class BoxSource:
    """Boxes of one field, each in a file or in a dataset of one.

    No file is kept open, as there may be more of them than a process may open.

    Parameters
    ----------
    boxes : sequence of Box
        The field of each sample, of equal size.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, boxes):
        keys = [(str(box.path), box.dataset) for box in boxes]
        self.keys = list(dict.fromkeys(keys))
        numbers = {key: i for i, key in enumerate(self.keys)}
        self.index = np.array([numbers[key] for key in keys])
        self.shape = (len(boxes), *(boxes[0].n_cells,) * 3)

    def _identity(self):
        files = [Path(path) for path, _ in self.keys]
        status = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        some = np.unique(np.linspace(0, len(self.index) - 1, _ROWS_TO_TELL_BY).astype(int))
        datasets = [dataset for _, dataset in self.keys]
        return status, datasets, self.index, self.shape, self.read(some)

    def read(self, rows):
        """Rows as a new array; a box that several rows share is read once.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), n, n, n)
            The boxes in native float32.

        Raises
        ------
        MapSourceError
            If a file has gone, has changed or cannot be read.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        wanted = self.index[rows]
        for number in np.unique(wanted):
            first, *others = np.flatnonzero(wanted == number)
            self._read_box(*self.keys[number], out[first])
            out[others] = out[first]
        return out

    def _read_box(self, path, dataset, out):
        try:
            if dataset is None:
                values = np.fromfile(path, dtype="<f4")
                found = values.shape
                fits = values.size == out.size
            else:
                with h5py.File(path, "r") as file:
                    values = file[dataset][()]
                found = values.shape
                fits = found == out.shape
        except (OSError, KeyError) as error:
            raise MapSourceError(
                f"LazyMaps: cannot read {path}: {error}. Put the file back, or call load_21cmfast "
                f"again."
            ) from error
        if not fits:
            raise MapSourceError(
                f"LazyMaps: {path} has changed: expected a box of shape {out.shape}, found "
                f"{found}. Call load_21cmfast again."
            )
        out[...] = values.reshape(out.shape)

    def __repr__(self):
        path, dataset = self.keys[0]
        first = path if dataset is None else f"{path}::{dataset}"
        return first if len(self.keys) == 1 else f"{first} and {len(self.keys) - 1} more"
