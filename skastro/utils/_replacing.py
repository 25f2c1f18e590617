"""Files that are whole or absent."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside another, and put it in its place once it is on the disk.

    Parameters
    ----------
    path : pathlib.Path
        Where the file is to be. What is there stays if writing fails or is killed.

    Yields
    ------
    file
        Open for writing and reading, in bytes. Its name begins with a point and that of `path`;
        it is left behind only by a process that was killed.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(beside, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
