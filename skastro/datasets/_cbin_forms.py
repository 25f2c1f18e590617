"""The forms in which a cube may be in a file: each reads the whole cube."""

import math
import zipfile
from dataclasses import dataclass

import h5py
import numpy as np

from skastro.exceptions import DatasetFormatError


@dataclass(frozen=True)
class Binary:
    """Values in one or more stretches of a file.

    Attributes
    ----------
    pieces : tuple of (int, int)
        Offset and length of each stretch in bytes; a value may lie across two of them.
    dtype : numpy.dtype
        Type of the values in the file.
    order : {"C", "F"}
        Whether the last or the first axis runs fastest.
    shape : tuple of int
        Shape of the cube.
    """

    pieces: tuple
    dtype: np.dtype
    order: str
    shape: tuple

    def read(self, path):
        """Read the cube.

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Returns
        -------
        ndarray
            The values as they are in the file.
        """
        values = np.empty(math.prod(self.shape), dtype=self.dtype)
        place, octets = 0, memoryview(values.view(np.uint8))
        with path.open("rb") as stream:
            for offset, length in self.pieces:
                stream.seek(offset)
                if stream.readinto(octets[place : place + length]) != length:
                    raise OSError(f"it ends before byte {offset + length}")
                place += length
        return values.reshape(self.shape, order=self.order)


@dataclass(frozen=True)
class Zipped:
    """One array of an ``.npz`` file.

    Attributes
    ----------
    member : str
        Name of the array in the archive, with its suffix.
    shape : tuple of int
        Shape of the cube.
    """

    member: str
    shape: tuple

    def read(self, path):
        """Read the cube, see `Binary.read`."""
        try:
            with zipfile.ZipFile(path) as archive, archive.open(self.member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
        except OSError:
            raise
        except Exception as error:
            raise DatasetFormatError(
                f"'{path}' cannot be unpacked: {type(error).__name__}: {error}. Copy or generate "
                "the file again."
            ) from error


@dataclass(frozen=True)
class Dataset:
    """A dataset of an HDF5 file.

    Attributes
    ----------
    name : str
        Its name in the file.
    shape : tuple of int
        Shape of the cube.
    """

    name: str
    shape: tuple

    def read(self, path):
        """Read the cube, see `Binary.read`."""
        with h5py.File(path, "r") as file:
            return file[self.name][()]


def is_whole(dataset):
    """Whether a dataset of HDF5 holds real numbers, and all of them are in the file.

    What was never written takes no place in a file, whatever the shape, and is read as zeros.

    Parameters
    ----------
    dataset : h5py.Dataset
        The dataset.

    Returns
    -------
    bool
        True if it does.
    """
    if dataset.dtype.kind not in "fiu":
        return False
    if dataset.chunks is None:
        return dataset.id.get_storage_size() == dataset.nbytes
    sizes = zip(dataset.shape, dataset.chunks, strict=True)
    return dataset.id.get_num_chunks() == math.prod(-(-size // chunk) for size, chunk in sizes)
