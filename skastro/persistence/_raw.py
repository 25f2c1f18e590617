"""Arrays of plain numbers, as one safetensors file."""

import numpy as np

from ..exceptions import ModelFileError

# What safetensors knows by name; other numbers are kept as bytes.
_PLAIN = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"}


class RawArrays:
    """Arrays to be written, numbered in their order."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def add(self, array: np.ndarray) -> str:
        """Keep an array without objects, contiguous in C's order, and return its number."""
        little = array.dtype.newbyteorder("<").str.lstrip("<|")
        if array.dtype.byteorder == ">" or little not in _PLAIN:
            array = np.frombuffer(array.tobytes(), dtype=np.uint8)
        key = str(len(self._arrays))
        self._arrays[key] = array
        return key

    def to_bytes(self) -> bytes:
        """The file."""
        from safetensors.numpy import save

        return save(self._arrays)


def read_raw(content: bytes) -> dict[str, np.ndarray]:
    """Arrays of a file by their number."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelFileError(f"its arrays cannot be read ({error})") from error


def as_array(raw: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that were kept, as an array of some dtype and shape."""
    count = 1
    for size in shape:
        count *= size
    if dtype.hasobject or raw.nbytes != count * dtype.itemsize:
        raise ModelFileError(
            f"an array of shape {shape} and dtype {dtype} is announced, and {raw.nbytes} bytes "
            f"are there"
        )
    if raw.dtype == dtype and raw.shape == shape:
        array = raw
    else:
        array = np.ndarray(shape, dtype, np.ascontiguousarray(raw).reshape(-1).view(np.uint8))
    return array if array.flags.writeable else array.copy()


def check_values(array: np.ndarray) -> None:
    """Refuse truth values other than 0 and 1, and characters that are none."""
    if array.dtype.names:
        for name in array.dtype.names:
            check_values(np.ascontiguousarray(array[name]))
    elif array.size and array.dtype.kind == "b":
        if array.reshape(-1).view(np.uint8).max() > 1:
            raise ModelFileError("an array of truth values holds others than 0 and 1")
    elif array.size and array.dtype.kind == "U" and array.dtype.itemsize:
        codes = array.reshape(-1).view(f"{array.dtype.str[0]}u4")
        if codes.max() > 0x10FFFF:
            raise ModelFileError("an array of strings holds what is no character")
