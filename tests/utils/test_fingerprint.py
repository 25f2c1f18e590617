"""Fingerprints: equal for equal values, in every process, and for nothing else."""

import logging
import os
import subprocess
import sys
import threading
from functools import partial

import h5py
import numpy as np
import pytest
import torch

from skastro.maps import open_maps
from skastro.nets import ConvNet, DenseNet
from skastro.preprocessing import FieldScaler
from skastro.utils import fingerprint


class Holder:
    """A user's object with attributes."""

    def __init__(self, value):
        self.value = value

    def method(self):
        """Do nothing."""


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class SlottedBelow(Slotted):
    """An object with a slot of its base and a dictionary."""


class Private:
    """An object with a slot whose name is mangled."""

    __slots__ = ("__value",)

    def __init__(self, value):
        self.__value = value


def scaled(factor):
    """A function that holds a value."""
    return lambda x: factor * x


X = np.arange(24.0).reshape(2, 3, 4)

DISTINCT = {
    "none": lambda: None,
    "true": lambda: True,
    "one": lambda: 1,
    "float": lambda: 1.0,
    "text": lambda: "1",
    "bytes": lambda: b"1",
    "list": lambda: [1],
    "tuple": lambda: (1,),
    "nested": lambda: [[1]],
    "two lists": lambda: [[1], []],
    "dict": lambda: {"a": 1},
    "other key": lambda: {"b": 1},
    "set": lambda: {1, 2},
    "array": lambda: X,
    "shape": lambda: X.reshape(3, 2, 4),
    "dtype": lambda: X.astype("float32"),
    "order": lambda: X[::-1],
    "strings": lambda: np.array(["a", "b"]),
    "objects": lambda: np.array(["a", None], dtype=object),
    "empty": lambda: np.zeros((0, 3)),
    "zero-d": lambda: np.array(1.0),
    "tensor": lambda: torch.arange(3.0),
    "other tensor": lambda: torch.arange(4.0),
    "class": lambda: ConvNet,
    "net": ConvNet,
    "other net": lambda: ConvNet(3),
    "another net": DenseNet,
    "fitted": lambda: FieldScaler().fit(X),
    "fitted to others": lambda: FieldScaler().fit(2 * X),
    "function": lambda: scaled(1.0),
    "other closure": lambda: scaled(2.0),
    "other code": lambda: lambda x: x + 1,
    "default": lambda: lambda x, y=1: x + 1,
    "method": lambda: Holder(1).method,
    "method of another": lambda: Holder(2).method,
    "builtin": lambda: len,
    "partial": lambda: partial(int, base=2),
    "other partial": lambda: partial(int, base=3),
    "object": lambda: Holder(1),
    "other object": lambda: Holder(2),
    "ufunc": lambda: np.log,
    "other ufunc": lambda: np.exp,
    "function of arrays": lambda: np.mean,
    "other function of arrays": lambda: np.median,
    "method of a list": lambda: [1.0, 0.1].__getitem__,
    "method of another list": lambda: [1.0, 0.2].__getitem__,
    "private slot": lambda: Private(1),
    "other private slot": lambda: Private(2),
    "slice": lambda: slice(1, 2),
    "slot": lambda: Slotted(1),
    "other slot": lambda: Slotted(2),
    "slot of base": lambda: SlottedBelow(1),
    "other slot of base": lambda: SlottedBelow(2),
    "masked": lambda: np.ma.array([1.0, 2.0], mask=[0, 1]),
    "other mask": lambda: np.ma.array([1.0, 2.0], mask=[1, 0]),
    "no mask": lambda: np.ma.array([1.0, 2.0]),
    "dates": lambda: np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"),
    "other dates": lambda: np.array(["2020-01-01", "2021-01-02"], dtype="M8[D]"),
    "date": lambda: np.datetime64("2020-01-01"),
    "other date": lambda: np.datetime64("2020-01-02"),
    "duration": lambda: np.timedelta64(3, "D"),
    "fields": lambda: np.zeros(2, dtype=[("a", int), ("b", float)]),
    "brain float": lambda: torch.zeros(2, dtype=torch.bfloat16),
    "other brain float": lambda: torch.ones(2, dtype=torch.bfloat16),
    "half": lambda: torch.zeros(2, dtype=torch.float16),
    "zero-d tensor": lambda: torch.tensor(1.0),
    "logger": lambda: logging.getLogger("one"),
    "other logger": lambda: logging.getLogger("two"),
    "package": lambda: np,
    "other package": lambda: torch,
    "lazy": lambda: open_maps(X),
    "lazy rows": lambda: open_maps(X)[[1]],
    "lazy steps": lambda: FieldScaler().fit(X).transform(open_maps(X)),
}


