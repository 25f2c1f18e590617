"""Cubes in files of their own as a source of lazy maps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skastro.exceptions import DatasetFormatError, MapSourceError

_ROWS_TO_TELL_BY = 8


@dataclass(frozen=True)
class Cube:
    """One field at one redshift, in a file.

    What is read is ``values * scale + offset``; if `over_mean`, the values are first divided by
    their mean.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    form : object
        Has ``shape`` and ``read(path)``.
    n_bytes : int
        Size of the file when its header was read.
    scale, offset : float
        Conversion of the values.
    over_mean : bool
        Whether values are divided by their mean.
    bounds : tuple of two float or None
        Least and greatest value that may be in the file.
    mean : float or None
        What the mean of the values must be, within a factor of two.
    """

    path: Path
    form: object
    n_bytes: int
    scale: float = 1.0
    offset: float = 0.0
    over_mean: bool = False
    bounds: tuple | None = None
    mean: float | None = None


class CubeSource:
    """Cubes of one field, each in a file or in a dataset of one; no file is kept open.

    Parameters
    ----------
    cubes : sequence of Cube
        The field of each sample, of equal shape.
    owner : str
        The function that made them, for errors.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, cubes, owner):
        self.cubes = tuple(cubes)
        self.owner = owner
        self.shape = (len(self.cubes), *self.cubes[0].form.shape)

    def _identity(self):
        status = [cube.path.stat() for cube in self.cubes]
        files = [
            (cube.path.name, found.st_size, found.st_mtime_ns)
            for cube, found in zip(self.cubes, status, strict=True)
        ]
        how = [(repr(cube.form), cube.scale, cube.offset, cube.over_mean) for cube in self.cubes]
        some = np.unique(np.linspace(0, len(self.cubes) - 1, _ROWS_TO_TELL_BY).astype(int))
        return files, how, self.shape, self.read(some)

    def read(self, rows):
        """Rows as a new array.

        Parameters
        ----------
        rows : ndarray of int
            Row numbers, not negative, in any order.

        Returns
        -------
        ndarray of shape (len(rows), d, h, w)
            The cubes in native float32.

        Raises
        ------
        MapSourceError
            If a file has gone, has changed or cannot be read.
        DatasetFormatError
            If it holds NaN, infinities or values that the field cannot have.
        """
        out = np.empty((len(rows), *self.shape[1:]), dtype=np.float32)
        for sample, row in zip(out, np.asarray(rows).tolist(), strict=True):
            self._read_cube(self.cubes[row], sample)
        return out

    def _read_cube(self, cube, out):
        try:
            n_bytes = cube.path.stat().st_size
            values = cube.form.read(cube.path) if n_bytes == cube.n_bytes else None
        except (OSError, KeyError) as error:
            raise MapSourceError(
                f"LazyMaps: cannot read {cube.path}: {error}. Put the file back, or call "
                f"{self.owner} again."
            ) from error
        if values is None or values.shape != out.shape:
            found = f"{n_bytes} bytes" if values is None else f"a cube of shape {values.shape}"
            raise MapSourceError(
                f"LazyMaps: {cube.path} has changed: expected {cube.n_bytes} bytes and a cube of "
                f"shape {out.shape}, found {found}. Call {self.owner} again."
            )
        low, high = values.min(), values.max()  # either is NaN where any value is
        if not np.isfinite([low, high]).all():
            place = tuple(int(i[0]) for i in np.nonzero(~np.isfinite(values)))
            raise DatasetFormatError(
                f"'{cube.path}' must hold finite values; found {values[place]} at {place}. "
                "Generate the file again."
            )
        least, most = cube.bounds or _within_float32(cube)
        if low < least or high > most:
            raise DatasetFormatError(
                f"'{cube.path}' must hold values from {least} to {most}; found {low} to {high}. It "
                "may be byte-swapped or hold another field: check its name, or generate it again."
            )
        self._convert(cube, values, out)

    def _convert(self, cube, values, out):
        scale = cube.scale
        if cube.over_mean or cube.mean is not None:
            mean = float(values.mean(dtype=np.float64))
            if mean <= 0:
                raise DatasetFormatError(
                    f"'{cube.path}' must hold masses, of a mean above 0; found a mean of {mean}. "
                    "Generate the file again."
                )
            if cube.mean is not None and not 0.5 < mean / cube.mean < 2:
                raise DatasetFormatError(
                    f"'{cube.path}' must hold masses of a mean near {cube.mean:g}, as n_fine says; "
                    f"found {mean:g}. Correct n_fine, or leave it out."
                )
            scale = scale / mean if cube.over_mean else scale
        if (scale, cube.offset) == (1.0, 0.0):
            out[...] = values
            return
        for plane, read in zip(out, values, strict=True):
            plane[...] = read.astype(np.float64) * scale + cube.offset

    def __repr__(self):
        first = str(self.cubes[0].path)
        return first if len(self.cubes) == 1 else f"{first} and {len(self.cubes) - 1} more"


def _within_float32(cube):
    """Least and greatest value whose conversion float32 can hold."""
    most = float(np.finfo(np.float32).max) / max(1.0, cube.scale)
    return -most, most
