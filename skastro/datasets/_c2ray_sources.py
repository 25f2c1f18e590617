"""Lists of sources of C2-Ray and pyC2Ray, put on the mesh."""

from dataclasses import dataclass

import h5py
import numpy as np

from skastro.exceptions import DatasetFormatError

from ._cbin_forms import is_whole

_REMEDY = "Copy or generate the file again."
_POSITIONS, _MASSES = "sources_positions", "sources_mass"


@dataclass(frozen=True)
class SourceList:
    """Sources in a text or HDF5 file; as a cube, the mass in each cell.

    Attributes
    ----------
    shape : tuple of int
        The mesh.
    column : int
        Which of the masses of a text file is taken, 0 the first.
    first_index : int
        Number of the first cell along an axis.
    is_hdf5 : bool
        Whether it is an HDF5 file.
    """

    shape: tuple
    column: int
    first_index: int
    is_hdf5: bool

    def read(self, path):
        """Read the list and add up the masses of each cell.

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Returns
        -------
        ndarray of float64
            The cube.

        Raises
        ------
        DatasetFormatError
            If the list is damaged, or a source lies outside of the mesh.
        """
        positions, masses = _read_hdf5(path) if self.is_hdf5 else _read_text(path, self.column)
        if not np.isfinite(masses).all() or (masses < 0).any():
            row = int(np.flatnonzero(~(np.isfinite(masses) & (masses >= 0)))[0])
            raise DatasetFormatError(
                f"'{path}' must hold finite masses of 0 or more; found {masses[row]} of source "
                f"{row + 1}. {_REMEDY}"
            )
        cells = positions - self.first_index
        fits = ((cells >= 0) & (cells < self.shape) & (cells % 1 == 0)).all(axis=1)
        if not fits.all():
            row = int(np.argmin(fits))
            last = tuple(n - 1 + self.first_index for n in self.shape)
            raise DatasetFormatError(
                f"'{path}' must hold positions that are whole numbers from {self.first_index} to "
                f"{last}; found {positions[row].tolist()} of source {row + 1}. Give first_index if "
                "the first cell has another number; else the file is damaged or of another mesh."
            )
        cube = np.zeros(self.shape)
        np.add.at(cube, tuple(cells.astype(int).T), masses)
        return cube


def check_source_header(path, is_hdf5):
    """Raise unless the head of a file is that of a list of sources.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    is_hdf5 : bool
        Whether it is an HDF5 file.

    Raises
    ------
    DatasetFormatError
        If the number of sources cannot be read.
    """
    if not is_hdf5:
        with path.open("rb") as stream:
            _count(path, stream.readline(1000))
        return
    try:
        with h5py.File(path, "r") as file:
            positions, masses = (_shape(file.get(name)) for name in (_POSITIONS, _MASSES))
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise DatasetFormatError(f"'{path}' cannot be read as HDF5: {error}. {_REMEDY}") from error
    if masses is None or len(masses) != 1 or positions != (*masses, 3):
        raise DatasetFormatError(
            f"'{path}' must hold numbers in datasets '{_POSITIONS}' of shape (n, 3) and "
            f"'{_MASSES}' of shape (n,); found shapes {positions} and {masses}. {_REMEDY}"
        )


def _shape(item):
    """Shape of a dataset of numbers that are all in the file, else None."""
    return item.shape if isinstance(item, h5py.Dataset) and is_whole(item) else None


def _count(path, line):
    """Number of sources, the first word of the first line."""
    words = line.split()
    try:
        number = float(words[0].replace(b"D", b"E"))
        if number < 0 or number % 1:
            raise ValueError
    except (ValueError, IndexError):
        raise DatasetFormatError(
            f"'{path}' must begin with the number of sources; found {line[:40]!r}. {_REMEDY}"
        ) from None
    return int(number)


def _read_text(path, column):
    """Positions and masses of a text; Fortran may break a source into several lines."""
    head, *lines = path.read_bytes().upper().replace(b"D", b"E").splitlines() or [b""]
    n_sources = _count(path, head)
    rows = [words for words in map(bytes.split, lines) if words]
    if n_sources == 0 and not rows:
        return np.empty((0, 3)), np.empty(0)
    lines_each = len(rows) // max(1, n_sources)
    counts = [len(words) for words in rows]
    if lines_each == 0 or counts != counts[:lines_each] * n_sources:
        raise DatasetFormatError(
            f"'{path}' must hold {n_sources} sources of equally many numbers each, as its first "
            f"line says; found {len(rows)} lines of {sorted(set(counts))} numbers. {_REMEDY}"
        )
    n_columns = sum(counts[:lines_each])
    if n_columns < 4 + column:
        raise DatasetFormatError(
            f"'{path}' must hold i, j, k and at least {column + 1} masses of each source; found "
            f"{n_columns} numbers. Choose another source_mass."
        )
    try:
        table = np.array([float(word) for words in rows for word in words])
    except ValueError as error:
        raise DatasetFormatError(f"'{path}' must hold numbers: {error}. {_REMEDY}") from error
    table = table.reshape(n_sources, n_columns)
    return table[:, :3], table[:, 3 + column]


def _read_hdf5(path):
    with h5py.File(path, "r") as file:
        return file[_POSITIONS][()].astype(np.float64), file[_MASSES][()].astype(np.float64)
