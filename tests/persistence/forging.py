"""Take files of models apart, change them, and put them together with right checksums."""

import hashlib
import json
import zipfile

from safetensors.numpy import load as read_arrays
from safetensors.numpy import save as arrays_to_bytes

MEMBERS = ("manifest.json", "model.json", "arrays.safetensors")


def parts_of(path):
    """Manifest, tree and arrays of a file."""
    with zipfile.ZipFile(path) as archive:
        manifest, tree, arrays = (archive.read(name) for name in MEMBERS)
    return json.loads(manifest), json.loads(tree), read_arrays(arrays)


def write(path, manifest, tree, arrays, *, hashes=True, **options):
    """Write a file of parts, which may be bytes, with the checksums of these."""
    tree = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    arrays = arrays if isinstance(arrays, bytes) else arrays_to_bytes(arrays)
    if hashes:
        found = [hashlib.sha256(part).hexdigest() for part in (tree, arrays)]
        manifest = manifest | {"sha256": dict(zip(MEMBERS[1:], found, strict=True))}
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, part in zip(MEMBERS, (json.dumps(manifest), tree, arrays), strict=True):
            archive.writestr(zipfile.ZipInfo(name), part, options.get("compression", 0))
    return path


def nodes(tree):
    """All nodes of a tree that have a type."""
    if isinstance(tree, dict):
        yield from ([tree] if "type" in tree else [])
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from nodes(part)


def part(tree, name):
    """The list of values, and the place in it, of the last attribute of that name."""
    found = [node for node in nodes(tree) if node["type"] == "dict" and name in node["keys"]]
    return found[-1]["values"], found[-1]["keys"].index(name)


def mapping(**items):
    """The node of a dictionary."""
    return {"type": "dict", "keys": list(items), "values": list(items.values())}
