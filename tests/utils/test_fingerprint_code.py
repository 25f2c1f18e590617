"""Fingerprints of code: what the user wrote counts by what it does, all else by name."""

import subprocess
import sys
import time
from functools import partial

import pytest
import torch
from torch.optim.swa_utils import get_ema_avg_fn

from skastro.utils import fingerprint

SOURCE = """
import functools
import torch

WIDTH = 5
SLOPES = {"leaky": [0.1, 0.2]}
UNUSED = 1
model = 1

def scale(x):
    return 2 * x

def lowest(x):
    return torch.abs(x)

def helper(x):
    return lowest(x) + SLOPES["leaky"][0]

def loss(y_pred, y, *, power=2):
    def inner(error):
        return [helper(e) * WIDTH for e in error]
    return inner(y_pred.model - y) ** power

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return scale(function(*args))
    return wrapper

@decorated
def build(shape, n_outputs):
    return torch.nn.Linear(shape[-1], n_outputs)

class Base:
    depth: int = 3

    def activate(self, x):
        return torch.relu(x)

    def __call__(self, x):
        return x + 10

class Net(Base):
    def forward(self, x):
        return super().activate(x).model

    @property
    def size(self):
        return 4

    @staticmethod
    def static(x):
        return x + 20

    @classmethod
    def of_class(cls, x):
        return x + 30

    @functools.cached_property
    def cached(self):
        return 50

    @functools.lru_cache
    def remembered(self):
        return 60

    def using(self, x):
        return Other().method(x)

class Other:
    def method(self, x):
        return x + 40
"""


def edition(name, old="", new=""):
    """Something of a user's module, after a change of its text."""
    assert old in SOURCE
    content = {"__name__": "module_of_a_user"}
    exec(SOURCE.replace(old, new, 1), content)
    return content[name]


