"""Outcomes of a comparison on the disk, so that a run that was killed goes on."""

import json
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from ..utils import replacing
from ._comparison_fits import FoldOutcome

_FORMAT = 1
_LEFT_BEHIND = 3600.0  # seconds after which half a file is nobody's


class FoldFile:
    """Outcome of one candidate on one fold, in files that are complete or absent.

    Arrays are ``.npy`` files, the rest JSON, which is written last and names them with their
    checksums. Each is written beside its place, and moved there when all of it is on the disk.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files are.
    name : str
        What outcomes of equal inputs share.
    """

    def __init__(self, folder, name):
        self.folder = folder
        self.name = name

    @property
    def path(self):
        """Path of the JSON file."""
        return self.folder / f"compare-{self.name}.json"

    def load(self):
        """Read the outcome.

        Returns
        -------
        outcome : FoldOutcome or None
            The outcome, its answers as memory maps; None where there is none.
        note : str
            What to warn of, empty if nothing.
        """
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            if (record["format"], record["name"]) != (_FORMAT, self.name):
                raise ValueError(f"it is of format {record['format']} and of {record['name']}")
            arrays = {key: self._read(key, crc) for key, crc in record["arrays"].items()}
            classes = arrays.pop("classes", None)
            outcome = FoldOutcome(
                None if record["score"] is None else float(record["score"]),
                float(record["fit_time"]),
                float(record["score_time"]),
                arrays,
                record["estimator_type"],
                None if classes is None else np.array(classes),
                bool(record["replayable"]),
                list(map(str, record["failures"])),
                [],
                None,
            )
        except FileNotFoundError as error:
            lost = self.path.exists()
            return None, self._unread(error) if lost else ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return None, self._unread(error)
        return outcome, ""

    def save(self, outcome):
        """Write an outcome.

        Parameters
        ----------
        outcome : FoldOutcome
            What came of the fold.

        Returns
        -------
        FoldOutcome
            The same, with its answers on the disk; as it was, with a note, where it could not be
            written.
        """
        arrays = dict(outcome.answers)
        if outcome.classes is not None:
            arrays["classes"] = outcome.classes
        try:
            crcs = {key: self._write_array(key, array) for key, array in arrays.items()}
            record = {
                "format": _FORMAT,
                "name": self.name,
                "score": outcome.score,
                "fit_time": outcome.fit_time,
                "score_time": outcome.score_time,
                "estimator_type": outcome.estimator_type,
                "replayable": outcome.replayable,
                "failures": outcome.failures,
                "arrays": crcs,
            }
            with replacing(self.path) as file:
                file.write(json.dumps(record).encode())
        except (OSError, ValueError) as error:
            note = (
                f"compare: the checkpoint {self.path} could not be written ({error}). The run goes "
                f"on and keeps this fold in memory; folds that were written before are kept. Make "
                f"room on the disk before the run is broken off."
            )
            return outcome._replace(notes=[*outcome.notes, note])
        stored, _ = self.load()
        return outcome if stored is None else stored

    def _unread(self, error):
        return (
            f"compare: the checkpoint {self.path} cannot be read ({error!r}), so the fold is "
            f"fitted again and the file replaced."
        )

    def _array_path(self, key):
        return self.folder / f"compare-{self.name}-{key}.npy"

    def _read(self, key, crc):
        if not key.isidentifier():
            raise ValueError(f"it names an array {key!r}")
        array = np.load(self._array_path(key), mmap_mode="r", allow_pickle=False)
        if _checksum(array) != crc:
            raise ValueError(f"the array {key!r} is not what was written")
        return array

    def _write_array(self, key, array):
        array = np.ascontiguousarray(array)
        with replacing(self._array_path(key)) as file:
            np.save(file, array, allow_pickle=False)
        return _checksum(array)


def open_folder(folder):
    """Make the folder of a checkpoint, and see that it can be written to.

    Parameters
    ----------
    folder : path-like
        The folder.

    Returns
    -------
    pathlib.Path
        Its path.

    Raises
    ------
    OSError
        If it cannot be made or written to.
    """
    folder = Path(folder).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".compare-*"):
            if time.time() - leftover.stat().st_mtime > _LEFT_BEHIND:
                leftover.unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(
            error.errno,
            f"The 'checkpoint' parameter of compare must be a folder that can be written to: "
            f"{error.strerror}. Give another folder",
            str(folder),
        ) from error
    return folder


def _checksum(array):
    """CRC-32 of dtype, shape and values, a few rows at a time."""
    crc = zlib.crc32(f"{array.dtype.str} {array.shape}".encode())
    rows = max(1, (1 << 24) * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), rows):
        crc = zlib.crc32(np.ascontiguousarray(array[start : start + rows]).tobytes(), crc)
    return crc
