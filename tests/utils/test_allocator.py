"""Freed memory that stays with the process."""

import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest

from skastro.utils import keep_freed_memory

ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "MALLOC_ARENA_MAX": "1",
}

PAGE_FAULTS = """
import json, resource, sys, threading
from skastro.utils import keep_freed_memory

def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def measure():
    for i in range(6):
        if i == 1:
            before = page_faults()
        bytearray(80 * 2**20)
    counts.append(page_faults() - before)

took_effect, counts = "call" in sys.argv and keep_freed_memory(), []
for run in (measure, threading.Thread(target=measure)):
    run() if run is measure else (run.start(), run.join())
print(json.dumps([took_effect, counts]))
"""

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def page_faults(*arguments, **environment):
    """What the call returned in a fresh process, and its page faults: main thread, other one."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    plain.pop("GLIBC_TUNABLES", None)
    out = subprocess.run(
        [sys.executable, "-c", PAGE_FAULTS, *arguments],
        env=plain | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(out.stdout)


@pytest.fixture(scope="module")
def given_back():
    """Page faults of a process that gives memory back."""
    took_effect, counts = page_faults()
    assert not took_effect
    return counts


@needs_glibc
@pytest.mark.parametrize(
    ("arguments", "environment"), [(["call"], {}), ([], ENVIRONMENT)], ids=["call", "environment"]
)
def test_pages_stay(arguments, environment, given_back):
    took_effect, kept = page_faults(*arguments, **environment)
    assert took_effect == bool(arguments)
    for n_kept, n_given_back in zip(kept, given_back, strict=True):
        assert n_given_back > 100
        assert n_kept < n_given_back / 20


@pytest.mark.parametrize(
    "library",
    [
        SimpleNamespace(),  # macOS
        SimpleNamespace(mallopt=lambda *_: 1),  # a mallopt of another library than glibc
        TypeError("bad argument type for built-in operation"),  # Windows
        OSError("no such library"),
    ],
)
def test_other_libraries_are_left_alone(library, monkeypatch):
    def load(name):
        if isinstance(library, Exception):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_freed_memory() is False


@pytest.mark.parametrize("refused", [None, -4, -1, -8])
def test_refusal_is_reported(refused, monkeypatch):
    settings = {}

    def mallopt(parameter, value):
        settings[parameter] = value
        return int(parameter != refused)

    library = SimpleNamespace(mallopt=mallopt, gnu_get_libc_version=None)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert keep_freed_memory() is (refused is None)
    if refused is None:
        assert settings == {-4: 0, -1: -1, -8: 1}


FAULTS_OF_FEATURE_MAPS = """
import resource, sys
from skastro.utils import reuse_freed_blocks

if "call" in sys.argv:
    reuse_freed_blocks()
for i in range(6):
    if i == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(8 * 2**20) for _ in range(3)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@needs_glibc
def test_blocks_are_reused():
    """Pages of blocks that are freed and made again are not cleared each time."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    plain.pop("GLIBC_TUNABLES", None)
    faults = [
        int(
            subprocess.run(
                [sys.executable, "-c", FAULTS_OF_FEATURE_MAPS, *argument],
                env=plain,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for argument in ([], ["call"])
    ]
    n_pages = 4 * 3 * 8 * 2**20 // resource.getpagesize()
    assert faults[0] > 0.3 * n_pages
    assert faults[1] < 0.02 * n_pages