CHANGES = {
    "global": ("loss", "WIDTH = 5", "WIDTH = 6"),
    "global in depth": ("loss", "[0.1, 0.2]", "[0.3, 0.2]"),
    "helper of a helper": ("loss", "torch.abs", "torch.square"),
    "inner function": ("loss", "helper(e) * WIDTH", "helper(e) + WIDTH"),
    "default": ("loss", "power=2", "power=3"),
    "own code": ("loss", ".model - y", ".model + y"),
    "decorated": ("build", "torch.nn.Linear", "torch.nn.Bilinear"),
    "decorator": ("build", "2 * x", "3 * x"),
    "attribute of a base": ("Net", "int = 3", "int = 4"),
    "method of a base": ("Net", "torch.relu", "torch.tanh"),
    "special method": ("Net", "x + 10", "x + 11"),
    "method": ("Net", "super().activate(x)", "-super().activate(x)"),
    "property": ("Net", "return 4", "return 5"),
    "static method": ("Net", "x + 20", "x + 21"),
    "class method": ("Net", "x + 30", "x + 31"),
    "cached property": ("Net", "return 50", "return 51"),
    "method with a cache": ("Net", "return 60", "return 61"),
    "class that is used": ("Net", "x + 40", "x + 41"),
}
WRAPPED = {
    "itself": lambda made: made,
    "within": lambda made: {"made": [made]},
    "partial": lambda made: partial(made, 1, key=2),
    "called": lambda made: made() if isinstance(made, type) else made,
    "method": lambda made: made().forward if isinstance(made, type) else made,
    "class of an object before": lambda made: [made(), made] if isinstance(made, type) else made,
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("change", CHANGES)
def test_code_of_the_user(change, wrapped):
    """A change in a function or class, or in what it uses, is seen wherever it stands."""
    name, *change = CHANGES[change]
    wrap = WRAPPED[wrapped]
    found = fingerprint(wrap(edition(name)))
    assert fingerprint(wrap(edition(name))) == found
    assert fingerprint(wrap(edition(name, *change))) != found


@pytest.mark.parametrize("name", ["loss", "build", "Net"])
@pytest.mark.parametrize(
    "change",
    [
        ("UNUSED = 1", "UNUSED = 2"),
        ("WIDTH = 5", "\n\n# a comment\nWIDTH = 5"),
        ("model = 1", "model = 2"),
    ],
    ids=["unused global", "lines", "global with the name of an attribute"],
)
def test_what_is_not_used(name, change):
    """Lines, comments, and globals that are not looked up play no part."""
    assert fingerprint(edition(name, *change)) == fingerprint(edition(name))


def test_arguments():
    """Which arguments a function takes counts, as far as a call can tell."""
    functions = [lambda x: x, lambda *x: x, lambda **x: x, lambda *, x: x]
    assert len({fingerprint(function) for function in functions}) == 4
    one, other = (lambda x, y: x - y), (lambda y, x: y - x)
    assert fingerprint(partial(one, y=2)) != fingerprint(partial(other, y=2))


def test_classes_over_values():
    """Classes of a function count with the values that it gave them."""

    def made(width):
        class Net:
            def build(self, shape, n_outputs):
                return torch.nn.Linear(width, n_outputs)

        return Net

    assert fingerprint(made(1)) == fingerprint(made(1))
    assert fingerprint(made(1)) != fingerprint(made(2))
    assert fingerprint(made(1)()) != fingerprint(made(2)())


def test_code_of_packages(monkeypatch):
    """It counts by name, for the version of a package may change without the result."""
    functions = torch.nn.ReLU, torch.nn.functional.relu, torch.relu
    found = [fingerprint(function) for function in functions]
    assert len({*found, fingerprint(torch.nn.Tanh), fingerprint(torch.tanh)}) == 5
    monkeypatch.setattr(torch.nn.ReLU, "forward", lambda self, x: x)
    monkeypatch.setattr(torch.nn.functional.relu, "__code__", (lambda x: x).__code__)
    assert [fingerprint(function) for function in functions] == found


def test_what_functions_of_packages_hold():
    """A function that a package made of a number counts with that number."""
    assert fingerprint(get_ema_avg_fn(0.9)) == fingerprint(get_ema_avg_fn(0.9))
    assert fingerprint(get_ema_avg_fn(0.9)) != fingerprint(get_ema_avg_fn(0.99))


def test_empty_cell():
    """A function over a name that has no value yet is told from one over a value."""

    def made(assign):
        def function():
            return value

        if assign:
            value = 1
        return function

    assert fingerprint(made(False)) == fingerprint(made(False))
    assert fingerprint(made(False)) != fingerprint(made(True))


def test_modules_are_not_entered():
    """A function over a whole package is done at once."""
    import torch.nn as layers

    start = time.perf_counter()
    found = fingerprint(lambda n_inputs: layers.Linear(n_inputs, 1))
    assert found == fingerprint(lambda n_inputs: layers.Linear(n_inputs, 1))
    assert time.perf_counter() - start < 5


def test_functions_that_name_each_other():
    """Each of them is taken once, not once for each way that leads to it."""
    names = [f"f{i}" for i in range(9)]
    content = {"__name__": "module_of_a_user"}
    for name in names:
        calls = " + ".join(f"{other}(x)" for other in names)
        exec(f"def {name}(x): return {calls}", content)
    start = time.perf_counter()
    found = fingerprint(content["f0"])
    assert time.perf_counter() - start < 0.5
    exec("def f8(x): return 1", content)
    assert fingerprint(content["f0"]) != found


def test_recursion():
    """Functions that call themselves, by a global or a cell, come to an end."""

    def made(step):
        def down(n):
            return n and down(n - step)

        return down

    assert fingerprint(made(1)) == fingerprint(made(1))
    assert fingerprint(made(1)) != fingerprint(made(2))


def test_set_of_functions_that_name_it():
    """A register of functions that look it up comes to an end."""

    def made(step):
        def function(x):
            return len(register) + step

        register = {function}
        return function

    assert fingerprint(made(1)) == fingerprint(made(1))
    assert fingerprint(made(1)) != fingerprint(made(2))


def test_order_of_keywords():
    """That of a partial function does not matter, what they are does."""
    assert fingerprint(partial(int, a=1, b=2)) == fingerprint(partial(int, b=2, a=1))
    assert fingerprint(partial(int, a=1, b=2)) != fingerprint(partial(int, a=2, b=1))


PRINTED = """
import functools
from skastro.utils import fingerprint

NAMES = {"alpha", "beta", "gamma", "delta"}

class Net:
    names = frozenset(["one", "two", "three"])
    def build(self, x):
        return [y for y in x if y in {"alpha", "beta", "gamma"}] + sorted(NAMES)

def build(x):
    def inner(y):
        return y in {"alpha", "beta", "gamma", "delta"}
    return inner(x)

print(fingerprint(Net, Net(), build, functools.partial(build, b={"x", "y"}, a=1), print, str.upper))
"""


def test_in_other_processes():
    """Sets in functions have another order in each process, and the same fingerprint."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", PRINTED],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt},
        ).stdout
        for salt in ("1", "2", "3")
    }
    assert len(printed) == 1
