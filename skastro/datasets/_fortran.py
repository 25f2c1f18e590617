"""Records of files that Fortran wrote as unformatted and sequential."""

from skastro.exceptions import DatasetFormatError

_MARKER = 4
_REMEDY = "Copy or generate the file again."


def read_records(path, n_records):
    """Find the records of a file by their markers of 4 bytes, little-endian.

    Before and after each record stands its length. A record of 2 GiB or more is written in
    pieces, each with markers of its own; that before all but the last has a minus sign.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    n_records : int
        How many records it must have.

    Returns
    -------
    list of list of (int, int)
        For each record, offset and length in bytes of its pieces.

    Raises
    ------
    DatasetFormatError
        If the markers do not fit the file, are byte-swapped or of 8 bytes, or there are fewer or
        more records.
    """
    size = path.stat().st_size
    records, place = [], 0
    with path.open("rb") as stream:
        while place < size and len(records) <= n_records:
            pieces, is_last = [], False
            while not is_last:
                length, is_last = _piece(path, stream, place, size)
                pieces.append((place + _MARKER, length))
                place += length + 2 * _MARKER
            records.append(pieces)
    if len(records) != n_records:
        found = len(records) if len(records) < n_records else f"more than {n_records}"
        raise DatasetFormatError(
            f"'{path}' must hold {n_records} records of Fortran; found {found} in {size} bytes. "
            f"{_REMEDY}"
        )
    return records


def _piece(path, stream, place, size):
    """Length of the piece that begins at a place, and whether it ends its record."""
    stream.seek(place)
    head = stream.read(_MARKER)
    marker = int.from_bytes(head, "little", signed=True)
    length = abs(marker)
    if length > size - place - 2 * _MARKER or len(head) < _MARKER:
        raise DatasetFormatError(_beyond(path, head, place, size))
    stream.seek(place + _MARKER + length)
    tail = abs(int.from_bytes(stream.read(_MARKER), "little", signed=True))
    if tail != length:
        stream.seek(place)
        wide = int.from_bytes(stream.read(2 * _MARKER), "little")
        raise DatasetFormatError(
            f"'{path}' must have markers of 4 bytes that say the length of a record before and "
            f"after it; found {length} before and {tail} after the record at byte {place}. "
            + (
                "Its markers seem to have 8 bytes: write the file with markers of 4."
                if wide == length
                else "It may be damaged, or have no records at all: copy or generate it again."
            )
        )
    return length, marker >= 0


def _beyond(path, head, place, size):
    swapped = abs(int.from_bytes(head, "big", signed=True))
    if len(head) == _MARKER and 0 < swapped <= size - place - 2 * _MARKER:
        return (
            f"'{path}' is byte-swapped: the record at byte {place} has a length of {swapped} bytes "
            "if read as big-endian; expected little-endian numbers. Swap the bytes of its markers "
            "and values, as with numpy.ndarray.byteswap, and save it again."
        )
    length = abs(int.from_bytes(head, "little", signed=True))
    return (
        f"'{path}' is cut short or is no unformatted file of Fortran: a record of {length} bytes "
        f"at byte {place} expects at least {place + length + 2 * _MARKER} bytes in the file, found "
        f"{size}. {_REMEDY}"
    )
