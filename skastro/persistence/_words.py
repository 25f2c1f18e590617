"""Words for what is wrong with a file."""

_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_STARTS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; a model in it cannot be read here",
    b"\x93NUMPY": "a NumPy array; read it with numpy.load",
    b"\x1f\x8b": "a compressed file; decompress it first, and if it is a pickle, see joblib.load",
}


def foreign_format(start: bytes, size: int) -> str:
    """What a file seems to be that is no zip archive."""
    if size == 0:
        return "it is empty"
    if start.startswith(_PICKLES):
        return (
            "it is a pickle, of joblib or torch, which runs code when it is read; where you trust "
            "it, read it with joblib.load or torch.load"
        )
    for magic, words in _STARTS.items():
        if start.startswith(magic):
            return f"it is {words}"
    if start.startswith(b"PK\x03\x04"):
        return "it is cut off"
    return "it is no zip archive"
