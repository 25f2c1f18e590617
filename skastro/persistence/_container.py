"""The file of a model: three members, stored as they are in a zip archive."""

import errno
import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..exceptions import ModelFileError
from ..utils import replacing
from ._words import foreign_format

MANIFEST, MODEL, ARRAYS = "manifest.json", "model.json", "arrays.safetensors"
FORMAT, FORMAT_VERSION = "skastro model", 1

_MEMBERS = (MANIFEST, MODEL, ARRAYS)
_MOST_BYTES = {MANIFEST: 1 << 20, MODEL: 1 << 28}
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_END_RECORD = struct.Struct("<4s4H2IH")
_UTF8 = 0x800
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def write_container(path: Path, manifest: dict[str, Any], parts: Mapping[str, bytes]) -> None:
    """Write the members beside `path` and put them in its place."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, **manifest, "sha256": hashes}
    members = {MANIFEST: json.dumps(manifest, indent=1).encode(), **parts}
    for name, most in _MOST_BYTES.items():
        if len(members[name]) > most:
            raise ModelFileError(
                f"save: {name} would take {len(members[name])} bytes, and at most {most} are "
                f"read again. Save parts of the model by themselves."
            )
    try:
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name in _MEMBERS:
                archive.writestr(zipfile.ZipInfo(name), members[name])
    except OSError as error:
        why = "the disk is full" if error.errno in _NO_SPACE else str(error)
        raise OSError(
            error.errno,
            f"save: cannot write the model to {path}: {why}. What was there before is as it was. "
            f"Make room, or give another path.",
        ) from error


def read_container(path: Path, owner: str, *, with_arrays: bool = True) -> dict[str, Any]:
    """Manifest and members of a file, each of them checked."""
    try:
        with open(path, "rb") as file:
            return _read(file, with_arrays)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            errno.ENOENT,
            f"{owner}: there is no file {path}. Check the path; save writes such files.",
        ) from error
    except IsADirectoryError as error:
        raise ModelFileError(
            f"{owner}: {path} is a folder. Give the path of a file that save wrote."
        ) from error


def _read(file: BinaryIO, with_arrays: bool) -> dict[str, Any]:
    size = os.fstat(file.fileno()).st_size
    _check_start_and_end(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_layout(file, archive)
            manifest = read_json(archive.read(MANIFEST), MANIFEST)
            _check_manifest(manifest)
            wanted = (MODEL, ARRAYS) if with_arrays else (MODEL,)
            found = {MANIFEST: manifest}
            for name in wanted:
                content = archive.read(name)
                if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
                    raise ModelFileError(f"{name} does not have the checksum of the manifest")
                found[name] = content
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            return found | {"sizes": sizes}
    except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error) as error:
        raise ModelFileError(f"it is no sound zip archive ({error})") from error


def _check_start_and_end(file: BinaryIO, size: int) -> None:
    """Refuse what is no zip archive of three members with nothing before and after it."""
    start = file.read(8)
    if size < _LOCAL_HEADER.size + _END_RECORD.size or not start.startswith(b"PK\x03\x04"):
        raise ModelFileError(foreign_format(start, size))
    file.seek(size - _END_RECORD.size)
    record = _END_RECORD.unpack(file.read(_END_RECORD.size))
    if record[0] != b"PK\x05\x06" or record[7] != 0:
        raise ModelFileError("it is cut off, or has something behind its end")
    if record[3] != len(_MEMBERS) or record[4] != len(_MEMBERS):
        raise ModelFileError(f"it has {record[4]} members; those of a model are {list(_MEMBERS)}")


def _check_layout(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Refuse other members, compression, encryption, and gaps between the members."""
    infos, place = archive.infolist(), 0
    names = [info.filename for info in infos]
    if names != list(_MEMBERS):
        raise ModelFileError(f"it has the members {names}; those of a model are {list(_MEMBERS)}")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ~_UTF8:
            raise ModelFileError(f"{info.filename} is compressed or encrypted")
        if info.file_size > _MOST_BYTES.get(info.filename, info.file_size):
            raise ModelFileError(f"{info.filename} has the absurd size of {info.file_size} bytes")
        file.seek(place)
        header = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if info.header_offset != place or info.file_size != info.compress_size:
            raise ModelFileError(f"{info.filename} is not where it should be")
        place += _LOCAL_HEADER.size + header[9] + header[10] + info.file_size
    if place != archive.start_dir:
        raise ModelFileError("it holds something between its members")


def _check_manifest(manifest: Any) -> None:
    """Refuse the manifests of other formats and of newer versions."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelFileError("its manifest is not that of a model")
    version, versions = manifest.get("format_version"), manifest.get("versions")
    if type(version) is not int or version < 1 or not isinstance(versions, dict):
        raise ModelFileError("its manifest is not that of a model")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"it has version {version} of the format, written by skastro "
            f"{versions.get('skastro')!r}; this one reads versions up to {FORMAT_VERSION}. Install "
            f"a newer skastro"
        )
    hashes, created = manifest.get("sha256"), manifest.get("created")
    texts = [created, *versions.values(), *(hashes.values() if isinstance(hashes, dict) else ())]
    if (
        not isinstance(hashes, dict)
        or set(hashes) != {MODEL, ARRAYS}
        or not all(text is None or (isinstance(text, str) and text.isprintable()) for text in texts)
    ):
        raise ModelFileError("its manifest is not complete")


def read_json(content: bytes, name: str) -> Any:
    """Values of JSON text, without repeated names and without numbers that are none."""

    def refuse(text: str) -> None:
        raise ModelFileError(f"{name} holds {text}, which is no JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ModelFileError(f"{name} names a value twice")
        return found

    try:
        return json.loads(content.decode(), parse_constant=refuse, object_pairs_hook=unique)
    except RecursionError as error:
        raise ModelFileError(f"{name} is nested too deeply") from error
    except ModelFileError:
        raise
    except ValueError as error:
        raise ModelFileError(f"{name} is no JSON ({error})") from error
