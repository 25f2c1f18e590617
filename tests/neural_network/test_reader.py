"""What is read in a thread ahead of its use: order, bounds, errors and the end of the thread."""

import contextvars
import threading
import time
import weakref

import numpy as np
import pytest

from skastro.neural_network._reader import read_ahead, windows_of

LEVEL = contextvars.ContextVar("LEVEL", default="unset")


def readers():
    """Threads of readers that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == "skastro-reader"]


def until(condition, seconds=5.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


@pytest.fixture(autouse=True)
def _none_left():
    """No test leaves a thread."""
    assert not readers()
    yield
    assert not readers()


@pytest.mark.parametrize("n_ahead", [1, 2, 7, 100])
@pytest.mark.parametrize("n_items", [0, 1, 23])
def test_items_in_their_order(n_items, n_ahead):
    """Every item comes once, made in another thread."""
    makers = set()

    def items():
        for i in range(n_items):
            makers.add(threading.get_ident())
            yield i

    assert list(read_ahead(items(), n_ahead)) == list(range(n_items))
    assert threading.get_ident() not in makers


@pytest.mark.parametrize("n_ahead", [1, 3])
def test_no_farther_ahead_than_allowed(n_ahead):
    """Besides those that wait, one is in the making."""
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    ahead = read_ahead(items(), n_ahead)
    for i in range(5):
        assert next(ahead) == i
        until(lambda i=i: len(made) == i + n_ahead + 2)
        time.sleep(0.02)
        assert len(made) == i + n_ahead + 2
    ahead.close()
    assert len(made) == 4 + n_ahead + 2


@pytest.mark.parametrize("error", [OSError("gone"), KeyError("a"), SystemExit(3), MemoryError()])
def test_errors_come_where_they_belong(error):
    """The items before an error come first, then the very error, and the thread ends."""

    def items():
        yield from range(3)
        raise error

    ahead = read_ahead(items(), 10)
    found = []
    with pytest.raises(type(error)) as raised:
        found += ahead
    assert raised.value is error
    ahead = read_ahead(items(), 10)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)):
        next(ahead)
    assert list(ahead) == []


def test_closing_ends_the_thread_and_frees_what_waits():
    """Neither the items that wait nor what the generator holds outlive the reader."""
    alive, closed = [], []

    def items():
        try:
            while True:
                array = np.zeros(10)
                alive.append(weakref.ref(array))
                yield array
                del array
        finally:
            closed.append(threading.current_thread().name)

    ahead = read_ahead(items(), 3)
    next(ahead)
    until(lambda: len(alive) == 5)
    ahead.close()
    assert closed == ["skastro-reader"]
    assert [ref() for ref in alive] == [None] * 5


def test_an_error_in_the_loop_ends_the_thread():
    """The one who uses the items fails, and keeps nothing."""

    def use():
        for i in read_ahead(iter_forever(), 2):
            if i == 4:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert not readers()


def iter_forever():
    """Numbers without end."""
    i = 0
    while True:
        yield i
        i += 1


def test_an_interrupt_while_waiting(monkeypatch):
    """An interrupt that comes while nothing is there yet ends the thread when it can."""
    wait = threading.Condition.wait
    here = threading.get_ident()

    def interrupted(self, timeout=None):
        if threading.get_ident() == here:
            raise KeyboardInterrupt
        return wait(self, timeout)

    def items():
        yield 0
        time.sleep(0.1)
        yield 1

    ahead = read_ahead(items(), 1)
    assert next(ahead) == 0
    monkeypatch.setattr(threading.Condition, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(ahead)
    monkeypatch.undo()
    assert not readers()


def test_a_thread_that_cannot_start(monkeypatch):
    """The error is that of the system."""

    def start(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        next(read_ahead(iter_forever(), 1))


def test_context_of_the_caller():
    """What is set for the caller, as by numpy.errstate since NumPy 2, holds in the thread too."""

    def items():
        yield LEVEL.get(), np.geterr()["over"]

    token = LEVEL.set("here")
    of_numpy = "raise" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "warn"
    with np.errstate(over="raise"):
        assert list(read_ahead(items(), 1)) == [("here", of_numpy)]
    LEVEL.reset(token)


def test_several_at_once():
    """Readers do not mix their items."""

    def items(name):
        yield from (f"{name}{i}" for i in range(50))

    first, second = read_ahead(items("a"), 4), read_ahead(items("b"), 4)
    pairs = list(zip(first, second, strict=True))
    assert pairs == [(f"a{i}", f"b{i}") for i in range(50)]


@pytest.mark.parametrize(
    ("n_ahead", "n_skipped", "sizes"),
    [
        (1, 0, [1] * 7),
        (3, 0, [3, 3, 1]),
        (3, 2, [1, 3, 1]),
        (3, 3, [3, 1]),
        (9, 5, [2]),
        (3, 7, []),
    ],
)
def test_windows_are_those_of_the_epoch(n_ahead, n_skipped, sizes):
    """An epoch that goes on in its middle reads the rest of a window, then the same ones."""
    batches = [[i, i + 100] for i in range(7)]
    found = list(windows_of(batches, np.array, n_ahead, n_skipped))
    assert [len(window) for window, _ in found] == sizes
    assert [batch for window, _ in found for batch in window] == batches[n_skipped:]
    for window, samples in found:
        np.testing.assert_array_equal(window, samples)