def test_distinct_and_repeatable():
    """No two of many values share a fingerprint; made anew, each has its own."""
    found = {name: fingerprint(make()) for name, make in DISTINCT.items()}
    assert len(set(found.values())) == len(found)
    assert found == {name: fingerprint(make()) for name, make in DISTINCT.items()}


def test_layout_does_not_count():
    """An array is what it holds, wherever that lies; NumPy's scalars are numbers."""
    assert fingerprint(np.asfortranarray(X)) == fingerprint(X)
    assert fingerprint(np.repeat(X, 2, axis=0)[::2]) == fingerprint(X)
    assert fingerprint(np.float64(0.1), np.int64(3)) == fingerprint(0.1, 3)


def test_large_arrays_that_are_not_contiguous():
    """They are taken a part at a time, with the same result."""
    big = np.random.default_rng(0).normal(size=(4500, 1200))
    assert fingerprint(big[:, ::2]) == fingerprint(np.ascontiguousarray(big[:, ::2]))
    other = big.copy()
    other[-1, -2] += 1
    assert fingerprint(other[:, ::2]) != fingerprint(big[:, ::2])


def test_what_is_masked_does_not_count():
    """Numbers under a mask are nobody's."""
    one, other = (np.ma.array([1.0, hidden], mask=[0, 1]) for hidden in (5.0, 7.0))
    assert fingerprint(one) == fingerprint(other)


def test_memory_of_tensors_does_not_count():
    """A tensor is what it holds, in whatever order, and with or without a gradient."""
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    last = x.to(memory_format=torch.channels_last)
    assert fingerprint(last) == fingerprint(x)
    assert fingerprint(x.clone().requires_grad_()) == fingerprint(x)


@pytest.mark.parametrize("odd", [threading.Lock(), threading.local(), os.scandir, sys.stdout])
def test_what_has_no_value(odd):
    """A lock among the attributes is no error, and the other attributes count."""

    def held(value):
        holder = Holder(value)
        holder.odd = odd
        return holder

    assert fingerprint(held(1)) == fingerprint(held(1))
    assert fingerprint(held(1)) != fingerprint(held(2))


def test_cycles():
    """An object that holds itself comes to an end."""
    holder = Holder(None)
    holder.value = [holder]
    assert fingerprint(holder) == fingerprint(holder)


def test_in_another_process():
    """Addresses and salted hashes play no part."""
    code = (
        "from skastro.utils import fingerprint; from skastro.nets import ConvNet;"
        "print(fingerprint({'b', 'a'}, ConvNet(), lambda x: x + 1, 0.1, object))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt},
        ).stdout
        for salt in ("1", "2")
    }
    assert len(printed) == 1


@pytest.mark.parametrize("kind", ["npy", "h5"])
def test_files(kind, tmp_path):
    """Files count by name, size, time and some of their rows, wherever they are."""

    def store(folder, maps=X):
        path = tmp_path / folder / f"maps.{kind}"
        path.parent.mkdir()
        if kind == "npy":
            np.save(path, maps)
        else:
            with h5py.File(path, "w", track_order=False) as file:
                file["maps"] = maps
        os.utime(path, ns=(10**18, 10**18))
        return path

    first = store("a")
    found = fingerprint(open_maps(first))
    assert fingerprint(open_maps(store("b"))) == found
    assert fingerprint(open_maps(first)[:1]) != found
    another = store("c", -X)
    assert another.stat().st_size == first.stat().st_size
    assert fingerprint(open_maps(another)) != found
    os.utime(first, ns=(10**18, 10**18 + 1))
    assert fingerprint(open_maps(first)) != found
